//! Subscriptions as managed data: what their owner may do, and what nobody else may.

use std::time::Duration;

use contract::PublicKey;
use db::{Backend, WriteError};
use delivery::{Page, ShownKey, Signing, SubscriptionRefusal, SubscriptionState, Tenant};
use testkit::{ScriptedEndpoint, ScriptedReply};

use crate::harness::{DEAD, DELIVERED, Harness, PATIENCE, PENDING, poll, settings, verify};

crate::on_both_databases!(
    a_subscription_lives_and_dies,
    another_tenants_subscription_is_not_found,
    refusals_say_what_and_change_nothing,
    rotated_secrets_overlap_and_end,
    ed25519_signs_beside_hmac,
    a_gone_endpoint_is_disabled_until_enabled,
    custom_headers_go_along_and_are_sealed,
    a_probe_shows_what_it_sent,
);

async fn a_subscription_lives_and_dies(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let harness = Harness::start(backend, vec![]).await;
    let (subscriptions, tenant) = (harness.engine().subscriptions(), harness.tenant());
    let made = harness.subscribe(endpoint.url(), |_| ()).await;
    let (id, version) = (made.subscription.id, made.subscription.version);
    harness.publish("note.made", r#"{"n":1}"#).await;
    let request = endpoint.wait_for(1, PATIENCE).await.remove(0);
    verify(&request, &made.secret.unwrap());

    let paused = subscriptions.pause(&tenant, id).await.unwrap();
    assert_eq!(paused.state, SubscriptionState::Paused);
    assert!(paused.version > version);
    harness.publish("note.made", r#"{"n":2}"#).await;
    harness.until(DELIVERED, 1).await;
    assert_eq!(harness.count(PENDING), 1);
    let active = |fields: &mut delivery::SubscriptionFields| {
        fields.is_active = true;
        fields.description = "the shop's".into();
    };
    let resumed = subscriptions
        .update(&tenant, id, Some(paused.version), active)
        .await
        .unwrap();
    assert_eq!(resumed.fields.description, "the shop's");
    harness.until(DELIVERED, 2).await;

    let listed = harness.read(|conn| subscriptions.list(conn, 1, Some(true), Page::first(10)));
    assert_eq!((listed.total, listed.items.as_slice()), (1, &[resumed][..]));
    endpoint.respond_with(|_| ScriptedReply::status(503));
    harness.publish("note.made", r#"{"n":3}"#).await;
    assert!(poll(|| harness.deliveries()[2].attempts > 0).await);
    subscriptions.delete(&tenant, id).await.unwrap();
    harness.until(DEAD, 1).await;
    assert!(
        harness
            .read(|conn| subscriptions.get(conn, 1, id))
            .is_none()
    );
    assert_eq!(harness.publish("note.made", "{}").await.deliveries, 0);
}

async fn another_tenants_subscription_is_not_found(backend: Backend) {
    let harness = Harness::start(backend, vec![]).await;
    harness.execute("INSERT INTO tenants (id, name) VALUES (2, 'other')".into());
    let other = Tenant {
        id: 2,
        name: "other".into(),
    };
    let subscriptions = harness.engine().subscriptions();
    let id = harness
        .subscribe("https://example.com/", |_| ())
        .await
        .subscription
        .id;
    let not_found = Some(WriteError::Refused(SubscriptionRefusal::NotFound));
    assert_eq!(subscriptions.delete(&other, id).await.err(), not_found);
    assert_eq!(subscriptions.enable(&other, id).await.err(), not_found);
    assert_eq!(
        subscriptions.update(&other, id, None, |_| ()).await.err(),
        not_found
    );
    let rotated = subscriptions.rotate(&other, id, None, Duration::ZERO).await;
    assert_eq!(rotated.err(), not_found);
    assert!(
        harness
            .read(|conn| subscriptions.get(conn, 2, id))
            .is_none()
    );
    let listed = harness.read(|conn| subscriptions.list(conn, 2, None, Page::first(10)));
    assert!(listed.items.is_empty());
    assert!(
        harness
            .engine()
            .publisher()
            .probe(&other, id)
            .await
            .is_err()
    );
}

async fn refusals_say_what_and_change_nothing(backend: Backend) {
    let configured = crate::harness::subscription("shop", "https://example.com/configured");
    let harness = Harness::start(backend, vec![configured]).await;
    let (subscriptions, tenant) = (harness.engine().subscriptions(), harness.tenant());
    let made = harness
        .subscribe("https://example.com/", |_| ())
        .await
        .subscription;
    let again = subscriptions
        .create(&tenant, made.fields.clone(), None)
        .await;
    assert_eq!(
        again.err(),
        Some(WriteError::Refused(SubscriptionRefusal::Duplicate(made.id)))
    );
    let stale = subscriptions
        .update(&tenant, made.id, Some(made.version - 1), |_| ())
        .await;
    let expected = WriteError::Refused(SubscriptionRefusal::Stale(made.version));
    assert_eq!(stale.err(), Some(expected));
    let mut private = made.fields.clone();
    private.url = "https://10.0.0.1/".into();
    for (fields, secret) in [(private, None), (made.fields.clone(), Some("short"))] {
        let refused = subscriptions.create(&tenant, fields, secret).await;
        let Err(WriteError::Refused(SubscriptionRefusal::Invalid(_))) = refused else {
            panic!("it was accepted");
        };
    }
    let listed = harness.read(|conn| subscriptions.list(conn, 1, None, Page::first(10)));
    assert_eq!(listed.items.len(), 2);
    let from_settings = listed
        .items
        .iter()
        .find(|s| s.config_name.is_some())
        .unwrap();
    let refused = subscriptions.delete(&tenant, from_settings.id).await;
    let Err(WriteError::Refused(SubscriptionRefusal::Configured(name))) = refused else {
        panic!("it was deleted");
    };
    assert_eq!((name.as_str(), &made), ("shop", &listed.items[1]));
}

async fn rotated_secrets_overlap_and_end(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let harness = Harness::start(backend, vec![]).await;
    let (subscriptions, tenant) = (harness.engine().subscriptions(), harness.tenant());
    let made = harness.subscribe(endpoint.url(), |_| ()).await;
    let (id, old) = (made.subscription.id, made.secret.unwrap());
    let rotated = subscriptions
        .rotate(&tenant, id, None, Duration::from_secs(3_600))
        .await;
    let rotated = rotated.unwrap();
    let new = rotated.secret.unwrap();
    harness.publish("note.made", r#"{"n":1}"#).await;
    let request = endpoint.wait_for(1, PATIENCE).await.remove(0);
    verify(&request, &old);
    verify(&request, &new);
    let tokens = request
        .header("webhook-signature")
        .unwrap()
        .split(' ')
        .count();
    assert_eq!(tokens, 2);

    let shown = harness.read(|conn| subscriptions.shown_keys(conn, &rotated.subscription));
    let [
        ShownKey::Secret {
            masked,
            expires_at_ms: None,
        },
        ShownKey::Secret {
            expires_at_ms: Some(_),
            ..
        },
    ] = shown.as_slice()
    else {
        panic!("{shown:?}");
    };
    assert_eq!(
        (masked.len(), new.ends_with(masked.trim_start_matches('*'))),
        (7, true)
    );
    // Given, and without overlap: only it signs.
    let given = "a given secret";
    subscriptions
        .rotate(&tenant, id, Some(given), Duration::ZERO)
        .await
        .unwrap();
    harness.publish("note.made", r#"{"n":2}"#).await;
    let request = endpoint.wait_for(2, PATIENCE).await.remove(1);
    assert_eq!(
        request
            .header("webhook-signature")
            .unwrap()
            .split(' ')
            .count(),
        1
    );
    let too_long = Duration::from_secs(8 * 24 * 3_600);
    assert!(
        subscriptions
            .rotate(&tenant, id, None, too_long)
            .await
            .is_err()
    );
}

async fn ed25519_signs_beside_hmac(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let harness = Harness::start(backend, vec![]).await;
    let (subscriptions, tenant) = (harness.engine().subscriptions(), harness.tenant());
    let made = harness
        .subscribe(endpoint.url(), |f| f.signing = Signing::Both)
        .await;
    let (key, id) = (made.public_key.unwrap(), made.subscription.id);
    harness.publish("note.made", r#"{"n":1}"#).await;
    let request = endpoint.wait_for(1, PATIENCE).await.remove(0);
    let signatures = request.header("webhook-signature").unwrap();
    assert!(
        signatures.contains("v1,") && signatures.contains("v1a,"),
        "{signatures}"
    );
    verify(&request, &made.secret.unwrap());
    let keys: Vec<(uuid::Uuid, PublicKey)> =
        harness.read(|conn| subscriptions.public_keys(conn, "default"));
    assert!(
        harness
            .read(|conn| subscriptions.public_keys(conn, "other"))
            .is_empty()
    );
    assert_eq!(keys, [(id, key)]);

    let only = |fields: &mut delivery::SubscriptionFields| fields.signing = Signing::Ed25519;
    subscriptions.update(&tenant, id, None, only).await.unwrap();
    harness.publish("note.made", r#"{"n":2}"#).await;
    let request = endpoint.wait_for(2, PATIENCE).await.remove(1);
    let signatures = request.header("webhook-signature").unwrap();
    assert!(
        signatures.starts_with("v1a,") && !signatures.contains(' '),
        "{signatures}"
    );
    assert!(request.header("x-webhook-signature").is_none());
}

async fn a_gone_endpoint_is_disabled_until_enabled(backend: Backend) {
    let (endpoint, news) = (
        ScriptedEndpoint::start().await,
        ScriptedEndpoint::start().await,
    );
    endpoint.respond_with(|_| ScriptedReply::status(410));
    let harness = Harness::start(backend, vec![]).await;
    let (subscriptions, tenant) = (harness.engine().subscriptions(), harness.tenant());
    let id = harness
        .subscribe(endpoint.url(), |_| ())
        .await
        .subscription
        .id;
    let to_news = |f: &mut delivery::SubscriptionFields| {
        f.events = vec!["endpoint.*".into(), "delivery.dead".into()];
    };
    harness.subscribe(news.url(), to_news).await;
    harness.publish("note.made", r#"{"n":1}"#).await;
    let told = news.wait_for(2, PATIENCE).await;
    let told: Vec<_> = told
        .iter()
        .map(|r| r.header("x-webhook-event-type").unwrap())
        .collect();
    assert!(
        told.contains(&"endpoint.disabled") && told.contains(&"delivery.dead"),
        "{told:?}"
    );
    let stored = harness.read(|conn| subscriptions.get(conn, 1, id)).unwrap();
    assert_eq!(stored.state, SubscriptionState::Disabled);
    assert!(stored.disabled_reason.unwrap().contains("410"));
    assert_eq!(
        harness.publish("note.made", r#"{"n":2}"#).await.deliveries,
        0
    );
    endpoint.respond_with(|_| ScriptedReply::status(200));
    subscriptions.enable(&tenant, id).await.unwrap();
    assert_eq!(
        harness.publish("note.made", r#"{"n":3}"#).await.deliveries,
        1
    );
    endpoint.wait_for(2, PATIENCE).await;
}

async fn custom_headers_go_along_and_are_sealed(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let harness = Harness::start(backend, vec![]).await;
    let with_header = |f: &mut delivery::SubscriptionFields| {
        f.headers
            .insert("authorization".into(), "Bearer of-tidings".into());
    };
    harness.subscribe(endpoint.url(), with_header).await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut event = harness.event("note.made", r#"{"n":1}"#);
    event.metadata =
        Some(contract::JsonObject::parse(&format!(r#"{{"traceparent":"{parent}"}}"#)).unwrap());
    harness.engine().publisher().submit(event).await.unwrap();
    let request = endpoint.wait_for(1, PATIENCE).await.remove(0);
    assert_eq!(request.header("authorization"), Some("Bearer of-tidings"));
    assert_eq!(request.header("traceparent"), Some(parent));
    let stored = harness.execute(
        "UPDATE subscriptions SET updated_at_ms = updated_at_ms WHERE headers IS NOT NULL \
         AND CAST(headers AS TEXT) NOT LIKE '%tidings%'"
            .into(),
    );
    assert_eq!(stored, 1);
}

async fn a_probe_shows_what_it_sent(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_in_turn([
        ScriptedReply::status(200),
        ScriptedReply::json(500, r#"{"oh":"no"}"#),
    ]);
    let mut harness = Harness::idle(backend, settings());
    harness.restart(vec![]).await;
    let tenant = harness.tenant();
    let module_n = |f: &mut delivery::SubscriptionFields| {
        f.profile = contract::Profile::ModuleN;
        f.events = vec!["file.*".into()];
        f.headers.insert("x-shop".into(), "private".into());
    };
    let made = harness.subscribe(endpoint.url(), module_n).await;
    let publisher = harness.engine().publisher();
    harness.read(|conn| publisher.refresh(conn));
    let report = publisher
        .probe(&tenant, made.subscription.id)
        .await
        .unwrap();
    assert_eq!(
        (report.success, report.status_code, report.error),
        (true, Some(200), None)
    );
    let request = endpoint.requests().remove(0);
    assert_eq!(request.body, report.body);
    assert!(request.text().contains(r#""event_type":"webhook.test""#));
    verify(&request, &made.secret.unwrap());
    for (name, value) in &report.headers {
        let sent = request.header(name).unwrap();
        assert_eq!(value, if name == "x-shop" { "***" } else { sent });
    }
    let report = publisher
        .probe(&tenant, made.subscription.id)
        .await
        .unwrap();
    assert_eq!((report.success, report.status_code), (false, Some(500)));
    assert_eq!(report.response, br#"{"oh":"no"}"#);
    assert!(harness.deliveries().is_empty());
}
