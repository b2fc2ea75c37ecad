//! The many ways in which DXF is written: every writer's habits must come out as the same drawing.

use crate::{close, entities, extracted, measured, read};
use drawing::{Operation, Shape, UnitSource};
use extract::{Diagnostic, ExtractError, Extraction, Input, Kind, Limits, Mode, Unit, dxf, facts};
use std::f64::consts::PI;

const SQUARE: &str = "0 LWPOLYLINE|8 0|90 4|70 1|10 0|20 0|10 30|20 0|10 30|20 40|10 0|20 40";

fn codes(extraction: &Extraction) -> Vec<&str> {
    extraction
        .diagnostics
        .iter()
        .map(|diagnostic| diagnostic.code.as_str())
        .collect()
}

fn read_codes(bytes: &[u8]) -> Vec<String> {
    read(bytes)
        .diagnostics
        .iter()
        .map(|diagnostic: &Diagnostic| diagnostic.code.clone())
        .collect()
}

#[test]
fn line_ends_padding_comments_marks_and_number_spellings_do_not_matter() {
    let plain = String::from_utf8(entities(&[SQUARE, "0 CIRCLE|8 0|10 15|20 20|40 5"])).unwrap();
    let padded: String = plain
        .lines()
        .enumerate()
        .map(|(n, line)| {
            if n % 2 == 0 {
                format!("{line:>3}\n")
            } else {
                format!("{line} \n")
            }
        })
        .collect();
    let variants = [
        plain.replace('\n', "\r\n"),
        plain.replace('\n', "\r"),
        padded.clone(),
        format!("\u{FEFF}{plain}"),
        format!("\n\n{plain}"),
        format!("999\nmade by hand\n  999\n\n{plain}"),
        plain.trim_end().to_owned(),
        plain.replace("0\nEOF\n", ""),
        format!("{plain}\u{1A}\0\0\ntrailing junk"),
        plain
            .replace("\n30\n", "\n30,0\n")
            .replace("\n40\n5\n", "\n40\n5.000E 00\n"),
        plain.replace("70\n1\n", "70\n1.0\n"),
        plain.replace("\n0\nENDSEC", "\n1001\nACAD\n1010\n7\n1020\n8\n0\nENDSEC"),
        plain.replace("\n0\nENDSEC", "\n102\n{APP\n10\n99\n102\n}\n0\nENDSEC"),
        plain.replace(
            "\n0\nENDSEC",
            "\n101\nEmbedded Object\n10\n5\n20\n5\n0\nENDSEC",
        ),
    ];
    for text in &variants {
        let measures = measured(text.as_bytes());
        assert!(
            close(measures.cut_length_mm, 140.0 + 10.0 * PI),
            "{text:?}: {}",
            measures.cut_length_mm
        );
        assert_eq!((measures.pierces, measures.parts_total), (2, 1), "{text:?}");
        assert!(measures.measure_complete, "{text:?}");
    }
    assert_eq!(read_codes(variants[7].as_bytes()), ["eof_missing"]);
    assert_eq!(read_codes(variants[8].as_bytes()), ["junk_after_eof"]);
}

#[test]
fn handles_are_never_keys_and_sections_may_repeat() {
    let circle = "0 CIRCLE|5 90|8 Layer_0|10 0|20 0|40 1";
    let measures = measured(&entities(&[
        circle,
        circle,
        "0 ENDSEC|0 SECTION|2 ENTITIES",
        "0 CIRCLE|5 90|10 9|20 0|40 1",
    ]));
    assert_eq!(measures.entity_counts["CIRCLE"], 3);
    assert!(close(measures.cut_length_mm, 6.0 * PI));
    assert_eq!(measures.pierces, 2, "one of them is drawn twice");
}

#[test]
fn turned_over_entities_are_mirrored_but_lines_are_not() {
    let over = |entity: &str| entities(&[&format!("{entity}|210 0|220 0|230 -1")]);
    let extents = |bytes: &[u8]| measured(bytes).extents_mm.unwrap();
    assert!(close(
        extents(&over("0 CIRCLE|10 10|20 0|40 2")).min_x,
        -12.0
    ));
    assert!(close(
        extents(&over("0 LWPOLYLINE|70 0|10 1|20 0|42 1|10 5|20 0")).min_x,
        -5.0
    ));
    // The half circle below its chord stays below it.
    assert!(close(
        extents(&over("0 LWPOLYLINE|70 0|10 1|20 0|42 1|10 5|20 0")).min_y,
        -2.0
    ));
    assert!(close(
        extents(&over("0 ARC|10 10|20 0|40 2|50 0|51 90")).min_x,
        -12.0
    ));
    assert!(close(
        extents(&over("0 LINE|10 1|20 0|11 5|21 0")).max_x,
        5.0
    ));
    let mirrored = "0 POLYLINE|66 1|70 1|210 0|220 0|230 -1|0 VERTEX|10 1|20 0|0 VERTEX|10 5|20 0|0 VERTEX|10 5|20 4|0 SEQEND";
    assert!(close(extents(&entities(&[mirrored])).min_x, -5.0));
    let reading = read(&over("0 TEXT|10 3|20 4|40 1|1 note"));
    assert!(close(reading.drawing.texts[0].place.x, -3.0));
    let tilted = entities(&["0 CIRCLE|10 10|20 0|40 2|210 1|220 0|230 0"]);
    assert_eq!(read_codes(&tilted), ["plane_tilted"]);
    assert!(!measured(&tilted).measure_complete);
}

#[test]
fn an_ellipse_turned_over_keeps_its_axis_and_reverses_its_parameter() {
    let quarter = "0 ELLIPSE|10 0|20 0|11 10|21 0|40 0.5|41 0|42 1.5707963267948966";
    let plain = measured(&entities(&[quarter]));
    let turned = measured(&entities(&[&format!("{quarter}|210 0|220 0|230 -1")]));
    assert!(
        close(plain.extents_mm.unwrap().max_y, 5.0) && close(plain.extents_mm.unwrap().max_x, 10.0)
    );
    assert!(
        close(turned.extents_mm.unwrap().min_y, -5.0)
            && close(turned.extents_mm.unwrap().max_x, 10.0)
    );
    assert!(close(plain.cut_length_mm, turned.cut_length_mm));
}

#[test]
fn paper_space_is_counted_apart() {
    let reading = read(&entities(&[
        SQUARE,
        "0 LINE|67 1|10 0|20 0|11 900|21 0",
        "0 LWPOLYLINE|67 1|70 1|10 0|20 0|10 9|20 9|10 0|20 9",
    ]));
    assert_eq!(
        (reading.paper_space_entities, reading.drawing.curves.len()),
        (2, 1)
    );
    assert_eq!(reading.drawing.vertices.len(), 4);
    assert_eq!(reading.drawing.entity_counts.len(), 1);
}

#[test]
fn layers_that_are_off_frozen_or_no_outlines_are_not_cut() {
    let layer =
        |name: &str, colour: i32, flags: i32| format!("0 LAYER|2 {name}|70 {flags}|62 {colour}");
    let line = |name: &str| format!("0 LINE|8 {name}|10 0|20 0|11 10|21 0");
    let table = [
        "0 ENDSEC|0 SECTION|2 TABLES|0 TABLE|2 LAYER".to_owned(),
        layer("OFF", -7, 0),
        layer("Frozen", 7, 1),
        layer("Cut", 7, 4),
    ];
    let lines = ["OFF", "frozen", "CUT", "Defpoints", "Bend", "etch"].map(line);
    let all: Vec<String> = table
        .into_iter()
        .chain(["0 ENDTAB|0 ENDSEC|0 SECTION|2 ENTITIES".to_owned()])
        .chain(lines)
        .collect();
    let bytes = entities(&all.iter().map(String::as_str).collect::<Vec<_>>());
    let drawing = extracted(&bytes, "a.dxf").drawing.unwrap();
    assert!(close(drawing.measures.cut_length_mm, 10.0));
    assert_eq!(
        drawing.measures.layers.len(),
        6,
        "names differ in more than letter case"
    );
    let operations: Vec<_> = drawing
        .measures
        .layers
        .iter()
        .map(|layer| (layer.visible, layer.operation))
        .collect();
    use Operation::*;
    assert_eq!(
        operations,
        [
            (false, Cut),
            (false, Cut),
            (true, Cut),
            (true, Ignore),
            (true, Bend),
            (true, Engrave)
        ]
    );
}

#[test]
fn units_come_from_the_header_the_writer_or_the_size() {
    let with_header = |header: &str, size: f64| {
        let line = format!("0 LINE|10 0|20 0|11 {size}|21 0");
        entities(&[
            "0 ENDSEC|0 SECTION|2 HEADER",
            header,
            "0 ENDSEC|0 SECTION|2 ENTITIES",
            &line,
        ])
    };
    let units = |bytes: &[u8]| extracted(bytes, "a.dxf").drawing.unwrap().measures;
    let inches = units(&with_header("9 $INSUNITS|70 1", 10.0));
    assert!(close(inches.cut_length_mm, 254.0));
    assert_eq!(inches.units.unwrap().source, UnitSource::Header);
    let metric = units(&with_header("9 $MEASUREMENT|70 1", 300.0));
    assert_eq!(
        (metric.units.unwrap().value, metric.units.unwrap().source),
        (Unit::Millimetre, UnitSource::Measurement)
    );
    let template = extracted(&with_header("9 $INSUNITS|70 6", 300.0), "a.dxf");
    assert!(close(
        template.drawing.as_ref().unwrap().measures.cut_length_mm,
        300.0
    ));
    assert!(
        template
            .findings
            .iter()
            .any(|finding| finding.code == "unit_doubt")
    );
    assert!(
        template
            .needs_review
            .iter()
            .any(|review| review.code == "unit_doubt")
    );
    let caller = facts::CallerFacts::default();
    let input = Input {
        unit: Some(Unit::Inch),
        ..Input::new("a.dxf", &caller)
    };
    let told = extract::extract(
        &with_header("9 $INSUNITS|70 6", 10.0),
        &input,
        &facts::Rules::default(),
        &Limits::default(),
    );
    let units = told.unwrap().extraction.drawing.unwrap().measures;
    assert!(close(units.cut_length_mm, 254.0));
}

#[test]
fn texts_are_decoded_by_version_and_code_page() {
    let text = |header: &str, value: &[u8]| {
        let mut bytes = entities(&[
            "0 ENDSEC|0 SECTION|2 HEADER",
            header,
            "0 ENDSEC|0 SECTION|2 ENTITIES|0 TEXT|10 0|20 0|1 @",
        ]);
        let at = bytes.iter().position(|byte| *byte == b'@').unwrap();
        bytes.splice(at..=at, value.iter().copied());
        read(&bytes).drawing.texts[0].value.clone()
    };
    assert_eq!(
        text(
            "9 $ACADVER|1 AC1015|9 $DWGCODEPAGE|3 ANSI_1252",
            b"\xD812 %%c5 %%p0.1"
        ),
        "Ø12 ⌀5 ±0.1"
    );
    assert_eq!(
        text(
            "9 $ACADVER|1 AC1018|9 $DWGCODEPAGE|3 ANSI_1251",
            b"\xCB\xE8\xF1\xF2"
        ),
        "Лист"
    );
    assert_eq!(text("9 $ACADVER|1 AC1032", "Ø12".as_bytes()), "Ø12");
    assert_eq!(text("9 $ACADVER|1 AC1009", br"\U+00D812"), "Ø12");
}

#[test]
fn what_is_not_measured_is_said_once_a_type() {
    let bytes = entities(&[
        SQUARE,
        "0 HELIX|70 8",
        "0 HELIX|70 8",
        "0 REGION|70 1",
        "0 HATCH|10 0",
        "0 POINT|10 1|20 1",
    ]);
    let extraction = extracted(&bytes, "a.dxf");
    assert_eq!(
        codes(&extraction),
        ["not_cut", "not_cut", "not_measured", "not_measured"]
    );
    let measures = &extraction.drawing.as_ref().unwrap().measures;
    assert!(!measures.measure_complete);
    assert_eq!(measures.not_measured["HELIX"], 2);
    assert!(
        extraction
            .needs_review
            .iter()
            .any(|review| review.code == "not_measured")
    );
}

#[test]
fn old_polylines_meshes_and_fitted_splines() {
    let flags = |flags: u32| {
        let head = format!("0 POLYLINE|66 1|70 {flags}");
        entities(&[
            &head,
            "0 VERTEX|10 0|20 0|70 16",
            "0 VERTEX|10 0|20 0",
            "0 VERTEX|10 3|20 0",
            "0 VERTEX|10 3|20 4",
            "0 SEQEND",
        ])
    };
    assert!(close(measured(&flags(0)).cut_length_mm, 7.0));
    assert!(close(measured(&flags(1)).cut_length_mm, 12.0));
    assert!(close(measured(&flags(8)).cut_length_mm, 7.0));
    for mesh in [16, 64] {
        assert_eq!(measured(&flags(mesh)).cut_length_mm, 0.0);
    }
    let frame = entities(&[
        "0 POLYLINE|66 1|70 4",
        "0 VERTEX|10 0|20 0|70 16",
        "0 VERTEX|10 5|20 5|70 8",
        "0 VERTEX|10 8|20 9|70 8",
        "0 VERTEX|10 9|20 99|70 16",
        "0 SEQEND",
    ]);
    assert!(close(measured(&frame).cut_length_mm, 5.0));
}

#[test]
fn a_circle_is_a_circle_whatever_it_is_made_of() {
    let plate = "0 LWPOLYLINE|70 1|10 0|20 0|10 100|20 0|10 100|20 100|10 0|20 100";
    let circles = [
        vec!["0 CIRCLE|10 50|20 50|40 6"],
        vec![
            "0 ARC|10 50|20 50|40 6|50 0|51 180",
            "0 ARC|10 50|20 50|40 6|50 180|51 360",
        ],
        vec!["0 ARC|10 50|20 50|40 6|50 350|51 350"],
        vec!["0 LWPOLYLINE|70 1|10 44|20 50|42 1|10 56|20 50|42 1"],
        vec!["0 LWPOLYLINE|70 0|10 44|20 50|42 -1|10 56|20 50|42 -1|10 44|20 50"],
        vec!["0 ELLIPSE|10 50|20 50|11 0|21 6|40 1.0"],
    ];
    for circle in circles {
        let all: Vec<&str> = [plate].into_iter().chain(circle.iter().copied()).collect();
        let measures = measured(&entities(&all));
        let holes: Vec<_> = measures
            .holes
            .iter()
            .map(|group| (group.diameter_mm, group.count))
            .collect();
        assert_eq!(holes, [(12.0, 1)], "{circle:?}");
        assert!(
            close(measures.net_area_mm2, 10_000.0 - 36.0 * PI),
            "{circle:?}"
        );
        assert_eq!(
            (measures.pierces, measures.open_chains),
            (2, 0),
            "{circle:?}"
        );
    }
}

#[test]
fn a_page_in_the_place_of_a_drawing_is_read_as_what_it_is_and_shown_to_a_person() {
    let page = extracted(b"<html><body><p>0\nSECTION</p>", "0001-Plate-MS-3mm-x2.dxf");
    assert_eq!(page.kind, Some(Kind::Text));
    let reviews = page.needs_review.iter().map(|review| &*review.code);
    assert!(reviews.clone().any(|code| code == "extension_disagrees"));
}

#[test]
fn other_content_is_refused_in_one_sentence() {
    let limits = Limits::default();
    let (caller, rules) = (facts::CallerFacts::default(), facts::Rules::default());
    let refused = |bytes: &[u8], name: &str, mode: Mode| {
        let input = Input {
            mode,
            ..Input::new(name, &caller)
        };
        extract::extract(bytes, &input, &rules, &limits).unwrap_err()
    };
    let binary = refused(b"AutoCAD Binary DXF\r\n\x1A\0", "a.dxf", Mode::Auto);
    assert_eq!(binary.code(), "not_dxf", "a sentinel and nothing else");
    assert_eq!(
        refused(b"\x01\x02\x03", "a.dxf", Mode::Auto).code(),
        "unknown_kind"
    );
    assert_eq!(refused(b"%PDF-1.4", "a.pdf", Mode::Auto).code(), "not_pdf");
    assert_eq!(
        refused(&entities(&[SQUARE]), "a.dxf", Mode::parse("PDF").unwrap()).code(),
        "wrong_kind"
    );
    assert_eq!(
        dxf::read(b"just text", &drawing::LayerRules::default(), &limits).unwrap_err(),
        ExtractError::NotDxf
    );
}

#[test]
fn far_off_coordinates_keep_their_joints_and_areas() {
    let shift = 3_456_789.0;
    let corner = |x: f64, y: f64| format!("{}|{}", x + shift, y - 7.0 * shift);
    let line = |a: (f64, f64), b: (f64, f64)| {
        let (a, b) = (corner(a.0, a.1), corner(b.0, b.1));
        let ((x1, y1), (x2, y2)) = (a.split_once('|').unwrap(), b.split_once('|').unwrap());
        format!("0 LINE|10 {x1}|20 {y1}|11 {x2}|21 {y2}")
    };
    let square = [
        line((0.0, 0.0), (30.0, 0.0)),
        line((30.0, 40.0), (30.0, 0.0)),
        line((30.0, 40.0), (0.0, 40.0)),
        line((0.0, 0.0), (0.0, 40.0)),
    ];
    let measures = measured(&entities(
        &square.iter().map(String::as_str).collect::<Vec<_>>(),
    ));
    assert_eq!((measures.contours_total, measures.open_chains), (1, 0));
    assert!(
        (measures.net_area_mm2 - 1200.0).abs() < 1e-3,
        "{}",
        measures.net_area_mm2
    );
    assert!(matches!(
        read(&entities(&[&square[0]])).drawing.curves[0].shape,
        Shape::Line(..)
    ));
}

#[test]
fn broken_sections_are_read_on_and_said() {
    let circle = "0 CIRCLE|10 0|20 0|40 5";
    let whole = 10.0 * PI;
    let cases: [(&str, Vec<&str>, &[&str]); 6] = [
        (
            "a section without a name",
            vec!["0 ENDSEC|0 SECTION", circle],
            &["section_missing"],
        ),
        (
            "entities after the section's end",
            vec!["0 ENDSEC", circle, "0 SECTION|2 OBJECTS"],
            &["section_missing"],
        ),
        (
            "no end of a section",
            vec!["0 SECTION|2 OBJECTS|0 SECTION|2 ENTITIES", circle],
            &[],
        ),
        (
            "a section plane among entities",
            vec!["0 SECTION|5 1F|100 AcDbEntity|8 0|91 1", circle],
            &["not_cut"],
        ),
        (
            "comments in a section's head",
            vec!["0 ENDSEC|0 SECTION|999 by hand|2 ENTITIES", circle],
            &[],
        ),
        (
            "a thumbnail of rubbish",
            vec![
                circle,
                "0 ENDSEC|0 SECTION|2 THUMBNAILIMAGE|90 x|310 rubbish",
            ],
            &[],
        ),
    ];
    for (what, list, said) in cases {
        let bytes = entities(&list);
        assert!(close(measured(&bytes).cut_length_mm, whole), "{what}");
        assert_eq!(read_codes(&bytes), said, "{what}");
    }
    let odd = "0 CIRCLE|777 odd|10 0|20 0|1001 ACAD|1070 x|1004 FF|40 5";
    assert!(close(measured(&entities(&[odd])).cut_length_mm, whole));
}

#[test]
fn points_may_be_drill_marks() {
    let reading = read(&entities(&[SQUARE, "0 POINT|10 5|20 5"]));
    let said = reading.diagnostics.iter().next().unwrap();
    assert!(said.message.contains("drill"), "{}", said.message);
    assert_eq!(reading.drawing.entity_counts["POINT"], 1);
}
