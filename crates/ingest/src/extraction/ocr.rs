//! The OCR program: a picture on its standard input, words on its standard output. Without one, files are read as if they
//! held no words.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use extract::{Limits, Ocr, PSM_AUTO, PSM_AUTO_ORIENTED, Scan, tesseract_arguments};
use tokio::process::Command;

use super::child::{ChildFault, Confined, installed, surroundings};
use super::process::Program;
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
    program: Confined,
    languages: Vec<String>,
    finds_orientation: bool,
    confidence_min: f64,
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
        let Some(program) = installed(&settings.ocr_program, &[NAME]) else {
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
            program: Confined {
                worker: worker.clone(),
                program,
                memory_bytes_max: settings.ocr_memory_bytes_max,
                cpu_seconds_max: settings.ocr_cpu_seconds_max,
                wall: Duration::from_secs(settings.ocr_wall_seconds_max),
                said_bytes_max: SAID_BYTES_MAX,
            },
            languages,
            finds_orientation: installed.iter().any(|language| language == ORIENTATION),
            confidence_min: settings.ocr_confidence_min,
            limits,
        })
    }

    /// The words of a picture: of it as it is, and when they are doubtful also turned upright.
    ///
    /// # Errors
    /// One sentence when the program fails or takes too long.
    pub(super) async fn read(&self, scan: &Scan) -> Result<Ocr, String> {
        let upright = self.read_as_it_is(scan).await?;
        if !self.is_doubtful(&upright) || !self.finds_orientation {
            return Ok(upright);
        }
        // It fails on pictures with too few letters to tell: then the first reading holds.
        let turned = self.run(scan, PSM_AUTO_ORIENTED).await.ok();
        let best = Ocr::best_of(std::iter::once(upright).chain(turned));
        Ok(best.unwrap_or_else(Ocr::absent))
    }

    /// The words of a picture that stands upright.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) async fn read_as_it_is(&self, scan: &Scan) -> Result<Ocr, String> {
        self.run(scan, PSM_AUTO).await
    }

    /// Whether so little can be made out that the picture may lie on its side.
    pub(super) fn is_doubtful(&self, words: &Ocr) -> bool {
        let confidence = words.confidence;
        confidence.is_none_or(|confidence| confidence < self.confidence_min)
    }

    async fn run(&self, scan: &Scan, psm: u8) -> Result<Ocr, String> {
        let arguments = tesseract_arguments(&self.languages, scan.dpi, psm);
        let arguments: Vec<OsString> = arguments.into_iter().map(OsString::from).collect();
        let told = |fault: ChildFault| {
            fault.told("OCR program", "ocr_wall_seconds_max", self.program.wall)
        };
        let said = self.program.run(&arguments, None, &scan.png).await;
        let said = said.map_err(told)?;
        if !said.status.success() {
            return Err(told(ChildFault::Broken(said.status.to_string())));
        }
        let tsv = String::from_utf8_lossy(&said.bytes);
        Ok(Ocr::from_tesseract_tsv(&tsv, &self.limits))
    }
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use service::Settings;

    use super::*;

    /// An OCR program in a shell's words: what it says is its picture's size, and what it could do beside reading it.
    const SCRIPT: &str = r#"#!/bin/sh
if [ "$1" = --list-langs ]; then echo "List (2):"; echo eng; echo osd; exit 0; fi
case "$*" in *"--psm 1"*) confidence=90; say=turned ;; *) confidence=CONFIDENCE; say=upright ;; esac
size=$(wc -c)
free=no
(echo x > "${0%/*}/written") 2>/dev/null && free=wrote
[ -n "$HOME" ] && free=environment
echo "level	page_num	block_num	par_num	line_num	word_num	left	top	width	height	conf	text"
for word in $say $size $free $OMP_THREAD_LIMIT; do
  echo "5	1	1	1	1	1	1	2	3	4	$confidence	$word"
done
SLEEP
"#;

    async fn program(folder: &Path, confidence: &str, sleep: &str, more: &[&str]) -> OcrProgram {
        let path = folder.join("ocr.sh");
        let script = SCRIPT
            .replace("CONFIDENCE", confidence)
            .replace("SLEEP", sleep);
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut overrides = vec![
            format!("ingest.extraction.ocr_program={}", path.display()),
            "ingest.extraction.ocr_languages=eng+afr".to_owned(),
        ];
        overrides.extend(more.iter().map(ToString::to_string));
        let settings = Settings::load(None, [("", ""); 0], &overrides).unwrap();
        let settings = settings.section("ingest.extraction").unwrap();
        let worker = Program::find("").unwrap();
        let found = OcrProgram::find(&settings, &worker, Limits::default()).await;
        found.unwrap()
    }

    fn scan() -> Scan {
        // More than a pipe holds.
        let png = vec![7; 300_000];
        Scan { png, dpi: None }
    }

    fn words(ocr: &Ocr) -> Vec<&str> {
        ocr.words.iter().map(|word| word.text.as_str()).collect()
    }

    #[tokio::test]
    async fn words_come_out_of_a_confined_program() {
        let folder = tempfile::tempdir().unwrap();
        let program = program(folder.path(), "95", "", &[]).await;
        assert_eq!(
            program.languages,
            ["eng"],
            "what is not installed is left out"
        );
        let ocr = program.read(&scan()).await.unwrap();
        assert_eq!(words(&ocr), ["upright", "300000", "no", "1"]);
        assert!(ocr.available);
        let written = folder.path().join("written");
        assert!(!written.exists() || std::fs::metadata(written).unwrap().len() == 0);
    }

    #[tokio::test]
    async fn a_doubtful_reading_is_tried_the_right_way_up() {
        let folder = tempfile::tempdir().unwrap();
        let program = program(folder.path(), "20", "", &[]).await;
        let ocr = program.read(&scan()).await.unwrap();
        assert_eq!(words(&ocr)[0], "turned");
    }

    #[tokio::test]
    async fn a_program_that_hangs_or_fails_is_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let wall = ["ingest.extraction.ocr_wall_seconds_max=1"];
        let hanging = program(folder.path(), "95", "sleep 100", &wall).await;
        let sentence = hanging.read(&scan()).await.unwrap_err();
        assert!(sentence.contains("ocr_wall_seconds_max"), "{sentence}");
        let failing = program(folder.path(), "95", "exit 3", &[]).await;
        let sentence = failing.read(&scan()).await.unwrap_err();
        assert!(sentence.contains("broke down"), "{sentence}");
    }
}
