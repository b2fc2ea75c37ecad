//! The writer: whoever has something to write hands in a job; as many as are waiting share one
//! transaction and one fsync; each is answered after the commit, never before.
//!
//! Two entrances. [`Writer::with_tx`] takes any closure and gives it a savepoint of its own, so a refusal
//! of one does not spoil the others. [`Writer::register`] takes a [`SetJob`], which writes all waiting
//! items of its kind with a few statements: the hot paths.
//!
//! A domain refusal undoes its savepoint. Every other error aborts the batch, because the engine may
//! already have undone the transaction (SQLite does so on a full disk, even inside a savepoint); what is
//! sound is then run again, job by job. Jobs must therefore bear being run more than once.

mod batch;
mod checkpoints;
mod closures;
mod crowd;
mod queue;
mod sets;
mod share;
mod signals;
mod tx;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::oneshot;

use crate::database::Database;
use crate::error::DbError;
use batch::Shard;
use closures::{Closure, Closures};
use crowd::Crowd;
use queue::Source;
use signals::Signals;

pub use sets::{Answer, SetJob, Submission, Submitter};
pub use tx::{Tx, TxError, TxResult};

/// How urgent a job is. On PostgreSQL each lane has connections of its own, so that none waits for another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Somebody waits for the answer.
    Interactive,
    /// What has happened is written down.
    Outcomes,
    /// Much, and nobody waits for any one of it.
    Bulk,
}

/// Bounds of the writer.
#[derive(Debug, Clone)]
pub struct WriterSettings {
    /// Writers of what somebody waits for on PostgreSQL, beside one for outcomes and one for bulk work; SQLite has one
    /// for all.
    pub threads: usize,
    /// Most items of one kind in a transaction.
    pub batch_rows_max: usize,
    /// Most bytes of one kind in a transaction.
    pub batch_bytes_max: usize,
    /// Most waiting jobs of one kind; beyond it callers are told to come again.
    pub queue_jobs_max: usize,
}

impl Default for WriterSettings {
    fn default() -> Self {
        Self {
            threads: 2,
            batch_rows_max: 512,
            batch_bytes_max: 1024 * 1024,
            queue_jobs_max: 8192,
        }
    }
}

/// Why a job was not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError<E> {
    /// The job itself refused, by its own rules; nothing of it was written.
    #[error("refused")]
    Refused(E),
    /// The queue is full; nothing was written. Come again in a second.
    #[error("too many writes are waiting")]
    Busy,
    /// The database is gone, full or closing; nothing was written.
    #[error("the database cannot be written now: {0}")]
    Unavailable(String),
    /// The connection broke while the commit was under way: it may be written or not.
    #[error("the database did not answer the commit: {0}")]
    OutcomeUnknown(String),
    /// A statement of this job fails or the job panics; nothing of it was written. A defect.
    #[error("the write failed: {0}")]
    Failed(String),
}

/// Upper bounds of the batch sizes' buckets, jobs in a transaction.
pub const BATCH_BUCKETS: [u64; 8] = [1, 4, 16, 64, 128, 256, 512, 1024];

/// Counters since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WriterStats {
    pub commits: u64,
    pub jobs: u64,
    pub aborts: u64,
    /// Transactions with at most so many jobs (see [`BATCH_BUCKETS`]).
    pub batches: [u64; BATCH_BUCKETS.len()],
}

#[derive(Default)]
pub(crate) struct Counters {
    commits: AtomicU64,
    jobs: AtomicU64,
    aborts: AtomicU64,
    batches: [AtomicU64; BATCH_BUCKETS.len()],
}

impl Counters {
    fn committed(&self, jobs: u64) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.jobs.fetch_add(jobs, Ordering::Relaxed);
        for (bucket, bound) in self.batches.iter().zip(BATCH_BUCKETS) {
            bucket.fetch_add(u64::from(jobs <= bound), Ordering::Relaxed);
        }
    }
}

/// Handle to the writer's threads. Clones share them; [`Writer::stop`] ends them.
#[derive(Clone)]
pub struct Writer {
    inner: Arc<Inner>,
}

struct Inner {
    settings: WriterSettings,
    signals: Signals,
    closures: Arc<Closures>,
    sources: Arc<Mutex<Vec<Arc<dyn Source>>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    counters: Arc<Counters>,
}

impl Writer {
    /// Opens the writing connections and starts their threads.
    pub fn start(database: &Database, settings: WriterSettings) -> Result<Self, DbError> {
        let signals = Signals::new(database.backend(), &settings);
        let closures = Arc::new(Closures::new(&signals, &settings));
        let sources: Arc<Mutex<Vec<Arc<dyn Source>>>> =
            Arc::new(Mutex::new(vec![closures.clone() as Arc<dyn Source>]));
        let counters = Arc::new(Counters::default());
        let crowd = Arc::new(Mutex::new(Crowd::new(Instant::now())));
        let mut threads = Vec::new();
        for (rounds, index, signal) in signals.threads(database.backend()) {
            let shard = Shard {
                index,
                rounds,
                rows_max: settings.batch_rows_max,
                database: database.clone(),
                conn: Some(database.connect()?),
                signal,
                sources: Arc::clone(&sources),
                counters: Arc::clone(&counters),
                checkpoints: None,
                crowd: Arc::clone(&crowd),
                is_crowded: false,
            };
            threads.push(
                std::thread::Builder::new()
                    .name(format!("db-writer-{}", threads.len()))
                    .spawn(move || shard.run())
                    .map_err(|cause| {
                        DbError::new(crate::DbErrorKind::Lost, format!("no thread: {cause}"))
                    })?,
            );
        }
        Ok(Self {
            inner: Arc::new(Inner {
                settings,
                signals,
                closures,
                sources,
                threads: Mutex::new(threads),
                counters,
            }),
        })
    }

    /// Adds a kind of set job. Kinds of lower [`SetJob::RANK`] run first in every batch, which fixes the
    /// order in which locks are taken.
    pub fn register<S: SetJob>(&self, set: S) -> Submitter<S> {
        let inner = &self.inner;
        let (submitter, source) = sets::pair(set, &inner.signals, &inner.settings);
        let mut sources = lock(&self.inner.sources);
        sources.push(source);
        sources.sort_by_key(|source| source.rank());
        submitter
    }

    /// Runs `job` in a transaction and answers after its commit. Jobs of equal `key` run, in each lane, in the order
    /// they came in. `job` may run several times; only its last run counts.
    pub async fn with_tx<T, E, F>(
        &self,
        lane: Lane,
        tenant: i64,
        key: u64,
        job: F,
    ) -> Result<T, WriteError<E>>
    where
        T: Send + 'static,
        E: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> TxResult<T, E> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let closure = Closure::boxed(job, sender);
        self.inner
            .closures
            .push(lane, tenant, key, closure)
            .map_err(queue::Refusal::into_write_error)?;
        receiver
            .await
            .unwrap_or_else(|_closed| Err(WriteError::Unavailable("the writer has stopped".into())))
    }

    /// Counters since the start.
    pub fn stats(&self) -> WriterStats {
        let counters = &self.inner.counters;
        WriterStats {
            commits: counters.commits.load(Ordering::Relaxed),
            jobs: counters.jobs.load(Ordering::Relaxed),
            aborts: counters.aborts.load(Ordering::Relaxed),
            batches: counters
                .batches
                .each_ref()
                .map(|bucket| bucket.load(Ordering::Relaxed)),
        }
    }

    /// Refuses new jobs, writes what is waiting, ends the threads. Blocks until they have ended.
    pub fn stop(&self) {
        self.inner.stop();
    }
}

impl Inner {
    fn stop(&self) {
        self.signals.stop();
        let own = std::thread::current().id();
        for thread in std::mem::take(&mut *lock(&self.threads)) {
            // A job that held the last handle runs on one of them: that one ends by itself.
            if thread.thread().id() == own {
                continue;
            }
            if thread.join().is_err() {
                tracing::error!("a writer thread panicked");
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
