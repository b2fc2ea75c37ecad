//! An event: an immutable fact with an id. Must never be changed once published; profiles only show it differently.

use crate::event_type::EventType;
use crate::ids::EventId;
use crate::json::JsonObject;

/// Longest subject, bytes.
pub const SUBJECT_BYTES_MAX: usize = 255;

/// An immutable fact, as stored and as every profile renders it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The same on every attempt, retry, redelivery and replay.
    pub id: EventId,
    /// What happened.
    pub event_type: EventType,
    /// When it happened, Unix milliseconds.
    pub timestamp_ms: i64,
    /// The owner; `default` on a single-tenant install. A word that may stand in a URL as it is.
    pub tenant: String,
    /// What it is about, `<type>/<id>`: the ordering key.
    pub subject: String,
    /// Strictly increasing per (tenant, subject); gaps are allowed.
    pub sequence: i64,
    /// Random id of the publishing database, 32 hex characters.
    pub origin: String,
    /// The facts, as the publisher wrote them.
    pub data: JsonObject,
    /// The publisher's own notes (request id, source system).
    pub metadata: Option<JsonObject>,
}

/// The subject of an event whose publisher gave none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefaultSubject {
    /// Read from the data: sequences are counted per subject.
    Counted(String),
    /// `event/<id>`: nobody else can publish to it, so its sequence is 1 and needs no counter.
    Single(String),
}

/// The first word of the event type with `data.<word>_id`, else with `data.id`, else `event/<id>`.
///
/// An id counts when it is an integer, or a text of visible ASCII, and the subject fits [`SUBJECT_BYTES_MAX`].
#[must_use]
pub fn default_subject(event_type: &EventType, data: &JsonObject, id: EventId) -> DefaultSubject {
    let word = event_type.first_word();
    let named = |name: &str| data.member(name).and_then(id_text);
    named(&format!("{word}_id"))
        .or_else(|| named("id"))
        .map(|id| format!("{word}/{id}"))
        .filter(|subject| subject.len() <= SUBJECT_BYTES_MAX)
        .map_or_else(
            || DefaultSubject::Single(format!("event/{id}")),
            DefaultSubject::Counted,
        )
}

/// The id that a JSON value holds: an integer, or a text of visible ASCII.
fn id_text(json: &str) -> Option<String> {
    let text = match json.parse::<i64>() {
        Ok(number) => number.to_string(),
        Err(_) => serde_json::from_str::<String>(json).ok()?,
    };
    let visible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    visible.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_subject_is_read_from_the_data() {
        let id = EventId::new(0, [0; 10]);
        let single = format!("event/{id}");
        let long = format!(r#"{{"id":"{}"}}"#, "x".repeat(SUBJECT_BYTES_MAX));
        for (event_type, data, subject) in [
            (
                "invoice.created",
                r#"{"id":1,"invoice_id":"inv_123"}"#,
                "invoice/inv_123",
            ),
            (
                "sales_order.created",
                r#"{"sales_order_id":7}"#,
                "sales_order/7",
            ),
            ("invoice.created", r#"{"id":-4}"#, "invoice/-4"),
            (
                "purchase_received",
                r#"{"id":"a/b"}"#,
                "purchase_received/a/b",
            ),
            (
                "invoice.created",
                r#"{"invoice_id":null,"id":"x"}"#,
                "invoice/x",
            ),
            ("invoice.created", r#"{"id":1.5}"#, &single),
            ("invoice.created", r#"{"id":""}"#, &single),
            ("invoice.created", r#"{"id":"two words"}"#, &single),
            ("invoice.created", r#"{"id":{"id":1}}"#, &single),
            ("invoice.created", &long, &single),
            ("error.occurred", "{}", &single),
        ] {
            let event_type = EventType::parse(event_type).unwrap();
            let data = JsonObject::parse(data).unwrap();
            let expected = subject.to_owned();
            let expected = if subject == single {
                DefaultSubject::Single(expected)
            } else {
                DefaultSubject::Counted(expected)
            };
            assert_eq!(default_subject(&event_type, &data, id), expected);
        }
    }
}
