//! The handlers, one room per noun: they read a request, ask the store or the writer, and shape the answer.
//! Must never write SQL.

pub(crate) mod activity;
pub(crate) mod card;
pub(crate) mod clients;
pub(crate) mod design_files;
pub(crate) mod inbox;
mod page;
pub(crate) mod projects;
pub(crate) mod webhooks;

use db::{Conn, DbError, DbErrorKind, WriteError};
use service::{Code, Problem};

use crate::facts::InvalidFact;
use crate::receiver::State;

/// Longest name of a client or project, bytes.
const NAME_BYTES_MAX: usize = 200;

/// A short read.
async fn read<T, F>(state: &State, read: F) -> Result<T, Problem>
where
    T: Send + 'static,
    F: FnOnce(&mut Conn) -> Result<T, DbError> + Send + 'static,
{
    let answer = state.database.reads().run(read).await;
    answer.map_err(|error| match error.kind {
        DbErrorKind::Retry | DbErrorKind::Lost | DbErrorKind::Full => {
            Problem::unavailable("The database cannot be read now.", error)
        }
        _ => Problem::internal(error),
    })
}

/// What a write that was not done means to the caller; `refused` shapes the job's own refusal.
fn not_written<E>(error: WriteError<E>, refused: impl FnOnce(E) -> Problem) -> Problem {
    match error {
        WriteError::Refused(refusal) => refused(refusal),
        WriteError::Busy => {
            Problem::unavailable("Too many writes are waiting.", "the writer's queue is full")
        }
        WriteError::Unavailable(cause) => {
            Problem::unavailable("The database cannot be written now.", cause)
        }
        WriteError::OutcomeUnknown(cause) => {
            tracing::warn!("outcome unknown: {cause}");
            Problem::new(
                Code::OutcomeUnknown,
                "The database did not confirm the write; send it again, repeats are recognised.",
            )
        }
        WriteError::Failed(cause) => Problem::internal(cause),
    }
}

impl From<InvalidFact> for Problem {
    fn from(invalid: InvalidFact) -> Self {
        Self::invalid_field(invalid.field, invalid.message)
    }
}
