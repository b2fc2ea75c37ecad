//! Where jobs wait: per kind and shard, round robin over tenants, bounded.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::tx::Tx;
use super::{WriteError, WriterSettings};
use crate::error::DbError;

/// A kind of job that the writer's threads draw from.
pub(crate) trait Source: Send + Sync {
    /// Lower runs first in a batch.
    fn rank(&self) -> u8;
    /// What is waiting for this shard, within the kind's bounds: bulk work, or what somebody waits for.
    fn take(&self, shard: usize, bulk: bool) -> Option<Box<dyn Portion>>;
}

/// Jobs of one kind, taken for one transaction.
pub(crate) trait Portion: Send {
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), DbError>;
    fn len(&self) -> usize;
    /// One portion for each job, to find the one that spoils a batch.
    fn split(self: Box<Self>) -> Vec<Box<dyn Portion>>;
    /// Answers the callers.
    fn finish(self: Box<Self>, verdict: &Result<(), Failure>);
}

/// Why a whole batch came to nothing.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    Unavailable(String),
    OutcomeUnknown(String),
    Failed(String),
}

impl Failure {
    pub(crate) fn to_write_error<E>(&self) -> WriteError<E> {
        match self {
            Self::Unavailable(message) => WriteError::Unavailable(message.clone()),
            Self::OutcomeUnknown(message) => WriteError::OutcomeUnknown(message.clone()),
            Self::Failed(message) => WriteError::Failed(message.clone()),
        }
    }
}

/// Why a job was not even queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Full,
    Stopped,
}

impl Refusal {
    pub(crate) fn into_write_error<E>(self) -> WriteError<E> {
        match self {
            Self::Full => WriteError::Busy,
            Self::Stopped => WriteError::Unavailable("the writer is stopping".into()),
        }
    }
}

/// Wakes one writer thread.
#[derive(Default)]
pub(crate) struct Signal {
    state: Mutex<SignalState>,
    wake: Condvar,
}

#[derive(Default)]
struct SignalState {
    waiting: usize,
    stopping: bool,
}

impl Signal {
    fn add(&self) -> Result<(), Refusal> {
        let mut state = self.state();
        if state.stopping {
            return Err(Refusal::Stopped);
        }
        state.waiting += 1;
        if state.waiting == 1 {
            self.wake.notify_one();
        }
        Ok(())
    }

    pub(crate) fn taken(&self, count: usize) {
        let mut state = self.state();
        state.waiting = state.waiting.saturating_sub(count);
    }

    pub(crate) fn stop(&self) {
        self.state().stopping = true;
        self.wake.notify_all();
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

    fn state(&self) -> std::sync::MutexGuard<'_, SignalState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One kind's jobs for all shards.
pub(crate) struct Queues<T> {
    shards: Vec<(Arc<Signal>, Mutex<FairQueue<T>>)>,
    jobs_max: usize,
}

impl<T> Queues<T> {
    pub(crate) fn new(signals: Vec<Arc<Signal>>, settings: &WriterSettings) -> Self {
        let shards = signals
            .into_iter()
            .map(|signal| (signal, Mutex::new(FairQueue::default())))
            .collect();
        Self {
            shards,
            jobs_max: settings.queue_jobs_max,
        }
    }

    pub(crate) fn push(&self, tenant: i64, key: u64, bytes: usize, job: T) -> Result<(), Refusal> {
        let count = self.shards.len().max(1) as u64;
        let index = usize::try_from(key % count).unwrap_or_default();
        let Some((signal, queue)) = self.shards.get(index) else {
            return Err(Refusal::Stopped);
        };
        let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.len >= self.jobs_max {
            return Err(Refusal::Full);
        }
        // Counted before it can be seen, so the count never runs behind the queue.
        signal.add()?;
        queue.push(tenant, bytes, job);
        Ok(())
    }

    pub(crate) fn take(&self, shard: usize, rows_max: usize, bytes_max: usize) -> Vec<T> {
        let Some((signal, queue)) = self.shards.get(shard) else {
            return Vec::new();
        };
        let jobs = queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(rows_max, bytes_max);
        if !jobs.is_empty() {
            signal.taken(jobs.len());
        }
        jobs
    }
}

/// First come first served within a tenant, one each in turn between tenants.
struct FairQueue<T> {
    tenants: HashMap<i64, VecDeque<(usize, T)>>,
    turn: VecDeque<i64>,
    len: usize,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self {
            tenants: HashMap::new(),
            turn: VecDeque::new(),
            len: 0,
        }
    }
}

impl<T> FairQueue<T> {
    fn push(&mut self, tenant: i64, bytes: usize, job: T) {
        let jobs = self.tenants.entry(tenant).or_default();
        if jobs.is_empty() {
            self.turn.push_back(tenant);
        }
        jobs.push_back((bytes, job));
        self.len += 1;
    }

    /// At least one job, if there is any; then until a bound is reached.
    fn take(&mut self, rows_max: usize, bytes_max: usize) -> Vec<T> {
        let mut taken = Vec::with_capacity(self.len.min(rows_max));
        let mut bytes_taken = 0;
        while taken.len() < rows_max && (taken.is_empty() || bytes_taken < bytes_max) {
            let Some(tenant) = self.turn.pop_front() else {
                break;
            };
            let Some(jobs) = self.tenants.get_mut(&tenant) else {
                continue;
            };
            if let Some((bytes, job)) = jobs.pop_front() {
                taken.push(job);
                bytes_taken += bytes;
                self.len -= 1;
            }
            if jobs.is_empty() {
                self.tenants.remove(&tenant);
            } else {
                self.turn.push_back(tenant);
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flooding_tenant_takes_turns() {
        let mut queue = FairQueue::default();
        for n in 0..100 {
            queue.push(1, 10, n);
        }
        queue.push(2, 10, 1000);
        assert_eq!(queue.take(4, 1_000), vec![0, 1000, 1, 2]);
        assert_eq!(queue.len, 97);
    }

    #[test]
    fn bytes_bound_a_batch_but_never_below_one() {
        let mut queue = FairQueue::default();
        for n in 0..5 {
            queue.push(1, 600, n);
        }
        assert_eq!(queue.take(100, 1_000), vec![0, 1]);
        assert_eq!(queue.take(100, 10), vec![2]);
    }
}
