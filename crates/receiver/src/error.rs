//! Why the receiver does not start or does not go on. Each sentence names what to change.

use db::{DbError, UrlError};
use service::{ListenError, SettingsError};

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
    /// Keys are asked for.
    #[error(
        "receiver.auth = true asks for keys, which are not available yet: set it to false and listen on \
         127.0.0.1"
    )]
    AuthUnavailable,
    /// The address of the database cannot be used.
    #[error("receiver.database.url: {0}")]
    DatabaseUrl(#[from] UrlError),
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
    pub(crate) fn source(name: &str, key: &'static str, reason: &dyn std::error::Error) -> Self {
        Self::Source {
            name: name.to_owned(),
            key,
            reason: reason.to_string(),
        }
    }
}
