//! Reads PDF: text, tables, title blocks and orders, the outline that a page draws, a preview, and pages for OCR. Only
//! "this is no PDF" and "it has a password" are errors. Never renders what the limits forbid, and never takes letters
//! that no font names for text.

mod cost;
mod facts;
mod fonts;
mod ink;
mod limits;
mod open;
mod outline;
mod page;
mod raster;
mod reader;
mod ruled;
mod tables;
mod weight;

pub use limits::PdfLimits;

use crate::Input;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::document::{Document, Field, Ocr, Page};
use crate::documented::Documented;
use crate::error::ExtractError;
use crate::facts::Rules;
use crate::kind::Kind;
use crate::limits::Limits;
use hayro::hayro_syntax::Pdf;
use page::PageText;
use reader::Reader;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A PDF ends with this mark in its last kilobyte (ISO 32000-1, annex H, note 18).
const END: &[u8] = b"%%EOF";
const END_BYTES: usize = 1_024;

/// Reads a PDF within the limits; should the reader of PDF syntax panic, the file is called damaged.
pub(crate) fn read(
    bytes: &[u8],
    input: &Input<'_>,
    rules: &Rules,
    limits: &Limits,
) -> Result<Documented, ExtractError> {
    let read = AssertUnwindSafe(|| read_pages(bytes, input, rules, limits));
    catch_unwind(read).unwrap_or(Err(ExtractError::Damaged))
}

fn read_pages(
    bytes: &[u8],
    input: &Input<'_>,
    rules: &Rules,
    limits: &Limits,
) -> Result<Documented, ExtractError> {
    let pdf = open::open(bytes)?;
    let mut diagnostics = Diagnostics::new(limits.diagnostics_max);
    let tail = bytes.get(bytes.len().saturating_sub(END_BYTES)..);
    if memchr::memmem::find(tail.unwrap_or(bytes), END).is_none() {
        diagnostics.push(|| {
            let message = "the file does not end as a PDF does: a part of it may be missing";
            Diagnostic::new(Severity::Warning, "pdf_cut_off", message)
        });
    }
    let weight = weight::weigh(&pdf, &limits.pdf, &mut diagnostics);
    let document = Document {
        format_version: Some(open::version(&pdf)),
        info: open::info(pdf.metadata()),
        pages: pages(&pdf, &limits.pdf),
        pages_total: Some(u64::try_from(pdf.pages().len()).unwrap_or(u64::MAX)),
        ..Document::default()
    };
    let mut reader = Reader::new(
        Documented::new(Kind::Pdf, document, diagnostics),
        input,
        rules,
        limits,
    );
    if weight.reads() {
        reader.pages(&pdf, weight.renders());
    }
    Ok(reader.finish())
}

/// The words of one picture in lines, labelled fields and tables, as those of a page.
pub(crate) fn words_read_off(ocr: &Ocr) -> PageText {
    let words = ocr.words.iter().map(|word| reader::word_of(word, 1.0));
    page::read(words.collect(), &ruled::Ruled::default())
}

/// The fields of one page as lines that facts are read from.
pub(crate) fn stated_on_page(fields: &[Field], rules: &Rules) -> Vec<String> {
    facts::stated(&[(1, fields.to_vec())], rules).texts
}

/// Sizes of the pages that are read.
fn pages(pdf: &Pdf, limits: &PdfLimits) -> Vec<Page> {
    let size = |side: f32| (f64::from(side) * outline::PT_MM * 1_000.0).round() / 1_000.0;
    let pages = pdf.pages().iter().take(limits.pages_read_max);
    pages
        .map(|page| {
            let (width, height) = page.render_dimensions();
            Page {
                width_mm: size(width),
                height_mm: size(height),
            }
        })
        .collect()
}
