//! Time-ordered row keys, unique among the nodes that share a database.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

const COUNTER_BITS: u32 = 12;
const COUNTER_MAX: u32 = (1 << COUNTER_BITS) - 1;

/// Makes keys: milliseconds, the node's number (10 bits), a counter (12 bits). Never the same twice, never
/// smaller than the one before, even when the clock goes back, also over a restart.
#[derive(Debug)]
pub(crate) struct RowKeys {
    node_number: AtomicU32,
    last: Mutex<(u64, u32)>,
}

impl RowKeys {
    /// `node_number` below 1024, held by no other running node; `highest` is the highest key there is.
    pub(crate) fn new(node_number: i64, highest: i64) -> Self {
        let keys = Self {
            node_number: AtomicU32::default(),
            last: Mutex::new((contract::row_key_ms(highest), COUNTER_MAX)),
        };
        keys.renumber(node_number);
        keys
    }

    /// The node has another number from now on.
    pub(crate) fn renumber(&self, node_number: i64) {
        let number = u32::try_from(node_number & 0x3ff).unwrap_or_default();
        self.node_number.store(number, Ordering::Relaxed);
    }

    pub(crate) fn next(&self, now_ms: i64) -> i64 {
        let now_ms = u64::try_from(now_ms).unwrap_or_default();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (ms, counter) = *last;
        *last = if now_ms > ms {
            (now_ms, 0)
        } else if counter < COUNTER_MAX {
            (ms, counter + 1)
        } else {
            (ms + 1, 0)
        };
        let (ms, counter) = *last;
        let number = self.node_number.load(Ordering::Relaxed);
        contract::row_key(ms, number << COUNTER_BITS | counter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_rise_when_time_stands_still_or_goes_back() {
        let now = 1_800_000_000_000;
        let mut last = RowKeys::new(3, 0).next(now);
        let keys = RowKeys::new(3, last);
        for n in 0..10_000 {
            let key = keys.next(now - n % 5);
            assert!(key > last);
            last = key;
        }
        assert!(contract::row_key_ms(last) - now as u64 <= 4);
    }
}
