//! INSERT: which block stands where, how often, and what its attributes say. Never looks the block up.

use super::fields::{Defect, Fields};
use super::note;
use drawing::{Affine, Point};
use encoding_rs::Encoding;

/// A block's place in a drawing or in another block.
#[derive(Clone, Debug)]
pub(super) struct Insert<'a> {
    pub(super) block: &'a [u8],
    /// Where the block's base point is at the origin.
    map: Affine,
    columns: Times,
    rows: Times,
    pub(super) attributes: Vec<Attribute<'a>>,
}

/// A text that belongs to an INSERT.
#[derive(Clone, Debug)]
pub(super) struct Attribute<'a> {
    pub(super) value: String,
    pub(super) layer: &'a [u8],
    pub(super) place: Point,
}

/// One direction of an array.
#[derive(Clone, Copy, Debug)]
struct Times {
    count: u32,
    step: Point,
}

/// Attributes of one INSERT kept.
const ATTRIBUTES_MAX: usize = 1_000;

/// Reads an INSERT and the ATTRIB records after it.
pub(super) fn insert<'a>(
    fields: &mut Fields<'_, 'a>,
    encoding: &'static Encoding,
) -> Result<Insert<'a>, Defect> {
    let mut block = None;
    let codes = [10, 20, 41, 42, 50, 44, 45, 70, 71];
    let mut numbers = [None; 9];
    while let Some(pair) = fields.next() {
        if pair.code == 2 {
            block.get_or_insert(pair.word());
        }
        let place = codes.iter().position(|code| *code == pair.code);
        if let Some(number) = place.and_then(|place| numbers.get_mut(place)) {
            *number = Some(fields.number(pair));
        }
    }
    let finished = fields.finish();
    let attributes = attributes(fields, encoding);
    finished?;
    let [
        x,
        y,
        scale_x,
        scale_y,
        rotation,
        step_x,
        step_y,
        columns,
        rows,
    ] = numbers.map(|number| number.unwrap_or_default());
    // An absent scale is 1; so is a scale of 0, which real files have.
    let scale = |scale: f64| if scale == 0.0 { 1.0 } else { scale };
    let turn = Affine::rotation(rotation.to_radians());
    let plane = fields.common.plane().map();
    let along = |x: f64, y: f64| {
        let (origin, end) = (Point::default(), turn.apply(Point::new(x, y)));
        plane.apply(end) - plane.apply(origin)
    };
    Ok(Insert {
        block: block.ok_or(Defect::Incomplete)?,
        map: Affine::scaling(scale(scale_x), scale(scale_y))
            .then(&turn)
            .then(&Affine::translation(Point::new(x, y)))
            .then(&plane),
        columns: Times::new(columns, along(step_x, 0.0)),
        rows: Times::new(rows, along(0.0, step_y)),
        attributes,
    })
}

fn attributes<'a>(fields: &mut Fields<'_, 'a>, encoding: &'static Encoding) -> Vec<Attribute<'a>> {
    let mut found = Vec::new();
    while fields.pairs.record_if(b"ATTRIB").is_some() {
        let mut own = Fields::new(fields.pairs);
        let Ok((value, place)) = note::text(&mut own, encoding) else {
            continue;
        };
        let layer = own.common.layer;
        if found.len() < ATTRIBUTES_MAX && !value.is_empty() {
            found.push(Attribute {
                value,
                layer,
                place,
            });
        }
    }
    fields.pairs.record_if(b"SEQEND");
    found
}

impl Insert<'_> {
    /// Where each copy of the block goes, for a block with this base point; in a drawing that `outer` places.
    pub(super) fn places(&self, base: Point, outer: &Affine) -> impl Iterator<Item = Affine> {
        let to_base = Affine::translation(base * -1.0);
        let (map, outer, columns) = (to_base.then(&self.map), *outer, self.columns);
        self.rows.offsets().flat_map(move |down| {
            columns
                .offsets()
                .map(move |across| map.then(&Affine::translation(down + across)).then(&outer))
        })
    }
}

impl Times {
    /// A step of nothing puts all copies in one place: that is one copy.
    fn new(count: f64, step: Point) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped"
        )]
        let count = count.clamp(1.0, f64::from(u16::MAX)) as u32;
        Self {
            count: if step == Point::default() { 1 } else { count },
            step,
        }
    }

    fn offsets(self) -> impl Iterator<Item = Point> {
        (0..self.count).map(move |n| self.step * f64::from(n))
    }
}
