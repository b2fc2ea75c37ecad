//! The records of an xls stream: how far its cells reach, before anything takes memory for the area between them, and the
//! cells themselves of the oldest files (BIFF 2 to 4), which stand in no container. It must never trust a length.

use super::Gather;
use crate::error::ExtractError;
use crate::table::{Cell, Site};
use encoding_rs::WINDOWS_1252;
use std::io::{Cursor, Read};

/// Records one after the other: type and data.
struct Records<'b> {
    rest: &'b [u8],
}

impl<'b> Iterator for Records<'b> {
    type Item = (u16, &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, length) = (word(self.rest, 0)?, word(self.rest, 2)?);
        let (data, rest) = self.rest.get(4..)?.split_at_checked(usize::from(length))?;
        self.rest = rest;
        Some((kind, data))
    }
}

fn word(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..)?
        .first_chunk()
        .map(|bytes| u16::from_le_bytes(*bytes))
}

fn long(data: &[u8], at: usize) -> Option<u32> {
    data.get(at..)?
        .first_chunk()
        .map(|bytes| u32::from_le_bytes(*bytes))
}

fn double(data: &[u8], at: usize) -> Option<f64> {
    data.get(at..)?
        .first_chunk()
        .map(|bytes| f64::from_le_bytes(*bytes))
}

const DIMENSIONS: u16 = 0x0200;
/// Beginnings of streams, BIFF 2 to 8.
const BEGINS: [u16; 4] = [0x0009, 0x0209, 0x0409, 0x0809];
/// Records that begin with a row and a column.
const CELLS: [u16; 10] = [
    0x0006, 0x00BD, 0x00D6, 0x00FD, 0x0203, 0x0204, 0x0205, 0x0206, 0x027E, 0x0406,
];

/// Refuses a workbook whose sheets span more cells than the limit, by what they declare or by where their cells stand.
///
/// # Errors
/// [`ExtractError::TooLarge`]; [`ExtractError::Damaged`] when the container has no workbook.
pub(super) fn check(bytes: &[u8], cells_max: u64) -> Result<(), ExtractError> {
    let mut container =
        cfb::CompoundFile::open(Cursor::new(bytes)).map_err(|_cfb| ExtractError::Damaged)?;
    let names = ["Workbook", "WORKBOOK", "Book", "BOOK"];
    let name = names.into_iter().find(|name| container.is_stream(name));
    let mut stream = Vec::new();
    let limit = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    container
        .open_stream(name.ok_or(ExtractError::Damaged)?)
        .and_then(|stream_of| stream_of.take(limit).read_to_end(&mut stream))
        .map_err(|_io| ExtractError::Damaged)?;
    // Wherever a sheet begins in the stream, its records are among these or misaligned with them.
    let (mut rows, mut columns) = (0u64, 0u64);
    for (kind, data) in (Records { rest: &stream }) {
        if BEGINS.contains(&kind) {
            (rows, columns) = (0, 0);
        }
        let place = match kind {
            DIMENSIONS => declared(data),
            kind if CELLS.contains(&kind) => word(data, 0)
                .map(u64::from)
                .zip(word(data, 2).map(u64::from)),
            _ => None,
        };
        if let Some((row, column)) = place {
            rows = rows.max(row + 1);
            columns = columns.max(column + 1);
        }
        if rows.saturating_mul(columns) > cells_max {
            return Err(ExtractError::TooLarge("sheet.area_cells_max"));
        }
    }
    Ok(())
}

/// The last row and column that a sheet declares.
fn declared(data: &[u8]) -> Option<(u64, u64)> {
    match data.len() {
        10 => Some((u64::from(word(data, 2)?), u64::from(word(data, 6)?))),
        _ => Some((u64::from(long(data, 4)?), u64::from(word(data, 10)?))),
    }
}

/// Reads the one sheet of a file of BIFF 2 to 4; letters are Windows-1252.
pub(super) fn read_old(bytes: &[u8], gather: &mut Gather<'_>) {
    const NAME: &str = "Sheet 1";
    gather.sheet(NAME, true);
    let mut formula = (0, 0);
    for (kind, data) in (Records { rest: bytes }) {
        let Some((row, column)) = word(data, 0).zip(word(data, 2)) else {
            continue;
        };
        let cell = match kind {
            // BIFF 2 has three bytes of attributes where the others have two.
            0x0002 => word(data, 7).map(|number| Cell::Number(f64::from(number))),
            0x0003 => double(data, 7).map(Cell::Number),
            0x0004 => data.get(8..).map(text),
            0x0203 => double(data, 6).map(Cell::Number),
            0x0204 => data.get(8..).map(text),
            0x027E => long(data, 6).map(|packed| Cell::Number(unpacked(packed))),
            0x0006 | 0x0206 | 0x0406 => {
                formula = (row, column);
                let at = if kind == 0x0006 { 7 } else { 6 };
                double(data, at)
                    .filter(|value| value.is_finite())
                    .map(Cell::Number)
            }
            0x0007 | 0x0207 => {
                let from = if kind == 0x0007 { 1 } else { 2 };
                let cell = data.get(from..).map_or(Cell::Empty, text);
                gather.cell(u64::from(formula.0) + 1, usize::from(formula.1), cell);
                None
            }
            _ => None,
        };
        gather.cell(
            u64::from(row) + 1,
            usize::from(column),
            cell.unwrap_or_default(),
        );
    }
    gather.close(Site::Sheet(NAME.to_owned()));
}

fn text(bytes: &[u8]) -> Cell {
    Cell::text(&WINDOWS_1252.decode_without_bom_handling(bytes).0)
}

/// A number in 30 bits: an integer or the upper half of a double, perhaps in hundredths.
fn unpacked(packed: u32) -> f64 {
    let value = match packed & 2 {
        0 => f64::from_bits(u64::from(packed & !3) << 32),
        _ => f64::from(packed.cast_signed() >> 2),
    };
    if packed & 1 == 1 {
        value / 100.0
    } else {
        value
    }
}
