//! The place of an event among all events of its design file: one key that compares like the place.
//! Must never depend on when or how often the event arrived.

use contract::FileEventKind;

/// What an unset group of columns holds: before every event.
pub(crate) const BEFORE_ALL: &[u8] = &[];

/// Compares, as bytes, by sequence, then timestamp, then kind, then event key.
///
/// Sequences decide wherever the sender gives them. Where it gives none all sequences are equal, and the
/// timestamp decides. Within one millisecond a file is ingested before it is processed or failed, and
/// deleted last. The event key, unique within its source, makes the order total: whatever the order of
/// arrival, the same event is the latest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EventOrder(Vec<u8>);

impl EventOrder {
    pub(crate) fn new(
        sequence: Option<i64>,
        timestamp_ms: i64,
        kind: FileEventKind,
        event_key: &str,
    ) -> Self {
        let mut bytes = Vec::with_capacity(17 + event_key.len());
        bytes.extend_from_slice(&sequence.map_or([0; 8], sortable));
        bytes.extend_from_slice(&sortable(timestamp_ms));
        bytes.push(match kind {
            FileEventKind::Ingested => 1,
            FileEventKind::Processed | FileEventKind::Failed => 2,
            FileEventKind::ReExtracted => 3,
            FileEventKind::Deleted => 4,
        });
        bytes.extend_from_slice(event_key.as_bytes());
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The place of the event's facts. Those of a deletion count only while there are no others: a sender
    /// of old says little more than the id there.
    pub(crate) fn of_facts(&self, kind: FileEventKind) -> Vec<u8> {
        let counts = u8::from(kind != FileEventKind::Deleted);
        [&[counts], self.as_bytes()].concat()
    }
}

/// Big-endian with the sign turned: compares as bytes like the number.
fn sortable(number: i64) -> [u8; 8] {
    (number ^ i64::MIN).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use FileEventKind::{Deleted, Failed, Ingested, Processed, ReExtracted};

    #[test]
    fn sequence_then_time_then_kind_then_key() {
        let orders = [
            EventOrder::new(None, -5, Deleted, "z"),
            EventOrder::new(None, 5, Ingested, "z"),
            EventOrder::new(None, 5, Processed, "a"),
            EventOrder::new(None, 5, Failed, "b"),
            EventOrder::new(None, 5, ReExtracted, "a"),
            EventOrder::new(None, 5, Deleted, "a"),
            EventOrder::new(None, i64::MAX, Ingested, "a"),
            EventOrder::new(Some(1), 9, Ingested, "a"),
            EventOrder::new(Some(2), 3, Ingested, "a"),
            EventOrder::new(Some(256), 0, Ingested, "a"),
        ];
        assert!(orders.is_sorted(), "{orders:?}");
        assert!(orders.iter().all(|order| order.as_bytes() > BEFORE_ALL));
    }

    #[test]
    fn facts_of_a_deletion_come_before_all_others() {
        let late = EventOrder::new(Some(9), 9, Deleted, "a").of_facts(Deleted);
        let early = EventOrder::new(None, 0, Ingested, "a").of_facts(Ingested);
        assert!(late < early);
        assert!(late.as_slice() > BEFORE_ALL);
    }
}
