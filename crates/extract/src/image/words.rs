//! What an OCR program read off a picture: lines, labelled fields, tables. Never surer of a fact than its words were read.

use crate::Input;
use crate::diagnostic::{Diagnostic, Severity};
use crate::document::Ocr;
use crate::documented::Documented;
use crate::facts::{Fact, Facts, Rules, Source, read_name, read_texts};
use crate::limits::Limits;
use crate::pdf;
use crate::table::{self, Grid, Site};

/// How sure a name is that is merely the first line worth the word.
const FIRST_LINE_CONFIDENCE: f64 = 0.3;

pub(super) fn read(
    documented: &mut Documented,
    ocr: &Ocr,
    input: &Input<'_>,
    rules: &Rules,
    limits: &Limits,
) {
    if !ocr.available {
        documented.diagnostics.push(|| {
            let message = "no OCR program is installed: words in the picture are not read";
            Diagnostic::new(Severity::Info, "ocr_unavailable", message)
        });
    }
    documented.readings = ocr.readings(rules);
    laid_out(documented, ocr, rules, limits);
    let named = documented
        .readings
        .iter()
        .chain([
            input.caller.facts(),
            &read_name(input.file_name, rules).facts,
        ])
        .any(|facts| facts.part_name.is_some());
    if !named {
        documented.readings.extend(first_line(ocr));
    }
    documented.document.text = ocr.text(limits);
    documented.document.ocr = Some(ocr.clone());
}

/// What stands beside labels and in tables, by the places of the words: as on a page of a PDF.
fn laid_out(documented: &mut Documented, ocr: &Ocr, rules: &Rules, limits: &Limits) {
    let page = pdf::words_read_off(ocr);
    let stated = pdf::stated_on_page(&page.fields, rules);
    let grids: Vec<Grid> = page
        .parts
        .iter()
        .map(|rows| Grid::of_text(Site::Page(1), rows))
        .collect();
    let read = table::read(&grids, rules, limits, &mut documented.diagnostics);
    let readings = read_texts(&stated, rules).into_iter().chain(read.readings);
    let trust = ocr.trust();
    documented
        .readings
        .extend(readings.map(|facts| facts.trusted(trust)));
    documented.document.fields = page.fields;
    documented.document.tables = read.tables;
    documented.document.schema = read.schema;
    documented.part_lines = read.part_lines;
    documented.part_lines_beyond = read.part_lines_beyond;
}

/// A part's name may be one of the first five lines of 6 to 49 characters that is no number.
fn first_line(ocr: &Ocr) -> Option<Facts> {
    let line = ocr.lines().into_iter().take(5).find(|line| {
        (6..=49).contains(&line.text.chars().count())
            && line.text.chars().filter(|c| c.is_alphabetic()).count() >= 3
    })?;
    let confidence = FIRST_LINE_CONFIDENCE * line.confidence;
    Some(Facts {
        part_name: Some(Fact::new(
            line.text.clone(),
            Source::BareText,
            line.text,
            confidence,
        )),
        ..Facts::default()
    })
}
