//! Room in memory for deliveries, reserved before a row is written as owned: what finds no room waits in
//! the table. A reservation that comes to nothing gives its room back by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts what is held in memory, in all and per endpoint.
#[derive(Debug)]
pub(crate) struct Slots {
    per_endpoint_max: usize,
    bytes_max: usize,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    bytes: usize,
    per_endpoint: HashMap<i64, Held>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Held {
    count: usize,
    bytes: usize,
}

/// Room for one delivery; given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    endpoint_id: i64,
    bytes: usize,
}

impl Slots {
    pub(crate) fn new(per_endpoint_max: usize, bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            per_endpoint_max: per_endpoint_max.max(1),
            bytes_max,
            used: Mutex::default(),
        })
    }

    /// Room for a delivery of `bytes` to this endpoint, if there is any.
    ///
    /// An endpoint may hold as many bytes as it leaves free for others, so that one that stands still never
    /// fills the memory; and one delivery always, whatever its size, so that none is stuck in the table.
    pub(crate) fn reserve(self: &Arc<Self>, endpoint_id: i64, bytes: usize) -> Option<Slot> {
        self.count_in(endpoint_id, 1, bytes)
            .then(|| self.slot(endpoint_id, bytes))
    }

    /// Room for all of these, deliveries with their bytes, or for none; for those of one batch always, when the endpoint
    /// holds nothing else.
    pub(crate) fn reserve_together(
        self: &Arc<Self>,
        endpoint_id: i64,
        members: &[(i64, usize)],
    ) -> Option<Vec<(i64, Slot)>> {
        let bytes: usize = members.iter().map(|(_, bytes)| bytes).sum();
        let all = self.count_in(endpoint_id, members.len(), bytes);
        let slot = |(id, bytes): &(i64, usize)| (*id, self.slot(endpoint_id, *bytes));
        all.then(|| members.iter().map(slot).collect())
    }

    /// False when there is no room for them.
    fn count_in(&self, endpoint_id: i64, count: usize, bytes: usize) -> bool {
        let mut used = self.used();
        let held = used.held(endpoint_id);
        let fits = held.count + count <= self.per_endpoint_max
            && held.bytes + bytes <= self.bytes_max.saturating_sub(used.bytes);
        if !fits && held.count > 0 {
            return false;
        }
        used.bytes += bytes;
        let held = used.per_endpoint.entry(endpoint_id).or_default();
        held.count += count;
        held.bytes += bytes;
        true
    }

    /// The room that has been counted in.
    fn slot(self: &Arc<Self>, endpoint_id: i64, bytes: usize) -> Slot {
        Slot {
            slots: Arc::clone(self),
            endpoint_id,
            bytes,
        }
    }

    /// How many more deliveries of this endpoint may be held, if they are small.
    pub(crate) fn room(&self, endpoint_id: i64) -> usize {
        let used = self.used();
        let held = used.held(endpoint_id);
        if held.count > 0 && held.bytes >= self.bytes_max.saturating_sub(used.bytes) {
            return 0;
        }
        self.per_endpoint_max.saturating_sub(held.count)
    }

    /// The most deliveries of one endpoint.
    pub(crate) fn per_endpoint_max(&self) -> usize {
        self.per_endpoint_max
    }

    fn used(&self) -> std::sync::MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Used {
    fn held(&self, endpoint_id: i64) -> Held {
        self.per_endpoint
            .get(&endpoint_id)
            .copied()
            .unwrap_or_default()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut used = self.slots.used();
        used.bytes = used.bytes.saturating_sub(self.bytes);
        if let Some(held) = used.per_endpoint.get_mut(&self.endpoint_id) {
            held.count = held.count.saturating_sub(1);
            held.bytes = held.bytes.saturating_sub(self.bytes);
            if held.count == 0 {
                used.per_endpoint.remove(&self.endpoint_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_bounded_and_given_back() {
        let slots = Slots::new(2, 1_000);
        let first = slots.reserve(1, 100).unwrap();
        let _second = slots.reserve(1, 100).unwrap();
        assert!(
            slots.reserve(1, 10).is_none(),
            "the endpoint's count is used up"
        );
        assert_eq!((slots.room(1), slots.room(2)), (0, 2));
        drop(first);
        assert_eq!(slots.room(1), 1);
        assert!(slots.reserve(1, 100).is_some());
    }

    #[test]
    fn one_endpoint_leaves_as_much_as_it_takes() {
        let slots = Slots::new(100, 1_000);
        let hog: Vec<_> = std::iter::from_fn(|| slots.reserve(1, 100)).collect();
        assert_eq!((hog.len(), slots.room(1)), (5, 0));
        let other: Vec<_> = std::iter::from_fn(|| slots.reserve(2, 100)).collect();
        assert_eq!(other.len(), 3);
    }

    #[test]
    fn what_goes_together_finds_room_together() {
        let slots = Slots::new(3, 1_000);
        let two = [(7, 10), (8, 10)];
        let first = slots.reserve_together(1, &two).unwrap();
        assert_eq!(first.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [7, 8]);
        assert!(slots.reserve_together(1, &two).is_none());
        assert_eq!(slots.room(1), 1, "nothing of it was kept");
        drop(first);
        let many = [(1, 900), (2, 900), (3, 900), (4, 900)];
        let large = slots.reserve_together(1, &many);
        assert!(large.is_some(), "or it would never go");
        assert!(slots.reserve(1, 1).is_none());
        drop(large);
        assert_eq!((slots.room(1), slots.used().bytes), (3, 0));
    }

    #[test]
    fn a_delivery_larger_than_all_memory_goes_alone() {
        let slots = Slots::new(100, 1_000);
        let huge = slots.reserve(1, 5_000).unwrap();
        assert!(slots.reserve(1, 1).is_none());
        assert!(slots.reserve(2, 1).is_some(), "others hold nothing yet");
        drop(huge);
        assert!(slots.reserve(1, 5_000).is_some());
    }
}
