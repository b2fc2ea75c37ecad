//! A subscription as clients read it, under every name that a field has had. Must never show a secret: only its end.

use contract::format_ms;
use delivery::{
    DeliverySettings, EndpointTotals, RetrySchedule, Revealed, ShownKey, Subscription,
    SubscriptionState,
};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::jwks::kid;
use super::shared::at;
use super::subscription_input::{MASKED, ORDERING, SIGNING, name_of};

/// What is answered beside the row itself.
pub(super) struct Beside {
    pub(super) keys: Vec<ShownKey>,
    pub(super) totals: EndpointTotals,
}

/// The record.
pub(super) fn answer(
    subscription: &Subscription,
    beside: &Beside,
    defaults: &DeliverySettings,
) -> Value {
    let mut answer = wanted(subscription, defaults);
    let state = match subscription.state {
        SubscriptionState::Active => "active",
        SubscriptionState::Paused => "paused",
        SubscriptionState::Disabled => "disabled",
    };
    let is_active = subscription.state == SubscriptionState::Active;
    let totals = &beside.totals;
    let last = totals.last_success_at_ms.max(totals.last_failure_at_ms);
    let keys: Vec<Value> = beside.keys.iter().map(shown).collect();
    let masked = beside.keys.iter().find_map(|key| match key {
        ShownKey::Secret { masked, .. } => Some(masked.as_str()),
        ShownKey::Public { .. } => None,
    });
    add(
        &mut answer,
        json!({
            "id": subscription.id,
            "version": subscription.version,
            "state": state,
            "is_active": is_active,
            "active": is_active,
            "disabled_reason": subscription.disabled_reason,
            "config_name": subscription.config_name,
            "keys": keys,
            "secret_masked": masked,
            "delivery_count": totals.succeeded + totals.failed,
            "success_count": totals.succeeded,
            "failure_count": totals.failed,
            "last_triggered_at": at(last),
            "last_delivery_at": at(last),
            "last_success_at": at(totals.last_success_at_ms),
            "last_failure_at": at(totals.last_failure_at_ms),
            "created_at": format_ms(subscription.created_at_ms),
            "updated_at": format_ms(subscription.updated_at_ms),
        }),
    );
    answer
}

/// The record with what is shown this once.
pub(super) fn revealed(revealed: &Revealed, mut record: Value) -> Value {
    let public_key = revealed.public_key.as_ref().map(ToString::to_string);
    let secret = &revealed.secret;
    add(
        &mut record,
        json!({"secret": secret, "secret_key": secret, "public_key": public_key}),
    );
    record
}

/// What its owner asked for, and what is in force where nothing was.
fn wanted(subscription: &Subscription, defaults: &DeliverySettings) -> Value {
    let fields = &subscription.fields;
    let retry = &fields.retry;
    let schedule = retry.schedule.as_ref().unwrap_or(&defaults.retry_schedule);
    let waits = RetrySchedule::parse(schedule).map_or(0, |schedule| schedule.waits().len());
    let max_retries = match retry.max_retries {
        _ if !retry.enabled => 0,
        Some(count) => i64::from(count),
        None => i64::try_from(waits).unwrap_or(i64::MAX),
    };
    let client_errors = retry.client_errors;
    let client_errors =
        client_errors.unwrap_or_else(|| RetrySchedule::preset_retries_client_errors(schedule));
    let metadata = fields.metadata.as_ref().map(|metadata| {
        let text = metadata.as_str().to_owned();
        RawValue::from_string(text).map_or(Value::Null, |raw| json!(raw))
    });
    let headers: serde_json::Map<String, Value> = fields
        .headers
        .keys()
        .map(|name| (name.clone(), json!(MASKED)))
        .collect();
    let batch = fields
        .batch
        .map(|batch| json!({"max_events": batch.max_events, "max_wait_ms": batch.max_wait_ms}));
    json!({
        "url": fields.url,
        "target_url": fields.url,
        "events": fields.events,
        "event": fields.events.first(),
        "filter": fields.filter,
        "description": fields.description,
        "headers": headers,
        "profile": fields.profile.name(),
        "signing": name_of(SIGNING, &fields.signing),
        "timeout_seconds": fields.timeout_seconds.unwrap_or(defaults.attempt_timeout_seconds),
        "retry": {
            "enabled": retry.enabled,
            "schedule": schedule,
            "max_retries": max_retries,
            "retry_client_errors": client_errors,
        },
        "retry_enabled": retry.enabled,
        "max_retries": max_retries,
        "retry_count": max_retries,
        "max_in_flight": fields.max_in_flight,
        "rate_limit_per_second": fields.rate_limit_per_second,
        "ordering": name_of(ORDERING, &fields.ordering),
        "batch": batch,
        "metadata": metadata,
        "custom_metadata": metadata,
    })
}

fn shown(key: &ShownKey) -> Value {
    match key {
        ShownKey::Secret {
            masked,
            expires_at_ms,
        } => json!({"kind": "hmac", "secret": masked, "expires_at": at(*expires_at_ms)}),
        ShownKey::Public { key, expires_at_ms } => json!({
            "kind": "ed25519",
            "public_key": key.to_string(),
            "kid": kid(key),
            "expires_at": at(*expires_at_ms),
        }),
    }
}

fn add(answer: &mut Value, more: Value) {
    if let (Value::Object(answer), Value::Object(more)) = (answer, more) {
        answer.extend(more);
    }
}
