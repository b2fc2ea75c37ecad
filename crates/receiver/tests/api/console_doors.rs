//! Every page and form of the console's own table: without a session, with a key that does not allow it, without a form's
//! token, and with another tenant's ids.

use access::Scope;
use reqwest::Method;
use testkit::{Base, Browser, Form, TempDb};

use crate::harness::{PROJECT, TestReceiver, event, snapshot};
use crate::keys::{AUTH, Caller, Things, key};

impl From<&TestReceiver> for Base {
    fn from(shop: &TestReceiver) -> Self {
        Self(shop.base.clone())
    }
}

/// The token of a browser's forms.
async fn token(browser: &Browser) -> String {
    let form = browser.open("/console").await.form("/console/sign-out");
    form.fields[0].1.clone()
}

const PROJECT_FIELDS: [(&str, &str); 6] = [
    ("name", "n"),
    ("due_date", ""),
    ("material", ""),
    ("thickness_mm", ""),
    ("notes", ""),
    ("tag", "\"1\""),
];
const CLIENT_FIELDS: [(&str, &str); 5] = [
    ("name", "n"),
    ("email", ""),
    ("phone", ""),
    ("notes", ""),
    ("tag", "\"1\""),
];
const SOURCE_FIELDS: [(&str, &str); 6] = [
    ("name", "fresh"),
    ("profile", "standard"),
    ("unknown_project", "keep"),
    ("allow_networks", ""),
    ("secret", ""),
    ("public_key", ""),
];

/// What a form of this path holds when a person sends it.
fn fields(path: &str) -> Vec<(&'static str, &'static str)> {
    match path {
        "/console/seen" => vec![("next", "/console/projects")],
        "/console/projects/new" => [&[("client_code", "CL0001")], &PROJECT_FIELDS[..]].concat(),
        "/console/clients/new" => [&[("code", "CL0009")], &CLIENT_FIELDS[..]].concat(),
        "/console/sources/new" => SOURCE_FIELDS.to_vec(),
        "/console/settings/keys" => vec![("name", "n"), ("scope", "read")],
        path if path.ends_with("/status") => vec![("status", "Approved"), ("tag", "\"1\"")],
        path if path.ends_with("/link") => vec![("project_code", PROJECT)],
        path if path.ends_with("/keys") => vec![
            ("secret", ""),
            ("public_key", ""),
            ("not_before", ""),
            ("not_after", ""),
        ],
        path if path.contains("/keys/") => vec![],
        path if path.ends_with("/edit") => vec![
            ("profile", "standard"),
            ("unknown_project", "keep"),
            ("allow_networks", ""),
            ("tolerance_seconds", "60"),
            ("body_bytes_max", ""),
            ("tag", "\"1\""),
        ],
        path if path.ends_with("/delete") => vec![("tag", "\"1\"")],
        path if path.ends_with("clients/{code}") => CLIENT_FIELDS.to_vec(),
        path if path.ends_with("projects/{code}") => PROJECT_FIELDS.to_vec(),
        _ => vec![],
    }
}

/// The status of a page, or of a form that is sent with this token.
async fn asked(browser: &Browser, at: &str, form: Option<(&str, &str)>) -> (u16, String) {
    let request = match form {
        None => browser.request(Method::GET, at),
        Some((token, path)) => {
            let held = std::iter::once(("csrf", token)).chain(fields(path));
            let held = held.map(|(name, value)| (name.to_owned(), value.to_owned()));
            browser.posting(at, &held.collect::<Vec<_>>())
        }
    };
    let answer = browser.ask(request).await;
    let status = answer.status().as_u16();
    let is_stream = answer
        .headers()
        .get("content-type")
        .is_some_and(|kind| kind == "text/event-stream");
    let html = match is_stream {
        true => String::new(),
        false => String::from_utf8_lossy(&answer.bytes().await.unwrap()).into_owned(),
    };
    (status, html)
}

#[tokio::test]
async fn every_page_asks_for_a_session_and_every_form_for_its_token() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start_with(&temp, AUTH).await;
    let admin = shop.first_key.clone().unwrap();
    let b = Caller {
        shop: &shop,
        key: key(&shop, "b", Scope::Admin).await,
    };
    let things = Things::make(&b).await;
    let owner = Browser::with_key(&shop, &b.key).await;
    let stranger = Browser::new(&shop);
    let foreign_token = token(&Browser::with_key(&shop, &admin).await).await;
    let mut limited = Vec::new();
    for scope in [Scope::Upload, Scope::Read, Scope::Publish, Scope::Manage] {
        let key = key(&shop, "b", scope).await;
        let browser = Browser::new(&shop);
        let form = browser
            .open("/console/sign-in")
            .await
            .form("/console/sign-in");
        browser.send(&form, &[("key", &key)]).await;
        limited.push((scope, browser, form.fields[0].1.clone()));
    }
    let pages = receiver::pages();
    assert!(pages.len() > 45, "{}", pages.len());
    for (path, scope, is_form) in pages {
        let at = things.path(path);
        let (status, _) = asked(&stranger, &at, is_form.then_some(("x", path))).await;
        assert_eq!(status, 303, "{at} without a session");
        if is_form {
            for token in ["", "x", foreign_token.as_str()] {
                let (status, html) = asked(&owner, &at, Some((token, path))).await;
                assert_eq!(status, 403, "{at} with the token {token:?}");
                assert!(
                    html.contains("not from a page of this session"),
                    "{at}: {html}"
                );
            }
        }
        for (held, browser, _) in &limited {
            let allowed = *held == scope;
            // Forms with a token that does not hold: none of them is done here.
            let (status, html) = asked(browser, &at, is_form.then_some(("x", path))).await;
            let lacks = html.contains("this needs the scope");
            assert_eq!(
                (status == 403 && lacks),
                !allowed,
                "{at} with {held:?}: {status}"
            );
        }
    }
    let projects = b.ok(Method::GET, "/projects", None).await;
    assert_eq!(
        projects["items"][0]["status"], "Request",
        "nothing was done"
    );
    shop.stop().await;
}

#[tokio::test]
async fn another_tenants_things_are_on_no_page() {
    for temp in TempDb::both() {
        let shop = TestReceiver::start_with(&temp, AUTH).await;
        let admin = shop.first_key.clone().unwrap();
        let b = Caller {
            shop: &shop,
            key: key(&shop, "b", Scope::Admin).await,
        };
        let things = Things::make(&b).await;
        let a = Browser::with_key(&shop, &admin).await;
        let own = Browser::with_key(&shop, &b.key).await;
        let token = token(&a).await;
        for (path, _, is_form) in receiver::pages() {
            let at = things.path(path);
            let (status, html) = asked(&a, &at, is_form.then_some((&token, path))).await;
            // The whole configuration is there, for the operator.
            let tells = html.contains("b-api") || html.contains("bracket");
            assert!(!tells || at == "/console/settings", "{at}: {html}");
            if path.contains('{') {
                assert_eq!(status, 404, "{at}");
            }
            if !is_form && path != "/console/live" {
                let (status, _) = asked(&own, &at, None).await;
                assert_eq!(status, 200, "{at}");
            }
        }
        let theirs = b.ok(Method::GET, "/projects", None).await;
        assert_eq!(theirs["total"], 1);
        assert_eq!(theirs["items"][0]["status"], "Request");
        shop.stop().await;
    }
}

#[tokio::test]
async fn a_reading_key_sees_all_pages_and_no_buttons() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start_with(&temp, AUTH).await;
    let admin = Caller {
        shop: &shop,
        key: shop.first_key.clone().unwrap(),
    };
    admin
        .ok(
            Method::POST,
            "/clients",
            Some(serde_json::json!({"code": "CL0001", "name": "Acme"})),
        )
        .await;
    admin
        .ok(
            Method::POST,
            "/projects",
            Some(serde_json::json!({"code": PROJECT})),
        )
        .await;
    for (id, code) in [
        (1, Some(PROJECT)),
        (2, None),
        (3, Some("JB-2025-10-CL0001-009")),
    ] {
        let file = contract::FileSnapshot {
            project_code: code.map(str::to_owned),
            original_filename: Some("0001-plate.dxf".to_owned()),
            ..snapshot(id)
        };
        shop.send("shop", &event(contract::FileEventKind::Processed, 1, &file))
            .await;
    }
    let reader = Browser::with_key(&shop, &key(&shop, "default", Scope::Read).await).await;
    let pages = reader.every_page().await;
    assert!(pages.len() > 25, "{pages:?}");
    for path in pages {
        let page = reader.open(&path).await;
        let forms = page.texts(
            "form[method=post]:not([action='/console/sign-out']):not([action='/console/seen'])",
        );
        assert!(forms.is_empty(), "{path} offers what is refused: {forms:?}");
    }
    let page = reader.open(&format!("/console/projects/{PROJECT}")).await;
    page.assert_says("first (key 1)");
    let form = Form {
        action: "/console/clients/CL0001/delete".to_owned(),
        fields: vec![
            ("csrf".to_owned(), token(&reader).await),
            ("tag".to_owned(), "*".to_owned()),
        ],
    };
    let page = reader.send(&form, &[]).await;
    assert_eq!(page.status, 403);
    page.assert_says("this needs the scope manage");
    shop.stop().await;
}
