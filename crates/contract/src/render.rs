//! Rendering: from an event to the exact bytes that are signed and sent. Must never re-serialise the data, except
//! for the `canonical` profile, whose very point is one spelling.

use std::fmt::{self, Write as _};

use crate::canonical::{COMPACT, Damaged, push_canonical};
use crate::event::Event;
use crate::event_type::EventType;
use crate::json::{JsonObject, push_string};
use crate::profile::Profile;
use crate::time::at;

/// Room for an envelope around the data, bytes; longer ones only cost a second allocation.
const ENVELOPE_BYTES: usize = 512;

/// An event that a profile cannot show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The profile knows no such type: the subscription should have been refused.
    #[error("the profile {profile} carries no {event_type} events")]
    TypeNotCarried {
        /// The endpoint's profile.
        profile: Profile,
        /// The event's type.
        event_type: EventType,
    },
    /// The profile sends one event a request: the subscription should have been refused.
    #[error("the profile {profile} sends no batches")]
    NoBatches {
        /// The endpoint's profile.
        profile: Profile,
    },
    /// The stored data is not the JSON that was stored.
    #[error("the stored data of the event is damaged")]
    DamagedData,
}

/// The payload: the body to sign and send. The same event, profile and endpoint give the same bytes for ever.
/// `endpoint_id` shows only in `canonical`.
///
/// # Errors
/// [`RenderError`] when the profile carries no such type, or the stored data is damaged.
pub fn render(profile: Profile, event: &Event, endpoint_id: &str) -> Result<Vec<u8>, RenderError> {
    let mut body = Body(Vec::with_capacity(rendered_bytes(event)));
    push(&mut body, profile, event, endpoint_id)?;
    Ok(body.0)
}

/// The payload of a batch: a JSON array of what [`render`] gives for each event, in the order given.
///
/// # Errors
/// [`RenderError::NoBatches`] when the profile sends one event a request; else as [`render`].
pub fn render_batch(
    profile: Profile,
    events: &[&Event],
    endpoint_id: &str,
) -> Result<Vec<u8>, RenderError> {
    if profile.batch_content_type().is_none() {
        return Err(RenderError::NoBatches { profile });
    }
    let room = events.iter().map(|event| rendered_bytes(event)).sum();
    let mut body = Body(Vec::with_capacity(room));
    for (place, event) in events.iter().enumerate() {
        body.raw(if place == 0 { "[" } else { "," });
        push(&mut body, profile, event, endpoint_id)?;
    }
    body.raw(if events.is_empty() { "[]" } else { "]" });
    Ok(body.0)
}

/// About how many bytes an event takes when it is rendered; seldom less.
#[must_use]
pub fn rendered_bytes(event: &Event) -> usize {
    let metadata = event.metadata.as_ref();
    let metadata_bytes = metadata.map_or(0, |metadata| metadata.as_str().len());
    ENVELOPE_BYTES + event.data.as_str().len() + metadata_bytes
}

fn push(
    body: &mut Body,
    profile: Profile,
    event: &Event,
    endpoint_id: &str,
) -> Result<(), RenderError> {
    if !profile.carries(&event.event_type) {
        let event_type = event.event_type.clone();
        return Err(RenderError::TypeNotCarried {
            profile,
            event_type,
        });
    }
    match profile {
        Profile::Standard => standard(body, event),
        Profile::ModuleN => module_n(body, event),
        Profile::Resource => resource(body, event),
        Profile::Canonical => canonical(body, event, endpoint_id)?,
        Profile::CloudEvents => cloud_events(body, event),
    }
    Ok(())
}

fn standard(body: &mut Body, event: &Event) {
    body.raw(r#"{"id":""#).shown(&event.id);
    body.raw(r#"","type":""#).raw(event.event_type.as_str());
    body.raw(r#"","timestamp":"#).time(event.timestamp_ms);
    body.raw(r#","tenant_id":"#).text(&event.tenant);
    body.raw(r#","origin":"#).text(&event.origin);
    body.raw(r#","subject":"#).text(&event.subject);
    body.raw(r#","sequence":"#).shown(&event.sequence);
    body.raw(r#","data":"#).raw(event.data.as_str());
    let metadata = event.metadata.as_ref().map_or("null", JsonObject::as_str);
    body.raw(r#","metadata":"#).raw(metadata).raw("}");
}

fn module_n(body: &mut Body, event: &Event) {
    let (data, comma) = event.data.open_end();
    body.raw(r#"{"event_type":""#)
        .raw(event.event_type.as_str());
    body.raw(r#"","timestamp":"#).time(event.timestamp_ms);
    body.raw(r#","ingest_id":"#)
        .raw(event.data.member("ingest_id").unwrap_or("null"));
    body.raw(r#","file_data":"#)
        .raw(data)
        .raw(if comma { "," } else { "" });
    body.raw(r#""sequence":"#).shown(&event.sequence);
    body.raw(r#","origin":"#).text(&event.origin).raw("}}");
}

fn resource(body: &mut Body, event: &Event) {
    let (kind, id) = event
        .subject
        .split_once('/')
        .unwrap_or((&event.subject, ""));
    body.raw(r#"{"event":""#).raw(event.event_type.as_str());
    body.raw(r#"","resource_type":"#).text(kind);
    body.raw(r#","resource_id":"#).text(id);
    body.raw(r#","timestamp":"#).time(event.timestamp_ms);
    body.raw(r#","data":"#).raw(event.data.as_str());
    body.raw(r#","metadata":{"tenant_id":"#).text(&event.tenant);
    body.raw(r#","source":"draftwire","version":"1.0"}}"#);
}

fn canonical(body: &mut Body, event: &Event, endpoint_id: &str) -> Result<(), RenderError> {
    body.raw(r#"{"data":"#);
    push_canonical(&mut body.0, &event.data, COMPACT)
        .map_err(|Damaged| RenderError::DamagedData)?;
    body.raw(r#","event":""#).raw(event.event_type.as_str());
    body.raw(r#"","timestamp":"#).time(event.timestamp_ms);
    body.raw(r#","webhook_id":"#).text(endpoint_id).raw("}");
    Ok(())
}

/// The sequence is a text whose alphabetical order is its order, as the `CloudEvents` sequence extension wants it.
fn cloud_events(body: &mut Body, event: &Event) {
    body.raw(r#"{"specversion":"1.0","id":""#).shown(&event.id);
    body.raw(r#"","source":"#)
        .text(&format!("/draftwire/{}", event.tenant));
    body.raw(r#","type":""#).raw(event.event_type.as_str());
    body.raw(r#"","subject":"#).text(&event.subject);
    body.raw(r#","time":"#).time(event.timestamp_ms);
    body.raw(r#","datacontenttype":"application/json","sequence":""#);
    body.shown(&format_args!("{:019}", event.sequence));
    body.raw(r#"","origin":"#).text(&event.origin);
    body.raw(r#","data":"#).raw(event.data.as_str()).raw("}");
}

/// Bytes under construction.
struct Body(Vec<u8>);

impl Body {
    /// JSON as it is.
    fn raw(&mut self, json: &str) -> &mut Self {
        self.0.extend_from_slice(json.as_bytes());
        self
    }

    /// A JSON string.
    fn text(&mut self, text: &str) -> &mut Self {
        push_string(&mut self.0, text);
        self
    }

    /// A timestamp as a JSON string.
    fn time(&mut self, ms: i64) -> &mut Self {
        self.shown(&format_args!("\"{:.3}\"", at(ms)))
    }

    /// What prints as JSON.
    fn shown(&mut self, value: &impl fmt::Display) -> &mut Self {
        write!(self, "{value}").expect("bytes in memory take all that is written");
        self
    }
}

impl fmt::Write for Body {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.raw(text);
        Ok(())
    }
}
