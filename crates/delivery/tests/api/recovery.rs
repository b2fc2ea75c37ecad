//! Whatever dies, nothing that is owed is lost, and as little as can be is sent twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use db::{Backend, Clock, SystemClock};
use delivery::{Engine, Reply, Request, Transport};
use futures_util::future::BoxFuture;
use testkit::{ScriptedEndpoint, ScriptedReply};

use crate::gated_endpoint::GatedEndpoint;
use crate::harness::{
    DELIVERED, Harness, PATIENCE, PENDING, Untouched, poll, publish, settings, subscription, vault,
};

crate::on_both_databases!(
    a_dead_run_of_this_node_is_taken_over_at_once,
    a_dead_node_is_taken_over_after_its_lease,
    work_without_an_owner_is_taken_over,
    what_a_lost_commit_left_is_found,
    a_second_process_is_refused,
    stopping_gives_everything_back,
    stopping_lets_attempts_end,
    delivery_off_keeps_everything,
    a_node_taken_for_dead_starts_anew,
    an_outcome_waits_for_the_database,
    a_panic_costs_an_attempt_and_nothing_else,
    a_clock_that_is_set_back_delays_nothing,
);

/// Three events in the table, held by the process `owner`; the engine is stopped.
async fn held_by(backend: Backend, owner: i64, url: &str) -> Harness {
    let mut harness = Harness::idle(backend, settings());
    harness.settings.lease_seconds = 3;
    harness.settings.enabled = false;
    harness.restart(vec![subscription("shop", url)]).await;
    harness.publish_many(3).await;
    harness.stop();
    harness.settings.enabled = true;
    harness.execute(format!("UPDATE deliveries SET owner = {owner}, claim = 1"));
    harness
}

fn enter(harness: &Harness, node: i64, name: &str, lease_until_ms: i64) {
    harness.execute(format!(
        "INSERT INTO nodes (id, name, number, started_at_ms, lease_until_ms) \
         VALUES ({node}, '{name}', 0, 1, {lease_until_ms})"
    ));
}

async fn a_dead_run_of_this_node_is_taken_over_at_once(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let mut harness = held_by(backend, 77, endpoint.url()).await;
    enter(&harness, 77, "here", SystemClock.now_ms() + 3_600_000);
    harness
        .restart(vec![subscription("shop", endpoint.url())])
        .await;
    harness.until(DELIVERED, 3).await;
    let rows = harness.deliveries();
    assert!(
        rows.iter().all(|row| (row.claim, row.attempts) == (2, 1)),
        "{rows:?}"
    );
    assert_eq!(endpoint.requests().len(), 3);
}

/// Before a start, and while the engine runs.
async fn a_clock_that_is_set_back_delays_nothing(backend: Backend) {
    const STEP_MS: i64 = 3_600_000;
    let endpoint = ScriptedEndpoint::start().await;
    let mut harness = held_by(backend, 77, endpoint.url()).await;
    let set_back = |harness: &Harness| {
        harness.execute(format!(
            "UPDATE deliveries SET state = 1, finished_at_ms = NULL, owner = NULL, due_at_ms = {}",
            SystemClock.now_ms() + STEP_MS
        ));
        let later = SystemClock.now_ms() + STEP_MS;
        harness.execute(format!(
            "UPDATE meta SET value = '{later}' WHERE name = 'clock_ms'"
        ))
    };
    assert_eq!(set_back(&harness), 1);
    harness
        .restart(vec![subscription("shop", endpoint.url())])
        .await;
    harness.until(DELIVERED, 3).await;
    set_back(&harness);
    harness.until(DELIVERED, 3).await;
    assert_eq!(endpoint.requests().len(), 6);
}

async fn a_dead_node_is_taken_over_after_its_lease(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let mut harness = held_by(backend, 77, endpoint.url()).await;
    let lease_until_ms = SystemClock.now_ms() + 2_500;
    enter(&harness, 77, "there", lease_until_ms);
    endpoint.respond_with(move |_| {
        let early = SystemClock.now_ms() < lease_until_ms;
        ScriptedReply::status(if early { 500 } else { 200 })
    });
    harness
        .restart(vec![subscription("shop", endpoint.url())])
        .await;
    harness.until(DELIVERED, 3).await;
    assert_eq!(
        endpoint.requests().len(),
        3,
        "not one before the lease had run out"
    );
}

async fn work_without_an_owner_is_taken_over(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let mut harness = held_by(backend, 77, endpoint.url()).await;
    // The process left while its last write was under way; it has no row any more.
    harness
        .restart(vec![subscription("shop", endpoint.url())])
        .await;
    harness.until(DELIVERED, 3).await;
    let later = SystemClock.now_ms() + 3_600_000;
    endpoint.respond_with(|_| ScriptedReply::status(200));
    harness.execute(format!(
        "UPDATE deliveries SET state = 1, finished_at_ms = NULL, owner = 78, due_at_ms = {later} - 3600000"
    ));
    harness.until(DELIVERED, 3).await;
    assert_eq!(endpoint.requests().len(), 6, "also while the engine runs");
}

async fn what_a_lost_commit_left_is_found(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let mut harness = held_by(backend, 77, endpoint.url()).await;
    let now_ms = SystemClock.now_ms();
    harness.execute(format!(
        "UPDATE deliveries SET owner = NULL, due_at_ms = {}",
        now_ms + 3_600_000
    ));
    harness
        .restart(vec![subscription("shop", endpoint.url())])
        .await;
    // The rows say that they are this engine's, but nobody told its dispatcher.
    let id = harness.engine().node_id();
    harness.execute(format!(
        "UPDATE deliveries SET owner = {id}, due_at_ms = {now_ms}"
    ));
    harness.until(DELIVERED, 3).await;
    assert!(
        harness
            .deliveries()
            .iter()
            .all(|row| (row.claim, row.attempts) == (2, 1))
    );
    assert_eq!(endpoint.requests().len(), 3);
}

async fn a_second_process_is_refused(backend: Backend) {
    let mut harness = Harness::start(backend, vec![]).await;
    let refused = harness
        .try_start(vec![])
        .await
        .err()
        .expect("refused")
        .to_string();
    assert!(
        refused.contains("in use by another process as node \"here\""),
        "{refused}"
    );
    harness.stop();
    assert!(
        harness.try_start(vec![]).await.is_ok(),
        "the name is free again"
    );
}

async fn stopping_gives_everything_back(backend: Backend) {
    let endpoint = GatedEndpoint::closed();
    let mut harness = Harness::start(backend, vec![subscription("shop", &endpoint.url())]).await;
    harness.publish_many(30).await;
    assert!(poll(|| endpoint.arrived() == 16).await);
    let publisher = harness.engine().publisher().clone();
    harness.engine().stop(Duration::ZERO);
    // Published too late to be handed over.
    let late = harness.event("note.made", r#"{"n":30}"#);
    publish(&publisher, &harness.writer, late).await;
    let rows = harness.deliveries();
    assert_eq!(rows.len(), 31);
    assert!(
        rows.iter()
            .all(|row| row.state == PENDING && row.owner.is_none()),
        "{rows:?}"
    );

    endpoint.open_gate();
    harness
        .restart(vec![subscription("shop", &endpoint.url())])
        .await;
    harness.until(DELIVERED, 31).await;
    assert_eq!(
        endpoint.arrived(),
        16 + 31,
        "only what was under way is repeated"
    );
}

async fn stopping_lets_attempts_end(backend: Backend) {
    let endpoint = GatedEndpoint::open(Duration::from_millis(300));
    let mut harness = Harness::start(backend, vec![subscription("shop", &endpoint.url())]).await;
    harness.publish_many(20).await;
    assert!(poll(|| endpoint.arrived() == 16).await);
    harness.stop();
    assert_eq!((harness.count(DELIVERED), harness.count(PENDING)), (16, 4));
    harness
        .restart(vec![subscription("shop", &endpoint.url())])
        .await;
    harness.until(DELIVERED, 20).await;
    assert_eq!(endpoint.arrived(), 20);
}

async fn delivery_off_keeps_everything(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let mut harness = Harness::idle(backend, settings());
    harness.settings.enabled = false;
    let wanted = || vec![subscription("shop", endpoint.url())];
    let engine = Engine::start_with(
        &harness.database,
        &harness.writer,
        vault(),
        &harness.settings,
        wanted(),
        Arc::new(Untouched),
    );
    let engine = engine.await.unwrap();
    for n in 0..5 {
        let event = harness.event("note.made", &format!(r#"{{"n":{n}}}"#));
        let published = publish(engine.publisher(), &harness.writer, event).await;
        assert_eq!(published.deliveries, 1);
    }
    drop(engine);
    assert!(
        harness
            .deliveries()
            .iter()
            .all(|row| row.state == PENDING && row.claim == 0)
    );
    harness.settings.enabled = true;
    harness.restart(wanted()).await;
    harness.until(DELIVERED, 5).await;
}

async fn a_node_taken_for_dead_starts_anew(backend: Backend) {
    let endpoint = GatedEndpoint::closed();
    let mut harness = Harness::idle(backend, settings());
    harness.settings.lease_seconds = 3;
    harness.settings.attempts_in_flight_per_endpoint_max = 2;
    harness
        .restart(vec![subscription("shop", &endpoint.url())])
        .await;
    harness.publish_many(10).await;
    assert!(poll(|| endpoint.arrived() == 2).await);
    // Another node did this, and runs under the number that became free.
    harness.execute("DELETE FROM nodes".into());
    harness.execute("UPDATE deliveries SET owner = NULL".into());
    enter(&harness, 78, "there", SystemClock.now_ms() + 3_600_000);
    let id = harness.engine().node_id();
    let back = || harness.execute(format!("UPDATE nodes SET number = number WHERE id = {id}")) == 1;
    assert!(poll(back).await, "it enters again");
    endpoint.open_gate();
    harness.until(DELIVERED, 10).await;
    assert!(
        endpoint.arrived() <= 12,
        "only what was under way may be repeated"
    );
    harness.publish_many(5).await;
    harness.until(DELIVERED, 15).await;
}

async fn an_outcome_waits_for_the_database(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let harness = Harness::start(backend, vec![subscription("shop", endpoint.url())]).await;
    harness.execute("ALTER TABLE attempts RENAME TO attempts_away".into());
    harness.publish("note.made", r#"{"n":1}"#).await;
    endpoint.wait_for(1, PATIENCE).await;
    let aborts = harness.writer.stats().aborts;
    assert!(
        poll(|| harness.writer.stats().aborts > aborts).await,
        "it is tried again"
    );
    assert_eq!(harness.count(PENDING), 1);
    harness.execute("ALTER TABLE attempts_away RENAME TO attempts".into());
    let (row, attempts) = harness.only(DELIVERED).await;
    assert_eq!(
        (row.attempts, attempts.len(), endpoint.requests().len()),
        (1, 1, 1)
    );
}

/// Panics on every second request.
#[derive(Default)]
struct Shaky {
    asked: AtomicUsize,
}

impl Transport for Shaky {
    fn send(&self, _request: Request) -> BoxFuture<'_, Reply> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            assert!(asked % 2 == 1, "a panic on purpose");
            Reply::Answered {
                status: 200,
                retry_after: None,
                body: Vec::new(),
            }
        })
    }
}

async fn a_panic_costs_an_attempt_and_nothing_else(backend: Backend) {
    let mut harness = Harness::idle(backend, settings());
    harness.settings.attempts_in_flight_per_endpoint_max = 1;
    harness.settings.queue_deliveries_per_endpoint_max = 1;
    let engine = Engine::start_with(
        &harness.database,
        &harness.writer,
        vault(),
        &harness.settings,
        vec![subscription("shop", "https://example.com/")],
        Arc::new(Shaky::default()),
    );
    let engine = engine.await.unwrap();
    for n in 0..4 {
        let event = harness.event("note.made", &format!(r#"{{"n":{n}}}"#));
        engine.publisher().submit(event).await.unwrap();
    }
    harness.until(DELIVERED, 4).await;
    let attempts: i64 = harness.deliveries().iter().map(|row| row.attempts).sum();
    assert_eq!(attempts, 8);
}
