//! Blocks and INSERTs: what stands in the drawing is what the blocks hold, turned, scaled, mirrored, repeated and nested;
//! and what INSERTs must not do to the reader.

use crate::{close, entities, extracted, measured, read};
use drawing::{Extents, LayerRules, Shape};
use extract::dxf::Reading;
use extract::{Limits, dxf};
use std::f64::consts::PI;

/// A file of these blocks (name, base point and entities) and these entities in model space.
fn with_blocks(blocks: &[&str], model: &[&str]) -> Vec<u8> {
    let mut list = vec!["0 ENDSEC|0 SECTION|2 BLOCKS".to_owned()];
    list.extend(
        blocks
            .iter()
            .map(|block| format!("0 BLOCK|{block}|0 ENDBLK")),
    );
    list.push("0 ENDSEC|0 SECTION|2 ENTITIES".to_owned());
    list.extend(model.iter().map(|entity| (*entity).to_owned()));
    entities(&list.iter().map(String::as_str).collect::<Vec<_>>())
}

fn codes(reading: &Reading) -> Vec<String> {
    let list = reading.diagnostics.iter();
    list.map(|diagnostic| diagnostic.code.clone()).collect()
}

fn extents(reading: &Reading) -> Extents {
    let curves = reading.drawing.curves.iter();
    let boxes = curves.filter_map(|curve| reading.drawing.extents(curve));
    Extents::around(boxes).expect("something is drawn")
}

fn length(reading: &Reading) -> f64 {
    let curves = reading.drawing.curves.iter();
    curves.map(|curve| reading.drawing.length(curve)).sum()
}

#[expect(clippy::cast_possible_truncation, reason = "small figures")]
fn whole(figure: f64) -> i64 {
    figure.round() as i64
}

/// A quarter circle, a line and a bulged polyline about the point (10, 20), which is the base.
const MARK: &str = "2 Mark|10 10|20 20\
    |0 ARC|8 0|10 10|20 20|40 4|50 0|51 90\
    |0 LINE|8 CUT|10 10|20 20|11 14|21 20\
    |0 LWPOLYLINE|8 0|70 0|10 10|20 20|42 1|10 10|20 24";

#[test]
fn an_insert_turns_scales_mirrors_and_places() {
    let (quarter, half) = (2.0 * PI, 2.0 * PI);
    let whole = quarter + 4.0 + half;
    // Fields of the INSERT, the box of what it draws, its length.
    let cases = [
        ("10 0|20 0", [0.0, 0.0, 4.0, 4.0], whole),
        ("10 100|20 50", [100.0, 50.0, 104.0, 54.0], whole),
        (
            "10 0|20 0|41 2|42 2|43 2",
            [0.0, 0.0, 8.0, 8.0],
            2.0 * whole,
        ),
        ("10 0|20 0|50 90", [-4.0, 0.0, 0.0, 4.0], whole),
        ("10 0|20 0|41 -1", [-4.0, 0.0, 0.0, 4.0], whole),
        ("10 0|20 0|41 -1|42 -1", [-4.0, -4.0, 0.0, 0.0], whole),
        ("10 0|20 0|41 -1|50 90", [-4.0, -4.0, 0.0, 0.0], whole),
        ("10 0|20 0|43 0", [0.0, 0.0, 4.0, 4.0], whole),
        ("10 0|20 0|41 0|42 0", [0.0, 0.0, 4.0, 4.0], whole),
        (
            "10 5|20 0|210 0|220 0|230 -1",
            [-9.0, 0.0, -5.0, 4.0],
            whole,
        ),
        (
            "10 0|20 0|210 0|220 0|230 -1|50 90",
            [0.0, 0.0, 4.0, 4.0],
            whole,
        ),
    ];
    for (fields, [min_x, min_y, max_x, max_y], wanted) in cases {
        let bytes = with_blocks(&[MARK], &[&format!("0 INSERT|2 mark|{fields}")]);
        let reading = read(&bytes);
        let own = Extents {
            min_x,
            min_y,
            max_x,
            max_y,
        };
        // The half circle bulges by 2 to the right of a line that goes up, into the box of the others.
        assert!(
            extents(&reading).matches(own, 1e-9),
            "{fields}: {:?}",
            extents(&reading)
        );
        assert!(
            close(length(&reading), wanted),
            "{fields}: {}",
            length(&reading)
        );
        assert!(
            codes(&reading).is_empty(),
            "{fields}: {:?}",
            codes(&reading)
        );
        let shapes = reading.drawing.curves.iter().map(|curve| curve.shape);
        let arcs = shapes
            .filter(|shape| matches!(shape, Shape::Arc(_)))
            .count();
        assert_eq!(arcs, 1, "{fields}: a circular arc stays one");
        assert_eq!(reading.drawing.entity_counts["INSERT"], 1);
        assert_eq!(reading.drawing.entity_counts.len(), 1);
    }
}

#[test]
fn unequal_scales_make_ellipses_of_circles_and_bulges() {
    let block = "2 B|0 CIRCLE|10 0|20 0|40 5|0 LWPOLYLINE|70 1|10 -5|20 0|42 1|10 5|20 0|42 1|0 LINE|10 0|20 0|11 1|21 1";
    let reading = read(&with_blocks(
        &[block],
        &["0 INSERT|2 B|10 1|20 1|41 2|42 1|50 30"],
    ));
    let drawing = &reading.drawing;
    let lengths: Vec<f64> = drawing
        .curves
        .iter()
        .map(|curve| drawing.length(curve))
        .collect();
    let ellipse = drawing::Ellipse::between(
        drawing::Point::default(),
        drawing::Point::new(10.0, 0.0),
        0.5,
        0.0,
        2.0 * PI,
    );
    assert!(close(lengths[0], ellipse.length()) && close(lengths[1], ellipse.length()));
    assert!(close(lengths[2], 5.0_f64.sqrt()));
    assert!(matches!(drawing.curves[0].shape, Shape::Ellipse(_)));
    assert!(matches!(drawing.curves[1].shape, Shape::Path { .. }));
    // Straight polylines stay what they are.
    let square = "2 S|0 LWPOLYLINE|70 1|10 0|20 0|10 1|20 0|10 1|20 1";
    let reading = read(&with_blocks(
        &[square],
        &["0 INSERT|2 S|10 1|20 1|41 2|42 1"],
    ));
    assert!(matches!(
        reading.drawing.curves[0].shape,
        Shape::Polyline { closed: true, .. }
    ));
}

#[test]
fn arrays_run_along_the_turned_axes_unscaled() {
    let hole = "2 Hole|0 CIRCLE|10 0|20 0|40 1";
    let centers = |fields: &str| {
        let reading = read(&with_blocks(
            &[hole],
            &[&format!("0 INSERT|2 Hole|10 0|20 0|{fields}")],
        ));
        let mut centers: Vec<(i64, i64)> = reading
            .drawing
            .curves
            .iter()
            .map(|curve| match curve.shape {
                Shape::Arc(arc) => (whole(arc.center.x), whole(arc.center.y)),
                other => panic!("{other:?}"),
            })
            .collect();
        centers.sort_unstable();
        (centers, reading.blocks[0].inserts)
    };
    let (grid, inserts) = centers("70 3|71 2|44 10|45 20|41 5|42 5");
    assert_eq!(
        grid,
        [(0, 0), (0, 20), (10, 0), (10, 20), (20, 0), (20, 20)]
    );
    assert_eq!(inserts, 6);
    assert_eq!(
        centers("70 2|71 2|44 10|45 20|50 90").0,
        [(-20, 0), (-20, 10), (0, 0), (0, 10)]
    );
    assert_eq!(centers("70 2|44 10|230 -1").0, [(-10, 0), (0, 0)]);
    // Copies in one place are one copy; counts of nothing are one.
    assert_eq!(centers("70 5|71 5").1, 1);
    assert_eq!(centers("70 0|71 -3|44 10|45 10").1, 1);
}

#[test]
fn blocks_stand_in_blocks_and_layer_0_is_the_layer_of_the_insert() {
    let inner = "2 Inner|0 LINE|8 0|10 0|20 0|11 1|21 0|0 LINE|8 FIX|10 0|20 0|11 0|21 1";
    let outer = "2 Outer|10 5|20 0|0 INSERT|2 INNER|8 0|10 5|20 0|41 2|42 2|0 INSERT|2 inner|8 MID|10 6|20 0";
    let model = "0 INSERT|2 Outer|8 TOP|10 0|20 0|50 90";
    let reading = read(&with_blocks(&[outer, inner], &[model]));
    let drawing = &reading.drawing;
    let mut lines: Vec<(String, i64)> = drawing
        .curves
        .iter()
        .map(|curve| {
            (
                drawing.layer(curve.layer).unwrap().name.clone(),
                whole(drawing.length(curve)),
            )
        })
        .collect();
    lines.sort();
    let expected = [("FIX", 1), ("FIX", 2), ("MID", 1), ("TOP", 2)];
    assert_eq!(
        lines,
        expected.map(|(layer, length)| (layer.to_owned(), length))
    );
    let uses: Vec<_> = reading
        .blocks
        .iter()
        .map(|block| (block.name.as_str(), block.inserts))
        .collect();
    assert_eq!(uses, [("Outer", 1), ("Inner", 2)]);
    assert!(extents(&reading).matches(
        Extents {
            min_x: -2.0,
            min_y: 0.0,
            max_x: 0.0,
            max_y: 2.0
        },
        1e-9
    ));
}

#[test]
fn a_frozen_insert_hides_what_its_block_holds_and_an_unlit_one_only_its_own() {
    let table = |flags: i32, colour: i32| {
        format!(
            "0 ENDSEC|0 SECTION|2 TABLES|0 TABLE|2 LAYER|0 LAYER|2 HIDE|70 {flags}|62 {colour}|0 ENDTAB|0 ENDSEC|0 SECTION|2 BLOCKS\
        |0 BLOCK|2 B|0 LINE|8 0|10 0|20 0|11 1|21 0|0 LINE|8 CUT|10 0|20 5|11 10|21 5|0 ENDBLK\
        |0 ENDSEC|0 SECTION|2 ENTITIES|0 INSERT|2 B|8 HIDE|10 0|20 0|0 LINE|8 CUT|10 0|20 9|11 100|21 9"
        )
    };
    let cut = |bytes: &[u8]| {
        extracted(bytes, "a.dxf")
            .drawing
            .unwrap()
            .measures
            .cut_length_mm
    };
    assert!(close(cut(&entities(&[&table(0, 7)])), 111.0));
    assert!(close(cut(&entities(&[&table(0, -7)])), 110.0));
    assert!(close(cut(&entities(&[&table(1, 7)])), 100.0));
}

#[test]
fn attributes_are_texts_and_their_definitions_are_not() {
    let block = "2 Plate|0 ATTDEF|8 0|10 0|20 0|1 default|2 THK|3 Thickness?|0 TEXT|8 0|10 1|20 1|1 fixed|0 LINE|10 0|20 0|11 5|21 0";
    let insert = "0 INSERT|2 Plate|66 1|8 NOTES|10 10|20 0\
        |0 ATTRIB|8 NOTES|10 12|20 3|1 5mm|2 THK|70 1|0 ATTRIB|8 NOTES|10 12|20 6|1 %%c8|2 HOLE|0 SEQEND|8 NOTES";
    let reading = read(&with_blocks(
        &[block],
        &[insert, "0 LINE|10 0|20 0|11 1|21 0"],
    ));
    let texts: Vec<_> = reading
        .drawing
        .texts
        .iter()
        .map(|text| (text.value.as_str(), text.place.x))
        .collect();
    assert_eq!(texts, [("5mm", 12.0), ("⌀8", 12.0), ("fixed", 11.0)]);
    assert_eq!(
        reading.drawing.curves.len(),
        2,
        "what follows the attributes is read"
    );
    // In a block, attributes move with it.
    let outer = format!("2 Outer|{insert}");
    let reading = read(&with_blocks(
        &[block, &outer],
        &["0 INSERT|2 Outer|10 100|20 0"],
    ));
    let texts: Vec<_> = reading
        .drawing
        .texts
        .iter()
        .map(|text| (text.value.as_str(), text.place.x))
        .collect();
    assert_eq!(texts, [("5mm", 112.0), ("⌀8", 112.0), ("fixed", 111.0)]);
}

#[test]
fn dimensions_hatches_and_leaders_are_shown_and_never_cut() {
    let dimension = "2 *D1|0 LINE|8 0|10 0|20 9|11 50|21 9|0 TEXT|8 0|10 5|20 9|1 50";
    let old_hatch = "2 *X7|0 LINE|8 0|10 0|20 0|11 50|21 50";
    let model = [
        "0 LINE|10 0|20 0|11 50|21 0",
        "0 DIMENSION|2 *D1|10 0|20 9|1 <>",
        "0 INSERT|2 *X7|10 0|20 0",
        "0 INSERT|2 *D1|10 0|20 0",
        "0 LEADER|10 0|20 0|10 5|20 5|10 9|20 5",
        "0 HATCH|10 0|20 0|30 0|91 2|92 3|72 1|73 1|93 2|10 0|20 0|42 1|10 4|20 0|42 1|97 0\
         |92 1|93 3|72 1|10 0|20 0|11 4|21 0|72 2|10 4|20 4|40 4|50 270|51 360|73 1|72 3|10 0|20 0|11 5|21 0|40 0.5|50 0|51 90|73 0\
         |97 1|330 1F|75 0|76 1|98 1|10 7|20 7",
    ];
    let reading = read(&with_blocks(&[dimension, old_hatch], &model));
    let drawing = &reading.drawing;
    assert!(close(length(&reading), 50.0));
    assert!(drawing.texts.is_empty() && drawing.not_measured.is_empty());
    let shown: Vec<f64> = drawing
        .background
        .iter()
        .map(|curve| drawing.length(curve))
        .collect();
    assert_eq!(shown.len(), 6, "{shown:?}");
    assert!(
        close(shown[0], 50.0) && close(shown[1], 50.0_f64.hypot(50.0)) && close(shown[2], 50.0)
    );
    assert!(close(shown[3], 50.0_f64.sqrt() + 4.0) && close(shown[4], 4.0 * PI));
    assert!(shown[5] > 4.0 + 2.0 * PI);
    assert_eq!(drawing.entity_counts["DIMENSION"], 1);
    assert!(reading.blocks.is_empty(), "{:?}", reading.blocks);
}

#[test]
fn tilted_planes_are_seen_from_above_and_said_so() {
    let circle =
        |extrusion: &str| entities(&[&format!("0 CIRCLE|10 0|20 0|30 0|40 10|{extrusion}")]);
    let slanted = read(&circle(
        "210 0|220 0.7071067811865476|230 0.7071067811865476",
    ));
    assert_eq!(codes(&slanted), ["plane_tilted"]);
    let box_ = extents(&slanted);
    assert!(close(box_.width(), 20.0) && close(box_.height(), 200.0_f64.sqrt()));
    assert_eq!(slanted.drawing.not_measured["CIRCLE"], 1);
    // The arbitrary axis algorithm: X is (0, 1, 0), Y is Z; a height moves along the normal.
    let upright = read(&entities(&[
        "0 LWPOLYLINE|38 7|70 0|10 1|20 2|10 5|20 2|210 1|220 0|230 0",
    ]));
    let box_ = extents(&upright);
    assert!(
        box_.matches(
            Extents {
                min_x: 7.0,
                min_y: 1.0,
                max_x: 7.0,
                max_y: 5.0
            },
            1e-9
        ),
        "{box_:?}"
    );
    let ellipse = read(&entities(&[
        "0 ELLIPSE|10 0|20 0|11 10|21 0|31 0|40 0.5|41 0|42 6.283185307179586|210 0|220 -1|230 0",
    ]));
    assert!(close(extents(&ellipse).width(), 20.0) && extents(&ellipse).height() < 1e-9);
    let block = "2 B|0 LINE|10 0|20 0|11 0|21 4|0 LINE|10 0|20 0|11 3|21 0";
    let insert = read(&with_blocks(
        &[block],
        &["0 INSERT|2 B|10 0|20 0|210 0|220 -1|230 0"],
    ));
    assert!(close(length(&insert), 3.0) && !insert.drawing.not_measured.is_empty());
}

#[test]
fn blocks_that_are_missing_or_hold_themselves_cost_no_more_than_themselves() {
    let good = "2 Good|0 CIRCLE|10 0|20 0|40 1";
    let a = "2 A|0 INSERT|2 B|10 0|20 0|0 LINE|10 0|20 0|11 1|21 0";
    let b = "2 B|0 INSERT|2 A|10 0|20 0|0 INSERT|2 Good|10 0|20 0";
    let cases: [(&str, &str, usize); 4] = [
        ("0 INSERT|2 A|10 0|20 0", "block_cycle", 2),
        ("0 INSERT|2 B|10 0|20 0", "block_cycle", 2),
        ("0 INSERT|2 None|10 0|20 0", "block_missing", 0),
        ("0 INSERT|10 0|20 0", "entity_incomplete", 0),
    ];
    for (model, code, curves) in cases {
        let reading = read(&with_blocks(&[good, a, b], &[model]));
        assert_eq!(codes(&reading), [code], "{model}");
        assert_eq!(reading.drawing.curves.len(), curves, "{model}");
        assert_eq!(reading.drawing.not_measured["INSERT"], 1, "{model}");
    }
    // A block defined after it is used, even after ENTITIES, is there.
    let late = entities(&[
        "0 INSERT|2 Late|10 0|20 0|0 ENDSEC|0 SECTION|2 BLOCKS|0 BLOCK|2 Late|0 CIRCLE|10 0|20 0|40 1|0 ENDBLK",
    ]);
    assert!(close(measured(&late).cut_length_mm, 2.0 * PI));
}

#[test]
fn model_space_may_stand_among_the_blocks_and_paper_by_its_owner() {
    let blocks = [
        "2 *Model_Space|0 LINE|10 0|20 0|11 3|21 0",
        "2 *Paper_Space|0 LINE|10 0|20 0|11 500|21 0",
    ];
    let reading = read(&with_blocks(&blocks, &["0 LINE|10 0|20 0|11 4|21 0"]));
    assert!(close(length(&reading), 7.0));
    let owned = entities(&[
        "0 ENDSEC|0 SECTION|2 TABLES|0 TABLE|2 BLOCK_RECORD|0 BLOCK_RECORD|5 1F|2 *Model_Space|0 BLOCK_RECORD|5 1E|2 *PAPER_SPACE0",
        "0 ENDTAB|0 ENDSEC|0 SECTION|2 ENTITIES",
        "0 LINE|330 1F|10 0|20 0|11 4|21 0",
        "0 LINE|330 1E|10 0|20 0|11 500|21 0",
        "0 LINE|102 {ACAD_REACTORS|330 1E|102 }|330 1F|10 0|20 0|11 4|21 0",
    ]);
    let reading = read(&owned);
    assert!(close(length(&reading), 8.0));
    assert_eq!(reading.paper_space_entities, 1);
    let only = read(&entities(&["0 LINE|67 1|10 0|20 0|11 500|21 0"]));
    assert_eq!(codes(&only), ["only_paper_space"]);
}

#[test]
fn copies_of_copies_end_at_the_budget() {
    let mut blocks = vec!["2 L0|0 LINE|10 0|20 0|11 1|21 0".to_owned()];
    for level in 1..=20 {
        let below = level - 1;
        blocks.push(format!(
            "2 L{level}|0 INSERT|2 L{below}|10 0|20 0|70 100|71 100|44 1|45 1"
        ));
    }
    let blocks: Vec<&str> = blocks.iter().map(String::as_str).collect();
    let bytes = with_blocks(
        &blocks,
        &["0 INSERT|2 L20|10 0|20 0", "0 INSERT|2 L0|10 0|20 0"],
    );
    let limits = Limits {
        exploded_max: 10_000,
        ..Limits::default()
    };
    let read =
        |limits: &Limits| dxf::read(&bytes, &LayerRules::default(), limits).expect("this is a DXF");
    let reading = read(&limits);
    assert!(reading.drawing.curves.len() <= 10_000 && reading.drawing.truncated);
    assert_eq!(codes(&reading), ["exploded_max"]);
    let shallow = read(&Limits {
        insert_depth_max: 3,
        ..limits
    });
    assert!(codes(&shallow).contains(&"insert_depth_max".to_owned()));
    let corners = "2 P|0 LWPOLYLINE|10 0|20 0|10 1|20 0|10 2|20 5";
    let bytes = with_blocks(
        &[corners],
        &["0 INSERT|2 P|10 0|20 0|70 100|71 100|44 1|45 1"],
    );
    let few = Limits {
        vertices_max: 1_000,
        ..Limits::default()
    };
    let reading = dxf::read(&bytes, &LayerRules::default(), &few).expect("this is a DXF");
    assert!(reading.drawing.vertices.len() <= 1_000 && reading.drawing.truncated);
    for scale in ["41 1e15|42 1e15", "41 1e-40|42 1e-40"] {
        let bytes = with_blocks(&[corners], &[&format!("0 INSERT|2 P|10 0|20 0|{scale}")]);
        let reading = crate::read(&bytes);
        assert_eq!(codes(&reading), ["coordinate_out_of_range"], "{scale}");
        assert!(reading.drawing.curves.is_empty(), "{scale}");
    }
}
