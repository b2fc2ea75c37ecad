//! SPLINE in all its forms: what can be exact is exact, what can be mended is mended and said, and the rest is left out.

use crate::{close, entities, measured, read};
use drawing::{Segment, Shape};
use std::f64::consts::{FRAC_1_SQRT_2, PI};

fn spline(fields: &str) -> Vec<u8> {
    entities(&[&format!("0 SPLINE|8 CUT|{fields}")])
}

fn list(code: i32, numbers: &[f64]) -> String {
    let fields = numbers.iter().map(|number| format!("|{code} {number}"));
    fields.collect()
}

fn points(code: i32, points: &[(f64, f64)]) -> String {
    let second = code + 10;
    let fields = points
        .iter()
        .map(|(x, y)| format!("|{code} {x}|{second} {y}"));
    fields.collect()
}

fn codes(bytes: &[u8]) -> Vec<String> {
    let list = read(bytes).diagnostics;
    list.iter()
        .map(|diagnostic| diagnostic.code.clone())
        .collect()
}

fn pieces(bytes: &[u8]) -> Vec<Segment> {
    let drawing = read(bytes).drawing;
    assert_eq!(drawing.curves.len(), 1);
    let curve = drawing.curves.first().unwrap();
    assert!(matches!(curve.shape, Shape::Path { .. }));
    drawing.segments(curve).collect()
}

/// A circle of radius 5 about (5, 5) as most programs write it: nine control points, degree 2.
fn circle() -> String {
    let ring = [
        (10.0, 5.0),
        (10.0, 10.0),
        (5.0, 10.0),
        (0.0, 10.0),
        (0.0, 5.0),
        (0.0, 0.0),
        (5.0, 0.0),
        (10.0, 0.0),
        (10.0, 5.0),
    ];
    let weights: Vec<f64> = (0..9)
        .map(|n| if n % 2 == 0 { 1.0 } else { FRAC_1_SQRT_2 })
        .collect();
    let knots = [0.0, 0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 4.0];
    format!(
        "70 13|71 2{}{}{}",
        list(40, &knots),
        points(10, &ring),
        list(41, &weights)
    )
}

const BEND: [(f64, f64); 4] = [(0.0, 0.0), (10.0, 20.0), (30.0, 20.0), (40.0, 0.0)];
const BEND_KNOTS: [f64; 8] = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];

#[test]
fn a_rational_circle_is_a_circle() {
    let bytes = spline(&circle());
    let measures = measured(&bytes);
    assert!(close(measures.cut_length_mm, 10.0 * PI));
    assert!(
        pieces(&bytes)
            .iter()
            .all(|piece| matches!(piece, Segment::Arc(_)))
    );
    let plate = "0 LWPOLYLINE|70 1|10 -50|20 -50|10 50|20 -50|10 50|20 50|10 -50|20 50";
    let measures = measured(&entities(&[plate, &format!("0 SPLINE|{}", circle())]));
    let holes: Vec<_> = measures
        .holes
        .iter()
        .map(|group| (group.diameter_mm, group.count))
        .collect();
    assert_eq!(holes, [(10.0, 1)]);
}

#[test]
fn low_degrees_are_exact() {
    let two = format!(
        "71 2{}{}",
        list(40, &[0.0, 0.0, 0.0, 1.0, 1.0, 1.0]),
        points(10, &BEND[..3])
    );
    let one = format!(
        "71 1{}{}",
        list(40, &[0.0, 0.0, 1.0, 2.0, 3.0, 3.0]),
        points(10, &BEND)
    );
    let three = format!("71 3{}{}", list(40, &BEND_KNOTS), points(10, &BEND));
    assert!(matches!(pieces(&spline(&two))[..], [Segment::Cubic(_)]));
    assert!(
        matches!(pieces(&spline(&three))[..], [Segment::Cubic(cubic)] if cubic.b.x == 10.0 && cubic.c.y == 20.0)
    );
    assert!(
        pieces(&spline(&one))
            .iter()
            .all(|piece| matches!(piece, Segment::Line(..)))
    );
    let straight = 2.0 * 500.0_f64.sqrt() + 20.0;
    assert!(close(measured(&spline(&one)).cut_length_mm, straight));
    // The parabola's length in closed form: control points (0, 0), (10, 20), (30, 20).
    let speed = |t: f64| (20.0 + 20.0 * t).hypot(40.0 - 40.0 * t);
    let steps = 100_000;
    let step = 1.0 / f64::from(steps);
    let sum: f64 = (0..steps)
        .map(|n| speed((f64::from(n) + 0.5) * step) * step)
        .sum();
    assert!(close(measured(&spline(&two)).cut_length_mm, sum));
}

#[test]
fn high_degrees_and_odd_weights_keep_to_the_curve() {
    // A cubic raised to degree 4 is the same curve.
    let raise = |n: usize| {
        let (low, high) = (n as f64 / 4.0, 1.0 - n as f64 / 4.0);
        let before = BEND[n.saturating_sub(1)];
        let own = BEND[n.min(3)];
        (before.0 * low + own.0 * high, before.1 * low + own.1 * high)
    };
    let raised: Vec<(f64, f64)> = (0..5).map(raise).collect();
    let knots = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0];
    let plain = measured(&spline(&format!(
        "71 3{}{}",
        list(40, &BEND_KNOTS),
        points(10, &BEND)
    )));
    let high = measured(&spline(&format!(
        "71 4{}{}",
        list(40, &knots),
        points(10, &raised)
    )));
    assert!((plain.cut_length_mm - high.cut_length_mm).abs() < 1e-5 * plain.cut_length_mm);
    // Equal weights weigh nothing; a heavy middle draws nearer to its points.
    let weighted = |weights: [f64; 4]| {
        let fields = format!(
            "70 12|71 3{}{}{}",
            list(40, &BEND_KNOTS),
            points(10, &BEND),
            list(41, &weights)
        );
        measured(&spline(&fields))
    };
    assert!(close(weighted([3.0; 4]).cut_length_mm, plain.cut_length_mm));
    let heavy = weighted([1.0, 5.0, 5.0, 1.0]);
    assert!(heavy.extents_mm.unwrap().max_y > plain.extents_mm.unwrap().max_y + 2.0);
}

#[test]
fn a_periodic_curve_closes_at_the_ends_of_its_domain() {
    let ring = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0)];
    let wrapped: Vec<(f64, f64)> = ring.iter().chain(&ring[..3]).copied().collect();
    let knots: Vec<f64> = (0..11).map(f64::from).collect();
    let with_knots = spline(&format!(
        "70 3|71 3{}{}",
        list(40, &knots),
        points(10, &wrapped)
    ));
    let measures = measured(&with_knots);
    assert_eq!((measures.contours_total, measures.open_chains), (1, 0));
    assert!(codes(&with_knots).is_empty());
    // The same without knots, and without the points that repeat.
    let bare = spline(&format!("70 3|71 3{}", points(10, &ring)));
    assert_eq!(codes(&bare), ["spline_knots"]);
    assert!(close(measured(&bare).cut_length_mm, measures.cut_length_mm));
}

#[test]
fn what_is_missing_is_mended_and_said() {
    let knots = list(40, &BEND_KNOTS);
    let bend = points(10, &BEND);
    let good = measured(&spline(&format!("71 3{knots}{bend}"))).cut_length_mm;
    let cases = [
        ("no knots", format!("71 3{bend}"), vec!["spline_knots"]),
        ("no degree", format!("70 8{knots}{bend}"), vec![]),
        (
            "the end knots left out",
            format!("71 3{}{bend}", list(40, &BEND_KNOTS[1..7])),
            vec!["spline_knots"],
        ),
        (
            "one knot too few",
            format!("71 3{}{bend}", list(40, &BEND_KNOTS[..7])),
            vec!["spline_knots"],
        ),
        (
            "a knot too many",
            format!("71 3{knots}|40 1{bend}"),
            vec!["spline_knots"],
        ),
        (
            "knots that fall",
            format!(
                "71 3{}{bend}",
                list(40, &[0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.5])
            ),
            vec!["spline_knots"],
        ),
        (
            "knots all alike",
            format!("71 3{}{bend}", list(40, &[2.0; 8])),
            vec!["spline_knots"],
        ),
        (
            "a weight missing",
            format!("71 3{knots}{bend}|41 1|41 1"),
            vec!["spline_weights"],
        ),
        (
            "a weight of 0",
            format!("71 3{knots}{bend}|41 1|41 0|41 1|41 1"),
            vec!["spline_weights"],
        ),
        (
            "a weight of next to nothing",
            format!("71 3{knots}{bend}|41 1|41 1e-304|41 1|41 1"),
            vec!["spline_weights"],
        ),
        (
            "a degree too high for its points",
            format!("71 5{bend}"),
            vec!["spline_knots"],
        ),
    ];
    for (what, fields, said) in cases {
        let bytes = spline(&fields);
        assert_eq!(codes(&bytes), said, "{what}");
        let measures = measured(&bytes);
        assert!(
            close(measures.cut_length_mm, good),
            "{what}: {}",
            measures.cut_length_mm
        );
        assert!(measures.measure_complete, "{what}");
    }
}

#[test]
fn what_cannot_be_mended_is_left_out() {
    let hopeless = [
        ("71 3", "entity_incomplete"),
        ("71 3|10 1|20 1", "entity_incomplete"),
        ("71 0|10 1|20 1|10 2|20 1", "spline_degree"),
        ("71 99|10 1|20 1|10 2|20 1", "spline_degree"),
        ("71 3|10 1|20 1|10 2", "entity_incomplete"),
        (
            "71 3|10 1|20 1|10 1|20 1|10 1|20 1|10 1|20 1",
            "entity_degenerate",
        ),
    ];
    for (fields, code) in hopeless {
        assert_eq!(codes(&spline(fields))[0], code, "{fields}");
        assert!(read(&spline(fields)).drawing.curves.is_empty(), "{fields}");
    }
}

#[test]
fn fit_points_alone_make_a_smooth_curve_through_them() {
    let through = [(0.0, 0.0), (10.0, 10.0), (20.0, 0.0), (30.0, 10.0)];
    let open = pieces(&spline(&format!("70 8|71 3|74 4{}", points(11, &through))));
    assert_eq!(open.len(), 3);
    for (piece, (x, y)) in open.iter().zip(through) {
        assert!(piece.start().distance(drawing::Point::new(x, y)) < 1e-12);
    }
    let closed = measured(&spline(&format!("70 11|71 3|74 4{}", points(11, &through))));
    assert_eq!((closed.contours_total, closed.open_chains), (1, 0));
    // Tangents of a quarter circle make nearly that.
    let arc = [
        (10.0, 0.0),
        (10.0 * FRAC_1_SQRT_2, 10.0 * FRAC_1_SQRT_2),
        (0.0, 10.0),
    ];
    let bent = measured(&spline(&format!(
        "71 3{}|12 0|22 7|13 -7|23 0",
        points(11, &arc)
    )));
    assert!(
        (bent.cut_length_mm - 5.0 * PI).abs() < 0.02,
        "{}",
        bent.cut_length_mm
    );
    let straight = measured(&spline(&format!("71 3{}", points(11, &through[..2]))));
    assert!(close(straight.cut_length_mm, 200.0_f64.sqrt()));
}
