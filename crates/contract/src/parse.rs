//! Parsing: from a received body of any profile back to a common event. Must never apply anything, nor look at a body
//! whose signature was not verified (unless its source may be unsigned).

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::event_type::EventType;
use crate::json::{JsonError, JsonObject};
use crate::profile::Profile;
use crate::time::parse_ms;
use crate::verify::Refusal;

/// An event as received; what the profile does not carry is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedEvent {
    /// The body's own id. The header `webhook-id`, being signed, comes before it.
    pub id: Option<String>,
    /// What happened.
    pub event_type: EventType,
    /// When it happened, Unix milliseconds.
    pub timestamp_ms: i64,
    /// The sender's tenant.
    pub tenant: Option<String>,
    /// Random id of the publishing database.
    pub origin: Option<String>,
    /// What it is about, `<type>/<id>`.
    pub subject: Option<String>,
    /// Order within the subject.
    pub sequence: Option<i64>,
    /// The facts, as they came.
    pub data: JsonObject,
}

/// Reads the body of a single event. Unknown keys are ignored, a timestamp without a zone is UTC.
///
/// # Errors
/// [`Refusal::MalformedBody`] when the body is not such an envelope.
pub fn parse(profile: Profile, body: &[u8]) -> Result<ReceivedEvent, Refusal> {
    match profile {
        Profile::Standard => standard(read(body)?),
        Profile::ModuleN => module_n(read(body)?),
        Profile::Resource => resource(read(body)?),
        Profile::Canonical => canonical(read(body)?),
        Profile::CloudEvents => cloud_event(read(body)?),
    }
}

/// The single events of a body that is a JSON array of them, each as it stands there; `None` when it is no array.
/// `standard` sends arrays of its envelopes, `cloudevents` its batches; the array as a whole is what is signed.
///
/// # Errors
/// [`Refusal::MalformedBody`] when the profile sends one event a request, or when it is no JSON.
pub fn parse_batch(profile: Profile, body: &[u8]) -> Result<Option<Vec<&[u8]>>, Refusal> {
    if body.trim_ascii_start().first() != Some(&b'[') {
        return Ok(None);
    }
    if profile.batch_content_type().is_none() {
        return Err(malformed(format!(
            "it is an array; a request of profile {profile} holds one event (arrays are sent by standard and cloudevents)",
        )));
    }
    let events: Vec<&RawValue> = serde_json::from_slice(body).map_err(malformed)?;
    let bytes = events.into_iter().map(|event| event.get().as_bytes());
    Ok(Some(bytes.collect()))
}

#[derive(Deserialize)]
struct Standard<'a> {
    id: Option<Scalar>,
    #[serde(rename = "type")]
    event_type: String,
    timestamp: String,
    tenant_id: Option<String>,
    origin: Option<String>,
    subject: Option<String>,
    sequence: Option<i64>,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct ModuleN<'a> {
    id: Option<Scalar>,
    event_type: String,
    timestamp: String,
    ingest_id: Option<i64>,
    #[serde(borrow)]
    file_data: &'a RawValue,
}

#[derive(Deserialize)]
struct Resource<'a> {
    id: Option<Scalar>,
    event: String,
    resource_type: Option<String>,
    resource_id: Option<Scalar>,
    timestamp: String,
    #[serde(borrow)]
    data: &'a RawValue,
    metadata: Option<ResourceMetadata>,
}

#[derive(Deserialize)]
struct ResourceMetadata {
    tenant_id: Option<String>,
}

/// Its `webhook_id` is the endpoint's id and says nothing about the event.
#[derive(Deserialize)]
struct Canonical<'a> {
    id: Option<Scalar>,
    event: String,
    timestamp: String,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct CloudEvent<'a> {
    id: String,
    source: String,
    #[serde(rename = "type")]
    event_type: String,
    subject: Option<String>,
    time: String,
    sequence: Option<Scalar>,
    origin: Option<String>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// What should be a text, but is a number with some senders.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Number(i64),
    Text(String),
}

impl Scalar {
    fn into_text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

fn standard(body: Standard<'_>) -> Result<ReceivedEvent, Refusal> {
    Ok(ReceivedEvent {
        id: body.id.map(Scalar::into_text),
        tenant: body.tenant_id,
        origin: body.origin,
        subject: body.subject,
        sequence: body.sequence,
        ..facts(&body.event_type, &body.timestamp, body.data)?
    })
}

fn module_n(body: ModuleN<'_>) -> Result<ReceivedEvent, Refusal> {
    let mut facts = facts(&body.event_type, &body.timestamp, body.file_data)?;
    // Some senders name the file beside the data alone.
    if let (None, Some(id)) = (facts.data.member("ingest_id"), body.ingest_id) {
        facts.data = facts.data.with_first("ingest_id", &id.to_string());
    }
    let member = |name: &str| facts.data.member(name);
    Ok(ReceivedEvent {
        id: body.id.map(Scalar::into_text),
        subject: body.ingest_id.map(|id| format!("file/{id}")),
        sequence: member("sequence").and_then(|json| json.parse().ok()),
        origin: member("origin").and_then(|json| serde_json::from_str(json).ok()),
        ..facts
    })
}

fn resource(body: Resource<'_>) -> Result<ReceivedEvent, Refusal> {
    let halves = body
        .resource_type
        .zip(body.resource_id.map(Scalar::into_text));
    Ok(ReceivedEvent {
        id: body.id.map(Scalar::into_text),
        tenant: body.metadata.and_then(|metadata| metadata.tenant_id),
        subject: halves.map(|(kind, id)| format!("{kind}/{id}")),
        ..facts(&body.event, &body.timestamp, body.data)?
    })
}

fn canonical(body: Canonical<'_>) -> Result<ReceivedEvent, Refusal> {
    Ok(ReceivedEvent {
        id: body.id.map(Scalar::into_text),
        ..facts(&body.event, &body.timestamp, body.data)?
    })
}

fn cloud_event(body: CloudEvent<'_>) -> Result<ReceivedEvent, Refusal> {
    Ok(ReceivedEvent {
        id: Some(body.id),
        tenant: body.source.strip_prefix("/draftwire/").map(str::to_owned),
        origin: body.origin,
        subject: body.subject,
        sequence: body
            .sequence
            .and_then(|sequence| sequence.into_text().parse().ok()),
        ..facts(&body.event_type, &body.time, body.data)?
    })
}

/// What every profile carries.
fn facts(event_type: &str, timestamp: &str, data: &RawValue) -> Result<ReceivedEvent, Refusal> {
    Ok(ReceivedEvent {
        id: None,
        event_type: EventType::parse(event_type).map_err(malformed)?,
        timestamp_ms: parse_ms(timestamp).map_err(malformed)?,
        tenant: None,
        origin: None,
        subject: None,
        sequence: None,
        data: JsonObject::parse(data.get()).map_err(malformed)?,
    })
}

/// An object, and not an array of its values in their order, which serde would take as well.
fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(malformed(JsonError::NotAnObject));
    }
    serde_json::from_slice(body).map_err(malformed)
}

fn malformed(error: impl std::fmt::Display) -> Refusal {
    Refusal::MalformedBody(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_events_where_the_profile_sends_arrays() {
        let body = br#" [ {"a": [1]} , {} ]"#;
        for profile in [Profile::Standard, Profile::CloudEvents] {
            let events = parse_batch(profile, body).unwrap().unwrap();
            assert_eq!(events, [&br#"{"a": [1]}"#[..], b"{}"]);
            assert_eq!(parse_batch(profile, b"[]"), Ok(Some(Vec::new())));
            assert_eq!(parse_batch(profile, b" {}"), Ok(None));
            for body in [&b"[{}"[..], b"[{},]", b"[\xff]", b"[] []"] {
                let refused = parse_batch(profile, body).unwrap_err();
                assert_eq!(refused.code(), "malformed_body");
            }
        }
        for profile in [Profile::ModuleN, Profile::Resource, Profile::Canonical] {
            let refused = parse_batch(profile, b"[]").unwrap_err().to_string();
            assert!(refused.contains(profile.name()), "{refused}");
        }
    }

    #[test]
    fn the_values_of_an_event_are_no_event() {
        let values = br#"[null, "a.b", "2025-10-21", null, null, null, null, {}]"#;
        let object = br#"{"type": "a.b", "timestamp": "2025-10-21", "data": {}}"#;
        assert!(parse(Profile::Standard, object).is_ok());
        assert!(parse(Profile::Standard, values).is_err());
    }
}
