//! What happened to each event, by number: when it was due to be published, when that was answered, when it arrived and
//! how often. Knows neither sockets nor services.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// Times in microseconds since the board was made; 0: not yet.
pub(super) struct Board {
    start: Instant,
    events: Vec<Event>,
    arrivals: AtomicU64,
}

#[derive(Default)]
struct Event {
    due: AtomicU64,
    accepted: AtomicU64,
    arrived: AtomicU64,
    arrivals: AtomicU32,
}

/// What became of a range of events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) accepted: usize,
    pub(super) arrived: usize,
    /// Accepted, and never arrived.
    pub(super) lost: usize,
    /// Arrivals beyond the first.
    pub(super) repeated: u32,
}

/// Waits, sorted, in microseconds.
pub(super) struct Waits(Vec<u64>);

impl Board {
    pub(super) fn new(events: usize) -> Self {
        Self {
            start: Instant::now(),
            events: std::iter::repeat_with(Event::default)
                .take(events)
                .collect(),
            arrivals: AtomicU64::new(0),
        }
    }

    pub(super) fn now_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    pub(super) fn due(&self, number: usize, at_us: u64) {
        if let Some(event) = self.events.get(number) {
            event.due.store(at_us.max(1), Relaxed);
        }
    }

    pub(super) fn accepted(&self, number: usize) {
        if let Some(event) = self.events.get(number) {
            event.accepted.store(self.now_us(), Relaxed);
        }
    }

    pub(super) fn arrived(&self, number: usize) {
        self.arrivals.fetch_add(1, Relaxed);
        if let Some(event) = self.events.get(number)
            && event.arrivals.fetch_add(1, Relaxed) == 0
        {
            event.arrived.store(self.now_us(), Relaxed);
        }
    }

    /// Everything that has arrived, repetitions too.
    pub(super) fn arrivals(&self) -> u64 {
        self.arrivals.load(Relaxed)
    }

    pub(super) fn tally(&self, range: Range<usize>) -> Tally {
        let mut tally = Tally::default();
        for event in self.events.get(range).unwrap_or_default() {
            let (accepted, arrivals) = (
                event.accepted.load(Relaxed) > 0,
                event.arrivals.load(Relaxed),
            );
            tally.accepted += usize::from(accepted);
            tally.arrived += usize::from(arrivals > 0);
            tally.lost += usize::from(accepted && arrivals == 0);
            tally.repeated += arrivals.saturating_sub(1);
        }
        tally
    }

    /// From when it was due to the answer that it is recorded.
    pub(super) fn until_accepted(&self, range: Range<usize>) -> Waits {
        self.waits(range, |event| &event.accepted)
    }

    /// From when it was due to its first arrival.
    pub(super) fn until_arrived(&self, range: Range<usize>) -> Waits {
        self.waits(range, |event| &event.arrived)
    }

    fn waits(&self, range: Range<usize>, end: impl Fn(&Event) -> &AtomicU64) -> Waits {
        let events = self.events.get(range).unwrap_or_default();
        let ended = events.iter().filter(|event| end(event).load(Relaxed) > 0);
        let mut waits: Vec<u64> = ended
            .map(|event| {
                end(event)
                    .load(Relaxed)
                    .saturating_sub(event.due.load(Relaxed))
            })
            .collect();
        waits.sort_unstable();
        Waits(waits)
    }
}

impl Waits {
    /// The wait that so many in a hundred do not exceed, milliseconds.
    pub(super) fn percentile_ms(&self, percent: usize) -> f64 {
        let last = self.0.len().saturating_sub(1);
        let wait = self.0.get(last * percent / 100).copied();
        wait.unwrap_or_default() as f64 / 1_000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_accepted_and_never_came_is_lost() {
        let board = Board::new(4);
        for number in 0..4 {
            board.due(number, 1);
        }
        (0..3).for_each(|number| board.accepted(number));
        [0, 0, 0, 1, 3]
            .into_iter()
            .for_each(|number| board.arrived(number));
        let tally = Tally {
            accepted: 3,
            arrived: 3,
            lost: 1,
            repeated: 2,
        };
        assert_eq!((board.tally(0..4), board.arrivals()), (tally, 5));
        assert_eq!(Waits(vec![1_000, 2_000, 3_000]).percentile_ms(50), 2.0);
        assert_eq!(Waits(Vec::new()).percentile_ms(99), 0.0);
    }
}
