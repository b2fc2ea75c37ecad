//! Events of other applications: published once, checked, logged, byte for byte.

use reqwest::Method;
use serde_json::{Value as Json, json};
use testkit::TempDb;

use crate::harness::{PATIENCE, TestIngest, answer, assert_problem, verified};
use crate::platform::{BASE, text};

async fn events_are_published(temp: TempDb) {
    let ingest = TestIngest::start(&temp).await;
    ingest.subscribe("/a", &["invoice.*"]).await;
    let data = json!({"invoice_id": "inv_1", "amount": "12.50"});
    let event = json!({"type": "invoice.paid", "data": data, "metadata": {"source": "erp"}});
    let first = ingest.publish(event.clone()).await;
    assert_eq!(
        (&first["sequence"], &first["deliveries"]),
        (&json!(1), &json!(2))
    );
    let keyed = || {
        let request = ingest.request(Method::POST, &format!("{BASE}/events"));
        request.header("idempotency-key", "k1")
    };
    let once = answer(keyed().json(&event)).await;
    let twice = answer(keyed().json(&event)).await;
    assert_eq!((once.0, twice.0), (202, 202));
    assert_eq!(
        (&once.1["id"], &once.1["sequence"]),
        (&twice.1["id"], &json!(2))
    );
    assert_eq!(twice.1["repeated"], true);
    let other = json!({"type": "invoice.paid", "data": {"invoice_id": "inv_2"}});
    let taken = answer(keyed().json(&other)).await;
    assert_problem(&taken, 409, "conflict", "Idempotency-Key");

    let batch = json!({"events": [event, {"type": "A!", "data": {}}, 7, {"type": "query.created", "data": {"id": 4}}]});
    let batch = ingest
        .expect(Method::POST, &format!("{BASE}/events/batch"), batch, 207)
        .await;
    let statuses: Vec<_> = batch["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [202, 422, 422, 202], "{batch}");
    assert_eq!(
        (&batch["accepted"], &batch["refused"]),
        (&json!(2), &json!(2))
    );
    logged(&ingest, &first, &data).await;
    keys_of_a_batch(&ingest).await;
    ingest.stop().await;
}

/// A batch under a key, in which an event has a key of its own twice, is published once, also when it comes again.
async fn keys_of_a_batch(ingest: &TestIngest) {
    let event = |n: u32, key: Json| json!({"type": "stock.counted", "data": {"id": n}, "idempotency_key": key});
    let batch = json!({"events": [event(1, Json::Null), event(2, json!("own")), event(2, json!("own")), event(3, json!("own"))]});
    let mut ids = Vec::new();
    for repeated in [false, true] {
        let request = ingest.request(Method::POST, &format!("{BASE}/events/batch"));
        let request = request.header("idempotency-key", "batch-1").json(&batch);
        let (status, answer) = answer(request).await;
        let items = answer["items"].as_array().unwrap();
        assert_eq!(
            (status, items[0]["repeated"].as_bool()),
            (207, Some(repeated)),
            "{answer}"
        );
        assert_eq!(items[1]["id"], items[2]["id"]);
        assert_eq!(items[2]["repeated"], true);
        assert_eq!(items[3]["status"], 409);
        ids.push((items[0]["id"].clone(), items[1]["id"].clone()));
    }
    assert_eq!(ids[0], ids[1]);
    let log = ingest
        .ok(&format!("{BASE}/event-log?type=stock.counted"))
        .await;
    assert_eq!(log["total"], 2);
    let many = json!({"events": vec![json!({}); 1_001]});
    let many = ingest
        .call(Method::POST, &format!("{BASE}/events/batch"), many)
        .await;
    assert_problem(&many, 422, "invalid_field", "batch_events_max");
}

/// What was sent, what is on record of it, and what a filter says of that.
async fn logged(ingest: &TestIngest, first: &Json, data: &Json) {
    // One subscriber wants all, the other invoices.
    let requests = ingest.endpoint.wait_for(3 * 2 + 1, PATIENCE).await;
    assert_eq!(requests.len(), 7);
    let sent = requests
        .iter()
        .map(verified)
        .find(|event| event["id"] == first["id"]);
    let sent = sent.unwrap();
    assert_eq!(
        (&sent["data"], &sent["metadata"]["source"]),
        (data, &json!("erp"))
    );
    let logged = ingest
        .ok(&format!("{BASE}/event-log/{}", text(&first["id"])))
        .await;
    assert_eq!(
        (&logged["subject"], &logged["data"]),
        (&json!("invoice/inv_1"), data)
    );
    assert_eq!(logged["deliveries"].as_array().unwrap().len(), 2);
    let log = ingest
        .ok(&format!("{BASE}/event-log?type=invoice.paid&limit=2"))
        .await;
    assert_eq!(
        (&log["total"], log["items"].as_array().unwrap().len()),
        (&json!(3), 2)
    );
    let rest = format!(
        "{BASE}/event-log?type=invoice.paid&cursor={}",
        text(&log["next_cursor"])
    );
    let rest = ingest.ok(&rest).await;
    assert_eq!(rest["items"][0]["id"], first["id"]);
    assert_eq!(rest["next_cursor"], Json::Null);

    let verdicts = json!({"filter": "event.data.amount == '12.50'", "limit": 10});
    let verdicts = ingest
        .expect(
            Method::POST,
            &format!("{BASE}/subscriptions/filter/test"),
            verdicts,
            200,
        )
        .await;
    assert_eq!(
        (&verdicts["total"], &verdicts["wanted"]),
        (&json!(4), &json!(3)),
        "{verdicts}"
    );
}

#[tokio::test]
async fn events_are_published_once_and_logged() {
    events_are_published(TempDb::sqlite()).await;
}

#[tokio::test]
async fn events_are_published_once_and_logged_on_postgres() {
    events_are_published(TempDb::postgres()).await;
}

#[tokio::test]
async fn data_go_out_byte_for_byte() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let data = r#"{"b":1.0,  "a":123456789012345678901234567890, "c":"\u00e9"}"#;
    let body = format!(r#"{{"type":"a.b","data":{data}}}"#);
    let request = ingest.request(Method::POST, &format!("{BASE}/events"));
    let (status, answered) = answer(
        request
            .header("content-type", "application/json")
            .body(body),
    )
    .await;
    assert_eq!(status, 202, "{answered}");
    let sent = ingest.endpoint.wait_for(1, PATIENCE).await;
    assert!(sent[0].text().contains(data), "{}", sent[0].text());
    let log = ingest.request(Method::GET, &format!("{BASE}/event-log"));
    let log = log.send().await.unwrap().text().await.unwrap();
    assert!(log.contains(data), "{log}");
    ingest.stop().await;
}

#[tokio::test]
async fn types_are_listed_registered_and_checked() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let shipped = ingest.ok(&format!("{BASE}/events")).await;
    let count = shipped["total"].as_u64().unwrap();
    assert_eq!(shipped["events"], shipped["items"]);
    let one = ingest.ok(&format!("{BASE}/events/file.processed")).await;
    assert!(
        one["schema"].is_object() && one["example"].is_object(),
        "{one}"
    );
    let own = json!({
        "type": "plate.cut", "description": "A plate was cut", "validation": "block",
        "schema": {"type": "object", "required": ["plate_id"]}, "example": {"plate_id": 1},
    });
    let at = format!("{BASE}/event-types");
    ingest.expect(Method::POST, &at, own.clone(), 201).await;
    ingest.expect(Method::POST, &at, own, 201).await;
    let listed = ingest.ok(&format!("{BASE}/events")).await;
    assert_eq!(listed["total"].as_u64(), Some(count + 1));
    let one = ingest.ok(&format!("{BASE}/events/plate.cut")).await;
    assert_eq!(
        (&one["validation"], &one["group"]),
        (&json!("block"), &json!("custom"))
    );
    let fits = json!({"type": "plate.cut", "data": {"plate_id": 7}});
    ingest.publish(fits).await;
    let departs = json!({"type": "plate.cut", "data": {}});
    let refused = ingest
        .call(Method::POST, &format!("{BASE}/events"), departs)
        .await;
    assert_problem(&refused, 422, "invalid_field", "plate_id");
    ingest.stop().await;
}
