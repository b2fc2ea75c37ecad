//! Keys from the request's side: made, used, refused, revoked, on both databases.

use std::sync::Arc;

use access::{Caller, KeyText, Keys, NewKey, Scope, allow};
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
use actix_web::web::{self, Data};
use actix_web::{HttpResponse, rt};
use db::{Database, EmbeddedMigrations, Migrations, Writer, WriterSettings, embed_migrations};
use serde_json::{Value, json};
use service::BodyLimits;
use testkit::{ManualClock, TempDb};

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/receiver/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/receiver/postgres");
const START_MS: i64 = 1_700_000_000_000;

struct House {
    keys: Keys,
    writer: Writer,
    database: Database,
    clock: Arc<ManualClock>,
    _temp: TempDb,
}

fn house(temp: TempDb, auth: bool) -> House {
    let migrations = Migrations {
        sqlite: SQLITE,
        postgres: POSTGRES,
    };
    let database = Database::open(temp.settings(), migrations).expect("a database");
    let writer = Writer::start(&database, WriterSettings::default()).expect("a writer");
    let clock = Arc::new(ManualClock::at(START_MS));
    let keys = Keys::open(&database, &writer, clock.clone(), auth).expect("its keys");
    House {
        keys,
        writer,
        database,
        clock,
        _temp: temp,
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.writer.stop();
    }
}

async fn whoami(caller: Caller) -> HttpResponse {
    HttpResponse::Ok().json(json!({"tenant": &*caller.tenant, "id": caller.tenant_id}))
}

/// One request against an application with a route for readers, one for publishers and the routes of keys.
async fn ask(house: &House, request: TestRequest, key: Option<&str>) -> (StatusCode, Value) {
    let keys = house.keys.clone();
    let app = service::app(
        move |routes: &mut web::ServiceConfig| {
            routes
                .app_data(keys.gate())
                .app_data(Data::new(keys.clone()))
                .service(
                    web::resource("/read").route(allow(Scope::Read, service::get().to(whoami))),
                )
                .service(
                    web::resource("/publish").route(allow(Scope::Publish, web::post().to(whoami))),
                );
            access::routes(routes);
        },
        BodyLimits::default(),
    );
    let app = init_service(app).await;
    let request = match key {
        Some(key) => request.insert_header(("authorization", format!("Bearer {key}"))),
        None => request,
    };
    let response = call_service(&app, request.to_request()).await;
    let status = response.status();
    let challenged = response.headers().contains_key("www-authenticate");
    assert_eq!(challenged, status == StatusCode::UNAUTHORIZED);
    let body = match status {
        StatusCode::NO_CONTENT => Value::Null,
        _ => read_body_json(response).await,
    };
    (status, body)
}

async fn create(house: &House, admin: &str, body: Value) -> (StatusCode, Value) {
    let request = TestRequest::post().uri("/api/v1/keys").set_json(body);
    ask(house, request, Some(admin)).await
}

async fn status(house: &House, path: &str, key: Option<&str>) -> u16 {
    let request = match path {
        "/publish" => TestRequest::post(),
        _ => TestRequest::get(),
    };
    ask(house, request.uri(path), key).await.0.as_u16()
}

#[test]
fn a_key_opens_what_its_scopes_say_until_it_is_revoked_or_expires() {
    for temp in TempDb::both() {
        let house = house(temp, true);
        rt::System::new().block_on(async {
            let admin = house.keys.first().await.unwrap().expect("the first key");
            let admin = admin.text.expose();
            assert!(house.keys.first().await.unwrap().is_none(), "only once");
            assert_eq!(status(&house, "/read", None).await, 401);
            assert_eq!(status(&house, "/read", Some("dw_guess")).await, 401);
            assert_eq!(status(&house, "/publish", Some(admin)).await, 200);

            let reader = json!({"name": "screen", "scopes": ["read"],
                "expires_at": "2023-11-14T23:13:20Z"});
            let (made, reader) = create(&house, admin, reader).await;
            assert_eq!(made, StatusCode::CREATED, "{reader}");
            let (text, id) = (reader["key"].as_str().unwrap(), &reader["id"]);
            assert_eq!(status(&house, "/read", Some(text)).await, 200);
            assert_eq!(status(&house, "/publish", Some(text)).await, 403);
            assert_eq!(status(&house, "/api/v1/keys", Some(text)).await, 403);

            let list = TestRequest::get().uri("/api/v1/keys");
            let (_, listed) = ask(&house, list, Some(admin)).await;
            assert_eq!(listed["total"], 2);
            assert!(!listed.to_string().contains(text), "shown once only");
            assert!(text.ends_with(listed["items"][1]["hint"].as_str().unwrap()));

            house.clock.advance_ms(3_600_000);
            assert_eq!(status(&house, "/read", Some(text)).await, 401, "expired");
            let revoke = || TestRequest::delete().uri(&format!("/api/v1/keys/{id}"));
            assert_eq!(ask(&house, revoke(), Some(admin)).await.0, 204);
            assert_eq!(ask(&house, revoke(), Some(admin)).await.0, 404);
        });
    }
}

#[test]
fn tenants_see_only_their_own_keys() {
    let house = house(TempDb::sqlite(), true);
    rt::System::new().block_on(async {
        let first = house.keys.first().await.unwrap().unwrap();
        let north = house.keys.tenant("north").await.unwrap();
        assert_eq!(house.keys.tenant("north").await.unwrap(), north);
        let admin = NewKey {
            name: "theirs".to_owned(),
            scopes: [Scope::Admin].into_iter().collect(),
            expires_at_ms: None,
        };
        let theirs = house.keys.create(north, admin).await.unwrap();
        let (_, who) = ask(
            &house,
            TestRequest::get().uri("/read"),
            Some(theirs.text.expose()),
        )
        .await;
        assert_eq!(who, json!({"tenant": "north", "id": north}));
        let path = format!("/api/v1/keys/{}", first.id);
        let revoke = TestRequest::delete().uri(&path);
        let (status, _) = ask(&house, revoke, Some(theirs.text.expose())).await;
        assert_eq!(status, 404, "a foreign key does not exist");
        assert_eq!(house.keys.list(1).await.unwrap().len(), 1);
    });
}

#[test]
fn a_key_is_refused_with_the_field_to_mend() {
    let house = house(TempDb::sqlite(), true);
    rt::System::new().block_on(async {
        let admin = house.keys.first().await.unwrap().unwrap();
        for (body, field) in [
            (json!({"name": " ", "scopes": ["read"]}), "name"),
            (json!({"name": "a\u{0}b", "scopes": ["read"]}), "name"),
            (json!({"name": "a\nb", "scopes": ["read"]}), "name"),
            (json!({"name": "x".repeat(101), "scopes": ["read"]}), "name"),
            (json!({"name": "x", "scopes": []}), "scopes"),
            (json!({"name": "x", "scopes": ["root"]}), "scopes[0]"),
            (
                json!({"name": "x", "scopes": ["read"], "expires_at": "soon"}),
                "expires_at",
            ),
            (
                json!({"name": "x", "scopes": ["read"], "colour": 1}),
                "colour",
            ),
        ] {
            let (status, answer) = create(&house, admin.text.expose(), body.clone()).await;
            assert_eq!(status, 422, "{body} {answer}");
            assert_eq!(answer["errors"][0]["field"], field, "{answer}");
        }
    });
}

#[test]
fn without_auth_everybody_is_the_default_tenant() {
    let house = house(TempDb::sqlite(), false);
    rt::System::new().block_on(async {
        let (status, who) = ask(&house, TestRequest::get().uri("/read"), None).await;
        assert_eq!((status.as_u16(), &who["tenant"]), (200, &json!("default")));
    });
}

#[test]
fn other_nodes_hear_of_a_revocation() {
    let house = house(TempDb::sqlite(), true);
    rt::System::new().block_on(async {
        let other = Keys::open(&house.database, &house.writer, house.clock.clone(), true).unwrap();
        let shutdown = service::Shutdown::new();
        let watching = rt::spawn(other.clone().watch(shutdown.clone()));
        let key = house.keys.first().await.unwrap().unwrap();
        let known = |expected: bool| {
            let (gate, text) = (other.gate(), key.text.clone());
            async move {
                for _ in 0..200 {
                    if gate.find(&text).is_some() == expected {
                        return;
                    }
                    rt::time::sleep(std::time::Duration::from_millis(50)).await;
                }
                panic!("not heard of within 10 s");
            }
        };
        known(true).await;
        house.keys.revoke(1, key.id).await.unwrap();
        known(false).await;
        shutdown.trigger();
        watching.await.unwrap();
    });
}

#[test]
fn a_lent_key_opens_this_process_alone_and_is_in_no_list() {
    for temp in TempDb::both() {
        let house = house(temp, true);
        rt::System::new().block_on(async {
            let key = KeyText::generate().unwrap();
            let get = |path: &str| TestRequest::get().uri(path);
            assert_eq!(ask(&house, get("/read"), Some(key.expose())).await.0, 401);
            house.keys.lend(&key).await.unwrap();
            let (status, who) = ask(&house, get("/read"), Some(key.expose())).await;
            assert_eq!((status.as_u16(), &who["tenant"]), (200, &json!("default")));
            let publish = TestRequest::post().uri("/publish");
            assert_eq!(ask(&house, publish, Some(key.expose())).await.0, 403);
            // It does not go when keys are read anew, is no reason to make no first key, and is not the only one there is.
            let first = house.keys.first().await.unwrap().unwrap();
            assert_eq!(ask(&house, get("/read"), Some(key.expose())).await.0, 200);
            let first = first.text.expose();
            assert_eq!(ask(&house, get("/read"), Some(first)).await.0, 200);
            assert_eq!(house.keys.list(1).await.unwrap().len(), 1);
            // Another key is not lent beside it, and another process knows of none.
            let second = KeyText::generate().unwrap();
            house.keys.lend(&second).await.unwrap();
            assert!(house.keys.gate().find(&second).is_none());
            let other =
                Keys::open(&house.database, &house.writer, house.clock.clone(), true).unwrap();
            assert!(other.gate().find(&key).is_none());
        });
    }
}
