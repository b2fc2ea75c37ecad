//! Time as an argument. The database's time, where several nodes must agree; the machine's elsewhere.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use diesel::sql_types::BigInt;

use crate::conn::{Backend, Conn};
use crate::error::DbError;
use crate::sql::sql;

/// Milliseconds since 1970, UTC.
pub trait Clock: Send + Sync + 'static {
    fn now_ms(&self) -> i64;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the wall clock"
    )]
    fn now_ms(&self) -> i64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .ok()
            .and_then(|d| i64::try_from(d.as_millis()).ok())
            .unwrap_or_default()
    }
}

/// The database's clock: what the last [`DatabaseClock::learn`] found, and the time that has passed since on this
/// machine's monotonic clock, which nobody sets.
#[derive(Debug)]
pub struct DatabaseClock {
    started: Instant,
    /// The database's time at `started`, Unix milliseconds.
    anchor_ms: AtomicI64,
}

impl Default for DatabaseClock {
    /// The machine's time, until more is learnt.
    fn default() -> Self {
        Self {
            started: Instant::now(),
            anchor_ms: AtomicI64::new(SystemClock.now_ms()),
        }
    }
}

#[derive(diesel::QueryableByName)]
struct Now {
    #[diesel(sql_type = BigInt)]
    now_ms: i64,
}

impl DatabaseClock {
    /// Asks the server for its time; for SQLite, which has none of its own, the machine. Answers by how much that
    /// differs from what this clock said, in milliseconds.
    pub fn learn(&self, conn: &mut Conn) -> Result<i64, DbError> {
        let before = self.now_ms();
        let found_ms = match conn.backend() {
            Backend::Sqlite => SystemClock.now_ms(),
            Backend::Postgres => {
                let now: Now = conn.one(sql(
                    "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms",
                ))?;
                now.now_ms
            }
        };
        let after = self.now_ms();
        let step_ms = found_ms - (before + (after - before) / 2);
        self.anchor_ms.fetch_add(step_ms, Ordering::Relaxed);
        Ok(step_ms)
    }
}

impl Clock for DatabaseClock {
    fn now_ms(&self) -> i64 {
        let passed_ms = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX / 4);
        self.anchor_ms.load(Ordering::Relaxed) + passed_ms
    }
}
