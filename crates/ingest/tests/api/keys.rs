//! Keys: every call of the description without one, with the wrong scope, and with another tenant's ids.

use ingest::{IngestSettings, key_desk};
use reqwest::Method;
use serde_json::{Value as Json, json};
use testkit::TempDb;

use crate::harness::{Answer, SECRET, TestIngest, answer, assert_problem, disc, form, settings};

pub(crate) const AUTH: &[&str] = &["ingest.auth=true"];
const ALL: &[&str] = &["admin"];

fn desk_settings(temp: &TempDb) -> IngestSettings {
    settings(temp, "127.0.0.1:0", &["ingest.auth=true".to_owned()])
}

/// A key as the command line makes one, before or while the service runs.
pub(crate) async fn key(temp: &TempDb, tenant: &str, scopes: &[&str]) -> String {
    let settings = desk_settings(temp);
    let desk = tokio::task::spawn_blocking(move || key_desk(&settings).unwrap());
    let desk = desk.await.unwrap();
    let scopes: Vec<String> = scopes.iter().map(ToString::to_string).collect();
    let key = desk.create(tenant, "test", &scopes, None).await.unwrap();
    tokio::task::spawn_blocking(move || drop(desk))
        .await
        .unwrap();
    key
}

struct Caller<'i> {
    ingest: &'i TestIngest,
    key: String,
}

impl Caller<'_> {
    async fn ask(&self, method: Method, path: &str, body: Option<Json>) -> Answer {
        let request = self.ingest.request(method, path).bearer_auth(&self.key);
        match body {
            Some(body) => answer(request.json(&body)).await,
            None => answer(request).await,
        }
    }

    async fn ok(&self, method: Method, path: &str, body: Option<Json>) -> Json {
        let (status, answer) = self.ask(method, path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }
}

/// Every call as the service describes it: method, path, the scope it needs.
async fn calls(ingest: &TestIngest) -> Vec<(Method, String, Option<String>)> {
    let description = ingest.ok("/openapi.json").await;
    let mut calls = Vec::new();
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let scope = operation["security"][0]["key"][0].as_str();
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            calls.push((method, path.clone(), scope.map(str::to_owned)));
        }
    }
    assert!(calls.len() > 80, "{} calls", calls.len());
    calls
}

fn with_ids(path: &str, id: &str) -> String {
    path.replace("{id}", id).replace("{type}", "file.processed")
}

#[tokio::test]
async fn every_call_needs_a_key_with_its_scope() {
    let temp = TempDb::sqlite();
    let keys = [
        ("upload", key(&temp, "default", &["upload"]).await),
        ("read", key(&temp, "default", &["read"]).await),
        ("publish", key(&temp, "default", &["publish"]).await),
        ("manage", key(&temp, "default", &["manage"]).await),
    ];
    let ingest = TestIngest::start_with(&temp, AUTH).await;
    for (method, path, scope) in calls(&ingest).await {
        let at = with_ids(&path, "1");
        let (status, body) = answer(ingest.request(method.clone(), &at)).await;
        let Some(scope) = scope else {
            assert_eq!(status, 200, "{method} {path}: {body}");
            continue;
        };
        assert_problem(&(status, body), 401, "unauthorized", "Bearer dw_");
        for (held, key) in &keys {
            let asked = answer(ingest.request(method.clone(), &at).bearer_auth(key)).await;
            let allowed = *held == scope;
            assert_eq!(
                asked.0 != 403,
                allowed,
                "{method} {path} with {held}: {asked:?}"
            );
            assert_ne!(asked.0, 401, "{method} {path} with {held}");
        }
        let wrong = ingest.request(method.clone(), &at).bearer_auth("dw_wrong");
        assert_eq!(answer(wrong).await.0, 401, "{method} {path}");
    }
    ingest.stop().await;
}

/// What tenant B has.
struct Things {
    file: String,
    subscription: String,
    event: String,
    delivery: String,
    replay: String,
    key: String,
    event_type: String,
    version: Json,
}

impl Things {
    async fn make(b: &Caller<'_>) -> Self {
        let upload = b
            .ingest
            .request(Method::POST, "/ingest")
            .bearer_auth(&b.key);
        let uploaded = answer(upload.multipart(form(&[("b.dxf", &disc(7))], &[]))).await;
        assert_eq!(uploaded.0, 200, "{uploaded:?}");
        let base = "/api/v1/webhooks";
        let hook = json!({
            "url": format!("{}/b", b.ingest.endpoint.url()), "events": ["b.happened"], "secret": SECRET,
        });
        let post = Method::POST;
        let hook = b
            .ok(post.clone(), &format!("{base}/subscriptions"), Some(hook))
            .await;
        let own = json!({"type": "b.happened", "description": "B's own"});
        b.ok(post.clone(), &format!("{base}/event-types"), Some(own))
            .await;
        let event = json!({"type": "b.happened", "data": {"id": "1"}});
        let event = b
            .ok(post.clone(), &format!("{base}/events"), Some(event))
            .await;
        assert_eq!(event["deliveries"], 1, "{event}");
        let deliveries = b.ok(Method::GET, &format!("{base}/deliveries"), None).await;
        let replay = json!({"since": "2025-01-01"});
        let replay = b
            .ok(post.clone(), &format!("{base}/replays"), Some(replay))
            .await;
        let more = json!({"name": "more", "scopes": ["read"]});
        let more = b.ok(post, "/api/v1/keys", Some(more)).await;
        let text = |value: &Json| value.as_str().unwrap().to_owned();
        Self {
            file: uploaded.1[0]["ingest_id"].to_string(),
            subscription: text(&hook["id"]),
            event: text(&event["id"]),
            delivery: text(&deliveries["items"][0]["id"]),
            replay: text(&replay["id"]),
            key: more["id"].to_string(),
            event_type: "b.happened".to_owned(),
            version: hook["version"].clone(),
        }
    }

    /// The id that belongs into a path.
    fn id_for(&self, path: &str) -> &str {
        for (part, id) in [
            ("/files/", &self.file),
            ("/ingest/", &self.file),
            ("/extract/", &self.file),
            ("/api/v1/keys/", &self.key),
            ("/event-log/", &self.event),
            ("/replays/", &self.replay),
            ("/webhooks/deliveries/", &self.delivery),
        ] {
            if path.contains(part) {
                return id;
            }
        }
        &self.subscription
    }

    fn path(&self, path: &str) -> String {
        let path = path.replace("{id}", self.id_for(path));
        let path = path.replace("{type}", &self.event_type);
        match path.ends_with("/retry") && !path.contains("/deliveries/") {
            true => format!("{path}?delivery_id={}", self.delivery),
            false => path,
        }
    }
}

/// A body that a call accepts, so that only the id can be refused.
fn body_for(method: &Method, path: &str) -> Option<Json> {
    match (method.as_str(), path) {
        ("PATCH", "/files/{id}") => Some(json!({"material": "MS"})),
        ("PATCH" | "PUT", _) => Some(json!({"description": "mine"})),
        _ => None,
    }
}

async fn nobody_sees_anothers(temp: TempDb) {
    let (a, b) = (key(&temp, "a", ALL).await, key(&temp, "b", ALL).await);
    let ingest = TestIngest::start_with(&temp, AUTH).await;
    let (a, b) = (
        Caller {
            ingest: &ingest,
            key: a,
        },
        Caller {
            ingest: &ingest,
            key: b,
        },
    );
    let things = Things::make(&b).await;
    let calls = calls(&ingest).await;
    let with_id = calls.iter().filter(|(_, path, _)| path.contains('{'));
    for (method, path, _) in with_id {
        let at = things.path(path);
        let (status, body) = a.ask(method.clone(), &at, body_for(method, path)).await;
        assert_eq!(status, 404, "{method} {at}: {body}");
    }
    // Lists hold nothing of another's, and filters by another's ids find nothing.
    for path in [
        "/files",
        "/api/v1/webhooks/subscriptions",
        "/api/v1/webhooks/deliveries",
        "/api/v1/webhooks/event-log",
        "/api/v1/webhooks/replays",
        "/api/v1/tenant/webhooks",
    ] {
        let list = a.ok(Method::GET, path, None).await;
        assert_eq!(list["total"], 0, "{path}: {list}");
        let list = b.ok(Method::GET, path, None).await;
        assert!(list["total"].as_u64() >= Some(1), "{path}: {list}");
    }
    let by = format!("?subscription={}", things.subscription);
    for path in ["deliveries", "reconcile", "dead-letters"] {
        let asked = a
            .ask(Method::GET, &format!("/api/v1/webhooks/{path}{by}"), None)
            .await;
        assert_eq!(asked.0, 404, "{path}: {asked:?}");
    }
    let metrics = ingest.request(Method::GET, "/metrics").bearer_auth(&a.key);
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("webhook_deliveries_total") && !metrics.contains("b.happened"));
    // What was refused has changed nothing, and events carry their tenant.
    let path = format!("/api/v1/webhooks/subscriptions/{}", things.subscription);
    let stored = b.ok(Method::GET, &path, None).await;
    assert_eq!(
        (&stored["version"], &stored["description"]),
        (&things.version, &json!(""))
    );
    let path = format!("/api/v1/webhooks/event-log/{}", things.event);
    assert_eq!(b.ok(Method::GET, &path, None).await["tenant_id"], "b");
    ingest.stop().await;
}

#[tokio::test]
async fn a_tenant_never_sees_what_is_anothers() {
    nobody_sees_anothers(TempDb::sqlite()).await;
}

#[tokio::test]
async fn a_tenant_never_sees_what_is_anothers_on_postgres() {
    nobody_sees_anothers(TempDb::postgres()).await;
}

#[tokio::test]
async fn files_belong_to_their_tenant_and_so_do_their_events() {
    let temp = TempDb::sqlite();
    let (a, b) = (key(&temp, "a", ALL).await, key(&temp, "b", ALL).await);
    let ingest = TestIngest::start_with(&temp, AUTH).await;
    let mut ids = Vec::new();
    for key in [&a, &b] {
        let request = ingest.request(Method::POST, "/ingest").bearer_auth(key);
        let (status, body) = answer(request.multipart(form(&[("same.dxf", &disc(9))], &[]))).await;
        assert_eq!(status, 200, "{body}");
        // The same upload of another tenant is no repetition.
        assert_eq!(
            (&body[0]["duplicate"], &body[0]["duplicate_of"]),
            (&json!(false), &Json::Null)
        );
        ids.push(body[0]["ingest_id"].as_i64().unwrap());
        let log = ingest.request(Method::GET, "/api/v1/webhooks/event-log");
        let (_, log) = answer(log.bearer_auth(key)).await;
        assert_eq!(log["total"], 2, "{log}");
        let tenant = if key == &a { "a" } else { "b" };
        for event in log["items"].as_array().unwrap() {
            assert_eq!(event["tenant_id"], tenant, "{event}");
        }
    }
    assert_ne!(ids[0], ids[1]);
    assert_eq!(ingest.blobs().len(), 1, "bytes are stored once");
    // The subscriber of the default tenant hears nothing of either.
    assert!(ingest.endpoint.requests().is_empty());
    ingest.stop().await;
}

#[tokio::test]
async fn the_first_start_makes_one_key_and_a_revoked_one_opens_nothing() {
    let temp = TempDb::sqlite();
    let settings = desk_settings(&temp);
    let first = ingest::Ingest::start(settings.clone()).await.unwrap();
    let shown = first.first_key().unwrap().to_owned();
    assert!(shown.starts_with("dw_"));
    first.stop(std::time::Duration::from_secs(5)).await;
    let ingest = TestIngest::start_with(&temp, AUTH).await;
    let admin = Caller {
        ingest: &ingest,
        key: shown,
    };
    let made = json!({"name": "reader", "scopes": ["read"]});
    let made = admin.ok(Method::POST, "/api/v1/keys", Some(made)).await;
    let reader = Caller {
        ingest: &ingest,
        key: made["key"].as_str().unwrap().to_owned(),
    };
    reader.ok(Method::GET, "/files", None).await;
    let all = admin.ok(Method::GET, "/api/v1/keys", None).await;
    assert_eq!(all["total"], 2, "{all}");
    assert!(
        !all.to_string().contains(&reader.key),
        "a key is shown once"
    );
    let path = format!("/api/v1/keys/{}", made["id"]);
    admin.ok(Method::DELETE, &path, None).await;
    assert_eq!(reader.ask(Method::GET, "/files", None).await.0, 401);
    // Any host may be asked for: the key is proof enough.
    let named = ingest
        .request(Method::GET, "/files")
        .header("host", "shop.example");
    assert_eq!(answer(named.bearer_auth(&admin.key)).await.0, 200);
    ingest.stop().await;
}

#[tokio::test]
async fn keys_are_made_at_the_desk() {
    let temp = TempDb::sqlite();
    let settings = desk_settings(&temp);
    let desk = tokio::task::spawn_blocking(move || key_desk(&settings).unwrap());
    let desk = desk.await.unwrap();
    let scopes = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    let cases = [
        ("default", "", scopes(&["read"]), None, "--name"),
        ("", "x", scopes(&["read"]), None, "--tenant"),
        ("default", "x", scopes(&["reed"]), None, "reed"),
        ("default", "x", scopes(&[]), None, "at least one"),
        ("default", "x", scopes(&["read"]), Some("soon"), "--expires"),
    ];
    for (tenant, name, scopes, expires, says) in cases {
        let refused = desk.create(tenant, name, &scopes, expires).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }
    let until = Some("2030-01-31");
    let made = desk
        .create("shop", "erp", &scopes(&["upload", "read"]), until)
        .await;
    let listed = desk.list("shop").await.unwrap();
    assert_eq!(listed.len(), 1);
    assert!(made.unwrap().ends_with(&listed[0].hint));
    assert_eq!(listed[0].scopes, "upload read");
    assert_eq!(
        listed[0].expires_at.as_deref(),
        Some("2030-01-31T00:00:00.000Z")
    );
    assert!(
        desk.revoke("default", listed[0].id).await.is_err(),
        "another tenant's"
    );
    desk.revoke("shop", listed[0].id).await.unwrap();
    assert!(desk.list("shop").await.unwrap().is_empty());
    tokio::task::spawn_blocking(move || drop(desk))
        .await
        .unwrap();
}
