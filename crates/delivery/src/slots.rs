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
    per_endpoint: HashMap<i64, usize>,
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
    pub(crate) fn reserve(self: &Arc<Self>, endpoint_id: i64, bytes: usize) -> Option<Slot> {
        let mut used = self.used();
        if used.bytes + bytes > self.bytes_max {
            return None;
        }
        let count = used.per_endpoint.entry(endpoint_id).or_default();
        if *count >= self.per_endpoint_max {
            return None;
        }
        *count += 1;
        used.bytes += bytes;
        Some(Slot {
            slots: Arc::clone(self),
            endpoint_id,
            bytes,
        })
    }

    /// How many more deliveries of this endpoint may be held.
    pub(crate) fn room(&self, endpoint_id: i64) -> usize {
        let used = self.used();
        if used.bytes >= self.bytes_max {
            return 0;
        }
        let count = used.per_endpoint.get(&endpoint_id).copied();
        self.per_endpoint_max.saturating_sub(count.unwrap_or_default())
    }

    /// The most deliveries of one endpoint.
    pub(crate) fn per_endpoint_max(&self) -> usize {
        self.per_endpoint_max
    }

    fn used(&self) -> std::sync::MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut used = self.slots.used();
        used.bytes = used.bytes.saturating_sub(self.bytes);
        if let Some(count) = used.per_endpoint.get_mut(&self.endpoint_id) {
            *count = count.saturating_sub(1);
            if *count == 0 {
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
        let first = slots.reserve(1, 400).unwrap();
        let _second = slots.reserve(1, 400).unwrap();
        assert!(slots.reserve(1, 10).is_none(), "the endpoint's count is used up");
        assert!(slots.reserve(2, 400).is_none(), "the bytes are used up");
        assert_eq!((slots.room(1), slots.room(2)), (0, 2));
        drop(first);
        assert!(slots.reserve(2, 400).is_some());
        assert_eq!(slots.room(1), 1);
    }
}
