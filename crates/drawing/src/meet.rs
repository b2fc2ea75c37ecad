//! Where two pieces cross, and along which stretch they lie on each other. Never counts what merely touches: ends that
//! meet, an end on the other piece, a tangent.

use crate::arc::{Arc, sweep_meets};
use crate::point::{Extents, Point};
use crate::segment::Segment;
use std::f64::consts::TAU;

/// How two pieces meet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Meeting {
    Crossing(Point),
    /// Both run together over `length`, about `place`.
    Overlap {
        place: Point,
        length: f64,
    },
}

/// Stretches shorter than this many tolerances are joints.
const OVERLAP_TOLERANCES_MIN: f64 = 8.0;

/// Hands over each meeting of two pieces. Ellipses and cubics are compared as chords within `tolerance` of them and
/// asked for crossings only. Answers how many pairs were compared.
pub(crate) fn meetings(
    a: &Segment,
    b: &Segment,
    tolerance: f64,
    mut found: impl FnMut(Meeting),
) -> usize {
    let ends = |piece: &Segment| (!piece.is_closed()).then(|| [piece.start(), piece.end()]);
    let ends: Vec<Point> = [ends(a), ends(b)].into_iter().flatten().flatten().collect();
    let mut inner = |meeting| match meeting {
        Meeting::Crossing(place) if ends.iter().any(|end| near(*end, place, tolerance)) => {}
        other => found(other),
    };
    match (a, b) {
        (Segment::Line(a0, a1), Segment::Line(b0, b1)) => {
            lines((*a0, *a1), (*b0, *b1), tolerance, &mut inner);
        }
        (Segment::Line(from, to), Segment::Arc(arc))
        | (Segment::Arc(arc), Segment::Line(from, to)) => {
            line_and_arc((*from, *to), arc, tolerance, &mut inner);
        }
        (Segment::Arc(a), Segment::Arc(b)) => arcs(a, b, tolerance, &mut inner),
        _ => return chords(a, b, tolerance, &mut inner),
    }
    1
}

fn near(a: Point, b: Point, tolerance: f64) -> bool {
    a.distance(b) <= 2.0 * tolerance
}

fn lines(a: (Point, Point), b: (Point, Point), tolerance: f64, found: &mut impl FnMut(Meeting)) {
    if let Some(place) = chords_cross(a, b) {
        found(Meeting::Crossing(place));
    }
    let (base, other) = if a.0.distance(a.1) >= b.0.distance(b.1) {
        (a, b)
    } else {
        (b, a)
    };
    let length = base.0.distance(base.1);
    let along = (base.1 - base.0) * (1.0 / length);
    // The other line's ends: along the base and beside it.
    let (from, to) = (other.0 - base.0, other.1 - base.0);
    let (from, to) = (
        (along.dot(from), along.cross(from)),
        (along.dot(to), along.cross(to)),
    );
    let (low, high) = if from.0 <= to.0 {
        (from, to)
    } else {
        (to, from)
    };
    let (start, end) = (low.0.max(0.0), high.0.min(length));
    if end - start <= OVERLAP_TOLERANCES_MIN * tolerance {
        return;
    }
    let beside = |at: f64| low.1 + (high.1 - low.1) * (at - low.0) / (high.0 - low.0);
    if beside(start).abs() <= tolerance && beside(end).abs() <= tolerance {
        found(Meeting::Overlap {
            place: base.0 + along * ((start + end) / 2.0),
            length: end - start,
        });
    }
}

/// Where two straight pieces cross; an end counts to one side, so that a chain of them crosses once.
fn chords_cross(a: (Point, Point), b: (Point, Point)) -> Option<Point> {
    let (along_a, along_b) = (a.1 - a.0, b.1 - b.0);
    let side = |along: Point, from: Point, point: Point| along.cross(point - from);
    let (b0, b1) = (side(along_a, a.0, b.0), side(along_a, a.0, b.1));
    let (a0, a1) = (side(along_b, b.0, a.0), side(along_b, b.0, a.1));
    ((a0 > 0.0) != (a1 > 0.0) && (b0 > 0.0) != (b1 > 0.0)).then(|| b.0 + along_b * (b0 / (b0 - b1)))
}

fn line_and_arc(
    (from, to): (Point, Point),
    arc: &Arc,
    tolerance: f64,
    found: &mut impl FnMut(Meeting),
) {
    let length = from.distance(to);
    let along = (to - from) * (1.0 / length);
    let center = arc.center - from;
    let beside = along.cross(center).abs();
    // A tangent comes no deeper than the tolerance.
    if arc.radius - beside <= tolerance {
        return;
    }
    let half = (arc.radius * arc.radius - beside * beside).sqrt();
    for way in [along.dot(center) - half, along.dot(center) + half] {
        let place = from + along * way;
        if way > 0.0 && way < length && lies_on(arc, place) {
            found(Meeting::Crossing(place));
        }
    }
}

fn lies_on(arc: &Arc, place: Point) -> bool {
    let offset = place - arc.center;
    sweep_meets(arc.start, arc.sweep, offset.y.atan2(offset.x))
}

fn arcs(a: &Arc, b: &Arc, tolerance: f64, found: &mut impl FnMut(Meeting)) {
    let between = b.center - a.center;
    let distance = between.length();
    let apart = (a.radius - b.radius).abs();
    if distance + apart <= tolerance {
        return arcs_together(a, b, tolerance, found);
    }
    if distance <= apart + tolerance || distance >= a.radius + b.radius - tolerance {
        return;
    }
    let along = between * (1.0 / distance);
    let way = (distance * distance + a.radius * a.radius - b.radius * b.radius) / (2.0 * distance);
    let half = (a.radius * a.radius - way * way).max(0.0).sqrt();
    for side in [half, -half] {
        let place = a.center + along * way + along.perpendicular() * side;
        if lies_on(a, place) && lies_on(b, place) {
            found(Meeting::Crossing(place));
        }
    }
}

fn arcs_together(a: &Arc, b: &Arc, tolerance: f64, found: &mut impl FnMut(Meeting)) {
    let counter_clockwise = |arc: &Arc| (arc.start.min(arc.start + arc.sweep), arc.sweep.abs());
    let ((a_from, a_sweep), (b_from, b_sweep)) = (counter_clockwise(a), counter_clockwise(b));
    let first = (b_from - a_from).rem_euclid(TAU);
    // The other arc's beginning, and the same one turn earlier.
    for from in [first, first - TAU] {
        let (start, end) = (from.max(0.0), (from + b_sweep).min(a_sweep));
        let length = (end - start) * a.radius;
        if length > OVERLAP_TOLERANCES_MIN * tolerance {
            found(Meeting::Overlap {
                place: a.center + Point::polar(a.radius, a_from + (start + end) / 2.0),
                length,
            });
        }
    }
}

fn chords(a: &Segment, b: &Segment, tolerance: f64, found: &mut impl FnMut(Meeting)) -> usize {
    // Only chords beside the other piece's box can meet it.
    let flat = |piece: &Segment, other: &Segment| {
        let (around, mut from) = (other.extents(), piece.start());
        let mut chords = Vec::new();
        piece.flatten(tolerance, |to| {
            if Extents::of(from).with(to).meets(around, tolerance) {
                chords.push((from, to));
            }
            from = to;
        });
        chords
    };
    let (a, b) = (flat(a, b), flat(b, a));
    for chord in &a {
        for other in &b {
            if let Some(place) = chords_cross(*chord, *other) {
                found(Meeting::Crossing(place));
            }
        }
    }
    1 + a.len() * b.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cubic::Cubic;
    use std::f64::consts::PI;

    fn line(x0: f64, y0: f64, x1: f64, y1: f64) -> Segment {
        Segment::Line(Point::new(x0, y0), Point::new(x1, y1))
    }

    fn arc(x: f64, radius: f64, start: f64, sweep: f64) -> Segment {
        Segment::Arc(Arc {
            center: Point::new(x, 0.0),
            radius,
            start,
            sweep,
        })
    }

    /// Name, both pieces, crossings, overlapping length.
    type Case = (&'static str, Segment, Segment, u32, f64);

    fn check(cases: &[Case]) {
        for (name, a, b, crossings, overlap) in cases {
            for (a, b) in [(*a, *b), (*b, *a), (a.reversed(), *b)] {
                let (mut crossed, mut together) = (0, 0.0);
                meetings(&a, &b, 0.01, |meeting| match meeting {
                    Meeting::Crossing(_) => crossed += 1,
                    Meeting::Overlap { length, .. } => together += length,
                });
                assert_eq!(crossed, *crossings, "{name}");
                assert!((together - overlap).abs() < 1e-9, "{name}: {together}");
            }
        }
    }

    #[test]
    fn lines_that_cross_or_overlap_are_told_from_those_that_touch() {
        let base = line(0.0, 0.0, 10.0, 0.0);
        let bow = Segment::Cubic(Cubic {
            a: Point::new(0.0, -5.0),
            b: Point::new(0.0, 20.0),
            c: Point::new(10.0, 20.0),
            d: Point::new(10.0, -5.0),
        });
        check(&[
            ("cross", base, line(5.0, -1.0, 5.0, 1.0), 1, 0.0),
            ("corner", base, line(10.0, 0.0, 10.0, 5.0), 0, 0.0),
            ("tee", base, line(5.0, 0.0, 5.0, 5.0), 0, 0.0),
            ("parallel", base, line(0.0, 0.5, 10.0, 0.5), 0, 0.0),
            ("partly over", base, line(15.0, 0.0, 4.0, 0.0), 0, 6.0),
            ("within", base, line(2.0, 0.0, 4.0, 0.0), 0, 2.0),
            ("next to", base, line(10.0, 0.0, 14.0, 0.0), 0, 0.0),
            ("through a bow", line(-5.0, 0.0, 15.0, 0.0), bow, 2, 0.0),
            ("a bow's end", line(0.0, -5.0, -5.0, -9.0), bow, 0, 0.0),
        ]);
    }

    #[test]
    fn arcs_that_cross_or_overlap_are_told_from_those_that_touch() {
        let circle = arc(0.0, 5.0, 0.0, TAU);
        let half = arc(0.0, 5.0, 0.0, PI);
        let across = line(-9.0, 1.0, 9.0, 1.0);
        let wide = (arc(0.0, 5.0, 0.0, 4.0), arc(0.0, 5.0, 3.0, 4.0));
        check(&[
            ("through", across, circle, 2, 0.0),
            ("into", line(-9.0, 1.0, 0.0, 1.0), circle, 1, 0.0),
            ("tangent", line(-9.0, 5.0, 9.0, 5.0), circle, 0, 0.0),
            ("fillet", line(5.0, 0.0, 5.0, 9.0), half, 0, 0.0),
            ("lens", circle, arc(6.0, 5.0, 0.0, TAU), 2, 0.0),
            ("half a lens", half, arc(6.0, 5.0, 0.0, PI), 1, 0.0),
            ("touching", circle, arc(10.0, 5.0, 0.0, TAU), 0, 0.0),
            ("together", half, arc(0.0, 5.0, 2.0, -2.0), 0, 10.0),
            ("both ends", wide.0, wide.1, 0, 5.0 * (8.0 - TAU)),
            ("halves", half, arc(0.0, 5.0, PI, PI), 0, 0.0),
        ]);
    }
}
