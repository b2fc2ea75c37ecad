//! Rows below a header: which are part lines, which are totals, headings, notes or the header again, and what each line
//! says. It must never fill in a value that neither the row nor a heading states.

use super::figures::{self, Decimal};
use super::header::{Column, Header};
use super::meaning::{self, Meaning, NAME_RANK_MIN};
use super::stated::Stated;
use super::{Cell, Grid, Line, Reader, Row, cut};
use crate::document::PartLine;
use crate::facts::{ClientCode, ProjectCode, Source, read_words};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Rows looked at to learn how a table writes its figures and which column names its parts.
const SAMPLE_ROWS: usize = 500;
/// Letters kept of what a line states.
const VALUE_CHARS_MAX: usize = 200;
/// Words that open a row of sums.
const SUMS: [&str; 16] = [
    "total",
    "totals",
    "subtotal",
    "subtotals",
    "sub",
    "grand",
    "sum",
    "totaal",
    "subtotaal",
    "totale",
    "summe",
    "gesamt",
    "gesamtsumme",
    "zwischensumme",
    "vat",
    "carried",
];
/// Words and bytes of a sum's label.
const SUM_WORDS_MAX: usize = 4;
const SUM_BYTES_MAX: usize = 100;
/// Marks that repeat what stands above.
const DITTO: [&str; 9] = ["\"", "''", "″", "”", "〃", "-\"-", "do", "do.", "ditto"];
/// Marks for nothing.
const NOTHING: [&str; 8] = ["-", "–", "—", "?", "n/a", "na", "tbc", "tba"];

/// How the rows of one table are read.
struct Plan<'h> {
    header: &'h Header,
    decimal: Decimal,
    /// The column that names the parts.
    name: Option<usize>,
    /// Whether rows are part lines at all.
    lists_parts: bool,
    /// Without thickness or material of their own, columns leave it to the names.
    names_speak: bool,
}

/// What a row is.
enum Class {
    Line,
    /// Sums, or the header again.
    Skipped,
    /// A heading between lines, or a remark below them.
    Note(String),
    /// Something in a table that lists no parts, or too little for a line.
    Row,
}

/// Counts of what one table's lines took from elsewhere, said once a table.
#[derive(Default)]
struct Taken {
    material: u64,
    thickness: u64,
    from_names: u64,
    unknown: BTreeSet<String>,
}

impl<'h> Plan<'h> {
    fn new(header: &'h Header, body: &[Row]) -> Self {
        let figures = [
            Meaning::Thickness,
            Meaning::Width,
            Meaning::Height,
            Meaning::Size,
            Meaning::Price,
            Meaning::Total,
        ];
        let columns: Vec<_> = figures
            .iter()
            .filter_map(|&meaning| header.column(meaning))
            .collect();
        let sample = body.iter().take(SAMPLE_ROWS);
        let texts = sample.flat_map(|row| columns.iter().map(|column| row.cell(column.at)));
        let has = |meaning| header.column(meaning).is_some();
        let sized = has(Meaning::Width) || has(Meaning::Height) || has(Meaning::Size);
        let stuff = has(Meaning::Material) || has(Meaning::Thickness) || sized;
        let counted = has(Meaning::Quantity);
        let name = name_column(header, body);
        Self {
            header,
            decimal: Decimal::of(texts.filter_map(|cell| match cell {
                Cell::Text(text) => Some(text.as_str()),
                _ => None,
            })),
            name,
            lists_parts: name.is_some() && (counted || stuff) || counted && stuff,
            names_speak: !has(Meaning::Material) || !has(Meaning::Thickness) || !counted,
        }
    }

    /// What the row holds within the table's own columns.
    fn filled<'r>(&self, row: &'r Row) -> impl Iterator<Item = (usize, &'r Cell)> {
        let ends = self.header.columns.first().zip(self.header.columns.last());
        let own = ends
            .filter(|_| self.header.beside)
            .map(|(first, last)| (first.at, last.at));
        row.filled()
            .filter(move |(at, _)| own.is_none_or(|(first, last)| (first..=last).contains(at)))
    }

    fn holds(&self, row: &Row, meaning: Meaning) -> bool {
        let column = self.header.column(meaning);
        column.is_some_and(|column| !row.cell(column.at).is_empty())
    }

    fn class(&self, row: &Row) -> Class {
        let filled = self.filled(row).count();
        if filled == 0 || self.header.is_repeated_by(row) || self.is_sum(row) {
            return Class::Skipped;
        }
        let mut texts = self.filled(row).filter_map(|(_, cell)| match cell {
            Cell::Text(text) => Some(text),
            _ => None,
        });
        if filled == 1 && self.header.columns.len() > 1 && self.header.depth > 0 {
            return texts
                .next()
                .map_or(Class::Row, |text| Class::Note(text.clone()));
        }
        let named = self.name.is_some_and(|at| !row.cell(at).is_empty());
        let stuff = [
            Meaning::Material,
            Meaning::Thickness,
            Meaning::Width,
            Meaning::Size,
        ];
        let stuff = stuff.into_iter().any(|meaning| self.holds(row, meaning));
        match self.lists_parts && (named || stuff && self.holds(row, Meaning::Quantity)) {
            true => Class::Line,
            false => Class::Row,
        }
    }

    /// A label that says so, where no part is named; or nothing but figures under a named list.
    fn is_sum(&self, row: &Row) -> bool {
        let label = |cell: &Cell| match cell {
            Cell::Text(text) => is_sum_label(text),
            _ => false,
        };
        let labelled = self
            .filled(row)
            .find(|(_, cell)| label(cell))
            .map(|(at, _)| at);
        let name = self.name.filter(|&at| !row.cell(at).is_empty());
        // The label itself, wherever it stands, is none.
        let stuff = [Meaning::Material, Meaning::Thickness]
            .into_iter()
            .filter_map(|meaning| self.header.column(meaning))
            .any(|column| Some(column.at) != labelled && !row.cell(column.at).is_empty());
        match labelled {
            Some(at) => !stuff && name.is_none_or(|name| name == at),
            None => {
                let figures = |(_, cell): (usize, &Cell)| matches!(cell, Cell::Number(_));
                self.name.is_some() && name.is_none() && !stuff && self.filled(row).all(figures)
            }
        }
    }
}

fn is_sum_label(text: &str) -> bool {
    if text.len() > SUM_BYTES_MAX {
        return false;
    }
    let words = meaning::words(text);
    let opens = words
        .first()
        .is_some_and(|word| SUMS.contains(&word.as_str()));
    opens && words.len() <= SUM_WORDS_MAX
}

/// The likeliest column whose cells are names: a column of `Item` may only number the lines.
fn name_column(header: &Header, body: &[Row]) -> Option<usize> {
    let names = header.names();
    let worded = |&&(_, at): &&(u8, usize)| {
        let cells = || body.iter().take(SAMPLE_ROWS).map(|row| row.cell(at));
        let filled = cells().filter(|cell| !cell.is_empty()).count();
        let words = cells().filter(
            |cell| matches!(cell, Cell::Text(text) if text.chars().any(char::is_alphabetic)),
        );
        words.count() * 2 > filled
    };
    let worded = names.iter().find(worded);
    let strong = || names.first().filter(|(rank, _)| *rank >= NAME_RANK_MIN);
    worded.or_else(strong).map(|&(_, at)| at)
}

impl Reader<'_> {
    /// Reads the rows of one table into part lines; answers the rows that belong to the table.
    pub(super) fn lines<'g>(
        &mut self,
        grid: &Grid,
        body: &'g [Row],
        header: &Header,
        stated: &mut Stated,
        hears: bool,
    ) -> Vec<&'g Row> {
        let plan = Plan::new(header, body);
        let (mut taken, mut rows) = (Taken::default(), Vec::new());
        let mut above = Row::default();
        for row in body {
            match plan.class(row) {
                Class::Skipped => {}
                Class::Note(note) => {
                    let room = self.out.texts.len() < self.rules.texts_read_max;
                    if room && hears && !stated.hear(&note, self.rules) {
                        self.say(note);
                    }
                }
                Class::Row => rows.push(row),
                Class::Line if self.lines.len() >= self.limits.part_lines_max => {
                    self.out.part_lines_beyond += 1;
                    rows.push(row);
                }
                Class::Line => {
                    let whole = whole(row, &above, grid, &plan);
                    let line = self.line(&whole, grid, &plan, stated, &mut taken);
                    self.lines.push(line);
                    if let Cow::Owned(whole) = whole {
                        above = whole;
                    } else {
                        above.clone_from(row);
                    }
                    rows.push(row);
                }
            }
        }
        self.taken(&taken, stated, &grid.site.table());
        rows
    }

    fn line(
        &mut self,
        row: &Row,
        grid: &Grid,
        plan: &Plan<'_>,
        stated: &Stated,
        taken: &mut Taken,
    ) -> Line {
        let place = grid.site.row(row.number);
        let cell = |meaning| {
            plan.header
                .column(meaning)
                .map(|column| row.cell(column.at))
        };
        let text = |meaning| cell(meaning).and_then(said);
        let mut line = PartLine {
            part_name: plan.name.map(|at| row.cell(at)).and_then(said),
            client_code: text(Meaning::Client)
                .and_then(|code| Some(ClientCode::parse(&code).ok()?.to_string())),
            project_code: text(Meaning::Project)
                .and_then(|code| Some(ProjectCode::parse(&code).ok()?.to_string())),
            price: text(Meaning::Price),
            total: text(Meaning::Total),
            ..PartLine::default()
        };
        self.material(&mut line, text(Meaning::Material), taken);
        self.figures(&mut line, row, plan, stated, &place);
        if plan.names_speak {
            self.name_speaks(&mut line, taken);
        }
        if line.material.is_none() {
            line.material = stated.material.as_ref().map(|heard| heard.value.clone());
            taken.material += u64::from(line.material.is_some());
        }
        if line.thickness_mm.is_none() {
            line.thickness_mm = stated.thickness_mm.as_ref().map(|heard| heard.value);
            taken.thickness += u64::from(line.thickness_mm.is_some());
        }
        line.place = Some(place);
        let first = self.lines.is_empty();
        let known = line.material.as_deref().filter(|_| first);
        Line {
            evidence: if first { evidence(row) } else { String::new() },
            due_date: cell(Meaning::DueDate).and_then(date),
            po_number: text(Meaning::PoNumber),
            material_known: known.is_some_and(|name| self.rules.materials.find(name).is_some()),
            line,
        }
    }

    /// The table's name of the material, or the word as it stands; a thickness may stand beside it.
    fn material(&mut self, line: &mut PartLine, written: Option<String>, taken: &mut Taken) {
        let Some(written) = written else { return };
        if let Some(material) = self.rules.materials.find(&written) {
            line.material = Some(material.name.clone());
            return;
        }
        let read = read_words(&written, Source::TableColumn, self.rules);
        line.thickness_mm = read.facts.thickness_mm.map(|fact| fact.value);
        line.material = match read.facts.material {
            Some(material) => Some(material.value),
            None if read.rest.chars().any(char::is_alphabetic) => {
                if taken.unknown.len() < self.limits.diagnostics_max {
                    taken.unknown.insert(read.rest.clone());
                }
                Some(read.rest)
            }
            None => None,
        };
    }

    fn figures(
        &mut self,
        line: &mut PartLine,
        row: &Row,
        plan: &Plan<'_>,
        stated: &Stated,
        place: &str,
    ) {
        let (header, decimal) = (plan.header, plan.decimal);
        let unit = |column: &Column| {
            let unit = column.word.and_then(|word| word.unit_mm);
            unit.or(stated.unit_mm).unwrap_or(1.0)
        };
        let mut length = |meaning| {
            let column = header.column(meaning)?;
            let cell = row.cell(column.at);
            let read = figures::length_mm(cell, unit(column), decimal);
            self.judge(cell, column, read.is_some(), decimal, place);
            read
        };
        line.width_mm = length(Meaning::Width);
        line.height_mm = length(Meaning::Height);
        let thickness = length(Meaning::Thickness);
        line.thickness_mm = thickness.or(line.thickness_mm);
        let max = self.rules.thickness_mm_max;
        if let Some(mm) = line.thickness_mm.filter(|&mm| mm > max) {
            line.thickness_mm = None;
            self.warn("thickness_refused", || {
                format!("{place}: {mm} mm is no thickness of a sheet")
            });
        }
        if let Some(column) = header.column(Meaning::Quantity) {
            let cell = row.cell(column.at);
            line.quantity = figures::count(cell, decimal);
            self.judge(cell, column, line.quantity.is_some(), decimal, place);
        }
        if let Some(column) = header.column(Meaning::Size) {
            let sides = figures::sides_mm(row.cell(column.at), unit(column), decimal);
            let mut sides = sides.into_iter().flatten();
            line.width_mm = line.width_mm.or(sides.next());
            line.height_mm = line.height_mm.or(sides.next());
            let third = sides
                .next()
                .filter(|&mm| mm <= self.rules.loose_thickness_mm_max);
            line.thickness_mm = line.thickness_mm.or(third);
        }
    }

    /// Says what could not be read, and what could be read in two ways.
    fn judge(&mut self, cell: &Cell, column: &Column, read: bool, decimal: Decimal, place: &str) {
        if !read && said(cell).is_some() {
            let title = &column.title;
            let written = || cut(&cell.written(), VALUE_CHARS_MAX);
            self.warn("figure_not_read", || {
                format!("{place}: {:?} under {title:?} is not read", written())
            });
        } else if read && figures::is_ambiguous(cell, decimal) {
            self.warn("figure_ambiguous", || {
                format!(
                    "{place}: {:?} is read with the comma between thousands",
                    cell.written()
                )
            });
        }
    }

    /// What columns do not say the part's name may: `Base plate 10mm MS`.
    fn name_speaks(&self, line: &mut PartLine, taken: &mut Taken) {
        let Some(name) = line
            .part_name
            .as_deref()
            .filter(|name| name.len() <= VALUE_CHARS_MAX)
        else {
            return;
        };
        let facts = read_words(name, Source::TableColumn, self.rules).facts;
        let before = line.clone();
        line.material = line
            .material
            .take()
            .or(facts.material.map(|fact| fact.value));
        line.thickness_mm = line
            .thickness_mm
            .or(facts.thickness_mm.map(|fact| fact.value));
        line.quantity = line.quantity.or(facts.quantity.map(|fact| fact.value));
        taken.from_names += u64::from(*line != before);
    }

    fn taken(&mut self, taken: &Taken, stated: &Stated, place: &str) {
        let material = stated
            .material
            .as_ref()
            .map(|heard| (&heard.title, heard.value.clone()));
        let thickness = stated
            .thickness_mm
            .as_ref()
            .map(|heard| (&heard.title, format!("{} mm", heard.value)));
        for (lines, heard) in [(taken.material, material), (taken.thickness, thickness)] {
            if let Some((title, value)) = heard.filter(|_| lines > 0) {
                self.warn("stated_in_title", || {
                    format!("{place}: {lines} lines lack what titles state; the last is {value}, in {title:?}")
                });
            }
        }
        let names = taken.from_names;
        if names > 0 {
            self.warn("stated_in_names", || {
                format!("{place}: {names} lines state material, thickness or quantity only in the part's name")
            });
        }
        for word in &taken.unknown {
            self.warn("unknown_material", || {
                format!("{place}: {word} is not in the table of materials: it is kept as it stands")
            });
        }
    }
}

/// The row with merged cells and ditto marks filled in.
fn whole<'r>(row: &'r Row, above: &Row, grid: &Grid, plan: &Plan<'_>) -> Cow<'r, Row> {
    let mut whole = Cow::Borrowed(row);
    for column in &plan.header.columns {
        let cell = row.cell(column.at);
        let shared = matches!(
            column.meaning,
            Some(Meaning::Material | Meaning::Thickness | Meaning::Client | Meaning::Project)
        );
        let covered =
            cell.is_empty() && shared && grid.spans.first_row(row.number, column.at).is_some();
        let ditto =
            matches!(cell, Cell::Text(text) if DITTO.contains(&text.to_lowercase().as_str()));
        if covered || ditto {
            let cells = &mut whole.to_mut().cells;
            if cells.len() <= column.at {
                cells.resize(column.at + 1, Cell::Empty);
            }
            if let Some(cell) = cells.get_mut(column.at) {
                cell.clone_from(above.cell(column.at));
            }
        }
    }
    whole
}

/// A cell's words, unless they are a mark for nothing.
fn said(cell: &Cell) -> Option<String> {
    let written = cell.written();
    let nothing = NOTHING
        .iter()
        .any(|mark| written.eq_ignore_ascii_case(mark));
    (!written.is_empty() && !nothing).then(|| cut(&written, VALUE_CHARS_MAX))
}

/// The day of a date.
fn date(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Date(date) => date.get(..10).map(str::to_owned),
        _ => None,
    }
}

/// The row as it reads, in short.
fn evidence(row: &Row) -> String {
    let cells: Vec<_> = row.filled().map(|(_, cell)| cell.written()).collect();
    cut(&cells.join(" | "), VALUE_CHARS_MAX)
}
