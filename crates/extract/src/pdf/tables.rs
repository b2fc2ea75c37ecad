//! Cells and columns into rows of text: ruled tables, and lists whose columns only gaps tell. Never decides what a
//! column means.

use super::ruled::Cell;
use crate::layout::{Area, Band, Line, Piece};

/// Edges this near, in points, are one.
const EDGE_PT: f64 = 2.5;

/// Rows of cells as they stand on the page.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rows {
    pub(super) rows: Vec<Vec<String>>,
    /// Places of the cells; empty for a list without rules.
    pub(super) cells: Vec<usize>,
    pub(super) area: Area,
}

/// Cells side by side, all of one height.
struct Strip<'a> {
    cells: Vec<(usize, &'a Cell)>,
    area: Area,
}

impl Strip<'_> {
    /// Where columns begin, and where the last one ends.
    fn edges(&self) -> Vec<f64> {
        let lefts = self.cells.iter().map(|(_, cell)| cell.area.left);
        lefts.chain([self.area.right]).collect()
    }
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= EDGE_PT
}

/// Tables among the cells: strips of the same columns under each other. `texts` holds each cell's words.
pub(super) fn lattice(cells: &[Cell], texts: &[String]) -> Vec<Rows> {
    let mut tables: Vec<Vec<Strip<'_>>> = Vec::new();
    for strip in strips(cells) {
        // Of the tables above, the one that this strip continues.
        let above = tables.iter_mut().find(|table| {
            let last = table.last().map(|last| last.area);
            last.is_some_and(|last| {
                near(last.bottom, strip.area.top)
                    && near(last.left, strip.area.left)
                    && near(last.right, strip.area.right)
            }) && continues(table, &strip)
        });
        match above {
            Some(table) => table.push(strip),
            None => tables.push(vec![strip]),
        }
    }
    tables
        .iter()
        .filter(|table| table.len() > 1)
        .filter_map(|table| rows(table, texts))
        .collect()
}

/// Whether the strip's columns are the table's, or some of them merged.
fn continues(table: &[Strip<'_>], strip: &Strip<'_>) -> bool {
    let widest = table.iter().map(Strip::edges).max_by_key(Vec::len);
    let (columns, own) = (widest.unwrap_or_default(), strip.edges());
    let within = |some: &[f64], all: &[f64]| {
        some.iter()
            .all(|edge| all.iter().any(|other| near(*edge, *other)))
    };
    within(&own, &columns) || (columns.len() == 2 && within(&columns, &own))
}

fn strips(cells: &[Cell]) -> Vec<Strip<'_>> {
    let mut sorted: Vec<_> = cells.iter().enumerate().collect();
    sorted.sort_by(|(_, a), (_, b)| {
        let (a, b) = (a.area, b.area);
        a.top
            .total_cmp(&b.top)
            .then(a.bottom.total_cmp(&b.bottom))
            .then(a.left.total_cmp(&b.left))
    });
    let mut strips: Vec<Strip<'_>> = Vec::new();
    for (place, cell) in sorted {
        let joins = strips.last_mut().filter(|strip| {
            let last = strip.area;
            last.top == cell.area.top
                && last.bottom == cell.area.bottom
                && last.right == cell.area.left
        });
        match joins {
            Some(strip) => {
                strip.cells.push((place, cell));
                strip.area = strip.area.with(cell.area);
            }
            None => strips.push(Strip {
                cells: vec![(place, cell)],
                area: cell.area,
            }),
        }
    }
    strips
}

/// A table's rows in its finest columns; None for a single column.
fn rows(table: &[Strip<'_>], texts: &[String]) -> Option<Rows> {
    let columns = table.iter().map(Strip::edges).max_by_key(Vec::len)?;
    let count = columns.len().checked_sub(1).filter(|count| *count > 1)?;
    let mut found = Rows {
        area: table.iter().map(|strip| strip.area).reduce(Area::with)?,
        ..Rows::default()
    };
    for strip in table {
        let mut row = vec![String::new(); count];
        for (place, cell) in &strip.cells {
            let column = columns.iter().position(|edge| near(*edge, cell.area.left));
            if let (Some(slot), Some(text)) = (
                column.and_then(|column| row.get_mut(column)),
                texts.get(*place),
            ) {
                slot.clone_from(text);
            }
            found.cells.push(*place);
        }
        found.rows.push(row);
    }
    let filled = found.rows.iter().flatten().filter(|text| !text.is_empty());
    (filled.count() > count).then_some(found)
}

/// The words of each cell, lines joined by a blank.
pub(super) fn texts(cells: &[Cell], pieces: &[Piece]) -> Vec<String> {
    let mut texts = vec![String::new(); cells.len()];
    for piece in pieces {
        if let Some(text) = piece.cell.and_then(|cell| texts.get_mut(cell)) {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&piece.text);
        }
    }
    texts
}

/// A line that begins nearer than this below the one before it may continue its row, in heights of a line.
const CONTINUED_GAP: f64 = 0.7;

/// A band's lines as rows. A line that leaves the first column empty and stands close below belongs to the row above.
pub(super) fn stream(band: &Band, lines: &[Line]) -> Rows {
    let lines = lines.get(band.lines.clone()).unwrap_or_default();
    let mut found = Rows::default();
    let mut before: Option<Area> = None;
    for line in lines {
        let mut row = vec![String::new(); band.gutters.len() + 1];
        for piece in &line.pieces {
            if let Some(cell) = row.get_mut(band.column(piece.area.middle().0)) {
                append(cell, &piece.text);
            }
        }
        let close = before.is_some_and(|before| {
            line.area.top - before.bottom < CONTINUED_GAP * line.area.height()
        });
        let continued = close
            && found.rows.len() > 1
            && row.first().is_some_and(String::is_empty)
            && row.iter().filter(|cell| !cell.is_empty()).count() == 1;
        match found.rows.last_mut().filter(|_| continued) {
            Some(above) => {
                for (cell, more) in above.iter_mut().zip(&row) {
                    append(cell, more);
                }
            }
            None => found.rows.push(row),
        }
        before = Some(line.area);
    }
    found.area = lines
        .iter()
        .map(|line| line.area)
        .reduce(Area::with)
        .unwrap_or_default();
    found
}

fn append(cell: &mut String, more: &str) {
    if !cell.is_empty() && !more.is_empty() {
        cell.push(' ');
    }
    cell.push_str(more);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(list: &[[f64; 4]]) -> Vec<Cell> {
        let area = |[left, top, right, bottom]: [f64; 4]| Area {
            left,
            top,
            right,
            bottom,
        };
        list.iter()
            .map(|edges| Cell {
                area: area(*edges),
                grid: 0,
            })
            .collect()
    }

    #[test]
    fn strips_of_the_same_columns_are_a_table_and_merged_cells_stand_first() {
        let cells = cells(&[
            [0.0, 0.0, 90.0, 10.0],
            [0.0, 10.0, 30.0, 20.0],
            [30.0, 10.0, 90.0, 20.0],
            [0.0, 20.0, 30.0, 30.0],
            [30.0, 20.0, 90.0, 30.0],
            [0.0, 30.0, 45.0, 40.0],
            [45.0, 30.0, 90.0, 40.0],
        ]);
        let texts = ["Parts", "Part", "Qty", "Plate", "4", "Drawn", "Date"].map(str::to_owned);
        let tables = lattice(&cells, &texts);
        assert_eq!(tables.len(), 1);
        assert_eq!(
            tables[0].rows,
            [["Parts", ""], ["Part", "Qty"], ["Plate", "4"]]
        );
        assert_eq!(tables[0].cells, [0, 1, 2, 3, 4]);
    }
}
