//! An endpoint as the engine sees it: where to send, in which shape, signed with which keys, tried how often.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use contract::{EventType, KeyPair, Profile, Secret, SecretError, Signer, SigningKey, TypePattern};
use reqwest::Url;
use reqwest::header::HeaderMap;

use crate::batching::{Batching, Bounds};
use crate::filter::Filter;
use crate::schedule::RetrySchedule;
use crate::settings::DeliverySettings;
use crate::subscription::{
    Ordering, Retry, Signing, Subscription, SubscriptionError, SubscriptionFields,
    SubscriptionState, header_map, parse_url, patterns, timeout,
};

/// A subscription as the configuration writes it.
#[derive(Clone, PartialEq, Eq)]
pub struct SubscriptionSettings {
    pub name: String,
    pub url: String,
    /// Event types or patterns: `file.processed`, `file.*`, `*`.
    pub events: Vec<String>,
    pub profile: String,
    /// Live secrets, newest first.
    pub secrets: Vec<String>,
    /// 0: the default of `[ingest.delivery]`.
    pub timeout_seconds: u32,
    /// Empty: the default of `[ingest.delivery]`.
    pub retry_schedule: String,
    pub is_active: bool,
    pub batch: Option<Batching>,
    pub headers: BTreeMap<String, String>,
}

/// A subscription of the configuration that has been checked, ready to be stored.
pub(crate) struct Checked {
    pub(crate) fields: SubscriptionFields,
    pub(crate) keys: Vec<SigningKey>,
}

impl SubscriptionSettings {
    pub(crate) fn check(&self) -> Result<Checked, SubscriptionError> {
        let mut fields = SubscriptionFields {
            url: self.url.clone(),
            events: self.events.clone(),
            profile: self.profile.parse::<Profile>()?,
            is_active: self.is_active,
            headers: self.headers.clone(),
            batch: self.batch,
            timeout_seconds: (self.timeout_seconds != 0).then_some(self.timeout_seconds),
            retry: Retry {
                schedule: Some(self.retry_schedule.clone()).filter(|text| !text.is_empty()),
                ..Retry::default()
            },
            ..SubscriptionFields::default()
        };
        fields.check()?;
        let keys: Vec<_> = self
            .secrets
            .iter()
            .map(|text| parse_key(text))
            .collect::<Result<_, _>>()?;
        let is_hmac = |key: &SigningKey| matches!(key, SigningKey::Hmac(_));
        fields.signing = match (keys.iter().any(is_hmac), keys.iter().all(is_hmac)) {
            _ if keys.is_empty() => return Err(SubscriptionError::NoSecret),
            (_, true) => Signing::Hmac,
            (true, false) => Signing::Both,
            (false, _) => Signing::Ed25519,
        };
        Ok(Checked { fields, keys })
    }
}

/// `whsk_…` is a private ed25519 key; everything else is a secret.
pub(crate) fn parse_key(text: &str) -> Result<SigningKey, SecretError> {
    if text.starts_with("whsk_") {
        KeyPair::parse(text).map(SigningKey::Ed25519)
    } else {
        Secret::parse(text).map(SigningKey::Hmac)
    }
}

/// A key that still signs.
#[derive(Debug, Clone)]
pub(crate) struct LiveKey {
    pub(crate) key: SigningKey,
    pub(crate) expires_at_ms: Option<i64>,
}

/// What the engine needs for a delivery; built once per version of the subscription.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) id: i64,
    pub(crate) version: i64,
    pub(crate) uuid: String,
    pub(crate) tenant_id: i64,
    pub(crate) url: Url,
    pub(crate) patterns: Vec<TypePattern>,
    pub(crate) filter: Option<Filter>,
    pub(crate) profile: Profile,
    pub(crate) is_active: bool,
    pub(crate) timeout: Duration,
    pub(crate) schedule: RetrySchedule,
    pub(crate) retry_client_errors: bool,
    pub(crate) in_flight_max: usize,
    /// Attempts in 1,000 seconds.
    pub(crate) rate_limit: Option<i64>,
    pub(crate) ordering: Ordering,
    /// Set where one request may have several events.
    pub(crate) batch: Option<Bounds>,
    pub(crate) headers: HeaderMap,
    keys: Vec<LiveKey>,
    signer: Signer,
    /// When the first of the keys expires.
    signer_until_ms: i64,
}

impl Endpoint {
    pub(crate) fn of(
        stored: Subscription,
        keys: Vec<LiveKey>,
        defaults: &DeliverySettings,
    ) -> Result<Self, SubscriptionError> {
        let fields = stored.fields;
        let (schedule, retry_client_errors) = fields.retry.resolve(&defaults.retry_schedule)?;
        let in_flight = fields.max_in_flight.and_then(|n| usize::try_from(n).ok());
        let filter = fields.filter.as_deref().map(Filter::compile).transpose()?;
        Ok(Self {
            id: stored.key,
            version: stored.version,
            uuid: stored.id.to_string(),
            tenant_id: stored.tenant_id,
            url: parse_url(&fields.url)?,
            patterns: patterns(&fields.events, fields.profile)?,
            filter,
            profile: fields.profile,
            is_active: stored.state == SubscriptionState::Active,
            timeout: timeout(fields.timeout_seconds, defaults.attempt_timeout_seconds),
            schedule,
            retry_client_errors,
            in_flight_max: in_flight
                .unwrap_or(defaults.attempts_in_flight_per_endpoint_max)
                .max(1),
            rate_limit: fields.rate_limit_per_second.map(to_rate_limit),
            ordering: fields.ordering,
            batch: fields
                .batch
                .map(|batch| batch.bounds(defaults.batch_bytes_max)),
            headers: header_map(&fields.headers)?,
            signer: Signer::new(keys.iter().map(|live| live.key.clone()).collect()),
            signer_until_ms: keys
                .iter()
                .filter_map(|live| live.expires_at_ms)
                .min()
                .unwrap_or(i64::MAX),
            keys,
        })
    }

    /// Whether it asked for events of this type, before its filter is asked.
    pub(crate) fn wants(&self, event_type: &EventType) -> bool {
        self.profile.carries(event_type)
            && self
                .patterns
                .iter()
                .any(|pattern| pattern.matches(event_type))
    }

    /// Signs with the keys that are live at that time.
    pub(crate) fn signer(&self, now_ms: i64) -> Cow<'_, Signer> {
        if now_ms < self.signer_until_ms {
            return Cow::Borrowed(&self.signer);
        }
        let live = self
            .keys
            .iter()
            .filter(|live| live.expires_at_ms.is_none_or(|at| at > now_ms));
        Cow::Owned(Signer::new(live.map(|live| live.key.clone()).collect()))
    }
}

/// Attempts in 1,000 seconds, as stored.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the rate is checked to be 0.001 to 10,000"
)]
pub(crate) fn to_rate_limit(per_second: f64) -> i64 {
    (per_second * 1_000.0).round() as i64
}
