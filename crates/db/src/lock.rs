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
    _held: Held,
}

enum Held {
    File { _file: File },
    Session { _conn: Box<Conn> },
}

/// Why the name could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error(
        "{database} is in use by another process as node \"{node}\": stop that one first, or give \
         this one another node name"
    )]
    Held { database: String, node: String },
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
        let database = settings.url.to_string();
        let held =
            match &settings.url {
                DatabaseUrl::Sqlite(path) => {
                    let mut name = path.clone().into_os_string();
                    name.push(".lock");
                    let file = File::create(name).map_err(|cause| LockError::File {
                        database: database.clone(),
                        cause,
                    })?;
                    match file.try_lock() {
                        Ok(()) => Some(Held::File { _file: file }),
                        Err(TryLockError::WouldBlock) => None,
                        Err(TryLockError::Error(cause)) => {
                            return Err(LockError::File { database, cause });
                        }
                    }
                }
                DatabaseUrl::Postgres(_) => {
                    let mut conn = Conn::open(settings, Use::Write)?;
                    let answer: Taken = conn.one(
                    sql("SELECT pg_try_advisory_lock(hashtextextended(?, 0))::int::bigint AS taken")
                        .bind(format!("draftwire node {node}")),
                )?;
                    (answer.taken == 1).then(|| Held::Session {
                        _conn: Box::new(conn),
                    })
                }
            };
        held.map(|held| Self { _held: held })
            .ok_or_else(|| LockError::Held {
                database,
                node: node.to_owned(),
            })
    }
}
