//! What the service and its worker processes say to each other: one JSON value a line; pictures follow their line as
//! so many bytes. Never judges what is said.

use std::path::PathBuf;

use extract::facts::{CallerFacts, Rules};
use extract::{Extraction, Limits, Ocr, PreviewForm};
use serde::{Deserialize, Serialize};

/// The first line: the rules of this worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Setup {
    /// The most that any request may use.
    pub(super) memory_bytes_max: u64,
    /// Files and folders that may be read; nothing else can be.
    pub(super) readable: Vec<PathBuf>,
    /// A larger preview is left out.
    pub(super) preview_bytes_max: usize,
    /// A larger picture for an OCR program is left out.
    pub(super) scan_bytes_max: usize,
    pub(super) limits: Limits,
    pub(super) rules: Rules,
}

/// Every further line: a task, and what it may use.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// Beyond what the program itself takes.
    pub(super) memory_bytes_max: u64,
    pub(super) cpu_seconds_max: u64,
    pub(super) task: Task,
}

/// What is to be done.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Task {
    Read(Box<ReadTask>),
    Picture(PictureTask),
}

/// Read a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ReadTask {
    pub(crate) path: PathBuf,
    /// With the folders of the archive that it came in.
    pub(crate) file_name: String,
    pub(crate) mode: String,
    pub(crate) caller: CallerFacts,
    pub(crate) preview: bool,
    pub(crate) ocr: Option<Ocr>,
    /// The picture as a converter has decoded it, in base64.
    pub(crate) pixels: Option<String>,
    /// How far its scan is turned before it is handed out, in quarters clockwise.
    pub(crate) scan_quarters: u8,
}

/// Make another picture from a preview.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PictureTask {
    pub(super) path: PathBuf,
    pub(super) form: PreviewForm,
    pub(super) wanted: Wanted,
}

/// The picture that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wanted {
    Svg,
    Png { size_px_max: u32 },
}

/// What each request is answered with.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Read {
        extraction: Box<Extraction>,
        /// Its bytes come first behind this line.
        preview: Option<PreviewFrame>,
        /// Its bytes come last.
        scan: Option<ScanFrame>,
    },
    Picture(PreviewFrame),
    Error {
        code: String,
        message: String,
    },
}

/// A picture behind the line that speaks of it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct PreviewFrame {
    pub(super) form: PreviewForm,
    pub(super) bytes: usize,
}

/// A picture to be read by an OCR program.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct ScanFrame {
    pub(super) bytes: usize,
    pub(super) dpi: Option<u32>,
}
