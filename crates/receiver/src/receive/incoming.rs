//! An accepted event on its way to the writer. Must never decide what it brings about.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use contract::{EventType, FileEventKind, FileSnapshot, JsonObject, ReceivedEvent};
use db::Submission;

use crate::facts::{Facts, InvalidFact, text};
use crate::order::EventOrder;
use crate::source::{Accepted, Source, Verified};

/// Longest origin.
const ORIGIN_BYTES_MAX: usize = 128;
/// Longest sentence about an event that cannot be used.
const MESSAGE_CHARS_MAX: usize = 500;

/// An accepted event.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub source: Arc<Source>,
    pub key: String,
    pub event_type: EventType,
    pub timestamp_ms: i64,
    pub received_at_ms: i64,
    pub verified: Verified,
    /// As they are kept.
    pub headers: String,
    pub body: Vec<u8>,
    pub data: JsonObject,
    pub content: Content,
}

/// What it says.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    File(Box<FileEvent>),
    /// Nothing that the receiver applies.
    Other,
    /// A `file.*` event whose data cannot be used.
    Invalid(InvalidFact),
}

/// Something happened to a design file.
#[derive(Debug, Clone)]
pub(crate) struct FileEvent {
    pub file: FileIdentity,
    pub kind: FileEventKind,
    pub order: EventOrder,
    pub sequence: Option<i64>,
    pub timestamp_ms: i64,
    pub facts: Facts,
    pub hard_delete: Option<bool>,
}

/// What a design file is to its sender. A sender that names no origin has the empty one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileIdentity {
    pub source_id: i64,
    pub origin: String,
    pub ingest_id: i64,
}

impl Incoming {
    /// `headers` are those that are kept.
    pub(crate) fn new(
        source: Arc<Source>,
        accepted: Accepted,
        headers: String,
        received_at_ms: i64,
    ) -> Self {
        let (key, event) = (accepted.key, accepted.event);
        let content = match FileEventKind::of(&event.event_type) {
            None => Content::Other,
            Some(kind) => FileEvent::of(source.id, kind, &key, &event)
                .map_or_else(Content::Invalid, |file| Content::File(Box::new(file))),
        };
        Self {
            source,
            key,
            event_type: event.event_type,
            timestamp_ms: event.timestamp_ms,
            received_at_ms,
            verified: accepted.verified,
            headers,
            body: accepted.body,
            data: event.data,
            content,
        }
    }

    pub(crate) fn file(&self) -> Option<&FileEvent> {
        match &self.content {
            Content::File(file) => Some(file),
            Content::Other | Content::Invalid(_) => None,
        }
    }

    /// A request of this event alone.
    pub(crate) fn submission(self) -> Submission<Vec<Self>> {
        submission(self.source.tenant_id, vec![self])
    }
}

/// The events of one request, which are written in one transaction. Those of one file go to the same writer,
/// which keeps writers off each other's locks.
pub(crate) fn submission(tenant: i64, events: Vec<Incoming>) -> Submission<Vec<Incoming>> {
    let mut hasher = DefaultHasher::new();
    if let Some(first) = events.first() {
        match first.file() {
            Some(event) => event.file.hash(&mut hasher),
            None => first.key.hash(&mut hasher),
        }
    }
    let bytes = |event: &Incoming| event.body.len() + event.headers.len();
    Submission {
        tenant,
        key: hasher.finish(),
        bytes: events.iter().map(bytes).sum(),
        item: events,
    }
}

/// What is said of an event as it can be kept: it may hold what the event held.
fn kept(message: &str) -> String {
    let shortened = message.chars().take(MESSAGE_CHARS_MAX);
    // PostgreSQL's texts cannot hold it.
    let kept = shortened.map(|c| if c == '\0' { '\u{fffd}' } else { c });
    kept.collect()
}

impl FileEvent {
    fn of(
        source_id: i64,
        kind: FileEventKind,
        key: &str,
        event: &ReceivedEvent,
    ) -> Result<Self, InvalidFact> {
        let snapshot = FileSnapshot::from_data(&event.data).map_err(|error| InvalidFact {
            field: "data".to_owned(),
            message: kept(&error.to_string()),
        })?;
        let origin = text("origin", event.origin.clone(), ORIGIN_BYTES_MAX)?;
        Ok(Self {
            file: FileIdentity {
                source_id,
                origin: origin.unwrap_or_default(),
                ingest_id: snapshot.ingest_id,
            },
            kind,
            order: EventOrder::new(event.sequence, event.timestamp_ms, kind, key),
            sequence: event.sequence,
            timestamp_ms: event.timestamp_ms,
            hard_delete: snapshot.hard_delete,
            facts: Facts::of(kind, snapshot, event.timestamp_ms)?,
        })
    }
}
