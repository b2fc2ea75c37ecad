//! A job's sheet: its parts with picture, material, thickness, quantity and cut length, a box to tick for each, and what is
//! still missing. It must never guess: what is not known is shown as a dash.

use krilla::Document;
use krilla::metadata::Metadata;
use krilla::page::PageSettings;

use crate::PaperError;
use crate::figures::{UNKNOWN, length, mm, size};
use crate::page::{Align, Canvas, HEIGHT, Look, WIDTH};
use crate::text::Fonts;

/// Parts on a sheet at most.
pub const PARTS_MAX: usize = 2_000;

const MARGIN: f32 = 36.0;
const RIGHT: f32 = WIDTH - MARGIN;
const ROW: f32 = 58.0;
const PICTURE: (f32, f32) = (76.0, 50.0);
/// Where the first page's table begins, where the others' does, and where both end.
const FIRST_TOP: f32 = 132.0;
const NEXT_TOP: f32 = 72.0;
const BOTTOM: f32 = HEIGHT - 48.0;
const NOTE_LINE: f32 = 13.0;
const GREY: u8 = 96;
const FAINT: u8 = 190;

/// A column of the table: its heading, where it stands, and to which side.
type Column = (&'static str, f32, Align);
const COLUMNS: [Column; 7] = [
    ("Part", MARGIN + 84.0, Align::Left),
    ("Material", 268.0, Align::Left),
    ("Thickness", 378.0, Align::Right),
    ("Size", 456.0, Align::Right),
    ("Cut, each", 510.0, Align::Right),
    ("Qty", 541.0, Align::Right),
    ("", RIGHT, Align::Right),
];
const PART_WIDTH: f32 = 142.0;
const MATERIAL_WIDTH: f32 = 74.0;

/// What stands on the sheet.
#[derive(Debug, Clone, Default)]
pub struct JobSheet {
    /// The project's code.
    pub code: String,
    pub name: String,
    pub client: String,
    pub status: String,
    /// As it is to be shown.
    pub due: Option<String>,
    /// When it was made, with its zone, as it is to be shown.
    pub made_at: String,
    pub parts: Vec<Line>,
    /// What is missing or uncertain, a sentence each; below the table.
    pub notes: Vec<String>,
}

/// A part.
#[derive(Debug, Clone, Default)]
pub struct Line {
    pub part: String,
    /// The file it comes from, if it is not of the part's name.
    pub file: Option<String>,
    pub material: Option<String>,
    pub thickness_mm: Option<f64>,
    pub quantity: Option<i64>,
    /// Across and along.
    pub size_mm: Option<(f64, f64)>,
    /// For one piece.
    pub cut_length_mm: Option<f64>,
    /// A PNG; without one, or with one that cannot be read, its place stays empty.
    pub preview: Option<Vec<u8>>,
}

/// The sheet as a PDF, on as many A4 pages as it takes.
///
/// # Errors
/// [`PaperError::TooManyParts`] beyond [`PARTS_MAX`]; the others only for a defect of this program.
pub fn job_sheet(sheet: &JobSheet) -> Result<Vec<u8>, PaperError> {
    if sheet.parts.len() > PARTS_MAX {
        let given = sheet.parts.len();
        return Err(PaperError::TooManyParts { given });
    }
    let fonts = Fonts::load()?;
    let notes = wrapped_notes(sheet, &fonts);
    let pages = pages(sheet, &notes);
    let settings = PageSettings::from_wh(WIDTH, HEIGHT).ok_or(PaperError::Page {
        width: WIDTH,
        height: HEIGHT,
    })?;
    let mut document = Document::new();
    document.set_metadata(Metadata::new().title(format!("{} {}", sheet.code, sheet.name)));
    for (number, content) in pages.iter().enumerate() {
        let mut page = document.start_page_with(settings.clone());
        let mut surface = page.surface();
        let mut drawing = Sheet {
            canvas: Canvas {
                surface: &mut surface,
            },
            fonts: &fonts,
            sheet,
        };
        drawing.page(number + 1, pages.len(), content);
        surface.finish();
        page.finish();
    }
    document
        .finish()
        .map_err(|cause| PaperError::Write(cause.to_string()))
}

/// What a page holds below its head.
#[derive(Default)]
struct Content<'a> {
    lines: &'a [Line],
    /// After the last part: the sums.
    total: bool,
    notes: Vec<&'a str>,
}

fn wrapped_notes(sheet: &JobSheet, fonts: &Fonts) -> Vec<String> {
    let lines = |note: &String| fonts.regular.wrap(note, 9.0, RIGHT - MARGIN, 3);
    sheet.notes.iter().flat_map(lines).collect()
}

/// Parts first, as many as fit on each page; sums and notes after them, on a page of their own where there is no room.
fn pages<'a>(sheet: &'a JobSheet, notes: &'a [String]) -> Vec<Content<'a>> {
    let mut pages = Vec::new();
    let mut rest = sheet.parts.as_slice();
    let mut top = FIRST_TOP;
    let mut room;
    loop {
        let fits = rows_below(top).min(rest.len());
        let (lines, after) = rest.split_at(fits);
        rest = after;
        #[expect(clippy::cast_precision_loss, reason = "a page holds few rows")]
        let used = lines.len() as f32 * ROW;
        room = BOTTOM - top - used - ROW;
        pages.push(Content {
            lines,
            ..Content::default()
        });
        top = NEXT_TOP;
        if rest.is_empty() {
            break;
        }
    }
    if let Some(last) = pages.last_mut() {
        last.total = true;
    }
    for note in notes {
        room -= NOTE_LINE;
        if room < 0.0 {
            pages.push(Content::default());
            room = BOTTOM - NEXT_TOP - NOTE_LINE;
        }
        if let Some(last) = pages.last_mut() {
            last.notes.push(note);
        }
    }
    pages
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a page holds a dozen rows"
)]
fn rows_below(top: f32) -> usize {
    // One row's room stays for the sums.
    ((BOTTOM - top - ROW) / ROW).floor().max(1.0) as usize
}

struct Sheet<'a, 'b, 'c> {
    canvas: Canvas<'b, 'c>,
    fonts: &'a Fonts,
    sheet: &'a JobSheet,
}

impl<'a> Sheet<'a, '_, '_> {
    fn page(&mut self, number: usize, of: usize, content: &Content<'_>) {
        let mut y = match number {
            1 => self.head(),
            _ => self.short_head(),
        };
        if !content.lines.is_empty() {
            self.headings(y - 6.0);
        }
        for line in content.lines {
            self.row(y, line);
            y += ROW;
        }
        if content.total {
            self.sums(y + 16.0);
            y += 32.0;
        }
        for note in &content.notes {
            y += NOTE_LINE;
            let look = self.regular(9.0, 0);
            self.canvas.text((MARGIN, y), Align::Left, look, note);
        }
        self.foot(number, of);
    }

    /// Code, name, client, status and dates; answers where the table begins.
    fn head(&mut self) -> f32 {
        let sheet = self.sheet;
        let title = self.bold(20.0, 0);
        self.canvas
            .text((MARGIN, 56.0), Align::Left, title, &sheet.code);
        let name = self.fonts.regular.wrap(&sheet.name, 13.0, 380.0, 1);
        let look = self.regular(13.0, 0);
        for line in &name {
            self.canvas.text((MARGIN, 76.0), Align::Left, look, line);
        }
        let due = sheet.due.as_deref().unwrap_or(UNKNOWN);
        let facts = [
            ("Client", sheet.client.as_str()),
            ("Status", sheet.status.as_str()),
            ("Due", due),
        ];
        let mut x = MARGIN;
        for (label, value) in facts {
            self.labelled((x, 98.0), label, value);
            x += 180.0;
        }
        FIRST_TOP
    }

    fn labelled(&mut self, (x, y): (f32, f32), label: &str, value: &str) {
        let (faint, look) = (self.regular(8.0, GREY), self.bold(10.0, 0));
        self.canvas.text((x, y), Align::Left, faint, label);
        let at = x + faint.face.width(label, faint.size) + 6.0;
        for line in &look.face.wrap(value, look.size, x + 168.0 - at, 1) {
            self.canvas.text((at, y), Align::Left, look, line);
        }
    }

    fn short_head(&mut self) -> f32 {
        let look = self.bold(11.0, 0);
        let title = format!("{}  {}", self.sheet.code, self.sheet.name);
        for line in &look.face.wrap(&title, look.size, RIGHT - MARGIN, 1) {
            self.canvas.text((MARGIN, 44.0), Align::Left, look, line);
        }
        NEXT_TOP
    }

    fn headings(&mut self, y: f32) {
        let look = self.bold(8.0, GREY);
        for (heading, x, align) in COLUMNS {
            self.canvas.text((x, y), align, look, heading);
        }
        self.canvas.line(y + 4.0, (MARGIN, RIGHT), GREY);
    }

    /// One part; `y` is the row's upper edge.
    fn row(&mut self, y: f32, line: &Line) {
        if let Some(png) = &line.preview {
            self.canvas.picture((MARGIN, y + 3.0), PICTURE, png);
        }
        let [part, material, thickness, across, cut, quantity, _] = COLUMNS;
        self.words(
            (part.1, y + 18.0),
            self.bold(10.0, 0),
            &line.part,
            PART_WIDTH,
        );
        if let Some(file) = &line.file {
            self.words(
                (part.1, y + 44.0),
                self.regular(7.0, GREY),
                file,
                PART_WIDTH,
            );
        }
        let known = line.material.as_deref().unwrap_or(UNKNOWN);
        self.words(
            (material.1, y + 18.0),
            self.regular(9.0, 0),
            known,
            MATERIAL_WIDTH,
        );
        let shown = |text: Option<String>| text.unwrap_or_else(|| UNKNOWN.to_owned());
        let figures = [
            (thickness, shown(line.thickness_mm.map(mm)), false),
            (across, shown(line.size_mm.map(size)), false),
            (cut, shown(line.cut_length_mm.map(length)), false),
            (quantity, shown(line.quantity.map(|n| n.to_string())), true),
        ];
        for ((_, x, align), text, strong) in figures {
            let look = if strong {
                self.bold(11.0, 0)
            } else {
                self.regular(9.0, 0)
            };
            self.canvas.text((x, y + 18.0), align, look, &text);
        }
        self.canvas.square((RIGHT - 13.0, y + 8.0), 13.0, GREY);
        self.canvas.line(y + ROW, (MARGIN, RIGHT), FAINT);
    }

    /// At most two lines that begin at one place; what is longer is cut.
    fn words(&mut self, (x, y): (f32, f32), look: Look<'_>, text: &str, width: f32) {
        let mut y = y;
        for line in &look.face.wrap(text, look.size, width, 2) {
            self.canvas.text((x, y), Align::Left, look, line);
            y += look.size * 1.2;
        }
    }

    /// Pieces and the way to be cut for all of them, where every part says both; else what is known, said to be less.
    fn sums(&mut self, y: f32) {
        let parts = &self.sheet.parts;
        // No number of quantities is too large for their sum.
        let pieces = sum(parts.iter().map(|line| line.quantity.map(i128::from)));
        let each = parts
            .iter()
            .map(|line| match (line.cut_length_mm, line.quantity) {
                #[expect(clippy::cast_precision_loss, reason = "a quantity is far below 2^53")]
                (Some(cut), Some(quantity)) => Some(cut * quantity as f64),
                _ => None,
            });
        let cut = sum(each);
        let look = self.bold(10.0, 0);
        let text = format!(
            "{} {}, {} pieces, {} to cut",
            parts.len(),
            if parts.len() == 1 { "part" } else { "parts" },
            at_least(pieces.0.to_string(), pieces.1),
            at_least(length(cut.0), cut.1)
        );
        self.canvas.text((MARGIN, y), Align::Left, look, &text);
    }

    fn foot(&mut self, number: usize, of: usize) {
        let look = self.regular(8.0, GREY);
        let y = HEIGHT - 26.0;
        let made = format!("Printed {}", self.sheet.made_at);
        self.canvas.text((MARGIN, y), Align::Left, look, &made);
        let pages = format!("{number} / {of}");
        self.canvas.text((RIGHT, y), Align::Right, look, &pages);
    }

    fn regular(&self, size: f32, grey: u8) -> Look<'a> {
        Look {
            face: &self.fonts.regular,
            size,
            grey,
        }
    }

    fn bold(&self, size: f32, grey: u8) -> Look<'a> {
        Look {
            face: &self.fonts.bold,
            size,
            grey,
        }
    }
}

/// What is known together, and whether that is all.
fn sum<T: std::iter::Sum<T>>(values: impl Iterator<Item = Option<T>>) -> (T, bool) {
    let mut whole = true;
    let known = values.inspect(|value| whole &= value.is_some()).flatten();
    let total = known.sum();
    (total, whole)
}

fn at_least(text: String, whole: bool) -> String {
    match whole {
        true => text,
        false => format!("at least {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(parts: usize, notes: usize) -> JobSheet {
        let line = |n: usize| Line {
            part: format!("Bracket-left-with-a-long-name-{n}"),
            file: Some(format!("0005-Bracket-{n}-MS-5mm-x14.dxf")),
            material: (!n.is_multiple_of(3)).then(|| "Stainless Steel 304".to_owned()),
            thickness_mm: Some(1.5),
            quantity: Some(14),
            size_mm: Some((1_250.25, 300.0)),
            cut_length_mm: Some(3_100.5),
            preview: (n == 0).then(|| b"no picture".to_vec()),
        };
        JobSheet {
            code: "JB-2026-11-CL0001-001".to_owned(),
            name: "Roof of the harbour hall".to_owned(),
            client: "CL0001 Harbour Steel".to_owned(),
            status: "Queued".to_owned(),
            made_at: "2026-11-22 06:00 UTC".to_owned(),
            parts: (0..parts).map(line).collect(),
            notes: (0..notes)
                .map(|n| format!("Drawing {n} is not on the cutting list."))
                .collect(),
            ..JobSheet::default()
        }
    }

    #[test]
    fn quantities_and_sizes_beyond_reason_are_printed_too() {
        let mut sheet = sheet(3, 0);
        for line in &mut sheet.parts {
            line.quantity = Some(i64::MAX);
            line.thickness_mm = Some(-f64::MAX);
            line.size_mm = Some((f64::MAX, f64::INFINITY));
            line.cut_length_mm = Some(f64::MAX);
            line.part = "\u{202e}\u{0}x".repeat(1_000);
        }
        assert!(job_sheet(&sheet).unwrap().starts_with(b"%PDF"));
    }

    #[test]
    fn every_part_and_note_stands_on_one_page_and_none_overflows() {
        for (parts, notes) in [
            (0, 0),
            (1, 0),
            (10, 3),
            (11, 0),
            (12, 40),
            (30, 200),
            (PARTS_MAX, 1),
        ] {
            let sheet = sheet(parts, notes);
            let fonts = Fonts::load().unwrap();
            let wrapped = wrapped_notes(&sheet, &fonts);
            let pages = pages(&sheet, &wrapped);
            let listed: usize = pages.iter().map(|page| page.lines.len()).sum();
            let noted: usize = pages.iter().map(|page| page.notes.len()).sum();
            assert_eq!((listed, noted), (parts, notes), "{parts} {notes}");
            for (number, page) in pages.iter().enumerate() {
                let top = if number == 0 { FIRST_TOP } else { NEXT_TOP };
                let sums = if page.total { 32.0 } else { 0.0 };
                let used = page.lines.len() as f32 * ROW + page.notes.len() as f32 * NOTE_LINE;
                assert!(
                    top + used + sums <= BOTTOM,
                    "{parts} {notes}: page {number}"
                );
            }
            assert_eq!(pages.iter().filter(|page| page.total).count(), 1);
            if parts < 100 {
                assert!(job_sheet(&sheet).unwrap().starts_with(b"%PDF-1."));
            }
        }
    }

    #[test]
    fn more_parts_than_a_sheet_lists_are_refused() {
        let refused = job_sheet(&sheet(PARTS_MAX + 1, 0)).unwrap_err();
        assert!(refused.to_string().contains("2001"), "{refused}");
    }

    #[test]
    fn sums_say_when_they_are_not_whole() {
        assert_eq!(sum([Some(2), Some(3)].into_iter()), (5, true));
        assert_eq!(sum([Some(2), None].into_iter()), (2, false));
        assert_eq!(at_least("2".to_owned(), false), "at least 2");
    }
}
