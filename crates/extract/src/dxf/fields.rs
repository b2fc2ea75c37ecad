//! The fields of one entity: hands its own group codes to whoever reads it, keeps those that all entities share.
//! Never lets application data or embedded objects pass for the entity's own.

use super::pairs::{Pair, Pairs};
use super::plane::{Plane, unit};
use drawing::Point;

/// What every entity may carry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Common<'a> {
    pub(super) layer: &'a [u8],
    /// Group 67: drawn on a sheet of paper, not in model space.
    pub(super) paper: bool,
    /// The handle of the block or layout it says it belongs to; often absent.
    pub(super) owner: Option<&'a [u8]>,
    extrusion: [f64; 3],
    elevation: Option<Pair<'a>>,
}

impl Common<'_> {
    pub(super) fn plane(&self) -> Plane {
        // Only a plane that is not the drawing's own moves what is drawn at a height.
        let height = || {
            self.elevation
                .and_then(|pair| pair.real())
                .unwrap_or_default()
        };
        Plane::of(self.extrusion, height)
    }

    /// The direction of its plane, one unit long.
    pub(super) fn normal(&self) -> [f64; 3] {
        unit(self.extrusion).unwrap_or([0.0, 0.0, 1.0])
    }
}

/// Why an entity is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defect {
    /// A value on this line is no finite number.
    BadNumber(u32),
    /// A coordinate on this line is beyond what a double can place to a hundredth.
    OutOfRange(u32),
    /// A field it cannot do without is missing.
    Incomplete,
    /// Its radius, axis or extent is nothing.
    Degenerate,
    /// Its degree is none that splines have.
    Degree,
    /// Unreadable lines cut through it.
    Damaged,
    /// More than the budget allows.
    OverLimit,
}

impl Defect {
    /// Its word in a diagnostic.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::BadNumber(_) => "bad_number",
            Self::OutOfRange(_) => "coordinate_out_of_range",
            Self::Incomplete => "entity_incomplete",
            Self::Degenerate => "entity_degenerate",
            Self::Degree => "spline_degree",
            Self::Damaged => "entity_damaged",
            Self::OverLimit => "vertices_max",
        }
    }

    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::BadNumber(_) => "a value is not a number",
            Self::OutOfRange(_) => "a coordinate is beyond 1e15",
            Self::Incomplete => "a field it needs is missing",
            Self::Degenerate => "it has no extent",
            Self::Degree => "its degree is none that splines have",
            Self::Damaged => "unreadable lines cut through it",
            Self::OverLimit => "the drawing has more vertices or pieces than the limit",
        }
    }

    /// The line at fault, where it is not the entity as a whole.
    pub(super) fn line(self) -> Option<u32> {
        match self {
            Self::BadNumber(line) | Self::OutOfRange(line) => Some(line),
            _ => None,
        }
    }
}

/// What had to be put right, or taken with doubt, to read an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repair {
    Knots,
    Weights,
    /// It does not lie parallel to the drawing.
    Tilted,
}

impl Repair {
    /// Its word in a diagnostic.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Knots => "spline_knots",
            Self::Weights => "spline_weights",
            Self::Tilted => "plane_tilted",
        }
    }

    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::Knots => {
                "knots are missing, too many or out of order: others were put in their place"
            }
            Self::Weights => {
                "weights are missing, too many, not above 0 or too small: others were put in their place"
            }
            Self::Tilted => {
                "not parallel to the drawing's plane: it is measured as seen from above"
            }
        }
    }
}

/// Coordinates beyond this are refused.
pub(super) const COORDINATE_MAX: f64 = 1e15;
/// Figures nearer to 0 than this are 0: their squares, or what is divided by them, would be no numbers any more.
const FIGURE_MIN: f64 = 1e-100;

/// A cursor over one record.
pub(super) struct Fields<'r, 'a> {
    pub(super) pairs: &'r mut Pairs<'a>,
    pub(super) common: Common<'a>,
    pub(super) defect: Option<Defect>,
    pub(super) repair: Option<Repair>,
    /// Inside `102 {…}`, which applications fill with what they like.
    in_group: bool,
    /// After group 101: another object in disguise.
    embedded: bool,
    damage_before: u64,
}

impl<'r, 'a> Fields<'r, 'a> {
    pub(super) fn new(pairs: &'r mut Pairs<'a>) -> Self {
        Self {
            damage_before: pairs.damage.places,
            pairs,
            common: Common {
                layer: b"0",
                paper: false,
                owner: None,
                extrusion: [0.0, 0.0, 1.0],
                elevation: None,
            },
            defect: None,
            repair: None,
            in_group: false,
            embedded: false,
        }
    }

    /// The entity's next own field.
    pub(super) fn next(&mut self) -> Option<Pair<'a>> {
        loop {
            let pair = self.pairs.field()?;
            match pair.code {
                102 => self.in_group = pair.word().starts_with(b"{"),
                101 => self.embedded = true,
                1000.. | ..0 => {}
                _ if self.in_group || self.embedded => {}
                8 => self.common.layer = pair.word(),
                30 | 38 => {
                    self.common.elevation.get_or_insert(pair);
                }
                67 => self.common.paper = pair.integer() == Some(1),
                330 => {
                    self.common.owner.get_or_insert(pair.word());
                }
                210 => self.common.extrusion[0] = self.number(pair),
                220 => self.common.extrusion[1] = self.number(pair),
                230 => self.common.extrusion[2] = self.number(pair),
                _ => return Some(pair),
            }
        }
    }

    /// A field's number; a bad one makes the entity defective and counts as 0.
    pub(super) fn number(&mut self, pair: Pair<'_>) -> f64 {
        let defect = match pair.real() {
            Some(number) if number.abs() < FIGURE_MIN => return 0.0,
            Some(number) if number.abs() <= COORDINATE_MAX => return number,
            Some(_) => Defect::OutOfRange(pair.line),
            None => Defect::BadNumber(pair.line),
        };
        self.defect.get_or_insert(defect);
        0.0
    }

    /// The numbers behind these codes, to the end of the record; of a repeated code the first.
    pub(super) fn numbers<const N: usize>(&mut self, codes: [i16; N]) -> [Option<f64>; N] {
        let mut numbers = [None; N];
        while let Some(pair) = self.next() {
            let place = codes.iter().position(|code| *code == pair.code);
            if let Some(number) = place.and_then(|place| numbers.get_mut(place))
                && number.is_none()
            {
                *number = Some(self.number(pair));
            }
        }
        numbers
    }

    /// Reads to the end of the record; an error when it cannot be relied on.
    pub(super) fn finish(&mut self) -> Result<(), Defect> {
        while self.next().is_some() {}
        match self.defect {
            Some(defect) => Err(defect),
            None if self.pairs.damage.places > self.damage_before => Err(Defect::Damaged),
            None if !self.pairs.is_ended() => Err(Defect::Incomplete),
            None => Ok(()),
        }
    }
}

/// A point of two numbers that both must be there.
pub(super) fn point(x: Option<f64>, y: Option<f64>) -> Result<Point, Defect> {
    Ok(Point::new(required(x)?, required(y)?))
}

pub(super) fn required(number: Option<f64>) -> Result<f64, Defect> {
    number.ok_or(Defect::Incomplete)
}
