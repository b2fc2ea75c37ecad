//! What strangers send that nobody would: characters that no database holds, ends of integers, ids of no shape, methods and
//! content types of another kind. Each is a clear 4xx, and nothing of it is kept by half.

use reqwest::Method;
use serde_json::{Value as Json, json};
use testkit::{Browser, Form, TempDb};

use crate::harness::{PROJECT, TestReceiver, answer, headers};

const END: &str = "9223372036854775807";
const BEYOND: &str = "9223372036854775808";

#[tokio::test]
async fn names_and_ids_of_no_shape_are_not_there() {
    for temp in TempDb::both() {
        let shop = TestReceiver::start(&temp).await;
        shop.make_project().await;
        let long = "x".repeat(10_000);
        for odd in [
            "%00",
            "a%00b",
            "%ff",
            "%F0%9F%98%80",
            "..%2f..",
            END,
            BEYOND,
            "-1",
            &long,
        ] {
            for (method, path) in [
                (Method::GET, "/api/v1/sources/{}"),
                (Method::DELETE, "/api/v1/sources/{}"),
                (Method::POST, "/api/v1/sources/{}/keys"),
                (Method::DELETE, "/api/v1/sources/{}/keys/1"),
                (Method::DELETE, "/api/v1/keys/{}"),
                (Method::GET, "/clients/{}"),
                (Method::DELETE, "/clients/{}"),
                (Method::GET, "/projects/{}"),
                (Method::DELETE, "/projects/{}"),
                (Method::GET, "/projects/{}/parts"),
                (Method::GET, "/projects/{}/job-sheet.pdf"),
                (Method::GET, "/design-files/{}"),
                (Method::DELETE, "/design-files/{}/link"),
                (Method::GET, "/inbox/{}"),
                (Method::POST, "/inbox/{}/reapply"),
                (Method::POST, "/webhooks/{}/event"),
            ] {
                let at = path.replace("{}", odd);
                let asked = shop.request(method.clone(), &at).json(&json!({}));
                let (status, refused) = answer(asked).await;
                let told = (status, &refused["code"]);
                assert_eq!(
                    told,
                    (404, &json!("not_found")),
                    "{method} {path} {odd:.20}"
                );
            }
        }
        shop.stop().await;
    }
}

#[tokio::test]
async fn what_no_database_holds_is_refused_by_its_field() {
    for temp in TempDb::both() {
        let shop = TestReceiver::start(&temp).await;
        shop.make_project().await;
        let (status, refused) = shop.post("/api/v1/sources", &json!({"name": "new"})).await;
        assert_eq!(status, 422, "{refused}");
        let long = "x".repeat(10_000);
        for odd in ["\0", "a\0b", long.as_str()] {
            for (path, field, body) in [
                (
                    "/api/v1/keys",
                    "name",
                    json!({"name": odd, "scopes": ["read"]}),
                ),
                ("/api/v1/sources", "name", json!({"name": odd})),
                ("/clients", "code", json!({"code": odd, "name": "n"})),
                ("/clients", "name", json!({"code": "CL0007", "name": odd})),
                ("/projects", "code", json!({"code": odd})),
                (
                    "/projects",
                    "name",
                    json!({"client_code": "CL0001", "name": odd}),
                ),
                (
                    "/projects",
                    "due_date",
                    json!({"client_code": "CL0001", "due_date": odd}),
                ),
            ] {
                let (status, refused) = shop.post(path, &body).await;
                let at = (status, &refused["errors"][0]["field"]);
                assert_eq!(at, (422, &json!(field)), "{path} {odd:.20?}: {refused}");
            }
        }
        let keys = shop.get("/api/v1/keys").await.1;
        assert_eq!(
            (&keys["total"], shop.items("/clients").await.len()),
            (&json!(0), 1)
        );
        assert_eq!(shop.items("/projects").await.len(), 1);

        // What an event says that cannot be used is told, and kept as far as it can be.
        for (n, odd) in ["\0", "a\0b", long.as_str()].iter().enumerate() {
            for field in ["created_at", "version", "quantity", "ingest_id"] {
                let mut data = json!({"ingest_id": 5});
                data[field] = json!(odd);
                let body = json!({"id": format!("{field}-{n}"), "type": "file.processed",
                    "timestamp": "2025-10-21T10:00:00Z", "data": data});
                let body = body.to_string().into_bytes();
                let (status, refused) = shop.send_raw("open", headers(&[]), body).await;
                let at = (status, &refused["errors"][0]["field"]);
                assert_eq!(at, (422, &json!("data")), "{field}: {refused}");
                assert!(refused.to_string().len() < 2_000, "{refused}");
            }
        }
        assert_eq!(shop.items("/inbox?state=failed").await.len(), 12);
        assert!(shop.items("/design-files").await.is_empty());
        shop.stop().await;
    }
}

#[tokio::test]
async fn pages_bear_offsets_methods_and_forms_of_any_kind() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    shop.make_project().await;
    let browser = Browser::new(&shop);
    for list in [
        "projects",
        "unmatched",
        "design-files",
        "clients",
        "activity",
        "inbox",
    ] {
        let at = format!("/console/{list}");
        for (offset, expected) in [(END, 200), (BEYOND, 422), ("1e3", 422), ("%00", 422)] {
            let page = browser.open(&format!("{at}?offset={offset}")).await;
            assert_eq!(page.status, expected, "{list} {offset}");
        }
        for (method, expected) in [
            (Method::HEAD, 200),
            (Method::OPTIONS, 405),
            (Method::PUT, 405),
            (Method::POST, 405),
        ] {
            let asked = browser.ask(browser.request(method.clone(), &at)).await;
            assert_eq!(asked.status().as_u16(), expected, "{method} {list}");
        }
        assert_eq!(browser.open(&format!("{at}/")).await.status, 200, "{list}/");
    }

    shop.stop().await;
}

/// The form without one of its fields.
fn without(form: &Form, name: &str) -> Form {
    let mut form = form.clone();
    form.fields.retain(|(one, _)| one != name);
    form
}

#[tokio::test]
async fn a_form_with_a_field_missing_or_twice_changes_nothing() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    shop.make_project().await;
    let made = json!({"name": "Stairs", "material": "Brass", "thickness_mm": 2, "notes": "n"});
    let project = format!("/projects/{PROJECT}");
    let changed = answer(shop.request(Method::PATCH, &project).json(&made)).await;
    assert_eq!(changed.0, 200, "{}", changed.1);
    let source = shop
        .post("/api/v1/sources", &json!({"name": "floor"}))
        .await;
    assert_eq!(source.0, 201);
    let before: Vec<Json> = told(&shop).await;

    let browser = Browser::new(&shop);
    for (page, action) in [
        (format!("/console{project}"), format!("/console{project}")),
        (
            format!("/console{project}"),
            format!("/console{project}/status"),
        ),
        (
            format!("/console{project}"),
            format!("/console{project}/delete"),
        ),
        (
            "/console/clients/CL0001".to_owned(),
            "/console/clients/CL0001".to_owned(),
        ),
        (
            "/console/sources/floor".to_owned(),
            "/console/sources/floor/keys".to_owned(),
        ),
        (
            "/console/sources/floor/edit".to_owned(),
            "/console/sources/floor/edit".to_owned(),
        ),
    ] {
        let form = browser.open(&page).await.form(&action);
        assert!(form.fields.len() > 1, "{action}");
        for (name, value) in &form.fields {
            let expected = if name == "csrf" { 403 } else { 422 };
            let page = browser.send(&without(&form, name), &[]).await;
            assert_eq!(page.status, expected, "{action} without {name}");
            if name == "csrf" {
                continue;
            }
            let mut twice = form.clone();
            twice.fields.push((name.clone(), value.clone()));
            let page = browser.send(&twice, &[]).await;
            assert_eq!(page.status, 422, "{action} with {name} twice");
        }
        let mut more = form.clone();
        more.fields.push(("colour".to_owned(), "red".to_owned()));
        assert_eq!(browser.send(&more, &[]).await.status, 422, "{action}");
        for kind in ["application/json", "text/plain", "multipart/form-data", "x"] {
            let request = browser.posting(&action, &form.fields).build().unwrap();
            let body = request.body().unwrap().as_bytes().unwrap().to_vec();
            let asked = browser.request(Method::POST, &action);
            let asked = asked.header("content-type", kind).body(body);
            let status = browser.ask(asked).await.status().as_u16();
            assert_eq!(status, 415, "{action} as {kind}");
        }
    }
    assert_eq!(told(&shop).await, before);
    shop.stop().await;
}

async fn told(shop: &TestReceiver) -> Vec<Json> {
    let mut told = Vec::new();
    for path in ["/projects", "/clients", "/api/v1/sources", "/activity"] {
        told.push(shop.get(path).await.1);
    }
    told
}
