//! Finds the row, or the two rows, that name a table's columns. It must never take a title, a label beside its value or a
//! line of the list for a header.

use super::meaning::{self, AMOUNT_RANK, Meaning, Word};
use super::{Cell, Row, Spans};
use crate::document::Schema;
use std::collections::{BTreeMap, BTreeSet};

/// One column of a table.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// Its place in the grid.
    pub(super) at: usize,
    pub(super) title: String,
    pub(super) word: Option<Word>,
    /// What it is read as: of several that mean the same only one is read.
    pub(super) meaning: Option<Meaning>,
    /// Its cells in the header's rows.
    cells: Vec<String>,
}

/// The header of one table.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) columns: Vec<Column>,
    /// Rows it takes.
    pub(super) depth: usize,
    /// Another table stands beside this one: cells beyond its columns are not its own.
    pub(super) beside: bool,
}

/// Letters in a header that is no sentence.
const TITLE_CHARS_MAX: usize = 60;

/// The header that begins with the first of these rows; several when tables stand side by side.
pub(super) fn at(rows: &[Row], spans: &Spans) -> Option<Vec<Header>> {
    let first = rows.first().filter(|row| is_wordy(row))?;
    let one = Header::new(&[first], spans);
    if one.read().is_empty() {
        return None;
    }
    let second = rows
        .get(1)
        .filter(|row| row.number == first.number + 1 && is_wordy(row))
        .filter(|_| first.filled().count() > 1);
    let Some(second) = second else {
        return one.is_header(first.filled().count()).then(|| one.split());
    };
    let units = second
        .filled()
        .all(|(_, cell)| meaning::is_unit(&cell.written()));
    let two = Header::new(&[first, second], spans);
    let more = two.read().len() > one.read().len()
        && two.read().len() > Header::new(&[second], spans).read().len();
    let width = first.filled().count().max(second.filled().count());
    if (more || units && one.read().len() > 1) && two.is_header(width) {
        return Some(two.split());
    }
    one.is_header(first.filled().count()).then(|| one.split())
}

/// Cells that [`at`] looks at when a header might begin with this row; 0 when it plainly does not.
pub(super) fn cost(row: &Row) -> usize {
    match is_wordy(row) {
        true => row.cells.len(),
        false => 0,
    }
}

/// Where no header is understood: the first row of words above figures, with the rows of words between them.
pub(super) fn above_figures(rows: &[Row], rows_max: usize) -> Option<(usize, Header)> {
    let near = rows.len().min(rows_max);
    let at = (0..near).find(|&at| is_above_figures(rows.get(at..).unwrap_or_default()))?;
    let width = rows.get(at)?.filled().count();
    let same = |row: &Row| is_wordy(row) && row.filled().count() >= width;
    let first = (0..at)
        .rev()
        .take_while(|&at| rows.get(at).is_some_and(same))
        .last();
    let at = first.unwrap_or(at);
    Some((at, Header::new(&[rows.get(at)?], &Spans::default())))
}

fn is_above_figures(rows: &[Row]) -> bool {
    let [first, second, ..] = rows else {
        return false;
    };
    let filled: Vec<_> = first.filled().collect();
    let labels = filled.iter().any(|(_, cell)| cell.written().ends_with(':'))
        || filled.len() == 2 && Header::new(&[first], &Spans::default()).read().len() == 1;
    let figures = second.filled().count() > 1 && !is_wordy(second);
    is_wordy(first) && filled.len() > 1 && !labels && figures
}

/// Whether one header says again what the others said, as at the top of every printed page.
pub(super) fn repeats(again: &[Header], headers: &[Header]) -> bool {
    let titles = |headers: &[Header]| {
        let columns = headers.iter().flat_map(|header| &header.columns);
        let words = columns.map(|column| meaning::words(&column.title));
        words.filter(|words| !words.is_empty()).collect::<Vec<_>>()
    };
    titles(again) == titles(headers)
}

/// Nothing but short words in every cell.
fn is_wordy(row: &Row) -> bool {
    let wordy = |cell: &Cell| match cell {
        Cell::Text(text) => {
            text.chars().any(|c| c.is_alphabetic() || c == '#')
                && text.chars().nth(TITLE_CHARS_MAX).is_none()
                && !text.starts_with(|c: char| c.is_ascii_digit())
                || meaning::is_unit(text)
        }
        _ => false,
    };
    row.filled().all(|(_, cell)| wordy(cell))
}

impl Header {
    /// A table whose columns have no names.
    pub(super) fn unnamed(columns: usize) -> Self {
        let column = |at| Column {
            at,
            title: String::new(),
            word: None,
            meaning: None,
            cells: Vec::new(),
        };
        Self {
            columns: (0..columns).map(column).collect(),
            depth: 0,
            beside: false,
        }
    }

    fn new(rows: &[&Row], spans: &Spans) -> Self {
        let filled = || rows.iter().flat_map(|row| row.filled().map(|(at, _)| at));
        let columns = match (filled().min(), filled().max()) {
            (Some(first), Some(last)) => (first..=last)
                .map(|at| Column::new(at, rows, spans))
                .collect(),
            _ => Vec::new(),
        };
        let mut header = Self {
            columns,
            depth: rows.len(),
            beside: false,
        };
        header.assign();
        header
    }

    /// Gives each meaning to the column that says it best.
    fn assign(&mut self) {
        let words = || self.columns.iter().filter_map(|column| column.word);
        let spelled = words().any(|word| !word.letter && word.meaning != Meaning::Other);
        let counted =
            words().any(|word| word.meaning == Meaning::Quantity && word.rank > AMOUNT_RANK);
        let wide = words().any(|word| word.meaning == Meaning::Width);
        let mut best: BTreeMap<Meaning, (u8, usize)> = BTreeMap::new();
        let mut sides: Vec<(u8, usize)> = Vec::new();
        for (at, column) in self.columns.iter().enumerate() {
            let Some(word) = column.word.filter(|word| spelled || !word.letter) else {
                continue;
            };
            let meaning = match word.meaning {
                Meaning::Quantity if counted && word.rank == AMOUNT_RANK => Meaning::Total,
                meaning => meaning,
            };
            if meaning == Meaning::Height {
                sides.push((word.rank, at));
            }
            let held = best.entry(meaning).or_insert((word.rank, at));
            if word.rank > held.0 {
                *held = (word.rank, at);
            }
        }
        // Length by height, without a width: the length runs across.
        let length = sides
            .iter()
            .find(|&&side| best.get(&Meaning::Height) != Some(&side));
        if let Some(&length) = length.filter(|_| !wide) {
            best.insert(Meaning::Width, length);
        }
        for (meaning, (_, at)) in best {
            if let Some(column) = self.columns.get_mut(at) {
                column.meaning = Some(meaning);
            }
        }
    }

    /// Meanings that are read.
    fn read(&self) -> BTreeSet<Meaning> {
        let meanings = self.columns.iter().filter_map(|column| column.meaning);
        meanings
            .filter(|&meaning| meaning != Meaning::Other)
            .collect()
    }

    /// Two columns that are read, single letters counting half, and most words known: otherwise labels stand beside
    /// their values, or words beside each other.
    fn is_header(&self, filled: usize) -> bool {
        let columns = || self.columns.iter();
        let read = |column: &Column| column.meaning.is_some_and(|m| m != Meaning::Other);
        let halves = |column: &Column| {
            if column.word.is_some_and(|word| word.letter) {
                1
            } else {
                2
            }
        };
        let weight: usize = columns().filter(|column| read(column)).map(halves).sum();
        let known = columns().filter(|column| column.word.is_some()).count();
        let labels = columns().any(|column| column.title.ends_with(':'));
        weight > 3 && !labels && (known > 2 || known * 2 > filled)
    }

    /// Tables side by side: parts between empty columns that each name the same thing again.
    fn split(self) -> Vec<Self> {
        let mut parts: Vec<Self> = Vec::new();
        for columns in self.columns.split(|column| column.title.is_empty()) {
            let mut part = Self {
                columns: columns.to_vec(),
                depth: self.depth,
                beside: true,
            };
            for column in &mut part.columns {
                column.meaning = None;
            }
            part.assign();
            let before = parts
                .iter()
                .map(Self::read)
                .reduce(|all, more| &all | &more);
            match part.read() {
                read if read.is_empty() => {}
                read if read.len() > 1
                    && before.is_none_or(|before| !before.is_disjoint(&read)) =>
                {
                    parts.push(part);
                }
                _ => return vec![self],
            }
        }
        match parts.len() {
            0 | 1 => vec![self],
            _ => parts,
        }
    }

    /// Whether a row says nothing but what this header said.
    pub(super) fn is_repeated_by(&self, row: &Row) -> bool {
        let mut seen = 0;
        let same = self.columns.iter().all(|column| match row.cell(column.at) {
            Cell::Empty => true,
            cell => {
                seen += 1;
                let written = cell.written();
                column
                    .cells
                    .iter()
                    .any(|title| title.eq_ignore_ascii_case(&written))
            }
        });
        same && seen > 0
    }

    pub(super) fn column(&self, meaning: Meaning) -> Option<&Column> {
        let means = |column: &&Column| column.meaning == Some(meaning);
        self.columns.iter().find(means)
    }

    /// Columns that may name the part, the likeliest first.
    pub(super) fn names(&self) -> Vec<(u8, usize)> {
        let named = |column: &Column| {
            let word = column
                .word
                .filter(|word| word.meaning == Meaning::PartName)?;
            Some((word.rank, column.at))
        };
        let mut names: Vec<_> = self.columns.iter().filter_map(named).collect();
        names.sort_by_key(|&(rank, at)| (std::cmp::Reverse(rank), at));
        names
    }

    pub(super) fn titles(&self) -> Vec<String> {
        let titles = self.columns.iter().map(|column| column.title.clone());
        match self.depth {
            0 => Vec::new(),
            _ => titles.collect(),
        }
    }

    /// What is read, by its place in the table.
    pub(super) fn meanings(&self) -> BTreeMap<String, u64> {
        let columns = (0..).zip(&self.columns);
        let named = |(at, column): (u64, &Column)| Some((column.meaning?.name()?.to_owned(), at));
        columns.filter_map(named).collect()
    }

    pub(super) fn schema(&self) -> Schema {
        meaning::schema(&self.read())
    }
}

impl Column {
    fn new(at: usize, rows: &[&Row], spans: &Spans) -> Self {
        // Above a second row a merged title names every column it covers.
        let over = |row: &&Row| {
            let first = rows.len() > 1 && rows.first().is_some_and(|top| top.number == row.number);
            spans.first_column(row.number, at).filter(|_| first)
        };
        let cell = |row: &&Row| match row.cell(at) {
            Cell::Empty => row.cell(over(row).unwrap_or(at)).written().into_owned(),
            cell => cell.written().into_owned(),
        };
        let cells: Vec<String> = rows.iter().map(cell).collect();
        let said: Vec<&str> = cells
            .iter()
            .map(String::as_str)
            .filter(|cell| !cell.is_empty())
            .collect();
        let title = said.join(" ");
        Self {
            at,
            word: word(&said, &title),
            title,
            meaning: None,
            cells,
        }
    }
}

/// Of two rows the lower one says what a column is, when it says anything; the unit may stand in either.
fn word(said: &[&str], title: &str) -> Option<Word> {
    let whole = meaning::of(title);
    let Some(lower) = said.get(1).and_then(|lower| meaning::of(lower)) else {
        return whole;
    };
    if lower.meaning == Meaning::Other && whole.is_some() {
        return whole;
    }
    let upper = said.first().and_then(|upper| meaning::of(upper));
    let unit_mm = lower
        .unit_mm
        .or(whole.and_then(|whole| whole.unit_mm))
        .or(upper.and_then(|upper| upper.unit_mm));
    Some(Word { unit_mm, ..lower })
}
