//! A converter for pictures that have no decoder here (HEIC, AVIF): libheif's or libvips' program, which reads the stored file
//! and writes a JPEG to its standard output. Without one, such a picture has no preview and no words.

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::child::{ChildFault, Confined, installed};
use super::process::Program;
use crate::extraction_settings::ExtractionSettings;

/// The names that are looked for in PATH, the first that is found.
pub(crate) const NAMES: [&str; 3] = ["heif-dec", "heif-convert", "vips"];
const VIPS: &str = "vips";
/// Of the JPEG in between: no letter suffers from it.
const QUALITY: &str = "92";
/// How every JPEG begins and ends (ITU-T T.81, annex B).
const JPEG_START: [u8; 3] = [0xFF, 0xD8, 0xFF];
const JPEG_END: [u8; 2] = [0xFF, 0xD9];

/// A converter that is installed, and how it is run.
#[derive(Debug, Clone)]
pub(super) struct Converter {
    program: Confined,
    /// libheif's programs take a file's name only: these lead to their standard output.
    outlets: Arc<TempDir>,
}

impl Converter {
    /// The configured program, else the first known one in PATH; `None`, with a line in the log, when there is none.
    pub(super) fn find(settings: &ExtractionSettings, worker: &Program) -> Option<Self> {
        let Some(program) = installed(&settings.heic_converter, &NAMES) else {
            let names = NAMES.join(", ");
            tracing::info!(
                "none of {names} in PATH (ingest.extraction.heic_converter): HEIC and AVIF pictures are not shown"
            );
            return None;
        };
        let outlets = outlets().inspect_err(|cause| {
            tracing::warn!(%cause, "HEIC and AVIF pictures are not shown: no temporary folder");
        });
        Some(Self {
            program: Confined {
                worker: worker.clone(),
                program,
                memory_bytes_max: settings.heic_memory_bytes_max,
                cpu_seconds_max: settings.heic_cpu_seconds_max,
                wall: Duration::from_secs(settings.heic_wall_seconds_max),
                said_bytes_max: settings.heic_picture_bytes_max,
            },
            outlets: Arc::new(outlets.ok()?),
        })
    }

    /// The first picture of a stored file as a JPEG, upright.
    ///
    /// # Errors
    /// One sentence when the program fails, takes too long or says no picture.
    pub(super) async fn convert(&self, path: &Path) -> Result<Vec<u8>, String> {
        let told =
            |fault: ChildFault| fault.told("converter", "heic_wall_seconds_max", self.program.wall);
        let said = self
            .program
            .run(&self.arguments(path), Some(path), &[])
            .await;
        let said = said.map_err(told)?;
        // Of a file with several pictures the first is said, and the rest fails.
        jpeg(said.bytes).ok_or_else(|| match said.status.success() {
            true => told(ChildFault::Broken("it said no whole picture".to_owned())),
            false => told(ChildFault::Broken(said.status.to_string())),
        })
    }

    fn arguments(&self, path: &Path) -> Vec<OsString> {
        let name = self.program.program.file_name();
        let is_vips = name.is_some_and(|name| name == VIPS);
        match is_vips {
            true => vec![
                "copy".into(),
                path.into(),
                format!(".jpg[Q={QUALITY}]").into(),
            ],
            false => vec![
                "--quiet".into(),
                "-q".into(),
                QUALITY.into(),
                path.into(),
                self.outlets.path().join("picture.jpg").into(),
            ],
        }
    }
}

/// Names that lead to the standard output of whoever opens them; the second is that of the first of several pictures.
fn outlets() -> std::io::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("draftwire-").tempdir()?;
    for name in ["picture.jpg", "picture-1.jpg"] {
        symlink("/proc/self/fd/1", folder.path().join(name))?;
    }
    Ok(folder)
}

/// What was said, from where a JPEG begins; `None` when none ends.
fn jpeg(mut said: Vec<u8>) -> Option<Vec<u8>> {
    let start = said
        .windows(JPEG_START.len())
        .position(|w| w == JPEG_START)?;
    said.drain(..start);
    let end = said.windows(JPEG_END.len()).rposition(|w| w == JPEG_END)?;
    said.truncate(end + JPEG_END.len());
    Some(said)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use extract::{CONVERTER_NEEDED, Kind, Outcome};
    use service::Settings;

    use crate::IngestSettings;
    use crate::extraction::LocalReader;

    /// A label with a red square at its upper left, stored on its side with the turn that puts it upright (`irot` 3).
    const TURNED: &[u8] = include_bytes!("../../tests/data/label-on-its-side.heic");

    async fn read(heic: &[u8], sets: &[String]) -> Outcome {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("label.heic");
        std::fs::write(&path, heic).unwrap();
        let settings = Settings::load(None, [("", ""); 0], sets).unwrap();
        let settings = IngestSettings::read(&settings).unwrap();
        let readable = vec![folder.path().to_owned()];
        let mut reader = LocalReader::new(&settings, readable).await.unwrap();
        let name = "label.heic".to_owned();
        let read = reader.read(path, name, Some(Kind::Image), true).await;
        read.unwrap()
    }

    fn codes(outcome: &Outcome) -> Vec<&str> {
        let diagnostics = outcome.extraction.diagnostics.iter();
        diagnostics.map(|diagnostic| &*diagnostic.code).collect()
    }

    #[tokio::test]
    async fn a_telephones_picture_is_shown_upright_and_its_words_are_read() {
        let outcome = read(TURNED, &[]).await;
        assert!(
            !codes(&outcome).contains(&CONVERTER_NEEDED),
            "{:?}",
            codes(&outcome)
        );
        let preview = outcome.preview.unwrap();
        let picture = image::load_from_memory(&preview.bytes).unwrap().into_rgb8();
        assert_eq!(picture.dimensions(), (640, 400));
        let [red, green, blue] = picture.get_pixel(60, 60).0;
        assert!(red > 150 && green < 90 && blue < 90, "{red} {green} {blue}");
        let info = outcome.extraction.document.unwrap().image.unwrap();
        assert_eq!(
            (info.format.as_str(), info.width_px, info.height_px),
            ("heic", 640, 400)
        );
        let facts = outcome.extraction.facts;
        assert_eq!(facts.thickness_mm.unwrap().value, 2.0);
        assert_eq!(facts.quantity.unwrap().value, 6);
    }

    #[tokio::test]
    async fn a_hostile_picture_fails_only_itself() {
        let mut garbled = TURNED.to_vec();
        let end = garbled.len();
        garbled[end / 2..].fill(0xA5);
        for hostile in [&garbled, &TURNED[..TURNED.len() / 2]] {
            let outcome = read(hostile, &[]).await;
            let told = codes(&outcome);
            let is_told = |code: &&str| ["conversion_failed", "image_damaged"].contains(code);
            assert!(
                outcome.preview.is_some() || told.iter().any(is_told),
                "{told:?}"
            );
        }
    }

    #[tokio::test]
    async fn without_a_converter_it_is_said_what_is_missing() {
        let none = "ingest.extraction.heic_converter=/nowhere/heif-dec".to_owned();
        let outcome = read(TURNED, &[none]).await;
        assert_eq!(codes(&outcome), [CONVERTER_NEEDED]);
        let hint = outcome.extraction.diagnostics[0].hint.clone().unwrap();
        assert!(hint.contains("libheif-examples"), "{hint}");
    }

    /// What a converter does in a shell's words; `$5` is where it writes to.
    async fn scripted(does: &str, more: &str) -> Outcome {
        let folder = tempfile::tempdir().unwrap();
        let jpeg = folder.path().join("made.jpg");
        image::RgbImage::new(30, 20).save(&jpeg).unwrap();
        let program = folder.path().join("converter.sh");
        std::fs::write(&program, format!("#!/bin/sh\nhere=${{0%/*}}\n{does}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut sets = vec![format!(
            "ingest.extraction.heic_converter={}",
            program.display()
        )];
        sets.extend(Some(more.to_owned()).filter(|more| !more.is_empty()));
        read(TURNED, &sets).await
    }

    #[tokio::test]
    async fn a_converter_is_confined_and_its_failures_are_one_sentence() {
        // It reads the picture and nothing else of its folder, and writes to nowhere but its output.
        let confined = "[ $(wc -c < \"$4\") -gt 1000 ] || exit 1\n(echo x > \"$here/written\") && exit 2\n\
                        (echo x > \"${4%/*}/written\") && exit 3\n(cat /proc/1/environ) && exit 4\n\
                        echo noise\ncat \"$here/made.jpg\" > \"$5\"\necho noise";
        let outcome = scripted(confined, "").await;
        let info = outcome
            .extraction
            .document
            .as_ref()
            .unwrap()
            .image
            .clone()
            .unwrap();
        assert_eq!(
            (info.width_px, info.height_px),
            (30, 20),
            "{:?}",
            outcome.extraction.diagnostics
        );
        for (does, more, says) in [
            ("exit 3", "", "exit status: 3"),
            ("echo nothing of use", "", "no whole picture"),
            ("head -c 200 \"$here/made.jpg\"", "", "no whole picture"),
            (
                "sleep 100",
                "ingest.extraction.heic_wall_seconds_max=1",
                "heic_wall_seconds_max",
            ),
            (
                "cat \"$here/made.jpg\"",
                "ingest.extraction.heic_picture_bytes_max=100",
                "no whole picture",
            ),
        ] {
            let outcome = scripted(does, more).await;
            let failed = outcome.extraction.diagnostics.iter();
            let failed: Vec<_> = failed
                .filter(|one| one.code == "conversion_failed")
                .collect();
            assert!(
                failed.len() == 1 && failed[0].message.contains(says),
                "{does}: {failed:?}"
            );
            assert!(outcome.preview.is_none());
        }
    }
}
