//! Bytes that mean harm, or mean nothing: an answer every time, within the limits, and never a panic.

use crate::{entities, extracted, read};
use drawing::LayerRules;
use extract::{Input, Limits, SNIFF_BYTES, dxf, facts, sniff};
use proptest::prelude::*;

fn any_answer(bytes: &[u8]) {
    let limits = Limits {
        entities_max: 10_000,
        vertices_max: 10_000,
        pieces_max: 10_000,
        exploded_max: 10_000,
        diagnostics_max: 10,
        ..Limits::default()
    };
    let (caller, rules) = (facts::CallerFacts::default(), facts::Rules::default());
    sniff(bytes.get(..SNIFF_BYTES).unwrap_or(bytes), "a.dxf");
    // Past the sniffing, too.
    if let Ok(reading) = dxf::read(bytes, &LayerRules::default(), &limits) {
        let drawing = &reading.drawing;
        assert!(drawing.curves.len() + drawing.background.len() <= 21_000);
        assert!(drawing.vertices.len() <= 10_000 && drawing.pieces.len() <= 10_000);
        drawing::measure(drawing, &limits.measure);
    }
    match extract::extract(bytes, &Input::new("a.dxf", &caller), &rules, &limits) {
        Ok(outcome) => {
            let extraction = outcome.extraction;
            assert!(extraction.diagnostics.len() <= 12);
            let json = serde_json::to_string(&extraction).expect("an Extraction is JSON");
            let back: extract::Extraction =
                serde_json::from_str(&json).expect("it reads its own JSON");
            assert_eq!(
                back.summary().needs_review,
                extraction.summary().needs_review
            );
        }
        Err(error) => assert!(!error.code().is_empty() && !error.to_string().is_empty()),
    }
}

fn sample() -> Vec<u8> {
    entities(&[
        "0 LINE|8 CUT|10 0|20 0|11 10|21 0",
        "0 LWPOLYLINE|8 CUT|90 3|70 1|10 0|20 0|42 0.5|10 30|20 0|10 30|20 40",
        "0 POLYLINE|66 1|70 1|0 VERTEX|10 1|20 0|42 1|0 VERTEX|10 5|20 0|0 VERTEX|10 5|20 4|0 SEQEND",
        "0 ARC|10 1|20 2|40 3|50 10|51 300|210 0|220 0|230 -1",
        "0 ELLIPSE|10 0|20 0|11 10|21 1|40 0.5|41 0|42 3",
        "0 MTEXT|10 0|20 0|1 {\\H2;Material: MS}\\P\\U+00B0",
        "0 CIRCLE|10 1e3|20 2|40 3",
        "0 SPLINE|70 8|71 3|40 0|40 0|40 0|40 0|40 1|40 1|40 1|40 1|10 0|20 0|10 1|20 2|10 3|20 2|10 4|20 0|41 1|41 2|41 1|41 1",
        "0 SPLINE|70 1|71 3|11 0|21 0|11 5|21 5|11 9|21 0|12 0|22 1",
        "0 HATCH|91 2|92 2|72 1|73 1|93 2|10 0|20 0|42 1|10 4|20 0|92 1|93 1|72 2|10 0|20 0|40 4|50 0|51 90|73 1|75 0",
        "0 INSERT|2 B|10 5|20 5|41 2|42 -1|50 30|70 3|71 2|44 9|45 9|66 1|0 ATTRIB|1 \\M+18376|10 1|20 1|0 SEQEND",
        "0 DIMENSION|2 *D1|10 0|20 0|0 LEADER|10 0|20 0|10 4|20 4",
        "0 ENDSEC|0 SECTION|2 BLOCKS|0 BLOCK|2 B|10 1|20 1|0 ARC|8 0|10 0|20 0|40 3|50 0|51 90|0 INSERT|2 C|10 0|20 0|0 ENDBLK",
        "0 BLOCK|2 C|0 LWPOLYLINE|70 1|10 0|20 0|42 1|10 4|20 0|0 INSERT|2 B|10 0|20 0|0 ENDBLK|0 BLOCK|2 *D1|0 LINE|10 0|20 0|11 3|21 0|0 ENDBLK",
    ])
}

proptest! {
    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        any_answer(&bytes);
    }

    #[test]
    fn arbitrary_pairs(pairs in prop::collection::vec((-10..1100_i32, "[A-Z0-9.eE+-]{0,8}"), 0..200)) {
        let text: String = pairs.iter().map(|(code, value)| format!("{code}\n{value}\n")).collect();
        any_answer(format!("0\nSECTION\n2\nENTITIES\n{text}0\nENDSEC\n0\nEOF\n").as_bytes());
    }

    #[test]
    fn damaged_files(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20), cut in any::<prop::sample::Index>()) {
        let mut bytes = sample();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        any_answer(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        any_answer(&bytes);
    }

    #[test]
    fn damaged_binary_files(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20), wide in any::<bool>(), lost in any::<prop::sample::Index>()) {
        let mut bytes = crate::binary::binary(&sample(), wide);
        any_answer(&bytes);
        for (place, byte) in changes {
            let place = place.index(bytes.len() - 22) + 22;
            bytes[place] = byte;
        }
        any_answer(&bytes);
        bytes.remove(lost.index(bytes.len() - 22) + 22);
        any_answer(&bytes);
    }

    #[test]
    fn fields_of_any_value(changes in prop::collection::vec((any::<prop::sample::Index>(), "-?[0-9]{1,4}|1e[0-9]{1,2}|[A-Z*]{0,2}"), 1..6)) {
        let text = String::from_utf8(sample()).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (place, value) in changes {
            // Values stand on every other line.
            let place = place.index(lines.len() / 2) * 2 + 1;
            lines[place] = value;
        }
        any_answer(lines.join("\n").as_bytes());
    }

    #[test]
    fn numbers_of_any_size(numbers in prop::collection::vec(any::<f64>(), 8)) {
        let line = |n: usize| format!("0 LINE|10 {:e}|20 {:e}|11 {:e}|21 {:e}", numbers[n], numbers[n + 1], numbers[n + 2], numbers[n + 3]);
        let bulged = format!("0 LWPOLYLINE|70 1|10 {}|20 {}|42 {:e}|10 {}|20 1", numbers[0], numbers[1], numbers[2], numbers[3]);
        let arc = format!("0 ARC|10 0|20 0|40 {:e}|50 {:e}|51 {:e}", numbers[4], numbers[5], numbers[6]);
        let ellipse = format!("0 ELLIPSE|10 0|20 0|11 {:e}|21 {:e}|40 {:e}|41 {:e}|42 9", numbers[4], numbers[5], numbers[6], numbers[7]);
        any_answer(&entities(&[&line(0), &line(4), &bulged, &arc, &ellipse]));
    }
}

#[test]
fn a_bad_entity_costs_itself_and_says_where() {
    let bytes = entities(&[
        "0 LINE|10 x|20 0|11 10|21 0",
        "0 CIRCLE|10 1e300|20 0|40 1",
        "0 CIRCLE|10 0|20 0",
        "0 CIRCLE|10 0|20 0|40 0",
        "0 CIRCLE|10 0|20 0|40 5",
    ]);
    let reading = read(&bytes);
    let said: Vec<_> = reading
        .diagnostics
        .iter()
        .map(|diagnostic| diagnostic.code.as_str())
        .collect();
    assert_eq!(
        said,
        [
            "bad_number",
            "coordinate_out_of_range",
            "entity_incomplete",
            "entity_degenerate"
        ]
    );
    assert_eq!(reading.drawing.curves.len(), 1);
    let extraction = extracted(&bytes, "a.dxf");
    let json = serde_json::to_value(&extraction).unwrap();
    assert_eq!(json["diagnostics"][0]["place"]["line"], 7);
    assert_eq!(json["drawing"]["measure_complete"], false);
}

#[test]
fn a_file_cut_off_is_measured_as_far_as_it_goes_and_said_to_be_short() {
    let whole = sample();
    let half = &whole[..whole.len() / 2];
    let extraction = extracted(half, "a.dxf");
    assert!(
        extraction
            .diagnostics
            .iter()
            .any(|diagnostic| diagnostic.code == "file_truncated")
    );
    let measures = extraction.drawing.unwrap().measures;
    assert!(!measures.measure_complete && measures.cut_length_mm > 0.0);
}

#[test]
fn budgets_end_the_reading_and_say_so() {
    let line = "0 LINE|10 0|20 0|11 10|21 0";
    let limits = Limits {
        entities_max: 3,
        diagnostics_max: 2,
        ..Limits::default()
    };
    let reading = dxf::read(&entities(&[line; 5]), &LayerRules::default(), &limits).unwrap();
    assert_eq!(reading.drawing.curves.len(), 3);
    assert!(reading.drawing.truncated);
    let many = dxf::read(
        &entities(&["0 LINE|10 ?"; 3]),
        &LayerRules::default(),
        &limits,
    )
    .unwrap();
    let list = many.diagnostics.into_list();
    assert_eq!((list.len(), list[2].code.as_str()), (3, "diagnostics_max"));
}

#[test]
fn a_polyline_of_two_hundred_thousand_vertices_is_ordinary() {
    let mut text = String::from("0\nSECTION\n2\nENTITIES\n0\nLWPOLYLINE\n70\n1\n");
    for n in 0..200_000_u32 {
        let (sin, cos) = (f64::from(n) * std::f64::consts::TAU / 200_000.0).sin_cos();
        text.push_str(&format!("10\n{}\n20\n{}\n", 1000.0 * cos, 1000.0 * sin));
    }
    text.push_str("0\nENDSEC\n0\nEOF\n");
    let measures = extracted(text.as_bytes(), "a.dxf")
        .drawing
        .unwrap()
        .measures;
    assert!((measures.cut_length_mm - 2000.0 * std::f64::consts::PI).abs() < 1e-3);
    assert_eq!(measures.contours_total, 1);
}

#[test]
fn a_hundred_thousand_layer_names_and_types_stay_within_their_limits() {
    let mut text = String::from("0\nSECTION\n2\nENTITIES\n");
    for n in 0..100_000 {
        text.push_str(&format!(
            "0\nLINE\n8\nL{n}\n10\n{n}\n20\n0\n11\n{n}\n21\n5\n0\nTYPE{n}\n8\n0\n"
        ));
    }
    text.push_str("0\nENDSEC\n0\nEOF\n");
    let extraction = extracted(text.as_bytes(), "a.dxf");
    let measures = extraction.drawing.as_ref().unwrap().measures.clone();
    assert!(measures.entity_counts.len() <= 257 && measures.layers.len() <= 2_000);
    assert!(extraction.diagnostics.len() <= 201 && extraction.findings.len() <= 201);
    assert_eq!(measures.open_chains, 100_000);
}
