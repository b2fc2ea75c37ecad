//! What owners see of deliveries and events, and what they may have done again.

use std::collections::HashSet;
use std::time::Duration;

use contract::{DeliveryId, EventId};
use db::{Backend, WriteError};
use db::{Clock, SystemClock};
use delivery::{
    Delivery, DeliveryFilter, DeliveryHealth, DeliveryState, DeliveryStats, EndpointTotals,
    EventFilter, Failure, Filter, HealthStatus, LoggedEvent, Page, QueueStats, ReconcileCursor,
    Reconciled, RedeliverRefusal, Replay, ReplaySpec, ReplayState, Subscription, Verdict,
};
use testkit::{ScriptedEndpoint, ScriptedReply};

use crate::harness::{DEAD, DELIVERED, Harness, PATIENCE, numbers, poll, publish, settings};

crate::on_both_databases!(
    deliveries_are_listed_and_shown_with_their_attempts,
    a_dead_letter_is_redelivered_with_the_same_bytes,
    counters_say_what_happened,
    a_replay_goes_on_after_a_restart,
    a_replay_of_named_events_goes_on_after_a_restart,
    a_replay_is_cancelled_and_previewed,
    a_receiver_reconciles_while_others_write,
    old_events_are_removed,
    the_log_shows_events_and_tries_filters,
);

async fn deliveries_are_listed_and_shown_with_their_attempts(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_in_turn([ScriptedReply::json(500, "no"), ScriptedReply::status(200)]);
    let harness = Harness::start(backend, vec![]).await;
    let made = harness
        .subscribe(endpoint.url(), |f| f.max_in_flight = Some(1))
        .await
        .subscription;
    harness.publish_many(5).await;
    harness.until(DELIVERED, 5).await;
    let all = DeliveryFilter::default();
    let page = |after| Page {
        after,
        ..Page::first(2)
    };
    let first = harness.read(|conn| all.list(conn, 1, page(None)));
    assert_eq!((first.items.len(), first.total), (2, 5));
    let mut seen: Vec<_> = first.items.iter().map(|d| d.id).collect();
    let mut next = first.next;
    while next.is_some() {
        let more = harness.read(|conn| all.list(conn, 1, page(next)));
        seen.extend(more.items.iter().map(|d| d.id));
        next = more.next;
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by(|a, b| a > b), "newest first");
    shows_attempts_and_filters(&harness, &made, *seen.last().unwrap());
}

fn shows_attempts_and_filters(harness: &Harness, made: &Subscription, oldest: DeliveryId) {
    let all = DeliveryFilter::default();
    let (delivery, attempts) = harness
        .read(|conn| Delivery::find(conn, 1, oldest))
        .unwrap();
    assert_eq!(delivery.subscription_id, made.id.to_string());
    assert_eq!(
        (delivery.state, delivery.attempts),
        (DeliveryState::Delivered, 2)
    );
    let tried: Vec<_> = attempts
        .iter()
        .map(|a| (a.number, a.outcome, a.status_code))
        .collect();
    assert_eq!(
        tried,
        [(1, "status", Some(500)), (2, "delivered", Some(200))]
    );
    assert_eq!(attempts[0].response.as_deref(), Some(&b"no"[..]));
    assert!(
        harness
            .read(|conn| Delivery::find(conn, 2, oldest))
            .is_none()
    );
    for (filter, count) in [
        (
            DeliveryFilter {
                state: Some(DeliveryState::Dead),
                ..all.clone()
            },
            0,
        ),
        (
            DeliveryFilter {
                subscription: Some(made.row_key()),
                ..all.clone()
            },
            5,
        ),
        (
            DeliveryFilter {
                event_id: Some(delivery.event_id),
                ..all.clone()
            },
            1,
        ),
        (
            DeliveryFilter {
                event_type: Some("note.lost".into()),
                ..all.clone()
            },
            0,
        ),
        (
            DeliveryFilter {
                until_ms: Some(1),
                ..all.clone()
            },
            0,
        ),
    ] {
        let list = harness.read(|conn| filter.list(conn, 1, Page::first(10)));
        assert_eq!(list.items.len(), count, "{filter:?}");
    }
    let foreign = harness.read(|conn| all.list(conn, 2, Page::first(10)));
    assert!(foreign.items.is_empty());
}

async fn a_dead_letter_is_redelivered_with_the_same_bytes(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_with(|_| ScriptedReply::status(500));
    let harness = Harness::start(backend, vec![]).await;
    let (publisher, tenant) = (harness.engine().publisher(), harness.tenant());
    harness
        .subscribe(endpoint.url(), |f| f.retry.schedule = Some("0".into()))
        .await;
    harness.publish_many(3).await;
    harness.until(DEAD, 3).await;
    let row = harness.deliveries().remove(0);
    let id = DeliveryId(row.id);
    // Its schedule begins anew: two more attempts, then dead again.
    Delivery::redeliver(publisher, &harness.writer, &tenant, id)
        .await
        .unwrap();
    assert!(poll(|| harness.deliveries()[0].attempts == 4).await);
    harness.until(DEAD, 3).await;
    assert_eq!(harness.published("delivery.dead"), 4);
    endpoint.respond_with(|_| ScriptedReply::status(200));
    let all = DeliveryFilter::default();
    let count = Delivery::redeliver_dead(publisher, &harness.writer, &tenant, all).await;
    assert_eq!(count, Ok(3));
    harness.until(DELIVERED, 3).await;
    let requests = endpoint.requests();
    let of = |n: u64| {
        requests
            .iter()
            .filter(move |r| numbers(&[(*r).clone()]) == [n])
    };
    assert_eq!(of(0).count(), 5);
    assert!(of(0).all(|r| r.body == of(0).next().unwrap().body));
    let unknown = Delivery::redeliver(publisher, &harness.writer, &tenant, DeliveryId(5)).await;
    assert_eq!(
        unknown,
        Err(WriteError::Refused(RedeliverRefusal::NotFound))
    );
    let totals = harness.read(|conn| QueueStats::read(conn, 1, 0));
    assert_eq!((totals.completed, totals.failed, totals.total), (3, 0, 3));
}

async fn counters_say_what_happened(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_with(|request| match request.text().contains(r#""n":0}"#) {
        true => ScriptedReply::status(404),
        false => ScriptedReply::status(200),
    });
    let harness = Harness::start(backend, vec![]).await;
    let quick = |f: &mut delivery::SubscriptionFields| f.retry.schedule = Some("quick".into());
    let made = harness.subscribe(endpoint.url(), quick).await.subscription;
    let now_ms = SystemClock.now_ms();
    let health = |now_ms| harness.read(|conn| DeliveryHealth::read(conn, 1, now_ms));
    assert_eq!(health(now_ms).status, HealthStatus::Unknown);
    harness.publish_many(10).await;
    harness.until(DELIVERED, 9).await;
    harness.until(DEAD, 1).await;
    let stats = harness.read(|conn| DeliveryStats::read(conn, 1, None, 24, now_ms + 60_000));
    assert_eq!((stats.attempts.total, stats.attempts.failed), (10, 1));
    assert_eq!(
        (stats.success_rate, stats.avg_attempts),
        (Some(0.9), Some(1.0))
    );
    assert_eq!(stats.by_event_type["note.made"].successful, 9);
    assert_eq!(stats.by_status_code["404"], 1);
    let other = harness.read(|conn| DeliveryStats::read(conn, 2, None, 24, now_ms));
    assert_eq!(other.attempts.total, 0);
    assert_eq!(health(now_ms + 60_000).status, HealthStatus::Degraded);
    let key = made.row_key();
    let totals = harness.read(|conn| EndpointTotals::read(conn, 1, key));
    assert_eq!(
        (
            totals.delivered,
            totals.dead,
            totals.succeeded,
            totals.failed
        ),
        (9, 1, 9, 1)
    );
    assert!(totals.last_failure_at_ms.is_some());
    let failures = harness.read(|conn| Failure::recent(conn, 1, 10));
    assert_eq!((failures.len(), failures[0].status_code), (1, Some(404)));
    let series = harness.engine().metrics().series;
    let attempts = series.values().flat_map(|series| series.attempts.values());
    let durations = series.values().map(|series| series.durations.count);
    let codes = series.values().flat_map(|series| &series.http_status);
    assert_eq!((attempts.sum::<u64>(), durations.sum::<u64>()), (10, 10));
    assert_eq!(codes.collect::<Vec<_>>(), [(&200, &9), (&404, &1)]);
}

async fn a_replay_goes_on_after_a_restart(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let mut harness = Harness::start(backend, vec![]).await;
    harness.publish_many(150).await;
    let made = harness.subscribe(endpoint.url(), |_| ()).await.subscription;
    let spec = ReplaySpec {
        subscription: Some(made.id),
        types: vec!["note.*".into()],
        ..ReplaySpec::default()
    };
    let tenant = harness.tenant();
    let replay = spec
        .start(harness.engine().publisher(), &harness.writer, &tenant, 50)
        .await;
    let replay = replay.unwrap();
    assert_eq!((replay.expected, replay.state), (150, ReplayState::Running));
    endpoint.wait_for(50, PATIENCE).await;
    harness.restart(vec![]).await;
    let state = || {
        harness
            .read(|conn| Replay::find(conn, 1, replay.id))
            .unwrap()
    };
    assert!(
        poll(|| state().state == ReplayState::Completed).await,
        "{:?}",
        state()
    );
    assert_eq!((state().queued, state().progress_percent), (150, 100));
    harness.until(DELIVERED, 150).await;
    let arrived: HashSet<u64> = numbers(&endpoint.requests()).into_iter().collect();
    assert_eq!(arrived.len(), 150);
}

async fn a_replay_of_named_events_goes_on_after_a_restart(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let mut harness = Harness::start(backend, vec![]).await;
    let published = harness.publish_many(150).await;
    harness.subscribe(endpoint.url(), |_| ()).await;
    let unknown = EventId::new(1, [1; 10]);
    let ids: Vec<EventId> = published.iter().step_by(2).map(|p| p.id).collect();
    let asked: Vec<EventId> = ids.iter().rev().copied().chain([unknown, ids[0]]).collect();
    let found = harness.read(|conn| ReplaySpec::default().of_events(conn, 1, &asked));
    let (spec, missing) = found;
    assert_eq!(missing, [unknown]);
    let tenant = harness.tenant();
    let replay = spec
        .start(harness.engine().publisher(), &harness.writer, &tenant, 20)
        .await
        .unwrap();
    assert_eq!(replay.expected, 75);
    endpoint.wait_for(20, PATIENCE).await;
    harness.restart(vec![]).await;
    let state = || {
        harness
            .read(|conn| Replay::find(conn, 1, replay.id))
            .unwrap()
    };
    assert!(
        poll(|| state().state == ReplayState::Completed).await,
        "{:?}",
        state()
    );
    assert_eq!((state().queued, state().progress_percent), (75, 100));
    harness.until(DELIVERED, 75).await;
    let requests = endpoint.requests();
    let arrived: HashSet<&str> = requests
        .iter()
        .filter_map(|r| r.header("webhook-id"))
        .collect();
    assert_eq!(
        arrived,
        ids.iter()
            .map(ToString::to_string)
            .collect::<HashSet<_>>()
            .iter()
            .map(String::as_str)
            .collect()
    );
}

async fn a_replay_is_cancelled_and_previewed(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let harness = Harness::start(backend, vec![]).await;
    harness.subscribe(endpoint.url(), |_| ()).await;
    harness.publish_many(20).await;
    harness.until(DELIVERED, 20).await;
    let (publisher, tenant) = (harness.engine().publisher(), harness.tenant());
    let dead_only = ReplaySpec {
        states: vec![3],
        ..ReplaySpec::default()
    };
    assert_eq!(harness.read(|conn| dead_only.preview(conn, 1)), 20);
    let replay = dead_only
        .start(publisher, &harness.writer, &tenant, 100)
        .await
        .unwrap();
    let state = |id| harness.read(|conn| Replay::find(conn, 1, id)).unwrap();
    assert!(poll(|| state(replay.id).state == ReplayState::Completed).await);
    assert_eq!(state(replay.id).queued, 0, "none was dead");
    let slow = ReplaySpec::default()
        .start(publisher, &harness.writer, &tenant, 1)
        .await
        .unwrap();
    assert!(
        Replay::cancel(publisher, &harness.writer, &tenant, slow.id)
            .await
            .is_ok()
    );
    assert!(
        Replay::cancel(publisher, &harness.writer, &tenant, slow.id)
            .await
            .is_err()
    );
    assert_eq!(state(slow.id).state, ReplayState::Cancelled);
    let listed = harness.read(|conn| Replay::list(conn, 1, Page::first(10)));
    assert_eq!(listed.items.len(), 2);
    assert!(
        harness
            .read(|conn| Replay::find(conn, 2, slow.id))
            .is_none()
    );
}

async fn a_receiver_reconciles_while_others_write(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let harness = Harness::start(backend, vec![]).await;
    let made = harness.subscribe(endpoint.url(), |_| ()).await.subscription;
    let publisher = harness.engine().publisher();
    let (mut seen, mut cursor): (Vec<EventId>, Option<ReconcileCursor>) = (Vec::new(), None);
    let mut look = |seen: &mut Vec<EventId>| {
        let key = made.row_key();
        let found = harness
            .read(|conn| Reconciled::page(conn, publisher, 1, Some(key), cursor.as_ref(), 7));
        seen.extend(found.events.iter().map(|event| event.id));
        cursor = Some(ReconcileCursor::parse(&found.next.to_string(), publisher).unwrap());
    };
    let writing = async {
        let each = (0..400).map(|n| {
            let event = harness.event("note.made", &format!(r#"{{"n":{n},"note_id":{n}}}"#));
            publish(publisher, &harness.writer, event)
        });
        let published = futures_util::future::join_all(each).await;
        published.into_iter().map(|p| p.id).collect::<HashSet<_>>()
    };
    let reading = async {
        for _ in 0..100 {
            look(&mut seen);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let (written, ()) = tokio::join!(writing, reading);
    harness.until(DELIVERED, 400).await;
    // A transaction of anybody on the server may still hold the last ones back.
    let all = || {
        look(&mut seen);
        seen.len() >= 400
    };
    assert!(poll(all).await);
    assert_eq!(seen.len(), 400, "each once");
    assert_eq!(seen.into_iter().collect::<HashSet<_>>(), written);
    let all = || harness.read(|conn| Reconciled::page(conn, publisher, 1, None, None, 1_000));
    assert!(
        poll(|| all().events.len() == 400).await,
        "everything published"
    );
    let other = harness.read(|conn| Reconciled::page(conn, publisher, 2, None, None, 1_000));
    assert!(other.events.is_empty());
    for text in ["", "1.2", "0.0.0", "x.-1.0"] {
        assert!(ReconcileCursor::parse(text, publisher).is_err(), "{text}");
    }
}

async fn old_events_are_removed(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let mut harness = Harness::idle(backend, settings());
    harness.restart(vec![]).await;
    harness.subscribe(endpoint.url(), |_| ()).await;
    harness
        .subscribe("https://example.com/", |f| f.is_active = false)
        .await;
    harness.publish_many(300).await;
    harness.until(DELIVERED, 300).await;
    harness.settings.retention_days = 0;
    harness.execute("DELETE FROM meta WHERE name = 'retained_at_ms'".into());
    harness.restart(vec![]).await;
    assert!(poll(|| harness.count(DELIVERED) == 0).await);
    assert_eq!(harness.deliveries().len(), 300, "what is pending stays");
    assert_eq!(harness.published("note.made"), 300, "and so do its events");
}

async fn the_log_shows_events_and_tries_filters(backend: Backend) {
    let harness = Harness::start(backend, vec![]).await;
    let published = harness.publish_many(5).await;
    let publisher = harness.engine().publisher();
    let found = harness.read(|conn| LoggedEvent::find(conn, publisher, 1, published[3].id));
    assert_eq!(found.unwrap().event.data.as_str(), r#"{"n":3}"#);
    assert!(
        harness
            .read(|conn| LoggedEvent::find(conn, publisher, 2, published[3].id))
            .is_none()
    );
    let filter = Filter::compile("event.data.n >= 3").unwrap();
    let all = EventFilter::default();
    let tried = harness.read(|conn| all.try_filter(conn, publisher, 1, &filter, 100));
    let wanted = tried
        .iter()
        .filter(|(_, verdict)| *verdict == Verdict::Wanted)
        .count();
    assert_eq!((tried.len(), wanted), (5, 2));
}
