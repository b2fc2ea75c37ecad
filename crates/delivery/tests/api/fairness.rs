//! Nobody waits for a stranger, and nothing grows without bound.

use std::time::Duration;

use db::Backend;
use testkit::ScriptedEndpoint;

use crate::gated_endpoint::GatedEndpoint;
use crate::harness::{
    DELIVERED, Harness, PATIENCE, PENDING, numbers, poll, settings, subscription,
};

crate::on_both_databases!(
    a_stuck_endpoint_does_not_delay_another,
    an_endpoint_never_has_more_under_way_than_it_may,
    a_flood_waits_in_the_table,
    a_stuck_endpoint_leaves_memory_for_others,
    a_backlog_is_taken_in_order_while_new_events_arrive,
);

async fn a_stuck_endpoint_does_not_delay_another(backend: Backend) {
    let (stuck, healthy) = (GatedEndpoint::closed(), ScriptedEndpoint::start().await);
    let subscriptions = vec![
        subscription("stuck", &stuck.url()),
        subscription("healthy", healthy.url()),
    ];
    let harness = Harness::start(backend, subscriptions).await;
    harness.publish_many(200).await;
    // All of the healthy one's arrive while not one of the other's has been answered.
    harness.until(DELIVERED, 200).await;
    let mut seen = numbers(&healthy.requests());
    seen.sort_unstable();
    assert_eq!(seen, (0..200).collect::<Vec<_>>());
    assert!(stuck.arrived() <= 16);
    stuck.open_gate();
    harness.until(DELIVERED, 400).await;
    assert_eq!((stuck.arrived(), stuck.waiting_max()), (200, 16));
}

async fn an_endpoint_never_has_more_under_way_than_it_may(backend: Backend) {
    let endpoint = GatedEndpoint::open(Duration::from_millis(2));
    let mut harness = Harness::idle(backend, settings());
    harness.settings.attempts_in_flight_per_endpoint_max = 3;
    harness.settings.queue_deliveries_per_endpoint_max = 10;
    harness
        .restart(vec![subscription("shop", &endpoint.url())])
        .await;
    harness.publish_many(200).await;
    harness.until(DELIVERED, 200).await;
    assert_eq!((endpoint.arrived(), endpoint.waiting_max()), (200, 3));
}

async fn a_flood_waits_in_the_table(backend: Backend) {
    const COUNT: usize = 5_000;
    let endpoint = GatedEndpoint::closed();
    let mut harness = Harness::idle(backend, settings());
    harness.settings.queue_deliveries_per_endpoint_max = 40;
    harness.settings.attempt_timeout_seconds = 300;
    harness
        .restart(vec![subscription("shop", &endpoint.url())])
        .await;
    let published = harness.publish_many(COUNT).await;
    assert_eq!(published.len(), COUNT);
    let held = harness
        .deliveries()
        .iter()
        .filter(|row| row.owner.is_some())
        .count();
    assert_eq!((held, harness.count(PENDING)), (40, COUNT));
    // What cannot be sent is not looked at again and again.
    let jobs = harness.writer.stats().jobs;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(
        harness.writer.stats().jobs - jobs < 20,
        "the engine runs in circles"
    );
    endpoint.open_gate();
    harness.until(DELIVERED, COUNT).await;
    assert_eq!(endpoint.arrived(), COUNT);
    assert!(
        harness
            .deliveries()
            .iter()
            .all(|row| (row.claim, row.attempts) == (1, 1))
    );
}

async fn a_stuck_endpoint_leaves_memory_for_others(backend: Backend) {
    let (stuck, healthy) = (GatedEndpoint::closed(), ScriptedEndpoint::start().await);
    let mut harness = Harness::idle(backend, settings());
    harness.settings.queue_memory_bytes_max = 20_000;
    let subscriptions = vec![
        subscription("stuck", &stuck.url()),
        subscription("healthy", healthy.url()),
    ];
    harness.restart(subscriptions).await;
    let padding = "x".repeat(1_000);
    for n in 0..60 {
        let data = format!(r#"{{"n":{n},"padding":"{padding}"}}"#);
        harness.publish("note.made", &data).await;
    }
    // Larger than all the memory there is.
    let huge = format!(r#"{{"n":60,"padding":"{}"}}"#, "x".repeat(100_000));
    harness.publish("note.made", &huge).await;
    healthy.wait_for(61, PATIENCE).await;
    stuck.open_gate();
    harness.until(DELIVERED, 122).await;
    assert_eq!((healthy.requests().len(), stuck.arrived()), (61, 61));
}

async fn a_backlog_is_taken_in_order_while_new_events_arrive(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let mut harness = Harness::idle(backend, settings());
    harness.settings.attempts_in_flight_per_endpoint_max = 1;
    harness.settings.enabled = false;
    let wanted = || vec![subscription("shop", endpoint.url())];
    harness.restart(wanted()).await;
    harness.publish_many(300).await;
    harness.settings.enabled = true;
    harness.restart(wanted()).await;
    harness.publish_many(20).await;
    assert!(poll(|| harness.count(DELIVERED) == 320).await);
    let old: Vec<_> = numbers(&endpoint.requests());
    // What waited went in the order in which it was published; the new ones came in between.
    let mut rest = old.clone();
    for n in 0..20 {
        rest.remove(rest.iter().rposition(|seen| *seen == n).unwrap());
    }
    assert_eq!(rest.len(), 300);
}
