//! Looking at a database and copying it, from beside the service that uses it. It must never change a table.

use std::path::Path;

use diesel_migrations::{EmbeddedMigrations, MigrationHarness};

use crate::clock::{Clock, DatabaseClock, SystemClock};
use crate::conn::{Conn, Raw, Use};
use crate::error::{DbError, DbErrorKind};
use crate::migrate::Migrations;
use crate::settings::{DatabaseSettings, DatabaseUrl};
use crate::sql::sql;

/// What a look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// Migrations that the next start will run.
    pub pending: Vec<String>,
    /// How far the server's clock is ahead of ours, ms; 0 for SQLite, which has none.
    pub clock_ahead_ms: i64,
}

/// Opens a database that is there, and looks. `None`: a SQLite file that the first start will make. Blocks.
///
/// # Errors
/// When it cannot be reached or is no database of ours.
pub fn examine(
    settings: &DatabaseSettings,
    migrations: Migrations,
) -> Result<Option<Examined>, DbError> {
    if matches!(&settings.url, DatabaseUrl::Sqlite(path) if !path.exists()) {
        return Ok(None);
    }
    let mut conn = Conn::open(settings, Use::Write)?;
    let clock = DatabaseClock::default();
    clock.learn(&mut conn)?;
    let pending = match conn.raw() {
        Raw::Sqlite(inner) => names(inner, migrations.sqlite),
        Raw::Postgres(inner) => names(inner, migrations.postgres),
    };
    Ok(Some(Examined {
        pending: pending?,
        clock_ahead_ms: clock.now_ms() - SystemClock.now_ms(),
    }))
}

fn names<DB, C>(conn: &mut C, source: EmbeddedMigrations) -> Result<Vec<String>, DbError>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB>,
{
    let pending = conn.pending_migrations(source);
    let pending = pending.map_err(|cause| {
        DbError::new(
            DbErrorKind::Statement,
            format!("the migrations cannot be compared: {cause}"),
        )
    })?;
    Ok(pending.iter().map(|one| one.name().to_string()).collect())
}

/// Copies a SQLite database to a new file, whole and as of one moment, while others use it. Blocks.
///
/// # Errors
/// When there is no such database, it is no SQLite file, or `to` exists or cannot be written.
pub fn snapshot(settings: &DatabaseSettings, to: &Path) -> Result<(), DbError> {
    let DatabaseUrl::Sqlite(path) = &settings.url else {
        return Err(DbError::new(
            DbErrorKind::Statement,
            "only SQLite files are copied",
        ));
    };
    let missing = |cause: std::io::Error| {
        DbError::new(DbErrorKind::Lost, format!("{}: {cause}", path.display()))
    };
    std::fs::metadata(path).map_err(missing)?;
    let mut conn = Conn::open(settings, Use::Write)?;
    let to = to.to_string_lossy().into_owned();
    conn.execute(sql("VACUUM INTO ?").bind(to)).map(drop)
}
