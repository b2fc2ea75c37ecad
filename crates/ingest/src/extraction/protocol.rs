//! What the service and its worker processes say to each other: one JSON value a line.

use extract::facts::{CallerFacts, Rules};
use extract::{Extraction, Limits};
use serde::{Deserialize, Serialize};

/// The first line: the rules of this worker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) memory_bytes_max: u64,
    pub(super) cpu_seconds_max: u64,
    pub(super) limits: Limits,
    pub(super) rules: Rules,
}

/// Every further line: a file to read.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) path: String,
    pub(super) file_name: String,
    pub(super) mode: String,
    pub(super) caller: CallerFacts,
}

/// What each request is answered with.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Extraction(Box<Extraction>),
    Error { code: String, message: String },
}
