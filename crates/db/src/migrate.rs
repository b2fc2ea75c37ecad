//! Brings a database's tables up to date; safe to run from several nodes at once.

use diesel::connection::SimpleConnection;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};

use crate::conn::{Conn, Raw};
use crate::error::{DbError, DbErrorKind};

/// The two sets of migrations of one service, embedded in its binary.
pub struct Migrations {
    pub sqlite: EmbeddedMigrations,
    pub postgres: EmbeddedMigrations,
}

/// Any constant will do, as long as every node uses the same.
const MIGRATION_LOCK: i64 = 0x6472_6166_7477;

impl Migrations {
    /// Runs what is pending; answers the names of what ran.
    pub(crate) fn run(self, conn: &mut Conn) -> Result<Vec<String>, DbError> {
        match conn.raw() {
            Raw::Sqlite(inner) => pending(inner, self.sqlite),
            Raw::Postgres(inner) => {
                inner.batch_execute(&format!("SELECT pg_advisory_lock({MIGRATION_LOCK})"))?;
                let done = pending(inner, self.postgres);
                inner.batch_execute(&format!("SELECT pg_advisory_unlock({MIGRATION_LOCK})"))?;
                done
            }
        }
    }
}

fn pending<DB, C>(conn: &mut C, source: EmbeddedMigrations) -> Result<Vec<String>, DbError>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB>,
{
    conn.run_pending_migrations(source)
        .map(|versions| versions.iter().map(ToString::to_string).collect())
        .map_err(|cause| {
            DbError::new(
                DbErrorKind::Statement,
                format!("the tables cannot be brought up to date: {cause}"),
            )
        })
}
