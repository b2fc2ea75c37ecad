//! What an SVG's markup says besides shapes: size and units, names of layers, elements by type, texts. Never draws.

use crate::limits::Limits;
use drawing::Point;
use std::collections::{BTreeMap, HashMap};
use usvg::roxmltree::{Document, Node};

const INKSCAPE: &str = "http://www.inkscape.org/namespaces/inkscape";
const MM_PER_INCH: f64 = 25.4;
/// Pixels per inch of CSS.
pub(super) const CSS_PIXELS: f64 = 96.0;
/// Illustrator writes points and calls them pixels.
const ILLUSTRATOR_PIXELS: f64 = 72.0;
/// Inkscape before 0.92.
const OLD_INKSCAPE_PIXELS: f64 = 90.0;

/// How large the page is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    /// Millimetres of one CSS pixel as the page means it.
    pub(super) mm_per_pixel: f64,
    /// Pixels in one unit of the coordinates as written.
    pub(super) pixels_per_unit: f64,
    /// Width and height are lengths, not pixels.
    pub(super) is_physical: bool,
    /// Pixels per inch that were taken for granted when they are not.
    pub(super) pixels_per_inch: f64,
}

/// A group that has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GroupName {
    pub(super) name: String,
    /// Inkscape says that it is a layer.
    pub(super) is_layer: bool,
}

/// Everything but shapes.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) scale: Scale,
    /// Names of groups by their id.
    pub(super) groups: HashMap<String, GroupName>,
    pub(super) entity_counts: BTreeMap<String, u64>,
    /// Words with their place in pixels, the groups around them not counted in.
    pub(super) texts: Vec<(String, Point)>,
    pub(super) texts_omitted: bool,
}

/// Elements that draw.
const DRAWN: [&str; 10] = [
    "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "use", "image", "text",
];

impl Page {
    pub(super) fn read(document: &Document<'_>, limits: &Limits) -> Self {
        let root = document.root_element();
        let mut page = Self {
            scale: scale(document),
            groups: HashMap::new(),
            entity_counts: BTreeMap::new(),
            texts: Vec::new(),
            texts_omitted: false,
        };
        let mut text_bytes = 0;
        for node in root.descendants().filter(Node::is_element) {
            let name = node.tag_name().name();
            if matches!(name, "g" | "svg" | "use")
                && let Some((id, group)) = group(node)
            {
                page.groups.insert(id, group);
            }
            if DRAWN.contains(&name) && !is_template(node) {
                *page.entity_counts.entry(name.to_owned()).or_default() += 1;
            }
            if name == "text" {
                let text = words(node, limits.text_bytes_max.saturating_sub(text_bytes));
                text_bytes += text.len();
                match page.texts.len() < limits.texts_max && text_bytes < limits.text_bytes_max {
                    true if !text.is_empty() => page.texts.push((text, place(node, page.scale))),
                    true => {}
                    false => page.texts_omitted = true,
                }
            }
        }
        page
    }
}

fn group(node: Node<'_, '_>) -> Option<(String, GroupName)> {
    let id = node.attribute("id")?;
    let name = node.attribute((INKSCAPE, "label")).unwrap_or(id);
    let is_layer = node.attribute((INKSCAPE, "groupmode")) == Some("layer");
    let name = name.trim().to_owned();
    Some((id.to_owned(), GroupName { name, is_layer }))
}

/// Whether an element is only drawn where others name it.
fn is_template(node: Node<'_, '_>) -> bool {
    const TEMPLATES: [&str; 6] = ["defs", "symbol", "clipPath", "mask", "pattern", "marker"];
    node.ancestors()
        .any(|above| TEMPLATES.contains(&above.tag_name().name()))
}

/// All words of a text, its lines apart.
fn words(node: Node<'_, '_>, bytes_max: usize) -> String {
    let mut text = String::new();
    for part in node.descendants().filter(Node::is_text) {
        for word in part.text().unwrap_or_default().split_whitespace() {
            if text.len() + word.len() >= bytes_max {
                return text;
            }
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(word);
        }
    }
    text
}

fn place(node: Node<'_, '_>, scale: Scale) -> Point {
    let number = |name| {
        let first = node.attribute(name)?.split([' ', ',']).next()?;
        first.parse::<f64>().ok().filter(|n| n.is_finite())
    };
    let place = Point::new(
        number("x").unwrap_or_default(),
        number("y").unwrap_or_default(),
    );
    place * scale.pixels_per_unit
}

/// A length and the millimetres of its unit; None for pixels, which have no size of their own.
fn length(text: &str) -> Option<(f64, Option<f64>)> {
    let text = text.trim();
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    let number: f64 = text.strip_suffix(unit)?.parse().ok()?;
    let mm = match unit.trim() {
        "mm" => Some(1.0),
        "cm" => Some(10.0),
        "in" => Some(MM_PER_INCH),
        "pt" => Some(MM_PER_INCH / 72.0),
        "pc" => Some(MM_PER_INCH / 6.0),
        "Q" => Some(0.25),
        "" | "px" => None,
        _ => return None,
    };
    (number > 0.0 && number.is_finite()).then_some((number, mm))
}

/// SVG 2, chapter 8: the page's size in lengths, and its box in the units of the coordinates.
fn scale(document: &Document<'_>) -> Scale {
    let root = document.root_element();
    let sides = ["width", "height"].map(|side| root.attribute(side).and_then(length));
    let view: Vec<f64> = root
        .attribute("viewBox")
        .into_iter()
        .flat_map(|view| view.split([' ', ',', '\t', '\n']))
        .filter_map(|number| number.parse().ok())
        .collect();
    let in_pixels = |(length, mm): (f64, Option<f64>)| match mm {
        Some(mm) => length * mm * CSS_PIXELS / MM_PER_INCH,
        None => length,
    };
    // Of two different ratios the smaller holds: the whole box is shown.
    let ratios = match view.as_slice() {
        [_, _, width, height] if *width > 0.0 && *height > 0.0 => {
            [(sides[0], *width), (sides[1], *height)]
                .into_iter()
                .filter_map(|(side, extent)| Some(in_pixels(side?) / extent))
                .reduce(f64::min)
        }
        _ => None,
    };
    let is_physical = sides.iter().flatten().any(|(_, mm)| mm.is_some());
    let pixels_per_inch = match is_physical {
        true => CSS_PIXELS,
        false => writer_pixels(document),
    };
    Scale {
        mm_per_pixel: MM_PER_INCH / pixels_per_inch,
        pixels_per_unit: ratios.unwrap_or(1.0),
        is_physical,
        pixels_per_inch,
    }
}

/// Pixels per inch of the program that wrote the file.
fn writer_pixels(document: &Document<'_>) -> f64 {
    let illustrator = document.root().children().any(|node| {
        node.is_comment()
            && node
                .text()
                .is_some_and(|text| text.contains("Adobe Illustrator"))
    });
    let version = document.root_element().attribute((INKSCAPE, "version"));
    let old = |version: &str| {
        let mut numbers = version.split(['.', ' ']).map(|n| n.parse::<u32>().ok());
        matches!((numbers.next(), numbers.next()), (Some(Some(0)), Some(Some(minor))) if minor < 92)
    };
    match illustrator {
        true => ILLUSTRATOR_PIXELS,
        false if version.is_some_and(old) => OLD_INKSCAPE_PIXELS,
        false => CSS_PIXELS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_units_or_are_pixels() {
        let cases = [
            ("100mm", Some((100.0, Some(1.0)))),
            (" 10.5 cm", Some((10.5, Some(10.0)))),
            ("4in", Some((4.0, Some(25.4)))),
            ("200", Some((200.0, None))),
            ("200px", Some((200.0, None))),
            ("100%", None),
            ("-3mm", None),
            ("", None),
            ("auto", None),
        ];
        for (text, expected) in cases {
            assert_eq!(length(text), expected, "{text:?}");
        }
    }
}
