//! A drawing as SVG, drawn from its curves: arcs stay arcs. Never executable, never refers to anything outside, and
//! never longer than asked for: a drawing too large is drawn more coarsely, and says so.

use crate::finding::{Finding, Severity};
use crate::layer::{Layer, Operation};
use crate::model::{Curve, Drawing, LayerId};
use crate::point::{Extents, Point};
use crate::strokes::{Detail, Strokes, digits_for, is_near};
use std::fmt::Write;

/// Bounds on a preview and what it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreviewOptions<'a> {
    /// What a person who does not see the picture is told.
    pub title: &'a str,
    pub svg_bytes_max: usize,
    pub texts_max: usize,
    /// Characters of one text.
    pub text_chars_max: usize,
    pub findings_max: usize,
}

impl Default for PreviewOptions<'_> {
    fn default() -> Self {
        Self {
            title: "Drawing",
            svg_bytes_max: 2 * 1024 * 1024,
            texts_max: 500,
            text_chars_max: 200,
            findings_max: 200,
        }
    }
}

/// Room around the drawing, as a part of its longer side.
const MARGIN: f64 = 0.03;
/// Height of letters and radius of marks, as a part of the longer side: readable when the picture fills a window.
const TEXT_SIZE: f64 = 0.018;
const MARK_SIZE: f64 = 0.01;
/// Points along the longer side when a drawing is drawn coarsely, finest first.
const COARSE: [f64; 4] = [3_000.0, 1_200.0, 500.0, 200.0];

/// Colours that can be told apart on white and on black.
const GREY: &str = "#8b949e";
const RED: &str = "#e5484d";

fn colour(operation: Operation) -> &'static str {
    match operation {
        Operation::Cut => "#2b7de9",
        Operation::Engrave => "#c27803",
        Operation::Bend => "#1f9d55",
        Operation::Ignore => GREY,
    }
}

fn word(operation: Operation) -> &'static str {
    match operation {
        Operation::Cut => "cut",
        Operation::Engrave => "engrave",
        Operation::Bend => "bend",
        Operation::Ignore => "ignore",
    }
}

/// Draws what is visible, with findings marked in place. The drawing should be in mm: so is the `viewBox`, whose upper
/// left corner lies a margin off the drawing's.
pub fn preview(drawing: &Drawing, findings: &[Finding], options: &PreviewOptions<'_>) -> String {
    let Some(extents) = visible_extents(drawing) else {
        return empty(options);
    };
    let size = match extents.size() {
        0.0 => 1.0,
        size => size,
    };
    // The rest is for texts, marks and the frame.
    let room = options.svg_bytes_max / 5 * 4;
    let details = std::iter::once(Detail::exact(size));
    let details = details.chain(COARSE.map(|points| Detail::coarse(size / points)));
    let (mut strokes, mut coarse, mut whole) = (String::new(), false, false);
    for detail in details {
        let mut layers = Layers {
            drawing,
            strokes: Strokes::new(extents, detail, room),
        };
        whole = layers.draw();
        coarse = detail.is_coarse();
        strokes = layers.strokes.into_svg();
        if whole {
            break;
        }
    }
    let mut picture = Picture {
        svg: String::with_capacity(strokes.len() + 4_096),
        bytes_max: options.svg_bytes_max,
        extents,
        size,
    };
    picture.begin(options.title, coarse, whole);
    picture.svg.push_str(&strokes);
    picture.texts(drawing, options);
    picture.findings(findings, options.findings_max);
    picture.svg.push_str("</svg>\n");
    picture.svg
}

fn visible_extents(drawing: &Drawing) -> Option<Extents> {
    let curves = drawing.curves.iter().chain(&drawing.background);
    let boxes = curves
        .filter(|curve| is_visible(drawing, curve.layer))
        .filter_map(|curve| drawing.extents(curve));
    Extents::around(boxes.filter(|box_| is_near(*box_)))
}

fn is_visible(drawing: &Drawing, layer: LayerId) -> bool {
    drawing.layer(layer).is_none_or(|layer| layer.visible)
}

fn empty(options: &PreviewOptions<'_>) -> String {
    let nothing = Extents::of(Point::default()).with(Point::new(100.0, 40.0));
    let mut picture = Picture {
        svg: String::new(),
        bytes_max: options.svg_bytes_max,
        extents: nothing,
        size: 100.0,
    };
    picture.begin(options.title, false, true);
    let words =
        r#"<text x="50" y="22" text-anchor="middle" font-family="sans-serif" font-size="6""#;
    picture.svg.push_str(&format!(
        "{words} fill=\"{GREY}\">nothing to draw</text></svg>\n"
    ));
    picture.svg
}

/// The curves, a group for each layer.
struct Layers<'a> {
    drawing: &'a Drawing,
    strokes: Strokes,
}

impl Layers<'_> {
    /// False when there was no room for all.
    fn draw(&mut self) -> bool {
        if !self.drawing.background.is_empty() {
            let class = format!("<g class=\"background\"{}>", pen(GREY, "0.6"));
            self.strokes.open_group(&class);
            for curve in &self.drawing.background {
                self.curve(curve);
            }
            self.strokes.close_group();
        }
        let mut by_layer: Vec<(u32, u32)> = (0_u32..)
            .zip(&self.drawing.curves)
            .filter(|(_, curve)| is_visible(self.drawing, curve.layer))
            .map(|(id, curve)| (curve.layer.0, id))
            .collect();
        by_layer.sort_unstable();
        for run in by_layer.chunk_by(|a, b| a.0 == b.0) {
            let Some((layer, _)) = run.first() else {
                continue;
            };
            let group = group(self.drawing.layer(LayerId(*layer)));
            self.strokes.open_group(&group);
            for (_, id) in run {
                if let Some(curve) = self.drawing.curves.get(*id as usize) {
                    self.curve(curve);
                }
                if self.strokes.is_full() {
                    break;
                }
            }
            self.strokes.close_group();
        }
        !self.strokes.is_full()
    }

    fn curve(&mut self, curve: &Curve) {
        self.strokes.lift();
        for segment in self.drawing.segments(curve) {
            self.strokes.segment(&segment);
        }
    }
}

fn pen(colour: &str, width: &str) -> String {
    format!(" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"")
}

fn group(layer: Option<&Layer>) -> String {
    let operation = layer.map_or(Operation::Cut, |layer| layer.operation);
    let name = layer.map_or("", |layer| &layer.name);
    let (word, pen) = (word(operation), pen(colour(operation), "1.25"));
    let dashes = match operation {
        Operation::Bend => " stroke-dasharray=\"6 3\"",
        _ => "",
    };
    let name = escaped(name, 200);
    format!(
        "<g data-layer=\"{name}\" data-operation=\"{word}\" class=\"layer {word}\"{pen}{dashes}>"
    )
}

/// The document being written.
struct Picture {
    svg: String,
    bytes_max: usize,
    extents: Extents,
    size: f64,
}

impl Picture {
    fn begin(&mut self, title: &str, coarse: bool, whole: bool) {
        let margin = self.size * MARGIN;
        let digits = digits_for(self.size);
        let figure = |value: f64| format!("{value:.digits$}");
        let (width, height) = (
            figure(self.extents.width() + 2.0 * margin),
            figure(self.extents.height() + 2.0 * margin),
        );
        let (corner, title) = (figure(-margin), escaped(title, 300));
        let (x, y) = (self.extents.min_x, self.extents.max_y);
        self.put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"{corner} {corner} {width} {height}\" role=\"img\" \
             data-origin-x=\"{x}\" data-origin-y=\"{y}\" stroke-linecap=\"round\" stroke-linejoin=\"round\">\
             <title>{title}</title>"
        ));
        let remark = match (coarse, whole) {
            (_, false) => "Drawn in part: too large for a preview.",
            (true, true) => "Drawn coarsely: too large for an exact preview.",
            (false, true) => return,
        };
        self.put(format_args!("<desc>{remark}</desc>"));
    }

    fn place(&self, point: Point) -> Option<(f64, f64)> {
        let inside = Extents::of(point).meets(self.extents, self.size * MARGIN);
        inside.then_some((point.x - self.extents.min_x, self.extents.max_y - point.y))
    }

    fn texts(&mut self, drawing: &Drawing, options: &PreviewOptions<'_>) {
        let (size, digits) = (self.size * TEXT_SIZE, digits_for(self.size));
        let visible = drawing
            .texts
            .iter()
            .filter(|text| is_visible(drawing, text.layer));
        for text in visible.take(options.texts_max) {
            let Some((x, y)) = self.place(text.place) else {
                continue;
            };
            let value = escaped(&text.value, options.text_chars_max);
            self.element(format_args!(
                "<text x=\"{x:.digits$}\" y=\"{y:.digits$}\" font-family=\"sans-serif\" font-size=\"{size:.digits$}\" \
                 fill=\"{GREY}\">{value}</text>"
            ));
        }
    }

    /// Rings that leave what they stand around to be seen; where several of a kind crowd, the first one is drawn.
    fn findings(&mut self, findings: &[Finding], max: usize) {
        let (radius, digits) = (self.size * MARK_SIZE, digits_for(self.size));
        let mut drawn: Vec<(&str, f64, f64)> = Vec::new();
        for finding in findings {
            let Some((x, y)) = finding.place.and_then(|place| self.place(place)) else {
                continue;
            };
            let crowds = |(code, other_x, other_y): &(&str, f64, f64)| {
                *code == finding.code && (x - other_x).hypot(y - other_y) < radius
            };
            if drawn.len() >= max || drawn.iter().any(crowds) {
                continue;
            }
            drawn.push((&finding.code, x, y));
            let colour = match finding.severity {
                Severity::Info => GREY,
                Severity::Warning | Severity::Error => RED,
            };
            let (code, message) = (escaped(&finding.code, 60), escaped(&finding.message, 300));
            self.element(format_args!(
                "<circle class=\"finding\" data-code=\"{code}\" cx=\"{x:.digits$}\" cy=\"{y:.digits$}\" \
                 r=\"{radius:.digits$}\" fill=\"none\" pointer-events=\"all\" stroke=\"{colour}\" stroke-width=\"1.5\" \
                 vector-effect=\"non-scaling-stroke\"><title>{message}</title></circle>"
            ));
        }
    }

    /// Writes an element, or leaves it out when there is no room.
    fn element(&mut self, element: std::fmt::Arguments<'_>) {
        let before = self.svg.len();
        self.put(element);
        if self.svg.len() + "</svg>\n".len() > self.bytes_max {
            self.svg.truncate(before);
        }
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        self.svg
            .write_fmt(text)
            .expect("writing to a string does not fail");
    }
}

/// Text as XML may hold it, at most `chars_max` characters of it.
fn escaped(text: &str, chars_max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(chars_max));
    for c in text.chars().take(chars_max) {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{FFFE}' | '\u{FFFF}' => out.push('\u{FFFD}'),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
