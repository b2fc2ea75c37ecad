//! Puts cells into rows as they come, within the limits of a whole workbook. It must never allocate by a position that a
//! file names: a far cell costs no more than a near one.

use super::SheetLimits;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::document::Sheet;
use crate::table::{Cell, Grid, Row, Site, Span, Spans};

/// Collects the sheets of one workbook.
pub(crate) struct Gather<'l> {
    limits: &'l SheetLimits,
    cells_left: usize,
    text_left: usize,
    sheets: Vec<Sheet>,
    grids: Vec<Grid>,
    /// The innermost last: tables may stand in tables.
    open: Vec<Open>,
    /// Cells left out for want of room, and beyond the last column that is read.
    omitted: u64,
    beyond: u64,
    /// Cells with an error in place of a value, and formulas without one.
    errors: u64,
    uncomputed: u64,
}

/// The sheet that is being read.
#[derive(Default)]
struct Open {
    sheet: Sheet,
    rows: Vec<Row>,
    spans: Vec<Span>,
    unsorted: bool,
}

impl<'l> Gather<'l> {
    pub(crate) fn new(limits: &'l SheetLimits) -> Self {
        Self {
            limits,
            cells_left: limits.cells_max,
            text_left: limits.text_bytes_max,
            sheets: Vec::new(),
            grids: Vec::new(),
            open: Vec::new(),
            omitted: 0,
            beyond: 0,
            errors: 0,
            uncomputed: 0,
        }
    }

    /// Begins a sheet, or a table within one.
    pub(crate) fn sheet(&mut self, name: &str, visible: bool) {
        self.open.push(Open {
            sheet: Sheet {
                name: name.chars().take(NAME_CHARS_MAX).collect(),
                visible,
                ..Sheet::default()
            },
            ..Open::default()
        });
    }

    /// Whether there is room for another sheet.
    pub(crate) fn has_room(&self) -> bool {
        self.sheets.len() + self.open.len() < self.limits.sheets_max
    }

    /// Whether cells have been left out already.
    pub(crate) fn is_full(&self) -> bool {
        self.omitted > 0
    }

    pub(crate) fn columns_max(&self) -> usize {
        self.limits.columns_max
    }

    /// Adds a cell; rows count from 1, columns from 0.
    pub(crate) fn cell(&mut self, row: u64, column: usize, cell: Cell) {
        if cell.is_empty() {
            return;
        }
        let Some(Open {
            sheet,
            rows,
            unsorted,
            ..
        }) = self.open.last_mut()
        else {
            return;
        };
        sheet.rows = sheet.rows.max(row);
        let columns = u64::try_from(column).unwrap_or(u64::MAX).saturating_add(1);
        sheet.columns = sheet.columns.max(columns);
        if column >= self.limits.columns_max {
            self.beyond += 1;
            return;
        }
        let last = rows.last().map_or(0, |last| last.number);
        let filled = rows
            .last()
            .filter(|_| row == last)
            .map_or(0, |last| last.cells.len());
        let slots = (column + 1).saturating_sub(filled);
        let bytes = match &cell {
            Cell::Text(text) | Cell::Date(text) => text.len(),
            _ => 0,
        };
        if slots > self.cells_left || bytes > self.text_left {
            self.omitted += 1;
            return;
        }
        self.cells_left -= slots;
        self.text_left -= bytes;
        if row != last {
            *unsorted |= row < last;
            rows.push(Row {
                number: row,
                cells: Vec::new(),
            });
        }
        if let Some(last) = rows.last_mut() {
            if last.cells.len() <= column {
                last.cells.resize(column + 1, Cell::Empty);
            }
            if let Some(place) = last.cells.get_mut(column) {
                *place = cell;
            }
        }
    }

    /// Rows from 1, columns from 0, both ends included.
    pub(crate) fn merge(&mut self, rows: (u64, u64), columns: (usize, usize)) {
        let max = self.limits.merges_max;
        if let Some(open) = self.open.last_mut().filter(|open| open.spans.len() < max) {
            open.spans.push(Span { rows, columns });
        }
    }

    pub(crate) fn error(&mut self) {
        self.errors += 1;
    }

    pub(crate) fn uncomputed(&mut self) {
        self.uncomputed += 1;
    }

    /// Ends the sheet. `site` says how its rows are spoken of.
    pub(crate) fn close(&mut self, site: Site) {
        let Some(Open {
            sheet,
            mut rows,
            spans,
            unsorted,
        }) = self.open.pop()
        else {
            return;
        };
        if unsorted {
            rows = sorted(rows);
        }
        if !rows.is_empty() {
            self.grids.push(Grid {
                spans: Spans::new(spans),
                hidden: !sheet.visible,
                ..Grid::new(site, rows)
            });
        }
        self.sheets.push(sheet);
    }

    /// All sheets, and what was left out of them.
    pub(crate) fn finish(self, diagnostics: &mut Diagnostics) -> (Vec<Sheet>, Vec<Grid>) {
        let counted = [
            (
                self.omitted,
                "cells_max",
                "cells are left out: the workbook is too large (sheet.cells_max, sheet.text_bytes_max)",
            ),
            (
                self.beyond,
                "columns_max",
                "cells stand beyond the last column that is read (sheet.columns_max)",
            ),
            (
                self.errors,
                "error_cells",
                "cells hold an error in place of a value",
            ),
            (
                self.uncomputed,
                "formula_not_computed",
                "formulas have no saved value: open the file in its program and save it",
            ),
        ];
        for (count, code, what) in counted.into_iter().filter(|(count, ..)| *count > 0) {
            diagnostics
                .push(|| Diagnostic::new(Severity::Warning, code, format!("{count} {what}")));
        }
        (self.sheets, self.grids)
    }
}

/// Letters of a sheet's name.
const NAME_CHARS_MAX: usize = 200;

/// Rows in order; cells of a row that came in pieces are brought together.
fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by_key(|row| row.number);
    let mut merged: Vec<Row> = Vec::new();
    for row in rows {
        match merged.last_mut().filter(|last| last.number == row.number) {
            None => merged.push(row),
            Some(last) => {
                let cells = last.cells.len().max(row.cells.len());
                last.cells.resize(cells, Cell::Empty);
                for (place, cell) in last.cells.iter_mut().zip(row.cells) {
                    if !cell.is_empty() {
                        *place = cell;
                    }
                }
            }
        }
    }
    merged
}
