//! Ellipses and elliptical arcs: exact box and area, arc length by Carlson's symmetric integrals. Never flattens.

use crate::arc::{Arc, sweep_meets, turn, unit_segment_contains};
use crate::point::{Extents, Point};
use std::f64::consts::{FRAC_PI_2, PI, TAU};

/// `center + major·cos t + minor·sin t`, where `minor` is `major` turned by a quarter counter-clockwise times `ratio` (0 to 1),
/// for the parameter `t` from `start` over `sweep` (signed; ±2π is the whole ellipse). The parameter is not an angle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ellipse {
    pub center: Point,
    pub major: Point,
    pub ratio: f64,
    pub start: f64,
    pub sweep: f64,
}

impl Ellipse {
    /// The counter-clockwise arc between two parameters; a `ratio` above 1 has its axes changed round.
    pub fn between(center: Point, major: Point, ratio: f64, start: f64, end: f64) -> Self {
        let sweep = turn(start, end);
        let upright = ratio.abs() <= 1.0;
        Self {
            center,
            major: if upright {
                major
            } else {
                major.perpendicular() * ratio.abs()
            },
            ratio: if upright {
                ratio.abs()
            } else {
                1.0 / ratio.abs()
            },
            start: if upright { start } else { start - FRAC_PI_2 },
            sweep,
        }
    }

    /// The same arc as seen from below its plane: the parameter runs clockwise.
    pub fn turned_over(self) -> Self {
        Self {
            start: -self.start,
            sweep: -self.sweep,
            ..self
        }
    }

    fn minor(&self) -> Point {
        self.major.perpendicular() * self.ratio
    }

    fn at_parameter(&self, t: f64) -> Point {
        let (sin, cos) = t.sin_cos();
        self.center + self.major * cos + self.minor() * sin
    }

    /// The point after `fraction` (0 to 1) of the parameter's sweep.
    pub fn at(&self, fraction: f64) -> Point {
        self.at_parameter(self.start + self.sweep * fraction)
    }

    pub fn is_whole(&self) -> bool {
        self.sweep.abs() >= TAU
    }

    /// Arc length, to about 1e-13 of the major half axis.
    pub fn length(&self) -> f64 {
        // ds = a·sqrt(1 − m·cos² t) dt, which is the second elliptic integral a quarter turn on.
        let m = 1.0 - self.ratio * self.ratio;
        let from = self.start + FRAC_PI_2;
        let swept = second_integral(from + self.sweep, m) - second_integral(from, m);
        self.major.length() * swept.abs()
    }

    pub fn extents(&self) -> Extents {
        let minor = self.minor();
        let ends = Extents::of(self.at(0.0)).with(self.at(1.0));
        let (for_x, for_y) = (minor.x.atan2(self.major.x), minor.y.atan2(self.major.y));
        [for_x, for_x + PI, for_y, for_y + PI]
            .into_iter()
            .filter(|t| sweep_meets(self.start, self.sweep, *t))
            .fold(ends, |ends, t| ends.with(self.at_parameter(t)))
    }

    /// Twice the signed area between the chord and the arc.
    pub fn twice_segment_area(&self) -> f64 {
        self.major.dot(self.major) * self.ratio * (self.sweep - self.sweep.sin())
    }

    /// Whether `point` lies between the chord and the arc.
    pub fn segment_contains(&self, point: Point) -> bool {
        let (offset, squared) = (point - self.center, self.major.dot(self.major));
        let unit = Point::new(
            offset.dot(self.major) / squared,
            offset.dot(self.major.perpendicular()) / (squared * self.ratio),
        );
        unit_segment_contains(unit, self.start, self.sweep)
    }

    pub(crate) fn scale(&mut self, factor: f64) {
        self.center = self.center * factor;
        self.major = self.major * factor;
    }
}

impl From<Arc> for Ellipse {
    fn from(arc: Arc) -> Self {
        Self {
            center: arc.center,
            major: Point::new(arc.radius, 0.0),
            ratio: 1.0,
            start: arc.start,
            sweep: arc.sweep,
        }
    }
}

/// Legendre's incomplete elliptic integral of the second kind for any amplitude (DLMF 19.25.9, 19.2.10).
fn second_integral(phi: f64, m: f64) -> f64 {
    let periods = (phi / PI).round();
    let (sin, cos) = (phi - periods * PI).sin_cos();
    quarter(sin, cos, m) + 2.0 * periods * quarter(1.0, 0.0, m)
}

fn quarter(sin: f64, cos: f64, m: f64) -> f64 {
    let (x, y) = (cos * cos, 1.0 - m * sin * sin);
    if x == 0.0 && y <= 0.0 {
        return sin; // a flat ellipse: its quarter is its half axis
    }
    let (first, second) = carlson(x, y.max(0.0));
    sin * first - m * sin.powi(3) / 3.0 * second
}

/// Carlson's R_F(x, y, 1) and R_D(x, y, 1) by duplication (DLMF 19.36.1, 19.36.2).
fn carlson(x: f64, y: f64) -> (f64, f64) {
    let (mut x, mut y, mut z, mut sum, mut scale) = (x, y, 1.0_f64, 0.0, 1.0);
    let mut mean = (x + y + 3.0 * z) / 5.0;
    // Each turn brings the three four times nearer together; 40 turns are past double precision from anywhere.
    for _ in 0..40 {
        let spread = (x - mean).abs().max((y - mean).abs()).max((z - mean).abs());
        if spread < 1e-3 * mean {
            break;
        }
        let (sx, sy, sz) = (x.sqrt(), y.sqrt(), z.sqrt());
        let lambda = sx * (sy + sz) + sy * sz;
        sum += scale / (sz * (z + lambda));
        scale *= 0.25;
        (x, y, z) = (
            (x + lambda) * 0.25,
            (y + lambda) * 0.25,
            (z + lambda) * 0.25,
        );
        mean = (x + y + 3.0 * z) / 5.0;
    }
    (
        first_series(x, y, z),
        3.0 * sum + scale * second_series(x, y, z, mean),
    )
}

fn first_series(x: f64, y: f64, z: f64) -> f64 {
    let mean = (x + y + z) / 3.0;
    let (dx, dy) = (1.0 - x / mean, 1.0 - y / mean);
    let dz = -dx - dy;
    let (e2, e3) = (dx * dy - dz * dz, dx * dy * dz);
    (1.0 - e2 / 10.0 + e3 / 14.0 + e2 * e2 / 24.0 - 3.0 * e2 * e3 / 44.0 - 5.0 * e2.powi(3) / 208.0
        + 3.0 * e3 * e3 / 104.0)
        / mean.sqrt()
}

fn second_series(x: f64, y: f64, z: f64, mean: f64) -> f64 {
    let (dx, dy, dz) = (1.0 - x / mean, 1.0 - y / mean, 1.0 - z / mean);
    let (ea, eb) = (dx * dy, dz * dz);
    let e2 = ea - 6.0 * eb;
    let e3 = (3.0 * ea - 8.0 * eb) * dz;
    let (e4, e5) = (3.0 * (ea - eb) * eb, ea * eb * dz);
    let series = 1.0 - 3.0 * e2 / 14.0 + e3 / 6.0 + 9.0 * e2 * e2 / 88.0
        - 3.0 * e4 / 22.0
        - 9.0 * e2 * e3 / 52.0
        + 3.0 * e5 / 26.0;
    series / (mean * mean.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Simpson's rule over many small steps: slow, simple, independent.
    fn reference_length(ellipse: &Ellipse) -> f64 {
        let steps = 2_000_000;
        let (a, b) = (
            ellipse.major.length(),
            ellipse.major.length() * ellipse.ratio,
        );
        let step = ellipse.sweep / f64::from(steps);
        let speed = |i: i32| {
            let (sin, cos) = (ellipse.start + step * f64::from(i)).sin_cos();
            (a * sin).hypot(b * cos)
        };
        let inner: f64 = (1..steps)
            .map(|i| speed(i) * if i % 2 == 1 { 4.0 } else { 2.0 })
            .sum();
        (speed(0) + inner + speed(steps)) * step.abs() / 3.0
    }

    #[test]
    fn lengths_agree_with_brute_force() {
        let cases = [
            (1.0, 0.0, TAU),
            (0.5, 0.3, 2.0),
            (0.5, -1.0, -5.5),
            (0.01, 3.0, 4.0),
            (0.2, 7.0, TAU),
        ];
        for (ratio, start, sweep) in cases {
            let ellipse = Ellipse {
                center: Point::default(),
                major: Point::new(30.0, 40.0),
                ratio,
                start,
                sweep,
            };
            let (ours, reference) = (ellipse.length(), reference_length(&ellipse));
            assert!(
                (ours - reference).abs() < 1e-9 * reference,
                "{ratio} {start} {sweep}: {ours} {reference}"
            );
        }
        let flat = Ellipse::between(Point::default(), Point::new(5.0, 0.0), 0.0, 0.0, TAU);
        assert!((flat.length() - 20.0).abs() < 1e-9);
    }

    #[test]
    fn a_ratio_above_one_is_the_same_ellipse_turned() {
        let tall = Ellipse::between(
            Point::new(1.0, 2.0),
            Point::new(3.0, 0.0),
            2.0,
            0.0,
            FRAC_PI_2,
        );
        assert!(tall.at(0.0).distance(Point::new(4.0, 2.0)) < 1e-12);
        assert!(tall.at(1.0).distance(Point::new(1.0, 8.0)) < 1e-12);
    }

    #[test]
    fn the_box_of_a_turned_ellipse_touches_it() {
        let ellipse = Ellipse::between(Point::default(), Point::new(3.0, 4.0), 0.4, 0.0, TAU);
        let sampled =
            Extents::around((0..=100_000).map(|i| Extents::of(ellipse.at(f64::from(i) / 1e5))))
                .unwrap();
        assert!(ellipse.extents().matches(sampled, 1e-7));
        assert!((ellipse.twice_segment_area() / 2.0 - PI * 5.0 * 2.0).abs() < 1e-12 * 100.0);
    }
}
