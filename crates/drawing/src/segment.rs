//! One smooth piece of a curve and what can be asked of it. Never knows layers, files or contours.

use crate::arc::Arc;
use crate::cubic::Cubic;
use crate::ellipse::Ellipse;
use crate::point::{Extents, Point};

/// A straight, circular, elliptical or cubic piece with a direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Segment {
    Line(Point, Point),
    Arc(Arc),
    Ellipse(Ellipse),
    Cubic(Cubic),
}

/// Chords of one flattened piece at most.
const FLATTEN_CHORDS_MAX: u32 = 4_096;

impl Segment {
    /// The point after `fraction` (0 to 1) of the way; on an ellipse or a cubic, of its parameter.
    pub fn at(&self, fraction: f64) -> Point {
        match self {
            Self::Line(a, b) => *a + (*b - *a) * fraction,
            Self::Arc(arc) => arc.at(fraction),
            Self::Ellipse(ellipse) => ellipse.at(fraction),
            Self::Cubic(cubic) => cubic.at(fraction),
        }
    }

    pub fn start(&self) -> Point {
        match self {
            Self::Line(a, _) => *a,
            Self::Cubic(cubic) => cubic.a,
            other => other.at(0.0),
        }
    }

    pub fn end(&self) -> Point {
        match self {
            Self::Line(_, b) => *b,
            Self::Cubic(cubic) => cubic.d,
            other => other.at(1.0),
        }
    }

    pub fn length(&self) -> f64 {
        match self {
            Self::Line(a, b) => a.distance(*b),
            Self::Arc(arc) => arc.length(),
            Self::Ellipse(ellipse) => ellipse.length(),
            Self::Cubic(cubic) => cubic.length(),
        }
    }

    pub fn extents(&self) -> Extents {
        match self {
            Self::Line(a, b) => Extents::of(*a).with(*b),
            Self::Arc(arc) => arc.extents(),
            Self::Ellipse(ellipse) => ellipse.extents(),
            Self::Cubic(cubic) => cubic.extents(),
        }
    }

    /// A full circle or ellipse, or a cubic's loop: it ends where it begins.
    pub fn is_closed(&self) -> bool {
        match self {
            Self::Line(..) => false,
            Self::Arc(arc) => arc.is_circle(),
            Self::Ellipse(ellipse) => ellipse.is_whole(),
            Self::Cubic(cubic) => cubic.a == cubic.d,
        }
    }

    /// This piece's share of twice the signed area of a contour, by Green's theorem about `origin`.
    /// An origin near the contour keeps far-off coordinates from eating the digits.
    pub fn twice_area(&self, origin: Point) -> f64 {
        let bow = match self {
            Self::Line(..) => 0.0,
            Self::Arc(arc) => arc.twice_segment_area(),
            Self::Ellipse(ellipse) => ellipse.twice_segment_area(),
            Self::Cubic(cubic) => cubic.twice_segment_area(),
        };
        if self.is_closed() {
            return bow;
        }
        (self.start() - origin).cross(self.end() - origin) + bow
    }

    /// Whether this piece changes the side of `point` an odd number of times: the parity of all pieces of a closed
    /// contour tells inside from outside. A chord counts when a slanted ray from the point meets it, a bow when the
    /// point lies between chord and bow; a cubic, which may cross its chord, as often as the ray meets it.
    pub fn flips(&self, point: Point) -> bool {
        let bowed = match self {
            Self::Line(..) => false,
            Self::Arc(arc) => arc.segment_contains(point),
            Self::Ellipse(ellipse) => ellipse.segment_contains(point),
            Self::Cubic(cubic) => return cubic.flips(point),
        };
        bowed != (!self.is_closed() && ray_meets(point, self.start(), self.end()))
    }

    /// Between which distances to the side of the test's ray this piece lies: elsewhere it flips nothing.
    pub(crate) fn across(&self) -> (f64, f64) {
        let box_ = self.extents();
        let side = |x, y| RAY.cross(Point::new(x, y));
        (side(box_.max_x, box_.min_y), side(box_.min_x, box_.max_y))
    }

    /// This piece as a circular arc: an arc is one, an ellipse when its axes differ by no more than `tolerance`, a
    /// cubic when it keeps to one as nearly as circles are drawn with cubics.
    pub fn as_circular(&self, tolerance: f64) -> Option<Arc> {
        match self {
            Self::Line(..) => None,
            Self::Arc(arc) => Some(*arc),
            Self::Ellipse(ellipse) => {
                let radius = ellipse.major.length();
                (radius * (1.0 - ellipse.ratio) <= tolerance).then_some(Arc {
                    center: ellipse.center,
                    radius,
                    start: ellipse.start,
                    sweep: ellipse.sweep,
                })
            }
            Self::Cubic(cubic) => cubic.as_circular(tolerance),
        }
    }

    /// The same piece from its end to its start.
    pub fn reversed(&self) -> Self {
        match self {
            Self::Line(a, b) => Self::Line(*b, *a),
            Self::Arc(arc) => Self::Arc(Arc {
                start: arc.start + arc.sweep,
                sweep: -arc.sweep,
                ..*arc
            }),
            Self::Ellipse(ellipse) => Self::Ellipse(Ellipse {
                start: ellipse.start + ellipse.sweep,
                sweep: -ellipse.sweep,
                ..*ellipse
            }),
            Self::Cubic(cubic) => Self::Cubic(cubic.reversed()),
        }
    }

    /// Hands over the ends of chords that keep within `tolerance` of the piece, without its start and with its end.
    /// No more than 4,096 of them, however fine the tolerance.
    pub fn flatten(&self, tolerance: f64, mut point: impl FnMut(Point)) {
        // A chord of a circle strays from it by radius · (1 − cos(half its angle)); an ellipse strays less than the
        // circle about it.
        let turns = |radius: f64, sweep: f64| {
            let half = (1.0 - tolerance / radius).clamp(0.0, 1.0).acos();
            sweep.abs() / (2.0 * half)
        };
        let steps = match self {
            Self::Line(..) => 1.0,
            Self::Arc(arc) => turns(arc.radius, arc.sweep),
            Self::Ellipse(ellipse) => turns(ellipse.major.length(), ellipse.sweep),
            Self::Cubic(cubic) => cubic.steps(tolerance),
        };
        let steps = chords(steps);
        for step in 1..steps {
            point(self.at(f64::from(step) / f64::from(steps)));
        }
        point(self.end());
    }

    pub(crate) fn scale(&mut self, factor: f64) {
        match self {
            Self::Line(a, b) => (*a, *b) = (*a * factor, *b * factor),
            Self::Arc(arc) => arc.scale(factor),
            Self::Ellipse(ellipse) => ellipse.scale(factor),
            Self::Cubic(cubic) => *cubic = cubic.map(|point| point * factor),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to a small number, and no number becomes 0"
)]
fn chords(steps: f64) -> u32 {
    (steps.ceil().min(f64::from(FLATTEN_CHORDS_MAX)) as u32).max(1)
}

/// The ray's direction: a slope no drawing uses, so that it does not run along edges or through aligned corners.
pub(crate) const RAY: Point = Point {
    x: 0.948_567_3,
    y: 0.316_573_9,
};

pub(crate) fn ray_meets(point: Point, a: Point, b: Point) -> bool {
    let (a, b) = (a - point, b - point);
    let (side_a, side_b) = (RAY.cross(a), RAY.cross(b));
    if (side_a > 0.0) == (side_b > 0.0) {
        return false;
    }
    // Where the chord crosses the ray's line, as a way along the ray.
    let way = RAY.dot(a) + RAY.dot(b - a) * side_a / (side_a - side_b);
    way > 0.0
}
