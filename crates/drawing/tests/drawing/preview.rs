//! Previews: well-formed whatever is drawn, within their bounds, and true to the curves. Never looks at colours.

use crate::{add, drawing, measured};
use drawing::{
    Arc, Cubic, Curve, Drawing, Ellipse, Finding, Layer, LayerId, Operation, Point, PreviewOptions,
    Segment, Severity, Shape, Text, preview,
};
use proptest::prelude::*;
use std::f64::consts::PI;

fn svg_of(drawing: &Drawing) -> String {
    preview(
        drawing,
        &measured(drawing).findings,
        &PreviewOptions::default(),
    )
}

/// The path data of a layer.
fn strokes(svg: &str, layer: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(svg).unwrap();
    let paths = document.descendants().filter(|node| {
        let parent = node.parent_element();
        node.has_tag_name("path")
            && parent.is_some_and(|g| g.attribute("data-layer") == Some(layer))
    });
    paths
        .map(|path| path.attribute("d").unwrap().to_owned())
        .collect()
}

#[test]
fn curves_keep_their_shapes_with_y_upwards() {
    let (a, b) = (Point::new(0.0, 0.0), Point::new(40.0, 0.0));
    let quarter = Arc {
        center: Point::new(20.0, 0.0),
        radius: 20.0,
        start: 0.0,
        sweep: PI / 2.0,
    };
    let mut drawing = drawing();
    add(&mut drawing, Shape::Line(a, b));
    add(&mut drawing, Shape::Arc(quarter));
    let ellipse = Ellipse::between(Point::new(20.0, 10.0), Point::new(0.0, 6.0), 0.5, 0.0, 1.0);
    let ellipse = drawing.add_ellipse(ellipse).unwrap();
    add(&mut drawing, ellipse);
    drawing.pieces.push(Segment::Cubic(Cubic {
        a,
        b: Point::new(0.0, 10.0),
        c: Point::new(10.0, 20.0),
        d: Point::new(20.0, 20.0),
    }));
    let path = drawing.path_since(0).unwrap();
    add(&mut drawing, path);
    let svg = svg_of(&drawing);
    let strokes = strokes(&svg, "0");
    assert_eq!(strokes.len(), 1);
    // The box is 40 by 20: y counts down from its upper edge.
    for part in [
        "M0 20L40 20",
        "A20 20 0 0 0 20 0",
        "A6 3 -90 0 0 17.4756 6.7582",
        "M0 20C0 10 10 0 20 0",
    ] {
        assert!(strokes[0].contains(part), "{part}: {}", strokes[0]);
    }
    assert!(
        svg.contains("viewBox=\"-1.2000 -1.2000 42.4000 22.4000\""),
        "{svg}"
    );
}

#[test]
fn layers_texts_marks_and_background_are_told_apart() {
    let mut drawing = drawing();
    drawing.layers.push(Layer {
        name: "fold <\"1\"> & more".into(),
        visible: true,
        operation: Operation::Bend,
    });
    drawing.layers.push(Layer {
        name: "off".into(),
        visible: false,
        operation: Operation::Cut,
    });
    let line = |y: f64, layer: u32| Curve {
        shape: Shape::Line(Point::new(0.0, y), Point::new(50.0, y)),
        layer: LayerId(layer),
        origin: 1,
    };
    drawing
        .curves
        .extend([line(0.0, 0), line(9.0, 1), line(99.0, 2)]);
    drawing.background.push(line(5.0, 0));
    drawing.texts.push(Text {
        value: "<script>alert(1)</script>\u{1}\u{FFFE}".into(),
        layer: LayerId(0),
        place: Point::new(2.0, 2.0),
    });
    let finding = Finding::new(Severity::Warning, "open_contour", "a gap of 1 < 2 mm");
    let options = PreviewOptions {
        title: "A & B",
        ..PreviewOptions::default()
    };
    let svg = preview(&drawing, &[finding.at(Point::new(50.0, 0.0))], &options);
    let document = roxmltree::Document::parse(&svg).unwrap();
    let root = document.root_element();
    assert_eq!(root.attribute("role"), Some("img"));
    let texts: Vec<_> = document
        .descendants()
        .filter(|node| node.is_element())
        .filter_map(|node| Some((node.tag_name().name(), node.text()?)))
        .collect();
    let expected = [
        ("title", "A & B"),
        ("text", "<script>alert(1)</script> \u{FFFD}"),
        ("title", "a gap of 1 < 2 mm"),
    ];
    assert_eq!(texts, expected);
    let groups: Vec<_> = root
        .children()
        .filter_map(|node| node.attribute("class"))
        .collect();
    assert_eq!(groups, ["background", "layer cut", "layer bend", "finding"]);
    assert!(strokes(&svg, "off").is_empty());
    assert_eq!(strokes(&svg, "fold <\"1\"> & more").len(), 1);
}

#[test]
fn a_drawing_too_large_is_drawn_coarsely_within_its_bytes() {
    let mut sheet = drawing();
    for n in 0..40_000_u32 {
        let (x, y) = (f64::from(n % 200) * 7.0, f64::from(n / 200) * 7.0);
        let arc = Arc::circle(Point::new(x, y), 3.0 + f64::from(n % 7) * 0.1);
        add(&mut sheet, Shape::Arc(arc));
    }
    for bytes in [200_000, 1_000_000, 20_000_000] {
        let options = PreviewOptions {
            svg_bytes_max: bytes,
            ..PreviewOptions::default()
        };
        let svg = preview(&sheet, &[], &options);
        assert!(svg.len() <= bytes, "{bytes} {}", svg.len());
        let document = roxmltree::Document::parse(&svg).unwrap();
        let remark = document
            .descendants()
            .find(|node| node.has_tag_name("desc"))
            .and_then(|node| node.text());
        assert_eq!(remark.is_some(), bytes < 20_000_000, "{remark:?}");
    }
}

fn figure() -> impl Strategy<Value = f64> {
    prop_oneof![
        -100.0..100.0_f64,
        -1e12..1e12_f64,
        Just(0.0),
        Just(1e300),
        Just(f64::NAN),
        Just(f64::INFINITY)
    ]
}

fn point() -> impl Strategy<Value = Point> {
    (figure(), figure()).prop_map(|(x, y)| Point::new(x, y))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_drawing_makes_a_well_formed_picture(
        points in prop::collection::vec([point(), point(), point(), point()], 0..12),
        name in any::<String>(),
        text in any::<String>(),
        bytes in 3_000..20_000_usize,
    ) {
        let mut drawing = drawing();
        drawing.layers[0].name = name;
        for [a, b, c, d] in points {
            drawing.pieces.push(Segment::Cubic(Cubic { a, b, c, d }));
            let path = drawing.path_since(drawing.pieces.len() - 1).unwrap();
            add(&mut drawing, path);
            add(&mut drawing, Shape::Line(a, b));
            add(&mut drawing, Shape::Arc(Arc { center: c, radius: d.x.abs(), start: d.y, sweep: a.x }));
            let ellipse = Ellipse { center: d, major: a, ratio: 0.3, start: b.x, sweep: 3.0 };
            let ellipse = drawing.add_ellipse(ellipse).unwrap();
            add(&mut drawing, ellipse);
            drawing.texts.push(Text { value: text.clone(), layer: LayerId(0), place: a });
        }
        let options = PreviewOptions { title: &text, svg_bytes_max: bytes, ..PreviewOptions::default() };
        let svg = preview(&drawing, &[], &options);
        prop_assert!(roxmltree::Document::parse(&svg).is_ok(), "{svg}");
        prop_assert!(!svg.contains("NaN") || text.contains("NaN") || drawing.layers[0].name.contains("NaN"), "{svg}");
        prop_assert!(svg.len() <= bytes + 8_192);
    }
}
