//! The first sheet as a picture of a table, for a person to recognise the file by. Text is escaped and cut; the picture is
//! never larger than its limit, and never holds anything that runs.

use super::{SheetLimits, Workbook};
use crate::outcome::{Preview, PreviewForm};
use crate::table::{Cell, Row};
use std::fmt::Write;

const ROW_HEIGHT: usize = 22;
const COLUMN_WIDTH: usize = 130;
/// Letters that fit a column.
const CELL_CHARS: usize = 18;
const END: &str = "</svg>\n";

/// An SVG of the first rows and columns; none when there is nothing to show.
pub(super) fn of(workbook: &Workbook, limits: &SheetLimits) -> Option<Preview> {
    let grid = workbook.grids.first()?;
    let rows: Vec<&Row> = grid.rows.iter().take(limits.preview_rows_max).collect();
    let first = rows
        .iter()
        .filter_map(|row| row.cells.iter().position(|cell| !cell.is_empty()));
    let first = first.min().unwrap_or(0);
    let columns = rows.iter().map(|row| row.cells.len()).max()?;
    let columns = columns
        .saturating_sub(first)
        .min(limits.preview_columns_max);
    let (width, height) = (columns * COLUMN_WIDTH + 2, rows.len() * ROW_HEIGHT + 2);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\"><rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for (line, row) in rows.iter().enumerate() {
        let drawn = row_svg(row, line, first, columns);
        if svg.len() + drawn.len() + END.len() > limits.preview_bytes_max {
            break;
        }
        svg.push_str(&drawn);
    }
    svg.push_str(END);
    Some(Preview {
        form: PreviewForm::Svg,
        bytes: svg.into_bytes(),
    })
}

fn row_svg(row: &Row, line: usize, first: usize, columns: usize) -> String {
    let top = line * ROW_HEIGHT + 1;
    let mut svg = String::new();
    for (at, cell) in row.cells.iter().skip(first).take(columns).enumerate() {
        if cell.is_empty() {
            continue;
        }
        let left = at * COLUMN_WIDTH + 1;
        let (x, anchor) = match cell {
            Cell::Number(_) => (left + COLUMN_WIDTH - 6, "end"),
            _ => (left + 6, "start"),
        };
        let written = cell.written();
        let y = top + 15;
        // Writing to a String cannot fail.
        _ = writeln!(
            svg,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{COLUMN_WIDTH}\" height=\"{ROW_HEIGHT}\" fill=\"none\" stroke=\"#bbb\"/>\
             <text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{}</text>",
            escaped(&written)
        );
    }
    svg
}

fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for (at, c) in text.chars().enumerate() {
        match c {
            _ if at >= CELL_CHARS => {
                safe.push('…');
                break;
            }
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}
