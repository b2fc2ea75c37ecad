//! How deliveries do, and what the service says of itself.

use reqwest::Method;
use serde_json::{Value as Json, json};
use std::path::Path;
use testkit::TempDb;

use crate::harness::TestIngest;
use crate::platform::{BASE, text};

#[tokio::test]
async fn monitoring_says_how_deliveries_do() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let nothing = ingest.ok("/webhooks/health").await;
    assert_eq!(nothing["status"], "unknown");
    let event = ingest
        .publish(json!({"type": "order.paid", "data": {"id": 1}}))
        .await;
    let logged = ingest
        .ok(&format!("{BASE}/event-log/{}", text(&event["id"])))
        .await;
    ingest.ended(&text(&logged["deliveries"][0]["id"])).await;
    let stats = ingest.ok("/webhooks/stats?hours=2").await;
    assert_eq!(
        (&stats["period_hours"], &stats["successful"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(stats["success_rate"], 1.0);
    assert_eq!(stats["by_event_type"]["order.paid"]["total"], 1);
    assert_eq!(stats["by_status_code"], json!({"200": 1}));
    let health = ingest.ok("/webhooks/health").await;
    assert_eq!(
        (&health["status"], &health["last_hour"]["total"]),
        (&json!("healthy"), &json!(1))
    );
    assert_eq!(health["recent_failures"], json!([]));
    ingest.stop().await;
}

#[tokio::test]
async fn public_keys_are_served_as_a_set() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let body = json!({
        "url": format!("{}/ed", ingest.endpoint.url()), "events": ["*"], "signing": "ed25519",
    });
    let made = ingest
        .expect(Method::POST, &format!("{BASE}/subscriptions"), body, 201)
        .await;
    assert_eq!(made["secret"], Json::Null);
    assert!(text(&made["public_key"]).starts_with("whpk_"));
    let set = ingest.ok("/.well-known/webhooks-keys").await;
    let keys = set["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!(
        (&keys[0]["kty"], &keys[0]["crv"]),
        (&json!("OKP"), &json!("Ed25519"))
    );
    assert_eq!(keys[0]["kid"], made["keys"][0]["kid"]);
    assert!(
        !set.to_string().contains(&text(&made["id"])),
        "whose it is, is not told"
    );
    ingest.stop().await;
}

#[tokio::test]
async fn the_description_is_as_checked_in() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi/ingest.json");
    let checked_in = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        checked_in == ingest::openapi(),
        "run `draftwire openapi > docs/openapi/ingest.json` and look at what has changed"
    );
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let served = ingest.ok("/openapi.json").await;
    assert_eq!(served, serde_json::from_str::<Json>(&checked_in).unwrap());
    let page = ingest.request(Method::GET, "/docs").send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
    let page = page.text().await.unwrap();
    for file in ["swagger-ui.css", "swagger-ui-bundle.js", "start.js"] {
        assert!(page.contains(file), "{page}");
        let loaded = ingest.request(Method::GET, &format!("/docs/{file}"));
        let loaded = loaded.send().await.unwrap();
        assert_eq!(loaded.status(), 200);
        assert_eq!(loaded.headers()["x-content-type-options"], "nosniff");
    }
    assert_eq!(ingest.get("/docs/index.html").await.0, 404);
    ingest.stop().await;
}
