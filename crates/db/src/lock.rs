//! Proof that no other process is this node: a file lock beside a SQLite database, an advisory lock on
//! PostgreSQL. Held until dropped; the operating system or the server frees it when the process dies.

use std::fs::{File, TryLockError};

use diesel::sql_types::BigInt;

use crate::conn::{Conn, Use};
use crate::error::DbError;
use crate::settings::{DatabaseSettings, DatabaseUrl};
use crate::sql::sql;

/// Holds the node's name; dropping it gives the name back.
pub struct NodeLock {
    settings: DatabaseSettings,
    node: String,
    held: Held,
}

enum Held {
    File { _file: File },
    Session(Conn),
}

/// Why the name could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("{database} is in use by another process as node \"{node}\": stop that one first{or}")]
    Held {
        database: String,
        node: String,
        /// What else helps.
        or: &'static str,
    },
    #[error("the lock file beside {database} cannot be opened: {cause}")]
    File {
        database: String,
        cause: std::io::Error,
    },
    #[error(transparent)]
    Database(#[from] DbError),
}

#[derive(diesel::QueryableByName)]
struct Taken {
    #[diesel(sql_type = BigInt)]
    taken: i64,
}

impl NodeLock {
    pub(crate) fn take(settings: &DatabaseSettings, node: &str) -> Result<Self, LockError> {
        let held = match &settings.url {
            DatabaseUrl::Sqlite(path) => {
                settings.url.make_folder()?;
                let mut name = path.clone().into_os_string();
                name.push(".lock");
                lock_file(settings, &name)?.map(|file| Held::File { _file: file })
            }
            DatabaseUrl::Postgres(_) => lock_session(settings, node)?.map(Held::Session),
        };
        let held = held.ok_or_else(|| LockError::Held {
            database: settings.url.to_string(),
            node: node.to_owned(),
            or: match settings.url {
                DatabaseUrl::Sqlite(_) => "",
                DatabaseUrl::Postgres(_) => ", or give this one another node name",
            },
        })?;
        Ok(Self {
            settings: settings.clone(),
            node: node.to_owned(),
            held,
        })
    }

    /// Takes the name without opening the database for anything else, as for replacing it.
    ///
    /// # Errors
    /// [`LockError::Held`] while a service runs, others when that cannot be found out.
    pub fn of(settings: &DatabaseSettings, node: &str) -> Result<Self, LockError> {
        Self::take(settings, node)
    }

    /// Makes sure that the name is still held. PostgreSQL gives it up with the session, as when the server
    /// restarts; then it is taken again. Blocks.
    ///
    /// # Errors
    /// [`LockError::Held`] when another process has the name by now, others when that cannot be found out.
    pub fn renew(&mut self) -> Result<(), LockError> {
        if let Held::Session(conn) = &mut self.held
            && conn.batch("SELECT 1").is_err()
        {
            *self = Self::take(&self.settings, &self.node)?;
        }
        Ok(())
    }
}

fn lock_file(
    settings: &DatabaseSettings,
    name: &std::ffi::OsStr,
) -> Result<Option<File>, LockError> {
    let failed = |cause| LockError::File {
        database: settings.url.to_string(),
        cause,
    };
    let file = File::create(name).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(cause)) => Err(failed(cause)),
    }
}

fn lock_session(settings: &DatabaseSettings, node: &str) -> Result<Option<Conn>, LockError> {
    let mut conn = Conn::open(settings, Use::Write)?;
    let answer: Taken = conn.one(
        sql("SELECT pg_try_advisory_lock(hashtextextended(?, 0))::int::bigint AS taken")
            .bind(format!("draftwire node {node}")),
    )?;
    Ok((answer.taken == 1).then_some(conn))
}
