//! From what the database failed to do to what the client is told. It must never show the cause.

use db::{DbError, DbErrorKind, WriteError};
use service::{Code, Problem};

/// The answer to a write that was refused or failed.
pub fn of_write<R: Into<Problem>>(error: WriteError<R>) -> Problem {
    match error {
        WriteError::Refused(refusal) => refusal.into(),
        WriteError::Busy => Problem::unavailable(
            "too much is waiting to be written",
            "the writer's queue is full",
        ),
        WriteError::Unavailable(cause) => {
            Problem::unavailable("the database cannot be written now", cause)
        }
        WriteError::OutcomeUnknown(_) => Problem::new(
            Code::OutcomeUnknown,
            "the database did not say whether this was done: look before you repeat it",
        )
        .with_retry_after(1),
        WriteError::Failed(cause) => Problem::internal(cause),
    }
}

/// The answer to a read that failed.
pub fn of_read(error: DbError) -> Problem {
    match error.kind {
        DbErrorKind::Retry | DbErrorKind::Lost | DbErrorKind::Full => {
            Problem::unavailable("the database cannot be read now", error.to_string())
        }
        _ => Problem::internal(error.to_string()),
    }
}
