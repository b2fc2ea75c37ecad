//! Parsing: from a received body of any profile back to a common event. Must never apply anything, nor look at a body
//! whose signature was not verified (unless its source may be unsigned).

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::event_type::EventType;
use crate::json::JsonObject;
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

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(malformed)
}

fn malformed(error: impl std::fmt::Display) -> Refusal {
    Refusal::MalformedBody(error.to_string())
}
