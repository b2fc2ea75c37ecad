//! For each endpoint: whether an attempt may start now, what its failures mean, and what must be noted of them
//! where other nodes see it. Decides; what it decides is done by the loop.

use std::collections::{BTreeSet, HashMap};

use super::breaker::{Breaker, Bucket, Go, Opened};
use crate::endpoint::Endpoint;
use crate::health::Failing;

/// How long an endpoint fails before the table is told, before its owner is, and before it is disabled.
const NOTE_AFTER_MS: i64 = 60_000;
const TELL_AFTER_MS: i64 = 3_600_000;
const DISABLE_AFTER_MS: i64 = 5 * 24 * 3_600_000;
/// A breaker that the table knows nothing of after this long has been closed by somebody else.
const UNKNOWN_MS: i64 = 20_000;

/// What must be written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Note {
    /// Every attempt fails since then; `open`: until when nothing is sent, and how often in a row.
    Failing {
        since_ms: i64,
        open: Option<(i64, i64)>,
        tell: bool,
    },
    Recovered,
    Disable {
        since_ms: i64,
    },
}

#[derive(Debug, Default)]
pub(super) struct Gates {
    gates: HashMap<i64, Gate>,
    /// Endpoints that are held up, and until when.
    held: BTreeSet<(i64, i64)>,
}

#[derive(Debug, Default)]
struct Gate {
    breaker: Breaker,
    opened_at_ms: i64,
    bucket: Bucket,
    failing: Option<Known>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    since_ms: i64,
    is_noted: bool,
    is_told: bool,
}

impl Gates {
    pub(super) fn ask(&mut self, endpoint: &Endpoint, now_ms: i64) -> Go {
        let has_gate = self.gates.contains_key(&endpoint.id);
        if endpoint.rate_limit.is_none() && !has_gate {
            return Go::Now { is_trial: false };
        }
        let gate = self.gates.entry(endpoint.id).or_default();
        let go = gate.breaker.ask(now_ms);
        let (Go::Now { is_trial }, Some(rate)) = (go, endpoint.rate_limit) else {
            return go;
        };
        match gate.bucket.take(rate, now_ms) {
            Ok(()) => go,
            Err(at_ms) => {
                if is_trial {
                    gate.breaker.abandon_trial();
                }
                Go::NotBefore(at_ms)
            }
        }
    }

    /// `counts`: whether it says something of the endpoint's health; news about deliveries do not.
    pub(super) fn ended(
        &mut self,
        endpoint_id: i64,
        succeeded: bool,
        is_trial: bool,
        counts: bool,
        now_ms: i64,
    ) -> Option<Note> {
        if succeeded && !self.gates.contains_key(&endpoint_id) {
            // Nothing is known against it; only failures need a window.
            return None;
        }
        let gate = self.gates.entry(endpoint_id).or_default();
        let opened = gate.breaker.ended(succeeded, is_trial, now_ms);
        if succeeded {
            let was = gate.failing.take();
            return was.filter(|was| was.is_noted).map(|_| Note::Recovered);
        }
        if !counts && opened.is_none() {
            return None;
        }
        let known = gate.failing.get_or_insert(Known {
            since_ms: now_ms,
            is_noted: false,
            is_told: false,
        });
        let age_ms = now_ms - known.since_ms;
        if age_ms >= DISABLE_AFTER_MS {
            return Some(Note::Disable {
                since_ms: known.since_ms,
            });
        }
        let tell = !known.is_told && counts && (opened.is_some() || age_ms >= TELL_AFTER_MS);
        let is_new = opened.is_some() || tell || (age_ms >= NOTE_AFTER_MS && !known.is_noted);
        known.is_noted |= is_new;
        known.is_told |= tell;
        if opened.is_some() {
            gate.opened_at_ms = now_ms;
        }
        is_new.then_some(Note::Failing {
            since_ms: known.since_ms,
            open: opened.map(|Opened { until_ms, times }| (until_ms, times)),
            tell,
        })
    }

    /// What the table says of all endpoints, from other nodes and earlier runs.
    pub(super) fn learn(&mut self, rows: &[Failing], now_ms: i64) {
        let noted: HashMap<i64, &Failing> = rows.iter().map(|r| (r.subscription_id, r)).collect();
        for row in rows {
            let gate = self.gates.entry(row.subscription_id).or_default();
            let known = gate.failing.get_or_insert(Known {
                since_ms: row.failing_since_ms,
                is_noted: true,
                is_told: false,
            });
            known.since_ms = known.since_ms.min(row.failing_since_ms);
            known.is_noted = true;
            known.is_told |= row.told == 1;
            if let Some(until_ms) = row.open_until_ms {
                let times = row.opened;
                gate.breaker.learn(Opened { until_ms, times });
            }
        }
        let forgotten: Vec<i64> = self
            .gates
            .iter()
            .filter(|(id, gate)| !noted.contains_key(id) && gate.is_outdated(now_ms))
            .map(|(id, _)| *id)
            .collect();
        for id in forgotten {
            self.reset(id);
        }
    }

    /// Its owner wants it tried: whatever was known is forgotten.
    pub(super) fn reset(&mut self, endpoint_id: i64) {
        self.gates.remove(&endpoint_id);
        self.held.retain(|(_, id)| *id != endpoint_id);
    }

    /// Forgets everything, its times being those of another clock; answers who was held up. The table knows the rest.
    pub(super) fn forget(&mut self) -> Vec<i64> {
        self.gates.clear();
        let held = std::mem::take(&mut self.held);
        held.into_iter()
            .map(|(_, endpoint_id)| endpoint_id)
            .collect()
    }

    /// The clock leapt ahead: nothing has failed for as long.
    pub(super) fn leapt(&mut self, step_ms: i64) {
        let gates = self.gates.values_mut();
        for known in gates.filter_map(|gate| gate.failing.as_mut()) {
            known.since_ms += step_ms;
        }
    }

    /// Until when nothing is sent, if so.
    pub(super) fn closed_until(&self, endpoint_id: i64, now_ms: i64) -> Option<i64> {
        let open = self.gates.get(&endpoint_id)?.breaker.open()?;
        (open.until_ms > now_ms).then_some(open.until_ms)
    }

    pub(super) fn hold(&mut self, endpoint_id: i64, until_ms: i64) {
        self.held.insert((until_ms, endpoint_id));
    }

    /// An endpoint that is held up no longer.
    pub(super) fn released(&mut self, now_ms: i64) -> Option<i64> {
        let first = *self
            .held
            .first()
            .filter(|(until_ms, _)| *until_ms <= now_ms)?;
        self.held.remove(&first);
        Some(first.1)
    }

    /// When [`Gates::released`] has something to give.
    pub(super) fn next_ms(&self) -> Option<i64> {
        self.held.first().map(|(until_ms, _)| *until_ms)
    }

    /// How many breakers are open, and how many wait for or in their trial.
    pub(super) fn open_and_half_open(&self, now_ms: i64) -> (u64, u64) {
        let open = self.gates.values().filter_map(|gate| gate.breaker.open());
        open.fold((0, 0), |(open, half), opened| {
            match opened.until_ms > now_ms {
                true => (open + 1, half),
                false => (open, half + 1),
            }
        })
    }
}

impl Gate {
    fn is_outdated(&self, now_ms: i64) -> bool {
        let is_noted = self.failing.is_some_and(|known| known.is_noted);
        is_noted && self.opened_at_ms + UNKNOWN_MS < now_ms
    }
}
