//! `/health` and `/ready`.

use std::time::Duration;

use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
use serde_json::{Value, json};
use service::health::{Check, Health};
use service::{BodyLimits, app};

async fn get(path: &str, checks: Vec<Check>) -> (u16, Value) {
    let health = Health::new("ingest", "1.2.3", checks);
    let service = init_service(app(
        move |routes| health.routes(routes),
        BodyLimits::default(),
    ))
    .await;
    let answer = call_service(&service, TestRequest::get().uri(path).to_request()).await;
    (answer.status().as_u16(), read_body_json(answer).await)
}

fn up(name: &'static str) -> Check {
    Check::new(name, || async { Ok::<(), std::io::Error>(()) })
}

fn down(name: &'static str) -> Check {
    Check::new(name, || async { Err("password hunter2 refused") })
}

fn stuck(name: &'static str) -> Check {
    let never = || std::future::pending::<Result<(), std::io::Error>>();
    Check::new(name, never).with_time_max(Duration::from_millis(20))
}

#[actix_web::test]
async fn alive_even_while_a_dependency_is_down() {
    let (status, body) = get("/health", vec![down("database")]).await;
    assert_eq!(status, 200);
    assert_eq!(
        body,
        json!({"status": "healthy", "service": "ingest", "version": "1.2.3"})
    );
}

#[actix_web::test]
async fn ready_only_when_every_dependency_is() {
    let (status, body) = get("/ready", vec![up("database"), up("storage")]).await;
    assert_eq!((status, &body["status"]), (200, &json!("ready")));
    assert_eq!(body["checks"]["storage"]["state"], "up");

    let (status, body) = get(
        "/ready",
        vec![up("storage"), down("database"), stuck("workers")],
    )
    .await;
    assert_eq!((status, &body["status"]), (503, &json!("unready")));
    assert_eq!(body["checks"]["storage"]["state"], "up");
    assert_eq!(body["checks"]["database"]["state"], "down");
    assert_eq!(body["checks"]["workers"]["state"], "down");
    assert!(!body.to_string().contains("hunter2"), "{body}");
}
