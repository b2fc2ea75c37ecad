//! What the dispatcher knows of the table: which endpoints have something waiting there and from when on it
//! is worth a look. Never more than a few looks at once; a hint that arrives during a look is kept.

use std::collections::{BTreeSet, HashMap};

/// Endpoints whose deliveries wait in the table.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    look_at: HashMap<i64, i64>,
    order: BTreeSet<(i64, i64)>,
    /// Being looked at, with the earliest time heard of meanwhile.
    looking: HashMap<i64, Option<i64>>,
}

impl Waiting {
    /// Most looks at once; each is a transaction of the one writer.
    const LOOKS_MAX: usize = 8;

    /// Something of this endpoint is worth a look from `at_ms` on. What is overdue queues up behind what was
    /// noted before, so that a long backlog does not push itself in front of others.
    pub(super) fn note(&mut self, endpoint_id: i64, at_ms: i64, now_ms: i64) {
        let at_ms = at_ms.max(now_ms);
        if let Some(meanwhile) = self.looking.get_mut(&endpoint_id) {
            *meanwhile = Some(meanwhile.map_or(at_ms, |known| known.min(at_ms)));
            return;
        }
        match self.look_at.get(&endpoint_id) {
            Some(known) if *known <= at_ms => return,
            Some(known) => self.order.remove(&(*known, endpoint_id)),
            None => false,
        };
        self.look_at.insert(endpoint_id, at_ms);
        self.order.insert((at_ms, endpoint_id));
    }

    /// An endpoint that is to be looked at now; [`Waiting::end`] must follow.
    pub(super) fn begin(&mut self, now_ms: i64) -> Option<i64> {
        let (at_ms, endpoint_id) = *self.order.first()?;
        if at_ms > now_ms || self.looking.len() >= Self::LOOKS_MAX {
            return None;
        }
        self.order.remove(&(at_ms, endpoint_id));
        self.look_at.remove(&endpoint_id);
        self.looking.insert(endpoint_id, None);
        Some(endpoint_id)
    }

    /// The look is over; `next_ms`: when the next is worth it, as far as the look could see.
    pub(super) fn end(&mut self, endpoint_id: i64, next_ms: Option<i64>, now_ms: i64) {
        let meanwhile = self.looking.remove(&endpoint_id).flatten();
        for at_ms in meanwhile.into_iter().chain(next_ms) {
            self.note(endpoint_id, at_ms, now_ms);
        }
    }

    /// When [`Waiting::begin`] has something to give; `None` while there are as many looks as may be.
    pub(super) fn next_ms(&self) -> Option<i64> {
        let (at_ms, _) = self.order.first()?;
        (self.looking.len() < Self::LOOKS_MAX).then_some(*at_ms)
    }

    /// Every look has come to nothing.
    pub(super) fn abandon_looks(&mut self, now_ms: i64) {
        for endpoint_id in self.looking.keys().copied().collect::<Vec<_>>() {
            self.end(endpoint_id, Some(now_ms), now_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_hint_counts_and_is_given_once() {
        let mut waiting = Waiting::default();
        waiting.note(1, 500, 100);
        waiting.note(1, 300, 100);
        waiting.note(1, 400, 100);
        waiting.note(2, 5, 100);
        assert_eq!(waiting.next_ms(), Some(100));
        assert_eq!((waiting.begin(100), waiting.begin(100)), (Some(2), None));
        assert_eq!(
            (waiting.next_ms(), waiting.begin(300)),
            (Some(300), Some(1))
        );
        assert_eq!(waiting.next_ms(), None);
    }

    #[test]
    fn a_hint_during_a_look_survives_its_end() {
        let mut waiting = Waiting::default();
        waiting.note(1, 0, 0);
        assert_eq!(waiting.begin(0), Some(1));
        waiting.note(1, 7, 5);
        assert_eq!(
            waiting.begin(10),
            None,
            "one look at a time for an endpoint"
        );
        waiting.end(1, None, 5);
        assert_eq!(waiting.begin(7), Some(1));
        waiting.end(1, Some(9), 8);
        assert_eq!(waiting.next_ms(), Some(9));
    }

    #[test]
    fn a_backlog_queues_up_behind_others_and_looks_are_few() {
        let mut waiting = Waiting::default();
        waiting.note(1, 0, 10);
        waiting.note(2, 0, 11);
        assert_eq!(waiting.begin(20), Some(1));
        waiting.end(1, Some(0), 20);
        assert_eq!(waiting.begin(20), Some(2));
        for endpoint_id in 3..20 {
            waiting.note(endpoint_id, 0, 20);
        }
        assert_eq!(
            std::iter::from_fn(|| waiting.begin(20)).count(),
            Waiting::LOOKS_MAX - 1
        );
        assert_eq!(waiting.next_ms(), None);
        waiting.abandon_looks(20);
        assert_eq!(waiting.next_ms(), Some(20));
    }
}
