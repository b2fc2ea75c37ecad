//! A small set of connections for short reads, off the async threads.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

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
}

impl Reads {
    pub(crate) fn new(settings: DatabaseSettings) -> Self {
        let permits = Arc::new(Semaphore::new(settings.readers.max(1)));
        Self {
            inner: Arc::new(Inner {
                settings,
                idle: Mutex::new(Vec::new()),
                permits,
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
        let permit = tokio::time::timeout(wait, Arc::clone(&self.inner.permits).acquire_owned());
        let Ok(Ok(permit)) = permit.await else {
            return Err(DbError::new(
                DbErrorKind::Retry,
                "every read connection is busy",
            ));
        };
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
