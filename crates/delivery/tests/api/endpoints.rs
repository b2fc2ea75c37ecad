//! How endpoints are spared and kept in order: filters, order, rates, breakers, large fan-outs.

use std::time::{Duration, Instant};

use db::{Backend, Clock, SystemClock};
use delivery::{Ordering, SubscriptionFields, SubscriptionState};
use testkit::{ScriptedEndpoint, ScriptedReply};

use crate::harness::{
    DEAD, DELIVERED, Harness, PATIENCE, PENDING, numbers, poll, settings, subscription,
};

crate::on_both_databases!(
    filters_decide_who_is_owed,
    a_stuck_head_holds_up_its_subject_only,
    a_dead_head_frees_the_next,
    order_survives_a_restart,
    a_rate_limit_spaces_attempts_out,
    a_breaker_opens_and_survives_a_restart,
    five_days_of_failures_disable,
    a_large_fan_out_reaches_everybody,
    what_waited_too_long_is_given_up,
);

async fn filters_decide_who_is_owed(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let harness = Harness::start(backend, vec![]).await;
    let filter = |text: &str| {
        let text = text.to_owned();
        move |f: &mut SubscriptionFields| f.filter = Some(text)
    };
    let url = |n: u8| format!("{}/{n}", endpoint.url());
    harness
        .subscribe(&url(1), filter("event.data.n > 10"))
        .await;
    harness
        .subscribe(&url(2), filter("event.subject.startsWith('note/')"))
        .await;
    harness
        .subscribe(&url(3), filter("event.data.missing == 1"))
        .await;
    for (data, owed) in [
        (r#"{"n":5}"#, 0),
        (r#"{"n":50}"#, 1),
        (r#"{"n":50,"note_id":7}"#, 2),
    ] {
        assert_eq!(
            harness.publish("note.made", data).await.deliveries,
            owed,
            "{data}"
        );
    }
    assert!(harness.engine().metrics().filters_undecided >= 3);
    harness.until(DELIVERED, 3).await;
}

async fn a_stuck_head_holds_up_its_subject_only(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let mut failures = 3;
    endpoint.respond_with(move |request| {
        let is_first = request.text().contains(r#""n":0,"#);
        if is_first && failures > 0 {
            failures -= 1;
            return ScriptedReply::status(500);
        }
        ScriptedReply::status(200)
    });
    let harness = Harness::start(backend, vec![]).await;
    let in_order = |f: &mut SubscriptionFields| {
        f.ordering = Ordering::Subject;
        f.retry.schedule = Some("3, 0, 0".into());
    };
    harness.subscribe(endpoint.url(), in_order).await;
    for n in 0..20 {
        harness
            .publish("note.made", &format!(r#"{{"n":{n},"note_id":{}}}"#, n % 2))
            .await;
    }
    harness.until(DELIVERED, 20).await;
    let order = numbers(&endpoint.requests());
    let of =
        |subject: u64| -> Vec<u64> { order.iter().copied().filter(|n| n % 2 == subject).collect() };
    let even: Vec<u64> = [0, 0, 0].into_iter().chain((0..20).step_by(2)).collect();
    assert_eq!(of(0), even, "each waits for the one before");
    assert_eq!(of(1), (1..20).step_by(2).collect::<Vec<_>>());
    let second_try = order
        .iter()
        .enumerate()
        .filter(|(_, n)| **n == 0)
        .nth(1)
        .unwrap()
        .0;
    assert!(
        order[..second_try].contains(&1),
        "the other subject did not wait: {order:?}"
    );
}

/// It dies, is sent again by hand, and holds up nobody.
async fn a_dead_head_frees_the_next(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_with(|request| match request.text().contains(r#""n":0,"#) {
        true => ScriptedReply::status(500),
        false => ScriptedReply::status(200),
    });
    let harness = Harness::start(backend, vec![]).await;
    let in_order = |f: &mut SubscriptionFields| {
        f.ordering = Ordering::Subject;
        f.retry.schedule = Some("0, 0".into());
    };
    harness.subscribe(endpoint.url(), in_order).await;
    for n in 0..5 {
        harness
            .publish("note.made", &format!(r#"{{"n":{n},"note_id":1}}"#))
            .await;
    }
    harness.until(DELIVERED, 4).await;
    assert_eq!(harness.count(DEAD), 1);
    assert_eq!(numbers(&endpoint.requests()), [0, 0, 0, 1, 2, 3, 4]);
}

async fn order_survives_a_restart(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_with(|_| ScriptedReply::status(503));
    let mut harness = Harness::start(backend, vec![]).await;
    let in_order = |f: &mut SubscriptionFields| {
        f.ordering = Ordering::Subject;
        f.retry.schedule = Some("0, 1, 2, 2, 2, 2, 2, 2".into());
    };
    harness.subscribe(endpoint.url(), in_order).await;
    for n in 0..10 {
        harness
            .publish("note.made", &format!(r#"{{"n":{n},"note_id":1}}"#))
            .await;
    }
    endpoint.wait_for(2, PATIENCE).await;
    harness.stop();
    let failed = endpoint.requests().len();
    assert!(numbers(&endpoint.requests()).iter().all(|n| *n == 0));
    endpoint.respond_with(|_| ScriptedReply::status(200));
    harness.restart(vec![]).await;
    harness.until(DELIVERED, 10).await;
    assert_eq!(
        numbers(&endpoint.requests()[failed..]),
        (0..10).collect::<Vec<_>>()
    );
}

async fn a_rate_limit_spaces_attempts_out(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let harness = Harness::start(backend, vec![]).await;
    harness
        .subscribe(endpoint.url(), |f| f.rate_limit_per_second = Some(5.0))
        .await;
    let began = Instant::now();
    harness.publish_many(15).await;
    harness.until(DELIVERED, 15).await;
    // Five at once, then one every fifth of a second.
    assert!(
        began.elapsed() >= Duration::from_millis(1_900),
        "{:?}",
        began.elapsed()
    );
    // Those that go at once overtake each other on their way.
    let mut came = numbers(&endpoint.requests());
    came[..5].sort_unstable();
    assert_eq!(came, (0..15).collect::<Vec<_>>());
}

async fn a_breaker_opens_and_survives_a_restart(backend: Backend) {
    let (endpoint, news) = (
        ScriptedEndpoint::start().await,
        ScriptedEndpoint::start().await,
    );
    endpoint.respond_with(|_| ScriptedReply::status(500));
    let mut told = subscription("news", news.url());
    told.events = vec!["endpoint.*".into()];
    let mut harness = Harness::start(backend, vec![told.clone()]).await;
    let wanted = |f: &mut SubscriptionFields| {
        f.retry.schedule = Some("0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0".into());
        f.max_in_flight = Some(1);
    };
    let made = harness.subscribe(endpoint.url(), wanted).await.subscription;
    harness.publish_many(30).await;
    news.wait_for(1, PATIENCE).await;
    let opened = || harness.engine().metrics().breakers_open == 1;
    assert!(poll(opened).await);
    harness.until(DELIVERED, 1).await;
    let sent = endpoint.requests().len();
    assert_eq!(
        (sent, harness.count(PENDING)),
        (10, 30),
        "waiting uses no attempts"
    );
    harness.restart(vec![told]).await;
    assert!(poll(|| harness.engine().metrics().breakers_open == 1).await);
    harness.publish("note.made", r#"{"n":99}"#).await;
    // What was sent between the start and the first sweep is at most what may be under way.
    assert!(
        endpoint.requests().len() <= sent + 1,
        "{}",
        endpoint.requests().len()
    );

    endpoint.respond_with(|_| ScriptedReply::status(200));
    harness.execute("UPDATE endpoint_health SET open_until_ms = 1".into());
    harness
        .engine()
        .subscriptions()
        .enable(&harness.tenant(), made.id)
        .await
        .unwrap();
    harness.until(DELIVERED, 32).await;
    let types = news.requests();
    assert_eq!(
        types[0].header("x-webhook-event-type"),
        Some("endpoint.failing")
    );
}

async fn five_days_of_failures_disable(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_with(|_| ScriptedReply::status(500));
    let mut harness = Harness::start(backend, vec![]).await;
    let made = harness.subscribe(endpoint.url(), |_| ()).await.subscription;
    let long_ago = SystemClock.now_ms() - 6 * 24 * 3_600_000;
    harness.execute(format!(
        "INSERT INTO endpoint_health (subscription_id, failing_since_ms, told, opened) \
         VALUES ({}, {long_ago}, 1, 0)",
        made.row_key()
    ));
    harness.restart(vec![]).await;
    // The first sweep learns of it.
    tokio::time::sleep(Duration::from_millis(500)).await;
    harness.publish("note.made", r#"{"n":1}"#).await;
    let state = || {
        let subscriptions = harness.engine().subscriptions();
        harness
            .read(|conn| subscriptions.get(conn, 1, made.id))
            .unwrap()
            .state
    };
    assert!(poll(|| state() == SubscriptionState::Disabled).await);
    assert_eq!(harness.published("endpoint.disabled"), 1);
}

async fn a_large_fan_out_reaches_everybody(backend: Backend) {
    const ENDPOINTS: usize = 600;
    let endpoint = ScriptedEndpoint::start().await;
    let harness = Harness::start(backend, vec![]).await;
    let first = harness.subscribe(endpoint.url(), |_| ()).await.subscription;
    harness.execute(format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) \
         INSERT INTO subscriptions (id, uuid, tenant_id, version, description, url, event_types, profile, \
         signing, state, retry_enabled, ordering, created_at_ms, updated_at_ms) \
         SELECT {} + i, '00000000-0000-4000-8000-' || (100000000000 + i), 1, 1, '', '{}', '[\"note.*\"]', \
         1, 1, 1, 1, 1, 0, 0 FROM n",
        ENDPOINTS - 1,
        first.row_key(),
        endpoint.url(),
    ));
    harness.execute("UPDATE subscriptions_version SET version = version + 1".into());
    let published = harness.publish("note.made", r#"{"n":1}"#).await;
    assert_eq!(published.deliveries, ENDPOINTS);
    harness.until(DELIVERED, ENDPOINTS).await;
    assert_eq!(endpoint.requests().len(), ENDPOINTS);
    assert_eq!(harness.execute("DELETE FROM fan_outs".into()), 0);
}

async fn what_waited_too_long_is_given_up(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let mut harness = Harness::idle(backend, settings());
    harness.settings.delivery_age_days_max = 0;
    harness.restart(vec![]).await;
    let tenant = harness.tenant();
    let made = harness
        .subscribe(endpoint.url(), |f| f.is_active = false)
        .await
        .subscription;
    harness.publish("note.made", r#"{"n":1}"#).await;
    harness.execute("DELETE FROM meta WHERE name = 'expired_at_ms'".into());
    harness.until(DEAD, 1).await;
    assert_eq!(harness.published("delivery.dead"), 1);
    harness
        .engine()
        .subscriptions()
        .enable(&tenant, made.id)
        .await
        .unwrap();
    assert!(endpoint.requests().is_empty());
}
