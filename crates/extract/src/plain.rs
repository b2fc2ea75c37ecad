//! Plain text: notes, lists of separated values, HTML. A table becomes rows, the rest lines; it must never take prose with
//! commas for a table.

pub(crate) mod decode;
pub(crate) mod separated;

use crate::Input;
use crate::blocks::{self, Blocks, Tables};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::documented::Documented;
use crate::facts::Rules;
use crate::kind::Kind;
use crate::limits::Limits;
use crate::markup::Tokens;
use crate::sheet::{Gather, Workbook};
use crate::table::{self, Site};
use crate::word;

/// Whether text is marked up as HTML or as an XML spreadsheet with a table in it.
pub(crate) fn has_markup_table(text: &str) -> bool {
    let text = text.trim_start_matches(['\u{feff}', ' ', '\r', '\n', '\t']);
    text.starts_with('<') && text.to_ascii_lowercase().contains("<table")
}

/// The tables of a text that is a spreadsheet.
pub(crate) fn tables(
    bytes: &[u8],
    file_name: &str,
    limits: &Limits,
    diagnostics: &mut Diagnostics,
) -> Workbook {
    let text = decode::decode(bytes);
    let markup = has_markup_table(&text);
    let format = if markup { "html" } else { "csv" };
    let extension = file_name
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    if matches!(extension.as_str(), "xls" | "xlsx" | "xlsm" | "xlsb" | "ods") {
        diagnostics.push(|| {
            let message = format!("the file is named .{extension}, but it is {format} text");
            Diagnostic::new(Severity::Warning, "not_a_workbook", message)
        });
    }
    if markup {
        let Blocks {
            lines,
            sheets,
            grids,
        } = blocks::read(Tokens::of_html(&text), Tables::Counted, limits, diagnostics);
        return Workbook {
            format,
            sheets,
            grids,
            texts: lines,
        };
    }
    let mut gather = Gather::new(&limits.sheet);
    gather.sheet(file_name, true);
    separated::read(
        &text,
        separated::delimiter(&text).unwrap_or(b','),
        &mut gather,
    );
    gather.close(Site::Lines);
    let (sheets, grids) = gather.finish(diagnostics);
    Workbook {
        format,
        sheets,
        grids,
        texts: Vec::new(),
    }
}

/// Reads text as lines, or as the table of parts that it is.
pub(crate) fn read(bytes: &[u8], input: &Input<'_>, rules: &Rules, limits: &Limits) -> Documented {
    let mut diagnostics = Diagnostics::new(limits.diagnostics_max);
    let text = decode::decode(bytes);
    if text.trim_start().starts_with('<') {
        let blocks = blocks::read(
            Tokens::of_html(&text),
            Tables::Counted,
            limits,
            &mut diagnostics,
        );
        return word::documented(Kind::Text, "html", blocks, rules, limits, diagnostics);
    }
    if separated::delimiter(&text).is_some() {
        let mut unsaid = Diagnostics::new(limits.diagnostics_max);
        let book = tables(bytes, input.file_name, limits, &mut unsaid);
        let read = table::read(&book.grids, rules, limits, &mut unsaid);
        if !read.part_lines.is_empty() {
            let blocks = Blocks {
                lines: Vec::new(),
                sheets: book.sheets,
                grids: book.grids,
            };
            return word::documented(Kind::Text, "text", blocks, rules, limits, diagnostics);
        }
    }
    let blocks = Blocks {
        lines: lines(&text, limits),
        sheets: Vec::new(),
        grids: Vec::new(),
    };
    word::documented(Kind::Text, "text", blocks, rules, limits, diagnostics)
}

/// Lines that say something, within the limits.
fn lines(text: &str, limits: &Limits) -> Vec<String> {
    let mut left = limits.text_bytes_max;
    let mut lines = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let Some(rest) = left
            .checked_sub(line.len())
            .filter(|_| lines.len() < limits.texts_max)
        else {
            break;
        };
        left = rest;
        lines.push(line.to_owned());
    }
    lines
}
