//! Every profile against the envelopes in `fixtures/events`, byte for byte.

use contract::{
    BatchId, EventType, FileEventKind, FileSnapshot, JsonObject, Profile, RenderError, parse,
    parse_batch, render, render_batch, signed_batch_headers, signed_headers,
};

use crate::{ENDPOINT_ID, NOW_S, event, signer};

macro_rules! envelope {
    ($name:literal) => {
        include_str!(concat!("../../../../fixtures/events/", $name, ".json")).trim_end()
    };
}

/// The kind, its envelope in `standard` and in `module-n`.
fn file_events() -> [(FileEventKind, &'static str, &'static str); 5] {
    [
        (
            FileEventKind::Ingested,
            envelope!("standard.file.ingested"),
            envelope!("module-n.file.ingested"),
        ),
        (
            FileEventKind::Processed,
            envelope!("standard.file.processed"),
            envelope!("module-n.file.processed"),
        ),
        (
            FileEventKind::Failed,
            envelope!("standard.file.failed"),
            envelope!("module-n.file.failed"),
        ),
        (
            FileEventKind::ReExtracted,
            envelope!("standard.file.re_extracted"),
            envelope!("module-n.file.re_extracted"),
        ),
        (
            FileEventKind::Deleted,
            envelope!("standard.file.deleted"),
            envelope!("module-n.file.deleted"),
        ),
    ]
}

fn rendered(profile: Profile, event: &contract::Event) -> String {
    String::from_utf8(render(profile, event, ENDPOINT_ID).unwrap()).unwrap()
}

#[test]
fn file_events_in_standard_and_module_n() {
    for (kind, standard, module_n) in file_events() {
        let received = parse(Profile::Standard, standard.as_bytes()).unwrap();
        assert_eq!(FileEventKind::of(&received.event_type), Some(kind));
        // The snapshot writes its keys as the golden file has them.
        let snapshot = FileSnapshot::from_data(&received.data).unwrap();
        let data = snapshot.to_data().unwrap();
        assert_eq!(data, received.data);

        let name = kind.event_type();
        let sequence = received.sequence.unwrap();
        let mut event = event(name.as_str(), &snapshot.subject(), sequence, data.as_str());
        let metadata = JsonObject::parse(r#"{"request_id":"r-1"}"#).unwrap();
        event.metadata = (kind == FileEventKind::Ingested).then_some(metadata);
        assert_eq!(rendered(Profile::Standard, &event), standard);
        assert_eq!(rendered(Profile::ModuleN, &event), module_n);

        let received = parse(Profile::ModuleN, module_n.as_bytes()).unwrap();
        assert_eq!(received.sequence, Some(sequence));
        assert_eq!(received.origin, Some(event.origin));
        assert_eq!(received.subject, Some(event.subject));
        let again = FileSnapshot::from_data(&received.data).unwrap();
        assert_eq!(again.to_data().unwrap(), data);
    }
}

#[test]
fn cloud_events() {
    let (_, standard, _) = file_events()[1];
    let data = parse(Profile::Standard, standard.as_bytes()).unwrap().data;
    let event = event("file.processed", "file/123", 2, data.as_str());
    let golden = envelope!("cloudevents.file.processed");
    assert_eq!(rendered(Profile::CloudEvents, &event), golden);
}

#[test]
fn resource() {
    let data = r#"{"invoice_id":"inv-123","invoice_number":"2025/0007","customer_id":42,"amount":"1500.00","currency":"ZAR","status":"draft","due_date":"2025-11-20"}"#;
    let event = event("invoice.created", "invoice/inv-123", 1, data);
    let golden = envelope!("resource.invoice.created");
    assert_eq!(rendered(Profile::Resource, &event), golden);
}

#[test]
fn canonical_from_data_in_any_spelling() {
    let data = "{ \"user_id\":\"u1\", \"query_id\":7,\"query\":\"caf\u{e9} \\ud83d\\ude00 \\/ \\\"5 mm\\\"\",
        \"sentiment\":0.00001,\"scores\":[1.0,1e16,-0.0,0.10,123456789012345678901234567890],
        \"nested\":{\"\u{e9}\":{ },\"a\":null,\"Z\":true} }";
    let event = event("query.created", "query/7", 1, data);
    let golden = envelope!("canonical.query.created");
    assert_eq!(rendered(Profile::Canonical, &event), golden);
}

#[test]
fn a_probe_is_carried_by_every_profile_and_module_n_refuses_the_rest() {
    let probe = event("webhook.test", "event/1", 1, r#"{"test": true}"#);
    assert_eq!(probe.event_type, EventType::PROBE);
    for profile in Profile::ALL {
        let body = render(profile, &probe, ENDPOINT_ID).unwrap();
        assert_eq!(parse(profile, &body).unwrap().event_type, EventType::PROBE);
    }
    let body = rendered(Profile::ModuleN, &probe);
    assert!(
        body.contains(r#""ingest_id":null,"file_data":{"test": true,"sequence":1,"#),
        "{body}"
    );

    let invoice = event("invoice.paid", "invoice/1", 1, "{}");
    let refused = render(Profile::ModuleN, &invoice, ENDPOINT_ID);
    assert!(matches!(refused, Err(RenderError::TypeNotCarried { .. })));
}

#[test]
fn empty_data_and_repeated_keys_survive_the_splice() {
    let body = rendered(
        Profile::ModuleN,
        &event("file.uploaded", "file/9", 4, "{ }"),
    );
    assert!(body.contains(r#""file_data":{"sequence":4,"#), "{body}");

    // A publisher's own `sequence` in the data: ours stands last and counts.
    let theirs = event(
        "file.uploaded",
        "file/9",
        4,
        r#"{"sequence":99,"ingest_id":9 }"#,
    );
    let received = parse(
        Profile::ModuleN,
        rendered(Profile::ModuleN, &theirs).as_bytes(),
    )
    .unwrap();
    assert_eq!(received.sequence, Some(4));
}

#[test]
fn every_profile_sends_its_headers() {
    let event = event("file.processed", "file/123", 2, r#"{"ingest_id":123}"#);
    for (profile, extra) in [
        (
            Profile::Standard,
            &[
                "x-webhook-event-id",
                "x-webhook-event-type",
                "x-webhook-timestamp",
                "x-webhook-signature",
            ][..],
        ),
        (Profile::ModuleN, &["x-webhook-signature"]),
        (Profile::Resource, &["x-event", "x-signature"]),
        (
            Profile::Canonical,
            &["x-webhook-timestamp", "x-webhook-id", "x-webhook-signature"],
        ),
        (Profile::CloudEvents, &[]),
    ] {
        let body = render(profile, &event, ENDPOINT_ID).unwrap();
        let headers = signed_headers(
            profile,
            &event,
            ENDPOINT_ID,
            NOW_S * 1000 + 7,
            &signer(),
            &body,
        );
        let (standard, rest) = headers.split_at(3);
        let names =
            |headers: &[(&'static str, String)]| headers.iter().map(|h| h.0).collect::<Vec<_>>();
        assert_eq!(
            names(standard),
            ["webhook-signature", "webhook-timestamp", "webhook-id"]
        );
        assert_eq!(names(rest), extra);
        for (name, value) in &headers {
            assert!(contract::is_reserved_header(name));
            let hex = signer().body_hex(&body).unwrap();
            let expected = match *name {
                "webhook-signature" => {
                    signer().sign("evt_01JAQ5Z8F3V6T2K9M4N7P1R0SX", NOW_S, &body)
                }
                "webhook-timestamp" => "1761042600".to_owned(),
                "webhook-id" | "x-webhook-event-id" => "evt_01JAQ5Z8F3V6T2K9M4N7P1R0SX".to_owned(),
                "x-event" | "x-webhook-event-type" => "file.processed".to_owned(),
                "x-webhook-timestamp" => "2025-10-21T10:30:00.007Z".to_owned(),
                "x-webhook-id" => ENDPOINT_ID.to_owned(),
                "x-webhook-signature" if profile != Profile::ModuleN => hex,
                _ => format!("sha256={hex}"),
            };
            assert_eq!(*value, expected, "{name}");
        }
    }
}

/// The two events of `standard.batch`, each with what it is alone.
fn batch() -> [(contract::Event, &'static str); 2] {
    let [(ingested, first, _), (processed, second, _), ..] = file_events();
    [(ingested, first), (processed, second)].map(|(kind, golden)| {
        let received = parse(Profile::Standard, golden.as_bytes()).unwrap();
        let (name, data) = (kind.event_type(), received.data.as_str());
        let sequence = received.sequence.unwrap();
        let mut event = event(name.as_str(), "file/123", sequence, data);
        let metadata = JsonObject::parse(r#"{"request_id":"r-1"}"#).unwrap();
        event.metadata = (kind == FileEventKind::Ingested).then_some(metadata);
        (event, golden)
    })
}

#[test]
fn a_batch_is_an_array_of_what_goes_alone() {
    let batch = batch();
    let events: Vec<_> = batch.iter().map(|(event, _)| event).collect();
    let body = render_batch(Profile::Standard, &events, ENDPOINT_ID).unwrap();
    let golden = envelope!("standard.batch");
    assert_eq!(String::from_utf8(body).unwrap(), golden);
    let single = parse_batch(Profile::Standard, golden.as_bytes()).unwrap();
    let alone = batch.iter().map(|(_, alone)| alone.as_bytes());
    assert_eq!(single.unwrap(), alone.collect::<Vec<_>>());

    let one = rendered(Profile::CloudEvents, events[1]);
    let two = render_batch(Profile::CloudEvents, &[events[1]; 2], ENDPOINT_ID).unwrap();
    assert_eq!(String::from_utf8(two).unwrap(), format!("[{one},{one}]"));
    for profile in Profile::ALL {
        let none = render_batch(profile, &[], ENDPOINT_ID);
        match profile.batch_content_type() {
            Some(_) => assert_eq!(none.unwrap(), b"[]"),
            None => assert_eq!(none, Err(RenderError::NoBatches { profile })),
        }
    }
}

#[test]
fn a_batch_is_signed_as_a_whole() {
    let id = BatchId::parse("bat_01JAQ5Z8F3V6T2K9M4N7P1R0SX").unwrap();
    let body = envelope!("standard.batch").as_bytes();
    // Token and hex as other implementations of HMAC make them.
    let standard = [
        (
            "webhook-signature",
            "v1,yiEmZmrRDs/yGrM9utEHq3t5L4Sl/wQyeseI/LsTphk=",
        ),
        ("webhook-timestamp", "1761042600"),
        ("webhook-id", "bat_01JAQ5Z8F3V6T2K9M4N7P1R0SX"),
        ("x-webhook-timestamp", "2025-10-21T10:30:00.007Z"),
        (
            "x-webhook-signature",
            "01a101c38ec0e64b13e702d1d0a9f2359b1b96dbacaa370ed68e837141cd165e",
        ),
    ];
    let headers = |profile| signed_batch_headers(profile, id, NOW_S * 1000 + 7, &signer(), body);
    let expected = standard.map(|(name, value)| (name, value.to_owned()));
    assert_eq!(headers(Profile::Standard), expected);
    assert_eq!(headers(Profile::CloudEvents), expected[..3]);
}
