//! Constructed drawings and what must be found in them, no less and no more. Never looks at measures.

use crate::{add, add_polyline, drawing, measured};
use drawing::{Arc, Cubic, Drawing, MeasureLimits, Point, Segment, Shape, measure};
use proptest::prelude::*;

fn polyline(drawing: &mut Drawing, corners: &[(f64, f64)], closed: bool) {
    let corners: Vec<_> = corners
        .iter()
        .map(|(x, y)| (Point::new(*x, *y), 0.0))
        .collect();
    add_polyline(drawing, &corners, closed);
}

fn square(drawing: &mut Drawing, x: f64, y: f64, size: f64) {
    let (right, top) = (x + size, y + size);
    polyline(drawing, &[(x, y), (right, y), (right, top), (x, top)], true);
}

fn codes(drawing: &Drawing) -> Vec<(String, Option<f64>)> {
    let mut codes: Vec<_> = measured(drawing)
        .findings
        .into_iter()
        .map(|finding| {
            assert!(
                finding.place.is_some() && finding.hint.is_some(),
                "{finding:?}"
            );
            (finding.code, finding.measure_mm)
        })
        .collect();
    codes.sort_by(|a, b| a.0.cmp(&b.0));
    codes
}

/// Name, what is drawn beside a square of 100 mm, what is found with its measure.
type Case = (
    &'static str,
    fn(&mut Drawing),
    &'static [(&'static str, Option<f64>)],
);

fn check(cases: &[Case]) {
    for (name, fault, expected) in cases {
        let mut drawing = drawing();
        square(&mut drawing, 0.0, 0.0, 100.0);
        fault(&mut drawing);
        let found = codes(&drawing);
        let words: Vec<&str> = found.iter().map(|(code, _)| code.as_str()).collect();
        let wanted: Vec<&str> = expected.iter().map(|(code, _)| *code).collect();
        assert_eq!(words, wanted, "{name}");
        for ((code, measure), (_, wanted)) in found.iter().zip(*expected) {
            let near = wanted.is_none_or(|wanted| (measure.unwrap() - wanted).abs() < 1e-6);
            assert!(near, "{name}: {code} {measure:?}");
        }
    }
}

fn circle(drawing: &mut Drawing, x: f64) {
    let arc = Arc::circle(Point::new(x, 50.0), 10.0);
    add(drawing, Shape::Arc(arc));
}

fn bow_through_the_edge(drawing: &mut Drawing) {
    let [a, b, c, d] =
        [(80.0, 20.0), (130.0, 20.0), (130.0, 60.0), (80.0, 60.0)].map(|(x, y)| Point::new(x, y));
    let first = drawing.pieces.len();
    let bow = Segment::Cubic(Cubic { a, b, c, d });
    drawing.pieces.extend([bow, Segment::Line(d, a)]);
    let path = drawing.path_since(first).unwrap();
    add(drawing, path);
}

fn arcs_partly_together(drawing: &mut Drawing) {
    for (start, sweep) in [(0.0, 2.0), (3.0, -2.0)] {
        let center = Point::new(50.0, 50.0);
        let arc = Arc {
            center,
            radius: 10.0,
            start,
            sweep,
        };
        add(drawing, Shape::Arc(arc));
    }
}

#[test]
fn outlines_that_cross_are_told_from_those_that_touch() {
    let bow_tie = |d: &mut Drawing| {
        let corners = [(20.0, 20.0), (40.0, 40.0), (40.0, 20.0), (20.0, 40.0)];
        polyline(d, &corners, true);
    };
    const CROSSING: &[(&str, Option<f64>)] = &[("crossing_contours", None)];
    check(&[
        ("a hole", |d| square(d, 20.0, 20.0, 10.0), &[]),
        ("corners", |d| square(d, 90.0, 90.0, 30.0), CROSSING),
        ("a bow tie", bow_tie, &[("self_intersection", None)]),
        ("a circle", |d| circle(d, 100.0), CROSSING),
        ("a circle beside", |d| circle(d, 110.0), &[]),
        ("a bow", bow_through_the_edge, CROSSING),
    ]);
}

#[test]
fn lines_too_many_or_too_short_are_found() {
    let tiny = |d: &mut Drawing| {
        let corners = [(20.0, 20.0), (30.0, 20.0), (30.0, 20.01), (30.0, 30.0)];
        polyline(d, &corners, true);
    };
    let line = |d: &mut Drawing| {
        let ends = (Point::new(20.0, 20.0), Point::new(20.0, 50.0));
        add(d, Shape::Line(ends.0, ends.1));
    };
    let neighbour = |d: &mut Drawing| {
        let corners = [(100.0, 50.0), (150.0, 50.0), (150.0, 150.0), (100.0, 150.0)];
        polyline(d, &corners, true);
    };
    let arcs = &[
        ("open_contour", None),
        ("open_contour", None),
        ("overlapping_line", Some(10.0)),
    ];
    check(&[
        ("an edge", neighbour, &[("overlapping_line", Some(50.0))]),
        ("arcs", arcs_partly_together, arcs),
        (
            "twice",
            |d| square(d, 0.0, 0.0, 100.0),
            &[("repeated_line", Some(400.0))],
        ),
        ("tiny", tiny, &[("tiny_segments", None)]),
        (
            "forgotten",
            |d| square(d, 4000.0, 3.0, 5.0),
            &[("far_off", Some(3900.0))],
        ),
        ("stray", line, &[("open_contour", Some(30.0))]),
    ]);
}

#[test]
fn thirty_thousand_lines_in_every_layout_are_no_quadratic_matter() {
    let line =
        |a: (f64, f64), b: (f64, f64)| Shape::Line(Point::new(a.0, a.1), Point::new(b.0, b.1));
    type Layout<'a> = (&'static str, &'a dyn Fn(f64) -> Shape);
    let layouts: [Layout<'_>; 4] = [
        ("a fan through one point", &|n| {
            let tip = Point::polar(500.0, n * 1e-5);
            line((-tip.x, -tip.y), (tip.x, tip.y))
        }),
        ("a comb", &|n| line((n * 0.01, 0.0), (n * 0.01, 900.0))),
        ("all on one line", &|n| line((n, 0.0), (n + 5.0, 0.0))),
        ("a crowd in one corner", &|n| match n {
            0.0 => line((0.0, 0.0), (1e5, 1e5)),
            _ => line(
                ((n * 0.617).fract(), (n * 0.331).fract()),
                ((n * 0.771).fract(), (n * 0.173).fract()),
            ),
        }),
    ];
    for (name, layout) in layouts {
        let mut crowd = drawing();
        for n in 0..30_000_u32 {
            add(&mut crowd, layout(f64::from(n)));
        }
        // Few enough steps that comparing all with all would be cut off long before its end.
        let limits = MeasureLimits {
            crossing_steps_max: 500_000,
            ..MeasureLimits::default()
        };
        let findings = measure(&crowd, &limits).findings;
        assert!(!findings.is_empty(), "{name}");
    }
}

proptest! {
    /// The grid misses nothing that comparing all with all finds.
    #[test]
    fn crossings_are_found_wherever_they_lie(
        lines in prop::collection::vec((0.0..100.0_f64, 0.0..100.0_f64, 0.0..6.3_f64, 0.5..80.0_f64), 2..80),
    ) {
        let mut crowd = drawing();
        let mut ends = Vec::new();
        for (x, y, angle, length) in lines {
            let (a, b) = (Point::new(x, y), Point::new(x, y) + Point::polar(length, angle));
            ends.push((a, b));
            add(&mut crowd, Shape::Line(a, b));
        }
        let mut crossings = 0;
        for (place, (a, b)) in ends.iter().enumerate() {
            for (c, d) in &ends[place + 1..] {
                let (r, s) = (*b - *a, *d - *c);
                let (t, u) = ((*c - *a).cross(s) / r.cross(s), (*c - *a).cross(r) / r.cross(s));
                let inside = |t: f64, length: f64| t * length > 0.05 && (1.0 - t) * length > 0.05;
                crossings += usize::from(inside(t, r.length()) && inside(u, s.length()));
            }
        }
        let limits = MeasureLimits { findings_max: 10_000, ..MeasureLimits::default() };
        let found = measure(&crowd, &limits).findings;
        let found = found.iter().filter(|finding| finding.code == "crossing_contours").count();
        // Lines that end within the tolerance of another one may count either way.
        prop_assert!(found >= crossings, "{found} of {crossings}");
    }
}
