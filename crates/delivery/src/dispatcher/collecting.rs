//! What waits for company: deliveries to endpoints that want several in one request, until there are enough of them or
//! the first has waited long enough. Knows neither clock nor deliveries; both come in.

use std::collections::{BTreeSet, HashMap};

use contract::Profile;
use tokio::time::Instant;

use crate::batching::Bounds;

/// Items by endpoint.
#[derive(Debug)]
pub(super) struct Collecting<T> {
    open: HashMap<i64, Open<T>>,
    /// When waits end.
    ends: BTreeSet<(Instant, i64)>,
    count: usize,
}

#[derive(Debug)]
struct Open<T> {
    items: Vec<T>,
    bytes: usize,
    profile: Profile,
    until: Instant,
}

impl<T> Default for Collecting<T> {
    fn default() -> Self {
        Self {
            open: HashMap::new(),
            ends: BTreeSet::new(),
            count: 0,
        }
    }
}

impl<T> Collecting<T> {
    /// Adds an item of so many bytes when rendered; answers what is complete by that: what it found no room in, or
    /// must not be mixed with, and what it has filled.
    pub(super) fn add(
        &mut self,
        endpoint_id: i64,
        item: T,
        (profile, bytes): (Profile, usize),
        bounds: Bounds,
        now: Instant,
    ) -> [Option<Vec<T>>; 2] {
        let shuts_out = |open: &Open<T>| {
            open.profile != profile || open.bytes.saturating_add(bytes) > bounds.bytes
        };
        let before = if self.open.get(&endpoint_id).is_some_and(shuts_out) {
            self.take(endpoint_id)
        } else {
            None
        };
        let ends = &mut self.ends;
        let open = self.open.entry(endpoint_id).or_insert_with(|| {
            let until = now + bounds.wait;
            ends.insert((until, endpoint_id));
            Open {
                items: Vec::new(),
                bytes: 0,
                profile,
                until,
            }
        });
        open.items.push(item);
        open.bytes += bytes;
        self.count += 1;
        let is_full = open.items.len() >= bounds.events || open.bytes >= bounds.bytes;
        let full = if is_full {
            self.take(endpoint_id)
        } else {
            None
        };
        [before, full]
    }

    /// An endpoint whose wait has ended; each is answered once, and may go on collecting until it is taken.
    pub(super) fn ended(&mut self, now: Instant) -> Option<i64> {
        let first = *self.ends.first().filter(|(until, _)| *until <= now)?;
        self.ends.remove(&first);
        Some(first.1)
    }

    /// Whether the wait of this endpoint's has ended.
    pub(super) fn has_ended(&self, endpoint_id: i64, now: Instant) -> bool {
        let open = self.open.get(&endpoint_id);
        open.is_some_and(|open| open.until <= now)
    }

    /// What has come together for this endpoint.
    pub(super) fn take(&mut self, endpoint_id: i64) -> Option<Vec<T>> {
        let open = self.open.remove(&endpoint_id)?;
        self.ends.remove(&(open.until, endpoint_id));
        self.count -= open.items.len();
        Some(open.items)
    }

    /// When [`Collecting::ended`] has something to give.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.ends.first().map(|(until, _)| *until)
    }

    /// How many items wait.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// All that waits; it waits here no more.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = T> {
        let all = std::mem::take(self);
        all.open.into_values().flat_map(|open| open.items)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const BOUNDS: Bounds = Bounds {
        events: 3,
        bytes: 100,
        wait: Duration::from_millis(50),
    };

    #[test]
    fn it_is_full_by_count_or_bytes_and_never_mixed() {
        let mut collecting = Collecting::default();
        let now = Instant::now();
        let mut add = |item, profile, bytes| {
            let full = collecting.add(7, item, (profile, bytes), BOUNDS, now);
            (full, collecting.count())
        };
        const A: Profile = Profile::Standard;
        const B: Profile = Profile::CloudEvents;
        for (item, profile, bytes, complete, left) in [
            (1, A, 10, [None, None], 1),
            (2, A, 10, [None, None], 2),
            (3, A, 10, [None, Some(vec![1, 2, 3])], 0),
            (4, A, 60, [None, None], 1),
            (5, A, 60, [Some(vec![4]), None], 1),
            (6, A, 40, [None, Some(vec![5, 6])], 0),
            (7, A, 1, [None, None], 1),
            (8, A, 500, [Some(vec![7]), Some(vec![8])], 0),
            (9, A, 1, [None, None], 1),
            (10, B, 1, [Some(vec![9]), None], 1),
        ] {
            assert_eq!(add(item, profile, bytes), (complete, left), "{item}");
        }
        assert_eq!(collecting.clear().collect::<Vec<_>>(), [10]);
        assert_eq!((collecting.count(), collecting.next_at()), (0, None));
    }

    #[test]
    fn a_wait_counts_from_the_first_and_ends_once() {
        let mut collecting = Collecting::default();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut add = |endpoint_id, ms| {
            collecting.add(endpoint_id, ms, (Profile::Standard, 1), BOUNDS, at(ms))
        };
        add(1, 0);
        add(2, 10);
        add(1, 40);
        assert_eq!(collecting.next_at(), Some(at(50)));
        assert_eq!(
            (collecting.ended(at(49)), collecting.has_ended(1, at(49))),
            (None, false)
        );
        assert_eq!(
            (collecting.ended(at(50)), collecting.ended(at(50))),
            (Some(1), None)
        );
        assert!(collecting.has_ended(1, at(50)) && !collecting.has_ended(2, at(50)));
        assert_eq!(collecting.take(1), Some(vec![0, 40]));
        assert_eq!(
            (collecting.take(1), collecting.next_at()),
            (None, Some(at(60)))
        );
        assert!(!collecting.has_ended(1, at(99)));
    }
}
