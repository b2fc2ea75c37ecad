//! What the webhook platform refuses: each refusal says what is wrong.

use reqwest::Method;
use serde_json::{Value as Json, json};
use testkit::TempDb;

use crate::harness::{TestIngest, answer, assert_problem};
use crate::platform::{BASE, text};

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// Method, path, body, status, and what the detail says. `{url}` is an endpoint that has a subscription to `a.b`, which is
/// `{id}`; `{shop}` comes from the configuration.
#[rustfmt::skip]
const REFUSED: &[(&str, &str, &str, u16, &str)] = &[
    ("POST", "/subscriptions", r#"{"url": "{url}", "events": ["a.b"]}"#, 409, "same url"),
    ("POST", "/subscriptions", r#"{"url": "{url}"}"#, 422, "events"),
    ("POST", "/subscriptions", r#"{"events": ["a.b"]}"#, 422, "url"),
    ("POST", "/subscriptions", r#"{"url": "{url}", "events": ["A B"]}"#, 422, "events"),
    ("POST", "/subscriptions", r#"{"url": "ftp://x", "events": ["*"]}"#, 422, "url"),
    ("POST", "/subscriptions", r#"{"url": "http://10.0.0.1/", "events": ["*"]}"#, 422, "allow_networks"),
    ("POST", "/subscriptions", r#"{"url": "{url}", "events": ["*"], "colour": 1}"#, 422, "colour"),
    ("POST", "/subscriptions", r#"{"url": "{url}", "events": ["*"], "secret": "short"}"#, 422, "secret"),
    ("POST", "/subscriptions", r#"{"url": "{url}", "events": ["*"], "profile": "xml"}"#, 422, "cloudevents"),
    ("POST", "/subscriptions", r#"{"url": "{url}", "events": ["*"], "profile": "module-n"}"#, 422, "module-n"),
    ("POST", "/subscriptions", r#"{"url": "{url}", "events": ["*"], "filter": "event.x =="}"#, 422, "filter"),
    ("POST", "/subscriptions", r#"{"url": "{url}", "events": ["*"], "timeout_seconds": 301}"#, 422, "timeout_seconds"),
    ("POST", "/subscriptions", r#"{"url": "{url}", "events": ["*"], "max_retries": 21}"#, 422, "max_retries"),
    ("POST", "/subscriptions", r#"{"url": "{url}", "events": ["*"], "headers": {"host": "x"}}"#, 422, "headers"),
    ("POST", "/subscriptions", r#"{"url": "{url}", "events": "*"}"#, 422, "events"),
    ("POST", "/subscriptions", r#"{"url": "{url}", "events": ["file.*"], "profile": "module-n", "batch": {}}"#, 422, "standard and cloudevents"),
    ("POST", "/subscriptions", r#"{"url": "{url}", "events": ["*"], "profile": "resource", "batch": {}}"#, 422, "standard and cloudevents"),
    ("POST", "/subscriptions", r#"{"url": "{url}", "events": ["*"], "profile": "canonical", "batch": {}}"#, 422, "standard and cloudevents"),
    ("POST", "/subscriptions", r#"{"url": "{url}", "events": ["*"], "batch": {"max_events": 1}}"#, 422, "between 2 and 100"),
    ("POST", "/subscriptions", r#"{"url": "{url}", "events": ["*"], "batch": {"max_wait_ms": 60001}}"#, 422, "batch.max_wait_ms"),
    ("POST", "/subscriptions", r#"{"url": "{url}", "events": ["*"], "batch": {"events": 7}}"#, 422, "max_events"),
    ("PATCH", "/subscriptions/{id}", r#"{"profile": "resource", "batch": {"max_events": 7}}"#, 422, "batch"),
    ("POST", "/subscriptions", r#"{"url": "#, 400, ""),
    ("PATCH", "/subscriptions/{id}", r#"{"secret": "12345678"}"#, 422, "rotate-secret"),
    ("PATCH", "/subscriptions/{id}", r#"{"url": null}"#, 422, "url"),
    ("PATCH", "/subscriptions/{shop}", r#"{"description": "x"}"#, 409, "configuration"),
    ("DELETE", "/subscriptions/{shop}", "", 409, "configuration"),
    ("PATCH", "/subscriptions/{nobody}", r#"{"description": "x"}"#, 404, "subscription"),
    ("PATCH", "/subscriptions/{id}", r#"{"description": "a\u0000b"}"#, 422, "description"),
    ("POST", "/subscriptions/{id}/rotate-secret", r#"{"overlap_seconds": 604801}"#, 422, "secret"),
    ("POST", "/subscriptions/{nobody}/test", "", 404, "subscription"),
    ("POST", "/subscriptions/{nobody}/enable", "", 404, "subscription"),
    ("GET", "/subscriptions/{nobody}", "", 404, "subscription"),
    ("GET", "/subscriptions/{nobody}/stats", "", 404, "subscription"),
    ("GET", "/subscriptions/7", "", 404, "subscription"),
    ("GET", "/subscriptions?limit=0", "", 422, "limit"),
    ("GET", "/subscriptions?colour=1", "", 422, "colour"),
    ("GET", "/subscriptions?is_active=maybe", "", 422, "is_active"),
    ("POST", "/subscriptions/filter/test", r#"{"filter": "nobody"}"#, 422, "filter"),
    ("POST", "/subscriptions/filter/test", r#"{"filter": "true", "limit": 101}"#, 422, "limit"),
    ("POST", "/events", r#"{"type": "a.b"}"#, 422, "data"),
    ("POST", "/events", r#"{"data": {}}"#, 422, "type"),
    ("POST", "/events", r#"{"type": "A!", "data": {}}"#, 422, "type"),
    ("POST", "/events", r#"{"type": "a.b", "data": []}"#, 422, "data"),
    ("POST", "/events", r#"{"type": "a.b", "data": {}, "colour": 1}"#, 422, "colour"),
    ("POST", "/events", r#"{"type": "a.b", "data": {}, "subject": ""}"#, 422, "subject"),
    ("POST", "/events", r#"{"type": "a.b", "data": {}, "subject": "a\u0000"}"#, 422, "subject"),
    ("POST", "/events", r#"{"type": "a.b", "data": {}, "timestamp": "noon"}"#, 422, "timestamp"),
    ("POST", "/events", r#"{"type": "a.b", "data": {}, "metadata": 1}"#, 422, "metadata"),
    ("POST", "/events", r#"{"type": "a.b", "data": {}, "id": "1"}"#, 422, "id"),
    ("POST", "/events", r#"{"type": "delivery.dead", "data": {}}"#, 422, "type"),
    ("POST", "/events", r#"{"type": "a.b", "data": {"x": "{long}"}}"#, 413, "event_bytes_max"),
    ("POST", "/events/batch", r#"{"events": []}"#, 422, "1 to 1000"),
    ("GET", "/events/no.such", "", 404, "event type"),
    ("POST", "/event-types", r#"{"type": "a.b", "schema": {"type": 1}}"#, 422, "schema"),
    ("POST", "/event-types", r#"{"type": "a.b", "validation": "maybe"}"#, 422, "validation"),
    ("POST", "/event-types", r#"{"type": "endpoint.failing"}"#, 422, "type"),
    ("GET", "/event-log?since=noon", "", 422, "since"),
    ("GET", "/event-log?subject=%00", "", 422, "subject"),
    ("GET", "/event-log/evt_1", "", 404, "event"),
    ("GET", "/reconcile?subscription=none", "", 404, "none"),
    ("GET", "/reconcile?subscription=shop&since=x", "", 422, "since"),
    ("POST", "/replays", "{}", 422, "since"),
    ("POST", "/replays", r#"{"since": "2025-01-02", "until": "2025-01-01"}"#, 422, "until"),
    ("POST", "/replays", r#"{"since": "2025-01-02", "types": ["A!"]}"#, 422, "types"),
    ("POST", "/replays", r#"{"since": "2025-01-02", "states": ["lost"]}"#, 422, "states"),
    ("POST", "/replays", r#"{"since": "2025-01-02", "rate_per_second": 0}"#, 422, "rate_per_second"),
    ("POST", "/replays", r#"{"since": "2025-01-02", "event_ids": ["evt_1"]}"#, 422, "event_ids"),
    ("POST", "/replays", r#"{"since": "2025-01-02", "subscription": "{nobody}"}"#, 404, "subscription"),
    ("GET", "/replays/rpl_1", "", 404, "replay"),
    ("POST", "/replays/dlv_1/cancel", "", 404, "replay"),
    ("GET", "/deliveries?state=lost", "", 422, "pending"),
    ("GET", "/deliveries?subscription={nobody}", "", 404, "subscription"),
    ("GET", "/deliveries/dlv_1", "", 404, "delivery"),
    ("POST", "/deliveries/1/retry", "", 404, "delivery"),
    ("POST", "/dead-letters/redeliver", r#"{"colour": 1}"#, 422, "colour"),
    ("DELETE", "/events", "", 405, ""),
];

#[tokio::test]
async fn each_refusal_says_what_is_wrong() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let made = ingest.subscribe("/a", &["a.b"]).await;
    let all = ingest.ok(&format!("{BASE}/subscriptions")).await;
    let names = [
        ("{url}", format!("{}/a", ingest.endpoint.url())),
        ("{id}", text(&made["id"])),
        ("{shop}", text(&all["items"][0]["id"])),
        ("{nobody}", NOBODY.to_owned()),
        ("{long}", "x".repeat(300_000)),
    ];
    let named = |text: &str| {
        let fill = |text: String, (name, value): &(&str, String)| text.replace(name, value);
        names.iter().fold(text.to_owned(), fill)
    };
    for (method, path, body, status, says) in REFUSED {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = ingest.request(method.clone(), &format!("{BASE}{}", named(path)));
        let request = match *body {
            "" => request,
            body => request
                .header("content-type", "application/json")
                .body(named(body)),
        };
        let (got, refused) = answer(request).await;
        assert_eq!(got, *status, "{method} {path} {body}: {refused}");
        let detail = refused["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(says), "{method} {path} {body}: {detail}");
    }
    let after = ingest.ok(&format!("{BASE}/subscriptions")).await;
    assert_eq!(after["total"], 2, "nothing was made");
    ingest.stop().await;
}

#[tokio::test]
async fn monitoring_refuses_what_is_out_of_bounds() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    for (path, says) in [
        ("/webhooks/stats?hours=0", "2160"),
        ("/webhooks/failures?limit=101", "100"),
        ("/webhooks/stats?days=1", "days"),
    ] {
        let refused = ingest.get(path).await;
        assert_problem(&refused, 422, "invalid_field", says);
    }
    let event = json!({"type": "a.b", "data": {}});
    let typed = ingest.request(Method::POST, &format!("{BASE}/events"));
    let typed = typed
        .header("content-type", "text/plain")
        .body(event.to_string());
    let refused: (u16, Json) = answer(typed).await;
    assert_problem(&refused, 415, "unsupported_media_type", "application/json");
    ingest.stop().await;
}
