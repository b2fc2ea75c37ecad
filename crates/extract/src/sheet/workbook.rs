//! Excel's own workbooks, read through calamine: xlsx and xlsb cell by cell, xls as a whole. What calamine trusts is
//! checked before it sees the file, and should it panic all the same the file is called damaged.

use super::{Gather, Workbook, biff};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::error::ExtractError;
use crate::limits::Limits;
use crate::package::Package;
use crate::table::{Cell, Site};
use calamine::{
    Data, DataRef, Dimensions, ExcelDateTime, Reader, SheetType, SheetVisible, Xls, XlsError, Xlsb,
    Xlsx, XlsxError,
};
use memchr::memmem;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// # Errors
/// [`ExtractError::Damaged`], [`ExtractError::TooLarge`], [`ExtractError::PasswordNeeded`].
pub(super) fn xlsx(
    bytes: &[u8],
    mut package: Package<'_>,
    limits: &Limits,
    diagnostics: &mut Diagnostics,
) -> Result<Workbook, ExtractError> {
    let merged = check(&mut package, diagnostics)?;
    let mut gather = Gather::new(&limits.sheet);
    guarded(|| {
        let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|error| match error {
            XlsxError::Password => ExtractError::PasswordNeeded,
            _ => ExtractError::Damaged,
        })?;
        for sheet in in_order(book.sheets_metadata()) {
            if !gather.has_room() {
                break;
            }
            gather.sheet(&sheet.name, sheet.visible == SheetVisible::Visible);
            let read = xlsx_cells(&mut book, &sheet.name, &mut gather);
            if merged && read.is_ok() {
                let areas = book.merge_cells_by_sheet_name(&sheet.name);
                merge(&mut gather, &areas.unwrap_or_default());
            }
            if let Err(error) = read {
                incomplete(diagnostics, &sheet.name, &error.to_string());
            }
            gather.close(Site::Sheet(sheet.name));
        }
        Ok(())
    })?;
    Ok(finish("xlsx", gather, diagnostics))
}

fn xlsx_cells(
    book: &mut Xlsx<Cursor<&[u8]>>,
    name: &str,
    gather: &mut Gather<'_>,
) -> Result<(), XlsxError> {
    let mut cells = match book.worksheet_cells_reader(name) {
        Err(XlsxError::NotAWorksheet(_)) => return Ok(()),
        cells => cells?,
    };
    while let Some(record) = cells.next_cell_with_formula_metadata()? {
        let cell = of_ref(record.value, gather);
        if cell.is_empty() && record.formula.is_some() {
            gather.uncomputed();
        }
        let (row, column) = record.pos;
        gather.cell(u64::from(row) + 1, at(column), cell);
    }
    Ok(())
}

/// # Errors
/// As [`xlsx`].
pub(super) fn xlsb(
    bytes: &[u8],
    mut package: Package<'_>,
    limits: &Limits,
    diagnostics: &mut Diagnostics,
) -> Result<Workbook, ExtractError> {
    check(&mut package, diagnostics)?;
    let mut gather = Gather::new(&limits.sheet);
    guarded(|| {
        let mut book: Xlsb<_> =
            Xlsb::new(Cursor::new(bytes)).map_err(|_xlsb| ExtractError::Damaged)?;
        for sheet in in_order(book.sheets_metadata()) {
            if !gather.has_room() {
                break;
            }
            gather.sheet(&sheet.name, sheet.visible == SheetVisible::Visible);
            let read = book
                .worksheet_cells_reader(&sheet.name)
                .and_then(|mut cells| {
                    while let Some(cell) = cells.next_cell()? {
                        let (row, column) = cell.get_position();
                        let value = of_ref(cell.get_value().clone(), &mut gather);
                        gather.cell(u64::from(row) + 1, at(column), value);
                    }
                    Ok(())
                });
            if let Err(error) = read {
                incomplete(diagnostics, &sheet.name, &error.to_string());
            }
            gather.close(Site::Sheet(sheet.name));
        }
        Ok(())
    })?;
    Ok(finish("xlsb", gather, diagnostics))
}

/// # Errors
/// As [`xlsx`]; a container of an encrypted workbook is [`ExtractError::PasswordNeeded`] too.
pub(super) fn xls(
    bytes: &[u8],
    limits: &Limits,
    diagnostics: &mut Diagnostics,
) -> Result<Workbook, ExtractError> {
    if is_encrypted(bytes) {
        return Err(ExtractError::PasswordNeeded);
    }
    let mut gather = Gather::new(&limits.sheet);
    if bytes.starts_with(&[9]) {
        biff::read_old(bytes, &mut gather);
        return Ok(finish("xls", gather, diagnostics));
    }
    biff::check(bytes, limits.sheet.area_cells_max)?;
    guarded(|| {
        let mut book: Xls<_> = Xls::new(Cursor::new(bytes)).map_err(|error| match error {
            XlsError::Password => ExtractError::PasswordNeeded,
            _ => ExtractError::Damaged,
        })?;
        for sheet in in_order(book.sheets_metadata()) {
            let Ok(range) = book.worksheet_range(&sheet.name) else {
                continue;
            };
            if !gather.has_room() {
                break;
            }
            gather.sheet(&sheet.name, sheet.visible == SheetVisible::Visible);
            let (top, left) = range.start().unwrap_or_default();
            for (row, column, value) in range.used_cells() {
                let row = u64::try_from(row)
                    .unwrap_or(u64::MAX)
                    .saturating_add(u64::from(top) + 1);
                let value = of_ref(borrowed(value), &mut gather);
                gather.cell(row, column.saturating_add(at(left)), value);
            }
            let areas = book.merge_cells_by_sheet_name(&sheet.name);
            merge(&mut gather, &areas.unwrap_or_default());
            gather.close(Site::Sheet(sheet.name));
        }
        Ok(())
    })?;
    Ok(finish("xls", gather, diagnostics))
}

/// Whether an OLE file wraps an encrypted package; its directory names are UTF-16.
pub(crate) fn is_encrypted(bytes: &[u8]) -> bool {
    memmem::find(bytes, b"E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0").is_some()
}

/// Bytes of the shortest word in a list of words: `<si/>`.
const WORD_BYTES_MIN: u64 = 5;
/// Words a list may always declare.
const WORDS_FREE: u64 = 100_000;

/// Inflates every part once, counting; answers whether any cells are merged.
///
/// A list of words declares how many it holds, and memory is taken for so many: it must have the bytes for them.
fn check(package: &mut Package<'_>, diagnostics: &mut Diagnostics) -> Result<bool, ExtractError> {
    let mut merged = false;
    for name in package.names() {
        if name.contains("/media/") || name.ends_with('/') {
            continue;
        }
        let (mut bytes, mut declared) = (0u64, 0u64);
        let words = name.to_ascii_lowercase().ends_with("sharedstrings.xml");
        let sound = package.scan(&name, |chunk, again| {
            bytes += u64::try_from(chunk.len() - again).unwrap_or(u64::MAX);
            merged = merged || memmem::find(chunk, b"mergeCell").is_some();
            if words {
                declared = declared.max(declared_words(chunk));
            }
            true
        })?;
        if declared > WORDS_FREE.max(bytes / WORD_BYTES_MIN) {
            return Err(ExtractError::Damaged);
        }
        if sound == Some(false) {
            diagnostics.push(|| {
                let message =
                    format!("{name} inside the file is damaged: what it holds may be missing");
                Diagnostic::new(Severity::Warning, "part_damaged", message)
                    .hint("save the workbook again in the program it comes from")
            });
        }
    }
    Ok(merged)
}

/// The largest `uniqueCount` in this piece of XML.
fn declared_words(chunk: &[u8]) -> u64 {
    const NAME: &[u8] = b"uniqueCount";
    let counts = memmem::find_iter(chunk, NAME).map(|at| {
        let behind = chunk.get(at + NAME.len()..).unwrap_or_default();
        let value = behind
            .iter()
            .skip_while(|byte| b" \t\r\n=\"'".contains(byte));
        let digits = value.take_while(|byte| byte.is_ascii_digit());
        digits.fold(0u64, |count, digit| {
            count
                .saturating_mul(10)
                .saturating_add(u64::from(digit - b'0'))
        })
    });
    counts.max().unwrap_or(0)
}

/// What calamine does with a file; a panic of its is a damaged file. Nothing it held is used afterwards.
fn guarded(read: impl FnOnce() -> Result<(), ExtractError>) -> Result<(), ExtractError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or(Err(ExtractError::Damaged))
}

/// Sheets of cells, the hidden ones last.
fn in_order(sheets: &[calamine::Sheet]) -> Vec<calamine::Sheet> {
    let cells = |sheet: &&calamine::Sheet| {
        matches!(sheet.typ, SheetType::WorkSheet | SheetType::DialogSheet)
    };
    let mut sheets: Vec<_> = sheets.iter().filter(cells).cloned().collect();
    sheets.sort_by_key(|sheet| sheet.visible != SheetVisible::Visible);
    sheets
}

fn incomplete(diagnostics: &mut Diagnostics, sheet: &str, error: &str) {
    diagnostics.push(|| {
        let message = format!("sheet {sheet:?} is damaged and read only so far: {error}");
        Diagnostic::new(Severity::Warning, "sheet_incomplete", message)
    });
}

fn merge(gather: &mut Gather<'_>, areas: &[Dimensions]) {
    for area in areas {
        let rows = (u64::from(area.start.0) + 1, u64::from(area.end.0) + 1);
        gather.merge(rows, (at(area.start.1), at(area.end.1)));
    }
}

fn finish(format: &'static str, gather: Gather<'_>, diagnostics: &mut Diagnostics) -> Workbook {
    let (sheets, grids) = gather.finish(diagnostics);
    Workbook {
        format,
        sheets,
        grids,
        texts: Vec::new(),
    }
}

fn at(column: u32) -> usize {
    usize::try_from(column).unwrap_or(usize::MAX)
}

fn borrowed(value: &Data) -> DataRef<'_> {
    match value {
        Data::String(text) => DataRef::SharedString(text),
        Data::Int(number) => DataRef::Int(*number),
        Data::Float(number) => DataRef::Float(*number),
        Data::Bool(value) => DataRef::Bool(*value),
        Data::DateTime(date) => DataRef::DateTime(*date),
        Data::DateTimeIso(date) => DataRef::DateTimeIso(date.clone()),
        Data::DurationIso(time) => DataRef::DurationIso(time.clone()),
        Data::Error(error) => DataRef::Error(error.clone()),
        Data::Empty => DataRef::Empty,
    }
}

fn of_ref(value: DataRef<'_>, gather: &mut Gather<'_>) -> Cell {
    match value {
        DataRef::Empty => Cell::Empty,
        #[expect(clippy::cast_precision_loss, reason = "spreadsheets count in doubles")]
        DataRef::Int(number) => Cell::Number(number as f64),
        DataRef::Float(number) => Cell::Number(number),
        DataRef::String(text) => Cell::text(&text),
        DataRef::SharedString(text) => Cell::text(text),
        DataRef::Bool(value) => Cell::Bool(value),
        DataRef::DateTime(date) => of_date(&date),
        DataRef::DateTimeIso(date) => Cell::Date(date),
        DataRef::DurationIso(time) => Cell::text(&time),
        DataRef::Error(error) => {
            gather.error();
            Cell::Text(error.to_string())
        }
    }
}

/// A serial number as the day it stands for in the file's own calendar (from 1900 or from 1904), in ISO 8601.
fn of_date(date: &ExcelDateTime) -> Cell {
    let (year, month, day, hour, minute, second, _) = date.to_ymd_hms_milli();
    if date.is_duration() {
        let minutes = (date.as_f64() * 24.0 * 60.0).round();
        let hours = (minutes / 60.0).trunc();
        return Cell::Text(format!("{hours}:{:02}", (minutes - hours * 60.0).abs()));
    }
    let time = format!("{hour:02}:{minute:02}:{second:02}");
    if (0.0..1.0).contains(&date.as_f64()) {
        return Cell::Text(time);
    }
    let day = format!("{year:04}-{month:02}-{day:02}");
    Cell::Date(match time.as_str() {
        "00:00:00" => day,
        time => format!("{day}T{time}"),
    })
}
