//! B-splines of any degree, rational or not, as Bézier spans, and spans as pieces of a drawing: exact where a line, a
//! cubic or an ellipse can be, else cubics within a tolerance. Never reads files and never repairs knots.

use drawing::{Affine, Arc, Cubic, Point, Segment};

/// A point times its weight, and the weight.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Weighted {
    x: f64,
    y: f64,
    weight: f64,
}

impl Weighted {
    pub(super) fn new(point: Point, weight: f64) -> Self {
        Self {
            x: point.x * weight,
            y: point.y * weight,
            weight,
        }
    }

    fn point(self) -> Point {
        Point::new(self.x, self.y) * (1.0 / self.weight)
    }

    fn mixed(self, other: Self, share: f64) -> Self {
        let mix = |a: f64, b: f64| a + (b - a) * share;
        Self {
            x: mix(self.x, other.x),
            y: mix(self.y, other.y),
            weight: mix(self.weight, other.weight),
        }
    }
}

/// Halvings of a span until its cubics keep to it; more would not be told apart in a double.
const HALVINGS_MAX: u32 = 12;
/// Weights that differ by no more than this part are equal.
const WEIGHT_SLACK: f64 = 1e-12;

/// Hands over the Bézier control points of every span between different knots. `knots` must not fall, and count
/// `control.len() + degree + 1`; otherwise nothing is handed over (The NURBS Book, 5.3: polar forms).
pub(super) fn spans(
    degree: usize,
    knots: &[f64],
    control: &[Weighted],
    mut take: impl FnMut(&[Weighted]),
) {
    if degree == 0 || knots.len() != control.len() + degree + 1 {
        return;
    }
    let (mut bezier, mut work) = (Vec::new(), Vec::new());
    // The control points and knots that one span depends on.
    let hulls = control.windows(degree + 1);
    let windows = knots.get(1..).unwrap_or_default().windows(2 * degree);
    for (hull, window) in hulls.zip(windows) {
        let (Some(from), Some(to)) = (window.get(degree - 1), window.get(degree)) else {
            return;
        };
        if from >= to {
            continue;
        }
        bezier.clear();
        for ends in 0..=degree {
            work.clear();
            work.extend_from_slice(hull);
            for step in 1..=degree {
                let argument = if step <= degree - ends { *from } else { *to };
                blend(&mut work, window, step, argument);
            }
            bezier.extend(work.first());
        }
        take(&bezier);
    }
}

/// One step of de Boor's algorithm: leaves one point less.
fn blend(points: &mut Vec<Weighted>, knots: &[f64], step: usize, argument: f64) {
    let low = knots.get(step - 1..).unwrap_or_default();
    let high = knots.get(knots.len() / 2..).unwrap_or_default();
    let Some(mut left) = points.first().copied() else {
        return;
    };
    for ((point, low), high) in points.iter_mut().skip(1).zip(low).zip(high) {
        let right = *point;
        *point = left.mixed(right, (argument - low) / (high - low));
        left = right;
    }
    points.remove(0);
}

/// The pieces of one span, each within `tolerance` of it; those without extent are left out.
pub(super) fn pieces(span: &[Weighted], tolerance: f64, mut take: impl FnMut(Segment)) {
    let plain = is_plain(span);
    match *span {
        _ if has_no_extent(span) => {}
        [a, b] => take(Segment::Line(a.point(), b.point())),
        [a, b, c] if plain => take(Segment::Cubic(raised(a.point(), b.point(), c.point()))),
        [a, b, c, d] if plain => take(Segment::Cubic(Cubic {
            a: a.point(),
            b: b.point(),
            c: c.point(),
            d: d.point(),
        })),
        [a, b, c] => match ellipse(a, b, c) {
            Some(piece) => take(piece),
            None => approximated(span, tolerance, take),
        },
        _ => approximated(span, tolerance, take),
    }
}

fn is_plain(span: &[Weighted]) -> bool {
    let weights = || span.iter().map(|point| point.weight);
    let most = weights().fold(0.0, f64::max);
    weights().all(|weight| most - weight <= most * WEIGHT_SLACK)
}

fn has_no_extent(span: &[Weighted]) -> bool {
    let first = span.first().map(|first| first.point());
    span.iter().all(|point| Some(point.point()) == first)
}

/// A quadratic Bézier as a cubic: the same curve.
fn raised(a: Point, b: Point, c: Point) -> Cubic {
    Cubic {
        a,
        b: a + (b - a) * (2.0 / 3.0),
        c: c + (b - c) * (2.0 / 3.0),
        d: c,
    }
}

/// A rational quadratic Bézier whose middle weight is small enough is an elliptical arc: the image of a circular arc
/// whose half angle has the cosine w1 / sqrt(w0·w2) (The NURBS Book, 7.3).
fn ellipse(a: Weighted, b: Weighted, c: Weighted) -> Option<Segment> {
    let cosine = b.weight / (a.weight * c.weight).sqrt();
    if !(1e-3..1.0 - 1e-6).contains(&cosine) {
        return None;
    }
    let (start, shoulder, end) = (a.point(), b.point(), c.point());
    let half = cosine.acos();
    let middle = (start + end) * 0.5;
    let x = (shoulder - middle) * (1.0 / (1.0 / cosine - cosine));
    let y = (end - start) * (0.5 / half.sin());
    let center = middle - x * cosine;
    if x.cross(y).abs() <= 1e-9 * x.dot(x).max(y.dot(y)) {
        return None;
    }
    let arc = Arc {
        center: Point::default(),
        radius: 1.0,
        start: -half,
        sweep: 2.0 * half,
    };
    let map = Affine::new(x.x, x.y, y.x, y.y, center.x, center.y);
    Some(Segment::Arc(arc).transformed(&map))
}

/// Halves the span until the cubic with its ends and end tangents keeps to it.
fn approximated(span: &[Weighted], tolerance: f64, mut take: impl FnMut(Segment)) {
    let mut open = vec![(span.to_vec(), 0)];
    while let Some((span, halvings)) = open.pop() {
        let Some(cubic) = hermite(&span) else { return };
        let strays = |share: f64| {
            let (left, _) = halves(&span, share);
            left.last()
                .map_or(0.0, |point| point.point().distance(cubic.at(share)))
        };
        let keeps = [0.2, 0.5, 0.8]
            .into_iter()
            .all(|share| strays(share) <= tolerance);
        if keeps || halvings >= HALVINGS_MAX {
            take(Segment::Cubic(cubic));
        } else {
            let (left, right) = halves(&span, 0.5);
            open.push((right, halvings + 1));
            open.push((left, halvings + 1));
        }
    }
}

fn hermite(span: &[Weighted]) -> Option<Cubic> {
    let (first, second) = (span.first()?, span.get(1)?);
    let (last, before) = (span.last()?, span.iter().rev().nth(1)?);
    // A third of the velocity at each end.
    let third = (span.len() - 1) as f64 / 3.0;
    let (a, d) = (first.point(), last.point());
    let leaving = (second.point() - a) * (third * second.weight / first.weight);
    let arriving = (d - before.point()) * (third * before.weight / last.weight);
    Some(Cubic {
        a,
        b: a + leaving,
        c: d - arriving,
        d,
    })
}

/// Both parts of a span, split at `share` of its parameter (de Casteljau).
fn halves(span: &[Weighted], share: f64) -> (Vec<Weighted>, Vec<Weighted>) {
    let mut points = span.to_vec();
    let (mut left, mut right) = (Vec::new(), Vec::new());
    while let (Some(first), Some(last)) = (points.first(), points.last()) {
        left.push(*first);
        right.push(*last);
        points = points
            .windows(2)
            .filter_map(|pair| Some(pair.first()?.mixed(*pair.last()?, share)))
            .collect();
    }
    right.reverse();
    (left, right)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The textbook's recursion over basis functions: slow, simple, independent.
    fn at(degree: usize, knots: &[f64], control: &[Weighted], u: f64) -> Point {
        fn basis(i: usize, p: usize, t: &[f64], u: f64) -> f64 {
            if p == 0 {
                return f64::from(u8::from(t[i] <= u && u < t[i + 1]));
            }
            let share = |top: f64, bottom: f64| if bottom > 0.0 { top / bottom } else { 0.0 };
            share(u - t[i], t[i + p] - t[i]) * basis(i, p - 1, t, u)
                + share(t[i + p + 1] - u, t[i + p + 1] - t[i + 1]) * basis(i + 1, p - 1, t, u)
        }
        let mut sum = Weighted::default();
        for (i, point) in control.iter().enumerate() {
            let n = basis(i, degree, knots, u);
            sum.x += point.x * n;
            sum.y += point.y * n;
            sum.weight += point.weight * n;
        }
        sum.point()
    }

    fn control(weights: &[f64]) -> Vec<Weighted> {
        let places = [
            (0.0, 0.0),
            (10.0, 20.0),
            (30.0, -5.0),
            (40.0, 25.0),
            (60.0, 0.0),
            (70.0, 9.0),
        ];
        places
            .iter()
            .zip(weights)
            .map(|((x, y), weight)| Weighted::new(Point::new(*x, *y), *weight))
            .collect()
    }

    #[test]
    fn spans_follow_the_curve_whatever_degree_knots_and_weights() {
        for degree in 1..=5_usize {
            for weights in [[1.0; 6], [1.0, 0.5, 2.0, 1.0, 3.0, 0.7]] {
                let knots: Vec<f64> = (0..7 + degree).map(|i| (i * i) as f64 / 7.0).collect();
                let control = control(&weights);
                let breaks = &knots[degree..7];
                let mut count = 0;
                spans(degree, &knots, &control, |span| {
                    let (from, to) = (breaks[count], breaks[count + 1]);
                    count += 1;
                    for share in [0.0, 0.3, 0.999] {
                        let ours = halves(span, share).0.last().unwrap().point();
                        let theirs = at(degree, &knots, &control, from + (to - from) * share);
                        assert!(ours.distance(theirs) < 1e-9, "{degree} {share}");
                    }
                    let mut end = span[0].point();
                    pieces(span, 1e-5, |piece| {
                        assert!(piece.start().distance(end) < 1e-9);
                        end = piece.end();
                    });
                    assert!(end.distance(span.last().unwrap().point()) < 1e-9);
                });
                assert_eq!(count, 6 - degree);
            }
        }
    }

    #[test]
    fn a_quarter_circle_is_an_arc() {
        let half = std::f64::consts::FRAC_1_SQRT_2;
        let points = [(5.0, 0.0, 1.0), (5.0, 5.0, half), (0.0, 5.0, 1.0)];
        let span = points.map(|(x, y, weight)| Weighted::new(Point::new(x, y), weight));
        let mut found = Vec::new();
        pieces(&span, 1e-6, |piece| found.push(piece));
        let [Segment::Arc(arc)] = found[..] else {
            panic!("{found:?}")
        };
        assert!((arc.radius - 5.0).abs() < 1e-12 && arc.center.length() < 1e-12);
        assert!(arc.at(0.0).distance(Point::new(5.0, 0.0)) < 1e-12);
        let flat = points.map(|(x, _, weight)| Weighted::new(Point::new(x, 0.0), weight));
        pieces(&flat, 1e-6, |piece| assert!(piece.start().is_finite()));
    }

    #[test]
    fn odd_counts_give_nothing() {
        spans(3, &[0.0, 1.0], &control(&[1.0; 6]), |_| panic!("a span"));
        spans(0, &[0.0; 7], &control(&[1.0; 6]), |_| panic!("a span"));
        spans(3, &[2.0; 10], &control(&[1.0; 6]), |_| panic!("a span"));
    }
}
