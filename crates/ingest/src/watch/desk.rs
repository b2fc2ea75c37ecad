//! What a watched folder hands its files to: the service in this process, or one elsewhere. It must never decide
//! when a file is complete.

use std::fs::File;
use std::path::PathBuf;

use super::layout::Place;
use super::scan::Stamp;

/// A file that has come to rest and could be opened.
#[derive(Debug)]
pub struct Ready {
    /// Where it is.
    pub path: PathBuf,
    /// Its path below the watched folder, with `/` between folders.
    pub shown: String,
    /// The file itself, at its beginning.
    pub file: File,
    pub stamp: Stamp,
    pub place: Place,
}

/// What came of handing a file in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handed {
    /// It is recorded for good; these records tell how its reading ends.
    Taken {
        ids: Vec<i64>,
        /// Files in it, when it is an archive, that were not taken in, and why.
        refused: Vec<String>,
    },
    /// It never will be as it is.
    Refused(String),
    /// Not now: the service is busy, or the file changed meanwhile.
    NotNow(String),
}

/// How a reading ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It goes on.
    NotYet,
    Done,
    Failed(String),
}

/// What is remembered of a file that was taken in, for as long as it lies in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Below the folder.
    pub path: PathBuf,
    pub stamp: Stamp,
    pub stage: Stage,
    pub ids: Vec<i64>,
    /// What was not taken in of an archive, one sentence each.
    pub refused: Vec<String>,
}

/// Where such a file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Taken = 1,
    Done = 2,
    Failed = 3,
}

/// Why something cannot be done now; said once in the log, tried again later.
pub type Later = String;

/// Takes files and remembers them.
pub trait Desk: Sync {
    /// Hands in a file; the same file may be handed in again after a crash, and is then known.
    fn hand_in(&self, ready: Ready) -> impl Future<Output = Handed> + Send;

    /// How the reading of these records ended, taken together.
    fn ended(&self, ids: &[i64]) -> impl Future<Output = Result<End, Later>> + Send;

    /// What was remembered before this run.
    fn recall(&self) -> impl Future<Output = Result<Vec<Entry>, Later>> + Send;

    /// Remembers, in place of what was remembered of this path.
    fn remember(&self, entry: &Entry) -> impl Future<Output = Result<(), Later>> + Send;

    fn forget(&self, paths: Vec<PathBuf>) -> impl Future<Output = Result<(), Later>> + Send;
}
