//! Why the receiver does not start or does not go on. Each sentence names what to change.

use db::{DbError, LockError, UrlError};
use service::{ListenError, SettingsError};

use crate::source::Unusable;

/// Why the receiver does not start, or has stopped.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A section has the wrong shape, or two settings contradict each other.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A value of a source cannot be used. Never repeats the value.
    #[error("sources.{name}.{key}: {reason}")]
    Source {
        /// The source.
        name: String,
        /// Its setting.
        key: &'static str,
        /// What is accepted.
        reason: String,
    },
    /// The file with the key that seals secrets.
    #[error("the key that seals secrets cannot be had from {path}: {cause}")]
    KeyFile {
        /// The file.
        path: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The web pages cannot be offered.
    #[error(transparent)]
    Console(#[from] console::SiteError),
    /// The keys of callers cannot be had.
    #[error(transparent)]
    Keys(#[from] access::KeyError),
    /// The address of the database cannot be used.
    #[error("receiver.database.url: {0}")]
    DatabaseUrl(#[from] UrlError),
    /// Another receiver, or a restore, uses the database.
    #[error(transparent)]
    InUse(#[from] LockError),
    /// The database cannot be opened or brought up to date.
    #[error("the receiver's database cannot be opened: {0}")]
    Database(#[from] DbError),
    /// The address to listen on cannot be used.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The server ended by itself, or could not begin.
    #[error("the receiver's server failed: {0}")]
    Server(#[from] std::io::Error),
}

impl StartError {
    /// What is wrong with a source of the settings.
    pub(crate) fn source(name: &str, unusable: Unusable) -> Self {
        match unusable.other {
            Some(other) => Self::Settings(SettingsError::Contradiction {
                first: format!("sources.{name}.{}", unusable.field),
                second: format!("sources.{name}.{other}"),
                reason: unusable.reason,
            }),
            None => Self::Source {
                name: name.to_owned(),
                key: unusable.field,
                reason: unusable.reason,
            },
        }
    }
}
