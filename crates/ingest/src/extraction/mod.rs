//! Extraction in worker processes: a hostile file costs a process, never the service. A file at work is
//! leased like a delivery, so that one whose node died is taken up again.

mod child;
mod converter;
mod finish;
mod lost;
mod ocr;
mod pictures;
mod pool;
mod process;
mod protocol;
mod queue;
mod reader;
mod sandbox;
mod worker;

pub(crate) use child::installed;
pub(crate) use converter::NAMES as CONVERTERS;
pub(crate) use pictures::{NoPicture, Pictures};
pub(crate) use pool::{Work, spawn};
pub use process::this_is_the_worker_program;
pub(crate) use process::{Budget, ProgramError};
pub(crate) use protocol::Wanted;
pub(crate) use queue::{Queue, Seat};
pub(crate) use reader::Readers;
pub use reader::{LocalReader, LocalReaderError, ReadError};
pub(crate) use sandbox::Sandbox;
pub use worker::worker_main;
