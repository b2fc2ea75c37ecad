//! `CloudEvents` whose attributes are headers and whose data is the body.

use contract::{Event, FileEventKind, Profile, format_ms, render};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value as Json, json};
use testkit::TempDb;

use crate::harness::{ORIGIN, TestReceiver, event, headers, now_s, sign, snapshot};

const CLOUDS: [&str; 4] = [
    "sources.clouds.profile=cloudevents",
    "sources.clouds.secrets=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "sources.haze.profile=cloudevents",
    "sources.haze.allow_unsigned=true",
];

/// The attributes of an event beside its data.
fn attributes(event: &Event) -> HeaderMap {
    headers(&[
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", &event.id.to_string()),
        ("ce-source", "/draftwire/default"),
        ("ce-type", event.event_type.as_str()),
        ("ce-time", &format_ms(event.timestamp_ms)),
        ("ce-subject", &event.subject),
        ("ce-sequence", &format!("{:020}", event.sequence)),
        ("ce-origin", &event.origin),
    ])
}

fn signed(attributes: &HeaderMap, id: &str, body: &[u8]) -> HeaderMap {
    let mut all = sign(id, now_s(), body);
    all.extend(attributes.clone());
    all
}

fn with(mut attributes: HeaderMap, name: &'static str, value: &str) -> HeaderMap {
    let name = HeaderName::from_static(name);
    attributes.insert(name, HeaderValue::from_str(value).unwrap());
    attributes
}

#[tokio::test]
async fn a_signed_event_is_the_same_in_either_mode() {
    for temp in TempDb::both() {
        let shop = TestReceiver::start_with(&temp, &CLOUDS).await;
        let project_id = shop.make_project().await;
        let processed = event(FileEventKind::Processed, 2, &snapshot(5));
        let (id, data) = (processed.id.to_string(), processed.data.as_str());
        let send = async |headers: HeaderMap, body: &[u8]| {
            shop.send_raw("clouds", headers, body.to_vec()).await
        };
        let attributes = attributes(&processed);
        let (status, told) = send(signed(&attributes, &id, data.as_bytes()), data.as_bytes()).await;
        assert_eq!(
            (status, &told["message"]),
            (200, &json!("applied")),
            "{told}"
        );
        assert_eq!(told["project_id"], project_id);

        // In structured mode it is a repeat, also with the same headers beside it.
        let whole = render(Profile::CloudEvents, &processed, "endpoint").unwrap();
        for headers in [HeaderMap::new(), attributes.clone()] {
            let (_, told) = send(signed(&headers, &id, &whole), &whole).await;
            assert_eq!(told["duplicate"], true, "{told}");
        }
        let (_, file) = shop.get("/design-files/1").await;
        assert_eq!(
            (&file["origin"], &file["material"], &file["ingest_id"]),
            (&json!(ORIGIN), &json!("Mild Steel"), &json!(5))
        );
        let (_, kept) = shop.get("/inbox/1").await;
        assert_eq!(kept["body"], data);
        assert_eq!(kept["headers"]["ce-type"], "file.processed");
        assert_eq!(kept["verified"], "signed");

        // What is signed is the body, with an id and a time of its own.
        for (headers, code) in [
            (attributes.clone(), "missing_signature"),
            (signed(&attributes, &id, b"{}"), "signature_mismatch"),
        ] {
            let (status, refused) = send(headers, data.as_bytes()).await;
            assert_eq!((status, &refused["code"]), (401, &json!(code)));
        }
        shop.stop().await;
    }
}

#[tokio::test]
async fn an_unsigned_event_is_known_by_its_id() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start_with(&temp, &CLOUDS).await;
    let processed = event(FileEventKind::Processed, 2, &snapshot(5));
    let paid = with(attributes(&processed), "ce-type", "invoice.paid");
    let long = "x".repeat(300);
    for (id, is_repeat) in [
        ("e1", false),
        ("e2", false),
        ("%65%31", true),
        ("a%20b", false),
        ("%C3%A9", false),
        ("a%20b", true),
        (long.as_str(), false),
    ] {
        let headers = with(paid.clone(), "ce-id", id);
        let (status, told) = shop.send_raw("haze", headers, b"{}".to_vec()).await;
        assert_eq!(status, 200, "{told}");
        assert_eq!(told["duplicate"] == true, is_repeat, "{id}: {told}");
    }
    let ids = shop.items("/inbox?source=haze").await;
    assert_eq!((ids.len(), &ids[4]["event_id"]), (5, &json!("e1")));
    // It is read again from what was kept of its request.
    let path = format!("/inbox/{}/reapply", ids[0]["id"]);
    let (status, told) = shop.post(&path, &json!({})).await;
    assert_eq!((status, &told["success"]), (200, &json!(true)), "{told}");
    // The id that others are known by goes before its own.
    let headers = with(paid, "webhook-id", "e1");
    let (_, told) = shop.send_raw("haze", headers, b"{}".to_vec()).await;
    assert_eq!(told["duplicate"], true, "{told}");
    shop.stop().await;
}

#[tokio::test]
async fn a_header_at_fault_is_named_and_nothing_is_written() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start_with(&temp, &CLOUDS).await;
    let processed = event(FileEventKind::Processed, 2, &snapshot(5));
    let body = processed.data.as_str().as_bytes();
    let good = attributes(&processed);
    let mut cases: Vec<(&str, HeaderMap)> = Vec::new();
    for name in ["ce-specversion", "ce-id", "ce-source", "ce-type", "ce-time"] {
        let mut without = good.clone();
        without.remove(name);
        cases.push((name, without));
        cases.push((name, with(good.clone(), name, "")));
        cases.push((name, with(good.clone(), name, "%ff")));
    }
    for (name, value) in [
        ("ce-specversion", "0.3"),
        ("ce-type", "File Processed"),
        ("ce-time", "yesterday"),
        ("ce-subject", "%0d%0a"),
        ("content-type", "text/plain"),
    ] {
        cases.push((name, with(good.clone(), name, value)));
    }
    for (name, attributes) in cases {
        for (source, headers) in [
            ("haze", attributes.clone()),
            ("clouds", signed(&attributes, "e1", body)),
        ] {
            let (status, refused) = shop.send_raw(source, headers, body.to_vec()).await;
            let code = (status, &refused["code"]);
            assert_eq!(code, (400, &json!("malformed_body")), "{name}");
            let detail = refused["detail"].as_str().unwrap();
            assert!(detail.contains(name), "{name}: {detail}");
        }
    }
    for body in ["", "[]", "7", "\u{0}"] {
        let (status, refused) = shop.send_raw("haze", good.clone(), body.into()).await;
        assert_eq!(status, 400, "{refused}");
    }
    // Of another profile these headers say nothing.
    let (status, _) = shop.send_raw("open", good, body.to_vec()).await;
    assert_eq!(status, 400);
    assert_eq!(shop.items("/inbox").await, Vec::<Json>::new());
    shop.stop().await;
}
