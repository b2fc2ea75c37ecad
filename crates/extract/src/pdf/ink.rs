//! What one page puts on paper: words with their places, lines, pictures. A device of the interpreter that draws
//! nothing. Never holds more than its budgets, and never guesses a letter that the font does not name.

use crate::layout::{Area, Word};
use hayro::hayro_interpret::font::{Glyph, GlyphRun};
use hayro::hayro_interpret::hayro_cmap::BfString;
use hayro::hayro_interpret::{
    BlendMode, ClipPath, Device, DrawMode, DrawProps, Image, ImageDrawProps, Paint, SoftMask,
};
use hayro::kurbo::{Affine, BezPath, PathEl, Point, Rect, Shape, Vec2};

/// Which way text runs on the page, in quarter turns clockwise.
pub(super) const TURNS: usize = 4;
/// The part of the type that stands above the line.
const ASCENT: f64 = 0.78;
/// Length of a glyph's edges, in heights of the type.
const GLYPH_LENGTH: f64 = 4.0;
/// Glyphs of one word are at most this far apart, and overlap at most that far, in heights of the type.
const GLYPH_GAP: (f64, f64) = (-0.6, 0.12);
/// Glyphs of one word stand on lines at most this far apart, in heights of the type.
const GLYPH_RISE: f64 = 0.1;
/// A filled shape thinner than this many points, and much longer, is a rule.
const RULE_WIDTH_PT_MAX: f64 = 2.5;
const RULE_ASPECT_MIN: f64 = 4.0;
/// How exactly a dashed line is measured.
const DASH_ACCURACY: f64 = 1.0;
/// Letters of one word; more are no word.
const WORD_CHARS_MAX: usize = 500;

/// A line that was drawn, as a run of `Ink::elements`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stroke {
    pub(super) first: usize,
    pub(super) end: usize,
    pub(super) dashed: bool,
    /// White on white, or nothing at all.
    pub(super) invisible: bool,
}

/// A page's ink in points, with the origin at the top left of the page as it is looked at, y downwards.
pub(super) struct Ink {
    page: Area,
    glyphs_max: usize,
    elements_max: usize,
    /// By the way they run; places are turned so that they run to the right.
    pub(super) words: [Vec<Word>; TURNS],
    pub(super) glyphs: usize,
    /// Glyphs whose letter nobody names.
    pub(super) nameless: usize,
    pub(super) elements: Vec<PathEl>,
    pub(super) strokes: Vec<Stroke>,
    /// Thin filled shapes.
    pub(super) bars: Vec<Area>,
    /// Filled shapes that are no rules.
    pub(super) fills: usize,
    pub(super) images: usize,
    /// The largest picture's share of the page, 0 to 1.
    pub(super) image_share: f64,
    /// Length of all lines and edges as they are rendered, in points.
    pub(super) length: f64,
    /// Dashes that dashed lines come to.
    pub(super) dashes: f64,
    /// Something did not fit into the budgets.
    pub(super) cut: bool,
    open: Option<Open>,
}

/// A word whose next letter may still come.
struct Open {
    text: String,
    chars: usize,
    turn: usize,
    left: f64,
    right: f64,
    line: f64,
    height: f64,
}

impl Ink {
    /// For a page of this size in points.
    pub(super) fn new(width: f64, height: f64, glyphs_max: usize, elements_max: usize) -> Self {
        Self {
            page: Area {
                left: 0.0,
                top: 0.0,
                right: width,
                bottom: height,
            },
            glyphs_max,
            elements_max,
            words: Default::default(),
            glyphs: 0,
            nameless: 0,
            elements: Vec::new(),
            strokes: Vec::new(),
            bars: Vec::new(),
            fills: 0,
            images: 0,
            image_share: 0.0,
            length: 0.0,
            dashes: 0.0,
            cut: false,
            open: None,
        }
    }

    /// Width and height of the page.
    pub(super) fn size(&self) -> (f64, f64) {
        (self.page.width(), self.page.height())
    }

    /// Ends the last word.
    pub(super) fn finish(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        let area = Area {
            left: open.left,
            top: open.line - ASCENT * open.height,
            right: open.right.max(open.left),
            bottom: open.line + (1.0 - ASCENT) * open.height,
        };
        if let Some(words) = self.words.get_mut(open.turn) {
            words.push(Word {
                text: open.text,
                area,
                cell: None,
            });
        }
    }

    fn glyph(&mut self, glyph: &Glyph<'_>, place: Affine) {
        let origin = place * Point::ZERO;
        let along = place * Point::new(UNITS, 0.0) - origin;
        let height = (place * Point::new(0.0, UNITS) - origin).hypot();
        let seen = self.page.holds((origin.x, origin.y)) && along.hypot().is_finite();
        if !(seen && height > 0.0 && height.is_finite()) {
            return;
        }
        self.length += GLYPH_LENGTH * height;
        if self.glyphs >= self.glyphs_max {
            self.cut = true;
            return;
        }
        self.glyphs += 1;
        let turn = turn_of(along);
        let (left, line) = turned(turn, origin.x, origin.y);
        let advance = match glyph {
            Glyph::Outline(outline) => outline.advance_width(),
            Glyph::Type3(drawn) => drawn.advance_width(),
        };
        let advance = advance.map_or(height / 2.0, |width| {
            f64::from(width) / UNITS * along.hypot()
        });
        let name = glyph.as_unicode();
        if !name.as_ref().is_some_and(is_readable) {
            self.nameless += 1;
        }
        let text = name.map_or_else(|| char::REPLACEMENT_CHARACTER.to_string(), spelled);
        if text.chars().all(char::is_whitespace) {
            self.finish();
            return;
        }
        let open = self.open.take_if(|open| {
            let gap = (left - open.right) / height;
            let rise = (line - open.line).abs() / height;
            open.turn == turn
                && (GLYPH_GAP.0..=GLYPH_GAP.1).contains(&gap)
                && rise <= GLYPH_RISE
                && open.chars < WORD_CHARS_MAX
        });
        let mut open = open.unwrap_or_else(|| {
            self.finish();
            Open {
                text: String::new(),
                chars: 0,
                turn,
                left,
                right: left,
                line,
                height,
            }
        });
        open.chars += 1;
        open.text.push_str(&text);
        open.right = left + advance.max(0.0);
        self.open = Some(open);
    }

    /// Counts what rendering a path costs: each piece by the legs of its control polygon, at most across the page.
    fn measure(&mut self, path: &BezPath, place: Affine) {
        let across = self.page.width().hypot(self.page.height());
        for piece in path.segments() {
            let cubic = (place * piece).to_cubic();
            let legs = [
                cubic.p0.distance(cubic.p1),
                cubic.p1.distance(cubic.p2),
                cubic.p2.distance(cubic.p3),
            ];
            let length: f64 = legs.iter().sum();
            // Also what is not a number.
            self.length += if length < across { length } else { across };
        }
    }

    /// Counts the dashes of a line, in the space in which they are measured.
    fn dash(&mut self, path: &BezPath, lengths: &[f32]) {
        let period: f64 = lengths.iter().map(|length| f64::from(length.abs())).sum();
        let lengths = f64::from(u32::try_from(lengths.len()).unwrap_or(u32::MAX));
        let length = path.perimeter(DASH_ACCURACY);
        // Dashes of nothing are drawn as a line.
        if period > 0.0 {
            self.dashes += lengths * length / period;
        }
    }

    fn stroke(&mut self, path: &BezPath, props: &DrawProps<'_>, dashed: bool) {
        let count = path.elements().len();
        if self.elements.len() + count > self.elements_max {
            self.cut = true;
            return;
        }
        let first = self.elements.len();
        let drawn = path
            .elements()
            .iter()
            .map(|element| props.transform * *element);
        self.elements.extend(drawn);
        self.strokes.push(Stroke {
            first,
            end: first + count,
            dashed,
            invisible: is_invisible(&props.paint),
        });
    }

    fn fill(&mut self, path: &BezPath, props: &DrawProps<'_>) {
        let bounds = (props.transform * path.control_box().to_path(0.1)).bounding_box();
        let (short, long) = (
            bounds.width().min(bounds.height()),
            bounds.width().max(bounds.height()),
        );
        let thin = short <= RULE_WIDTH_PT_MAX && long >= short * RULE_ASPECT_MIN;
        if !thin || is_invisible(&props.paint) {
            self.fills += 1;
        } else if self.bars.len() < self.elements_max {
            self.bars.push(area(bounds));
        } else {
            self.cut = true;
        }
    }
}

/// Glyph space to text space: units of one em.
const UNITS: f64 = 1_000.0;

pub(super) fn area(rect: Rect) -> Area {
    Area {
        left: rect.x0,
        top: rect.y0,
        right: rect.x1,
        bottom: rect.y1,
    }
}

/// The quarter turns nearest to a direction.
fn turn_of(along: Vec2) -> usize {
    match (
        along.x.abs() >= along.y.abs(),
        along.x >= 0.0,
        along.y >= 0.0,
    ) {
        (true, true, _) => 0,
        (false, _, true) => 1,
        (true, false, _) => 2,
        (false, _, false) => 3,
    }
}

/// A place as seen when text that runs this way runs to the right.
pub(super) fn turned(turn: usize, x: f64, y: f64) -> (f64, f64) {
    match turn {
        0 => (x, y),
        1 => (y, -x),
        2 => (-x, -y),
        _ => (-y, x),
    }
}

/// Whether a letter is one that people read.
fn is_readable(name: &BfString) -> bool {
    let readable = |c: char| {
        !c.is_control() && !matches!(c, '\u{E000}'..='\u{F8FF}' | char::REPLACEMENT_CHARACTER)
    };
    match name {
        BfString::Char(c) => readable(*c) || c.is_whitespace(),
        BfString::String(text) => text.chars().all(readable),
    }
}

/// Letters as they are typed: ligatures apart, soft hyphens as hyphens.
fn spelled(name: BfString) -> String {
    let single = |c: char| match c {
        '\u{FB00}' => "ff".to_owned(),
        '\u{FB01}' => "fi".to_owned(),
        '\u{FB02}' => "fl".to_owned(),
        '\u{FB03}' => "ffi".to_owned(),
        '\u{FB04}' => "ffl".to_owned(),
        '\u{AD}' => "-".to_owned(),
        c if c.is_control() && !c.is_whitespace() => char::REPLACEMENT_CHARACTER.to_string(),
        c => c.to_string(),
    };
    match name {
        BfString::Char(c) => single(c),
        BfString::String(text) => text.chars().map(single).collect(),
    }
}

fn is_invisible(paint: &Paint<'_>) -> bool {
    const PALE: u8 = 250;
    match paint {
        Paint::Color(color) => {
            let [red, green, blue, alpha] = color.to_rgba().to_rgba8();
            alpha < 5 || (red > PALE && green > PALE && blue > PALE)
        }
        Paint::Pattern(_) => false,
    }
}

impl<'a> Device<'a> for Ink {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, _: &DrawMode) {
        for glyph in run.glyphs() {
            self.glyph(glyph, props.transform * glyph.transform());
        }
    }

    fn draw_path(&mut self, path: &BezPath, props: DrawProps<'a>, mode: &DrawMode) {
        self.measure(path, props.transform);
        match mode {
            DrawMode::Fill(_) => self.fill(path, &props),
            DrawMode::Stroke(stroke) | DrawMode::FillAndStroke(_, stroke) => {
                self.dash(path, &stroke.dash_array);
                self.stroke(path, &props, !stroke.dash_array.is_empty());
            }
            DrawMode::Invisible => {}
        }
    }

    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        let pixels = Rect::new(
            0.0,
            0.0,
            f64::from(image.width()),
            f64::from(image.height()),
        );
        let bounds = (props.transform * pixels.to_path(0.1)).bounding_box();
        let page = Rect::new(0.0, 0.0, self.page.right, self.page.bottom);
        let share = bounds.intersect(page).area() / page.area().max(f64::MIN_POSITIVE);
        self.images += 1;
        self.image_share = self.image_share.max(share);
    }

    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}
