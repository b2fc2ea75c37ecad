//! `draftwire extract`: read files here and say what they are. Each is read by a confined worker: a hostile file fails
//! alone.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use extract::{Extraction, PNG_SIZE_MAX_PX, Preview, PreviewForm, SNIFF_BYTES, png_of, sniff};
use indicatif::{ProgressBar, ProgressStyle};
use ingest::{IngestSettings, LocalReader, ReadError};

use crate::cli::{ExtractArgs, SettingsArgs};
use crate::report::{figure, line};

pub(crate) async fn run(args: &ExtractArgs, settings: &SettingsArgs) -> anyhow::Result<ExitCode> {
    let mut files = Vec::new();
    for path in &args.paths {
        collect(path, &mut files).with_context(|| path.display().to_string())?;
    }
    let pictures = args.preview.as_deref();
    let pictures = pictures.map(|to| Pictures::new(to, &files)).transpose()?;
    let settings = IngestSettings::read(&settings.load(&[])?)?;
    let readable = args.paths.iter().map(fs::canonicalize);
    let readable = readable.filter_map(Result::ok).collect();
    let mut reader = LocalReader::new(&settings, readable).await?;
    let bar = ProgressBar::new(files.len() as u64);
    bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")?);
    let mut failed = 0_u32;
    for path in &files {
        bar.set_message(path.display().to_string());
        match read(&mut reader, path, pictures.is_some()).await {
            Ok((extraction, preview)) => {
                failed += u32::from(extraction.error.is_some());
                bar.suspend(|| print(path, &extraction, args.json))?;
                if let (Some(pictures), Some(preview)) = (&pictures, preview) {
                    let written = pictures.write(path, preview)?;
                    if !args.json {
                        bar.suspend(|| line(row("picture", written.display())))?;
                    }
                }
            }
            Err(cause) => {
                failed += 1;
                bar.suspend(|| eprintln!("{}: {cause}", path.display()));
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if files.len() > 1 && !args.json {
        line(format!("{} files, {failed} not read", files.len()))?;
    }
    Ok(ExitCode::from(u8::from(failed > 0)))
}

/// Folders are searched with a list of our own, so that depth costs no stack.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let mut entries = fs::read_dir(&path)?
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<Result<Vec<_>, _>>()?;
            entries.sort_by(|a, b| b.cmp(a));
            open.extend(entries);
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Reads one file; what is wrong with it is in the extraction.
async fn read(
    reader: &mut LocalReader,
    path: &Path,
    preview: bool,
) -> io::Result<(Extraction, Option<Preview>)> {
    let name = path.to_string_lossy().into_owned();
    let mut head = Vec::new();
    let file = File::open(path)?;
    file.take(SNIFF_BYTES as u64).read_to_end(&mut head)?;
    let kind = sniff(&head, &name).kind;
    let absolute = fs::canonicalize(path)?;
    match reader.read(absolute, name.clone(), kind, preview).await {
        Ok(outcome) => Ok((outcome.extraction, outcome.preview)),
        Err(ReadError::File { code, message }) => {
            Ok((Extraction::refused(&name, kind, code, message), None))
        }
        Err(ReadError::NoWorker(cause)) => Err(cause),
    }
}

/// Where pictures go.
struct Pictures<'a> {
    to: &'a Path,
    folder: bool,
}

impl<'a> Pictures<'a> {
    fn new(to: &'a Path, files: &[PathBuf]) -> anyhow::Result<Self> {
        let folder = files.len() > 1 || to.is_dir();
        if folder && to.is_file() {
            bail!("--preview {}: several files need a folder", to.display());
        }
        if folder {
            fs::create_dir_all(to).with_context(|| to.display().to_string())?;
        }
        Ok(Self { to, folder })
    }

    /// Answers where it was written: a picture that is no drawing's is a PNG, whatever was asked for.
    fn write(&self, of: &Path, preview: Preview) -> anyhow::Result<PathBuf> {
        let mut to = self.to.to_owned();
        let as_png = !self.folder && to.extension().is_some_and(|given| given == "png");
        let preview = match as_png {
            true => png_of(&preview, PNG_SIZE_MAX_PX)?,
            false => preview,
        };
        let extension = match preview.form {
            PreviewForm::Svg => "svg",
            PreviewForm::Png => "png",
        };
        if self.folder {
            let mut name = of.file_name().unwrap_or_default().to_owned();
            name.push(".");
            name.push(extension);
            to.push(name);
        } else if to.extension().is_none_or(|given| given != extension) {
            to.set_extension(extension);
        }
        fs::write(&to, &preview.bytes).with_context(|| to.display().to_string())?;
        Ok(to)
    }
}

fn row(name: &str, value: impl Display) -> String {
    format!("  {name:<12} {value}")
}

fn print(path: &Path, extraction: &Extraction, json: bool) -> anyhow::Result<()> {
    if json {
        line(serde_json::to_string(extraction)?)?;
        return Ok(());
    }
    line(path.display().to_string())?;
    if let Some(error) = &extraction.error {
        line(format!("  not read: {} ({})", error.message, error.code))?;
        return Ok(());
    }
    for (name, value) in rows(extraction) {
        line(row(name, value))?;
    }
    Ok(())
}

fn rows(extraction: &Extraction) -> Vec<(&'static str, String)> {
    let facts = &extraction.facts;
    let summary = extraction.summary();
    let mm = |value: Option<f64>| value.map(|mm| format!("{} mm", figure(mm)));
    let size = summary.width_mm.zip(summary.height_mm);
    let holes = summary.holes.iter().map(|hole| {
        let diameter = figure(hole.diameter_mm);
        format!("{} x d{diameter}", hole.count)
    });
    let holes = holes.collect::<Vec<_>>().join(", ");
    let values = [
        ("part", facts.part_name.as_ref().map(|f| f.value.clone())),
        ("material", facts.material.as_ref().map(|f| f.value.clone())),
        (
            "thickness",
            mm(facts.thickness_mm.as_ref().map(|f| f.value)),
        ),
        (
            "quantity",
            facts.quantity.as_ref().map(|f| f.value.to_string()),
        ),
        (
            "project",
            facts.project_code.as_ref().map(|f| f.value.to_string()),
        ),
        (
            "size",
            size.map(|(w, h)| format!("{} x {} mm", figure(w), figure(h))),
        ),
        ("cut length", mm(summary.cut_length_mm)),
        ("pierces", summary.pierces.map(|count| count.to_string())),
        ("holes", (!holes.is_empty()).then_some(holes)),
        ("confidence", Some(figure(extraction.confidence_score))),
        (
            "to check",
            (!summary.needs_review.is_empty()).then(|| summary.needs_review.join(", ")),
        ),
    ];
    values
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}
