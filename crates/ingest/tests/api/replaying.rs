//! What went wrong is seen, found and sent again: dead letters, reconciliation, replays.

use reqwest::Method;
use serde_json::{Value as Json, json};
use std::time::{Duration, Instant};
use testkit::{ScriptedReply, TempDb};

use crate::harness::{PATIENCE, TestIngest, assert_problem};
use crate::platform::{BASE, text};

async fn dead_letters_come_back(temp: TempDb) {
    let ingest = TestIngest::start(&temp).await;
    let hook = ingest.subscribe("/dead", &["order.*"]).await;
    let id = text(&hook["id"]);
    ingest
        .endpoint
        .respond_with(|request| match request.path.as_str() {
            "/dead" => ScriptedReply::json(404, "{\"no\":1}"),
            _ => ScriptedReply::status(200),
        });
    let event = ingest
        .publish(json!({"type": "order.paid", "data": {"id": "1"}}))
        .await;
    let owed = ingest
        .ok(&format!("{BASE}/subscriptions/{id}/deliveries"))
        .await;
    let delivery = text(&owed["items"][0]["id"]);
    let dead = ingest.ended(&delivery).await;
    assert_eq!(
        (&dead["state"], &dead["status"]),
        (&json!("dead"), &json!("failed"))
    );
    assert_eq!(
        (&dead["attempts"][0]["status_code"], &dead["response_body"]),
        (&json!(404), &json!("{\"no\":1}"))
    );
    let letters = ingest
        .ok(&format!(
            "{BASE}/dead-letters?event_id={}",
            text(&event["id"])
        ))
        .await;
    assert_eq!(letters["items"][0]["id"], delivery.as_str());
    let by_type = ingest
        .ok(&format!(
            "{BASE}/deliveries?status=failed&type=order.paid&subscription={id}"
        ))
        .await;
    assert_eq!(by_type["total"], 1);
    failures_are_counted(&ingest, &id).await;

    ingest.endpoint.respond_with(|_| ScriptedReply::status(200));
    let all = json!({"subscription": id});
    let again = ingest
        .expect(
            Method::POST,
            &format!("{BASE}/dead-letters/redeliver"),
            all,
            202,
        )
        .await;
    assert_eq!(again["redelivered"], 1);
    let ended = ingest.ended(&delivery).await;
    assert_eq!(
        (&ended["state"], &ended["attempt_number"]),
        (&json!("delivered"), &json!(2))
    );
    ingest
        .expect(
            Method::POST,
            &format!("{BASE}/deliveries/{delivery}/retry"),
            Json::Null,
            202,
        )
        .await;
    ingest.stop().await;
}

async fn failures_are_counted(ingest: &TestIngest, id: &str) {
    let failures = ingest.ok("/webhooks/failures?limit=5").await;
    let failure = &failures["failures"][0];
    assert_eq!(
        (&failure["event_type"], &failure["status_code"]),
        (&json!("order.paid"), &json!(404))
    );
    let stats = ingest
        .ok(&format!("{BASE}/subscriptions/{id}/stats?hours=1"))
        .await;
    assert_eq!(
        (&stats["failed"], &stats["by_status_code"]["404"]),
        (&json!(1), &json!(1)),
        "{stats}"
    );
    assert_eq!(stats["since_created"]["dead"], 1);
}

#[tokio::test]
async fn dead_letters_are_seen_and_sent_again() {
    dead_letters_come_back(TempDb::sqlite()).await;
}

#[tokio::test]
async fn dead_letters_are_seen_and_sent_again_on_postgres() {
    dead_letters_come_back(TempDb::postgres()).await;
}

async fn everything_is_reconciled(temp: TempDb) {
    let ingest = TestIngest::start(&temp).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let event = json!({"type": "order.paid", "data": {"order_id": n}});
        ids.push(ingest.publish(event).await["id"].clone());
    }
    ingest.endpoint.wait_for(5, PATIENCE).await;
    let (mut cursor, mut found, mut pages) = (String::new(), Vec::new(), 0);
    let began = Instant::now();
    while found.len() < 5 {
        let page = format!("{BASE}/reconcile?limit=2&since={cursor}");
        let page = ingest.ok(&page).await;
        for item in page["items"].as_array().unwrap() {
            assert_eq!(
                (&item["type"], &item["sequence"]),
                (&json!("order.paid"), &json!(1))
            );
            assert!(
                item["subject"].is_string() && item["timestamp"].is_string(),
                "{item}"
            );
            found.push(item["id"].clone());
        }
        pages += 1;
        cursor = text(&page["next_cursor"]);
        // Other transactions on the server may hold back what is committed.
        assert!(began.elapsed() < PATIENCE, "{found:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(found, ids);
    assert!(pages >= 3);
    let end = ingest.ok(&format!("{BASE}/reconcile?since={cursor}")).await;
    assert_eq!(
        (&end["items"], &end["complete"]),
        (&json!([]), &json!(true))
    );
    only_what_is_owed(&ingest, &ids).await;
    replayed(&ingest, &ids).await;
    ingest.stop().await;
}

/// Without a subscription everything published; with one, what it is owed.
async fn only_what_is_owed(ingest: &TestIngest, ids: &[Json]) {
    let hook = ingest.subscribe("/other", &["stock.*"]).await;
    for (query, expected) in [
        (String::new(), ids),
        ("&subscription=shop".to_owned(), ids),
        (format!("&subscription={}", text(&hook["id"])), &[]),
    ] {
        let page = ingest
            .ok(&format!("{BASE}/reconcile?limit=100{query}"))
            .await;
        let found: Vec<&Json> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|i| &i["id"])
            .collect();
        assert_eq!(found, expected.iter().collect::<Vec<_>>(), "{query}");
    }
    let nobody = ingest
        .get(&format!("{BASE}/reconcile?subscription=nobody"))
        .await;
    assert_eq!(nobody.0, 404);
}

/// By their ids or by time, as a job.
async fn replayed(ingest: &TestIngest, ids: &[Json]) {
    let missed = json!({"event_ids": [ids[1], "evt_01JAQ5Z8F3V6T2K9M4N7P1R0SX"]});
    let again = ingest
        .expect(Method::POST, &format!("{BASE}/replays"), missed, 202)
        .await;
    assert_eq!(
        (
            &again["expected"],
            again["missing"].as_array().unwrap().len()
        ),
        (&json!(1), 1)
    );
    let sent = ingest.endpoint.wait_for(6, PATIENCE).await;
    assert_eq!(sent[5].header("webhook-id"), ids[1].as_str());
    let began = Instant::now();
    let by_ids = format!("{BASE}/replays/{}", text(&again["id"]));
    while ingest.ok(&by_ids).await["state"] != "completed" {
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let by_ids = ingest.ok(&by_ids).await;
    assert_eq!(
        (
            &by_ids["queued"],
            &by_ids["events"],
            &by_ids["since"],
            &by_ids["progress_percent"]
        ),
        (&json!(1), &json!(1), &Json::Null, &json!(100))
    );
    let nothing = json!({"event_ids": ["evt_01JAQ5Z8F3V6T2K9M4N7P1R0SX", "x"]});
    let nothing = ingest
        .expect(Method::POST, &format!("{BASE}/replays"), nothing, 202)
        .await;
    assert_eq!(
        (
            &nothing["expected"],
            nothing["missing"].as_array().unwrap().len()
        ),
        (&json!(0), 2)
    );
    let many = json!({"event_ids": vec![&ids[0]; 1_001]});
    let many = ingest
        .call(Method::POST, &format!("{BASE}/replays"), many)
        .await;
    assert_problem(&many, 422, "invalid_field", "replay_event_ids_max");
    let preview = json!({"since": "2025-01-01", "preview": true});
    let preview = ingest
        .expect(Method::POST, &format!("{BASE}/replays"), preview, 200)
        .await;
    assert_eq!(preview["expected"], 5);
    let job = json!({"since": "2025-01-01", "types": ["order.*"], "rate_per_second": 1000});
    let job = ingest
        .expect(Method::POST, &format!("{BASE}/replays"), job, 202)
        .await;
    let at = format!("{BASE}/replays/{}", text(&job["id"]));
    assert!(text(&job["id"]).starts_with("rpl_"));
    ingest.endpoint.wait_for(11, PATIENCE).await;
    let began = Instant::now();
    while ingest.ok(&at).await["state"] != "completed" {
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(ingest.ok(&at).await["queued"], 5);
    let over = ingest
        .call(Method::POST, &format!("{at}/cancel"), Json::Null)
        .await;
    assert_problem(&over, 409, "conflict", "over");
    assert_eq!(ingest.ok(&format!("{BASE}/replays")).await["total"], 3);
}

#[tokio::test]
async fn what_is_missed_is_found_and_replayed() {
    everything_is_reconciled(TempDb::sqlite()).await;
}

#[tokio::test]
async fn what_is_missed_is_found_and_replayed_on_postgres() {
    everything_is_reconciled(TempDb::postgres()).await;
}
