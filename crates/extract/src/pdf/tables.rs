//! Cells and columns into rows of text: ruled tables, and lists whose columns only gaps tell. Never decides what a
//! column means.

use super::ruled::Cell;
use crate::layout::{Area, Band, Line, Piece};
use std::collections::BTreeMap;

/// Edges this near, in points, are one.
const EDGE_PT: f64 = 2.5;

/// Cells that carry their own label make a strip a part of a title block.
const TITLED_CELLS_MIN: usize = 2;

/// Rows of cells as they stand on the page.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rows {
    pub(super) rows: Vec<Vec<String>>,
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

/// Tables among the cells: strips of the same columns under each other. Cells that are `titled` carry their own label;
/// a strip of them belongs to a title block.
pub(super) fn lattice(cells: &[Cell], titled: &[bool], lines: &[Line]) -> Vec<Rows> {
    let is_titled = |cell: &&(usize, &Cell)| titled.get(cell.0).copied().unwrap_or(false);
    let is_block =
        |strip: &Strip<'_>| strip.cells.iter().filter(is_titled).count() >= TITLED_CELLS_MIN;
    let mut done: Vec<Vec<Strip<'_>>> = Vec::new();
    let mut open: Vec<Vec<Strip<'_>>> = Vec::new();
    for strip in strips(cells).into_iter().filter(|strip| !is_block(strip)) {
        // Strips come from the top: what ended above this one is whole.
        let (ended, still) = open.into_iter().partition(|table| !reaches(table, &strip));
        open = still;
        let ended: Vec<Vec<Strip<'_>>> = ended;
        done.extend(ended.into_iter().filter(|table| table.len() > 1));
        match open.iter_mut().find(|table| continues(table, &strip)) {
            Some(table) => table.push(strip),
            None => open.push(vec![strip]),
        }
    }
    done.extend(open.into_iter().filter(|table| table.len() > 1));
    let written = Written::of(cells.len(), lines);
    let mut tables: Vec<_> = done
        .iter()
        .filter_map(|table| rows(table, &written))
        .collect();
    tables.sort_by(|a, b| a.area.top.total_cmp(&b.area.top));
    tables
}

/// Whether the table comes down to where the strip begins.
fn reaches(table: &[Strip<'_>], strip: &Strip<'_>) -> bool {
    let last = table.last();
    last.is_some_and(|last| last.area.bottom >= strip.area.top - EDGE_PT)
}

/// For each cell, whether others stand beside it: what is written there belongs to its rules, whatever gaps say.
pub(super) fn beside(cells: &[Cell]) -> Vec<bool> {
    let mut beside = vec![false; cells.len()];
    for strip in strips(cells).iter().filter(|strip| strip.cells.len() > 1) {
        for (place, _) in &strip.cells {
            if let Some(slot) = beside.get_mut(*place) {
                *slot = true;
            }
        }
    }
    beside
}

/// Whether the strip stands right under the table and its columns are the table's, or some of them merged.
fn continues(table: &[Strip<'_>], strip: &Strip<'_>) -> bool {
    let last = table.last().map(|last| last.area);
    let under = last.is_some_and(|last| {
        near(last.bottom, strip.area.top)
            && near(last.left, strip.area.left)
            && near(last.right, strip.area.right)
    });
    if !under {
        return false;
    }
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
fn rows(table: &[Strip<'_>], written: &Written<'_>) -> Option<Rows> {
    let columns = table.iter().map(Strip::edges).max_by_key(Vec::len)?;
    let count = columns.len().checked_sub(1).filter(|count| *count > 1)?;
    let mut found = Rows {
        area: table.iter().map(|strip| strip.area).reduce(Area::with)?,
        ..Rows::default()
    };
    for strip in table {
        let mut by_line: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for (place, cell) in &strip.cells {
            let column = columns.iter().position(|edge| near(*edge, cell.area.left));
            for (line, piece) in written.in_cell(*place) {
                let row = by_line
                    .entry(*line)
                    .or_insert_with(|| vec![String::new(); count]);
                if let Some(cell) = column.and_then(|column| row.get_mut(column)) {
                    append(cell, &piece.text);
                }
            }
        }
        let by_line = by_line.into_values().collect();
        found.rows.extend(strip_rows(by_line, count));
    }
    let filled = found.rows.iter().flatten().filter(|text| !text.is_empty());
    (filled.count() > count).then_some(found)
}

/// The pieces of each cell with the line they stand on.
struct Written<'a>(Vec<Vec<(usize, &'a Piece)>>);

impl<'a> Written<'a> {
    fn of(cells: usize, lines: &'a [Line]) -> Self {
        let mut written = vec![Vec::new(); cells];
        for (at, line) in lines.iter().enumerate() {
            for piece in &line.pieces {
                if let Some(cell) = piece.cell.and_then(|cell| written.get_mut(cell)) {
                    cell.push((at, piece));
                }
            }
        }
        Self(written)
    }

    fn in_cell(&self, cell: usize) -> &[(usize, &'a Piece)] {
        self.0.get(cell).map_or(&[], Vec::as_slice)
    }
}

/// The lines of a strip are one row, unless several of them begin one: tables may rule their columns only.
fn strip_rows(written: Vec<Vec<String>>, count: usize) -> Vec<Vec<String>> {
    let begins = |row: &Vec<String>| {
        let filled = row.iter().filter(|cell| !cell.is_empty()).count();
        filled > 1 && row.first().is_some_and(|cell| !cell.is_empty())
    };
    let several = written.iter().filter(|row| begins(row)).count() > 1;
    let mut rows: Vec<Vec<String>> = Vec::new();
    for line in written {
        match rows.last_mut().filter(|_| !several || !begins(&line)) {
            Some(above) => {
                for (cell, more) in above.iter_mut().zip(&line) {
                    append(cell, more);
                }
            }
            None => rows.push(line),
        }
    }
    match rows.is_empty() {
        true => vec![vec![String::new(); count]],
        false => rows,
    }
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
    use crate::layout::{Word, lines};

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
        let words = ["Parts", "Part", "Qty", "Plate", "4", "Drawn", "Date"];
        let lines = lines_in(&cells, &words.map(|words| vec![words]));
        let tables = lattice(&cells, &[], &lines);
        assert_eq!(tables.len(), 1);
        assert_eq!(
            tables[0].rows,
            [["Parts", ""], ["Part", "Qty"], ["Plate", "4"]]
        );
    }
    /// Lines of 4 high type in cells, from the top, 5 apart.
    fn lines_in(cells: &[Cell], words: &[Vec<&str>]) -> Vec<Line> {
        let mut list = Vec::new();
        for (place, (cell, words)) in cells.iter().zip(words).enumerate() {
            for (row, word) in (0..).zip(words) {
                let top = cell.area.top + 1.0 + 5.0 * f64::from(row);
                list.push(Word {
                    text: (*word).to_owned(),
                    area: Area {
                        left: cell.area.left + 1.0,
                        top,
                        right: cell.area.left + 20.0,
                        bottom: top + 4.0,
                    },
                    cell: Some(place),
                });
            }
        }
        lines(list)
    }

    #[test]
    fn tables_may_rule_their_columns_only_and_words_may_wrap() {
        let cells = cells(&[
            [0.0, 0.0, 30.0, 10.0],
            [30.0, 0.0, 90.0, 10.0],
            [0.0, 10.0, 30.0, 40.0],
            [30.0, 10.0, 90.0, 40.0],
        ]);
        let rows = |first: Vec<&str>, second: Vec<&str>| {
            let lines = lines_in(&cells, &[vec!["Item"], vec!["Part"], first, second]);
            let mut tables = lattice(&cells, &[], &lines);
            tables.swap_remove(0).rows
        };
        let three = rows(vec!["1", "2", "3"], vec!["Plate", "Cover", "Shim"]);
        assert_eq!(
            three,
            [
                ["Item", "Part"],
                ["1", "Plate"],
                ["2", "Cover"],
                ["3", "Shim"]
            ]
        );
        let one = rows(vec!["1"], vec!["Plate", "left", "hand"]);
        assert_eq!(one, [["Item", "Part"], ["1", "Plate left hand"]]);
        assert_eq!(beside(&cells), [true; 4]);
    }
}
