//! One smooth piece of a curve and what can be asked of it. Never knows layers, files or contours.

use crate::arc::Arc;
use crate::ellipse::Ellipse;
use crate::point::{Extents, Point};

/// A straight, circular or elliptical piece with a direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Segment {
    Line(Point, Point),
    Arc(Arc),
    Ellipse(Ellipse),
}

impl Segment {
    /// The point after `fraction` (0 to 1) of the way; on an ellipse, of its parameter.
    pub fn at(&self, fraction: f64) -> Point {
        match self {
            Self::Line(a, b) => *a + (*b - *a) * fraction,
            Self::Arc(arc) => arc.at(fraction),
            Self::Ellipse(ellipse) => ellipse.at(fraction),
        }
    }

    pub fn start(&self) -> Point {
        self.at(0.0)
    }

    pub fn end(&self) -> Point {
        match self {
            Self::Line(_, b) => *b,
            other => other.at(1.0),
        }
    }

    pub fn length(&self) -> f64 {
        match self {
            Self::Line(a, b) => a.distance(*b),
            Self::Arc(arc) => arc.length(),
            Self::Ellipse(ellipse) => ellipse.length(),
        }
    }

    pub fn extents(&self) -> Extents {
        match self {
            Self::Line(a, b) => Extents::of(*a).with(*b),
            Self::Arc(arc) => arc.extents(),
            Self::Ellipse(ellipse) => ellipse.extents(),
        }
    }

    /// A full circle or ellipse: it ends where it begins.
    pub fn is_closed(&self) -> bool {
        match self {
            Self::Line(..) => false,
            Self::Arc(arc) => arc.is_circle(),
            Self::Ellipse(ellipse) => ellipse.is_whole(),
        }
    }

    /// This piece's share of twice the signed area of a contour, by Green's theorem about `origin`.
    /// An origin near the contour keeps far-off coordinates from eating the digits.
    pub fn twice_area(&self, origin: Point) -> f64 {
        let bow = match self {
            Self::Line(..) => 0.0,
            Self::Arc(arc) => arc.twice_segment_area(),
            Self::Ellipse(ellipse) => ellipse.twice_segment_area(),
        };
        if self.is_closed() {
            return bow;
        }
        (self.start() - origin).cross(self.end() - origin) + bow
    }

    /// Whether this piece changes the side of `point` an odd number of times: the parity of all pieces of a closed
    /// contour tells inside from outside. A chord counts when a slanted ray from the point meets it, a bow when the
    /// point lies between chord and bow.
    pub fn flips(&self, point: Point) -> bool {
        let bowed = match self {
            Self::Line(..) => false,
            Self::Arc(arc) => arc.segment_contains(point),
            Self::Ellipse(ellipse) => ellipse.segment_contains(point),
        };
        bowed != (!self.is_closed() && ray_meets(point, self.start(), self.end()))
    }

    /// Between which distances to the side of the test's ray this piece lies: elsewhere it flips nothing.
    pub(crate) fn across(&self) -> (f64, f64) {
        let box_ = self.extents();
        let side = |x, y| RAY.cross(Point::new(x, y));
        (side(box_.max_x, box_.min_y), side(box_.min_x, box_.max_y))
    }

    /// This piece as a circular arc: an arc is one, an ellipse when its axes differ by no more than `tolerance`.
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
        }
    }
}

/// The ray's direction: a slope no drawing uses, so that it does not run along edges or through aligned corners.
const RAY: Point = Point {
    x: 0.948_567_3,
    y: 0.316_573_9,
};

fn ray_meets(point: Point, a: Point, b: Point) -> bool {
    let (a, b) = (a - point, b - point);
    let (side_a, side_b) = (RAY.cross(a), RAY.cross(b));
    if (side_a > 0.0) == (side_b > 0.0) {
        return false;
    }
    // Where the chord crosses the ray's line, as a way along the ray.
    let way = RAY.dot(a) + RAY.dot(b - a) * side_a / (side_a - side_b);
    way > 0.0
}
