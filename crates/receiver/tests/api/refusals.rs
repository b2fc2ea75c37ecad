//! Bad input: each refusal its code and status, nothing written, never a 5xx.

use contract::{FileEventKind, Profile, render};
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::json;
use testkit::TempDb;

use crate::harness::{
    BODY_BYTES_MAX, SECRET, TestReceiver, event, headers, now_s, sign, sign_body, snapshot,
};

/// One header of a well signed request, changed.
const CHANGED: [(&str, &str, &[u8]); 11] = [
    ("malformed_signature", "webhook-signature", b"nonsense"),
    ("malformed_signature", "webhook-signature", b"v9,AAAA"),
    ("malformed_signature", "webhook-timestamp", b"soon"),
    ("malformed_signature", "webhook-timestamp", b"-1"),
    ("malformed_signature", "webhook-id", b"a.b"),
    ("malformed_signature", "webhook-id", b""),
    ("malformed_signature", "webhook-id", b"\xe9"),
    ("unknown_key", "webhook-signature", b"v1a,AAAA"),
    ("signature_mismatch", "webhook-signature", b"v1,AAAA"),
    ("signature_mismatch", "webhook-id", b"another"),
    ("timestamp_too_old", "webhook-timestamp", b"1"),
];

#[tokio::test]
async fn every_refusal_has_its_code_and_writes_nothing() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    let processed = event(FileEventKind::Processed, 2, &snapshot(5));
    let body = render(Profile::Standard, &processed, "endpoint").unwrap();
    let id = processed.id.to_string();
    let good = sign(&id, now_s(), &body);
    let without = |name: &str| {
        let mut changed = good.clone();
        changed.remove(name);
        changed
    };
    let mut cases: Vec<(&str, HeaderMap)> = vec![
        ("missing_signature", headers(&[])),
        ("missing_signature", without("webhook-signature")),
        ("missing_signature", without("webhook-timestamp")),
        ("missing_signature", sign_body(&processed, &body)),
        ("signature_mismatch", sign(&id, now_s(), b"{}")),
        ("timestamp_too_old", sign(&id, now_s() - 400, &body)),
        ("timestamp_in_future", sign(&id, now_s() + 400, &body)),
    ];
    cases.extend(CHANGED.map(|(code, name, value)| {
        let mut changed = good.clone();
        changed.insert(name, HeaderValue::from_bytes(value).unwrap());
        (code, changed)
    }));
    let mut twice = good.clone();
    twice.append("webhook-id", HeaderValue::from_static("another"));
    cases.push(("malformed_signature", twice));

    for (code, headers) in cases {
        let (status, problem) = shop.send_raw("shop", headers, body.clone()).await;
        let expected = if code == "malformed_signature" {
            400
        } else {
            401
        };
        assert_eq!(
            (&problem["code"], status),
            (&json!(code), expected),
            "{problem}"
        );
        assert!(!problem.to_string().contains(SECRET), "{problem}");
    }
    assert!(shop.items("/inbox").await.is_empty());
    assert_eq!(shop.send_raw("shop", good, body).await.0, 200);
    shop.stop().await;
}

#[tokio::test]
async fn an_unknown_source_and_an_oversized_body_are_refused() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    let processed = event(FileEventKind::Processed, 2, &snapshot(5));
    for source in ["nobody", "%00", "shop%2f.."] {
        let (status, problem) = shop.send_raw(source, headers(&[]), b"{}".to_vec()).await;
        assert_eq!(
            (status, &problem["code"]),
            (404, &json!("not_found")),
            "{source}"
        );
    }
    assert_eq!(shop.get("/webhooks/nobody/health").await.0, 404);
    let large = vec![b' '; BODY_BYTES_MAX + 1];
    let (status, problem) = shop
        .send_raw("shop", sign("x", now_s(), &large), large)
        .await;
    assert_eq!((status, &problem["code"]), (413, &json!("body_too_large")));
    let (status, problem) = shop.get("/webhooks/shop/event").await;
    assert_eq!(
        (status, &problem["code"]),
        (405, &json!("method_not_allowed"))
    );
    assert_eq!(shop.send("shop", &processed).await.0, 200);
    shop.stop().await;
}

/// Signed, but no envelope.
const MALFORMED: [&str; 12] = [
    "",
    "[[]]",
    "null",
    "{",
    "{}",
    r#"{"type":"x"}"#,
    "\u{0}",
    r#"[{"id":"evt_1"}]"#,
    r#"{"type":"File","timestamp":"2025-10-21","data":{}}"#,
    r#"{"type":"file.processed","timestamp":"yesterday","data":{}}"#,
    r#"{"type":"file.processed","timestamp":"2025-10-21","data":[]}"#,
    r#"{"type":"file.processed","timestamp":"2025-10-21","data":{"a":1e999}}"#,
];

/// Envelopes whose data cannot be kept, with the field that is named.
fn unusable() -> [(&'static str, String); 7] {
    let (long, longer) = ("y".repeat(65), "x".repeat(1025));
    [
        ("data", "{}".to_owned()),
        ("data", r#"{"ingest_id":"five"}"#.to_owned()),
        ("data", r#"{"ingest_id":99999999999999999999}"#.to_owned()),
        ("data", r#"{"ingest_id":5,"created_at":"soon"}"#.to_owned()),
        (
            "part_name",
            r#"{"ingest_id":5,"part_name":"a\u0000b"}"#.to_owned(),
        ),
        (
            "project_code",
            format!(r#"{{"ingest_id":5,"project_code":"{long}"}}"#),
        ),
        (
            "material",
            format!(r#"{{"ingest_id":5,"material":"{longer}"}}"#),
        ),
    ]
}

/// Extremes that can be kept.
const ODD_BUT_FINE: &str = r#"{"type":"file.processed","timestamp":"0001-01-01","origin":" ",
    "sequence":-9223372036854775808,"data":{"ingest_id":-9223372036854775808,"thickness_mm":1e308,
    "quantity":9223372036854775807,"confidence_score":-0.0,"extraction":"\u0000",
    "error":{"code":"\u0000","message":"\ud83d\ude00"}}}"#;

#[tokio::test]
async fn signed_nonsense_is_a_4xx_and_what_can_be_named_is_kept_as_failed() {
    for temp in TempDb::both() {
        let shop = TestReceiver::start(&temp).await;
        let send = async |id: String, body: &str| {
            let headers = sign(&id, now_s(), body.as_bytes());
            shop.send_raw("shop", headers, body.as_bytes().to_vec())
                .await
        };
        for (n, body) in MALFORMED.iter().enumerate() {
            let (status, problem) = send(format!("bad-{n}"), body).await;
            assert_eq!(
                (status, &problem["code"]),
                (400, &json!("malformed_body")),
                "{body}"
            );
        }
        assert!(shop.items("/inbox").await.is_empty());

        for (n, (field, data)) in unusable().iter().enumerate() {
            let body =
                format!(r#"{{"type":"file.processed","timestamp":"2025-10-21","data":{data}}}"#);
            let (status, problem) = send(format!("odd-{n}"), &body).await;
            assert_eq!(
                (status, &problem["code"]),
                (422, &json!("invalid_field")),
                "{data}"
            );
            assert_eq!(problem["errors"][0]["field"], *field, "{data}");
        }
        let failed = shop.items("/inbox?state=failed").await;
        assert_eq!(failed.len(), unusable().len());
        assert!(shop.items("/design-files").await.is_empty());

        let (status, answer) = send("fine".to_owned(), ODD_BUT_FINE).await;
        assert_eq!(status, 200, "{answer}");
        let files = shop.items("/design-files").await;
        assert_eq!(files[0]["error"]["message"], "\u{1f600}");
        assert_eq!(shop.items("/activity").await.len(), 1);
        shop.stop().await;
    }
}

#[tokio::test]
async fn a_receiver_that_cannot_write_asks_to_come_again() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start_with(&temp, &["receiver.database.queue_jobs_max=0"]).await;
    let processed = event(FileEventKind::Processed, 2, &snapshot(5));
    let (status, problem) = shop.send("shop", &processed).await;
    assert_eq!((status, &problem["code"]), (503, &json!("unavailable")));
    let client = json!({"code": "CL0001", "name": "Acme"});
    let request = shop
        .http
        .post(format!("{}/clients", shop.base))
        .json(&client);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    shop.stop().await;
}

#[tokio::test]
async fn foreign_names_and_pages_are_turned_away() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start_with(&temp, &["receiver.public_url=https://shop.example"]).await;
    let asked = async |name: &str, value: &str| {
        let url = format!("{}/projects", shop.base);
        let request = shop.http.get(url).header(name, value);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(asked("host", "evil.example").await, 421);
    assert_eq!(asked("origin", "https://evil.example").await, 421);
    assert_eq!(asked("host", "shop.example").await, 200);
    assert_eq!(asked("origin", &shop.base).await, 200);
}

#[tokio::test]
async fn a_body_that_trickles_in_and_one_without_end_are_cut_off() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    let temp = TempDb::sqlite();
    let extra = [
        "receiver.http.body_seconds_max=1",
        "receiver.http.head_seconds_max=1",
    ];
    let shop = TestReceiver::start_with(&temp, &extra).await;
    let address = shop.base.trim_start_matches("http://").to_owned();
    let request = |length: &str| {
        format!("POST /webhooks/shop/event HTTP/1.1\r\nhost: localhost\r\n{length}\r\n\r\n")
    };
    let chunk = format!("2710\r\n{}\r\n", "x".repeat(10_000));
    for (head, more, expected) in [
        // Promised and never sent.
        (request("content-length: 100"), "{".to_owned(), "408"),
        // Without end, chunk by chunk.
        (
            request("transfer-encoding: chunked"),
            chunk.repeat(5),
            "413",
        ),
        // Promised too much.
        (request("content-length: 99999999"), String::new(), "413"),
        // Half a head.
        (
            "POST /webhooks/shop/event HTTP/1.1\r\nhost: loc".to_owned(),
            String::new(),
            "408",
        ),
    ] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // It may have been cut off by then.
        drop(stream.write_all(more.as_bytes()).await);
        let mut answer = [0; 12];
        let read = stream.read_exact(&mut answer);
        let answered = tokio::time::timeout(std::time::Duration::from_secs(20), read).await;
        answered.expect("an answer in time").unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {expected}")),
            "{head}: {answer}"
        );
    }
    assert!(shop.items("/inbox").await.is_empty());
    shop.stop().await;
}
