//! A subscription as its form holds it, and from there to what the JSON API takes. Never shows a stored secret: the values
//! of headers stand as `***`, which keeps them.

use delivery::{RetrySchedule, Subscription};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use service::Problem;

use crate::api::webhooks::subscription_input::{
    MASKED, ORDERING, SIGNING, SubscriptionInput, name_of,
};

/// Every field as text; what is empty is as if never set, what is not sent is refused.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubscriptionForm {
    /// Of the record that the person saw; empty for one to be made.
    #[serde(default)]
    pub(super) version: String,
    pub(super) url: String,
    /// Apart by commas or blanks.
    pub(super) events: String,
    pub(super) description: String,
    pub(super) filter: String,
    pub(super) profile: String,
    pub(super) signing: String,
    /// Only for one to be made.
    #[serde(default)]
    pub(super) secret: String,
    /// `Name: value`, one a line.
    pub(super) headers: String,
    pub(super) timeout_seconds: String,
    /// A box that is ticked.
    pub(super) retry: Option<String>,
    pub(super) schedule: String,
    pub(super) max_retries: String,
    /// `yes`, `no`, or as the schedule has it.
    pub(super) client_errors: String,
    pub(super) max_in_flight: String,
    pub(super) rate_limit_per_second: String,
    pub(super) ordering: String,
    pub(super) batch_max_events: String,
    pub(super) batch_max_wait_ms: String,
    /// A JSON object.
    pub(super) metadata: String,
}

impl SubscriptionForm {
    /// Of one to be made.
    pub(super) fn empty() -> Self {
        Self {
            events: "file.*".to_owned(),
            retry: Some(String::new()),
            ..Self::default()
        }
    }

    pub(super) fn version(&self) -> Option<i64> {
        self.version.parse().ok()
    }

    /// From now on what is stored has been seen.
    pub(super) fn seen(&mut self, stored: &Subscription) {
        self.version = stored.version.to_string();
    }

    /// Whether one of the fields is set that few need.
    pub(super) fn is_special(&self) -> bool {
        let special = [
            &self.max_retries,
            &self.client_errors,
            &self.max_in_flight,
            &self.rate_limit_per_second,
            &self.batch_max_events,
            &self.batch_max_wait_ms,
            &self.metadata,
            &self.headers,
        ];
        special.iter().any(|text| !text.trim().is_empty())
    }

    /// As the API takes it.
    ///
    /// # Errors
    /// [`service::Code::InvalidField`] for a number, header or object that cannot be read as one.
    pub(super) fn input(&self) -> Result<SubscriptionInput, Problem> {
        let mut body = Map::new();
        for (name, text) in [
            ("url", &self.url),
            ("description", &self.description),
            ("filter", &self.filter),
            ("profile", &self.profile),
            ("signing", &self.signing),
            ("ordering", &self.ordering),
        ] {
            body.insert(name.to_owned(), json!(said(text)));
        }
        let words = self.events.split([',', ' ', '\n', '\r', '\t']);
        let events: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        let retry = json!({
            "enabled": self.retry.is_some(),
            "schedule": said(&self.schedule),
            "max_retries": whole("max_retries", &self.max_retries)?,
            "retry_client_errors": match self.client_errors.as_str() {
                "" => None,
                word => Some(word == "yes"),
            },
        });
        let more = [
            ("events", json!(events)),
            ("headers", self.headers()?),
            ("retry", retry),
            (
                "timeout_seconds",
                json!(whole("timeout_seconds", &self.timeout_seconds)?),
            ),
            (
                "max_in_flight",
                json!(whole("max_in_flight", &self.max_in_flight)?),
            ),
            ("rate_limit_per_second", self.rate()?),
            ("batch", self.batch()?),
            ("metadata", self.metadata()?),
        ];
        body.extend(more.map(|(name, value)| (name.to_owned(), value)));
        if let Some(secret) = said(&self.secret) {
            body.insert("secret".to_owned(), json!(secret));
        }
        serde_json::from_value(Value::Object(body))
            .map_err(|cause| Problem::invalid_field("body", cause.to_string()))
    }

    fn headers(&self) -> Result<Value, Problem> {
        let lines = self.headers.lines().filter_map(said);
        let pairs = lines.map(|line| {
            let pair = line
                .split_once(':')
                .filter(|(name, _)| !name.trim().is_empty());
            let (name, value) = pair.ok_or_else(|| {
                Problem::invalid_field("headers", "write one a line, as in `X-Api-Key: value`")
            })?;
            Ok((name.trim().to_lowercase(), json!(value.trim())))
        });
        Ok(Value::Object(pairs.collect::<Result<_, Problem>>()?))
    }

    fn rate(&self) -> Result<Value, Problem> {
        let Some(text) = said(&self.rate_limit_per_second) else {
            return Ok(Value::Null);
        };
        let rate: Result<f64, _> = text.parse();
        rate.map(|rate| json!(rate))
            .map_err(|_no_number| Problem::invalid_field("rate_limit_per_second", "give a number"))
    }

    fn batch(&self) -> Result<Value, Problem> {
        let events = whole("batch.max_events", &self.batch_max_events)?;
        let wait_ms = whole("batch.max_wait_ms", &self.batch_max_wait_ms)?;
        match (events, wait_ms) {
            (None, None) => Ok(Value::Null),
            (None, Some(_)) => Err(Problem::invalid_field(
                "batch.max_events",
                "say how many events one request may have, or leave the wait empty",
            )),
            _ => Ok(json!({"max_events": events, "max_wait_ms": wait_ms})),
        }
    }

    fn metadata(&self) -> Result<Value, Problem> {
        let Some(text) = said(&self.metadata) else {
            return Ok(Value::Null);
        };
        let object: Result<Map<String, Value>, _> = serde_json::from_str(text);
        object.map(Value::Object).map_err(|cause| {
            let message =
                format!("give a JSON object, such as {{\"owner\": \"office\"}} ({cause})");
            Problem::invalid_field("metadata", message)
        })
    }
}

/// What a field says, if anything.
fn said(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

fn whole(field: &str, text: &str) -> Result<Option<u32>, Problem> {
    said(text)
        .map(str::parse)
        .transpose()
        .map_err(|_no_number| Problem::invalid_field(field, "give a whole number"))
}

impl From<&Subscription> for SubscriptionForm {
    fn from(stored: &Subscription) -> Self {
        let fields = &stored.fields;
        let number = |number: Option<u32>| number.map_or_else(String::new, |n| n.to_string());
        let names = fields.headers.keys();
        let headers: Vec<String> = names.map(|name| format!("{name}: {MASKED}")).collect();
        let metadata = fields.metadata.as_ref();
        Self {
            version: stored.version.to_string(),
            url: fields.url.clone(),
            events: fields.events.join(", "),
            description: fields.description.clone(),
            filter: fields.filter.clone().unwrap_or_default(),
            profile: fields.profile.name().to_owned(),
            signing: name_of(SIGNING, &fields.signing).to_owned(),
            secret: String::new(),
            headers: headers.join("\n"),
            timeout_seconds: number(fields.timeout_seconds),
            retry: fields.retry.enabled.then(String::new),
            schedule: fields.retry.schedule.clone().unwrap_or_default(),
            max_retries: number(fields.retry.max_retries),
            client_errors: match fields.retry.client_errors {
                None => "",
                Some(true) => "yes",
                Some(false) => "no",
            }
            .to_owned(),
            max_in_flight: number(fields.max_in_flight),
            rate_limit_per_second: fields
                .rate_limit_per_second
                .map_or_else(String::new, |rate| rate.to_string()),
            ordering: name_of(ORDERING, &fields.ordering).to_owned(),
            batch_max_events: number(fields.batch.map(|batch| batch.max_events)),
            batch_max_wait_ms: number(fields.batch.map(|batch| batch.max_wait_ms)),
            metadata: metadata.map_or_else(String::new, |object| object.as_str().to_owned()),
        }
    }
}

/// Schedules that have a name, with their waits.
pub(super) fn presets() -> Vec<(&'static str, String)> {
    let names = ["standard", "quick", "doubling", "patient"].into_iter();
    let waits = names.filter_map(|name| Some((name, RetrySchedule::preset(name).ok()?)));
    waits
        .map(|(name, schedule)| (name, in_words(&schedule)))
        .collect()
}

/// A schedule's waits as people say them: `5 s, 5 min, 2 h`.
pub(super) fn in_words(schedule: &RetrySchedule) -> String {
    let waits = schedule.waits().iter().map(|wait| match wait.as_secs() {
        seconds if seconds >= 3600 && seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        seconds if seconds >= 60 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    });
    waits.collect::<Vec<_>>().join(", ")
}
