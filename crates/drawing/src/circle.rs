//! Tells circles, whatever they are drawn with: arcs, Béziers, ellipses, many short sides. Never calls a polygon of
//! fewer than sixteen sides a circle, and says when it was one of more.

use crate::cubic::CIRCLE_ERROR;
use crate::point::Point;
use crate::segment::Segment;
use std::f64::consts::{PI, TAU};

/// A closed contour that is a circle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Circle {
    pub(crate) diameter: f64,
    /// Made of many equal straight sides.
    pub(crate) polygon: bool,
}

/// A polygon of fewer sides may be meant as one.
const SIDES_MIN: u32 = 16;
/// 4π·area/length² of a regular polygon of 16 sides is 0.987, of a circle 1.
const ROUND_MIN: f64 = 0.98;
const ROUND_MAX: f64 = 1.02;
/// Corners may stray by this part of the radius, sides by this part of their length: rounded coordinates do.
const CORNERS_STRAY: f64 = 1e-3;
const SIDES_STRAY: f64 = 0.02;

/// The circle that the pieces of a closed contour of this length and area form.
pub(crate) fn recognise<I: Iterator<Item = Segment>>(
    pieces: impl Fn() -> I,
    length: f64,
    area: f64,
    tolerance: f64,
) -> Option<Circle> {
    if let Some(diameter) = of_arcs(pieces(), tolerance) {
        return Some(Circle {
            diameter,
            polygon: false,
        });
    }
    let round = 4.0 * PI * area / (length * length);
    if !(ROUND_MIN..=ROUND_MAX).contains(&round) {
        return None;
    }
    // What closes a gap within the tolerance is no side.
    let sound = || pieces().filter(|piece| piece.start().distance(piece.end()) > 2.0 * tolerance);
    let (center, radius) = fit(sound())?;
    let sides = sound().filter(|piece| matches!(piece, Segment::Line(..)));
    let (mut count, mut shortest, mut longest) = (0, f64::INFINITY, 0.0_f64);
    for side in sides {
        count += 1;
        shortest = shortest.min(side.length());
        longest = longest.max(side.length());
    }
    let polygon = count > 0;
    if polygon {
        let all_sides = sound().all(|piece| matches!(piece, Segment::Line(..)));
        let equal = longest - shortest <= (SIDES_STRAY * longest).max(4.0 * tolerance);
        if count < SIDES_MIN || !all_sides || !equal {
            return None;
        }
    }
    let stray = if polygon { CORNERS_STRAY } else { CIRCLE_ERROR };
    let slack = tolerance.max(stray * radius);
    let samples: &[f64] = if polygon {
        &[0.0]
    } else {
        &[0.0, 0.2, 0.5, 0.8]
    };
    let keeps = |piece: Segment| {
        let mut samples = samples.iter().map(|t| piece.at(*t).distance(center));
        samples.all(|distance| (distance - radius).abs() <= slack)
    };
    sound().all(keeps).then_some(Circle {
        diameter: 2.0 * radius,
        polygon,
    })
}

/// Arcs about one centre with one radius that turn once in all.
fn of_arcs(mut pieces: impl Iterator<Item = Segment>, tolerance: f64) -> Option<f64> {
    let exact = |piece: Segment| match piece {
        Segment::Arc(_) | Segment::Ellipse(_) => piece.as_circular(tolerance),
        Segment::Line(..) | Segment::Cubic(_) => None,
    };
    let first = exact(pieces.next()?)?;
    let mut turned = first.sweep.abs();
    for piece in pieces {
        // A point drawn twice leaves a piece without length.
        if piece.length() <= tolerance * 1e-3 {
            continue;
        }
        let arc = exact(piece)?;
        if arc.center.distance(first.center) > tolerance
            || (arc.radius - first.radius).abs() > tolerance
        {
            return None;
        }
        turned += arc.sweep.abs();
    }
    let slack = (4.0 * tolerance / first.radius).max(1e-6);
    ((turned - TAU).abs() <= slack).then_some(2.0 * first.radius)
}

/// Centre and radius by least squares (Kåsa) over the joints, which lie on the circle however it is drawn, and over the
/// middles of what bends.
fn fit(pieces: impl Iterator<Item = Segment>) -> Option<(Point, f64)> {
    let (mut origin, mut sums) = (None, [0.0; 9]);
    for piece in pieces {
        let bends = !matches!(piece, Segment::Line(..));
        for t in [Some(0.0), bends.then_some(0.5)].into_iter().flatten() {
            let at = piece.at(t);
            let p = at - *origin.get_or_insert(at);
            let square = p.dot(p);
            let terms = [
                1.0,
                p.x,
                p.y,
                p.x * p.x,
                p.y * p.y,
                p.x * p.y,
                p.x * square,
                p.y * square,
                square,
            ];
            for (sum, term) in sums.iter_mut().zip(terms) {
                *sum += term;
            }
        }
    }
    let [n, x, y, xx, yy, xy, xz, yz, z] = sums;
    // About the mean the equations for the centre's two coordinates stand alone.
    let (cxx, cyy, cxy) = (xx - x * x / n, yy - y * y / n, xy - x * y / n);
    let (cxz, cyz) = (xz - x * z / n, yz - y * z / n);
    let doubled = 2.0 * (cxx * cyy - cxy * cxy);
    let center = Point::new(
        (cxz * cyy - cyz * cxy) / doubled,
        (cyz * cxx - cxz * cxy) / doubled,
    );
    let mean = Point::new(x, y) * (1.0 / n);
    let squared = z / n - 2.0 * center.dot(mean) + center.dot(center);
    let radius = squared.sqrt();
    (center.is_finite() && radius > 0.0).then_some((origin? + center, radius))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arc::Arc;
    use crate::cubic::Cubic;
    use crate::ellipse::Ellipse;

    fn polygon(sides: u32, radius: f64) -> Vec<Segment> {
        let corner = |n: u32| {
            Point::new(300.0, -70.0)
                + Point::polar(radius, f64::from(n) * TAU / f64::from(sides) + 0.3)
        };
        (0..sides)
            .map(|n| Segment::Line(corner(n), corner(n + 1)))
            .collect()
    }

    fn cubics(handle: f64, turned: f64) -> Vec<Segment> {
        let quarter = |n: u32| {
            let angle = f64::from(n) * TAU / 4.0 + turned;
            let (a, d) = (
                Point::polar(5.0, angle),
                Point::polar(5.0, angle + TAU / 4.0),
            );
            Segment::Cubic(Cubic {
                a,
                b: a + a.perpendicular() * handle,
                c: d - d.perpendicular() * handle,
                d,
            })
        };
        (0..4).map(quarter).collect()
    }

    fn found(pieces: &[Segment]) -> Option<(f64, bool)> {
        let origin = pieces[0].start();
        let length = pieces.iter().map(Segment::length).sum();
        let area: f64 = pieces.iter().map(|piece| piece.twice_area(origin)).sum();
        let circle = recognise(|| pieces.iter().copied(), length, area.abs() / 2.0, 0.002)?;
        Some((crate::part::rounded(circle.diameter, 1e3), circle.polygon))
    }

    #[test]
    fn circles_of_every_make_are_known() {
        let arc = |start: f64, sweep: f64| {
            Segment::Arc(Arc {
                center: Point::default(),
                radius: 5.0,
                start,
                sweep,
            })
        };
        let ellipse = Ellipse::between(Point::default(), Point::new(5.0, 0.0), 1.0, 0.0, TAU);
        let flat = Ellipse::between(Point::default(), Point::new(5.0, 0.0), 0.98, 0.0, TAU);
        let mut mixed = cubics(0.552_285, 0.0);
        mixed[2] = Segment::Arc(Arc {
            center: Point::default(),
            radius: 5.0,
            start: PI,
            sweep: PI / 2.0,
        });
        let cases = [
            ("circle", vec![arc(0.0, TAU)], Some((10.0, false))),
            (
                "halves",
                vec![arc(0.0, PI), arc(PI, PI)],
                Some((10.0, false)),
            ),
            (
                "ellipse",
                vec![Segment::Ellipse(ellipse)],
                Some((10.0, false)),
            ),
            ("flat ellipse", vec![Segment::Ellipse(flat)], None),
            ("cubics", cubics(0.552_284_75, 0.0), Some((10.0, false))),
            ("turned", cubics(0.552_284_75, 0.7), Some((10.0, false))),
            ("best handles", cubics(0.551_915, 0.2), Some((9.999, false))),
            ("squarish", cubics(0.6, 0.0), None),
            ("mixed", mixed, Some((10.0, false))),
            ("72 sides", polygon(72, 4.0), Some((8.0, true))),
            ("16 sides", polygon(16, 400.0), Some((800.0, true))),
            ("12 sides", polygon(12, 4.0), None),
            ("square", polygon(4, 4.0), None),
        ];
        for (name, pieces, expected) in cases {
            assert_eq!(found(&pieces), expected, "{name}");
        }
        let mut uneven = polygon(40, 4.0);
        let merged = Segment::Line(uneven[0].start(), uneven[1].end());
        uneven.splice(0..2, [merged]);
        assert_eq!(found(&uneven), None);
    }
}
