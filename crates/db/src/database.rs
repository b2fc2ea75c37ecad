//! A database opened once: migrated, with its reads, and with connections handed to its writer.

use crate::conn::{Backend, Conn, Use};
use crate::error::DbError;
use crate::lock::{LockError, NodeLock};
use crate::migrate::Migrations;
use crate::reads::Reads;
use crate::settings::{DatabaseSettings, DatabaseUrl};

/// One database. Cloning shares its read connections.
#[derive(Clone)]
pub struct Database {
    settings: DatabaseSettings,
    reads: Reads,
}

impl Database {
    /// Opens it, making a missing SQLite file and its folder, and runs pending migrations.
    pub fn open(settings: DatabaseSettings, migrations: Migrations) -> Result<Self, DbError> {
        settings.url.make_folder()?;
        let mut conn = Conn::open(&settings, Use::Write)?;
        for name in migrations.run(&mut conn)? {
            tracing::info!(database = %settings.url, migration = %name, "migrated");
        }
        Ok(Self {
            reads: Reads::new(settings.clone()),
            settings,
        })
    }

    /// Short reads.
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Which database is underneath.
    pub fn backend(&self) -> Backend {
        match self.settings.url {
            DatabaseUrl::Sqlite(_) => Backend::Sqlite,
            DatabaseUrl::Postgres(_) => Backend::Postgres,
        }
    }

    /// Where it is, without a password.
    pub fn url(&self) -> &DatabaseUrl {
        &self.settings.url
    }

    /// Takes the node's name for this process.
    pub fn lock_node(&self, node: &str) -> Result<NodeLock, LockError> {
        NodeLock::take(&self.settings, node)
    }

    /// A connection of one's own, allowed to write: for the writer, for start-up work, for tests.
    pub fn connect(&self) -> Result<Conn, DbError> {
        Conn::open(&self.settings, Use::Write)
    }
}
