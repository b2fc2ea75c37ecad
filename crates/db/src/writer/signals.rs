//! What wakes the writer's threads, and which of them writes what.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::crowd::Loud;
use super::queue::Refusal;
use super::{Lane, WriterSettings};
use crate::conn::Backend;

/// Wakes one writer thread.
#[derive(Default)]
pub(crate) struct Signal {
    state: Mutex<SignalState>,
    wake: Condvar,
}

#[derive(Default)]
struct SignalState {
    waiting: usize,
    /// How many jobs of tenants that are not loud have come.
    quiet_came: u64,
    /// Only such a job wakes the thread.
    resting: bool,
    loud: Loud,
    stopping: bool,
}

impl Signal {
    pub(crate) fn add(&self, tenant: i64) -> Result<(), Refusal> {
        let mut state = self.state();
        if state.stopping {
            return Err(Refusal::Stopped);
        }
        state.waiting += 1;
        let is_quiet = !state.loud.contains(&tenant);
        state.quiet_came += u64::from(is_quiet);
        if state.waiting == 1 || (state.resting && is_quiet) {
            self.wake.notify_one();
        }
        Ok(())
    }

    pub(crate) fn taken(&self, count: usize) {
        let mut state = self.state();
        state.waiting = state.waiting.saturating_sub(count);
    }

    fn stop(&self) {
        self.state().stopping = true;
        self.wake.notify_all();
    }

    /// Says who is loud; answers how many jobs of others have come so far.
    pub(crate) fn listen(&self, loud: &Loud) -> u64 {
        let mut state = self.state();
        if !Arc::ptr_eq(&state.loud, loud) {
            state.loud = Arc::clone(loud);
        }
        state.quiet_came
    }

    /// Waits for work; false when there is none and none will come.
    pub(crate) fn wait(&self) -> bool {
        let mut state = self.state();
        while state.waiting == 0 && !state.stopping {
            state = self
                .wake
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting > 0
    }

    /// Waits for `time`, or until more jobs of tenants that are not loud have come than `quiet_came`.
    pub(crate) fn rest(&self, quiet_came: u64, time: Duration) {
        let mut state = self.state();
        state.resting = true;
        let (mut state, _timed_out) = self
            .wake
            .wait_timeout_while(state, time, |state| {
                state.quiet_came == quiet_came && !state.stopping
            })
            .unwrap_or_else(PoisonError::into_inner);
        state.resting = false;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, SignalState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The threads' signals: for each lane those among which its jobs are divided by their keys.
pub(crate) struct Signals {
    interactive: Vec<Arc<Signal>>,
    outcomes: Vec<Arc<Signal>>,
    bulk: Vec<Arc<Signal>>,
}

/// The lanes that a thread writes.
#[derive(Clone, Copy)]
pub(crate) struct Rounds {
    /// Lanes that share transactions, one after the other. Bulk work never shares one with anything else: whoever comes
    /// meanwhile waits for one of them, not for two.
    pub(crate) in_turn: &'static [&'static [Lane]],
    /// All lanes, for loud tenants' few jobs: one transaction costs the others less than two.
    pub(crate) of_loud: &'static [Lane],
}

impl Signals {
    /// SQLite has one writer, for everything.
    pub(crate) fn new(backend: Backend, settings: &WriterSettings) -> Self {
        let some = |count: usize| (0..count).map(|_| Arc::default()).collect::<Vec<_>>();
        match backend {
            Backend::Sqlite => {
                let one = some(1);
                Self {
                    interactive: one.clone(),
                    outcomes: one.clone(),
                    bulk: one,
                }
            }
            Backend::Postgres => Self {
                interactive: some(settings.threads.max(1)),
                outcomes: some(1),
                bulk: some(1),
            },
        }
    }

    pub(crate) fn of(&self, lane: Lane) -> &[Arc<Signal>] {
        match lane {
            Lane::Interactive => &self.interactive,
            Lane::Outcomes => &self.outcomes,
            Lane::Bulk => &self.bulk,
        }
    }

    /// What each thread writes, its place among those of its lane, and what wakes it.
    pub(crate) fn threads(&self, backend: Backend) -> Vec<(Rounds, usize, Arc<Signal>)> {
        const fn only(in_turn: &'static [&'static [Lane]; 1]) -> Rounds {
            Rounds {
                in_turn,
                of_loud: in_turn[0],
            }
        }
        const ALL: Rounds = Rounds {
            in_turn: &[&[Lane::Interactive, Lane::Outcomes], &[Lane::Bulk]],
            of_loud: &[Lane::Interactive, Lane::Outcomes, Lane::Bulk],
        };
        const EACH: [(Lane, Rounds); 3] = [
            (Lane::Interactive, only(&[&[Lane::Interactive]])),
            (Lane::Outcomes, only(&[&[Lane::Outcomes]])),
            (Lane::Bulk, only(&[&[Lane::Bulk]])),
        ];
        let of = |lane, rounds| {
            let signals = self.of(lane).iter().enumerate();
            signals.map(move |(index, signal)| (rounds, index, Arc::clone(signal)))
        };
        match backend {
            Backend::Sqlite => of(Lane::Interactive, ALL).collect(),
            Backend::Postgres => EACH
                .into_iter()
                .flat_map(|(lane, rounds)| of(lane, rounds))
                .collect(),
        }
    }

    pub(crate) fn stop(&self) {
        let lanes = [&self.interactive, &self.outcomes, &self.bulk];
        lanes.into_iter().flatten().for_each(|signal| signal.stop());
    }
}
