//! The OCR program as a child of its own: confined like a worker, with its own bounds of memory and time, a picture on its
//! standard input and words on its standard output. Without one, files are read as if they held no words.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use extract::{Limits, Ocr, PSM_AUTO, PSM_AUTO_ORIENTED, Scan, tesseract_arguments};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::process::Program;
use super::worker::OCR_COMMAND;
use crate::extraction_settings::ExtractionSettings;

/// The name that is looked for in PATH.
const NAME: &str = "tesseract";
/// The data that finds out which way is up.
const ORIENTATION: &str = "osd";
/// Time for the program to say which languages it has.
const LANGUAGES_WAIT: Duration = Duration::from_secs(10);
/// Longest list of languages, and longest table of words, in bytes.
const SAID_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// An OCR program that is installed, and how it is run.
#[derive(Debug, Clone)]
pub(super) struct OcrProgram {
    worker: Program,
    program: PathBuf,
    languages: Vec<String>,
    finds_orientation: bool,
    confidence_min: f64,
    memory_bytes_max: u64,
    cpu_seconds_max: u64,
    wall: Duration,
    limits: Limits,
}

impl OcrProgram {
    /// The configured program, else `tesseract` in PATH; `None`, with a line in the log, when there is none that can
    /// be used. Languages that are not installed are left out with a warning.
    pub(super) async fn find(
        settings: &ExtractionSettings,
        worker: &Program,
        limits: Limits,
    ) -> Option<Self> {
        if !settings.ocr {
            return None;
        }
        let Some(program) = program(&settings.ocr_program) else {
            tracing::info!(
                "no {NAME} in PATH (ingest.extraction.ocr_program): words in pictures are not read"
            );
            return None;
        };
        let installed = installed_languages(&program).await;
        let (languages, missing): (Vec<String>, Vec<String>) = settings
            .ocr_languages
            .split('+')
            .map(|language| language.trim().to_owned())
            .filter(|language| !language.is_empty())
            .partition(|language| installed.contains(language));
        if !missing.is_empty() {
            let missing = missing.join(", ");
            tracing::warn!(
                "ingest.extraction.ocr_languages: not installed and left out: {missing}"
            );
        }
        if languages.is_empty() {
            tracing::warn!(
                "{} has none of the languages: words in pictures are not read",
                program.display()
            );
            return None;
        }
        Some(Self {
            worker: worker.clone(),
            program,
            languages,
            finds_orientation: installed.iter().any(|language| language == ORIENTATION),
            confidence_min: settings.ocr_confidence_min,
            memory_bytes_max: settings.ocr_memory_bytes_max,
            cpu_seconds_max: settings.ocr_cpu_seconds_max,
            wall: Duration::from_secs(settings.ocr_wall_seconds_max),
            limits,
        })
    }

    /// The words of a picture: of it as it is, and when they are doubtful also turned upright.
    ///
    /// # Errors
    /// One sentence when the program fails or takes too long.
    pub(super) async fn read(&self, scan: &Scan) -> Result<Ocr, String> {
        let upright = self.run(scan, PSM_AUTO).await?;
        let doubtful = upright
            .confidence
            .is_none_or(|confidence| confidence < self.confidence_min);
        if !doubtful || !self.finds_orientation {
            return Ok(upright);
        }
        // It fails on pictures with too few letters to tell: then the first reading holds.
        let turned = self.run(scan, PSM_AUTO_ORIENTED).await.ok();
        let best = Ocr::best_of(std::iter::once(upright).chain(turned));
        Ok(best.unwrap_or_else(Ocr::absent))
    }

    async fn run(&self, scan: &Scan, psm: u8) -> Result<Ocr, String> {
        let mut child = self
            .start(scan, psm)
            .map_err(|cause| format!("the OCR program cannot be started: {cause}"))?;
        let heard = tokio::time::timeout(self.wall, converse(&mut child, &scan.png)).await;
        let Ok(heard) = heard else {
            end(&mut child).await;
            let seconds = self.wall.as_secs();
            return Err(format!(
                "the OCR program took longer than {seconds} s (ingest.extraction.ocr_wall_seconds_max)"
            ));
        };
        let tsv = heard.map_err(|cause| format!("the OCR program broke down: {cause}"))?;
        Ok(Ocr::from_tesseract_tsv(&tsv, &self.limits))
    }

    fn start(&self, scan: &Scan, psm: u8) -> std::io::Result<Child> {
        let mut command = Command::new(&self.worker.0);
        command
            .args(["worker", OCR_COMMAND])
            .arg(self.memory_bytes_max.to_string())
            .arg(self.cpu_seconds_max.to_string())
            .arg(&self.program)
            .args(tesseract_arguments(&self.languages, scan.dpi, psm));
        surroundings(&mut command);
        command.spawn()
    }
}

/// An environment of its own, pipes, and a group that can be ended as a whole.
fn surroundings(command: &mut Command) {
    command
        .env_clear()
        // More threads only cost: pictures are read side by side.
        .env("OMP_THREAD_LIMIT", "1")
        .envs(std::env::var_os("TESSDATA_PREFIX").map(|path| ("TESSDATA_PREFIX", path)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
}

fn program(configured: &str) -> Option<PathBuf> {
    if !configured.is_empty() {
        return Some(PathBuf::from(configured)).filter(|path| path.is_file());
    }
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths)
        .map(|folder| folder.join(NAME))
        .find(|path| path.is_file())
}

/// One name a line behind a heading.
async fn installed_languages(program: &Path) -> Vec<String> {
    let mut command = Command::new(program);
    surroundings(&mut command);
    let listed = command.arg("--list-langs").output();
    match tokio::time::timeout(LANGUAGES_WAIT, listed).await {
        Ok(Ok(output)) => String::from_utf8_lossy(&output.stdout)
            .lines()
            .skip(1)
            .map(|line| line.trim().to_owned())
            .collect(),
        _ => Vec::new(),
    }
}

/// Hands the picture in while the words come out.
async fn converse(child: &mut Child, png: &[u8]) -> std::io::Result<String> {
    let missing = || std::io::Error::other("no pipes");
    let mut stdin = child.stdin.take().ok_or_else(missing)?;
    let stdout = child.stdout.take().ok_or_else(missing)?;
    let hand_in = async {
        let handed = stdin.write_all(png).await;
        drop(stdin);
        handed
    };
    let mut said = Vec::new();
    let mut bounded = stdout.take(SAID_BYTES_MAX);
    let (handed, heard) = tokio::join!(hand_in, bounded.read_to_end(&mut said));
    heard?;
    let status = child.wait().await?;
    if !status.success() {
        return Err(std::io::Error::other(status.to_string()));
    }
    handed?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

async fn end(child: &mut Child) {
    let group = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(group) = group.and_then(Pid::from_raw)
        && let Err(cause) = kill_process_group(group, Signal::KILL)
    {
        tracing::warn!(%cause, "an OCR program could not be stopped");
    }
    drop(child.wait().await);
}
