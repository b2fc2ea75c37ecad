//! Spans as a collector gets them: real processes, OTLP over HTTP. Must never need a collector to publish or to deliver.

use std::collections::BTreeMap;
use std::time::Duration;

use e2e::http::{self, http};
use e2e::pair::nothing_is_owed;
use e2e::process::{Process, SECRET};
use e2e::turns;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue as Any, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message;
use serde_json::json;
use testkit::{RecordedRequest, ScriptedEndpoint, ScriptedReply};

const EVENTS: &str = "/api/v1/webhooks/events";
const SAMPLED: (&str, &str) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
const UNSAMPLED: (&str, &str) = ("7bf92f3577b34da6a3ce929d0e0e4737", "10f067aa0ba902b7");
const COLLECTOR_KEY: &str = "a-key-that-only-the-collector-sees";
const PATIENCE: Duration = Duration::from_secs(30);

fn traced(process: &Process, collector: &str) {
    process.add_settings(&format!(
        "[traces]\notlp_endpoint = {collector:?}\ntimeout_seconds = 1\n\
         [traces.headers]\nx-collector-key = {COLLECTOR_KEY:?}\n"
    ));
}

async fn subscribe(ingest: &Process, url: &str, batch: bool) {
    let mut wanted = json!({"url": url, "events": ["*"], "secret": SECRET});
    if batch {
        wanted["batch"] = json!({"max_events": 2, "max_wait_ms": 2_000});
    }
    let url = format!("{}/api/v1/webhooks/subscriptions", ingest.url());
    assert!(http::post(&url, &wanted).await.unwrap().is_success());
}

/// Publishes an event that belongs to a span of the publisher's.
async fn publish(ingest: &Process, (trace, span): (&str, &str), flags: &str) {
    let parent = format!("00-{trace}-{span}-{flags}");
    let event = json!({
        "type": "order.made", "data": {"order_id": "7"}, "metadata": {"traceparent": parent},
    });
    let request = http().post(format!("{}{EVENTS}", ingest.url()));
    let answer = request.header("traceparent", parent).json(&event).send();
    assert_eq!(answer.await.unwrap().status(), 202);
}

/// All spans that have arrived, with the name of the service that made them.
fn spans(requests: &[RecordedRequest]) -> Vec<(String, Span)> {
    let mut spans = Vec::new();
    for request in requests {
        assert_eq!((&*request.method, &*request.path), ("POST", "/v1/traces"));
        assert_eq!(
            request.header("content-type"),
            Some("application/x-protobuf")
        );
        assert_eq!(request.header("x-collector-key"), Some(COLLECTOR_KEY));
        let export = ExportTraceServiceRequest::decode(request.body.clone()).unwrap();
        for of_resource in export.resource_spans {
            let resource = of_resource.resource.unwrap();
            let service = texts(&resource.attributes)["service.name"].clone();
            for scope in of_resource.scope_spans {
                spans.extend(scope.spans.into_iter().map(|span| (service.clone(), span)));
            }
        }
    }
    spans
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Option<Any>| match value.as_ref()?.value.as_ref()? {
        AnyValue::StringValue(text) => Some(text.clone()),
        AnyValue::IntValue(number) => Some(number.to_string()),
        _ => None,
    };
    attributes
        .iter()
        .filter_map(|pair| Some((pair.key.clone(), text(&pair.value)?)))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_publishers_trace_goes_on_through_both_services() {
    let _turn = turns::beside_others().await;
    let collector = ScriptedEndpoint::start().await;
    let mut receiver = Process::receiver(None, &[("draftwire", "standard")]);
    let mut ingest = Process::ingest(None, &[]);
    for process in [&mut receiver, &mut ingest] {
        traced(process, collector.url());
        process.start();
        process.healthy().await;
    }
    let url = format!("{}/webhooks/draftwire/event", receiver.url());
    subscribe(&ingest, &url, false).await;
    publish(&ingest, UNSAMPLED, "00").await;
    publish(&ingest, SAMPLED, "01").await;
    nothing_is_owed(&ingest, PATIENCE).await;
    for process in [&mut ingest, &mut receiver] {
        // What is left is sent at the end.
        assert!(process.stop().await.0.success());
        assert!(!process.log().contains(COLLECTOR_KEY));
    }

    let all = spans(&collector.requests());
    let of_trace = |trace: &str| -> Vec<&(String, Span)> {
        let spans = all.iter().filter(|(_, span)| hex(&span.trace_id) == trace);
        spans.collect()
    };
    assert!(of_trace(UNSAMPLED.0).is_empty());
    let found = of_trace(SAMPLED.0);
    let of = |service: &str, name: &str| -> &Span {
        let mut spans = found
            .iter()
            .filter(|(by, span)| by == service && span.name == name);
        let span = spans
            .next()
            .unwrap_or_else(|| panic!("{name} of {service}: {found:?}"));
        assert!(
            spans.next().is_none(),
            "{name} of {service} twice: {found:?}"
        );
        &span.1
    };
    let asked = of("draftwire-ingest", &format!("POST {EVENTS}"));
    let delivered = of("draftwire-ingest", "deliver");
    let received = of("draftwire-receiver", "POST /webhooks/{source}/event");
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(hex(&asked.parent_span_id), SAMPLED.1);
    assert_eq!(hex(&delivered.parent_span_id), SAMPLED.1);
    assert_eq!(received.parent_span_id, delivered.span_id);
    assert_eq!(texts(&asked.attributes)["http.response.status_code"], "202");
    let delivered = texts(&delivered.attributes);
    assert_eq!(delivered["draftwire.event.type"], "order.made");
    assert_eq!(delivered["http.response.status_code"], "200");
}

#[tokio::test]
async fn a_batch_has_one_span_that_points_to_its_members_traces() {
    let _turn = turns::beside_others().await;
    let collector = ScriptedEndpoint::start().await;
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_with(|_request| ScriptedReply::status(400));
    let mut ingest = Process::ingest(None, &[]);
    traced(&ingest, collector.url());
    ingest.start();
    ingest.healthy().await;
    subscribe(&ingest, endpoint.url(), true).await;
    publish(&ingest, SAMPLED, "01").await;
    publish(&ingest, UNSAMPLED, "01").await;
    let sent = endpoint.wait_for(1, PATIENCE).await;
    assert!(ingest.stop().await.0.success());

    let all = spans(&collector.requests());
    let mut spans = all.iter().map(|(_, span)| span);
    let span = spans.find(|span| span.name == "deliver").expect("a span");
    let linked: Vec<String> = span.links.iter().map(|link| hex(&link.trace_id)).collect();
    assert_eq!(linked, [SAMPLED.0, UNSAMPLED.0]);
    assert!(span.parent_span_id.is_empty());
    // The endpoint refuses it.
    assert_eq!(span.status.as_ref().unwrap().code(), StatusCode::Error);
    let parent = sent[0].header("traceparent").expect("a traceparent");
    let own = format!("00-{}-{}-01", hex(&span.trace_id), hex(&span.span_id));
    assert_eq!(parent, own);
}

#[tokio::test]
async fn nobody_waits_for_a_collector_that_never_answers() {
    let _turn = turns::beside_others().await;
    let collector = ScriptedEndpoint::start().await;
    collector.respond_with(|_request| ScriptedReply::status(200).after(PATIENCE * 2));
    let endpoint = ScriptedEndpoint::start().await;
    let mut ingest = Process::ingest(None, &[]);
    traced(&ingest, collector.url());
    ingest.start();
    ingest.healthy().await;
    subscribe(&ingest, endpoint.url(), false).await;
    for _ in 0..20 {
        publish(&ingest, SAMPLED, "01").await;
    }
    endpoint.wait_for(20, Duration::from_secs(5)).await;
    let (status, took) = ingest.stop().await;
    assert!(status.success());
    assert!(took < Duration::from_secs(10), "{took:?}");
}
