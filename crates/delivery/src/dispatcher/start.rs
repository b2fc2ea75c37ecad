//! Starting attempts, and what their ends say of endpoints: the part of the loop in which endpoints are held up,
//! left alone and let go again.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use db::Clock;
use tokio::time::Instant;

use super::Answered;
use super::attempt::attempt;
use super::batch_attempt::attempt_batch;
use super::breaker::Go;
use super::gates::Note;
use super::looks;
use super::sending::Sending;
use super::work_loop::WorkLoop;

/// How often what takes longer to know is looked at.
const GAUGE_EVERY: Duration = Duration::from_millis(250);

impl WorkLoop {
    /// A node whose lease has run out on its own clock sends nothing: another may be sending it.
    pub(super) fn start_attempts(&mut self) {
        if Instant::now() >= self.lease_until {
            return;
        }
        let endpoints = self.context.publisher.inner.registry.cached();
        let now_ms = self.context.clock.now_ms();
        while let Some(endpoint_id) = self.gates.released(now_ms) {
            self.turns.release(endpoint_id);
        }
        let mut unwanted = Vec::new();
        while let Some(mut sending) = self.turns.next() {
            // As it is now, not as it was when the event was published.
            let id = sending.first.endpoint.id;
            let endpoint = endpoints.endpoint(id).filter(|e| e.is_active);
            let Some(endpoint) = endpoint else {
                self.turns.unsent(id);
                for held in sending.held() {
                    self.held.remove(&held);
                    unwanted.push(held);
                }
                self.end_wait(id);
                continue;
            };
            sending.go_to(endpoint);
            match self.gates.ask(endpoint, now_ms) {
                Go::Now { is_trial } => {
                    self.start_attempt(sending, is_trial);
                    self.end_wait(id);
                }
                Go::NotBefore(at_ms) => {
                    self.gates.hold(id, at_ms);
                    self.turns.put_back(id, sending);
                }
                // Its end releases them.
                Go::AfterTrial => self.turns.put_back(id, sending),
            }
        }
        self.give_back(unwanted);
    }

    fn start_attempt(&mut self, sending: Sending, is_trial: bool) {
        let context = Arc::clone(&self.context);
        match sending.batch {
            None => self
                .attempts
                .spawn(attempt(context, sending.first, is_trial)),
            Some(_) => self
                .attempts
                .spawn(attempt_batch(context, sending, is_trial)),
        };
    }

    /// What an answer says of its endpoint, which may have the next request now.
    pub(super) fn answered(&mut self, answered: &Answered) {
        let now_ms = self.context.clock.now_ms();
        let Answered {
            endpoint_id: id,
            succeeded,
            is_trial,
            counts,
        } = *answered;
        let note = self.gates.ended(id, succeeded, is_trial, counts, now_ms);
        if is_trial {
            self.turns.release(id);
        }
        if let Some(Note::Failing {
            open: Some((until_ms, times)),
            ..
        }) = note
        {
            tracing::warn!(
                endpoint = id,
                until_ms,
                times,
                "an endpoint keeps failing; it is left alone"
            );
        }
        if let Some(note) = note {
            let context = Arc::clone(&self.context);
            self.looks.spawn(looks::write_note(context, id, note));
        }
        self.turns.answered(id);
    }

    /// Says how things stand; every so often what takes a walk over all endpoints to know.
    pub(super) fn gauge(&mut self) {
        let gauges = &self.context.publisher.inner.metrics.gauges;
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let queued = self.turns.queued() + self.batches.collecting.count();
        gauges.queued.store(count(queued), Relaxed);
        gauges.in_flight.store(count(self.attempts.len()), Relaxed);
        let now = Instant::now();
        if self.gauged_at.is_some_and(|at| now < at + GAUGE_EVERY) {
            return;
        }
        self.gauged_at = Some(now);
        let now_ms = self.context.clock.now_ms();
        let (open, half_open) = self.gates.open_and_half_open(now_ms);
        let heads = self.turns.heads().map(|sending| sending.first.due_at_ms);
        let oldest_ms = heads.chain(self.due_in_table_ms).min();
        let wait_ms = oldest_ms.map_or(0, |due| u64::try_from(now_ms - due).unwrap_or_default());
        for (gauge, value) in [
            (&gauges.oldest_wait_ms, wait_ms),
            (&gauges.breakers_open, open),
            (&gauges.breakers_half_open, half_open),
        ] {
            gauge.store(value, Relaxed);
        }
    }
}
