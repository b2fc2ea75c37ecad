//! Reads one file to its end: a worker, and where it holds pixels with words an OCR program between two readings.
//! Never touches the database.

use std::path::PathBuf;
use std::sync::Arc;

use extract::facts::{CallerFacts, Rules};
use extract::{Diagnostic, Kind, Ocr, Outcome, Preview, Severity};

use super::lost::Lost;
use super::ocr::OcrProgram;
use super::process::{Program, ProgramError, Reply, Verdict, Worker};
use super::protocol::{PictureTask, ReadTask, Setup, Task};
use crate::extraction_settings::ExtractionSettings;

/// What readers of one service share.
#[derive(Clone)]
pub(crate) struct Readers {
    program: Program,
    setup: Arc<Setup>,
    ocr: Option<Arc<OcrProgram>>,
    settings: Arc<ExtractionSettings>,
}

/// Why a file has no outcome.
#[derive(Debug)]
pub enum ReadError {
    /// The file's own fault: a code for programs and a sentence for people.
    File { code: String, message: String },
    /// No worker could be started.
    NoWorker(std::io::Error),
}

impl ReadError {
    pub(super) fn file(code: &str, message: impl Into<String>) -> Self {
        Self::File {
            code: code.to_owned(),
            message: message.into(),
        }
    }
}

impl Readers {
    /// Finds the programs. Only `readable` will be open to workers.
    ///
    /// # Errors
    /// [`ProgramError`] when there is no program to run as worker.
    pub(crate) async fn find(
        settings: &ExtractionSettings,
        rules: &Rules,
        readable: Vec<PathBuf>,
    ) -> Result<Self, ProgramError> {
        let program = Program::find(&settings.worker_program)?;
        let limits = settings.limits();
        let ocr = OcrProgram::find(settings, &program, limits).await;
        Ok(Self {
            setup: Arc::new(Setup {
                memory_bytes_max: settings.memory_bytes_of_any(),
                readable,
                preview_bytes_max: settings.preview_bytes_max,
                scan_bytes_max: settings.scan_bytes_max,
                limits,
                rules: rules.clone(),
            }),
            program,
            ocr: ocr.map(Arc::new),
            settings: Arc::new(settings.clone()),
        })
    }

    /// The same by other rules.
    pub(crate) fn with_rules(&self, rules: &Rules) -> Self {
        let setup = Setup {
            rules: rules.clone(),
            ..Setup::clone(&self.setup)
        };
        Self {
            setup: Arc::new(setup),
            ..self.clone()
        }
    }

    /// One more, whose process starts with its first file.
    ///
    /// # Errors
    /// When the rules cannot be written down.
    pub(crate) fn reader(&self) -> serde_json::Result<Reader> {
        Ok(Reader {
            worker: Worker::new(self.program.clone(), &self.setup, &self.settings)?,
            shared: self.clone(),
        })
    }
}

/// A worker with what it needs.
pub(crate) struct Reader {
    worker: Worker,
    shared: Readers,
}

impl Reader {
    /// Reads a file, and the words in its pixels where a program for that is installed.
    pub(crate) async fn read(
        &mut self,
        tenant_id: i64,
        kind: Option<Kind>,
        mut task: ReadTask,
    ) -> Result<Outcome, ReadError> {
        let budget = self.shared.settings.budget(kind);
        let ocr = self.shared.ocr.clone();
        if ocr.is_none() && task.ocr.is_none() {
            task.ocr = Some(Ocr::absent());
        }
        let again = task.clone();
        let first = self
            .perform(tenant_id, Task::Read(Box::new(task)), budget)
            .await?;
        let Reply::Outcome(mut first) = first else {
            return Err(unexpected());
        };
        let (Some(scan), Some(ocr)) = (first.scan.take(), ocr) else {
            return Ok(*first);
        };
        let words = match ocr.read(&scan).await {
            Ok(words) => words,
            Err(sentence) => {
                let failed = Diagnostic::new(Severity::Warning, "ocr_failed", sentence);
                first.extraction.diagnostics.push(failed);
                return Ok(*first);
            }
        };
        let task = ReadTask {
            ocr: Some(words),
            preview: false,
            ..again
        };
        match self
            .perform(tenant_id, Task::Read(Box::new(task)), budget)
            .await?
        {
            Reply::Outcome(second) => Ok(Outcome {
                extraction: second.extraction,
                preview: first.preview,
                scan: None,
            }),
            _ => Err(unexpected()),
        }
    }

    /// Makes another picture from a stored preview.
    pub(super) async fn picture(
        &mut self,
        tenant_id: i64,
        task: PictureTask,
    ) -> Result<Preview, ReadError> {
        let budget = self.shared.settings.budget(None);
        match self.perform(tenant_id, Task::Picture(task), budget).await? {
            Reply::Picture(picture) => Ok(picture),
            _ => Err(unexpected()),
        }
    }

    async fn perform(
        &mut self,
        tenant_id: i64,
        task: Task,
        budget: super::process::Budget,
    ) -> Result<Reply, ReadError> {
        match self.worker.perform(tenant_id, task, budget).await {
            Verdict::Answered(Reply::Error { code, message }) => {
                Err(ReadError::File { code, message })
            }
            Verdict::Answered(reply) => Ok(reply),
            Verdict::Lost(Lost { code, message }) => Err(ReadError::file(code, message)),
            Verdict::NoWorker(cause) => Err(ReadError::NoWorker(cause)),
        }
    }
}

fn unexpected() -> ReadError {
    ReadError::file("worker_died", "the worker answered another question")
}

/// Reads files where they lie, for programs without a service.
pub struct LocalReader {
    reader: Reader,
}

/// Why files cannot be read here.
#[derive(Debug, thiserror::Error)]
pub enum LocalReaderError {
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error("the rules cannot be handed to a worker: {0}")]
    Rules(#[from] serde_json::Error),
}

impl LocalReader {
    /// A reader of the files and folders in `readable`, by the rules and limits of the service's settings.
    ///
    /// # Errors
    /// [`LocalReaderError`] when no worker can be had.
    pub async fn new(
        settings: &crate::IngestSettings,
        readable: Vec<PathBuf>,
    ) -> Result<Self, LocalReaderError> {
        let readers = Readers::find(&settings.extraction, &settings.rules, readable).await?;
        let reader = readers.reader()?;
        Ok(Self { reader })
    }

    /// Reads one file in a confined process.
    ///
    /// # Errors
    /// [`ReadError`] when it cannot be read.
    pub async fn read(
        &mut self,
        path: PathBuf,
        file_name: String,
        kind: Option<Kind>,
        preview: bool,
    ) -> Result<Outcome, ReadError> {
        let task = ReadTask {
            path,
            file_name,
            mode: "AUTO".to_owned(),
            caller: CallerFacts::default(),
            preview,
            ocr: None,
        };
        self.reader.read(0, kind, task).await
    }
}
