//! Subscriptions: made, changed, tested and deleted, by every name that clients have for that.

use reqwest::Method;
use serde_json::{Value as Json, json};
use testkit::{ScriptedReply, TempDb};

use crate::harness::{SECRET, TestIngest, answer, assert_problem};
use crate::platform::{ALIAS, BASE, text};

async fn a_subscription_lives(temp: TempDb) {
    let ingest = TestIngest::start(&temp).await;
    let made = ingest.subscribe("/a", &["invoice.*"]).await;
    assert_eq!(
        (&made["secret"], &made["secret_key"]),
        (&json!(SECRET), &json!(SECRET))
    );
    let at = format!("{BASE}/subscriptions/{}", text(&made["id"]));
    let stored = ingest.ok(&at).await;
    assert!(!stored.to_string().contains(SECRET), "shown once");
    assert_eq!(stored["secret_masked"], "***LaSw");
    assert_eq!(
        (&stored["max_retries"], &stored["retry"]["schedule"]),
        (&json!(1), &json!("1"))
    );

    let changed = json!({"active": false, "custom_metadata": {"team": "erp"}, "headers": {"x-key": "private"}});
    let changed = ingest.expect(Method::PATCH, &at, changed, 200).await;
    assert_eq!(
        (&changed["state"], &changed["is_active"]),
        (&json!("paused"), &json!(false))
    );
    assert_eq!(
        (&changed["metadata"], &changed["headers"]),
        (&json!({"team": "erp"}), &json!({"x-key": "***"}))
    );
    let stale = ingest
        .request(Method::PATCH, &at)
        .header("if-match", "\"1\"");
    let stale = answer(stale.json(&json!({"description": "x"}))).await;
    assert_problem(&stale, 412, "precondition_failed", "version");
    let current = ingest
        .request(Method::PUT, &at)
        .header("if-match", format!("\"{}\"", changed["version"]));
    let current = answer(current.json(&json!({"is_active": true, "metadata": null}))).await;
    assert_eq!(
        (current.0, &current.1["state"], &current.1["metadata"]),
        (200, &json!("active"), &Json::Null)
    );
    batches_are_asked_for(&ingest, &at).await;
    keys_and_probes(&ingest, &at).await;
    let list = ingest
        .ok(&format!("{BASE}/subscriptions?limit=1&skip=1"))
        .await;
    assert_eq!(
        (&list["total"], &list["items"][0]["id"]),
        (&json!(2), &made["id"])
    );
    assert_eq!((&list["skip"], &list["limit"]), (&json!(1), &json!(1)));
    let paused = ingest.ok(&format!("{ALIAS}?is_active=false")).await;
    assert_eq!(paused["total"], 0);
    ingest.expect(Method::DELETE, &at, Json::Null, 204).await;
    for verb in [Method::GET, Method::DELETE] {
        let gone = ingest.call(verb, &at, Json::Null).await;
        assert_problem(&gone, 404, "not_found", "subscription");
    }
    ingest.stop().await;
}

async fn batches_are_asked_for(ingest: &TestIngest, at: &str) {
    for (batch, stored) in [
        (
            json!({"max_events": 7}),
            json!({"max_events": 7, "max_wait_ms": 1000}),
        ),
        (
            json!({"max_wait_ms": 0}),
            json!({"max_events": 7, "max_wait_ms": 0}),
        ),
        (Json::Null, Json::Null),
    ] {
        let change = json!({"batch": batch});
        let changed = ingest.expect(Method::PATCH, at, change, 200).await;
        assert_eq!(changed["batch"], stored);
        assert_eq!(ingest.ok(at).await["batch"], stored);
    }
}

/// Of a subscription with a header of its own.
async fn keys_and_probes(ingest: &TestIngest, at: &str) {
    let rotated = ingest
        .expect(
            Method::POST,
            &format!("{at}/rotate-secret"),
            Json::Null,
            200,
        )
        .await;
    assert!(text(&rotated["secret"]).starts_with("whsec_"));
    assert_eq!(rotated["keys"].as_array().unwrap().len(), 2, "{rotated}");
    let probe = ingest
        .expect(Method::POST, &format!("{at}/test"), Json::Null, 200)
        .await;
    assert_eq!(
        (&probe["success"], &probe["status_code"]),
        (&json!(true), &json!(200)),
        "{probe}"
    );
    assert_eq!(probe["request"]["headers"]["x-key"], "***");
    ingest
        .endpoint
        .respond_in_turn([ScriptedReply::status(500)]);
    let probe = ingest
        .expect(Method::POST, &format!("{at}/test"), Json::Null, 200)
        .await;
    assert_eq!(
        (&probe["success"], &probe["status_code"]),
        (&json!(false), &json!(500))
    );
    ingest
        .expect(Method::POST, &format!("{at}/enable"), Json::Null, 200)
        .await;
}

#[tokio::test]
async fn a_subscription_is_made_changed_tested_and_deleted() {
    a_subscription_lives(TempDb::sqlite()).await;
}

#[tokio::test]
async fn a_subscription_is_made_changed_tested_and_deleted_on_postgres() {
    a_subscription_lives(TempDb::postgres()).await;
}

#[tokio::test]
async fn the_collection_itself_and_older_names_are_accepted() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    for (base, path) in [(BASE, "/one"), (ALIAS, "/two")] {
        let body = json!({
            "target_url": format!("{}{path}", ingest.endpoint.url()), "event": "order.paid",
            "active": true, "secret_key": "12345678", "retry_count": 2, "retry_enabled": true,
            "custom_metadata": {"a": 1}, "timeout_seconds": 30,
        });
        let made = ingest
            .expect(Method::POST, &format!("{base}/"), body, 201)
            .await;
        let id = text(&made["id"]);
        for (name, alias) in [
            ("url", "target_url"),
            ("is_active", "active"),
            ("max_retries", "retry_count"),
            ("metadata", "custom_metadata"),
            ("secret", "secret_key"),
        ] {
            assert_eq!(made[name], made[alias], "{name}");
        }
        assert_eq!(
            (&made["events"], &made["max_retries"]),
            (&json!(["order.paid"]), &json!(2))
        );
        let one = ingest.ok(&format!("{base}/{id}")).await;
        assert_eq!(one["secret_masked"], "***5678");
        let body = json!({"event": "order.paid", "payload": {"order_id": path}});
        let queued = ingest
            .expect(Method::POST, &format!("{base}/deliveries"), body, 202)
            .await;
        assert_eq!(queued["queued"], true);
        assert!(queued["count"].as_u64() >= Some(1), "{queued}");
        let history = ingest.ok(&format!("{base}/{id}/history")).await;
        let delivery = text(&history["items"][0]["id"]);
        let ended = ingest.ended(&delivery).await;
        assert_eq!(
            (&ended["status"], &ended["response_code"]),
            (&json!("success"), &json!(200))
        );
        let again = format!("{base}/{id}/retry?delivery_id={delivery}");
        ingest.expect(Method::POST, &again, Json::Null, 202).await;
        ingest
            .expect(
                Method::PUT,
                &format!("{base}/{id}"),
                json!({"active": false}),
                200,
            )
            .await;
        ingest
            .expect(Method::POST, &format!("{base}/{id}/test"), Json::Null, 200)
            .await;
    }
    let list = ingest.ok(ALIAS).await;
    assert_eq!(list["total"], 3);
    let keys: Vec<&String> = list.as_object().unwrap().keys().collect();
    for key in ["items", "total", "skip", "limit"] {
        assert!(keys.iter().any(|known| *known == key), "{key}");
    }
    ingest.stop().await;
}
