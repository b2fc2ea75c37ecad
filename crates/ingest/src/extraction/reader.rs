//! Reads one file to its end: a worker, and between its readings a converter for pixels that have no decoder here and an OCR
//! program for words in pixels.
//! Never touches the database.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use extract::facts::{CallerFacts, Rules};
use extract::{CONVERTER_NEEDED, Diagnostic, Kind, Ocr, Outcome, Preview, Severity};

use super::converter::Converter;
use super::lost::Lost;
use super::ocr::OcrProgram;
use super::process::{Program, ProgramError, Reply, Verdict, Worker};
use super::protocol::{PictureTask, ReadTask, Setup, Task};
use crate::extraction_settings::ExtractionSettings;

/// A picture lies on one of its other sides.
const QUARTERS_MAX: u8 = 3;

/// What readers of one service share.
#[derive(Clone)]
pub(crate) struct Readers {
    program: Program,
    setup: Arc<Setup>,
    ocr: Option<Arc<OcrProgram>>,
    converter: Option<Arc<Converter>>,
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
            converter: Converter::find(settings, &program).map(Arc::new),
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
    /// Reads a file, and where programs for that are installed pixels that have no decoder here, and words in pixels.
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
        let mut first = self.outcome(tenant_id, task.clone(), budget).await?;
        if let Some(converter) = self.converter_for(&first) {
            match converter.convert(&task.path).await {
                Ok(jpeg) => {
                    task.pixels = Some(BASE64.encode(jpeg));
                    first = self.outcome(tenant_id, task.clone(), budget).await?;
                }
                Err(sentence) => {
                    let failed = Diagnostic::new(Severity::Warning, "conversion_failed", sentence);
                    first.extraction.diagnostics.push(failed);
                }
            }
        }
        let (Some(scan), Some(ocr)) = (first.scan.take(), ocr) else {
            return Ok(first);
        };
        let words = match ocr.read(&scan).await {
            // What lies on its side looks like words that make no sense; where there is nothing, nothing is found.
            Ok(words) if ocr.is_doubtful(&words) && !words.words.is_empty() => {
                let turns = self.turned(tenant_id, &task, &ocr, budget).await?;
                Ocr::best_of(std::iter::once(words).chain(turns)).unwrap_or_else(Ocr::absent)
            }
            Ok(words) => words,
            Err(sentence) => {
                let failed = Diagnostic::new(Severity::Warning, "ocr_failed", sentence);
                first.extraction.diagnostics.push(failed);
                return Ok(first);
            }
        };
        let task = ReadTask {
            ocr: Some(words),
            preview: false,
            ..task
        };
        let second = self.outcome(tenant_id, task, budget).await?;
        Ok(Outcome {
            extraction: second.extraction,
            preview: first.preview,
            scan: None,
        })
    }

    /// The converter, where the picture has no decoder here.
    fn converter_for(&self, outcome: &Outcome) -> Option<Arc<Converter>> {
        let mut diagnostics = outcome.extraction.diagnostics.iter();
        let wanted = diagnostics.any(|diagnostic| diagnostic.code == CONVERTER_NEEDED);
        self.shared.converter.clone().filter(|_| wanted)
    }

    async fn outcome(
        &mut self,
        tenant_id: i64,
        task: ReadTask,
        budget: super::process::Budget,
    ) -> Result<Outcome, ReadError> {
        let task = Task::Read(Box::new(task));
        match self.perform(tenant_id, task, budget).await? {
            Reply::Outcome(outcome) => Ok(*outcome),
            _ => Err(unexpected()),
        }
    }

    /// What is read off the file's scan once it is turned, up to the first reading that is not in doubt. No program tells
    /// which way is up where there are few letters: only trying does.
    async fn turned(
        &mut self,
        tenant_id: i64,
        task: &ReadTask,
        ocr: &OcrProgram,
        budget: super::process::Budget,
    ) -> Result<Vec<Ocr>, ReadError> {
        let mut readings = Vec::new();
        for quarters in 1..=self.shared.settings.ocr_turns_max.min(QUARTERS_MAX) {
            let task = ReadTask {
                preview: false,
                scan_quarters: quarters,
                ..task.clone()
            };
            let outcome = self.outcome(tenant_id, task, budget).await?;
            let Some(scan) = outcome.scan else { break };
            // What fails turned is only one reading less.
            let Ok(words) = ocr.read_as_it_is(&scan).await else {
                break;
            };
            let clear = !ocr.is_doubtful(&words);
            readings.push(words);
            if clear {
                break;
            }
        }
        Ok(readings)
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
            pixels: None,
            scan_quarters: 0,
        };
        self.reader.read(0, kind, task).await
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use service::Settings;

    use super::*;
    use crate::IngestSettings;

    /// An OCR program that can make out what is higher than wide.
    const SCRIPT: &str = r#"#!/bin/sh
if [ "$1" = --list-langs ]; then echo "List (1):"; echo eng; exit 0; fi
set -- $(head -c 24 | tail -c 8 | od -An -tu1)
cat > /dev/null
width=$((($3 << 8) + $4)); height=$((($7 << 8) + $8))
[ $width -lt $height ] && confidence=90 || confidence=10
echo "level	page_num	block_num	par_num	line_num	word_num	left	top	width	height	conf	text"
for word in Material: Galv; do
  echo "5	1	1	1	1	1	1	2	3	4	$confidence	$word"
done
"#;

    async fn confidence(folder: &std::path::Path, turns_max: u8) -> Option<f64> {
        let program = folder.join("ocr.sh");
        std::fs::write(&program, SCRIPT).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let picture = folder.join("picture.png");
        let svg = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 60 40"><path d="M5 5h20v9h-20z"/></svg>"#;
        std::fs::write(&picture, extract::svg_to_png(svg, 600).unwrap()).unwrap();
        let overrides = [
            format!("ingest.extraction.ocr_program={}", program.display()),
            format!("ingest.extraction.ocr_turns_max={turns_max}"),
        ];
        let settings = Settings::load(None, [("", ""); 0], &overrides).unwrap();
        let settings = IngestSettings::read(&settings).unwrap();
        let readable = vec![folder.to_owned()];
        let mut reader = LocalReader::new(&settings, readable).await.unwrap();
        let name = "picture.png".to_owned();
        let read = reader.read(picture, name, Some(Kind::Image), false).await;
        read.unwrap()
            .extraction
            .document
            .unwrap()
            .ocr
            .unwrap()
            .confidence
    }

    #[tokio::test]
    async fn a_picture_that_lies_on_its_side_is_turned_until_it_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(confidence(folder.path(), 3).await, Some(0.9));
        assert_eq!(confidence(folder.path(), 0).await, Some(0.1));
    }
}
