//! How the service describes itself, and what it counts.

use std::fs;
use std::path::Path;

use contract::FileEventKind;
use testkit::TempDb;

use crate::harness::{TestReceiver, event, headers, snapshot};

#[tokio::test]
async fn the_description_is_the_one_on_record_and_has_a_page() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi/receiver.json");
    let kept = fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == receiver::openapi(),
        "`draftwire openapi receiver > docs/openapi/receiver.json`, and look at what has changed"
    );
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    let (status, description) = shop.get("/openapi.json").await;
    assert_eq!(
        (status, description["openapi"].as_str()),
        (200, Some("3.1.0"))
    );
    let page = shop.http.get(format!("{}/docs", shop.base)).send().await;
    assert_eq!(page.unwrap().status(), 200);
    shop.stop().await;
}

#[tokio::test]
async fn requests_events_batches_and_waits_are_counted() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    let processed = event(FileEventKind::Processed, 2, &snapshot(5));
    for _ in 0..2 {
        assert_eq!(shop.send("shop", &processed).await.0, 200);
    }
    let bad = shop.send_raw("shop", headers(&[]), b"{}".to_vec()).await;
    assert_eq!(bad.0, 401);
    // Names that strangers make up become no labels.
    let odd = shop.send_raw("made-up", headers(&[]), b"{}".to_vec()).await;
    assert_eq!(odd.0, 404);
    assert_eq!(shop.get("/projects/JB-2025-10-CL0001-077").await.0, 404);
    let metrics = shop.http.get(format!("{}/metrics", shop.base)).send().await;
    let metrics = metrics.unwrap().text().await.unwrap();
    for line in [
        r#"draftwire_receiver_events_total{source="shop",outcome="unmatched"} 1"#,
        r#"draftwire_receiver_events_total{source="shop",outcome="duplicate"} 1"#,
        r#"draftwire_receiver_events_total{source="shop",outcome="missing_signature"} 1"#,
        r#"draftwire_receiver_requests_total{route="/webhooks/{source}/event",status="200"} 2"#,
        r#"draftwire_receiver_requests_total{route="/webhooks/{source}/event",status="404"} 1"#,
        r#"draftwire_receiver_requests_total{route="/projects/{code}",status="404"} 1"#,
        "draftwire_receiver_event_duration_seconds_count 3",
        "draftwire_writer_batch_jobs_bucket{le=\"1\"}",
        "draftwire_reads_total",
        "draftwire_read_wait_seconds_total",
    ] {
        assert!(metrics.contains(line), "{line} in\n{metrics}");
    }
    assert!(
        !metrics.contains("made-up") && !metrics.contains("077"),
        "{metrics}"
    );
    shop.stop().await;
}

/// What a flood of bad signatures makes the database do: nothing.
#[tokio::test]
async fn refused_requests_cost_no_write() {
    let temp = TempDb::sqlite();
    // Nothing else writes: not even the sweep of old events.
    let shop = TestReceiver::start_with(&temp, &["receiver.inbox_retention_days=0"]).await;
    let jobs = async || {
        let metrics = shop.http.get(format!("{}/metrics", shop.base)).send().await;
        let metrics = metrics.unwrap().text().await.unwrap();
        let line = metrics
            .lines()
            .find(|line| line.starts_with("draftwire_writer_batch_jobs_count"));
        let count = line.and_then(|line| line.rsplit(' ').next()).unwrap();
        count.parse::<f64>().unwrap()
    };
    let before = jobs().await;
    let flood = (0..300).map(|n| {
        let id = format!("evt_{n}");
        let pairs = [
            ("webhook-id", id.as_str()),
            ("webhook-timestamp", "1"),
            ("webhook-signature", "v1,AAAA"),
        ];
        shop.send_raw("shop", headers(&pairs[..(n % 3) + 1]), b"{}".to_vec())
    });
    let answers = futures_util::future::join_all(flood).await;
    assert!(answers.iter().all(|(status, _)| *status == 401));
    assert!((jobs().await - before).abs() < 0.5);
    shop.stop().await;
}
