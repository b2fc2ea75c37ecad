//! One shape while it is open: its attributes, transform and lists. Never draws: `reader` does when the shape closes.

use super::lists::{Corner, CornerFields, Piece, Pieces, piece};
use super::xml::Element;
use drawing::Affine;
use std::rc::Rc;

/// What a shape is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShapeKind {
    Rect,
    Ellipse,
    Polygon,
    Path,
    Group,
    Bitmap,
    Text,
    /// The outline of a text.
    Outline,
    Unknown,
}

impl ShapeKind {
    fn named(name: &str) -> Self {
        const NAMES: [(&str, ShapeKind); 7] = [
            ("Rect", ShapeKind::Rect),
            ("Ellipse", ShapeKind::Ellipse),
            ("Polygon", ShapeKind::Polygon),
            ("Path", ShapeKind::Path),
            ("Group", ShapeKind::Group),
            ("Bitmap", ShapeKind::Bitmap),
            ("Text", ShapeKind::Text),
        ];
        NAMES
            .into_iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map_or(Self::Unknown, |(_, kind)| kind)
    }
}

/// Sizes as attributes give them; not a number where they are absent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) rx: f64,
    pub(super) ry: f64,
    pub(super) corner: f64,
    pub(super) sides: f64,
}

/// A path's lists.
#[derive(Clone, Debug)]
pub(super) struct Lists {
    pub(super) corners: Rc<[Corner]>,
    pub(super) pieces: Rc<Pieces>,
}

/// An open shape.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: ShapeKind,
    /// As the file spells it.
    pub(super) name: String,
    /// Which shape of the file it is, from 1; an outline has its text's number.
    pub(super) number: u32,
    pub(super) cut_index: i64,
    pub(super) sizes: Sizes,
    pub(super) text: Option<String>,
    /// Attributes that may change its form and that are not understood.
    pub(super) odd: Option<String>,
    pub(super) corners_id: Option<i64>,
    pub(super) pieces_id: Option<i64>,
    pub(super) corners: Option<Rc<[Corner]>>,
    pub(super) pieces: Option<Rc<Pieces>>,
    /// Corners and pieces given one element each (`.lbrn`).
    pub(super) old_corners: Vec<Corner>,
    pub(super) old_pieces: Vec<Piece>,
    /// Something in its lists was not understood.
    pub(super) damaged: bool,
    /// Of a text.
    pub(super) outline: Option<Lists>,
    /// Where what it stands in is placed; nothing when that is unknown.
    pub(super) outer: Option<Affine>,
    /// Its own transform; nothing when it cannot be read.
    pub(super) own: Option<Affine>,
    pub(super) has_children: bool,
}

/// Attributes of a polygon that do not change its form.
const POLYGON_FORMLESS: [&str; 12] = [
    "Type",
    "CutIndex",
    "N",
    "Rx",
    "Ry",
    "W",
    "H",
    "Locked",
    "Name",
    "CutOrder",
    "PowerScale",
    "Visible",
];

impl Frame {
    pub(super) fn open(element: &Element<'_>, number: u32, outer: Option<Affine>) -> Self {
        let absent = f64::NAN;
        let mut frame = Self {
            kind: ShapeKind::Unknown,
            name: String::new(),
            number,
            cut_index: 0,
            sizes: Sizes {
                width: absent,
                height: absent,
                rx: absent,
                ry: absent,
                corner: 0.0,
                sides: absent,
            },
            text: None,
            odd: None,
            corners_id: None,
            pieces_id: None,
            corners: None,
            pieces: None,
            old_corners: Vec::new(),
            old_pieces: Vec::new(),
            damaged: false,
            outline: None,
            outer,
            own: Some(Affine::IDENTITY),
            has_children: false,
        };
        for (key, value) in element.attributes() {
            frame.attribute(key, &value);
        }
        if element.name() == "BackupPath" {
            frame.kind = ShapeKind::Outline;
        }
        frame
    }

    fn attribute(&mut self, key: &str, value: &str) {
        let value = value.trim();
        let number = || value.parse().unwrap_or(f64::NAN);
        match key {
            "Type" => {
                self.kind = ShapeKind::named(value);
                self.name = type_name(value);
            }
            "CutIndex" => self.cut_index = value.parse().unwrap_or(0),
            "W" => self.sizes.width = number(),
            "H" => self.sizes.height = number(),
            "Rx" => self.sizes.rx = number(),
            "Ry" => self.sizes.ry = number(),
            "Cr" => self.sizes.corner = number(),
            "N" => self.sizes.sides = number(),
            "VertID" => self.corners_id = value.parse().ok(),
            "PrimID" => self.pieces_id = value.parse().ok(),
            "Str" => self.text = Some(value.to_owned()),
            _ => {}
        }
        let forms = value.parse().is_ok_and(|number: f64| number != 0.0);
        if forms && !POLYGON_FORMLESS.contains(&key) {
            self.odd = Some(super::settings::short(key));
        }
    }

    /// Where its corners lie in the drawing.
    pub(super) fn map(&self) -> Option<Affine> {
        let map = self.own?.then(&self.outer?);
        map.is_finite().then_some(map)
    }

    /// Reads a corner or a piece that is an element of its own.
    pub(super) fn old_entry(&mut self, element: &Element<'_>) {
        match element.name() {
            "V" => self.old_corner(element),
            _ => self.old_piece(element),
        }
    }

    fn old_corner(&mut self, element: &Element<'_>) {
        let mut fields = CornerFields::default();
        for (key, value) in element.attributes() {
            let field = match key {
                "vx" => &mut fields.x,
                "vy" => &mut fields.y,
                "c0x" => &mut fields.c0x,
                "c0y" => &mut fields.c0y,
                "c1x" => &mut fields.c1x,
                "c1y" => &mut fields.c1y,
                _ => continue,
            };
            *field = value.trim().parse().ok();
        }
        // LightBurn leaves out a coordinate of 0.
        fields.x.get_or_insert(0.0);
        fields.y.get_or_insert(0.0);
        self.old_corners.push(fields.corner());
    }

    fn old_piece(&mut self, element: &Element<'_>) {
        let place = |name| {
            let value = element.attribute(name);
            value.map_or(Some(0), |value| value.trim().parse().ok())
        };
        let letter = element.attribute("T").unwrap_or_default();
        match piece(letter.trim(), place("p0"), place("p1")) {
            Some(piece) => self.old_pieces.push(piece),
            None => self.damaged = true,
        }
    }
}

/// Characters of a type's name that are kept.
const NAME_CHARS_MAX: usize = 32;

fn type_name(value: &str) -> String {
    let named = value.chars().filter(|c| c.is_ascii_alphanumeric());
    let name: String = named.take(NAME_CHARS_MAX).collect();
    if name.is_empty() {
        "Unknown".into()
    } else {
        name
    }
}

/// Six figures: x' = a·x + c·y + e, y' = b·x + d·y + f. Nothing when one is absent or no number.
pub(super) fn transform(text: &str) -> Option<Affine> {
    let mut figures = [0.0; 6];
    let mut words = text.split(|c: char| c.is_ascii_whitespace() || c == ',');
    let mut words = words.by_ref().filter(|word| !word.is_empty());
    for figure in &mut figures {
        *figure = words.next()?.parse().ok()?;
    }
    let [a, b, c, d, e, f] = figures;
    let map = Affine::new(a, b, c, d, e, f);
    (map.is_finite() && words.next().is_none()).then_some(map)
}
