//! An endpoint as the engine sees it: where to send, in which shape, signed with which keys, tried how often.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::{
    EventType, Profile, Secret, SecretError, Signer, SigningKey, TypePattern, is_reserved_header,
};
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::schedule::{RetrySchedule, ScheduleError};
use crate::settings::DeliverySettings;

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
    pub headers: BTreeMap<String, String>,
}

/// Why a subscription was refused; the sentence names the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubscriptionError {
    #[error("url: it must be http:// or https:// with a host and without a user or a password")]
    Url,
    #[error("events: `{0}` is not an event type or a pattern such as file.*")]
    Events(String),
    #[error("events: name at least one event type or pattern")]
    NoEvents,
    #[error("profile: {0}")]
    Profile(#[from] contract::UnknownProfile),
    #[error(
        "events: the profile {profile} cannot carry {pattern}; choose other types or the profile standard"
    )]
    NotCarried { profile: Profile, pattern: String },
    #[error("secret: {0}")]
    Secret(#[from] SecretError),
    #[error("secret: at least one is needed")]
    NoSecret,
    #[error("timeout_seconds: {0} is not between 1 and 300")]
    Timeout(u32),
    #[error("retry_schedule: {0}")]
    Schedule(#[from] ScheduleError),
    #[error("headers: `{0}` is not a header an endpoint may set, or its value is not plain text")]
    Header(String),
}

/// What the engine needs for a delivery; built once per version of the subscription.
#[derive(Debug)]
pub struct Endpoint {
    pub id: i64,
    pub uuid: String,
    pub tenant_id: i64,
    pub url: Url,
    pub patterns: Vec<TypePattern>,
    pub profile: Profile,
    pub is_active: bool,
    pub timeout: Duration,
    pub schedule: RetrySchedule,
    pub retry_client_errors: bool,
    pub in_flight_max: usize,
    pub headers: HeaderMap,
    pub signer: Signer,
}

impl Endpoint {
    /// Whether it asked for events of this type.
    pub fn wants(&self, event_type: &EventType) -> bool {
        self.patterns
            .iter()
            .any(|pattern| pattern.matches(event_type))
    }
}

/// A subscription that has been checked, ready to be stored.
pub(crate) struct Checked {
    pub(crate) url: Url,
    pub(crate) patterns: Vec<String>,
    pub(crate) profile: Profile,
    pub(crate) timeout: Duration,
    pub(crate) schedule: RetrySchedule,
    pub(crate) retry_client_errors: bool,
    pub(crate) headers: BTreeMap<String, String>,
}

impl SubscriptionSettings {
    pub(crate) fn check(&self, defaults: &DeliverySettings) -> Result<Checked, SubscriptionError> {
        let profile: Profile = self.profile.parse()?;
        check_events(&self.events, profile)?;
        if self.secrets.is_empty() {
            return Err(SubscriptionError::NoSecret);
        }
        signer(&self.secrets)?;
        header_map(&self.headers)?;
        let seconds = match self.timeout_seconds {
            0 => defaults.attempt_timeout_seconds,
            own => own,
        };
        if !(1..=300).contains(&seconds) {
            return Err(SubscriptionError::Timeout(seconds));
        }
        let schedule = match self.retry_schedule.as_str() {
            "" => &defaults.retry_schedule,
            own => own,
        };
        Ok(Checked {
            url: parse_url(&self.url)?,
            patterns: self.events.clone(),
            profile,
            timeout: Duration::from_secs(seconds.into()),
            schedule: RetrySchedule::parse(schedule)?,
            retry_client_errors: RetrySchedule::preset_retries_client_errors(schedule),
            headers: self.headers.clone(),
        })
    }
}

fn check_events(events: &[String], profile: Profile) -> Result<(), SubscriptionError> {
    if events.is_empty() {
        return Err(SubscriptionError::NoEvents);
    }
    for text in events {
        let pattern =
            TypePattern::parse(text).map_err(|_refused| SubscriptionError::Events(text.clone()))?;
        if !profile.carries_all(&pattern) {
            return Err(SubscriptionError::NotCarried {
                profile,
                pattern: text.clone(),
            });
        }
    }
    Ok(())
}

pub(crate) fn parse_url(text: &str) -> Result<Url, SubscriptionError> {
    let url = Url::parse(text).map_err(|_not_a_url| SubscriptionError::Url)?;
    let plain = url.username().is_empty() && url.password().is_none() && url.has_host();
    if plain && matches!(url.scheme(), "http" | "https") {
        Ok(url)
    } else {
        Err(SubscriptionError::Url)
    }
}

pub(crate) fn signer(secrets: &[String]) -> Result<Signer, SubscriptionError> {
    let keys = secrets
        .iter()
        .map(|text| Secret::parse(text).map(SigningKey::Hmac))
        .collect::<Result<_, _>>()?;
    Ok(Signer::new(keys))
}

pub(crate) fn header_map(
    headers: &BTreeMap<String, String>,
) -> Result<HeaderMap, SubscriptionError> {
    headers
        .iter()
        .map(|(name, value)| {
            let refused = || SubscriptionError::Header(name.clone());
            if is_reserved_header(name) {
                return Err(refused());
            }
            let key = HeaderName::try_from(name).map_err(|_bad_name| refused())?;
            let mut value = HeaderValue::try_from(value).map_err(|_bad_value| refused())?;
            // It may be a credential: never shown by `Debug`.
            value.set_sensitive(true);
            Ok((key, value))
        })
        .collect()
}
