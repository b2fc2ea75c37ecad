//! A small set of connections for short reads, off the async threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::conn::{Conn, Use};
use crate::error::{DbError, DbErrorKind};
use crate::settings::DatabaseSettings;

/// Read connections, opened when first needed and kept.
#[derive(Clone)]
pub struct Reads {
    inner: Arc<Inner>,
}

struct Inner {
    settings: DatabaseSettings,
    idle: Mutex<Vec<Conn>>,
    permits: Arc<Semaphore>,
    counters: Counters,
}

#[derive(Default)]
struct Counters {
    reads: AtomicU64,
    waited_us: AtomicU64,
    refused: AtomicU64,
}

/// Counters since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadStats {
    /// Reads that were given a connection, and how long they waited for one, all together, in microseconds.
    pub reads: u64,
    pub waited_us: u64,
    /// Reads that were given none in time.
    pub refused: u64,
}

impl Reads {
    pub(crate) fn new(settings: DatabaseSettings) -> Self {
        let permits = Arc::new(Semaphore::new(settings.readers.max(1)));
        Self {
            inner: Arc::new(Inner {
                settings,
                idle: Mutex::new(Vec::new()),
                permits,
                counters: Counters::default(),
            }),
        }
    }

    /// Runs `read` on a free connection. Waits at most `read_wait_ms_max`; then [`DbErrorKind::Retry`].
    pub async fn run<T, F>(&self, read: F) -> Result<T, DbError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T, DbError> + Send + 'static,
    {
        let wait = Duration::from_millis(self.inner.settings.read_wait_ms_max);
        let (began, counters) = (Instant::now(), &self.inner.counters);
        let permit = tokio::time::timeout(wait, Arc::clone(&self.inner.permits).acquire_owned());
        let Ok(Ok(permit)) = permit.await else {
            counters.refused.fetch_add(1, Ordering::Relaxed);
            return Err(DbError::new(
                DbErrorKind::Retry,
                "every read connection is busy",
            ));
        };
        counters.reads.fetch_add(1, Ordering::Relaxed);
        let waited_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        counters.waited_us.fetch_add(waited_us, Ordering::Relaxed);
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || {
            let answer = inner.run(read);
            drop(permit);
            answer
        })
        .await
        .map_err(|join| DbError::new(DbErrorKind::Statement, join.to_string()))?
    }

    /// The same for callers that are on a blocking thread already.
    pub fn run_blocking<T>(
        &self,
        read: impl FnOnce(&mut Conn) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        self.inner.run(read)
    }

    /// Counters since the start.
    pub fn stats(&self) -> ReadStats {
        let counters = &self.inner.counters;
        ReadStats {
            reads: counters.reads.load(Ordering::Relaxed),
            waited_us: counters.waited_us.load(Ordering::Relaxed),
            refused: counters.refused.load(Ordering::Relaxed),
        }
    }
}

impl Inner {
    /// A connection whose read failed in a way that spoils it is not given back.
    fn run<T>(&self, read: impl FnOnce(&mut Conn) -> Result<T, DbError>) -> Result<T, DbError> {
        let idle = self.idle().pop();
        let mut conn = match idle {
            Some(conn) => conn,
            None => Conn::open(&self.settings, Use::Read)?,
        };
        let answer = read(&mut conn);
        if !matches!(&answer, Err(error) if error.spoils_connection()) {
            self.idle().push(conn);
        }
        answer
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Conn>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
