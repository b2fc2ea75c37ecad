//! What measures must be, and what they may not depend on: where a part lies, how it is turned, in which order it was
//! drawn.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may stop at what should not be"
)]

mod findings;
mod preview;

use drawing::{
    Arc, Cubic, Curve, Drawing, Layer, LayerId, MeasureLimits, Measures, Operation, Point, Segment,
    Shape, Vertex, measure,
};
use proptest::prelude::*;
use std::f64::consts::PI;

fn drawing() -> Drawing {
    let layer = Layer {
        name: "0".into(),
        visible: true,
        operation: Operation::Cut,
    };
    Drawing {
        layers: vec![layer],
        ..Drawing::default()
    }
}

fn add(drawing: &mut Drawing, shape: Shape) {
    drawing.curves.push(Curve {
        shape,
        layer: LayerId(0),
        origin: 1,
    });
}

fn add_polyline(drawing: &mut Drawing, corners: &[(Point, f64)], closed: bool) {
    let first = drawing.vertices.len();
    drawing
        .vertices
        .extend(corners.iter().map(|(point, bulge)| Vertex {
            point: *point,
            bulge: *bulge,
        }));
    let shape = drawing.polyline_since(first, closed).unwrap();
    add(drawing, shape);
}

fn measured(drawing: &Drawing) -> Measures {
    let limits = MeasureLimits {
        crossing_steps_max: 1_000_000,
        ..MeasureLimits::default()
    };
    measure(drawing, &limits)
}

/// A plate of four lines in some order and direction, with a round hole of two arcs and a slot, placed and turned.
fn plate(place: Point, angle: f64, width: f64, height: f64, order: &[usize]) -> Drawing {
    let (sin, cos) = angle.sin_cos();
    let at = |x: f64, y: f64| Point::new(place.x + x * cos - y * sin, place.y + x * sin + y * cos);
    let corners = [
        at(0.0, 0.0),
        at(width, 0.0),
        at(width, height),
        at(0.0, height),
    ];
    let hole = |start: f64| {
        Shape::Arc(Arc {
            center: at(width / 4.0, height / 2.0),
            radius: 3.0,
            start: start + angle,
            sweep: PI,
        })
    };
    let mut drawing = drawing();
    for piece in order {
        match piece {
            side @ 0..=3 if side % 2 == 0 => add(
                &mut drawing,
                Shape::Line(corners[*side], corners[(side + 1) % 4]),
            ),
            side @ 0..=3 => add(
                &mut drawing,
                Shape::Line(corners[(side + 1) % 4], corners[*side]),
            ),
            4 => add(&mut drawing, hole(0.0)),
            5 => add(&mut drawing, hole(PI)),
            _ => {
                let (x, y) = (width * 0.6, height / 2.0);
                let slot = [
                    (at(x, y - 2.0), 0.0),
                    (at(x + 5.0, y - 2.0), 1.0),
                    (at(x + 5.0, y + 2.0), 0.0),
                    (at(x, y + 2.0), 1.0),
                ];
                add_polyline(&mut drawing, &slot, true);
            }
        }
    }
    drawing
}

proptest! {
    #[test]
    fn measures_do_not_depend_on_place_turn_or_order(
        (x, y) in (-1e6..1e6_f64, -1e6..1e6_f64),
        angle in 0.0..7.0_f64,
        (width, height) in (40.0..900.0_f64, 20.0..500.0_f64),
        order in Just((0..7_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let measures = measured(&plate(Point::new(x, y), angle, width, height, &order));
        let length = 2.0 * (width + height) + 6.0 * PI + 10.0 + 4.0 * PI;
        let area = width * height - 9.0 * PI - (20.0 + 4.0 * PI);
        prop_assert!((measures.cut_length_mm - length).abs() < 1e-6 * length);
        prop_assert!((measures.net_area_mm2 - area).abs() < 1e-5 * area);
        prop_assert_eq!((measures.pierces, measures.open_chains, measures.parts_total), (3, 0, 1));
        prop_assert_eq!(measures.holes.iter().map(|hole| (hole.diameter_mm, hole.count)).collect::<Vec<_>>(), [(6.0, 1)]);
    }

    #[test]
    fn any_lines_measure_the_same_backwards(lines in prop::collection::vec((0..6_i32, 0..6_i32, 0..6_i32, 0..6_i32), 1..60)) {
        let mut forward = drawing();
        for (x1, y1, x2, y2) in &lines {
            let point = |x: &i32, y: &i32| Point::new(f64::from(*x) * 10.0, f64::from(*y) * 10.0);
            add(&mut forward, Shape::Line(point(x1, y1), point(x2, y2)));
        }
        let mut backward = forward.clone();
        backward.curves.reverse();
        let (a, b) = (measured(&forward), measured(&backward));
        prop_assert!((a.cut_length_mm - b.cut_length_mm).abs() < 1e-6);
        prop_assert_eq!(a.extents_mm, b.extents_mm);
        prop_assert_eq!(&a.entity_counts, &b.entity_counts);
    }
}

#[test]
fn paths_join_close_measure_and_scale() {
    let (a, b, c) = (
        Point::new(0.0, 0.0),
        Point::new(40.0, 0.0),
        Point::new(40.0, 30.0),
    );
    let bow = |a: Point, d: Point| {
        Segment::Cubic(Cubic {
            a,
            b: a + (d - a) * (1.0 / 3.0),
            c: a + (d - a) * (2.0 / 3.0),
            d,
        })
    };
    let mut drawing = drawing();
    // An open path that a line closes, around a path that closes itself.
    drawing.pieces = vec![bow(a, b), Segment::Line(b, c)];
    let open = drawing.path_since(0).unwrap();
    add(&mut drawing, open);
    add(&mut drawing, Shape::Line(a, c));
    let inner = [(30.0, 5.0), (35.0, 5.0), (35.0, 10.0)].map(|(x, y)| Point::new(x, y));
    for side in 0..3 {
        drawing.pieces.push(bow(inner[side], inner[(side + 1) % 3]));
    }
    let closed = drawing.path_since(2).unwrap();
    add(&mut drawing, closed);
    assert!(drawing.path_since(5).is_none());
    drawing.scale(2.0);
    let measures = measured(&drawing);
    let shape = (
        measures.contours_total,
        measures.open_chains,
        measures.parts_total,
    );
    assert_eq!(shape, (2, 0, 1));
    assert!((measures.cut_length_mm - 2.0 * (120.0 + 10.0 + 50.0_f64.sqrt())).abs() < 1e-6);
    assert!((measures.net_area_mm2 - 4.0 * (600.0 - 12.5)).abs() < 1e-6);
    assert_eq!(measures.extents_mm.unwrap().max_x, 80.0);
}

#[test]
fn contours_form_a_tree_of_outer_hole_and_island() {
    let mut drawing = drawing();
    for radius in [50.0, 40.0, 30.0, 20.0] {
        add(
            &mut drawing,
            Shape::Arc(Arc::circle(Point::new(5.0, 5.0), radius)),
        );
    }
    add(
        &mut drawing,
        Shape::Arc(Arc::circle(Point::new(500.0, 5.0), 20.0)),
    );
    let measures = measured(&drawing);
    let parents: Vec<_> = measures
        .contours
        .iter()
        .map(|contour| contour.parent)
        .collect();
    assert_eq!(parents, [None, Some(0), Some(1), Some(2), None]);
    assert_eq!(measures.parts_total, 3);
    assert!((measures.net_area_mm2 - PI * (900.0 + 500.0 + 400.0)).abs() < 1e-6);
    assert_eq!(measures.holes.len(), 2);
}

#[test]
fn small_gaps_close_and_large_ones_are_found_with_their_place() {
    let gapped = |gap: f64| {
        let mut drawing = drawing();
        let corners = [
            (0.0, 0.0),
            (200.0, 0.0),
            (200.0, 100.0),
            (0.0, 100.0),
            (0.0, gap),
        ];
        add_polyline(
            &mut drawing,
            &corners.map(|(x, y)| (Point::new(x, y), 0.0)),
            false,
        );
        measured(&drawing)
    };
    assert_eq!(gapped(0.003).open_chains, 0);
    let open = gapped(0.5);
    assert_eq!(
        (open.open_chains, open.pierces, open.parts_total),
        (1, 1, 0)
    );
    assert_eq!(
        (open.findings[0].code.as_str(), open.findings[0].measure_mm),
        ("open_contour", Some(0.5))
    );
}

#[test]
fn circles_in_an_open_outline_are_holes_of_no_part() {
    let mut drawing = drawing();
    add(
        &mut drawing,
        Shape::Arc(Arc::circle(Point::new(20.0, 20.0), 5.0)),
    );
    add_polyline(
        &mut drawing,
        &[(0.0, 0.0), (100.0, 0.0), (100.0, 50.0), (0.0, 50.0)]
            .map(|(x, y)| (Point::new(x, y), 0.0)),
        false,
    );
    let measures = measured(&drawing);
    assert_eq!(
        (
            measures.holes[0].count,
            measures.parts_total,
            measures.open_chains
        ),
        (1, 0, 1)
    );
}

#[test]
fn lines_drawn_twice_are_one_contour_and_a_finding() {
    let mut drawing = plate(Point::default(), 0.0, 100.0, 50.0, &[0, 1, 2, 3, 4, 5, 6]);
    let again = drawing.curves[0];
    drawing.curves.push(again);
    let slot = *drawing
        .curves
        .iter()
        .find(|curve| matches!(curve.shape, Shape::Polyline { .. }))
        .unwrap();
    drawing.curves.push(slot);
    let measures = measured(&drawing);
    assert_eq!(
        (measures.pierces, measures.open_chains, measures.parts_total),
        (3, 0, 1)
    );
    let repeated: Vec<_> = measures
        .findings
        .iter()
        .filter_map(|finding| finding.measure_mm)
        .collect();
    assert_eq!(repeated, [100.0, 22.566371]);
}

#[test]
fn a_contour_drawn_three_times_over_keeps_its_holes() {
    let mut drawing = drawing();
    for radius in [50.0, 10.0, 50.0, 10.0, 50.0, 4.0] {
        add(
            &mut drawing,
            Shape::Arc(Arc::circle(Point::default(), radius)),
        );
    }
    let measures = measured(&drawing);
    assert_eq!(
        (
            measures.pierces,
            measures.parts_total,
            measures.findings.len()
        ),
        (3, 2, 3)
    );
    assert!((measures.net_area_mm2 - PI * (2500.0 - 100.0 + 16.0)).abs() < 1e-6);
}

#[test]
fn touching_and_branching_outlines_still_close() {
    let mut drawing = drawing();
    let square = |x: f64, y: f64| {
        [(x, y), (x + 10.0, y), (x + 10.0, y + 10.0), (x, y + 10.0)].map(|(x, y)| Point::new(x, y))
    };
    // Two squares that share a corner, and a stray line that ends on one of them.
    for corners in [square(0.0, 0.0), square(10.0, 10.0)] {
        for side in 0..4 {
            add(
                &mut drawing,
                Shape::Line(corners[side], corners[(side + 1) % 4]),
            );
        }
    }
    add(
        &mut drawing,
        Shape::Line(Point::new(-30.0, 0.0), Point::new(0.0, 0.0)),
    );
    for turn in 0..drawing.curves.len() {
        drawing.curves.rotate_left(1);
        let measures = measured(&drawing);
        assert_eq!(
            (
                measures.contours_total,
                measures.open_chains,
                measures.parts_total
            ),
            (2, 1, 2),
            "{turn}"
        );
        assert!((measures.net_area_mm2 - 200.0).abs() < 1e-9);
    }
}

#[test]
fn a_hundred_thousand_contours_take_no_quadratic_time() {
    let mut sheet = drawing();
    add_polyline(
        &mut sheet,
        &[(-1.0, -1.0), (2001.0, -1.0), (2001.0, 501.0), (-1.0, 501.0)]
            .map(|(x, y)| (Point::new(x, y), 0.0)),
        true,
    );
    for n in 0..100_000_i32 {
        let center = Point::new(
            f64::from(n % 400) * 5.0 + 2.0,
            f64::from(n / 400) * 2.0 + 1.0,
        );
        add(&mut sheet, Shape::Arc(Arc::circle(center, 0.5)));
    }
    let mut nested = drawing();
    for n in 1..=20_000 {
        add(
            &mut nested,
            Shape::Arc(Arc::circle(Point::default(), f64::from(n))),
        );
    }
    let start = std::time::Instant::now();
    let measures = measured(&sheet);
    assert_eq!(
        (measures.holes[0].count, measures.parts_total),
        (100_000, 1)
    );
    let measures = measured(&nested);
    assert_eq!(
        (measures.contours_total, measures.parts_total),
        (20_000, 10_000)
    );
    // A quadratic way would take many minutes.
    assert!(start.elapsed().as_secs() < 120, "{:?}", start.elapsed());
}

#[test]
fn an_outline_of_many_pieces_with_many_holes_is_no_quadratic_matter() {
    let mut plate = drawing();
    let teeth = (0..20_000_u32).map(|n| {
        let angle = f64::from(n) * std::f64::consts::TAU / 20_000.0;
        let radius = if n.is_multiple_of(2) { 500.0 } else { 501.0 };
        (Point::polar(radius, angle), 0.1)
    });
    add_polyline(&mut plate, &teeth.collect::<Vec<_>>(), true);
    for n in 0..20_000_i32 {
        let center = Point::new(
            f64::from(n % 200) * 3.0 - 299.0,
            f64::from(n / 200) * 6.0 - 299.0,
        );
        add(&mut plate, Shape::Arc(Arc::circle(center, 1.0)));
    }
    let start = std::time::Instant::now();
    let measures = measured(&plate);
    assert_eq!((measures.holes[0].count, measures.parts_total), (20_000, 1));
    assert!(start.elapsed().as_secs() < 120, "{:?}", start.elapsed());
}
