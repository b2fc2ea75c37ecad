//! Lines and tables out of marked-up text: HTML, XML spreadsheets, OpenDocument and Word say the same with other tags.
//! It must never nest deeper, nor repeat a cell or a row more often, than the limits allow.

use crate::document::Sheet;
use crate::limits::Limits;
use crate::markup::{Tag, Token, Tokens};
use crate::sheet::Gather;
use crate::table::{Cell, Grid, Site};
use std::collections::BTreeSet;

/// What a tag does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Table,
    Row,
    Cell,
    /// A place under a merged cell.
    Covered,
    /// Ends a line.
    Line,
    /// Between words.
    Gap,
    /// Its content is no text of the document.
    Skip,
    /// The width of a Word cell.
    Span,
    /// Styles of OpenDocument say which sheets are hidden.
    Style,
    StyleTable,
}

const ROLES: &[(Role, &[&str])] = &[
    (Role::Table, &["table", "tbl"]),
    (Role::Row, &["tr", "table-row", "row"]),
    (Role::Cell, &["td", "th", "tc", "table-cell", "cell"]),
    (Role::Covered, &["covered-table-cell"]),
    (
        Role::Line,
        &[
            "p",
            "h",
            "div",
            "li",
            "br",
            "line-break",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "title",
            "dt",
            "dd",
        ],
    ),
    (Role::Gap, &["tab", "s", "cr"]),
    (
        Role::Skip,
        &[
            "annotation",
            "instrtext",
            "deltext",
            "tracked-changes",
            "comment",
        ],
    ),
    (Role::Span, &["gridspan"]),
    (Role::Style, &["style"]),
    (Role::StyleTable, &["table-properties"]),
];

fn role(name: &str) -> Option<Role> {
    let plays = |(_, names): &&(Role, &[&str])| names.contains(&name);
    ROLES.iter().find(plays).map(|&(role, _)| role)
}

/// How tables are spoken of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tables {
    /// By their names, as sheets.
    Named,
    /// By their number in the text.
    Counted,
}

/// What was read.
pub(crate) struct Blocks {
    pub(crate) lines: Vec<String>,
    pub(crate) sheets: Vec<Sheet>,
    pub(crate) grids: Vec<Grid>,
}

/// A table that is being read.
#[derive(Default)]
struct Frame {
    site: Option<Site>,
    row: u64,
    column: usize,
    /// How often the row, or the cell, stands there.
    row_repeats: u64,
    cell_repeats: u64,
    cell: Option<OpenCell>,
    /// Cells of the row as far as it goes.
    cells: Vec<(usize, Cell)>,
    /// Rows that cells above still cover, by column.
    covered: Vec<u64>,
}

#[derive(Default)]
struct OpenCell {
    text: String,
    /// Its typed value, where the format has one.
    value: Option<Cell>,
    span: usize,
}

struct Reader<'l> {
    limits: &'l Limits,
    tables: Tables,
    gather: Gather<'l>,
    frames: Vec<Frame>,
    count: u64,
    /// Table tags beyond the depth that are waiting for their ends.
    too_deep: usize,
    line: String,
    lines: Vec<String>,
    text_left: usize,
    skipping: Option<String>,
    style: String,
    hidden: BTreeSet<String>,
}

/// Reads lines and tables.
pub(crate) fn read(
    tokens: Tokens<'_>,
    tables: Tables,
    limits: &Limits,
    diagnostics: &mut crate::Diagnostics,
) -> Blocks {
    let mut reader = Reader {
        limits,
        tables,
        gather: Gather::new(&limits.sheet),
        frames: Vec::new(),
        count: 0,
        too_deep: 0,
        line: String::new(),
        lines: Vec::new(),
        text_left: limits.text_bytes_max,
        skipping: None,
        style: String::new(),
        hidden: BTreeSet::new(),
    };
    for token in tokens {
        reader.token(token);
    }
    while !reader.frames.is_empty() {
        reader.end_table();
    }
    reader.end_line();
    let (sheets, grids) = reader.gather.finish(diagnostics);
    Blocks {
        lines: reader.lines,
        sheets,
        grids,
    }
}

impl Reader<'_> {
    fn token(&mut self, token: Token<'_>) {
        if let Some(skipping) = &self.skipping {
            if matches!(&token, Token::Close(name) if name == skipping) {
                self.skipping = None;
            }
            return;
        }
        match token {
            Token::Text(text) => self.text(&text),
            Token::Close(name) => self.close(&name),
            Token::Open(tag) => {
                self.open(&tag);
                if tag.closed {
                    self.close(&tag.name);
                }
            }
        }
    }

    fn open(&mut self, tag: &Tag<'_>) {
        match role(&tag.name) {
            Some(Role::Table) => self.table(tag),
            Some(Role::Row) => self.row(tag),
            Some(Role::Cell) => self.cell(tag),
            Some(Role::Covered) => {
                self.end_cell();
                if let Some(frame) = self.frames.last_mut() {
                    frame.column = frame
                        .column
                        .saturating_add(places(tag.count("number-columns-repeated")));
                }
            }
            Some(Role::Line) => self.end_line(),
            Some(Role::Gap) => self.text(" "),
            Some(Role::Skip) if !tag.closed => self.skipping = Some(tag.name.clone()),
            Some(Role::Span) => {
                let cell = self.frames.last_mut().and_then(|frame| frame.cell.as_mut());
                if let Some((cell, span)) = cell.zip(tag.count("val")) {
                    cell.span = places(Some(span));
                }
            }
            Some(Role::Style) => self.style = tag.attribute("name").unwrap_or_default(),
            Some(Role::StyleTable) if tag.attribute("display").as_deref() == Some("false") => {
                self.hidden.insert(self.style.clone());
            }
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        match role(name) {
            Some(Role::Table) if self.too_deep > 0 => self.too_deep -= 1,
            Some(Role::Table) => self.end_table(),
            Some(Role::Row) => self.end_row(),
            Some(Role::Cell) => self.end_cell(),
            Some(Role::Line) => self.end_line(),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        match self.frames.last_mut() {
            None if self.line.len() + text.len() <= self.text_left => self.line.push_str(text),
            None => {}
            Some(frame) => {
                if let Some(cell) = &mut frame.cell {
                    cell.text.push_str(text);
                }
            }
        }
    }

    fn end_line(&mut self) {
        self.text(" ");
        if !self.frames.is_empty() {
            return;
        }
        let line = std::mem::take(&mut self.line);
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        if !line.is_empty() && self.lines.len() < self.limits.texts_max {
            self.text_left = self.text_left.saturating_sub(line.len());
            self.lines.push(line);
        }
    }

    fn table(&mut self, tag: &Tag<'_>) {
        if self.frames.len() >= self.limits.sheet.depth_max || !self.gather.has_room() {
            self.too_deep += 1;
            return;
        }
        if self.frames.is_empty() {
            self.end_line();
        }
        self.count += 1;
        let name = tag
            .attribute("name")
            .filter(|_| self.tables == Tables::Named);
        let site = match &name {
            Some(name) => Site::Sheet(name.clone()),
            None => Site::Nth(self.count),
        };
        let style = tag.attribute("style-name").unwrap_or_default();
        let name = name.unwrap_or_else(|| format!("table {}", self.count));
        self.gather.sheet(&name, !self.hidden.contains(&style));
        self.frames.push(Frame {
            site: Some(site),
            row_repeats: 1,
            ..Frame::default()
        });
    }

    fn end_table(&mut self) {
        self.end_row();
        if let Some(site) = self.frames.pop().and_then(|frame| frame.site) {
            self.gather.close(site);
        }
    }

    fn row(&mut self, tag: &Tag<'_>) {
        self.end_row();
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        // A row's own number, from 1, where the format has one.
        let next = frame.row.saturating_add(1);
        frame.row = tag.count("index").unwrap_or(next).max(next);
        frame.row_repeats = tag.count("number-rows-repeated").unwrap_or(1).max(1);
        frame.column = 0;
        frame.cells.clear();
    }

    fn end_row(&mut self) {
        self.end_cell();
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        let cells = std::mem::take(&mut frame.cells);
        let first = frame.row;
        frame.row = first.saturating_add(frame.row_repeats - 1);
        let last = frame.row;
        frame.row_repeats = 1;
        for covered in &mut frame.covered {
            *covered = covered.saturating_sub(1);
        }
        if cells.is_empty() {
            return;
        }
        for row in first..=last {
            if self.gather.is_full() {
                break;
            }
            for (column, cell) in &cells {
                self.gather.cell(row, *column, cell.clone());
            }
        }
    }

    fn cell(&mut self, tag: &Tag<'_>) {
        self.end_cell();
        let columns_max = self.gather.columns_max();
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        if frame.row == 0 {
            frame.row = 1;
        }
        while frame
            .covered
            .get(frame.column)
            .is_some_and(|rows| *rows > 0)
        {
            frame.column += 1;
        }
        if let Some(index) = tag.count("index") {
            frame.column = frame.column.max(places(Some(index)).saturating_sub(1));
        }
        frame.cell_repeats = tag.count("number-columns-repeated").unwrap_or(1).max(1);
        let across = tag.count("mergeacross").map(|more| more.saturating_add(1));
        let span = places(tag.count("colspan").or(across));
        let declared = span.max(places(tag.count("number-columns-spanned")));
        let down = tag.count("rowspan").unwrap_or(1);
        let rows = down
            .max(tag.count("number-rows-spanned").unwrap_or(1))
            .max(1);
        let (row, column) = (frame.row, frame.column);
        let last = column.saturating_add(declared).min(columns_max);
        if down > 1 && column < last {
            frame.covered.resize(frame.covered.len().max(last), 0);
            for covered in frame.covered.iter_mut().take(last).skip(column) {
                // This row counts too: it is taken off at its end.
                *covered = down;
            }
        }
        frame.cell = Some(OpenCell {
            text: String::new(),
            value: typed(tag),
            span,
        });
        if rows > 1 || declared > 1 {
            let last = column.saturating_add(declared - 1);
            self.gather
                .merge((row, row.saturating_add(rows - 1)), (column, last));
        }
    }

    fn end_cell(&mut self) {
        let columns_max = self.gather.columns_max();
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        let Some(OpenCell { text, value, span }) = frame.cell.take() else {
            return;
        };
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let cell = value.unwrap_or_else(|| Cell::text(&text));
        let repeats = places(Some(frame.cell_repeats));
        let step = span.max(repeats);
        if !cell.is_empty() {
            let end = frame.column.saturating_add(repeats);
            // The first place beyond the limit is kept to be counted.
            for column in frame.column..end.min(columns_max.max(frame.column) + 1) {
                frame.cells.push((column, cell.clone()));
            }
        }
        frame.column = frame.column.saturating_add(step);
    }
}

/// At least one place.
fn places(count: Option<u64>) -> usize {
    usize::try_from(count.unwrap_or(1))
        .unwrap_or(usize::MAX)
        .max(1)
}

/// A number or a date as OpenDocument types them; money and percentages stay as they are written.
fn typed(tag: &Tag<'_>) -> Option<Cell> {
    match tag.attribute("value-type")?.as_str() {
        "float" => {
            let value: f64 = tag.attribute("value")?.parse().ok()?;
            value.is_finite().then_some(Cell::Number(value))
        }
        "date" => Some(Cell::Date(tag.attribute("date-value")?)),
        "boolean" => Some(Cell::Bool(tag.attribute("boolean-value")? == "true")),
        _ => None,
    }
}
