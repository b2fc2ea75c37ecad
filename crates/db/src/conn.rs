//! One connection to either database, opened with the settings our durability rests on.

use diesel::connection::SimpleConnection;
use diesel::deserialize::QueryableByName;
use diesel::pg::Pg;
use diesel::sqlite::Sqlite;
use diesel::{Connection, PgConnection, RunQueryDsl, SqliteConnection};

use crate::error::{DbError, DbErrorKind};
use crate::settings::{DatabaseSettings, DatabaseUrl};
use crate::sql::Sql;

/// Which database is underneath.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// A connection. Rows come back by column name.
///
/// Inside a transaction of the writer, one failed statement closes it to all others until the writer has
/// rolled back. PostgreSQL would answer the COMMIT with a silent rollback; SQLite may have left the
/// transaction already (a full disk does that), and later statements would commit by themselves.
pub struct Conn {
    raw: Raw,
    in_transaction: bool,
    failed: Option<DbError>,
}

pub(crate) enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// What a new connection is for: only the writer may take SQLite's write lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Write,
    Read,
}

impl Conn {
    pub(crate) fn open(settings: &DatabaseSettings, purpose: Use) -> Result<Self, DbError> {
        match &settings.url {
            DatabaseUrl::Sqlite(path) => {
                let path = path.to_string_lossy();
                let mut conn = SqliteConnection::establish(&path).map_err(lost)?;
                conn.batch_execute(&sqlite_pragmas(settings, purpose))?;
                Ok(Self::of(Raw::Sqlite(conn)))
            }
            DatabaseUrl::Postgres(url) => {
                let url = with_timeout(url, settings.connect_timeout_seconds);
                let mut conn = PgConnection::establish(&url).map_err(lost)?;
                conn.batch_execute(
                    "SET synchronous_commit = on; SET client_min_messages = warning; \
                     SET TIME ZONE 'UTC'; SET lock_timeout = '10s'; SET jit = off;",
                )?;
                conn.batch_execute(match purpose {
                    Use::Read => READ_PLANS,
                    Use::Write => WRITE_PLANS,
                })?;
                Ok(Self::of(Raw::Postgres(conn)))
            }
        }
    }

    fn of(raw: Raw) -> Self {
        Self {
            raw,
            in_transaction: false,
            failed: None,
        }
    }

    pub(crate) fn raw(&mut self) -> &mut Raw {
        &mut self.raw
    }

    /// BEGIN: from here on a failure is remembered.
    pub(crate) fn begin(&mut self) -> Result<(), DbError> {
        self.failed = None;
        self.in_transaction = true;
        self.batch(match self.raw {
            Raw::Sqlite(_) => "BEGIN IMMEDIATE",
            Raw::Postgres(_) => "BEGIN",
        })
    }

    /// COMMIT or ROLLBACK.
    pub(crate) fn end(&mut self, statement: &str) -> Result<(), DbError> {
        self.failed = None;
        self.in_transaction = false;
        self.batch(statement)
    }

    /// The failure remembered, if any; it is forgotten.
    pub(crate) fn take_failed(&mut self) -> Result<(), DbError> {
        self.failed.take().map_or(Ok(()), Err)
    }

    fn ran<T>(
        &mut self,
        statement: impl FnOnce(&mut Raw) -> diesel::QueryResult<T>,
    ) -> Result<T, DbError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        statement(&mut self.raw).map_err(|cause| {
            let error = DbError::from(cause);
            if self.in_transaction {
                self.failed = Some(error.clone());
            }
            error
        })
    }

    /// Which database this connection speaks to.
    pub fn backend(&self) -> Backend {
        match self.raw {
            Raw::Sqlite(_) => Backend::Sqlite,
            Raw::Postgres(_) => Backend::Postgres,
        }
    }

    /// Runs one statement; answers the number of rows changed.
    pub fn execute(&mut self, statement: Sql<'_>) -> Result<usize, DbError> {
        self.ran(|raw| match raw {
            Raw::Sqlite(conn) => statement.execute(conn),
            Raw::Postgres(conn) => statement.execute(conn),
        })
    }

    /// All rows of a query.
    pub fn rows<T>(&mut self, statement: Sql<'_>) -> Result<Vec<T>, DbError>
    where
        T: QueryableByName<Sqlite> + QueryableByName<Pg> + 'static,
    {
        self.ran(|raw| match raw {
            Raw::Sqlite(conn) => statement.load::<T>(conn),
            Raw::Postgres(conn) => statement.load::<T>(conn),
        })
    }

    /// The first row, if there is one.
    pub fn row<T>(&mut self, statement: Sql<'_>) -> Result<Option<T>, DbError>
    where
        T: QueryableByName<Sqlite> + QueryableByName<Pg> + 'static,
    {
        Ok(self.rows(statement)?.into_iter().next())
    }

    /// The first row; [`DbErrorKind::NotFound`] when there is none.
    pub fn one<T>(&mut self, statement: Sql<'_>) -> Result<T, DbError>
    where
        T: QueryableByName<Sqlite> + QueryableByName<Pg> + 'static,
    {
        let text = statement.text().to_owned();
        self.row(statement)?
            .ok_or_else(|| DbError::new(DbErrorKind::NotFound, format!("no row answered: {text}")))
    }

    /// Runs several statements without values.
    pub fn batch(&mut self, text: &str) -> Result<(), DbError> {
        self.ran(|raw| match raw {
            Raw::Sqlite(conn) => conn.batch_execute(text),
            Raw::Postgres(conn) => conn.batch_execute(text),
        })
    }
}

/// PostgreSQL plans a cached statement once, for the table as it then was: while it was small, by reading all of it,
/// until statistics come along, perhaps a million rows later. Reads are planned each time instead; what is
/// written is found by keys, so that a plan for an index is right whatever the size.
const READ_PLANS: &str = "SET plan_cache_mode = force_custom_plan;";
const WRITE_PLANS: &str = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; \
    SET enable_hashjoin = off; SET enable_mergejoin = off;";

/// The URL's own `connect_timeout` is left alone.
fn with_timeout(url: &str, seconds: u32) -> String {
    if url.contains("connect_timeout=") {
        return url.to_owned();
    }
    let mark = if url.contains('?') { '&' } else { '?' };
    format!("{url}{mark}connect_timeout={seconds}")
}

fn lost(error: diesel::ConnectionError) -> DbError {
    DbError::new(DbErrorKind::Lost, error.to_string())
}

/// `page_size` and `auto_vacuum` only take effect before the first table exists. Checkpoints have a thread of their own
/// (`writer/checkpoints.rs`); a commit makes one only when the log has outgrown it.
fn sqlite_pragmas(settings: &DatabaseSettings, purpose: Use) -> String {
    const CHECKPOINT_PAGES: u64 = 128 * 1024 * 1024 / PAGE_BYTES;
    const PAGE_BYTES: u64 = 8192;
    let mut text = format!(
        "PRAGMA busy_timeout = 10000; PRAGMA page_size = {PAGE_BYTES}; \
         PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
         PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384; \
         PRAGMA trusted_schema = OFF;"
    );
    match purpose {
        Use::Read => text.push_str("PRAGMA query_only = ON;"),
        Use::Write => {
            text.push_str(&format!("PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES};"));
            if settings.sqlite_bytes_max > 0 {
                let pages = (settings.sqlite_bytes_max / PAGE_BYTES).max(1);
                text.push_str(&format!("PRAGMA max_page_count = {pages};"));
            }
        }
    }
    text
}
