//! Subscriptions from the settings: stored, changed, removed, refused.

use db::{Backend, DatabaseUrl};
use testkit::{ScriptedEndpoint, ScriptedReply};

use crate::gated_endpoint::GatedEndpoint;
use crate::harness::{
    DEAD, DELIVERED, Harness, PATIENCE, PENDING, SECRET, poll, settings, subscription, verify,
};

crate::on_both_databases!(
    a_removed_subscription_is_owed_nothing,
    a_new_secret_signs_what_is_pending,
    a_paused_subscription_keeps_everything,
    a_deletion_by_another_node_reaches_memory,
    what_is_under_way_ends_when_its_endpoint_goes,
    wrong_settings_are_refused_by_name,
);

const NEW_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

async fn a_removed_subscription_is_owed_nothing(backend: Backend) {
    let (gone, stays) = (
        ScriptedEndpoint::start().await,
        ScriptedEndpoint::start().await,
    );
    gone.respond_with(|_| ScriptedReply::status(503));
    let mut patient = subscription("gone", gone.url());
    patient.retry_schedule = "3600".into();
    let kept = || subscription("stays", stays.url());
    let mut harness = Harness::start(backend, vec![patient, kept()]).await;
    harness.publish_many(3).await;
    assert!(poll(|| harness.deliveries().iter().all(|row| row.attempts == 1)).await);
    assert_eq!((harness.count(PENDING), harness.count(DELIVERED)), (3, 3));
    harness.restart(vec![kept()]).await;
    assert_eq!((harness.count(DEAD), harness.count(DELIVERED)), (3, 3));
    assert_eq!(harness.publish("note.made", "{}").await.deliveries, 1);
    harness.until(DELIVERED, 4).await;
    assert_eq!(gone.requests().len(), 3);
}

async fn a_new_secret_signs_what_is_pending(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let mut harness = Harness::idle(backend, settings());
    harness.settings.enabled = false;
    harness
        .restart(vec![subscription("shop", endpoint.url())])
        .await;
    harness.publish("note.made", "{}").await;
    let mut changed = subscription("shop", endpoint.url());
    changed.secrets = vec![NEW_SECRET.into(), SECRET.into()];
    harness.settings.enabled = true;
    harness.restart(vec![changed]).await;
    let request = endpoint.wait_for(1, PATIENCE).await.remove(0);
    verify(&request, NEW_SECRET);
    verify(&request, SECRET);
    let signature = request.header("webhook-signature").unwrap();
    assert_eq!(signature.split(' ').count(), 2);
}

async fn a_paused_subscription_keeps_everything(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let mut paused = subscription("shop", endpoint.url());
    paused.is_active = false;
    let mut harness = Harness::start(backend, vec![paused]).await;
    assert_eq!(harness.publish("note.made", "{}").await.deliveries, 1);
    let row = harness.deliveries().remove(0);
    assert_eq!((row.state, row.owner, row.claim), (PENDING, None, 0));
    harness
        .restart(vec![subscription("shop", endpoint.url())])
        .await;
    harness.until(DELIVERED, 1).await;
}

/// What is under way counts as it ends. Deleted: the rest is dead. Disabled: the rest waits, and nothing is sent.
async fn what_is_under_way_ends_when_its_endpoint_goes(backend: Backend) {
    for is_deleted in [true, false] {
        let endpoint = GatedEndpoint::closed();
        let mut harness = Harness::idle(backend, settings());
        harness.settings.lease_seconds = 3;
        harness.settings.attempts_in_flight_per_endpoint_max = 2;
        harness.restart(vec![]).await;
        let in_order =
            |f: &mut delivery::SubscriptionFields| f.ordering = delivery::Ordering::Subject;
        let made = harness
            .subscribe(&endpoint.url(), in_order)
            .await
            .subscription;
        for n in 0..6 {
            let data = format!(r#"{{"n":{n},"note_id":{}}}"#, n % 2);
            harness.publish("note.made", &data).await;
        }
        assert!(
            poll(|| endpoint.arrived() == 2).await,
            "a head of each subject"
        );
        let (subscriptions, tenant) = (harness.engine().subscriptions(), harness.tenant());
        if is_deleted {
            subscriptions.delete(&tenant, made.id).await.unwrap();
        } else {
            let pause = |f: &mut delivery::SubscriptionFields| f.is_active = false;
            subscriptions
                .update(&tenant, made.id, None, pause)
                .await
                .unwrap();
        }
        endpoint.open_gate();
        let (dead, waiting) = if is_deleted { (4, 0) } else { (0, 4) };
        let ended = || {
            let rows = harness.deliveries();
            rows.iter().all(|row| row.owner.is_none())
                && rows.iter().take(2).all(|row| row.state == DELIVERED)
                && [DELIVERED, DEAD, PENDING].map(|state| harness.count(state))
                    == [2, dead, waiting]
        };
        assert!(poll(ended).await, "{:?}", harness.deliveries());
        assert_eq!(endpoint.arrived(), 2);
        if !is_deleted {
            let resume = |f: &mut delivery::SubscriptionFields| f.is_active = true;
            subscriptions
                .update(&tenant, made.id, None, resume)
                .await
                .unwrap();
            harness.until(DELIVERED, 6).await;
            assert_eq!(endpoint.arrived(), 6);
        }
    }
}

async fn a_deletion_by_another_node_reaches_memory(backend: Backend) {
    let endpoint = GatedEndpoint::closed();
    let mut harness = Harness::idle(backend, settings());
    harness.settings.lease_seconds = 3;
    harness.settings.attempts_in_flight_per_endpoint_max = 2;
    harness
        .restart(vec![subscription("shop", &endpoint.url())])
        .await;
    harness.publish_many(10).await;
    assert!(poll(|| endpoint.arrived() == 2).await);
    harness.execute("UPDATE subscriptions SET state = 4".into());
    harness.execute("UPDATE subscriptions_version SET version = version + 1".into());
    assert_eq!(
        harness.publish("note.made", r#"{"n":10}"#).await.deliveries,
        0
    );
    endpoint.open_gate();
    harness.until(DEAD, 8).await;
    assert_eq!((harness.count(DELIVERED), endpoint.arrived()), (2, 2));
}

async fn wrong_settings_are_refused_by_name(backend: Backend) {
    let harness = Harness::idle(backend, settings());
    let good = || subscription("shop", "https://example.com/hook");
    type Change = fn(&mut delivery::SubscriptionSettings);
    let cases: [(&str, Change); 9] = [
        ("shop.url: ", |s| {
            s.url = "https://me:pw@example.com/".into()
        }),
        ("shop.url: ", |s| s.url = "ftp://example.com/".into()),
        ("shop.events: ", |s| s.events = vec![]),
        ("shop.events: `File.*`", |s| {
            s.events = vec!["File.*".into()]
        }),
        ("shop.events: the profile module-n", |s| {
            s.profile = "module-n".into()
        }),
        ("shop.secret: ", |s| s.secrets = vec!["short".into()]),
        ("shop.timeout_seconds: 301", |s| s.timeout_seconds = 301),
        ("shop.retry_schedule: ", |s| {
            s.retry_schedule = "often".into()
        }),
        ("shop.headers: `Webhook-Id`", |s| {
            s.headers.insert("Webhook-Id".into(), "mine".into());
        }),
    ];
    for (sentence, change) in cases {
        let mut wrong = good();
        change(&mut wrong);
        let refused = harness.try_start(vec![wrong]).await.err().expect(sentence);
        let refused = refused.to_string();
        let expected = format!("ingest.delivery.subscriptions.{sentence}");
        assert!(refused.starts_with(&expected), "{refused}");
    }
    assert!(harness.try_start(vec![good()]).await.is_ok());
}

#[tokio::test]
async fn secrets_are_sealed_in_the_file() {
    let harness = Harness::start(
        Backend::Sqlite,
        vec![subscription("shop", "https://example.com/")],
    )
    .await;
    let DatabaseUrl::Sqlite(path) = harness.temp.url() else {
        unreachable!("it was made with SQLite");
    };
    let mut bytes = std::fs::read(path).unwrap();
    let mut log = path.clone().into_os_string();
    log.push("-wal");
    bytes.extend(std::fs::read(log).unwrap_or_default());
    let holds = |text: &str| {
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    assert!(
        holds("https://example.com/"),
        "these are the bytes of the database"
    );
    assert!(!holds(SECRET) && !holds(SECRET.trim_start_matches("whsec_")));
}
