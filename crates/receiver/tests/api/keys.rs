//! Keys: every call of the description without one, with the wrong scope, and with another tenant's ids.

use access::{NewKey, Scope};
use contract::FileEventKind;
use reqwest::Method;
use serde_json::{Value as Json, json};
use testkit::TempDb;

use crate::harness::{Answer, PROJECT, SECRET, TestReceiver, answer, event, snapshot};

pub(crate) const AUTH: &[&str] = &[
    "receiver.auth=true",
    "sources.b-shop.tenant=b",
    "sources.b-shop.secrets=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
];

pub(crate) async fn key(shop: &TestReceiver, tenant: &str, scope: Scope) -> String {
    let tenant = shop.keys.tenant(tenant).await.unwrap();
    let new = NewKey {
        name: "test".to_owned(),
        scopes: [scope].into_iter().collect(),
        expires_at_ms: None,
    };
    let made = shop.keys.create(tenant, new).await.unwrap();
    made.text.expose().to_owned()
}

pub(crate) struct Caller<'s> {
    pub(crate) shop: &'s TestReceiver,
    pub(crate) key: String,
}

impl Caller<'_> {
    async fn ask(&self, method: Method, path: &str, body: Option<Json>) -> Answer {
        let request = self.shop.request(method, path).bearer_auth(&self.key);
        match body {
            Some(body) => answer(request.json(&body)).await,
            None => answer(request).await,
        }
    }

    pub(crate) async fn ok(&self, method: Method, path: &str, body: Option<Json>) -> Json {
        let (status, answer) = self.ask(method, path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }
}

/// A call: method, path, scope, the schema of its body.
type Described = (Method, String, Option<String>, Option<String>);

/// Every call as the service describes it.
async fn calls(shop: &TestReceiver) -> Vec<Described> {
    let (_, description) = shop.get("/openapi.json").await;
    let mut calls = Vec::new();
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let scope = operation["security"][0]["key"][0].as_str();
            let takes = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            let takes = takes
                .as_str()
                .map(|name| name.rsplit('/').next().unwrap().to_owned());
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            calls.push((method, path.clone(), scope.map(str::to_owned), takes));
        }
    }
    assert!(calls.len() > 40, "{} calls", calls.len());
    calls
}

fn is_text(path: &str) -> bool {
    path.ends_with(".csv") || ["/docs", "/metrics"].contains(&path)
}

async fn status(request: reqwest::RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn every_call_needs_a_key_with_its_scope() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start_with(&temp, AUTH).await;
    let first = shop.first_key.clone().unwrap();
    let admin = Caller {
        shop: &shop,
        key: first,
    };
    assert_eq!(admin.ok(Method::GET, "/clients", None).await["total"], 0);
    let mut keys = Vec::new();
    for scope in [Scope::Upload, Scope::Read, Scope::Publish, Scope::Manage] {
        keys.push((scope.name(), key(&shop, "default", scope).await));
    }
    for (method, path, scope, _) in calls(&shop).await {
        if path.ends_with("/event") {
            continue;
        }
        let at = path
            .replace("{id}", "1")
            .replace("{code}", "CL0001")
            .replace("{source}", "shop")
            .replace("{name}", "x");
        let bare = status(shop.request(method.clone(), &at)).await;
        let Some(scope) = scope else {
            assert_eq!(bare, 200, "{method} {path}");
            continue;
        };
        assert_eq!(bare, 401, "{method} {path}");
        for (held, key) in &keys {
            let asked = status(shop.request(method.clone(), &at).bearer_auth(key)).await;
            assert_eq!(
                asked != 403,
                *held == scope,
                "{method} {path} with {held}: {asked}"
            );
            assert_ne!(asked, 401, "{method} {path} with {held}");
        }
        let wrong = shop.request(method.clone(), &at).bearer_auth("dw_wrong");
        assert_eq!(status(wrong).await, 401, "{method} {path}");
    }
    shop.stop().await;
    // The second start makes no other first key.
    let again = TestReceiver::start_with(&temp, AUTH).await;
    assert_eq!(again.first_key, None);
    again.stop().await;
}

/// What a body of this schema may look like.
fn body(schema: &str) -> Json {
    match schema {
        "Client" => json!({"code": "CL0009", "name": "n"}),
        "Project" => json!({"client_code": "CL0001"}),
        "NewSource" => json!({"name": "fresh"}),
        "SourceChange" => json!({"options": {}}),
        "Link" => json!({"project_code": PROJECT}),
        "NewKey" => json!({"name": "n", "scopes": ["read"]}),
        "Reconcile" => json!({"source": "b-api"}),
        _ => json!({}),
    }
}

/// Ids and codes of what tenant B has.
pub(crate) struct Things {
    file: String,
    inbox: String,
    key: String,
    source_key: String,
}

impl Things {
    /// One of everything.
    pub(crate) async fn make(b: &Caller<'_>) -> Self {
        let (get, post) = (Method::GET, Method::POST);
        let client = json!({"code": "CL0001", "name": "Theirs"});
        b.ok(post.clone(), "/clients", Some(client)).await;
        let project = json!({"code": PROJECT});
        b.ok(post.clone(), "/projects", Some(project)).await;
        let source = json!({"name": "b-api", "secret": SECRET});
        let source = b.ok(post, "/api/v1/sources", Some(source)).await;
        let processed = event(FileEventKind::Processed, 2, &snapshot(5));
        for source in ["b-shop", "b-api"] {
            let (status, told) = b.shop.send(source, &processed).await;
            assert_eq!(status, 200, "{told}");
        }
        let first = async |path: &str| {
            let list = b.ok(get.clone(), path, None).await;
            list["items"][0]["id"].to_string()
        };
        Self {
            file: first("/design-files").await,
            inbox: first("/inbox").await,
            key: first("/api/v1/keys").await,
            source_key: source["keys"][0]["id"].to_string(),
        }
    }

    /// A path of the description with B's ids in it.
    pub(crate) fn path(&self, path: &str) -> String {
        let id = match path {
            path if path.contains("/design-files") => &self.file,
            path if path.contains("/inbox") => &self.inbox,
            path if path.contains("/api/v1/keys") || path.contains("/settings") => &self.key,
            _ => &self.source_key,
        };
        let code = match path.contains("/clients") {
            true => "CL0001",
            false => PROJECT,
        };
        path.replace("{id}", id)
            .replace("{code}", code)
            .replace("{name}", "b-api")
            .replace("{source}", "b-shop")
    }
}

#[tokio::test]
async fn another_tenant_s_things_do_not_exist() {
    for temp in TempDb::both() {
        let shop = TestReceiver::start_with(&temp, AUTH).await;
        let a = Caller {
            shop: &shop,
            key: shop.first_key.clone().unwrap(),
        };
        let b = Caller {
            shop: &shop,
            key: key(&shop, "b", Scope::Admin).await,
        };
        let things = Things::make(&b).await;
        for (method, path, scope, takes) in calls(&shop).await {
            if scope.is_none() || !path.contains('{') {
                continue;
            }
            let at = things.path(&path);
            let mut request = shop.request(method.clone(), &at).bearer_auth(&a.key);
            if let Some(schema) = &takes {
                request = request.json(&body(schema));
            }
            assert_eq!(status(request).await, 404, "{method} {at}");
            if method == Method::GET {
                let own = shop.request(method.clone(), &at).bearer_auth(&b.key);
                assert_eq!(status(own).await, 200, "{method} {at}");
            }
        }
        for (method, path, scope, _) in calls(&shop).await {
            let is_list = method == Method::GET && scope.is_some() && !path.contains('{');
            if !is_list || is_text(&path) {
                continue;
            }
            let list = a.ok(method, &path, None).await;
            for item in list["items"].as_array().into_iter().flatten() {
                assert!(!item.to_string().contains("b-api"), "{path}: {item}");
                assert!(!item.to_string().contains(PROJECT), "{path}: {item}");
            }
        }
        // A name is public: it can be taken, but says nothing of who has it.
        let taken = json!({"name": "b-api"});
        let taken = a.ask(Method::POST, "/api/v1/sources", Some(taken)).await;
        assert_eq!(taken.0, 409);
        assert_eq!(b.ok(Method::GET, "/inbox", None).await["total"], 2);
        let metrics = shop.request(Method::GET, "/metrics").bearer_auth(&b.key);
        let metrics = metrics.send().await.unwrap().text().await.unwrap();
        assert!(metrics.contains("b-api"), "{metrics}");
        assert!(!metrics.contains("requests_total"), "{metrics}");
        shop.stop().await;
    }
}
