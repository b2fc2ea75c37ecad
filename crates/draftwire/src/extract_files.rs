//! `draftwire extract`: read files here and say what they are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use extract::facts::{CallerFacts, Rules};
use extract::{Extraction, Input, Limits};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::ExtractArgs;
use crate::report::{figure, line};

pub(crate) fn run(args: &ExtractArgs) -> anyhow::Result<ExitCode> {
    let mut files = Vec::new();
    for path in &args.paths {
        collect(path, &mut files)?;
    }
    let (rules, limits) = (Rules::default(), Limits::default());
    let bar = ProgressBar::new(files.len() as u64);
    bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")?);
    let mut failed = 0_u32;
    for path in &files {
        bar.set_message(path.display().to_string());
        match read(path, &rules, &limits) {
            Ok(extraction) => {
                failed += u32::from(extraction.error.is_some());
                bar.suspend(|| print(path, &extraction, args.json))?;
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

fn read(path: &Path, rules: &Rules, limits: &Limits) -> io::Result<Extraction> {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let bytes = fs::read(path)?;
    let caller = CallerFacts::default();
    let input = Input::new(&name, &caller);
    let extraction = extract::extract(&bytes, &input, rules, limits)
        .map(|outcome| outcome.extraction)
        .unwrap_or_else(|error| {
            let head = bytes.get(..extract::SNIFF_BYTES).unwrap_or(&bytes);
            Extraction::failed(&name, extract::sniff(head, &name).kind, &error)
        });
    Ok(extraction)
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
        line(format!("  {name:<12} {value}"))?;
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
