//! One page's words and rules into text, tables and labelled fields. The same for printed words and for words read off
//! pixels. Never settles what a value means.

use super::ruled::Ruled;
use super::tables::{self, Rows};
use crate::document::Field;
use crate::labels;
use crate::layout::{Area, Line, Piece, Word, bands, lines};
use crate::table;
use std::collections::BTreeMap;

/// What a page says.
#[derive(Debug, Default)]
pub(crate) struct PageText {
    /// In reading order.
    pub(super) lines: Vec<String>,
    pub(crate) fields: Vec<Field>,
    /// Tables with a header that is understood.
    pub(crate) parts: Vec<Vec<Vec<String>>>,
    /// Other tables.
    pub(super) tables: Vec<Vec<Vec<String>>>,
    /// What stands in no table of parts and was not taken for a field.
    pub(super) notes: Vec<String>,
    /// Grids of rules that hold words in several cells: forms and tables, not a drawing.
    pub(super) forms: Vec<usize>,
}

/// Cells with words that make a grid of rules a form.
const FORM_CELLS_MIN: usize = 3;
/// A list without rules has at least this many columns and rows, when its header is not understood.
const LIST_COLUMNS_MIN: usize = 3;
const LIST_ROWS_MIN: usize = 3;

/// Reads the words of a page between its rules.
pub(super) fn read(mut words: Vec<Word>, ruled: &Ruled) -> PageText {
    place_in_cells(&mut words, ruled);
    let lines = lines(words);
    let pieces: Vec<Piece> = lines.iter().flat_map(|line| line.pieces.clone()).collect();
    let texts = tables::texts(&ruled.cells, &pieces);
    let mut page = PageText {
        forms: forms(ruled, &texts),
        ..PageText::default()
    };
    let mut taken: Vec<Area> = Vec::new();
    let titled = titled(&pieces, ruled.cells.len());
    for found in tables::lattice(&ruled.cells, &titled, &lines) {
        page.table(found, &mut taken);
    }
    let beside = tables::beside(&ruled.cells);
    let free = apart(&lines, |piece| {
        let ruled = piece.cell.and_then(|cell| beside.get(cell)).copied();
        !ruled.unwrap_or(false) && is_free(piece, &taken)
    });
    for band in bands(&free, is_header) {
        let found = tables::stream(&band, &free);
        let listed =
            band.gutters.len() + 1 >= LIST_COLUMNS_MIN && found.rows.len() >= LIST_ROWS_MIN;
        let headed = found.rows.first().is_some_and(|row| names_columns(row));
        if found.rows.len() > 1 && (headed || (listed && !band.is_prose(&free))) {
            page.table(found, &mut taken);
        }
    }
    for band in bands(&lines, |_| false) {
        page.lines.extend(band.texts(&lines));
    }
    let pieces: Vec<Piece> = pieces
        .into_iter()
        .filter(|piece| is_free(piece, &taken))
        .collect();
    let cells: Vec<Area> = ruled.cells.iter().map(|cell| cell.area).collect();
    let labelled = labels::read(&pieces, &cells);
    let notes = pieces.into_iter().zip(labelled.used);
    page.notes = notes
        .filter(|(_, used)| !used)
        .map(|(piece, _)| piece.text)
        .collect();
    page.fields = labelled.fields;
    page
}

impl PageText {
    /// Sorts a table in; one of parts takes its place on the page away from everything else.
    fn table(&mut self, mut found: Rows, taken: &mut Vec<Area>) {
        let headed = |row: Option<&Vec<String>>| row.is_some_and(|row| names_columns(row));
        // Lists of parts on drawings grow upwards from their header.
        if headed(found.rows.last()) && !headed(found.rows.first()) {
            found.rows.reverse();
        }
        if found.rows.iter().any(|row| names_columns(row)) {
            taken.push(found.area);
            self.parts.push(found.rows);
        } else {
            self.tables.push(found.rows);
        }
    }
}

fn is_header(line: &Line) -> bool {
    let cells: Vec<_> = line.pieces.iter().map(|piece| piece.text.clone()).collect();
    names_columns(&cells)
}

/// Whether these cells head a table of parts; labels that carry their values are none of a table's.
fn names_columns(cells: &[String]) -> bool {
    table::is_header(cells) && !cells.iter().any(|cell| labels::states(cell))
}

fn is_free(piece: &Piece, taken: &[Area]) -> bool {
    !taken.iter().any(|area| area.holds(piece.area.middle()))
}

/// The lines with nothing but the pieces that are free.
fn apart(lines: &[Line], is_free: impl Fn(&Piece) -> bool) -> Vec<Line> {
    let rest = lines.iter().filter_map(|line| {
        let pieces: Vec<_> = line
            .pieces
            .iter()
            .filter(|piece| is_free(piece))
            .cloned()
            .collect();
        let area = pieces.iter().map(|piece| piece.area).reduce(Area::with)?;
        Some(Line { pieces, area })
    });
    rest.collect()
}

/// Tells each word the smallest cell around it: from top to bottom, with the cells at that height at hand.
fn place_in_cells(words: &mut [Word], ruled: &Ruled) {
    let mut cells: Vec<_> = ruled
        .cells
        .iter()
        .map(|cell| cell.area)
        .enumerate()
        .collect();
    cells.sort_by(|(_, a), (_, b)| a.top.total_cmp(&b.top));
    words.sort_by(|a, b| a.area.middle().1.total_cmp(&b.area.middle().1));
    let size = |area: &Area| area.width() * area.height();
    let mut cells = cells.into_iter().peekable();
    let mut open: Vec<(usize, Area)> = Vec::new();
    for word in words {
        let middle = word.area.middle();
        while let Some(cell) = cells.next_if(|(_, area)| area.top <= middle.1) {
            open.push(cell);
        }
        open.retain(|(_, area)| area.bottom >= middle.1);
        let around = open.iter().filter(|(_, area)| area.holds(middle));
        let smallest = around.min_by(|(_, a), (_, b)| size(a).total_cmp(&size(b)));
        word.cell = smallest.map(|(place, _)| *place);
    }
}

/// For each cell, whether it begins with a label that more words follow.
fn titled(pieces: &[Piece], cells: usize) -> Vec<bool> {
    let mut begun = vec![None; cells];
    let mut titled = vec![false; cells];
    for piece in pieces {
        let Some(cell) = piece.cell else { continue };
        if let (Some(begun), Some(titled)) = (begun.get_mut(cell), titled.get_mut(cell)) {
            *titled |= *begun == Some(true);
            begun.get_or_insert_with(|| labels::is_label(&piece.text));
        }
    }
    titled
}

fn forms(ruled: &Ruled, texts: &[String]) -> Vec<usize> {
    let mut filled: BTreeMap<usize, usize> = BTreeMap::new();
    for (cell, text) in ruled.cells.iter().zip(texts) {
        *filled.entry(cell.grid).or_default() += usize::from(!text.is_empty());
    }
    let forms = filled
        .into_iter()
        .filter(|(_, count)| *count >= FORM_CELLS_MIN);
    forms.map(|(grid, _)| grid).collect()
}
