//! Endpoints that want several events in one request.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use contract::{BatchId, DeliveryId, Profile};
use db::{Backend, Clock, SystemClock};
use delivery::{
    Batching, Delivery, Engine, Ordering, Revealed, SubscriptionFields, SubscriptionState,
};
use serde_json::Value;
use testkit::{RecordedRequest, ScriptedEndpoint, ScriptedReply};

use crate::harness::{
    DEAD, DELIVERED, Harness, PATIENCE, PENDING, poll, publish, settings, vault, verify,
};

crate::on_both_databases!(
    a_batch_is_full_by_count,
    a_batch_is_full_by_bytes,
    a_batch_waits_no_longer_than_it_may,
    a_busy_endpoint_gets_larger_batches,
    a_refused_batch_is_tried_again_as_it_was,
    batches_are_tried_again_one_beside_the_other,
    a_batch_counts_as_one_attempt,
    gone_ends_all_members,
    what_is_redelivered_by_hand_goes_alone,
    a_batch_outlives_its_process,
    a_batch_outlives_the_wish_for_batches,
    order_holds_in_batches,
    cloud_events_have_a_batch_mode_of_their_own,
    nodes_never_split_a_batch,
    a_paused_endpoint_keeps_its_batches,
);

const LONG_MS: u32 = 60_000;

fn batching(max_events: u32, max_wait_ms: u32) -> impl FnOnce(&mut SubscriptionFields) {
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
fn numbers(request: &RecordedRequest) -> Vec<u64> {
    let number = |event: &Value| event["data"]["n"].as_u64().unwrap();
    events(request).iter().map(number).collect()
}

fn sizes(requests: &[RecordedRequest]) -> Vec<usize> {
    requests
        .iter()
        .map(|request| events(request).len())
        .collect()
}

fn id(request: &RecordedRequest) -> &str {
    request.header("webhook-id").unwrap()
}

/// Every event once, in whatever order.
fn all_once(requests: &[RecordedRequest], count: u64) {
    let mut all: Vec<u64> = requests.iter().flat_map(numbers).collect();
    all.sort_unstable();
    assert_eq!(all, (0..count).collect::<Vec<_>>());
}

fn secret(made: &Revealed) -> &str {
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
    harness.subscribe(endpoint.url(), batching(100, 500)).await;
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
    harness.subscribe(endpoint.url(), batching(100, 700)).await;
    let began = Instant::now();
    harness.publish("note.made", r#"{"n":0}"#).await;
    harness.publish("note.made", r#"{"n":1}"#).await;
    harness.publish("note.made", r#"{"n":2}"#).await;
    harness.until(DELIVERED, 3).await;
    let requests = endpoint.requests();
    assert_eq!(sizes(&requests), [3]);
    let waited = requests[0].at - began;
    assert!(waited >= Duration::from_millis(700), "{waited:?}");
}

/// While one is under way the others come together, though they need not wait for company.
async fn a_busy_endpoint_gets_larger_batches(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_with(|_| ScriptedReply::status(200).after(Duration::from_millis(700)));
    let harness = Harness::start(backend, vec![]).await;
    let wanted = |fields: &mut SubscriptionFields| {
        fields.max_in_flight = Some(1);
        batching(100, 0)(fields);
    };
    harness.subscribe(endpoint.url(), wanted).await;
    harness.publish("note.made", r#"{"n":0}"#).await;
    endpoint.wait_for(1, PATIENCE).await;
    for n in 1..40 {
        harness
            .publish("note.made", &format!(r#"{{"n":{n}}}"#))
            .await;
    }
    harness.until(DELIVERED, 40).await;
    let requests = endpoint.requests();
    all_once(&requests, 40);
    assert!(requests.len() <= 8, "{:?}", sizes(&requests));
}

async fn a_refused_batch_is_tried_again_as_it_was(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_in_turn([
        ScriptedReply::json(500, r#"{"oh":"no"}"#),
        ScriptedReply::dropped(),
        ScriptedReply::status(200),
    ]);
    let harness = Harness::start(backend, vec![]).await;
    let made = harness
        .subscribe(endpoint.url(), batching(5, LONG_MS))
        .await;
    harness.publish_many(5).await;
    harness.until(DELIVERED, 5).await;
    let requests = endpoint.requests();
    assert_eq!(requests.len(), 3);
    for request in &requests {
        verify(request, secret(&made));
        assert_eq!(
            (id(request), &request.body),
            (id(&requests[0]), &requests[0].body)
        );
    }
    for row in harness.deliveries() {
        assert_eq!((row.attempts, row.claim), (3, 3));
        let attempts = harness.attempts(row.id);
        let outcomes: Vec<_> = attempts
            .iter()
            .map(|a| (a.outcome, a.status_code))
            .collect();
        assert_eq!(outcomes, [(2, Some(500)), (6, None), (1, Some(200))]);
        assert_eq!(
            attempts[0].response.as_deref(),
            Some(&br#"{"oh":"no"}"#[..])
        );
    }
}

/// More of them than are taken from the table at once, and each comes back whole.
async fn batches_are_tried_again_one_beside_the_other(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_with(|_| ScriptedReply::status(503).header("retry-after", "2"));
    let mut harness = Harness::idle(backend, settings());
    harness.settings.retry_schedule = "0, 0, 0, 0, 0, 0, 0, 0, 0".into();
    harness.restart(vec![]).await;
    harness.subscribe(endpoint.url(), batching(9, 100)).await;
    harness.publish_many(72).await;
    endpoint.wait_for(8, PATIENCE).await;
    let due = || {
        let rows = harness.deliveries();
        let now_ms = SystemClock.now_ms();
        rows.iter()
            .all(|row| row.attempts > 0 && row.due_at_ms > now_ms - 60_000)
    };
    assert!(poll(due).await);
    endpoint.respond_with(|_| ScriptedReply::status(200));
    harness.until(DELIVERED, 72).await;
    let mut members: BTreeMap<String, BTreeSet<Vec<u64>>> = BTreeMap::new();
    for request in &endpoint.requests() {
        let batch = members.entry(id(request).to_owned()).or_default();
        batch.insert(numbers(request));
    }
    assert!(
        members.values().all(|members| members.len() == 1),
        "{members:?}"
    );
    let all: usize = members.values().flatten().map(Vec::len).sum();
    assert_eq!(all, 72);
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

async fn gone_ends_all_members(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_with(|_| ScriptedReply::status(410));
    let harness = Harness::start(backend, vec![]).await;
    let made = harness
        .subscribe(endpoint.url(), batching(3, LONG_MS))
        .await;
    harness.publish_many(3).await;
    harness.until(DEAD, 3).await;
    assert_eq!(endpoint.requests().len(), 1);
    let subscriptions = harness.engine().subscriptions();
    let stored = harness.read(|conn| subscriptions.get(conn, 1, made.subscription.id));
    assert_eq!(stored.unwrap().state, SubscriptionState::Disabled);
    assert_eq!(harness.published("endpoint.disabled"), 1);
    assert_eq!(harness.published("delivery.dead"), 3);
}

async fn what_is_redelivered_by_hand_goes_alone(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_with(|_| ScriptedReply::status(503).header("retry-after", "3600"));
    let harness = Harness::start(backend, vec![]).await;
    harness
        .subscribe(endpoint.url(), batching(3, LONG_MS))
        .await;
    harness.publish_many(3).await;
    let waits = || harness.deliveries().iter().all(|row| row.attempts == 1);
    assert!(poll(waits).await);
    endpoint.respond_with(|_| ScriptedReply::status(200));
    let (engine, tenant) = (harness.engine(), harness.tenant());
    // The first of the batch: the others still find each other.
    let first = DeliveryId(harness.deliveries()[0].id);
    let again = Delivery::redeliver(engine.publisher(), &harness.writer, &tenant, first);
    again.await.unwrap();
    harness.until(DELIVERED, 1).await;
    harness.execute("UPDATE deliveries SET due_at_ms = 1 WHERE state = 1".into());
    harness.until(DELIVERED, 3).await;
    let requests = endpoint.requests();
    let all = numbers(&requests[0]);
    assert_eq!(requests.len(), 3);
    assert!(id(&requests[1]).starts_with("evt_") && requests[1].body.starts_with(b"{"));
    assert_eq!(numbers(&requests[1]), all[..1]);
    assert_eq!(id(&requests[2]), id(&requests[0]));
    assert_eq!(numbers(&requests[2]), all[1..]);
}

/// Two batches, one under way and one that has had its first answer, when the process dies.
async fn a_batch_outlives_its_process(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_in_turn([
        ScriptedReply::status(500),
        ScriptedReply::status(200).after(PATIENCE * 2),
    ]);
    let mut harness = Harness::idle(backend, settings());
    harness.settings.retry_schedule = "1, 1, 1, 1, 1, 1, 1".into();
    harness.restart(vec![]).await;
    let wanted = |fields: &mut SubscriptionFields| {
        fields.max_in_flight = Some(1);
        batching(4, LONG_MS)(fields);
    };
    harness.subscribe(endpoint.url(), wanted).await;
    harness.publish_many(8).await;
    endpoint.wait_for(2, PATIENCE).await;
    let held_by = harness.engine().node_id();
    harness.stop_at_once();
    // As a process leaves it that is killed: its rows are its own, also what waits for its next attempt is kept.
    assert_eq!(harness.count(PENDING), 8);
    harness.execute(format!(
        "UPDATE deliveries SET owner = {held_by}, claim = claim + 1 WHERE attempts = 0"
    ));
    endpoint.respond_with(|_| ScriptedReply::status(200));
    harness.restart(vec![]).await;
    harness.until(DELIVERED, 8).await;
    let requests = endpoint.requests();
    assert_eq!(requests.len(), 4, "{:?}", sizes(&requests));
    for first in &requests[..2] {
        let same = requests[2..].iter().filter(|again| id(again) == id(first));
        let bodies: Vec<_> = same.map(|again| &again.body).collect();
        assert_eq!(bodies, [&first.body]);
    }
}

async fn a_batch_outlives_the_wish_for_batches(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_with(|_| ScriptedReply::status(503).header("retry-after", "3600"));
    let harness = Harness::start(backend, vec![]).await;
    let made = harness
        .subscribe(endpoint.url(), batching(2, LONG_MS))
        .await;
    harness.publish_many(2).await;
    let waits = || harness.deliveries().iter().all(|row| row.attempts == 1);
    assert!(poll(waits).await);
    endpoint.respond_with(|_| ScriptedReply::status(200));
    let (subscriptions, tenant) = (harness.engine().subscriptions(), harness.tenant());
    let change = |fields: &mut SubscriptionFields| fields.batch = None;
    let changed = subscriptions.update(&tenant, made.subscription.id, None, change);
    assert_eq!(changed.await.unwrap().fields.batch, None);
    harness.execute("UPDATE deliveries SET due_at_ms = 1".into());
    harness.publish("note.made", r#"{"n":2}"#).await;
    harness.until(DELIVERED, 3).await;
    let requests = endpoint.requests();
    let mut later: Vec<_> = requests[1..]
        .iter()
        .map(|r| (id(r).to_owned(), numbers(r)))
        .collect();
    later.sort();
    assert_eq!(later[0], (id(&requests[0]).to_owned(), vec![0, 1]));
    assert_eq!(later[1].1, [2]);
    assert!(later[1].0.starts_with("evt_"));
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

/// Batches whose members lie far apart in the table, taken by several nodes at the same moment.
async fn nodes_never_split_a_batch(backend: Backend) {
    const BATCHES: usize = 30;
    const EACH: usize = 8;
    let (nodes, bytes) = match backend {
        // One process has the file.
        Backend::Sqlite => (&["a"][..], "CAST(printf('%016d', n) AS BLOB)"),
        Backend::Postgres => (
            &["a", "b", "c"][..],
            "convert_to(lpad(n::text, 16, '0'), 'UTF8')",
        ),
    };
    let endpoint = ScriptedEndpoint::start().await;
    let mut harness = Harness::idle(backend, settings());
    harness.settings.enabled = false;
    harness.restart(vec![]).await;
    harness
        .subscribe(endpoint.url(), batching(100, LONG_MS))
        .await;
    harness.publish_many(BATCHES * EACH).await;
    harness.stop();
    harness.execute(format!(
        "WITH numbered AS (SELECT id, row_number() OVER (ORDER BY id) % {BATCHES} AS n FROM deliveries) \
         UPDATE deliveries SET batch_id = {bytes} FROM numbered WHERE numbered.id = deliveries.id"
    ));
    let started = nodes.iter().map(|name| {
        let settings = delivery::DeliverySettings {
            enabled: true,
            node_name: (*name).into(),
            ..harness.settings.clone()
        };
        let (database, writer) = (&harness.database, &harness.writer);
        async move { Engine::start(database, writer, vault(), &settings, vec![]).await }
    });
    let engines = futures_util::future::join_all(started).await;
    harness.until(DELIVERED, BATCHES * EACH).await;
    let requests = endpoint.requests();
    assert_eq!(sizes(&requests), [EACH; BATCHES]);
    let ids: BTreeSet<_> = requests.iter().map(id).collect();
    assert_eq!(ids.len(), BATCHES);
    drop(engines);
}

async fn a_paused_endpoint_keeps_its_batches(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let harness = Harness::start(backend, vec![]).await;
    let made = harness
        .subscribe(endpoint.url(), batching(10, 400))
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
