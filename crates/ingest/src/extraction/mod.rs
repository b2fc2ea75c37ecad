//! Extraction in worker processes: a hostile file costs a process, never the service. A file at work is
//! leased like a delivery, so that one whose node died is taken up again.

mod finish;
mod pool;
mod process;
mod protocol;
mod queue;
mod worker;

pub(crate) use pool::spawn;
pub(crate) use process::{Program, ProgramError};
pub(crate) use queue::{Queue, Seat};
pub use worker::worker_main;
