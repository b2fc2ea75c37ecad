//! The handlers, one room per noun: they read a request, ask the store or the writer, and shape the answer.
//! Must never write SQL, nor ask for anything but the caller's tenant.

pub(crate) mod activity;
pub(crate) mod card;
pub(crate) mod clients;
pub(crate) mod design_files;
pub(crate) mod fields;
pub(crate) mod inbox;
pub(crate) mod job_sheet;
pub(crate) mod metrics;
mod naming;
pub(crate) mod page;
pub(crate) mod parts;
pub(crate) mod projects;
pub(crate) mod reconcile;
mod records;
pub(crate) mod sources;
pub(crate) mod unmatched;
pub(crate) mod webhooks;

use access::{Caller, of_read, of_write};
use db::{Conn, DbError, Lane, Tx, TxResult};
use service::{Code, Problem};

use crate::facts::InvalidFact;
use crate::receiver::State;

/// Longest name of a client or project, bytes.
const NAME_BYTES_MAX: usize = 200;

/// Why something was not written.
#[derive(Debug)]
pub(crate) enum Refused {
    /// What does not exist.
    Missing(String),
    /// What stands in the way.
    Conflict(String),
    /// It was changed since the caller read it.
    Changed,
    Invalid(InvalidFact),
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Missing(what) => Self::not_found(what),
            Refused::Conflict(why) => Self::conflict(why),
            Refused::Changed => Self::new(
                Code::PreconditionFailed,
                "it was changed since it was read: read it again, then repeat the change on what it is now",
            ),
            Refused::Invalid(invalid) => invalid.into(),
        }
    }
}

/// A short read.
pub(crate) async fn read<T, F>(state: &State, read: F) -> Result<T, Problem>
where
    T: Send + 'static,
    F: FnOnce(&mut Conn) -> Result<T, DbError> + Send + 'static,
{
    state.database.reads().run(read).await.map_err(of_read)
}

/// A write, answered after its commit.
async fn write<T, F>(state: &State, tenant: i64, job: F) -> Result<T, Problem>
where
    T: Send + 'static,
    F: FnMut(&mut Tx<'_>) -> TxResult<T, Refused> + Send + 'static,
{
    let written = state.writer.with_tx(Lane::Interactive, tenant, 0, job);
    written.await.map_err(of_write)
}

/// What activity calls the caller.
fn actor(caller: &Caller) -> String {
    caller
        .key_id
        .map_or_else(|| "operator".to_owned(), |id| format!("key {id}"))
}

impl From<InvalidFact> for Problem {
    fn from(invalid: InvalidFact) -> Self {
        Self::invalid_field(invalid.field, invalid.message)
    }
}
