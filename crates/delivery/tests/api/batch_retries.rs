//! What becomes of a batch that failed, or whose process did: it comes again as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::DeliveryId;
use db::{Backend, Clock, SystemClock, sql};
use delivery::{Delivery, Engine, SubscriptionFields, SubscriptionState};
use testkit::{ScriptedEndpoint, ScriptedReply};

use crate::batches::{LONG_MS, batching, id, numbers, secret, sizes};
use crate::harness::{DEAD, DELIVERED, Harness, PATIENCE, PENDING, poll, settings, vault, verify};

crate::on_both_databases!(
    a_refused_batch_is_tried_again_as_it_was,
    batches_are_tried_again_one_beside_the_other,
    gone_ends_all_members,
    what_is_redelivered_by_hand_goes_alone,
    a_batch_outlives_its_process,
    a_batch_outlives_the_wish_for_batches,
    nodes_never_split_a_batch,
);

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
    // Somebody has the first of each batch; without it nobody takes the others.
    let mut locks = harness.database.connect().unwrap();
    if backend == Backend::Postgres {
        locks.execute(sql("BEGIN")).unwrap();
        let first = format!("SELECT id FROM deliveries ORDER BY id LIMIT {BATCHES} FOR UPDATE");
        locks.execute(sql(first)).unwrap();
    }
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
    if backend == Backend::Postgres {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(endpoint.requests().is_empty());
        locks.execute(sql("COMMIT")).unwrap();
    }
    harness.until(DELIVERED, BATCHES * EACH).await;
    let requests = endpoint.requests();
    assert_eq!(sizes(&requests), [EACH; BATCHES]);
    let ids: BTreeSet<_> = requests.iter().map(id).collect();
    assert_eq!(ids.len(), BATCHES);
    drop(engines);
}
