//! The curve through a spline's fit points, as CAD programs draw it: cubic, twice smooth, its parameter the length of the
//! chords, and at ends without a tangent without curvature. Never drops a point but repeated ones.

use drawing::{Cubic, Extents, Point};

/// Which way the curve leaves its first point and arrives at its last.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Tangents {
    pub(super) start: Option<Point>,
    pub(super) end: Option<Point>,
}

/// Points beyond the seam that a closed curve is solved with: the farther ones bear on it by less than a double tells.
const SEAM: usize = 28;

/// Points nearer to each other than this part of the curve's size are one.
const CHORD_MIN: f64 = 1e-12;

/// The cubics through the points; none through fewer than two.
pub(super) fn through(points: &[Point], closed: bool, tangents: Tangents) -> Vec<Cubic> {
    let size = Extents::around(points.iter().map(|point| Extents::of(*point)));
    let near = size.map_or(0.0, Extents::size) * CHORD_MIN;
    let mut points = points.to_vec();
    points.dedup_by(|next, point| next.distance(*point) <= near);
    if closed && points.len() > 1 && points.first() == points.last() {
        points.pop();
    }
    if closed && points.len() > 2 {
        return ring(&points);
    }
    open(&points, tangents)
}

/// A closed curve: the middle of one that goes round more than once.
fn ring(points: &[Point]) -> Vec<Cubic> {
    let lead = SEAM - SEAM % points.len() + points.len();
    let around = points.iter().copied().cycle();
    let turns: Vec<Point> = around.take(lead + points.len() + 1 + SEAM).collect();
    let cubics = open(&turns, Tangents::default());
    cubics.into_iter().skip(lead).take(points.len()).collect()
}

fn open(points: &[Point], tangents: Tangents) -> Vec<Cubic> {
    let chords: Vec<f64> = pairs(points).map(|(a, b)| a.distance(b)).collect();
    let velocities = velocities(points, &chords, tangents);
    pairs(points)
        .zip(chords)
        .zip(pairs(&velocities))
        .map(|(((a, d), chord), (leaving, arriving))| Cubic {
            a,
            b: a + leaving * (chord / 3.0),
            c: d - arriving * (chord / 3.0),
            d,
        })
        .collect()
}

fn pairs(points: &[Point]) -> impl Iterator<Item = (Point, Point)> {
    points.iter().copied().zip(points.iter().skip(1).copied())
}

/// One row of the equations: below·before + on·own + above·after = right.
#[derive(Clone, Copy)]
struct Row {
    below: f64,
    on: f64,
    above: f64,
    right: Point,
}

/// The velocity at every point: what makes the second derivative continuous (a tridiagonal system; Thomas' algorithm).
fn velocities(points: &[Point], chords: &[f64], tangents: Tangents) -> Vec<Point> {
    let slopes: Vec<Point> = pairs(points)
        .zip(chords)
        .map(|((a, b), chord)| (b - a) * (1.0 / chord))
        .collect();
    let (Some(first), Some(last)) = (slopes.first(), slopes.last()) else {
        return Vec::new();
    };
    let end = |tangent: Option<Point>, slope: Point| match tangent {
        Some(tangent) => (1.0, 0.0, tangent),
        None => (2.0, 1.0, slope * 3.0),
    };
    let (on, above, right) = end(tangents.start, *first);
    let mut rows = vec![Row {
        below: 0.0,
        on,
        above,
        right,
    }];
    let sides = chords.iter().zip(&slopes);
    for ((before, into), (after, out)) in sides.clone().zip(sides.skip(1)) {
        rows.push(Row {
            below: *after,
            on: 2.0 * (before + after),
            above: *before,
            right: (*into * *after + *out * *before) * 3.0,
        });
    }
    let (on, below, right) = end(tangents.end, *last);
    rows.push(Row {
        below,
        on,
        above: 0.0,
        right,
    });
    solved(&mut rows)
}

fn solved(rows: &mut [Row]) -> Vec<Point> {
    let mut before: Option<Row> = None;
    for row in rows.iter_mut() {
        let (above, right) = before.map_or((0.0, Point::default()), |row| (row.above, row.right));
        let pivot = 1.0 / (row.on - row.below * above);
        row.above *= pivot;
        row.right = (row.right - right * row.below) * pivot;
        before = Some(*row);
    }
    let mut found = Vec::with_capacity(rows.len());
    let mut after = Point::default();
    for row in rows.iter().rev() {
        after = row.right - after * row.above;
        found.push(after);
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINTS: [Point; 4] = [
        Point::new(0.0, 0.0),
        Point::new(10.0, 5.0),
        Point::new(12.0, 20.0),
        Point::new(40.0, 0.0),
    ];

    fn bend(cubic: &Cubic, at_end: bool) -> Point {
        let chord = cubic.a.distance(cubic.d);
        let [a, b, c] = if at_end {
            [cubic.b, cubic.c, cubic.d]
        } else {
            [cubic.a, cubic.b, cubic.c]
        };
        (a - b * 2.0 + c) * (6.0 / (chord * chord))
    }

    #[test]
    fn joints_are_twice_smooth_and_free_ends_straight() {
        let open = through(&POINTS, false, Tangents::default());
        assert_eq!(open.len(), 3);
        for pair in open.windows(2) {
            assert!(pair[0].d == pair[1].a);
            assert!(bend(&pair[0], true).distance(bend(&pair[1], false)) < 1e-9);
        }
        assert!(bend(&open[0], false).length() < 1e-9 && bend(&open[2], true).length() < 1e-9);
        let ring = through(&POINTS, true, Tangents::default());
        assert_eq!((ring.len(), ring[3].d), (4, ring[0].a));
        for (n, cubic) in ring.iter().enumerate() {
            let next = &ring[(n + 1) % 4];
            assert!(bend(cubic, true).distance(bend(next, false)) < 1e-9, "{n}");
        }
    }

    #[test]
    fn tangents_are_kept_and_odd_points_do_no_harm() {
        let up = Point::new(0.0, 1.0);
        let tangents = Tangents {
            start: Some(up),
            end: None,
        };
        let bent = through(&POINTS, false, tangents);
        assert!((bent[0].b - bent[0].a).cross(up).abs() < 1e-12);
        let [a, b, ..] = POINTS;
        assert_eq!(through(&[a, a, b, b], false, Tangents::default()).len(), 1);
        assert!(through(&[a, a], true, Tangents::default()).is_empty());
        assert!(through(&[], false, Tangents::default()).is_empty());
    }
}
