//! A subscription as clients write it, with every name that a field has had. Must never guess: an unknown field is
//! refused by its name, and so is one that is given under two names.

use std::collections::BTreeMap;

use contract::{JsonObject, Profile};
use delivery::{Batching, Ordering, Retry, RetrySchedule, Signing, SubscriptionFields};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use service::Problem;

/// A header's value that stands for the one that is stored, which is never shown.
pub(crate) const MASKED: &str = "***";

/// What a body says of a field: nothing, that it be as if never set, or its value.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Given<T> {
    #[default]
    Absent,
    Null,
    Value(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let value = Option::<T>::deserialize(source)?;
        Ok(value.map_or(Self::Null, Self::Value))
    }
}

impl<T> Given<T> {
    /// Puts the value, or `T`'s default for null.
    fn put(self, to: &mut T)
    where
        T: Default,
    {
        match self {
            Self::Absent => {}
            Self::Null => *to = T::default(),
            Self::Value(value) => *to = value,
        }
    }

    fn put_some(self, to: &mut Option<T>) {
        match self {
            Self::Absent => {}
            Self::Null => *to = None,
            Self::Value(value) => *to = Some(value),
        }
    }

    /// The value; what is stored without one, or the usual for null.
    fn over(self, stored: T, usual: T) -> T {
        match self {
            Self::Absent => stored,
            Self::Null => usual,
            Self::Value(value) => value,
        }
    }

    fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    fn map<U>(self, f: impl FnOnce(T) -> Result<U, Problem>) -> Result<Given<U>, Problem> {
        Ok(match self {
            Self::Absent => Given::Absent,
            Self::Null => Given::Null,
            Self::Value(value) => Given::Value(f(value)?),
        })
    }
}

/// The body of POST, PUT and PATCH.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SubscriptionInput {
    #[serde(alias = "target_url")]
    url: Given<String>,
    events: Given<Vec<String>>,
    /// One type, for clients that knew no more.
    event: Given<String>,
    filter: Given<String>,
    description: Given<String>,
    headers: Given<BTreeMap<String, String>>,
    profile: Given<String>,
    #[serde(alias = "secret_key")]
    pub(super) secret: Given<String>,
    signing: Given<String>,
    #[serde(alias = "active")]
    is_active: Given<bool>,
    timeout_seconds: Given<u32>,
    retry: Given<RetryInput>,
    retry_enabled: Given<bool>,
    #[serde(alias = "retry_count")]
    max_retries: Given<u32>,
    max_in_flight: Given<u32>,
    rate_limit_per_second: Given<f64>,
    ordering: Given<String>,
    batch: Given<BatchInput>,
    #[serde(alias = "custom_metadata")]
    metadata: Given<Map<String, Value>>,
}

/// What is not said stays as it is, or as is usual.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "an object, like {\"max_events\": 50, \"max_wait_ms\": 500}"
)]
struct BatchInput {
    max_events: Given<u32>,
    max_wait_ms: Given<u32>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "an object, like {\"preset\": \"standard\", \"max_retries\": 5}"
)]
struct RetryInput {
    enabled: Given<bool>,
    preset: Given<String>,
    schedule: Given<Schedule>,
    max_retries: Given<u32>,
    retry_client_errors: Given<bool>,
}

/// A preset's name, or the waits in seconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Schedule {
    Text(String),
    Seconds(Vec<u64>),
}

/// What a body changes, each value of it understood.
#[derive(Debug, Clone)]
pub(super) struct Change {
    url: Given<String>,
    events: Given<Vec<String>>,
    filter: Given<String>,
    description: Given<String>,
    headers: Given<BTreeMap<String, String>>,
    profile: Given<Profile>,
    signing: Given<Signing>,
    is_active: Given<bool>,
    timeout_seconds: Given<u32>,
    retry: Retrying,
    max_in_flight: Given<u32>,
    rate_limit_per_second: Given<f64>,
    ordering: Given<Ordering>,
    batch: Given<BatchInput>,
    metadata: Given<JsonObject>,
}

#[derive(Debug, Clone)]
struct Retrying {
    anew: bool,
    enabled: Given<bool>,
    schedule: Given<String>,
    max_retries: Given<u32>,
    client_errors: Given<bool>,
}

impl SubscriptionInput {
    /// Reads words and combinations; numbers and texts are judged where they are stored.
    pub(super) fn understood(self) -> Result<Change, Problem> {
        self.refuse_nul()?;
        let events = match (self.events, self.event) {
            (events, Given::Absent) => events,
            (Given::Absent, event) => event.map(|event| Ok(vec![event]))?,
            _ => return Err(twice("event", "events")),
        };
        let retry = retrying(self.retry, self.retry_enabled, self.max_retries)?;
        Ok(Change {
            url: self.url,
            events,
            filter: self.filter,
            description: self.description,
            headers: self.headers,
            profile: self.profile.map(|word| {
                let known = Profile::ALL.into_iter().find(|p| p.name() == word);
                known.ok_or_else(|| unknown("profile", Profile::ALL.map(Profile::name)))
            })?,
            signing: self
                .signing
                .map(|word| word_of("signing", SIGNING, &word))?,
            is_active: self.is_active,
            timeout_seconds: self.timeout_seconds,
            retry,
            max_in_flight: self.max_in_flight,
            rate_limit_per_second: self.rate_limit_per_second,
            ordering: self
                .ordering
                .map(|word| word_of("ordering", ORDERING, &word))?,
            batch: self.batch,
            metadata: self.metadata.map(|map| {
                let object = JsonObject::of(&map);
                object.map_err(|cause| Problem::invalid_field("metadata", cause.to_string()))
            })?,
        })
    }
}

impl SubscriptionInput {
    /// PostgreSQL takes no text with a NUL.
    fn refuse_nul(&self) -> Result<(), Problem> {
        for (field, text) in [
            ("url", &self.url),
            ("filter", &self.filter),
            ("description", &self.description),
        ] {
            if matches!(text, Given::Value(text) if text.contains('\0')) {
                return Err(Problem::invalid_field(field, "text without NUL characters"));
            }
        }
        Ok(())
    }
}

pub(crate) const SIGNING: [(&str, Signing); 3] = [
    ("hmac", Signing::Hmac),
    ("ed25519", Signing::Ed25519),
    ("both", Signing::Both),
];
pub(crate) const ORDERING: [(&str, Ordering); 2] =
    [("none", Ordering::None), ("subject", Ordering::Subject)];

fn word_of<T: Copy, const N: usize>(
    field: &str,
    words: [(&str, T); N],
    word: &str,
) -> Result<T, Problem> {
    let found = words.iter().find(|(name, _)| *name == word);
    found
        .map(|(_, value)| *value)
        .ok_or_else(|| unknown(field, words.map(|(name, _)| name)))
}

/// The word of a value.
pub(crate) fn name_of<T: PartialEq, const N: usize>(
    words: [(&'static str, T); N],
    value: &T,
) -> &'static str {
    let found = words.into_iter().find(|(_, known)| known == value);
    found.map_or("", |(name, _)| name)
}

fn unknown<const N: usize>(field: &str, names: [&str; N]) -> Problem {
    Problem::invalid_field(field, format!("accepted are {}", names.join(", ")))
}

fn twice(one: &str, other: &str) -> Problem {
    Problem::invalid_field(
        one,
        format!("it says the same as {other}: give one of them"),
    )
}

fn retrying(
    retry: Given<RetryInput>,
    enabled: Given<bool>,
    max_retries: Given<u32>,
) -> Result<Retrying, Problem> {
    let anew = matches!(retry, Given::Null);
    let retry = match retry {
        Given::Value(retry) => retry,
        Given::Absent | Given::Null => RetryInput::default(),
    };
    let schedule = match (retry.schedule, retry.preset) {
        (schedule, Given::Absent) => schedule.map(|schedule| Ok(schedule.text()))?,
        (Given::Absent, preset) => preset.map(|name| match RetrySchedule::preset(&name) {
            Ok(_) => Ok(name),
            Err(cause) => Err(Problem::invalid_field("retry.preset", cause.to_string())),
        })?,
        _ => return Err(twice("retry.preset", "retry.schedule")),
    };
    Ok(Retrying {
        anew,
        enabled: either(enabled, retry.enabled, "retry_enabled", "retry.enabled")?,
        schedule,
        max_retries: either(
            max_retries,
            retry.max_retries,
            "max_retries",
            "retry.max_retries",
        )?,
        client_errors: retry.retry_client_errors,
    })
}

fn either<T>(one: Given<T>, other: Given<T>, name: &str, full: &str) -> Result<Given<T>, Problem> {
    match (one.is_absent(), other.is_absent()) {
        (false, false) => Err(twice(name, full)),
        (false, true) => Ok(one),
        _ => Ok(other),
    }
}

impl Schedule {
    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Seconds(waits) => {
                let waits: Vec<_> = waits.iter().map(u64::to_string).collect();
                waits.join(", ")
            }
        }
    }
}

impl Change {
    /// Changes what was given.
    pub(super) fn apply(self, fields: &mut SubscriptionFields) {
        let stored = std::mem::take(&mut fields.headers);
        fields.headers = match self.headers {
            Given::Absent => stored,
            Given::Null => BTreeMap::new(),
            Given::Value(mut headers) => {
                for (name, value) in &mut headers {
                    if let (MASKED, Some(known)) = (value.as_str(), stored.get(name)) {
                        value.clone_from(known);
                    }
                }
                headers
            }
        };
        self.url.put(&mut fields.url);
        self.events.put(&mut fields.events);
        self.filter.put_some(&mut fields.filter);
        self.description.put(&mut fields.description);
        self.profile.put(&mut fields.profile);
        self.signing.put(&mut fields.signing);
        match self.is_active {
            Given::Absent => {}
            Given::Null => fields.is_active = true,
            Given::Value(active) => fields.is_active = active,
        }
        self.timeout_seconds.put_some(&mut fields.timeout_seconds);
        self.retry.apply(&mut fields.retry);
        self.max_in_flight.put_some(&mut fields.max_in_flight);
        let rate = &mut fields.rate_limit_per_second;
        self.rate_limit_per_second.put_some(rate);
        self.ordering.put(&mut fields.ordering);
        fields.batch = match self.batch {
            Given::Absent => fields.batch,
            Given::Null => None,
            Given::Value(batch) => Some(batch.over(fields.batch.unwrap_or_default())),
        };
        self.metadata.put_some(&mut fields.metadata);
    }
}

impl BatchInput {
    fn over(self, stored: Batching) -> Batching {
        let usual = Batching::default();
        Batching {
            max_events: self.max_events.over(stored.max_events, usual.max_events),
            max_wait_ms: self.max_wait_ms.over(stored.max_wait_ms, usual.max_wait_ms),
        }
    }
}

impl Retrying {
    fn apply(self, retry: &mut Retry) {
        if self.anew {
            *retry = Retry::default();
        }
        match self.enabled {
            Given::Absent => {}
            Given::Null => retry.enabled = true,
            Given::Value(enabled) => retry.enabled = enabled,
        }
        self.schedule.put_some(&mut retry.schedule);
        self.max_retries.put_some(&mut retry.max_retries);
        self.client_errors.put_some(&mut retry.client_errors);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changed(body: Value) -> Result<SubscriptionFields, String> {
        let input: SubscriptionInput =
            serde_json::from_value(body).map_err(|cause| cause.to_string())?;
        let change = input.understood().map_err(|problem| problem.to_string())?;
        let mut fields = SubscriptionFields {
            description: "old".to_owned(),
            headers: [("x-old".to_owned(), "secret".to_owned())].into(),
            ..SubscriptionFields::default()
        };
        change.apply(&mut fields);
        Ok(fields)
    }

    #[test]
    fn every_name_of_a_field_is_read() {
        let canonical = changed(json!({
            "url": "https://a.example/", "events": ["file.*"], "is_active": false,
            "retry": {"schedule": [5, 60], "enabled": false, "max_retries": 4},
            "metadata": {"a": 1},
        }));
        let alias = changed(json!({
            "target_url": "https://a.example/", "event": "file.*", "active": false,
            "retry": {"schedule": "5, 60"}, "retry_enabled": false, "retry_count": 4,
            "custom_metadata": {"a": 1},
        }));
        let canonical = canonical.unwrap();
        assert_eq!(Ok(canonical.clone()), alias);
        assert_eq!(canonical.description, "old");
        assert_eq!(canonical.retry.schedule.as_deref(), Some("5, 60"));
    }

    #[test]
    fn null_resets_and_a_masked_header_stays() {
        let fields = changed(json!({
            "description": null, "is_active": null, "headers": {"x-old": "***", "x-new": "1"},
        }));
        let fields = fields.unwrap();
        assert_eq!((fields.description.as_str(), fields.is_active), ("", true));
        assert_eq!(fields.headers["x-old"], "secret");
        assert_eq!(fields.headers["x-new"], "1");
        assert!(
            changed(json!({"headers": null}))
                .unwrap()
                .headers
                .is_empty()
        );
    }

    #[test]
    fn what_is_not_said_of_batches_is_usual() {
        let batch = |given: Value| {
            let batch = changed(json!({"batch": given})).unwrap().batch;
            batch.map(|batch| (batch.max_events, batch.max_wait_ms))
        };
        assert_eq!(batch(json!(null)), None);
        assert_eq!(batch(json!({})), Some((100, 1_000)));
        assert_eq!(batch(json!({"max_events": 7})), Some((7, 1_000)));
        let both = json!({"max_events": null, "max_wait_ms": 0});
        assert_eq!(batch(both), Some((100, 0)));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        for (body, says) in [
            (json!({"colour": 1}), "colour"),
            (json!({"url": "a", "target_url": "b"}), "url"),
            (json!({"event": "a", "events": ["b"]}), "events"),
            (json!({"signing": "rsa"}), "hmac, ed25519, both"),
            (json!({"profile": "xml"}), "module-n"),
            (json!({"ordering": "x"}), "subject"),
            (json!({"retry": {"preset": "never"}}), "retry.preset"),
            (
                json!({"retry": {"preset": "quick", "schedule": "quick"}}),
                "retry.schedule",
            ),
            (
                json!({"retry": {"max_retries": 1}, "max_retries": 1}),
                "retry.max_retries",
            ),
            (json!({"retry": {"colour": 1}}), "colour"),
            (json!({"batch": {"colour": 1}}), "colour"),
            (json!({"batch": "yes"}), "an object, like"),
            (json!({"retry": "often"}), "an object, like"),
        ] {
            let refusal = changed(body.clone()).unwrap_err();
            assert!(refusal.contains(says), "{body}: {refusal}");
        }
    }
}
