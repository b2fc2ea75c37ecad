//! Every `file.*` event is a complete snapshot, told once, in order.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use testkit::TempDb;

use crate::harness::{TestIngest, disc, fixtures, id_of};

const DATA_KEYS: &[&str] = &[
    "changed",
    "client_code",
    "confidence_score",
    "created_at",
    "download_url",
    "duplicate_of",
    "error",
    "extraction",
    "file_path",
    "file_size",
    "file_type",
    "hard_delete",
    "ingest_id",
    "material",
    "mime_type",
    "original_filename",
    "part_name",
    "preview_url",
    "processed_at",
    "project_code",
    "quantity",
    "reason",
    "sha256",
    "status",
    "stored_filename",
    "thickness_mm",
    "version",
];

#[tokio::test]
async fn every_event_is_complete_told_once_and_in_order() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        let mut ids = Vec::new();
        for (name, bytes) in fixtures("good") {
            ids.push(id_of(&ingest.upload(&name, &bytes).await));
        }
        let unread = b"<LightBurnProject AppVersion=\"1\"/>";
        ids.push(id_of(&ingest.upload("note.lbrn2", unread).await));
        assert_eq!(ingest.post(&format!("/extract/{}", ids[0])).await.0, 202);
        ingest.settled(ids[0]).await;
        assert_eq!(ingest.delete(&format!("/files/{}", ids[0])).await.0, 200);
        let events = ingest.events(2 * ids.len() + 2).await;
        assert_complete(&events);
        for id in &ids {
            let of = of(&events, *id);
            let sequences = of.iter().map(|event| event["sequence"].as_i64().unwrap());
            assert!(sequences.eq(1..=i64::try_from(of.len()).unwrap()), "{id}");
        }
        let first = of(&events, ids[0]);
        let types: Vec<_> = first.iter().map(|event| event["type"].as_str()).collect();
        let expected = [
            "file.ingested",
            "file.processed",
            "file.re_extracted",
            "file.deleted",
        ];
        assert_eq!(types, expected.map(Some));
        assert_eq!(first[0]["data"]["status"], "processing");
        let summary = &first[1]["data"]["extraction"];
        assert!(summary["cut_length_mm"].as_f64().unwrap() > 0.0);
        assert_eq!(summary, &first[2]["data"]["extraction"]);
        ingest.stop().await;
    }
}

fn of(events: &[Json], id: i64) -> Vec<&Json> {
    let of = |event: &&Json| event["data"]["ingest_id"] == id;
    events.iter().filter(of).collect()
}

#[track_caller]
fn assert_complete(events: &[Json]) {
    let ids: BTreeSet<_> = events.iter().map(|event| event["id"].as_str()).collect();
    assert_eq!(ids.len(), events.len(), "told once");
    for event in events {
        let mut keys: Vec<&String> = event["data"].as_object().unwrap().keys().collect();
        keys.sort();
        assert_eq!(keys, DATA_KEYS, "{}", event["type"]);
        let subject = format!("file/{}", event["data"]["ingest_id"]);
        assert_eq!(event["subject"], subject);
        assert_eq!(event["origin"], events[0]["origin"]);
        assert_eq!(event["tenant_id"], "default");
    }
}

#[tokio::test]
async fn links_lead_to_the_bytes_and_the_record_says_what_the_event_said() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let result = ingest.upload("0001-Lid-MS-2mm-x3.dxf", &disc(7)).await;
    let events = ingest.events(2).await;
    let (data, record) = (&events[1]["data"], ingest.record(id_of(&result)).await);
    let link = data["download_url"].as_str().unwrap();
    let bytes = ingest
        .http
        .get(link)
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    assert_eq!(bytes, disc(7));
    for key in DATA_KEYS {
        if let Some(said) = record.get(key) {
            assert_eq!(said, &data[key], "{key}");
        }
    }
    ingest.stop().await;
}

#[tokio::test]
async fn what_is_owed_is_delivered_when_the_subscriber_is_back() {
    for temp in TempDb::both() {
        let schedule = "ingest.delivery.subscriptions.shop.retry_schedule=quick";
        let ingest = TestIngest::start_with(&temp, &[schedule]).await;
        ingest.endpoint.respond_in_turn([
            testkit::ScriptedReply::status(503),
            testkit::ScriptedReply::status(200),
        ]);
        ingest.upload("a.dxf", &disc(1)).await;
        let requests = ingest.endpoint.wait_for(3, crate::harness::PATIENCE).await;
        let ids: BTreeSet<_> = requests
            .iter()
            .map(|request| request.header("webhook-id"))
            .collect();
        assert_eq!(ids.len(), 2, "two events, one of them sent twice");
        ingest.stop().await;
    }
}

#[tokio::test]
async fn a_subscription_of_the_settings_gets_its_events_together() {
    let sets = ["batch_events_max=2", "batch_wait_ms=60000"];
    let sets = sets.map(|set| format!("ingest.delivery.subscriptions.shop.{set}"));
    let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start_with(&temp, &sets).await;
    ingest.upload("a.dxf", &disc(1)).await;
    let requests = ingest.endpoint.wait_for(1, crate::harness::PATIENCE).await;
    let events: Vec<serde_json::Value> = serde_json::from_slice(&requests[0].body).unwrap();
    let types: BTreeSet<_> = events.iter().map(|event| event["type"].as_str()).collect();
    let both = ["file.ingested", "file.processed"];
    assert_eq!(types, both.map(Some).into_iter().collect());
    ingest.stop().await;
}
