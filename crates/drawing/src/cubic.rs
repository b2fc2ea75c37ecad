//! Cubic Béziers: exact box and area, arc length by adaptive quadrature. Never flattens to measure.

use crate::arc::Arc;
use crate::point::{Extents, Point};
use crate::segment::{RAY, ray_meets};

/// From `a` to `d`, leaving towards `b` and arriving from `c`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cubic {
    pub a: Point,
    pub b: Point,
    pub c: Point,
    pub d: Point,
}

/// Eight-point Gauss-Legendre: nodes on -1 to 1 (each with its mirror image) and weights (DLMF 3.5, table 3.5.2 ff.).
const GAUSS: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_27),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_48),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_26),
];
/// Halves of halves in which a cusp is looked for; past this its share of the length is below rounding.
const LENGTH_HALVINGS_MAX: u32 = 32;
/// A share is settled when its halves agree with it to this part of the whole length.
const LENGTH_PRECISION: f64 = 1e-12;
/// Halvings after which a curve is as good as its chord beside a point.
const INSIDE_HALVINGS_MAX: u32 = 40;
/// How far four cubics stray from the circle they stand for, as a part of its radius: 2.73e-4 for the usual handles.
pub(crate) const CIRCLE_ERROR: f64 = 3e-4;

impl Cubic {
    /// The point at parameter `t` (0 to 1).
    pub fn at(&self, t: f64) -> Point {
        if t >= 1.0 {
            return self.d;
        }
        let s = 1.0 - t;
        (self.a * s + self.b * (3.0 * t)) * (s * s) + (self.c * (3.0 * s) + self.d * t) * (t * t)
    }

    fn velocity(&self, t: f64) -> Point {
        let s = 1.0 - t;
        ((self.b - self.a) * (s * s)
            + (self.c - self.b) * (2.0 * s * t)
            + (self.d - self.c) * (t * t))
            * 3.0
    }

    /// The legs of the control polygon together: never shorter than the curve.
    fn hull_length(&self) -> f64 {
        self.a.distance(self.b) + self.b.distance(self.c) + self.c.distance(self.d)
    }

    /// Arc length, to about 1e-11 of itself.
    pub fn length(&self) -> f64 {
        let slack = self.hull_length() * LENGTH_PRECISION;
        let mut length = 0.0;
        let mut open = vec![(0.0, 1.0, self.quadrature(0.0, 1.0), 0)];
        while let Some((from, to, whole, halvings)) = open.pop() {
            let middle = (from + to) / 2.0;
            let halves = [self.quadrature(from, middle), self.quadrature(middle, to)];
            let [first, second] = halves;
            let differs = (first + second - whole).abs() > slack;
            if differs && halvings < LENGTH_HALVINGS_MAX {
                open.push((from, middle, first, halvings + 1));
                open.push((middle, to, second, halvings + 1));
            } else {
                length += first + second;
            }
        }
        length
    }

    fn quadrature(&self, from: f64, to: f64) -> f64 {
        let (middle, half) = ((from + to) / 2.0, (to - from) / 2.0);
        let speed = |node: f64| self.velocity(middle + half * node).length();
        let pair = |(node, weight): (f64, f64)| weight * (speed(node) + speed(-node));
        half * GAUSS.into_iter().map(pair).sum::<f64>()
    }

    pub fn extents(&self) -> Extents {
        let ends = Extents::of(self.a).with(self.d);
        if ends.contains(Extents::of(self.b).with(self.c), 0.0) {
            return ends;
        }
        let turns = |axis: fn(Point) -> f64| {
            turning_points(axis(self.a), axis(self.b), axis(self.c), axis(self.d))
        };
        let all = turns(|p| p.x).into_iter().chain(turns(|p| p.y));
        all.filter(|t| *t > 0.0 && *t < 1.0)
            .fold(ends, |box_, t| box_.with(self.at(t)))
    }

    /// Twice the signed area between the chord and the curve (Green's theorem over the Bernstein products).
    pub fn twice_segment_area(&self) -> f64 {
        let (b, c, d) = (self.b - self.a, self.c - self.a, self.d - self.a);
        (3.0 * b.cross(c) + 3.0 * b.cross(d) + 6.0 * c.cross(d)) / 10.0
    }

    /// Whether the ray of the inside test from `point` meets the curve an odd number of times. Halves what lies across
    /// the ray's origin; at the joints it asks the very question that a chord asks at its ends.
    pub(crate) fn flips(&self, point: Point) -> bool {
        let moved = Self {
            a: self.a - point,
            b: self.b - point,
            c: self.c - point,
            d: self.d - point,
        };
        let (mut odd, mut open) = (false, vec![(moved, 0)]);
        while let Some((piece, halvings)) = open.pop() {
            match piece.meets_ray() {
                Some(meets) => odd ^= meets,
                None if halvings >= INSIDE_HALVINGS_MAX => {
                    odd ^= ray_meets(Point::default(), piece.a, piece.d);
                }
                None => {
                    let (first, second) = piece.halves();
                    open.push((first, halvings + 1));
                    open.push((second, halvings + 1));
                }
            }
        }
        odd
    }

    /// Whether the ray from the origin meets an odd number of times; nothing when the control points do not tell.
    fn meets_ray(&self) -> Option<bool> {
        let points = [self.a, self.b, self.c, self.d];
        let left = |point: &Point| RAY.cross(*point) > 0.0;
        let ahead = |point: &Point| RAY.dot(*point) > 0.0;
        let one_side = points.iter().all(left) || !points.iter().any(left);
        if one_side || !points.iter().any(ahead) {
            return Some(false);
        }
        let all_ahead = points.iter().all(ahead);
        all_ahead.then(|| left(&self.a) != left(&self.d))
    }

    /// De Casteljau's construction at the middle.
    fn halves(&self) -> (Self, Self) {
        let middle = |p: Point, q: Point| (p + q) * 0.5;
        let (ab, bc, cd) = (
            middle(self.a, self.b),
            middle(self.b, self.c),
            middle(self.c, self.d),
        );
        let (abc, bcd) = (middle(ab, bc), middle(bc, cd));
        let joint = middle(abc, bcd);
        let half = |a, b, c, d| Self { a, b, c, d };
        (half(self.a, ab, abc, joint), half(joint, bcd, cd, self.d))
    }

    /// The circular arc through both ends and the middle, when the curve keeps to it within `tolerance` or within what
    /// four cubics stray from a circle.
    pub(crate) fn as_circular(&self, tolerance: f64) -> Option<Arc> {
        let arc = Arc::through(self.a, self.at(0.5), self.d)?;
        let slack = tolerance.max(arc.radius * CIRCLE_ERROR);
        let keeps = (1..16).all(|step| {
            let t = f64::from(step) / 16.0;
            self.at(t).distance(arc.at(t)) <= slack + arc.length() * 0.05
                && (self.at(t).distance(arc.center) - arc.radius).abs() <= slack
        });
        keeps.then_some(arc)
    }

    /// The same curve from its end to its start.
    pub(crate) fn reversed(&self) -> Self {
        Self {
            a: self.d,
            b: self.c,
            c: self.b,
            d: self.a,
        }
    }

    /// Every control point moved by `change`.
    pub(crate) fn map(&self, change: impl Fn(Point) -> Point) -> Self {
        Self {
            a: change(self.a),
            b: change(self.b),
            c: change(self.c),
            d: change(self.d),
        }
    }

    /// Into how many equal steps of the parameter chords must go to stay within `tolerance` of the curve: a chord's
    /// error is at most an eighth of the second derivative times the step squared.
    pub(crate) fn steps(&self, tolerance: f64) -> f64 {
        let bend = |p: Point, q: Point, r: Point| (p - q * 2.0 + r).length();
        let bend = bend(self.a, self.b, self.c).max(bend(self.b, self.c, self.d));
        (0.75 * bend / tolerance).sqrt()
    }
}

/// Where a cubic of one coordinate may turn: the roots of its derivative, which may lie outside 0 to 1.
fn turning_points(a: f64, b: f64, c: f64, d: f64) -> [f64; 2] {
    let (square, linear, constant) = (d - 3.0 * (c - b) - a, 2.0 * (a - 2.0 * b + c), b - a);
    let discriminant = linear * linear - 4.0 * square * constant;
    if discriminant < 0.0 {
        return [f64::NAN; 2];
    }
    // The sum of equal signs keeps its digits; the other root follows from the product of both.
    let sum = -0.5 * (linear + discriminant.sqrt().copysign(linear));
    [sum / square, constant / sum]
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASES: [[f64; 8]; 6] = [
        [0.0, 0.0, 0.0, 10.0, 20.0, 10.0, 20.0, 0.0],
        // A loop, a cusp, a curve on a line that turns back, an S, a straight one.
        [0.0, 0.0, 30.0, 20.0, -10.0, 20.0, 20.0, 0.0],
        [0.0, 0.0, 20.0, 20.0, 0.0, 20.0, 20.0, 0.0],
        [0.0, 0.0, 30.0, 0.0, -20.0, 0.0, 10.0, 0.0],
        [0.0, 0.0, 40.0, 5.0, -30.0, -5.0, 10.0, 1.0],
        [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0],
    ];

    fn cases() -> impl Iterator<Item = Cubic> {
        CASES
            .into_iter()
            .map(|[x0, y0, x1, y1, x2, y2, x3, y3]| Cubic {
                a: Point::new(x0, y0),
                b: Point::new(x1, y1),
                c: Point::new(x2, y2),
                d: Point::new(x3, y3),
            })
    }

    fn sampled(cubic: &Cubic, steps: u32) -> Vec<Point> {
        (0..=steps)
            .map(|step| cubic.at(f64::from(step) / f64::from(steps)))
            .collect()
    }

    #[test]
    fn length_area_and_box_agree_with_brute_force() {
        for cubic in cases() {
            let points = sampled(&cubic, 1_000_000);
            let chords: f64 = points.windows(2).map(|p| p[0].distance(p[1])).sum();
            assert!((cubic.length() - chords).abs() < 1e-8 * chords, "{cubic:?}");
            let area: f64 = points
                .windows(2)
                .map(|p| (p[0] - cubic.a).cross(p[1] - cubic.a))
                .sum();
            assert!(
                (cubic.twice_segment_area() - area).abs() < 1e-6,
                "{cubic:?}"
            );
            let box_ = Extents::around(points.into_iter().map(Extents::of)).unwrap();
            assert!(cubic.extents().matches(box_, 1e-8), "{cubic:?}");
        }
    }

    #[test]
    fn lengths_known_in_closed_form() {
        // A parabola raised to a cubic: y = x² from 0 to 1.
        let parabola = Cubic {
            a: Point::new(0.0, 0.0),
            b: Point::new(1.0 / 3.0, 0.0),
            c: Point::new(2.0 / 3.0, 1.0 / 3.0),
            d: Point::new(1.0, 1.0),
        };
        let exact = (2.0 * 5.0_f64.sqrt() + 2.0_f64.asinh()) / 4.0;
        assert!((parabola.length() - exact).abs() < 1e-13);
        // The cusp of a semicubical parabola: (t², t³) from -1 to 1.
        let cusp = Cubic {
            a: Point::new(1.0, -1.0),
            b: Point::new(-1.0 / 3.0, 1.0),
            c: Point::new(-1.0 / 3.0, -1.0),
            d: Point::new(1.0, 1.0),
        };
        let exact = 2.0 * (13.0 * 13.0_f64.sqrt() - 8.0) / 27.0;
        assert!((cusp.length() - exact).abs() < 1e-10, "{}", cusp.length());
    }

    #[test]
    fn sides_agree_with_many_chords() {
        for cubic in cases() {
            let points = sampled(&cubic, 3_000);
            for step in 0..2_500_u32 {
                let point = Point::new(
                    f64::from(step % 50) - 20.0 + 0.123,
                    f64::from(step / 50) - 20.0 + 0.456,
                );
                let chords = points.windows(2);
                let odd = chords.filter(|p| ray_meets(point, p[0], p[1])).count() % 2 == 1;
                let near = points.iter().any(|near| near.distance(point) < 0.02);
                assert!(near || cubic.flips(point) == odd, "{cubic:?} {point:?}");
            }
            cubic.flips(cubic.at(0.3));
            cubic.flips(cubic.a);
        }
    }

    #[test]
    fn a_quarter_of_a_circle_is_known_and_an_s_is_not() {
        let handle = 5.0 * 0.552_284_749_831;
        let quarter = Cubic {
            a: Point::new(5.0, 0.0),
            b: Point::new(5.0, handle),
            c: Point::new(handle, 5.0),
            d: Point::new(0.0, 5.0),
        };
        let arc = quarter.as_circular(1e-6).unwrap();
        assert!((arc.radius - 5.0).abs() < 1e-9 && (arc.center).length() < 1e-9);
        assert!((arc.sweep - std::f64::consts::FRAC_PI_2).abs() < 1e-9);
        assert!(quarter.reversed().as_circular(1e-6).unwrap().sweep < 0.0);
        assert!(cases().all(|cubic| cubic.as_circular(1e-3).is_none()));
    }
}
