//! Tables of parts, whatever document they stand in: header rows found below titles, columns understood by their words,
//! one part line for each row. Rows of cells in, plain data out; it must never know the format the cells came from, and
//! never take a total, a title or a repeated header for a part.
//!
//! ```text
//! Cutting list: 3mm Mild Steel           a title: states material and thickness for lines that lack them
//! Part      | Qty | Width (mm) | ...     the header: one or two rows, units in it
//! Bracket   | x4  | 120,5      | ...     a line
//! Total     | 4   |            |         not a line
//! ```

mod agree;
mod body;
mod figures;
mod header;
mod meaning;
mod spans;
mod stated;

pub(crate) use spans::{Span, Spans};

use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::document::{Field, PartLine, Schema, Table};
use crate::facts::{Facts, Rules};
use crate::limits::Limits;
use header::Header;
use stated::Stated;
use std::borrow::Cow;

/// What a cell holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Cell {
    #[default]
    Empty,
    Text(String),
    Number(f64),
    /// In ISO 8601.
    Date(String),
    Bool(bool),
}

impl Cell {
    /// Text without the blanks around it; nothing but blanks is an empty cell.
    pub(crate) fn text(text: &str) -> Self {
        match text.trim() {
            "" => Self::Empty,
            text => Self::Text(text.to_owned()),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::Empty
    }

    /// As a person reads it; numbers with the 15 digits that spreadsheets show.
    pub(crate) fn written(&self) -> Cow<'_, str> {
        match self {
            Self::Empty => Cow::Borrowed(""),
            Self::Text(text) | Self::Date(text) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(written_number(*number)),
            Self::Bool(true) => Cow::Borrowed("TRUE"),
            Self::Bool(false) => Cow::Borrowed("FALSE"),
        }
    }
}

fn written_number(number: f64) -> String {
    let plain = |number: f64| (1e-6..1e15).contains(&number.abs()) || number == 0.0;
    // As short as it can be told apart; longer than 15 digits is the noise of an addition.
    let shortest = number.to_string();
    if plain(number) && shortest.len() <= DIGITS_SHOWN {
        return shortest;
    }
    let shown = format!("{number:.14e}").parse().unwrap_or(number);
    match plain(shown) {
        true => shown.to_string(),
        false => format!("{shown:e}"),
    }
}

/// Digits that spreadsheets show.
const DIGITS_SHOWN: usize = 15;

/// A row that holds something. Blank rows are left out; the number tells where it stood.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row {
    /// From 1.
    pub(crate) number: u64,
    pub(crate) cells: Vec<Cell>,
}

impl Row {
    fn cell(&self, column: usize) -> &Cell {
        const EMPTY: &Cell = &Cell::Empty;
        self.cells.get(column).unwrap_or(EMPTY)
    }

    /// What is not empty, with its column.
    fn filled(&self) -> impl Iterator<Item = (usize, &Cell)> {
        self.cells
            .iter()
            .enumerate()
            .filter(|(_, cell)| !cell.is_empty())
    }
}

/// Where cells stand in their document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// A sheet's name.
    Sheet(String),
    /// A page's number, from 1.
    Page(u64),
    /// Lines of text.
    Lines,
    /// The nth table of a text, from 1.
    Nth(u64),
}

impl Site {
    /// [`Table::place`].
    fn table(&self) -> String {
        match self {
            Self::Sheet(name) => name.clone(),
            Self::Page(page) => page.to_string(),
            Self::Lines => "1".to_owned(),
            Self::Nth(table) => table.to_string(),
        }
    }

    /// [`PartLine::place`] of a row.
    fn row(&self, number: u64) -> String {
        match self {
            Self::Sheet(name) => format!("{name}!{number}"),
            Self::Page(page) => format!("page {page}"),
            Self::Lines => format!("line {number}"),
            Self::Nth(table) => format!("table {table} row {number}"),
        }
    }
}

/// Cells that stand together: a sheet, a page's table, a file of separated values.
#[derive(Clone, Debug)]
pub(crate) struct Grid {
    pub(crate) site: Site,
    /// In order, blank ones left out.
    pub(crate) rows: Vec<Row>,
    pub(crate) spans: Spans,
    /// People do not see it: its lines count only when no other grid has any.
    pub(crate) hidden: bool,
}

impl Grid {
    pub(crate) fn new(site: Site, rows: Vec<Row>) -> Self {
        Self {
            site,
            rows,
            spans: Spans::default(),
            hidden: false,
        }
    }

    /// Rows of text, as pages have them; the first is row 1.
    pub(crate) fn of_text(site: Site, rows: &[Vec<String>]) -> Self {
        let row = |(number, row): (u64, &Vec<String>)| Row {
            number,
            cells: row.iter().map(|text| Cell::text(text)).collect(),
        };
        let rows = (1..).zip(rows).map(row);
        Self::new(
            site,
            rows.filter(|row| row.filled().next().is_some()).collect(),
        )
    }
}

/// Whether these cells name the columns of a table of parts.
pub(crate) fn is_header(cells: &[String]) -> bool {
    let row = Row {
        number: 1,
        cells: cells.iter().map(|text| Cell::text(text)).collect(),
    };
    header::at(&[row], &Spans::default()).is_some()
}

/// What tables say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    pub(crate) tables: Vec<Table>,
    /// At most [`Limits::part_lines_max`].
    pub(crate) part_lines: Vec<PartLine>,
    /// Lines beyond them.
    pub(crate) part_lines_beyond: u64,
    /// Titles and notes around the tables, each a line.
    pub(crate) texts: Vec<String>,
    /// Labels with values above the tables.
    pub(crate) fields: Vec<Field>,
    /// What all lines agree on.
    pub(crate) readings: Vec<Facts>,
    /// None without any cell.
    pub(crate) schema: Option<Schema>,
}

/// Finds and reads the tables of a document.
pub(crate) fn read(
    grids: &[Grid],
    rules: &Rules,
    limits: &Limits,
    diagnostics: &mut Diagnostics,
) -> Tables {
    let mut reader = Reader {
        rules,
        limits,
        diagnostics,
        text_left: limits.text_bytes_max,
        header_cells_left: limits.sheet.header_cells_max,
        lines: Vec::new(),
        out: Tables::default(),
    };
    let (hidden, seen): (Vec<_>, Vec<_>) = grids.iter().partition(|grid| grid.hidden);
    for grid in seen {
        reader.grid(grid);
    }
    for grid in hidden {
        reader.hidden(grid);
    }
    if reader.header_cells_left == 0 {
        reader.warn("header_cells_max", || {
            "so many rows could be headers that later ones are taken for any row (sheet.header_cells_max)"
                .to_owned()
        });
    }
    let mut out = reader.out;
    out.readings.extend(agree::facts(&reader.lines));
    out.part_lines = reader.lines.into_iter().map(|line| line.line).collect();
    out
}

/// A part line with what only the file's facts need.
struct Line {
    line: PartLine,
    /// Words of the row, in short; only of the first line, which speaks for the others.
    evidence: String,
    due_date: Option<String>,
    po_number: Option<String>,
    /// The material's word is in the table of materials; only said of the first line.
    material_known: bool,
}

struct Reader<'a> {
    rules: &'a Rules,
    limits: &'a Limits,
    diagnostics: &'a mut Diagnostics,
    /// Bytes of cells that may still be listed.
    text_left: usize,
    /// Cells that may still be judged as headers.
    header_cells_left: usize,
    lines: Vec<Line>,
    out: Tables,
}

impl Reader<'_> {
    fn warn(&mut self, code: &'static str, message: impl FnOnce() -> String) {
        self.diagnostics
            .push(|| Diagnostic::new(Severity::Warning, code, message()));
    }

    fn hidden(&mut self, grid: &Grid) {
        let (before, beyond) = (self.lines.len(), self.out.part_lines_beyond);
        self.grid(grid);
        let kept = u64::try_from(self.lines.len() - before).unwrap_or(u64::MAX);
        let more = kept.saturating_add(self.out.part_lines_beyond - beyond);
        if before > 0 && more > 0 {
            self.lines.truncate(before);
            self.out.part_lines_beyond = beyond;
            let place = grid.site.table();
            self.warn("hidden_lines", || {
                format!("{more} lines on the hidden sheet {place:?} are left out of the list")
            });
        }
    }

    fn grid(&mut self, grid: &Grid) {
        let mut stated = Stated::default();
        if let Site::Sheet(name) = &grid.site {
            stated.hear(name, self.rules);
        }
        let rows = grid.rows.as_slice();
        let from = |at: usize| rows.get(at..).unwrap_or_default();
        let first = (0..rows.len()).find(|at| self.header(from(*at), &grid.spans).is_some());
        let Some(first) = first else {
            return self.plain(grid, &mut stated);
        };
        let (titles, mut rest) = rows.split_at_checked(first).unwrap_or((rows, &[]));
        for row in titles {
            self.title(row, &mut stated);
        }
        while let Some(headers) = self.header(rest, &grid.spans) {
            rest = self.table(grid, rest, &headers, &mut stated);
        }
    }

    /// The header that begins with the first of these rows. Judging it costs as many cells as it has.
    fn header(&mut self, rows: &[Row], spans: &Spans) -> Option<Vec<Header>> {
        let cells = rows.first().map_or(0, header::cost);
        self.header_cells_left = self.header_cells_left.saturating_sub(cells);
        match self.header_cells_left {
            0 => None,
            _ => header::at(rows, spans),
        }
    }

    /// Rows without a header that can be understood: the first row of words above figures is one all the same.
    fn plain(&mut self, grid: &Grid, stated: &mut Stated) {
        let rows = grid.rows.as_slice();
        let from = |at: usize| rows.get(at..).unwrap_or_default();
        let found = header::above_figures(rows, TITLE_ROWS_MAX);
        let titles = found.as_ref().map_or(rows.len(), |(at, _)| *at);
        for row in rows.iter().take(titles) {
            if matches!(row.filled().next(), Some((_, Cell::Text(_)))) {
                self.title(row, stated);
            }
        }
        if let Some((at, header)) = found {
            self.table(grid, from(at), &[header], stated);
            return;
        }
        let columns = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
        self.list(grid, &Header::unnamed(columns), rows);
    }

    /// A row outside of tables: a title, a note, or labels beside their values.
    fn title(&mut self, row: &Row, stated: &mut Stated) {
        if self.out.texts.len() >= self.rules.texts_read_max {
            return;
        }
        let mut cells = row.filled().map(|(_, cell)| cell.written()).peekable();
        let mut line = Vec::new();
        while let Some(cell) = cells.next() {
            let label = cell.trim_end_matches([':', '=', ' ']);
            let labels = label.len() < cell.len() || meaning::of(label).is_some();
            let Some(value) = cells.next_if(|value| labels && !value.ends_with(':')) else {
                line.push(cell.into_owned());
                continue;
            };
            stated.hear(&format!("{label}: {value}"), self.rules);
            self.say(format!("{label}: {value}"));
            self.field(label, &value);
        }
        if !line.is_empty() {
            let line = line.join(" ");
            stated.hear(&line, self.rules);
            self.say(line);
        }
    }

    fn say(&mut self, line: String) {
        if self.out.texts.len() < self.limits.texts_max {
            self.out.texts.push(cut(&line, TEXT_CHARS_MAX));
        }
    }

    fn field(&mut self, name: &str, value: &str) {
        if self.out.fields.len() < self.limits.texts_max {
            self.out.fields.push(Field {
                name: cut(name, TEXT_CHARS_MAX),
                value: cut(value, TEXT_CHARS_MAX),
            });
        }
    }

    /// Tables that begin with these headers, side by side; answers the rows below them.
    fn table<'g>(
        &mut self,
        grid: &Grid,
        rows: &'g [Row],
        headers: &[Header],
        stated: &mut Stated,
    ) -> &'g [Row] {
        let depth = headers.first().map_or(1, |header| header.depth).max(1);
        let below = rows.get(depth..).unwrap_or_default();
        let next = (0..below.len()).find(|&at| {
            let rest = below.get(at..).unwrap_or_default();
            let again = rest
                .first()
                .is_some_and(|row| headers.iter().any(|header| header.is_repeated_by(row)));
            !again
                && self
                    .header(rest, &grid.spans)
                    .is_some_and(|next| !header::repeats(&next, headers))
        });
        let (body, rest) = below
            .split_at_checked(next.unwrap_or(below.len()))
            .unwrap_or((below, &[]));
        let before = stated.clone();
        for (nth, header) in headers.iter().enumerate() {
            let mut heard = before.clone();
            let listed = self.lines(grid, body, header, &mut heard, nth == 0);
            self.list(grid, header, &listed);
            if nth == 0 {
                *stated = heard;
            }
        }
        rest
    }

    /// Adds a table to the document.
    fn list<R: std::borrow::Borrow<Row>>(&mut self, grid: &Grid, header: &Header, rows: &[R]) {
        if rows.is_empty() && header.columns.is_empty() {
            return;
        }
        let schema = header.schema();
        let rank = |schema: Option<Schema>| SCHEMA_RANK.iter().position(|&at| Some(at) == schema);
        if rank(Some(schema)) < rank(self.out.schema) || self.out.schema.is_none() {
            self.out.schema = Some(schema);
        }
        if self.out.tables.len() >= self.limits.tables_max {
            return;
        }
        let mut table = Table {
            place: grid.site.table(),
            header: header.titles(),
            rows: Vec::new(),
            rows_total: u64::try_from(rows.len()).unwrap_or(u64::MAX),
            columns: header.meanings(),
        };
        for row in rows.iter().take(self.limits.table_rows_max) {
            let row = row.borrow();
            let cell =
                |column: &header::Column| cut(&row.cell(column.at).written(), TEXT_CHARS_MAX);
            let cells: Vec<String> = header.columns.iter().map(cell).collect();
            let bytes: usize = cells.iter().map(|cell| cell.len() + CELL_BYTES).sum();
            let Some(left) = self.text_left.checked_sub(bytes) else {
                break;
            };
            self.text_left = left;
            table.rows.push(cells);
        }
        self.out.tables.push(table);
    }
}

/// What a document is for is what its most telling table is for.
const SCHEMA_RANK: [Schema; 7] = [
    Schema::Quote,
    Schema::CuttingList,
    Schema::PartsList,
    Schema::Invoice,
    Schema::Inventory,
    Schema::Generic,
    Schema::Empty,
];
/// Rows above a header that is not understood.
const TITLE_ROWS_MAX: usize = 30;
/// Letters kept of one cell, title or label.
const TEXT_CHARS_MAX: usize = 500;
/// What an empty cell costs in JSON.
const CELL_BYTES: usize = 3;

fn cut(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).collect()
}

#[cfg(test)]
mod tests;
