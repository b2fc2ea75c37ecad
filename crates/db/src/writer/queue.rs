//! Where jobs wait: per kind and shard, round robin over tenants, bounded.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::crowd::{Crowd, Loud};
use super::share::share;
use super::signals::Signal;
use super::tx::Tx;
use super::{Lane, WriteError, WriterSettings};
use crate::conn::Backend;
use crate::error::DbError;

/// A kind of job that the writer's threads draw from.
pub(crate) trait Source: Send + Sync {
    /// Lower runs first in a batch.
    fn rank(&self) -> u8;
    /// What is waiting for this shard of what the cut asks for, within the kind's bounds.
    fn take(&self, shard: usize, cut: &mut Cut<'_>) -> Option<Box<dyn Portion>>;
}

/// What is taken for one transaction.
pub(crate) struct Cut<'c> {
    pub(crate) lanes: &'static [Lane],
    pub(crate) whose: Whose,
    pub(crate) backend: Backend,
    pub(crate) loud: Loud,
    pub(crate) crowd: &'c mut Crowd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    Everyones,
    /// Of those that are not loud.
    Quiet,
    Loud,
}

impl Cut<'_> {
    fn admits(&self, tenant: i64) -> bool {
        match self.whose {
            Whose::Everyones => true,
            Whose::Quiet => !self.loud.contains(&tenant),
            Whose::Loud => self.loud.contains(&tenant),
        }
    }
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

/// One kind's jobs for all shards.
pub(crate) struct Queues<T> {
    shards: Vec<(Arc<Signal>, Mutex<FairQueue<T>>)>,
    jobs_max: usize,
}

impl<T> Queues<T> {
    pub(crate) fn new(signals: &[Arc<Signal>], settings: &WriterSettings) -> Self {
        let shards = signals
            .iter()
            .map(|signal| (Arc::clone(signal), Mutex::new(FairQueue::default())))
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
        signal.add(tenant)?;
        queue.push(tenant, bytes, job);
        Ok(())
    }

    pub(crate) fn take(
        &self,
        shard: usize,
        cut: &mut Cut<'_>,
        (lane, rows_max, bytes_max): (Lane, usize, usize),
    ) -> Vec<T> {
        let Some((signal, queue)) = self.shards.get(shard) else {
            return Vec::new();
        };
        let share = share(cut.backend, lane, cut.whose);
        let (rows_max, bytes_max) = ((rows_max / share).max(1), bytes_max / share);
        let jobs = queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(cut, rows_max, bytes_max);
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

    /// At least one job, if there is any that the cut admits; then until a bound is reached.
    fn take(&mut self, cut: &mut Cut<'_>, rows_max: usize, bytes_max: usize) -> Vec<T> {
        let mut taken = Vec::with_capacity(self.len.min(rows_max));
        let (mut bytes_taken, mut passed_over) = (0, 0);
        while taken.len() < rows_max
            && (taken.is_empty() || bytes_taken < bytes_max)
            && passed_over < self.turn.len()
        {
            let Some(tenant) = self.turn.pop_front() else {
                break;
            };
            if !cut.admits(tenant) {
                self.turn.push_back(tenant);
                passed_over += 1;
                continue;
            }
            passed_over = 0;
            let Some(jobs) = self.tenants.get_mut(&tenant) else {
                continue;
            };
            if let Some((bytes, job)) = jobs.pop_front() {
                taken.push(job);
                cut.crowd.took(tenant);
                bytes_taken += bytes;
                self.len -= 1;
            }
            if jobs.is_empty() {
                self.tenants.remove(&tenant);
            } else {
                self.turn.push_back(tenant);
            }
        }
        if cut.whose == Whose::Loud {
            let now = Instant::now();
            for tenant in &self.turn {
                if cut.admits(*tenant) {
                    cut.crowd.held_back(*tenant, now);
                }
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn take(queue: &mut FairQueue<i32>, whose: Whose, rows: usize, bytes: usize) -> Vec<i32> {
        let mut crowd = Crowd::new(Instant::now());
        let mut cut = Cut {
            lanes: &[Lane::Interactive],
            whose,
            backend: Backend::Sqlite,
            loud: Arc::new(HashSet::from([1])),
            crowd: &mut crowd,
        };
        queue.take(&mut cut, rows, bytes)
    }

    #[test]
    fn a_flooding_tenant_takes_turns() {
        let mut queue = FairQueue::default();
        for n in 0..100 {
            queue.push(1, 10, n);
        }
        queue.push(2, 10, 1000);
        let taken = take(&mut queue, Whose::Everyones, 4, 1_000);
        assert_eq!(taken, vec![0, 1000, 1, 2]);
        assert_eq!(queue.len, 97);
    }

    #[test]
    fn quiet_tenants_are_taken_without_the_loud_and_the_loud_without_them() {
        let mut queue = FairQueue::default();
        for n in 0..3 {
            queue.push(1, 10, n);
            queue.push(2, 10, 20 + n);
            queue.push(3, 10, 30 + n);
        }
        let quiet = take(&mut queue, Whose::Quiet, 4, 1_000);
        assert_eq!(quiet, vec![20, 30, 21, 31]);
        assert_eq!(take(&mut queue, Whose::Loud, 9, 1_000), vec![0, 1, 2]);
        assert_eq!(take(&mut queue, Whose::Loud, 9, 1_000), Vec::<i32>::new());
        let rest = take(&mut queue, Whose::Quiet, 9, 1_000);
        assert_eq!((rest, queue.len), (vec![22, 32], 0));
    }

    #[test]
    fn bytes_bound_a_batch_but_never_below_one() {
        let mut queue = FairQueue::default();
        for n in 0..5 {
            queue.push(1, 600, n);
        }
        assert_eq!(take(&mut queue, Whose::Everyones, 100, 1_000), vec![0, 1]);
        assert_eq!(take(&mut queue, Whose::Everyones, 100, 10), vec![2]);
    }
}
