//! From what failed to what the client is told: one place for the service's own failures.

use service::{Code, Problem};

/// A refusal that the client caused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    NotFound(i64),
    Deleted(i64),
    Busy(i64),
    WrongMode {
        id: i64,
        kind: String,
    },
    /// Another has changed it since the caller saw it.
    Changed(i64),
    NotDeleted(i64),
    /// The very same upload has come in again.
    Replaced {
        id: i64,
        other: i64,
    },
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound(id) => Self::not_found(format!("file {id}")),
            Refusal::Deleted(id) => Self::new(Code::Gone, format!("file {id} has been deleted")),
            Refusal::Busy(id) => Self::conflict(format!(
                "file {id} is being extracted: wait until its status is completed or failed"
            )),
            Refusal::Changed(id) => Self::new(
                Code::PreconditionFailed,
                format!("file {id} has changed: read it again and send its new ETag"),
            ),
            Refusal::NotDeleted(id) => Self::conflict(format!("file {id} is not deleted")),
            Refusal::Replaced { id, other } => Self::conflict(format!(
                "file {id} has come in again as file {other}: delete that one first"
            )),
            Refusal::WrongMode { id, kind } => Self::invalid_field(
                "mode",
                format!("the content of file {id} is {kind}; accepted are AUTO and {kind}"),
            ),
        }
    }
}
