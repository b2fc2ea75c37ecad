//! Time as an argument. The database's time, where several nodes must agree; the machine's elsewhere.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

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

/// The database's clock: the machine's, shifted by what the last [`DatabaseClock::learn`] found.
#[derive(Debug, Default)]
pub struct DatabaseClock {
    offset_ms: AtomicI64,
}

#[derive(diesel::QueryableByName)]
struct Now {
    #[diesel(sql_type = BigInt)]
    now_ms: i64,
}

impl DatabaseClock {
    /// Asks the server for its time. SQLite has no time of its own: the offset stays 0.
    pub fn learn(&self, conn: &mut Conn) -> Result<(), DbError> {
        if conn.backend() == Backend::Sqlite {
            return Ok(());
        }
        let before = SystemClock.now_ms();
        let now: Now = conn.one(sql(
            "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms",
        ))?;
        let after = SystemClock.now_ms();
        let local = before + (after - before) / 2;
        self.offset_ms.store(now.now_ms - local, Ordering::Relaxed);
        Ok(())
    }
}

impl Clock for DatabaseClock {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + self.offset_ms.load(Ordering::Relaxed)
    }
}
