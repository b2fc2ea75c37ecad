//! Circular arcs, full circles among them: exact length, box and area. Never flattens.

use crate::point::{Extents, Point};
use std::f64::consts::{FRAC_PI_2, PI, TAU};

/// Below this bulge an arc's height is less than a rounding error of its chord: it is a line.
const BULGE_MIN: f64 = 1e-12;

/// An arc by centre, radius, start angle and signed sweep (radians; counter-clockwise is positive; ±2π is a circle).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arc {
    pub center: Point,
    pub radius: f64,
    pub start: f64,
    pub sweep: f64,
}

impl Arc {
    pub fn circle(center: Point, radius: f64) -> Self {
        Self {
            center,
            radius,
            start: 0.0,
            sweep: TAU,
        }
    }

    /// The counter-clockwise arc from `start` to `end` (radians); equal angles make a full circle.
    pub fn between(center: Point, radius: f64, start: f64, end: f64) -> Self {
        Self {
            center,
            radius,
            start,
            sweep: turn(start, end),
        }
    }

    /// The arc from `a` to `b` whose bulge is the tangent of a quarter of its included angle;
    /// nothing when it is straight. Positive bulges run counter-clockwise (DXF reference, LWPOLYLINE code 42).
    pub fn from_bulge(a: Point, b: Point, bulge: f64) -> Option<Self> {
        let chord = b - a;
        if bulge.abs() < BULGE_MIN || chord == Point::default() {
            return None;
        }
        let offset = (1.0 - bulge * bulge) / (4.0 * bulge);
        let center = a + chord * 0.5 + chord.perpendicular() * offset;
        let from = a - center;
        Some(Self {
            center,
            radius: chord.length() * (1.0 + bulge * bulge) / (4.0 * bulge.abs()),
            start: from.y.atan2(from.x),
            sweep: 4.0 * bulge.atan(),
        })
    }

    /// The arc from `a` over `middle` to `b`; nothing when they lie on a line.
    pub fn through(a: Point, middle: Point, b: Point) -> Option<Self> {
        let (to_middle, chord) = (middle - a, b - a);
        let doubled = 2.0 * to_middle.cross(chord);
        let weighted = to_middle * chord.dot(chord) - chord * to_middle.dot(to_middle);
        let offset = weighted.perpendicular() * (1.0 / doubled);
        if !offset.is_finite() {
            return None;
        }
        let (from, to) = (offset * -1.0, chord - offset);
        let (start, end) = (from.y.atan2(from.x), to.y.atan2(to.x));
        Some(Self {
            center: a + offset,
            radius: offset.length(),
            start,
            sweep: if doubled > 0.0 {
                turn(start, end)
            } else {
                -turn(end, start)
            },
        })
    }

    /// The point after `fraction` (0 to 1) of the sweep.
    pub fn at(&self, fraction: f64) -> Point {
        self.center + Point::polar(self.radius, self.start + self.sweep * fraction)
    }

    pub fn is_circle(&self) -> bool {
        self.sweep.abs() >= TAU
    }

    pub fn length(&self) -> f64 {
        self.radius * self.sweep.abs()
    }

    pub fn extents(&self) -> Extents {
        let ends = Extents::of(self.at(0.0)).with(self.at(1.0));
        let r = self.radius;
        let quadrants = [(r, 0.0), (0.0, r), (-r, 0.0), (0.0, -r)];
        let angles = [0.0, FRAC_PI_2, PI, 3.0 * FRAC_PI_2];
        angles
            .into_iter()
            .zip(quadrants)
            .filter(|(angle, _)| sweep_meets(self.start, self.sweep, *angle))
            .fold(ends, |ends, (_, (x, y))| {
                ends.with(self.center + Point::new(x, y))
            })
    }

    /// Twice the signed area between the chord and the arc.
    pub fn twice_segment_area(&self) -> f64 {
        self.radius * self.radius * (self.sweep - self.sweep.sin())
    }

    /// Whether `point` lies between the chord and the arc.
    pub fn segment_contains(&self, point: Point) -> bool {
        let unit = (point - self.center) * (1.0 / self.radius);
        unit_segment_contains(unit, self.start, self.sweep)
    }

    pub(crate) fn scale(&mut self, factor: f64) {
        self.center = self.center * factor;
        self.radius *= factor;
    }
}

/// The counter-clockwise way from one angle to another: above 0, at most 2π.
pub(crate) fn turn(start: f64, end: f64) -> f64 {
    let turn = (end - start).rem_euclid(TAU);
    if turn < 1e-12 { TAU } else { turn }
}

/// Whether a sweep passes over `angle`.
pub(crate) fn sweep_meets(start: f64, sweep: f64, angle: f64) -> bool {
    let way = if sweep < 0.0 {
        start - angle
    } else {
        angle - start
    };
    way.rem_euclid(TAU) <= sweep.abs()
}

/// Whether `point` lies between the unit circle's arc and its chord.
pub(crate) fn unit_segment_contains(point: Point, start: f64, sweep: f64) -> bool {
    let inside = point.dot(point) < 1.0;
    if !inside || sweep.abs() >= TAU {
        return inside;
    }
    let a = Point::polar(1.0, start);
    let chord = Point::polar(1.0, start + sweep) - a;
    // A counter-clockwise arc runs on the right of its chord.
    let side = chord.cross(point - a);
    if sweep > 0.0 { side < 0.0 } else { side > 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-12 * a.abs().max(1.0)
    }

    #[test]
    fn a_bulge_of_one_is_a_half_circle() {
        let arc = Arc::from_bulge(Point::new(10.0, 0.0), Point::new(0.0, 0.0), 1.0).unwrap();
        assert!(close(arc.length(), PI * 5.0));
        let extents = arc.extents();
        assert!(close(extents.max_y, 5.0) && close(extents.min_y, 0.0));
        assert!(close(arc.twice_segment_area(), PI * 25.0));
        assert!(arc.segment_contains(Point::new(5.0, 4.9)));
        assert!(!arc.segment_contains(Point::new(5.0, -0.1)));
    }

    #[test]
    fn a_negative_bulge_bends_to_the_left_and_ends_where_it_should() {
        let (a, b) = (Point::new(0.0, 0.0), Point::new(8.0, 6.0));
        for bulge in [-3.0, -0.3, 0.3, 1.7] {
            let arc = Arc::from_bulge(a, b, bulge).unwrap();
            assert!(arc.at(0.0).distance(a) < 1e-12 && arc.at(1.0).distance(b) < 1e-12);
            let apex = arc.at(0.5) - (a + b) * 0.5;
            assert_eq!((b - a).cross(apex) < 0.0, bulge > 0.0);
            assert!(close(apex.length(), bulge.abs() * 5.0));
        }
    }

    #[test]
    fn an_arc_over_zero_degrees_reaches_its_right_edge() {
        let arc = Arc::between(
            Point::default(),
            2.0,
            330_f64.to_radians(),
            30_f64.to_radians(),
        );
        assert!(close(arc.extents().max_x, 2.0));
        assert!(close(arc.length(), 2.0 * PI / 3.0));
    }
}
