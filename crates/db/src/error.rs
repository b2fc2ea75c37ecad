//! What can go wrong between us and the database, sorted by what the caller may do about it.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// A failed statement or connection. `kind` decides what happens next, `message` is for the log.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct DbError {
    /// What the caller may do about it.
    pub kind: DbErrorKind,
    /// The database's own words; may name tables and columns, never shown to a client.
    pub message: String,
}

/// The sorts of failure that callers treat differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DbErrorKind {
    /// A unique index refused the row; holds the index's name (PostgreSQL) or its columns (SQLite).
    Unique(String),
    /// Deadlock or serialisation failure: the same work may succeed when run again.
    Retry,
    /// The disk, or the limit set for the database, is full.
    Full,
    /// The connection is gone; what was not committed is undone.
    Lost,
    /// Exactly one row was wanted and there was none.
    NotFound,
    /// Any other refusal of one statement: a CHECK, a type, a syntax error.
    Statement,
}

impl DbError {
    pub(crate) fn new(kind: DbErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// What is stored contradicts what the program expects: the statement's work cannot go on.
    pub fn defect(message: impl Into<String>) -> Self {
        Self::new(DbErrorKind::Statement, message)
    }

    /// True when a unique index refused the row.
    pub fn is_unique(&self) -> bool {
        matches!(self.kind, DbErrorKind::Unique(_))
    }

    /// True when nothing later on this connection can be trusted.
    pub(crate) fn spoils_connection(&self) -> bool {
        matches!(self.kind, DbErrorKind::Lost | DbErrorKind::Full)
    }
}

impl From<DieselError> for DbError {
    fn from(error: DieselError) -> Self {
        let message = error.to_string();
        let kind = match &error {
            DieselError::NotFound => DbErrorKind::NotFound,
            DieselError::DatabaseError(kind, info) => match kind {
                DatabaseErrorKind::UniqueViolation => DbErrorKind::Unique(
                    info.constraint_name()
                        .map_or_else(|| info.message().to_owned(), str::to_owned),
                ),
                DatabaseErrorKind::SerializationFailure => DbErrorKind::Retry,
                DatabaseErrorKind::ClosedConnection => DbErrorKind::Lost,
                _ => by_message(info.message()),
            },
            DieselError::BrokenTransactionManager => DbErrorKind::Lost,
            _ => by_message(&message),
        };
        Self { kind, message }
    }
}

/// diesel passes these on as text only: SQLite's result strings (sqlite3_errstr) and PostgreSQL's
/// messages for SQLSTATE 40P01, 53100 and class 57P.
fn by_message(message: &str) -> DbErrorKind {
    const RETRY: [&str; 3] = ["deadlock detected", "database is locked", "lock timeout"];
    const FULL: [&str; 3] = [
        "database or disk is full",
        "No space left on device",
        "could not extend file",
    ];
    const LOST: [&str; 7] = [
        "server closed the connection",
        "terminating connection",
        "no connection to the server",
        "connection to server",
        "disk I/O error",
        "database disk image is malformed",
        "unable to open database file",
    ];
    let has = |list: &[&str]| list.iter().any(|text| message.contains(text));
    if has(&RETRY) {
        DbErrorKind::Retry
    } else if has(&FULL) {
        DbErrorKind::Full
    } else if has(&LOST) {
        DbErrorKind::Lost
    } else {
        DbErrorKind::Statement
    }
}
