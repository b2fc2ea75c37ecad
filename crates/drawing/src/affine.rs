//! Affine maps of the plane: how blocks, groups and text frames place what they hold. Never changes the kind of a
//! curve that the map leaves as it is: a circle turned, scaled or mirrored stays a circle.

use crate::arc::Arc;
use crate::ellipse::Ellipse;
use crate::point::Point;
use crate::segment::Segment;

/// x' = a·x + c·y + e, y' = b·x + d·y + f: the six figures in the order of SVG's `matrix` and LightBurn's `XForm`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    pub a: f64,
    pub b: f64,
    pub c: f64,
    pub d: f64,
    pub e: f64,
    pub f: f64,
}

/// Axes that differ by no more than this part of their length make no ellipse of a circle.
const SIMILARITY_SLACK: f64 = 1e-9;

impl Default for Affine {
    fn default() -> Self {
        Self::IDENTITY
    }
}

impl Affine {
    pub const IDENTITY: Self = Self::new(1.0, 0.0, 0.0, 1.0, 0.0, 0.0);

    pub const fn new(a: f64, b: f64, c: f64, d: f64, e: f64, f: f64) -> Self {
        Self { a, b, c, d, e, f }
    }

    pub const fn translation(by: Point) -> Self {
        Self::new(1.0, 0.0, 0.0, 1.0, by.x, by.y)
    }

    pub const fn scaling(x: f64, y: f64) -> Self {
        Self::new(x, 0.0, 0.0, y, 0.0, 0.0)
    }

    /// Counter-clockwise about the origin; `angle` in radians.
    pub fn rotation(angle: f64) -> Self {
        let (sin, cos) = angle.sin_cos();
        Self::new(cos, sin, -sin, cos, 0.0, 0.0)
    }

    /// First `self`, then `next`.
    pub fn then(&self, next: &Self) -> Self {
        let (x, y) = (Point::new(self.a, self.b), Point::new(self.c, self.d));
        let (x, y) = (next.turn(x), next.turn(y));
        let origin = next.apply(Point::new(self.e, self.f));
        Self::new(x.x, x.y, y.x, y.y, origin.x, origin.y)
    }

    pub fn apply(&self, point: Point) -> Point {
        self.turn(point) + Point::new(self.e, self.f)
    }

    /// A vector, which does not move with the origin.
    fn turn(&self, vector: Point) -> Point {
        Point::new(
            self.a * vector.x + self.c * vector.y,
            self.b * vector.x + self.d * vector.y,
        )
    }

    /// Below 0 when the map mirrors; by how much it changes areas.
    pub fn determinant(&self) -> f64 {
        self.a * self.d - self.b * self.c
    }

    /// Whether circles stay circles: no shear and one scale, mirrored or not.
    pub fn is_similarity(&self) -> bool {
        let (x, y) = (Point::new(self.a, self.b), Point::new(self.c, self.d));
        let (xx, yy) = (x.dot(x), y.dot(y));
        let slack = SIMILARITY_SLACK * xx.max(yy);
        (xx - yy).abs() <= slack && x.dot(y).abs() <= slack
    }

    pub fn is_finite(&self) -> bool {
        [self.a, self.b, self.c, self.d, self.e, self.f]
            .iter()
            .all(|figure| figure.is_finite())
    }
}

impl Segment {
    /// This piece as `map` places it: an arc stays one under a similarity and else becomes an ellipse.
    pub fn transformed(&self, map: &Affine) -> Self {
        match self {
            Self::Line(a, b) => Self::Line(map.apply(*a), map.apply(*b)),
            Self::Arc(arc) if map.is_similarity() => Self::Arc(similar(arc, map)),
            Self::Arc(arc) => Self::Ellipse(deformed(&Ellipse::from(*arc), map)),
            Self::Ellipse(ellipse) => Self::Ellipse(deformed(ellipse, map)),
            Self::Cubic(cubic) => Self::Cubic(cubic.map(|point| map.apply(point))),
        }
    }
}

fn similar(arc: &Arc, map: &Affine) -> Arc {
    let (turned, sign) = (map.b.atan2(map.a), map.determinant().signum());
    Arc {
        center: map.apply(arc.center),
        radius: arc.radius * map.determinant().abs().sqrt(),
        start: turned + sign * arc.start,
        sweep: sign * arc.sweep,
    }
}

/// The image of an ellipse has the images of its axes as conjugate half diameters; a turn of the parameter makes axes
/// of them again (Rytz's problem).
fn deformed(ellipse: &Ellipse, map: &Affine) -> Ellipse {
    let u = map.turn(ellipse.major);
    let v = map.turn(ellipse.major.perpendicular() * ellipse.ratio);
    let turned = 0.5 * (2.0 * u.dot(v)).atan2(u.dot(u) - v.dot(v));
    let (sin, cos) = turned.sin_cos();
    let (major, area) = (u * cos + v * sin, u.cross(v));
    let squared = major.dot(major);
    let image = Ellipse {
        center: map.apply(ellipse.center),
        major,
        ratio: if squared > 0.0 {
            (area.abs() / squared).min(1.0)
        } else {
            0.0
        },
        start: ellipse.start - turned,
        sweep: ellipse.sweep,
    };
    if area < 0.0 {
        image.turned_over()
    } else {
        image
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cubic::Cubic;
    use proptest::prelude::*;

    fn point() -> impl Strategy<Value = Point> {
        (-50.0..50.0_f64, -50.0..50.0_f64).prop_map(|(x, y)| Point::new(x, y))
    }

    fn segment() -> impl Strategy<Value = Segment> {
        let sweep = || prop_oneof![-6.2..-0.1_f64, 0.1..6.2_f64, Just(std::f64::consts::TAU)];
        let arc = (point(), 0.5..40.0_f64, -7.0..7.0_f64, sweep()).prop_map(
            |(center, radius, start, sweep)| {
                Segment::Arc(Arc {
                    center,
                    radius,
                    start,
                    sweep,
                })
            },
        );
        let ellipse = (point(), point(), 0.05..1.0_f64, -7.0..7.0_f64, sweep()).prop_map(
            |(center, major, ratio, start, sweep)| {
                Segment::Ellipse(Ellipse {
                    center,
                    major: major + Point::new(60.0, 0.0),
                    ratio,
                    start,
                    sweep,
                })
            },
        );
        let cubic = [point(), point(), point(), point()]
            .prop_map(|[a, b, c, d]| Segment::Cubic(Cubic { a, b, c, d }));
        let line = [point(), point()].prop_map(|[a, b]| Segment::Line(a, b));
        prop_oneof![line, arc, ellipse, cubic]
    }

    fn affine() -> impl Strategy<Value = Affine> {
        let turned = (-7.0..7.0_f64, 0.1..4.0_f64, prop::bool::ANY, point()).prop_map(
            |(angle, scale, mirrored, by)| {
                Affine::scaling(scale, if mirrored { -scale } else { scale })
                    .then(&Affine::rotation(angle))
                    .then(&Affine::translation(by))
            },
        );
        let any = (
            0.2..3.0_f64,
            -2.0..2.0_f64,
            -2.0..2.0_f64,
            0.2..3.0_f64,
            point(),
        )
            .prop_filter("flat", |(a, b, c, d, _)| (a * d - b * c).abs() > 0.05)
            .prop_map(|(a, b, c, d, by)| Affine::new(a, b, c, d, by.x, by.y));
        prop_oneof![turned, any]
    }

    proptest! {
        #[test]
        fn pieces_map_point_by_point(segment in segment(), map in affine()) {
            let image = segment.transformed(&map);
            let flattened = |segment: &Segment| {
                let mut points = vec![segment.start()];
                segment.flatten(1e-5, |point| points.push(point));
                points
            };
            for step in 0..=8 {
                let t = f64::from(step) / 8.0;
                prop_assert!(image.at(t).distance(map.apply(segment.at(t))) < 1e-7, "{image:?}");
            }
            let points: Vec<Point> = flattened(&segment).into_iter().map(|point| map.apply(point)).collect();
            let length: f64 = points.windows(2).map(|pair| pair[0].distance(pair[1])).sum();
            prop_assert!((image.length() - length).abs() < 1e-5 * length + 1e-3);
            let origin = points[0];
            let area: f64 = points.windows(2).map(|pair| (pair[0] - origin).cross(pair[1] - origin)).sum();
            prop_assert!((image.twice_area(origin) - area).abs() < 1e-5 * area.abs() + 0.1, "{} {area}", image.twice_area(origin));
            let box_ = crate::Extents::around(points.iter().map(|point| crate::Extents::of(*point))).unwrap();
            prop_assert!(image.extents().matches(box_, 1e-3));
        }

        #[test]
        fn one_map_after_the_other(first in affine(), second in affine(), point in point()) {
            let both = first.then(&second).apply(point);
            prop_assert!(both.distance(second.apply(first.apply(point))) < 1e-9);
        }
    }

    #[test]
    fn a_mirrored_circle_stays_a_circle_and_a_squeezed_one_does_not() {
        let circle = Segment::Arc(Arc::circle(Point::new(1.0, 2.0), 3.0));
        let mirrored = circle.transformed(&Affine::scaling(-2.0, 2.0));
        let Segment::Arc(arc) = mirrored else {
            panic!("{mirrored:?}")
        };
        assert_eq!((arc.center, arc.radius), (Point::new(-2.0, 4.0), 6.0));
        assert!(arc.is_circle() && arc.sweep < 0.0);
        let squeezed = circle.transformed(&Affine::scaling(1.0, 0.5));
        assert!(
            matches!(squeezed, Segment::Ellipse(ellipse) if (ellipse.ratio - 0.5).abs() < 1e-12)
        );
    }
}
