//! Publishing over HTTP: from some connections at once, as fast as it goes or at a rate. Late is counted late: at a
//! rate an event's time runs from when it was due, not from when there was a connection for it.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::board::Board;
use crate::wire::Client;

/// What an event's data is made up to.
const DATA_BYTES: usize = 970;
/// Pause after a request that failed.
const AGAIN: Duration = Duration::from_millis(10);

/// How events are published.
pub(super) struct Load<'a> {
    pub(super) board: &'a Board,
    pub(super) address: SocketAddr,
    pub(super) key: &'a str,
    pub(super) event_type: &'a str,
    pub(super) connections: usize,
    /// Events a second; 0: as fast as it goes.
    pub(super) rate: f64,
    /// Ends it early.
    pub(super) stop: &'a AtomicBool,
}

/// What went wrong while publishing.
#[derive(Debug, Default)]
pub(super) struct Refused {
    /// Answers that were not 202, and requests without one.
    pub(super) answered: AtomicU64,
    pub(super) unanswered: AtomicU64,
}

impl Load<'_> {
    /// Publishes these events, each once whatever is answered; says how far it came.
    pub(super) fn run(&self, events: Range<usize>, refused: &Refused) -> Range<usize> {
        let next = AtomicUsize::new(events.start);
        let began = (Instant::now(), self.board.now_us());
        std::thread::scope(|scope| {
            for _ in 0..self.connections {
                scope.spawn(|| self.one_connection(&next, &events, began, refused));
            }
        });
        events.start..next.load(Relaxed).min(events.end)
    }

    fn one_connection(
        &self,
        next: &AtomicUsize,
        events: &Range<usize>,
        (began, began_us): (Instant, u64),
        refused: &Refused,
    ) {
        let mut client = Client::new(self.address, self.key);
        while !self.stop.load(Relaxed) {
            let number = next.fetch_add(1, Relaxed);
            if number >= events.end {
                return;
            }
            if self.rate > 0.0 {
                let at = Duration::from_secs_f64((number - events.start) as f64 / self.rate);
                std::thread::sleep(at.saturating_sub(began.elapsed()));
                let at_us = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
                self.board.due(number, began_us.saturating_add(at_us));
            } else {
                self.board.due(number, self.board.now_us());
            }
            match client.ask("POST", "/api/v1/webhooks/events", &self.event(number)) {
                Ok((202, _)) => self.board.accepted(number),
                Ok(_) => {
                    refused.answered.fetch_add(1, Relaxed);
                    std::thread::sleep(AGAIN);
                }
                Err(_) => {
                    refused.unanswered.fetch_add(1, Relaxed);
                    std::thread::sleep(AGAIN);
                }
            }
        }
    }

    /// The same in batches of 100, on one connection.
    pub(super) fn run_in_batches(&self, events: Range<usize>, refused: &Refused) {
        let mut client = Client::new(self.address, self.key);
        let mut first = events.start;
        while first < events.end && !self.stop.load(Relaxed) {
            let batch = first..events.end.min(first + 100);
            let mut body = "{\"events\":[".to_owned();
            for number in batch.clone() {
                self.board.due(number, self.board.now_us());
                let comma = if number == batch.start { "" } else { "," };
                body.push_str(comma);
                body.push_str(&self.event(number));
            }
            body.push_str("]}");
            match client.ask("POST", "/api/v1/webhooks/events/batch", &body) {
                Ok((207, _)) => {
                    batch.clone().for_each(|number| self.board.accepted(number));
                    first = batch.end;
                }
                _ => {
                    refused.answered.fetch_add(1, Relaxed);
                    std::thread::sleep(AGAIN);
                }
            }
        }
    }

    fn event(&self, number: usize) -> String {
        let data = format!(r#"{{"n":{number},"note_id":{number},"padding":""#);
        let padding = "x".repeat(DATA_BYTES.saturating_sub(data.len() + 2));
        format!(
            r#"{{"type":"{}","data":{data}{padding}"}}}}"#,
            self.event_type
        )
    }
}
