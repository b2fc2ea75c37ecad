//! A subscription as its owner writes and reads it, and the rules for its fields, checked once, here. Must
//! never hold a secret in the clear.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use contract::{JsonObject, Profile, SecretError, TypePattern, is_reserved_header};
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use crate::address::AddressPolicy;
use crate::batching::{Batching, EVENTS_MAX, EVENTS_MIN, WAIT_MS_MAX};
use crate::filter::{Filter, FilterError};
use crate::schedule::{RetrySchedule, ScheduleError};

/// Longest URL, bytes.
const URL_BYTES_MAX: usize = 2_048;
/// Most patterns of one subscription.
const PATTERNS_MAX: usize = 100;
/// Most custom headers, and their names and values in all, bytes.
const HEADERS_MAX: usize = 32;
const HEADERS_BYTES_MAX: usize = 8_192;
/// Longest description and metadata, bytes.
const NOTES_BYTES_MAX: usize = 4_096;
/// Most attempts under way to one endpoint.
const IN_FLIGHT_MAX: u32 = 1_024;
/// Bounds of a rate limit, attempts per second.
const RATE_MIN: f64 = 0.001;
const RATE_MAX: f64 = 10_000.0;

/// Which kinds of keys sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Signing {
    #[default]
    Hmac,
    Ed25519,
    /// While a consumer migrates.
    Both,
}

/// In which order deliveries of one subject are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ordering {
    /// As they come; several of one subject may be under way.
    #[default]
    None,
    /// One at a time for each subject, by sequence; a stuck one holds up those behind it until it is
    /// delivered or dead. A redelivery by hand is out of order.
    Subject,
}

/// Whether an endpoint gets deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionState {
    Active,
    /// Deliveries are owed but wait.
    Paused,
    /// By the engine, with a reason; nothing is owed until it is enabled again.
    Disabled,
}

/// What is tried again, and when. `None`: as `[ingest.delivery]` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// False: one attempt and no more.
    pub enabled: bool,
    /// A preset's name, or waits in seconds as in `5, 60, 3600`.
    pub schedule: Option<String>,
    /// Retries after the first attempt, 0 to 20: cuts the schedule, or goes on with its last wait.
    pub max_retries: Option<u32>,
    /// Whether 3xx and 4xx that no rule names are tried again.
    pub client_errors: Option<bool>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            enabled: true,
            schedule: None,
            max_retries: None,
            client_errors: None,
        }
    }
}

/// Everything of a subscription that its owner may change, except its secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct SubscriptionFields {
    pub url: String,
    /// Event types or patterns: `file.processed`, `file.*`, `*`. Kept sorted, each once.
    pub events: Vec<String>,
    /// CEL over `event`; deliveries are owed only for events of which it is true.
    pub filter: Option<String>,
    pub description: String,
    /// Custom headers; sealed at rest.
    pub headers: BTreeMap<String, String>,
    pub profile: Profile,
    pub signing: Signing,
    /// False: paused.
    pub is_active: bool,
    /// 1 to 300. `None`: as `[ingest.delivery]` says.
    pub timeout_seconds: Option<u32>,
    pub retry: Retry,
    /// Attempts under way at once, 1 to 1,024. `None`: as `[ingest.delivery]` says.
    pub max_in_flight: Option<u32>,
    /// 0.001 to 10,000. `None`: no limit.
    pub rate_limit_per_second: Option<f64>,
    pub ordering: Ordering,
    /// `None`: each request has one event.
    pub batch: Option<Batching>,
    /// Its owner's notes.
    pub metadata: Option<JsonObject>,
}

impl Default for SubscriptionFields {
    fn default() -> Self {
        Self {
            url: String::new(),
            events: Vec::new(),
            filter: None,
            description: String::new(),
            headers: BTreeMap::new(),
            profile: Profile::default(),
            signing: Signing::default(),
            is_active: true,
            timeout_seconds: None,
            retry: Retry::default(),
            max_in_flight: None,
            rate_limit_per_second: None,
            ordering: Ordering::default(),
            batch: None,
            metadata: None,
        }
    }
}

/// A subscription as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscription {
    /// The public id of subscription and endpoint, which are one.
    pub id: Uuid,
    /// Raised by every change: what an update must name to be sure that it changes what it has read.
    pub version: i64,
    pub fields: SubscriptionFields,
    pub state: SubscriptionState,
    pub disabled_reason: Option<String>,
    /// Set for subscriptions that come from the configuration; they are changed there only.
    pub config_name: Option<String>,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
    pub(crate) key: i64,
    pub(crate) tenant_id: i64,
}

impl Subscription {
    /// The key of its rows, as other queries of this crate take it.
    pub fn row_key(&self) -> i64 {
        self.key
    }
}

/// Why a subscription was refused; the sentence begins with the field at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubscriptionError {
    #[error(
        "url: it must be http:// or https:// with a host, without a user or a password, and at most \
         {URL_BYTES_MAX} bytes"
    )]
    Url,
    #[error(
        "url: {0} is neither https to a public address nor in ingest.delivery.allow_networks, so it would \
         never be reached"
    )]
    UrlForbidden(String),
    #[error("events: `{0}` is not an event type or a pattern such as file.*")]
    Events(String),
    #[error("events: name 1 to {PATTERNS_MAX} event types or patterns")]
    EventCount,
    #[error("profile: {0}")]
    Profile(#[from] contract::UnknownProfile),
    #[error(
        "events: the profile {profile} cannot carry {pattern}; choose other types or the profile standard"
    )]
    NotCarried { profile: Profile, pattern: String },
    #[error("filter: {0}")]
    Filter(#[from] FilterError),
    #[error("secret: {0}")]
    Secret(#[from] SecretError),
    #[error("secret: at least one is needed")]
    NoSecret,
    #[error("secret: a {given} cannot sign where signing is {signing:?}")]
    SecretKind {
        given: &'static str,
        signing: Signing,
    },
    #[error("secret: the overlap of an old one is at most 7 days")]
    Overlap,
    #[error("timeout_seconds: {0} is not between 1 and 300")]
    Timeout(u32),
    #[error("retry_schedule: {0}")]
    Schedule(#[from] ScheduleError),
    #[error("retry.max_retries: {0} is not between 0 and {max}", max = RetrySchedule::WAITS_MAX)]
    Retries(u32),
    #[error("max_in_flight: {0} is not between 1 and {IN_FLIGHT_MAX}")]
    InFlight(u32),
    #[error("rate_limit_per_second: it is not between {RATE_MIN} and {RATE_MAX}")]
    Rate,
    #[error(
        "batch: requests of the profile {0} hold one event; standard and cloudevents send batches"
    )]
    Batch(Profile),
    #[error("batch.max_events: {0} is not between {EVENTS_MIN} and {EVENTS_MAX}")]
    BatchEvents(u32),
    #[error("batch.max_wait_ms: {0} is not between 0 and {WAIT_MS_MAX}")]
    BatchWait(u32),
    #[error("headers: `{0}` is not a header an endpoint may set, or its value is not plain text")]
    Header(String),
    #[error("headers: at most {HEADERS_MAX} with {HEADERS_BYTES_MAX} bytes in all")]
    Headers,
    #[error("{0}: at most {NOTES_BYTES_MAX} bytes")]
    Notes(&'static str),
}

impl SubscriptionFields {
    /// Checks every field and brings `events` into order.
    ///
    /// # Errors
    /// [`SubscriptionError`] on the first field at fault.
    pub fn check(&mut self) -> Result<(), SubscriptionError> {
        self.events.sort();
        self.events.dedup();
        parse_url(&self.url)?;
        patterns(&self.events, self.profile)?;
        if let Some(filter) = &self.filter {
            Filter::compile(filter)?;
        }
        header_map(&self.headers)?;
        let metadata = self.metadata.as_ref().map_or("", JsonObject::as_str);
        for (name, text) in [
            ("description", self.description.as_str()),
            ("metadata", metadata),
        ] {
            if text.len() > NOTES_BYTES_MAX {
                return Err(SubscriptionError::Notes(name));
            }
        }
        self.check_numbers()?;
        if let Some(batch) = self.batch {
            batch.check(self.profile)?;
        }
        // Whatever the configuration's default is, it has been checked.
        self.retry.resolve("standard").map(drop)
    }

    fn check_numbers(&self) -> Result<(), SubscriptionError> {
        if let Some(seconds) = self.timeout_seconds.filter(|s| !(1..=300).contains(s)) {
            return Err(SubscriptionError::Timeout(seconds));
        }
        let in_flight = |count: &u32| !(1..=IN_FLIGHT_MAX).contains(count);
        if let Some(count) = self.max_in_flight.filter(in_flight) {
            return Err(SubscriptionError::InFlight(count));
        }
        match self.rate_limit_per_second {
            Some(rate) if !(RATE_MIN..=RATE_MAX).contains(&rate) => Err(SubscriptionError::Rate),
            _ => Ok(()),
        }
    }

    /// Whether an endpoint there can ever be reached: a literal address must be permitted, and without TLS
    /// something beyond public addresses must be allowed at all. Names are judged at every connection.
    ///
    /// # Errors
    /// [`SubscriptionError::UrlForbidden`].
    pub(crate) fn check_reachable(&self, policy: &AddressPolicy) -> Result<(), SubscriptionError> {
        let url = parse_url(&self.url)?;
        let tls = url.scheme() == "https";
        let host = url.host_str().unwrap_or_default();
        let literal: Result<IpAddr, _> = host.trim_matches(['[', ']']).parse();
        let reachable = match literal {
            Ok(address) => policy.permits(address, tls),
            Err(_a_name) => tls || policy.allows_plain(),
        };
        if reachable {
            Ok(())
        } else {
            Err(SubscriptionError::UrlForbidden(host.to_owned()))
        }
    }
}

impl Retry {
    /// The waits, and whether unnamed client errors are tried again.
    pub(crate) fn resolve(
        &self,
        default: &str,
    ) -> Result<(RetrySchedule, bool), SubscriptionError> {
        let text = self.schedule.as_deref().unwrap_or(default);
        let schedule = RetrySchedule::parse(text)?;
        let preset = RetrySchedule::preset_retries_client_errors(text);
        let client_errors = self.client_errors.unwrap_or(preset);
        let schedule = match self.max_retries {
            _ if !self.enabled => schedule.with_retries(0),
            None => schedule,
            Some(count) => match usize::try_from(count) {
                Ok(n) if n <= RetrySchedule::WAITS_MAX => schedule.with_retries(n),
                _ => return Err(SubscriptionError::Retries(count)),
            },
        };
        Ok((schedule, client_errors))
    }
}

pub(crate) fn parse_url(text: &str) -> Result<Url, SubscriptionError> {
    let url = Url::parse(text).map_err(|_not_a_url| SubscriptionError::Url)?;
    let plain = url.username().is_empty() && url.password().is_none() && url.has_host();
    if plain && matches!(url.scheme(), "http" | "https") && text.len() <= URL_BYTES_MAX {
        Ok(url)
    } else {
        Err(SubscriptionError::Url)
    }
}

pub(crate) fn patterns(
    events: &[String],
    profile: Profile,
) -> Result<Vec<TypePattern>, SubscriptionError> {
    if !(1..=PATTERNS_MAX).contains(&events.len()) {
        return Err(SubscriptionError::EventCount);
    }
    let pattern = |text: &String| {
        let pattern =
            TypePattern::parse(text).map_err(|_refused| SubscriptionError::Events(text.clone()))?;
        if !profile.carries_all(&pattern) {
            let pattern = text.clone();
            return Err(SubscriptionError::NotCarried { profile, pattern });
        }
        Ok(pattern)
    };
    events.iter().map(pattern).collect()
}

pub(crate) fn header_map(
    headers: &BTreeMap<String, String>,
) -> Result<HeaderMap, SubscriptionError> {
    let bytes: usize = headers.iter().map(|(n, v)| n.len() + v.len()).sum();
    if headers.len() > HEADERS_MAX || bytes > HEADERS_BYTES_MAX {
        return Err(SubscriptionError::Headers);
    }
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

/// The timeout in force.
pub(crate) fn timeout(own: Option<u32>, default_seconds: u32) -> Duration {
    Duration::from_secs(own.unwrap_or(default_seconds).clamp(1, 300).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(change: impl FnOnce(&mut SubscriptionFields)) -> SubscriptionFields {
        let mut fields = SubscriptionFields {
            url: "https://example.com/hook".into(),
            events: vec!["file.*".into()],
            ..SubscriptionFields::default()
        };
        change(&mut fields);
        fields
    }

    #[test]
    fn each_field_is_checked() {
        type Change = fn(&mut SubscriptionFields);
        let cases: [(&str, Change); 14] = [
            ("url: ", |f| f.url = "https://a:b@example.com/".into()),
            ("url: ", |f| {
                f.url = format!("https://e.com/{}", "x".repeat(2_100))
            }),
            ("events: ", |f| f.events.clear()),
            ("events: ", |f| {
                f.events = (0..101).map(|n| format!("a.b{n}")).collect()
            }),
            ("events: ", |f| {
                f.profile = Profile::ModuleN;
                f.events = vec!["*".into()];
            }),
            ("filter: ", |f| f.filter = Some("event.type ==".into())),
            ("headers: ", |f| {
                drop(f.headers.insert("Webhook-Id".into(), "1".into()))
            }),
            ("headers: ", |f| {
                drop(f.headers.insert("x-a".into(), "a\nb".into()))
            }),
            ("headers: ", |f| {
                drop(f.headers.insert("x-a".into(), "a".repeat(9_000)))
            }),
            ("description: ", |f| f.description = "x".repeat(5_000)),
            ("timeout_seconds: ", |f| f.timeout_seconds = Some(301)),
            ("retry.max_retries: ", |f| f.retry.max_retries = Some(21)),
            ("max_in_flight: ", |f| f.max_in_flight = Some(0)),
            ("rate_limit_per_second: ", |f| {
                f.rate_limit_per_second = Some(f64::NAN)
            }),
        ];
        for (beginning, change) in cases {
            let error = fields(change).check().unwrap_err().to_string();
            assert!(error.starts_with(beginning), "{error}");
        }
        assert!(fields(|_| ()).check().is_ok());
    }

    #[test]
    fn events_are_brought_into_order() {
        let mut fields = fields(|f| f.events = ["b.c", "a", "b.c"].map(str::to_owned).into());
        fields.check().unwrap();
        assert_eq!(fields.events, ["a", "b.c"]);
    }

    #[test]
    fn retries_are_cut_and_drawn_out() {
        let waits = |retry: Retry| {
            let (schedule, client_errors) = retry.resolve("standard").unwrap();
            let seconds: Vec<_> = schedule.waits().iter().map(Duration::as_secs).collect();
            (seconds, client_errors)
        };
        let retry = |schedule: &str, max_retries| Retry {
            schedule: Some(schedule.into()),
            max_retries,
            ..Retry::default()
        };
        assert_eq!(waits(Retry::default()).0.len(), 9);
        assert!(waits(Retry::default()).1);
        assert_eq!(waits(retry("quick", Some(1))), (vec![1], false));
        assert_eq!(waits(retry("5, 60", Some(4))), (vec![5, 60, 60, 60], false));
        assert_eq!(waits(retry("standard", Some(0))).0, Vec::<u64>::new());
        let off = Retry {
            enabled: false,
            client_errors: Some(false),
            ..Retry::default()
        };
        assert_eq!(waits(off), (vec![], false));
    }

    #[test]
    fn only_what_can_be_reached_is_accepted() {
        let reachable = |url: &str, networks: &[&str]| {
            let networks: Vec<_> = networks.iter().map(|n| (*n).to_owned()).collect();
            let policy = AddressPolicy::new(&networks).unwrap();
            fields(|f| f.url = url.into())
                .check_reachable(&policy)
                .is_ok()
        };
        for (url, networks, expected) in [
            ("https://example.com/", &[][..], true),
            ("http://example.com/", &[], false),
            ("http://intranet/", &["10.0.0.0/8"], true),
            ("http://10.1.1.1/", &["10.0.0.0/8"], true),
            ("https://10.1.1.1/", &[], false),
            ("https://[::1]/", &[], false),
            ("http://[::1]:80/", &["::1"], true),
            ("https://169.254.169.254/", &["10.0.0.0/8"], false),
        ] {
            assert_eq!(reachable(url, networks), expected, "{url}");
        }
    }
}
