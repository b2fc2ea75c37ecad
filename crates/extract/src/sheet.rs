//! Spreadsheets of every make: workbooks, and the tables of text and HTML that pose as them. Sheets in, a document with
//! part lines out; it must never believe a size that a file declares, nor run a formula.

mod biff;
mod gather;
mod preview;
mod workbook;

pub(crate) use gather::Gather;
pub(crate) use workbook::is_encrypted;

use crate::Input;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::document::{Document, Schema, Sheet};
use crate::documented::Documented;
use crate::error::ExtractError;
use crate::facts::Rules;
use crate::kind::Kind;
use crate::limits::Limits;
use crate::open_document;
use crate::package::Package;
use crate::plain;
use crate::table::{self, Grid};
use serde::{Deserialize, Serialize};

/// How much of a workbook is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SheetLimits {
    pub sheets_max: usize,
    /// Cells kept of all sheets, the empty ones between them included.
    pub cells_max: usize,
    /// Cells that a sheet of an xls file may span, most of them empty: memory is taken for the area.
    pub area_cells_max: u64,
    /// Columns of a sheet that are read.
    pub columns_max: usize,
    /// Bytes of all cells' text.
    pub text_bytes_max: usize,
    /// Merged areas of a sheet.
    pub merges_max: usize,
    /// Cells of all rows of words that are judged as headers; later rows are rows like any other.
    pub header_cells_max: usize,
    /// Tables within tables of HTML.
    pub depth_max: usize,
    /// Rows, columns, and bytes of a preview.
    pub preview_rows_max: usize,
    pub preview_columns_max: usize,
    pub preview_bytes_max: usize,
}

impl Default for SheetLimits {
    fn default() -> Self {
        Self {
            sheets_max: 500,
            cells_max: 4_000_000,
            area_cells_max: 6_000_000,
            columns_max: 256,
            text_bytes_max: 64 * 1024 * 1024,
            merges_max: 100_000,
            header_cells_max: 400_000,
            depth_max: 16,
            preview_rows_max: 60,
            preview_columns_max: 16,
            preview_bytes_max: 256 * 1024,
        }
    }
}

/// Sheets as read, with what was odd about them.
pub(crate) struct Workbook {
    /// `xlsx`, `xlsb`, `xls`, `ods`, `csv`, `html`.
    pub(crate) format: &'static str,
    pub(crate) sheets: Vec<Sheet>,
    /// One of each sheet that holds something.
    pub(crate) grids: Vec<Grid>,
    /// Lines beside the tables.
    pub(crate) texts: Vec<String>,
}

const OLE: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";

/// Reads a spreadsheet of whatever make the content is.
///
/// # Errors
/// [`ExtractError`] when the file is locked, damaged, or larger than the limits.
pub(crate) fn read(
    bytes: &[u8],
    input: &Input<'_>,
    rules: &Rules,
    limits: &Limits,
) -> Result<Documented, ExtractError> {
    let mut diagnostics = Diagnostics::new(limits.diagnostics_max);
    let workbook = match bytes {
        bytes if bytes.starts_with(b"PK") => packaged(bytes, limits, &mut diagnostics)?,
        bytes if bytes.starts_with(OLE) || bytes.starts_with(&[9]) => {
            workbook::xls(bytes, limits, &mut diagnostics)?
        }
        text => plain::tables(text, input.file_name, limits, &mut diagnostics),
    };
    Ok(documented(workbook, input, rules, limits, diagnostics))
}

fn packaged(
    bytes: &[u8],
    limits: &Limits,
    diagnostics: &mut Diagnostics,
) -> Result<Workbook, ExtractError> {
    let mut package = Package::open(bytes, &limits.package)?;
    match () {
        () if package.has("content.xml") => {
            open_document::sheets(&mut package, limits, diagnostics)
        }
        () if package.has("xl/workbook.bin") => workbook::xlsb(bytes, package, limits, diagnostics),
        () => workbook::xlsx(bytes, package, limits, diagnostics),
    }
}

/// A workbook's tables and what they say.
pub(crate) fn documented(
    workbook: Workbook,
    input: &Input<'_>,
    rules: &Rules,
    limits: &Limits,
    mut diagnostics: Diagnostics,
) -> Documented {
    let read = table::read(&workbook.grids, rules, limits, &mut diagnostics);
    for sheet in workbook.sheets.iter().filter(|sheet| !sheet.visible) {
        diagnostics.push(|| {
            Diagnostic::new(
                Severity::Info,
                "hidden_sheet",
                format!("sheet {:?} is hidden", sheet.name),
            )
        });
    }
    let preview = input.preview.then(|| preview::of(&workbook, &limits.sheet));
    let mut texts = workbook.texts;
    texts.extend(read.texts);
    let document = Document {
        format_version: Some(workbook.format.to_owned()),
        sheets: workbook.sheets,
        text: joined(&texts, limits.text_bytes_max),
        tables: read.tables,
        fields: read.fields,
        schema: Some(read.schema.unwrap_or(Schema::Empty)),
        ..Document::default()
    };
    Documented {
        texts,
        readings: read.readings,
        part_lines: read.part_lines,
        part_lines_beyond: read.part_lines_beyond,
        preview: preview.flatten(),
        ..Documented::new(Kind::Excel, document, diagnostics)
    }
}

/// Lines as one text, cut at a limit.
pub(crate) fn joined(lines: &[String], bytes_max: usize) -> String {
    let mut text = String::new();
    for line in lines {
        if text.len() + line.len() >= bytes_max {
            break;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(line);
    }
    text
}
