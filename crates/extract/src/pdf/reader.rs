//! Goes through the pages of a PDF and gathers what they say. Never stops at a page that cannot be read.

use super::ink::{Ink, TURNS};
use super::outline::{Outline, outline};
use super::page::{self, PageText};
use super::raster::Canvas;
use super::ruled::{Ruled, ruled};
use super::{cost, facts};
use crate::Input;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::document::{Field, OcrWord, Table};
use crate::documented::Documented;
use crate::drawn::{Drawn, Extras};
use crate::facts::{Review, Rules, read_texts};
use crate::kind::Kind;
use crate::labels::{self, Scale};
use crate::layout::{Area, Word};
use crate::limits::Limits;
use crate::table::{self, Grid, Site};
use drawing::UnitClues;
use hayro::hayro_interpret::util::TransformExt;
use hayro::hayro_interpret::{Context, InterpreterCache, InterpreterSettings, interpret_page};
use hayro::hayro_syntax::Pdf;
use hayro::kurbo::Rect;

/// With more of its letters nameless than this, a page's text is noise.
const NAMELESS_MAX: f64 = 0.3;
/// With fewer of its signs letters or digits than this, a longer text is noise.
const ALPHANUMERIC_MIN: f64 = 0.3;
const NOISE_CHARS_MIN: usize = 40;
/// A page with fewer words than this, most of which a picture covers, is a scan with a stamp on it.
const SCAN_WORDS_MAX: usize = 8;
const SCAN_SHARE_MIN: f64 = 0.5;
/// Lines and shapes that could be letters; fewer are no text.
const LETTERS_MIN: usize = 20;

/// What has been gathered so far.
pub(super) struct Reader<'a> {
    out: Documented,
    input: &'a Input<'a>,
    rules: &'a Rules,
    limits: &'a Limits,
    glyphs_left: usize,
    images: u64,
    text_cut: bool,
    fields: Vec<(u64, Vec<Field>)>,
    /// Those of pages whose words were read off pixels.
    pixel_fields: Vec<(u64, Vec<Field>)>,
    grids: Vec<Grid>,
    /// The first page whose words only pixels hold has been met.
    scanned: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        out: Documented,
        input: &'a Input<'a>,
        rules: &'a Rules,
        limits: &'a Limits,
    ) -> Self {
        Self {
            out,
            input,
            rules,
            limits,
            glyphs_left: limits.pdf.glyphs_max,
            images: 0,
            text_cut: false,
            fields: Vec::new(),
            pixel_fields: Vec::new(),
            grids: Vec::new(),
            scanned: false,
        }
    }

    fn warn(&mut self, code: &'static str, message: impl FnOnce() -> String) {
        self.out
            .diagnostics
            .push(|| Diagnostic::new(Severity::Warning, code, message()));
    }

    fn review(&mut self, code: &'static str, message: String) {
        self.out.needs_review.push(Review {
            code: code.into(),
            message,
        });
    }

    /// Reads the pages; `renders` when pictures may be made of them.
    pub(super) fn pages(&mut self, pdf: &Pdf, renders: bool) {
        let (total, most) = (pdf.pages().len(), self.limits.pdf.pages_read_max);
        if total == 0 {
            self.warn("pdf_no_pages", || "the document has no page".to_owned());
        }
        if total > most {
            self.warn("pages_read_max", || {
                format!("the first {most} of {total} pages are read (pdf.pages_read_max)")
            });
        }
        let cache = InterpreterCache::new();
        let settings = InterpreterSettings::default();
        for (number, page) in (1..).zip(pdf.pages().iter().take(most)) {
            let operators_max = self.limits.pdf.operators_max;
            let cost = cost::of_page(page, &self.limits.pdf);
            if cost.operators > operators_max {
                self.warn("pdf_operators_max", || {
                    format!("page {number} draws more than {operators_max} times (pdf.operators_max): it is not read")
                });
                continue;
            }
            let (width, height) = page.render_dimensions();
            let mut ink = Ink::new(
                f64::from(width),
                f64::from(height),
                self.glyphs_left,
                self.limits.pdf.path_elements_max,
            );
            let bounds = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
            let upright = page.initial_transform(true).to_kurbo();
            let mut context = Context::new(upright, bounds, &cache, pdf.xref(), settings.clone());
            interpret_page(page, &mut context, &mut ink);
            ink.finish();
            let canvas = Canvas {
                page,
                length: ink.length,
                dashes: ink.dashes,
            };
            let renders = renders && !cost.heavy_picture;
            self.page(number, ink, Some(canvas).filter(|_| renders));
        }
        if self.input.preview && self.out.preview.is_none() {
            let message = "the first page is too large, or asks for too much, to be rendered (pdf.render_length_max_px, pdf.dashes_max)";
            self.warn("no_preview", || message.to_owned());
        }
        self.out.document.images_total = Some(self.images);
    }

    /// Reads one page; without a canvas no picture is made of it.
    fn page(&mut self, number: u64, mut ink: Ink, canvas: Option<Canvas<'_>>) {
        if number == 1 && self.input.preview {
            self.out.preview = canvas.and_then(|canvas| canvas.preview(&self.limits.pdf));
        }
        self.glyphs_left = self.glyphs_left.saturating_sub(ink.glyphs);
        self.images = self
            .images
            .saturating_add(u64::try_from(ink.images).unwrap_or(0));
        if ink.cut {
            self.warn("pdf_page_cut", || {
                format!("page {number} holds more letters or lines than are read (pdf.glyphs_max, pdf.path_elements_max)")
            });
        }
        let noise = is_noise(&ink);
        if noise {
            self.warn("text_unreadable", || {
                format!("the letters of page {number} are drawn by a font that does not name them")
            });
            ink.words = Default::default();
        }
        let words: usize = ink.words.iter().map(Vec::len).sum();
        let marked = ink.images + ink.glyphs > 0 || ink.fills + ink.strokes.len() >= LETTERS_MIN;
        let pictured = words < SCAN_WORDS_MAX && ink.image_share >= SCAN_SHARE_MIN;
        if marked && (words == 0 || pictured) && !self.scanned {
            self.scanned = true;
            self.scan(number, canvas);
        }
        let turn = main_turn(&ink);
        let ruled = ruled(&ink, turn, &self.limits.pdf);
        if ruled.cut {
            self.warn("pdf_rules_max", || {
                format!("page {number} has too many lines to look for all tables (pdf.rules_max)")
            });
        }
        let mut said = PageText::default();
        for (way, words) in ink.words.iter_mut().enumerate() {
            let words = std::mem::take(words);
            if way == turn {
                said = page::read(words, &ruled);
            } else {
                let more = page::read(words, &Ruled::default());
                said.lines.extend(more.lines);
                said.notes.extend(more.notes);
            }
        }
        self.outline(number, &ink, &ruled, &said);
        self.say(number, said);
    }

    /// A page whose words only pixels hold: asks for OCR, or takes what it said.
    fn scan(&mut self, number: u64, canvas: Option<Canvas<'_>>) {
        let limits = &self.limits.pdf;
        let scaled = canvas.and_then(|canvas| Some((canvas, canvas.scan_scale(limits)?)));
        let Some((canvas, scale)) = scaled else {
            self.warn("no_scan", || {
                format!("page {number} holds no text, and asks for too much to be rendered for OCR")
            });
            return;
        };
        match self.input.ocr {
            Some(ocr) => {
                let words = ocr.words.iter();
                let words = words.map(|word| word_of(word, f64::from(scale))).collect();
                let mut said = page::read(words, &Ruled::default());
                // Lines are heard with the sureness of their words, not as text.
                said.notes.clear();
                let fields = std::mem::take(&mut said.fields);
                self.pixel_fields.push((number, fields));
                self.out.readings.extend(ocr.readings(self.rules));
                self.out.document.ocr = Some(ocr.clone());
                if ocr.words.is_empty() {
                    self.review(
                        "no_text",
                        format!("page {number} is a picture that nobody could read"),
                    );
                } else {
                    self.review(
                        "ocr",
                        format!("the words of page {number} were read off pixels"),
                    );
                }
                self.say(number, said);
            }
            None => {
                self.review(
                    "no_text",
                    format!("page {number} is a picture: its words are not known"),
                );
                self.out.scan = canvas.scan(limits);
            }
        }
    }

    fn say(&mut self, number: u64, said: PageText) {
        let text = &mut self.out.document.text;
        if !text.is_empty() && !said.lines.is_empty() {
            text.push('\n');
        }
        for line in &said.lines {
            if text.len() + line.len() >= self.limits.text_bytes_max {
                self.text_cut = true;
                break;
            }
            text.push_str(line);
            text.push('\n');
        }
        let notes_left = self.limits.texts_max.saturating_sub(self.out.texts.len());
        self.out
            .texts
            .extend(said.notes.into_iter().take(notes_left));
        let site = || Site::Page(number);
        let grids = said.parts.iter().map(|rows| Grid::of_text(site(), rows));
        self.grids.extend(grids);
        for rows in said.tables {
            if self.out.document.tables.len() < self.limits.tables_max {
                self.out.document.tables.push(Table {
                    place: number.to_string(),
                    rows_total: u64::try_from(rows.len()).unwrap_or(u64::MAX),
                    rows: rows.into_iter().take(self.limits.table_rows_max).collect(),
                    ..Table::default()
                });
            }
        }
        self.fields.push((number, said.fields));
    }

    /// The first page that draws a part is measured.
    fn outline(&mut self, number: u64, ink: &Ink, ruled: &Ruled, said: &PageText) {
        if self.out.drawing.is_some() || !self.looks_drawn(ink, said) {
            return;
        }
        let scale = said.fields.iter().find(|field| field.name == "scale");
        let stated = scale.and_then(|field| labels::scale(&field.value));
        let by = match stated {
            Some(Scale::None) => {
                self.warn("pdf_not_to_scale", || {
                    format!("page {number} says it is not to scale: it is not measured")
                });
                return;
            }
            Some(Scale::By(by)) => by,
            None => 1.0,
        };
        let found = outline(ink, ruled, &said.forms, by);
        if found.closed == 0 {
            return;
        }
        self.explain(number, &found, stated.is_some(), by);
        let mut drawing = found.drawing;
        // Points are a measure of their own: a unit that the caller names cannot change them.
        drawing.scale(self.input.unit.map_or(1.0, |unit| 1.0 / unit.mm()));
        self.out.drawing = Some(Drawn {
            kind: Kind::Pdf,
            format_version: None,
            drawing,
            clues: UnitClues {
                millimetre_writer: stated.is_some(),
                metric: Some(true),
                ..UnitClues::default()
            },
            paper_space_entities: 0,
            extras: Extras::default(),
            diagnostics: Diagnostics::new(self.limits.diagnostics_max),
        });
    }

    fn explain(&mut self, number: u64, found: &Outline, stated: bool, by: f64) {
        let scale = match stated {
            true => format!("at the stated scale of 1:{by}"),
            false => "at 1:1, for want of a stated scale".to_owned(),
        };
        let Outline {
            closed,
            open,
            letters,
            dashed,
            ..
        } = found;
        let message = format!(
            "page {number} is measured from its lines {scale}: {closed} closed loops are taken for cuts; {open} open \
             chains, {dashed} dashed lines and {letters} small strokes like letters are not"
        );
        let hint = "a PDF does not tell cuts from other lines: send a DXF to be sure";
        self.out
            .diagnostics
            .push(|| Diagnostic::new(Severity::Warning, "pdf_outline", message).hint(hint));
        self.review(
            "pdf_outline",
            "the outline was measured from a PDF's lines".to_owned(),
        );
    }

    /// Whether a page is a drawing of a part: a title block says so, or the program that made the file, or lines
    /// without any words. Charts, tables and letters are none.
    fn looks_drawn(&self, ink: &Ink, said: &PageText) -> bool {
        const FIELDS: [&str; 5] = [
            "scale",
            "drawing_number",
            "material",
            "thickness",
            "sheet_size",
        ];
        const STATED_MIN: usize = 2;
        let stated = said
            .fields
            .iter()
            .filter(|field| FIELDS.contains(&field.name.as_str()));
        let info = &self.out.document.info;
        let by_cad = ["creator", "producer"]
            .iter()
            .filter_map(|key| info.get(*key))
            .any(|program| is_cad(program));
        let wordless = said.lines.is_empty() && ink.images == 0;
        !ink.strokes.is_empty() && (stated.count() >= STATED_MIN || by_cad || wordless)
    }

    /// Reads what stands in tables and fields.
    pub(super) fn finish(mut self) -> Documented {
        if self.text_cut {
            self.warn("text_bytes_max", || {
                "the text is cut at its limit".to_owned()
            });
        }
        let out = &mut self.out;
        let read = table::read(&self.grids, self.rules, self.limits, &mut out.diagnostics);
        out.document.tables.extend(read.tables);
        out.document.tables.truncate(self.limits.tables_max);
        out.document.schema = read.schema;
        out.readings.extend(read.readings);
        out.texts.extend(read.texts);
        let read_off = facts::stated(&self.pixel_fields, self.rules).texts;
        let trust = self.input.ocr.map_or(0.0, |ocr| ocr.trust());
        let readings = read_texts(&read_off, self.rules).into_iter();
        out.readings
            .extend(readings.map(|facts| facts.trusted(trust)));
        let stated = facts::stated(&self.fields, self.rules);
        // Fields first: a document's notes may be many.
        let notes = std::mem::replace(&mut out.texts, stated.texts);
        out.texts.extend(notes);
        for day in stated.unclear_days {
            let message = format!("{day} could be two days: write the year first");
            out.diagnostics
                .push(|| Diagnostic::new(Severity::Warning, "date_unclear", message));
        }
        out.part_lines_beyond = read.part_lines_beyond;
        out.part_lines = match read.part_lines.is_empty() {
            true => stated.part_lines,
            false => read.part_lines,
        };
        let fields = self.fields.into_iter().chain(self.pixel_fields);
        let fields = fields.flat_map(|(_, fields)| fields);
        for field in fields.chain(read.fields) {
            let fields = &mut out.document.fields;
            if fields.len() < self.limits.texts_max && !fields.contains(&field) {
                fields.push(field);
            }
        }
        self.out
    }
}

/// Programs that draw parts.
const CAD: [&str; 24] = [
    "autocad",
    "dwg",
    "solidworks",
    "inventor",
    "librecad",
    "qcad",
    "freecad",
    "draftsight",
    "lightburn",
    "inkscape",
    "coreldraw",
    "illustrator",
    "fusion",
    "onshape",
    "creo",
    "catia",
    "solid edge",
    "bricscad",
    "ezdxf",
    "rhino",
    "zwcad",
    "nanocad",
    "plotter",
    "autodesk",
];

fn is_cad(program: &str) -> bool {
    let program = program.to_lowercase();
    CAD.iter().any(|name| program.contains(name))
}

fn is_noise(ink: &Ink) -> bool {
    let count = |count: usize| u32::try_from(count).map_or(f64::MAX, f64::from);
    let nameless = count(ink.nameless) > NAMELESS_MAX * count(ink.glyphs);
    let chars = || {
        ink.words
            .iter()
            .flatten()
            .flat_map(|word| word.text.chars())
    };
    let (all, good) = (
        chars().count(),
        chars().filter(|c| c.is_alphanumeric()).count(),
    );
    nameless || (all >= NOISE_CHARS_MIN && count(good) < ALPHANUMERIC_MIN * count(all))
}

/// The way in which most of the page's text runs.
fn main_turn(ink: &Ink) -> usize {
    let letters = |turn: &usize| {
        let words = ink.words.get(*turn).map_or(&[][..], Vec::as_slice);
        words.iter().map(|word| word.text.len()).sum::<usize>()
    };
    // Of equals the first.
    (0..TURNS).rev().max_by_key(letters).unwrap_or(0)
}

/// A word with its place on the page, of which a pixel is so many parts.
pub(super) fn word_of(word: &OcrWord, scale: f64) -> Word {
    let (left, top) = (f64::from(word.left), f64::from(word.top));
    let area = Area {
        left: left / scale,
        top: top / scale,
        right: (left + f64::from(word.width)) / scale,
        bottom: (top + f64::from(word.height)) / scale,
    };
    Word {
        text: word.text.clone(),
        area,
        cell: None,
    }
}
