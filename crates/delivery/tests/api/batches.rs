//! Endpoints that want several events in one request.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use contract::{BatchId, DeliveryId, Profile};
use db::Backend;
use delivery::{Batching, Delivery, Ordering, Revealed, SubscriptionFields};
use serde_json::Value;
use testkit::{RecordedRequest, ScriptedEndpoint, ScriptedReply};

use crate::gated_endpoint::GatedEndpoint;
use crate::harness::{DELIVERED, Harness, poll, publish, settings, subscription, verify};

crate::on_both_databases!(
    a_batch_is_full_by_count,
    a_batch_is_full_by_bytes,
    a_batch_waits_no_longer_than_it_may,
    a_busy_endpoint_gets_larger_batches,
    a_batch_counts_as_one_attempt,
    order_holds_in_batches,
    cloud_events_have_a_batch_mode_of_their_own,
    a_paused_endpoint_keeps_its_batches,
    the_settings_ask_for_batches_and_for_none_again,
);

pub(crate) const LONG_MS: u32 = 60_000;

pub(crate) fn batching(max_events: u32, max_wait_ms: u32) -> impl FnOnce(&mut SubscriptionFields) {
    move |fields| {
        fields.batch = Some(Batching {
            max_events,
            max_wait_ms,
        });
    }
}

/// The events of a request, or the one.
fn events(request: &RecordedRequest) -> Vec<Value> {
    match serde_json::from_slice(&request.body).unwrap() {
        Value::Array(events) => events,
        event => vec![event],
    }
}

/// The `n` of each event of a request.
pub(crate) fn numbers(request: &RecordedRequest) -> Vec<u64> {
    let number = |event: &Value| event["data"]["n"].as_u64().unwrap();
    events(request).iter().map(number).collect()
}

pub(crate) fn sizes(requests: &[RecordedRequest]) -> Vec<usize> {
    requests
        .iter()
        .map(|request| events(request).len())
        .collect()
}

pub(crate) fn id(request: &RecordedRequest) -> &str {
    request.header("webhook-id").unwrap()
}

/// Every event once, in whatever order.
fn all_once(requests: &[RecordedRequest], count: u64) {
    let mut all: Vec<u64> = requests.iter().flat_map(numbers).collect();
    all.sort_unstable();
    assert_eq!(all, (0..count).collect::<Vec<_>>());
}

pub(crate) fn secret(made: &Revealed) -> &str {
    made.secret.as_deref().unwrap()
}

async fn a_batch_is_full_by_count(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let harness = Harness::start(backend, vec![]).await;
    let made = harness
        .subscribe(endpoint.url(), batching(4, LONG_MS))
        .await;
    harness.publish_many(8).await;
    harness.until(DELIVERED, 8).await;
    let requests = endpoint.requests();
    assert_eq!(sizes(&requests), [4, 4]);
    all_once(&requests, 8);
    for request in &requests {
        verify(request, secret(&made));
        assert!(BatchId::parse(id(request)).is_ok());
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("x-webhook-event-id"), None);
        let envelope = &events(request)[0];
        assert!(envelope["id"].as_str().unwrap().starts_with("evt_"));
        assert_eq!(envelope["type"], "note.made");
    }
    assert_ne!(id(&requests[0]), id(&requests[1]));
    let delivery = harness.deliveries()[0].id;
    let found = harness.read(|conn| Delivery::find(conn, 1, DeliveryId(delivery)));
    let (delivery, attempts) = found.unwrap();
    let batch = delivery.batch_id.unwrap().to_string();
    assert!(requests.iter().any(|request| id(request) == batch));
    assert_eq!((delivery.attempts, attempts.len()), (1, 1));
}

async fn a_batch_is_full_by_bytes(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let mut harness = Harness::idle(backend, settings());
    harness.settings.batch_bytes_max = 10_000;
    harness.restart(vec![]).await;
    harness
        .subscribe(endpoint.url(), batching(100, LONG_MS))
        .await;
    let filler = "x".repeat(2_500);
    let event = |n: u64, filler: &str| {
        let data = format!(r#"{{"n":{n},"filler":"{filler}"}}"#);
        let event = harness.event("note.made", &data);
        publish(harness.engine().publisher(), &harness.writer, event)
    };
    for n in 0..6 {
        event(n, &filler).await;
    }
    // Larger than any batch: it goes alone, in a batch of one.
    event(6, &"x".repeat(20_000)).await;
    harness.until(DELIVERED, 7).await;
    let requests = endpoint.requests();
    assert_eq!(sizes(&requests), [3, 3, 1]);
    all_once(&requests, 7);
    let small = requests
        .iter()
        .filter(|request| request.body.len() <= 10_000);
    assert_eq!(small.count(), 2);
}

async fn a_batch_waits_no_longer_than_it_may(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let harness = Harness::start(backend, vec![]).await;
    harness
        .subscribe(endpoint.url(), batching(100, 2_000))
        .await;
    let began = Instant::now();
    harness.publish("note.made", r#"{"n":0}"#).await;
    harness.publish("note.made", r#"{"n":1}"#).await;
    harness.publish("note.made", r#"{"n":2}"#).await;
    harness.until(DELIVERED, 3).await;
    let requests = endpoint.requests();
    assert_eq!(sizes(&requests), [3]);
    let waited = requests[0].at - began;
    assert!(waited >= Duration::from_millis(2_000), "{waited:?}");
}

/// While one is under way the others come together, though they need not wait for company.
async fn a_busy_endpoint_gets_larger_batches(backend: Backend) {
    let endpoint = GatedEndpoint::closed();
    let harness = Harness::start(backend, vec![]).await;
    let wanted = |fields: &mut SubscriptionFields| {
        fields.max_in_flight = Some(1);
        batching(100, 0)(fields);
    };
    harness.subscribe(&endpoint.url(), wanted).await;
    harness.publish("note.made", r#"{"n":0}"#).await;
    assert!(poll(|| endpoint.arrived() == 1).await);
    for _ in 0..40 {
        harness.publish("note.made", "{}").await;
    }
    endpoint.open_gate();
    harness.until(DELIVERED, 41).await;
    // The first, what was next when that had begun, and all that came since.
    assert!(endpoint.arrived() <= 4, "{}", endpoint.arrived());
    assert_eq!(endpoint.waiting_max(), 1);
}

async fn a_batch_counts_as_one_attempt(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let harness = Harness::start(backend, vec![]).await;
    let wanted = |fields: &mut SubscriptionFields| {
        fields.rate_limit_per_second = Some(2.0);
        batching(25, LONG_MS)(fields);
    };
    harness.subscribe(endpoint.url(), wanted).await;
    let began = Instant::now();
    harness.publish_many(100).await;
    harness.until(DELIVERED, 100).await;
    // Two at once, then one every half of a second.
    assert!(began.elapsed() >= Duration::from_millis(950));
    assert_eq!(sizes(&endpoint.requests()), [25; 4]);

    // Ten attempts open a breaker; ten members of one do not.
    endpoint.respond_in_turn([ScriptedReply::status(500), ScriptedReply::status(200)]);
    harness.publish_many(25).await;
    harness.until(DELIVERED, 125).await;
    assert_eq!(harness.engine().metrics().breakers_open, 0);
}

/// One of each subject, and the next of it not before.
async fn order_holds_in_batches(backend: Backend) {
    const SUBJECTS: u64 = 6;
    const EACH: u64 = 5;
    let endpoint = ScriptedEndpoint::start().await;
    let mut failures = 0..4;
    endpoint.respond_with(move |_| {
        ScriptedReply::status(if failures.next().is_some() { 500 } else { 200 })
    });
    let mut harness = Harness::idle(backend, settings());
    harness.settings.retry_schedule = "0, 0, 0, 0, 0, 0, 0, 0, 0".into();
    harness.restart(vec![]).await;
    let wanted = |fields: &mut SubscriptionFields| {
        fields.ordering = Ordering::Subject;
        batching(4, 20)(fields);
    };
    harness.subscribe(endpoint.url(), wanted).await;
    for n in 0..SUBJECTS * EACH {
        let mut event = harness.event("note.made", &format!(r#"{{"n":{n}}}"#));
        event.subject = Some(format!("note/{}", n % SUBJECTS));
        publish(harness.engine().publisher(), &harness.writer, event).await;
    }
    harness
        .until(DELIVERED, usize::try_from(SUBJECTS * EACH).unwrap())
        .await;
    let mut newest: BTreeMap<u64, u64> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for request in &endpoint.requests() {
        let numbers = numbers(request);
        let subjects: BTreeSet<_> = numbers.iter().map(|n| n % SUBJECTS).collect();
        assert_eq!(
            subjects.len(),
            numbers.len(),
            "two of one subject: {numbers:?}"
        );
        for n in numbers {
            let newest = newest.entry(n % SUBJECTS).or_insert(n);
            assert!(
                *newest <= n && n - *newest <= SUBJECTS,
                "{n} behind {newest}"
            );
            *newest = n;
            seen.insert(n);
        }
    }
    assert_eq!(seen.len(), usize::try_from(SUBJECTS * EACH).unwrap());
}

async fn cloud_events_have_a_batch_mode_of_their_own(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let harness = Harness::start(backend, vec![]).await;
    let wanted = |fields: &mut SubscriptionFields| {
        fields.profile = Profile::CloudEvents;
        batching(2, LONG_MS)(fields);
    };
    let made = harness.subscribe(endpoint.url(), wanted).await;
    harness.publish_many(2).await;
    harness.until(DELIVERED, 2).await;
    let requests = endpoint.requests();
    verify(&requests[0], secret(&made));
    let kind = requests[0].header("content-type");
    assert_eq!(kind, Some("application/cloudevents-batch+json"));
    assert_eq!(events(&requests[0])[1]["specversion"], "1.0");
    // A probe is one event, as ever.
    let probed = harness.engine().publisher();
    let report = probed
        .probe(&harness.tenant(), made.subscription.id)
        .await
        .unwrap();
    assert!(report.success && report.body.starts_with(b"{"));
}

async fn a_paused_endpoint_keeps_its_batches(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let harness = Harness::start(backend, vec![]).await;
    let made = harness
        .subscribe(endpoint.url(), batching(10, 3_000))
        .await
        .subscription;
    harness.publish_many(3).await;
    let (subscriptions, tenant) = (harness.engine().subscriptions(), harness.tenant());
    subscriptions.pause(&tenant, made.id).await.unwrap();
    let given_back = || harness.deliveries().iter().all(|row| row.owner.is_none());
    assert!(poll(given_back).await);
    assert!(endpoint.requests().is_empty());
    subscriptions.enable(&tenant, made.id).await.unwrap();
    harness.until(DELIVERED, 3).await;
    assert_eq!(sizes(&endpoint.requests()), [3]);
}

async fn the_settings_ask_for_batches_and_for_none_again(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let with = |max_events| {
        let batch = Some(Batching {
            max_events,
            max_wait_ms: LONG_MS,
        });
        let subscription = subscription("shop", endpoint.url());
        vec![delivery::SubscriptionSettings {
            batch,
            ..subscription
        }]
    };
    let mut harness = Harness::start(backend, with(4)).await;
    harness.publish_many(4).await;
    harness.until(DELIVERED, 4).await;
    harness
        .restart(vec![subscription("shop", endpoint.url())])
        .await;
    harness.publish_many(2).await;
    harness.until(DELIVERED, 6).await;
    assert_eq!(sizes(&endpoint.requests()), [4, 1, 1]);
    harness.stop();
    let refused = harness.try_start(with(1)).await.err().unwrap().to_string();
    assert!(refused.contains("shop"), "{refused}");
    assert!(refused.contains("batch.max_events: 1 is not"), "{refused}");
}
