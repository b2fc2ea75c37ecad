//! A person before a browser without scripts: keeps cookies, follows links and sends forms as pages have them. Every page
//! that it gets must be well-formed, carry the policy, and hold nothing that the policy forbids.

#![expect(
    clippy::unwrap_used,
    reason = "a page that is not as expected fails the test"
)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Method, RequestBuilder, Response, multipart};
use scraper::{ElementRef, Html, Selector};

/// What a page may load and run: nothing but our own.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// More pages than any test makes.
const PAGES_MAX: usize = 400;

/// A browser at one service.
pub struct Browser {
    base: String,
    http: reqwest::Client,
    cookies: RefCell<BTreeMap<String, String>>,
}

/// The address of a service, without a slash at the end.
#[derive(Debug, Clone)]
pub struct Base(pub String);

/// A page as it was loaded.
pub struct Page {
    pub status: u16,
    pub path: String,
    pub html: String,
}

pub fn selector(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}

impl Browser {
    /// Of the service at this address.
    pub fn new(at: impl Into<Base>) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Self {
            base: at.into().0,
            http: http.build().unwrap(),
            cookies: RefCell::default(),
        }
    }

    /// A browser that has signed in.
    pub async fn with_key(at: impl Into<Base>, key: &str) -> Self {
        let browser = Self::new(at);
        let page = browser.sign_in(key).await;
        assert_eq!((page.status, page.path.as_str()), (200, "/console"));
        browser
    }

    /// Fills the key into the page's own form.
    pub async fn sign_in(&self, key: &str) -> Page {
        let page = self.open("/console/sign-in").await;
        let form = page.form("/console/sign-in");
        self.send(&form, &[("key", key)]).await
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let cookies = self.cookies.borrow();
        let cookies = cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let cookies: Vec<String> = cookies.collect();
        let request = self.http.request(method, format!("{}{path}", self.base));
        request.header(COOKIE, cookies.join("; "))
    }

    /// The bare answer, whose cookies are kept.
    pub async fn ask(&self, request: RequestBuilder) -> Response {
        let answer = request.send().await.unwrap();
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (pair, attributes) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            assert!(attributes.contains("HttpOnly") && attributes.contains("SameSite=Lax"));
            let mut cookies = self.cookies.borrow_mut();
            match attributes.contains("Max-Age=0") {
                true => drop(cookies.remove(name)),
                false => drop(cookies.insert(name.to_owned(), value.to_owned())),
            }
        }
        answer
    }

    /// A page, with the pages that it leads on to.
    pub async fn open(&self, path: &str) -> Page {
        let mut path = path.to_owned();
        for _ in 0..5 {
            let answer = self.ask(self.request(Method::GET, &path)).await;
            match answer.status().as_u16() {
                303 => path = location(&answer),
                _ => return Page::of(path, answer).await,
            }
        }
        unreachable!("{path} leads nowhere");
    }

    /// Sends a form with some of its fields filled in, and opens where it leads.
    pub async fn send(&self, form: &Form, filled: &[(&str, &str)]) -> Page {
        let mut fields = form.fields.clone();
        for (name, value) in filled {
            fields.retain(|(known, _)| known != name);
            fields.push(((*name).to_owned(), (*value).to_owned()));
        }
        let request = self.posting(&form.action, &fields);
        self.led(&form.action, request).await
    }

    /// A form's request.
    pub fn posting(&self, action: &str, fields: &[(String, String)]) -> RequestBuilder {
        let request = self.request(Method::POST, action);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(urlencoded(fields))
    }

    /// Sends an upload's form with these files.
    pub async fn upload(&self, form: &Form, files: &[(&str, &[u8])]) -> Page {
        let body = form
            .fields
            .iter()
            .fold(multipart::Form::new(), |body, field| {
                body.text(field.0.clone(), field.1.clone())
            });
        let body = files.iter().fold(body, |body, (name, bytes)| {
            let part = multipart::Part::bytes(bytes.to_vec()).file_name((*name).to_owned());
            body.part("files", part)
        });
        let request = self.request(Method::POST, &form.action);
        self.led(&form.action, request.multipart(body)).await
    }

    /// Every page that can be reached from the first one; what links lead to must be there.
    pub async fn every_page(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut next = vec!["/console".to_owned()];
        while let Some(path) = next.pop() {
            if !path.starts_with("/console") || !found.insert(path.clone()) {
                continue;
            }
            assert!(found.len() < PAGES_MAX, "pages without end: {path}");
            let answer = self.ask(self.request(Method::GET, &path)).await;
            assert_eq!(answer.status(), 200, "{path}");
            let kind = answer.headers()["content-type"].to_str().unwrap();
            if !kind.starts_with("text/html") {
                found.remove(&path);
                continue;
            }
            let links = self.open(&path).await.links().into_iter();
            next.extend(links.filter(|link| !found.contains(link)));
        }
        found
    }

    async fn led(&self, action: &str, request: RequestBuilder) -> Page {
        let answer = self.ask(request).await;
        match answer.status().as_u16() {
            303 => self.open(&location(&answer)).await,
            _ => Page::of(action.to_owned(), answer).await,
        }
    }
}

fn location(answer: &Response) -> String {
    answer.headers()[LOCATION].to_str().unwrap().to_owned()
}

fn urlencoded(fields: &[(String, String)]) -> String {
    let escaped = |text: &str| {
        let bytes = text.bytes().map(|byte| match byte {
            b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        });
        bytes.collect::<String>()
    };
    let pairs = fields
        .iter()
        .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// A form of a page with what its fields hold.
#[derive(Debug, Clone)]
pub struct Form {
    pub action: String,
    pub fields: Vec<(String, String)>,
}

impl Page {
    async fn of(path: String, answer: Response) -> Self {
        let status = answer.status().as_u16();
        let header = |name: &str| {
            answer
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        let kind = header("content-type").unwrap_or_default();
        assert!(kind.starts_with("text/html"), "{path}: {status} {kind}");
        assert_eq!(
            header("content-security-policy").as_deref(),
            Some(POLICY),
            "{path}"
        );
        assert_eq!(
            header("cache-control").as_deref(),
            Some("no-store"),
            "{path}"
        );
        let html = answer.text().await.unwrap();
        let page = Self { status, path, html };
        page.assert_well_formed();
        page
    }

    fn assert_well_formed(&self) {
        let html = self.parsed();
        assert!(
            html.errors.is_empty(),
            "{}: {:?}\n{}",
            self.path,
            html.errors,
            self.html
        );
        assert_eq!(
            html.select(&selector("h1")).count(),
            1,
            "{}: one heading",
            self.path
        );
        for forbidden in [
            "script:not([src])",
            "style",
            "[style]",
            "[onclick]",
            "[onload]",
            "a[href^='javascript']",
            "base",
        ] {
            assert_eq!(
                html.select(&selector(forbidden)).count(),
                0,
                "{}: {forbidden}",
                self.path
            );
        }
        let mut ids: Vec<&str> = html
            .select(&selector("[id]"))
            .filter_map(|e| e.attr("id"))
            .collect();
        ids.sort_unstable();
        let count = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), count, "{}: an id stands twice", self.path);
        for field in html.select(&selector("input:not([type=hidden]), select, textarea")) {
            let id = field.attr("id").unwrap_or("-");
            let labelled = html.select(&selector("label")).any(|label| {
                label.attr("for") == Some(id)
                    || label.select(&selector("input")).next() == Some(field)
            });
            assert!(
                labelled || field.attr("aria-label").is_some(),
                "{}: no label: {}",
                self.path,
                field.html()
            );
        }
        for form in html.select(&selector("form[method=post]")) {
            let first = form
                .select(&selector("input"))
                .next()
                .and_then(|input| input.attr("name"));
            assert_eq!(first, Some("csrf"), "{}: a form without a token", self.path);
        }
    }

    pub fn parsed(&self) -> Html {
        Html::parse_document(&self.html)
    }

    /// All words of the page's content, blanks drawn together.
    pub fn text(&self) -> String {
        let html = self.parsed();
        let main = html.select(&selector("main")).next().unwrap();
        let words = main.text().flat_map(str::split_whitespace);
        words.collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    pub fn assert_says(&self, words: &str) {
        assert!(
            self.text().contains(words),
            "{} does not say {words:?}: {}",
            self.path,
            self.text()
        );
    }

    /// Whether something on it matches.
    pub fn has(&self, matching: &str) -> bool {
        self.parsed().select(&selector(matching)).next().is_some()
    }

    /// The words of everything that matches.
    pub fn texts(&self, matching: &str) -> Vec<String> {
        let (html, matching) = (self.parsed(), selector(matching));
        let found = html.select(&matching);
        found.map(|element| element.text().collect()).collect()
    }

    /// The first form that is posted to `action`.
    #[track_caller]
    pub fn form(&self, action: &str) -> Form {
        let html = self.parsed();
        let form = html
            .select(&selector("form[method=post]"))
            .find(|form| form.attr("action") == Some(action));
        let form = form.unwrap_or_else(|| unreachable!("{} has no form to {action}", self.path));
        Form {
            action: action.to_owned(),
            fields: form
                .select(&selector("input, select, textarea"))
                .filter_map(held)
                .collect(),
        }
    }

    /// Addresses that its links and pictures lead to, within this service.
    pub fn links(&self) -> Vec<String> {
        let html = self.parsed();
        let ends = [
            ("a[href]", "href"),
            ("img[src]", "src"),
            ("link[href]", "href"),
            ("script[src]", "src"),
            ("[hx-get]", "hx-get"),
        ];
        let mut links: Vec<String> = Vec::new();
        for (matching, attribute) in ends {
            let matching = selector(matching);
            let found = html.select(&matching);
            let found = found.filter_map(|element| element.attr(attribute));
            links.extend(
                found
                    .filter(|link| link.starts_with('/'))
                    .map(str::to_owned),
            );
        }
        links
    }
}

/// What a form sends of a field; buttons and unticked boxes send nothing.
fn held(field: ElementRef<'_>) -> Option<(String, String)> {
    let name = field.attr("name")?.to_owned();
    let value = match (field.value().name(), field.attr("type")) {
        ("input", Some("file")) => return None,
        ("input", Some("checkbox" | "radio")) => {
            field.attr("checked")?;
            field.attr("value").unwrap_or("on").to_owned()
        }
        ("input", _) => field.attr("value").unwrap_or_default().to_owned(),
        ("textarea", _) => field.text().collect(),
        _ => {
            let chosen = field.select(&selector("option[selected]")).next();
            let chosen = chosen.or_else(|| field.select(&selector("option")).next())?;
            let text: String = chosen.text().collect();
            chosen.attr("value").map_or(text, str::to_owned)
        }
    };
    Some((name, value))
}
