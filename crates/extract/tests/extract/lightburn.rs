//! LightBurn projects: real files beside the figures of trusted readers, and one small project for each construct.

use crate::corpus::{agrees, corpus, counts, numbers, truth, whole_length};
use crate::{close, entities, extracted};
use base64::Engine;
use drawing::{Extents, LayerRules, Measures};
use extract::lightburn::{self, LightburnSection, Reading};
use extract::{Extraction, Input, Limits, PreviewForm, facts};
use std::f64::consts::PI;

/// Reads what must be a project.
pub(crate) fn read(bytes: &[u8]) -> Reading {
    lightburn::read(bytes, &LayerRules::default(), &Limits::default()).expect("this is a project")
}

/// A project of nothing but this.
pub(crate) fn project(content: &str) -> Vec<u8> {
    let root = "<LightBurnProject AppVersion=\"1.7.08\" FormatVersion=\"1\" MirrorX=\"True\">";
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{root}{content}</LightBurnProject>\n")
        .into_bytes()
}

pub(crate) fn measures(extraction: &Extraction) -> &Measures {
    &extraction.drawing.as_ref().unwrap().measures
}

pub(crate) fn section(extraction: &Extraction) -> &LightburnSection {
    let drawing = extraction.drawing.as_ref().unwrap();
    drawing.lightburn.as_ref().unwrap()
}

pub(crate) fn codes(extraction: &Extraction) -> Vec<&str> {
    let diagnostics = extraction.diagnostics.iter();
    diagnostics.map(|remark| remark.code.as_str()).collect()
}

fn curve_extents(reading: &Reading) -> Option<Extents> {
    let drawing = &reading.drawing;
    let curves = drawing.curves.iter();
    Extents::around(curves.filter_map(|curve| drawing.extents(curve)))
}

/// The reference draws curves with so few chords that it comes out short by this.
const REFERENCE_SLACK: f64 = 1.5e-3;

#[test]
fn exchanged_projects_agree_with_the_reference() {
    let Some(corpus) = corpus() else { return };
    let mut seen = 0;
    let rows = truth(&corpus.join("truth.jsonl"));
    for row in rows.iter().filter(|row| row["kind"] == "lbrn") {
        let name = row["file"].as_str().unwrap();
        let bytes = std::fs::read(corpus.join(name)).unwrap();
        let extraction = extracted(&bytes, name);
        let measures = measures(&extraction);
        let figure = |key: &str| row[key].as_f64().unwrap();
        let theirs = figure("length_own") + figure("text_outline_length_own");
        let ours = whole_length(measures);
        println!("{ours:>12.4} {theirs:>12.4}  {name}");
        assert!(
            (ours - theirs).abs() <= REFERENCE_SLACK * theirs,
            "{name}: {ours} {theirs}"
        );
        assert_eq!(
            measures.entity_counts,
            counts(&row["shape_counts"]),
            "{name}"
        );
        let extents = curve_extents(&read(&bytes));
        let theirs = numbers(&row["bbox_with_text_own"]);
        assert!(agrees(extents, &theirs, 0.01), "{name}: {extents:?}");
        for (index, length) in row["length_by_cut_index_own"].as_object().unwrap() {
            let code = format!("C{:0>2}", index);
            let layer = measures.layers.iter().find(|layer| layer.name == code);
            let (ours, theirs) = (layer.unwrap().length_mm, length.as_f64().unwrap());
            assert!(
                (ours - theirs).abs() <= REFERENCE_SLACK * theirs,
                "{name} {code}"
            );
        }
        let drawing = extraction.drawing.as_ref().unwrap();
        assert_eq!(serde_json::json!(drawing.texts), row["texts"], "{name}");
        assert_eq!(
            serde_json::json!(section(&extraction).app_version),
            row["app_version"],
            "{name}"
        );
        assert!(
            measures.measure_complete && extraction.diagnostics.is_empty(),
            "{name}"
        );
        seen += 1;
    }
    assert_eq!(seen, 8);
}

/// Name, length, box, contours and circular holes, by a second reader that draws 400 chords a Bézier.
const SHOP: [(&str, f64, [f64; 4], u64, u64); 6] = [
    (
        "0001-Full Gas Box Version1-Galv-1mm-x1",
        48_876.211_2,
        [-6883.0, 68.226_44, 1368.5, 3738.5471],
        116,
        6,
    ),
    (
        "0002-100x100x50-Galv-3mm-x20",
        566.257_95,
        [0.0, 0.0, 50.0, 200.0],
        3,
        2,
    ),
    (
        "0004-100mm garden-Galv-1.2mm-x16",
        2_790.796_447,
        [0.0, 0.0, 1220.0, 100.0],
        9,
        8,
    ),
    (
        "0005-100mm teeth-GaLv-1.2mm-x5",
        3_674.972_499,
        [0.0, 0.0, 1_220.000_01, 170.000_11],
        5,
        4,
    ),
    (
        "0011-Crank Angler-MS-0.53-x1",
        125_512.085_8,
        [0.0, 0.0, 910.0, 2900.0],
        213,
        0,
    ),
    (
        "Barge_flashing_v2",
        6_356.368_697,
        [307.223_48, 876.404_05, 1192.7766, 2123.5959],
        0,
        0,
    ),
];

#[test]
fn shop_projects_agree_with_a_second_reader() {
    let Some(corpus) = corpus() else { return };
    let rows = truth(&corpus.join("shop/truth.jsonl"));
    for (stem, length, extents, contours, holes) in SHOP {
        let name = format!("{stem}.lbrn2");
        let bytes = std::fs::read(corpus.join("shop").join(&name)).unwrap();
        let extraction = extracted(&bytes, &name);
        let measures = measures(&extraction);
        let ours = measures.cut_length_mm;
        assert!((ours - length).abs() <= 2e-6 * length, "{name}: {ours}");
        assert!(agrees(measures.extents_mm, &extents, 0.001), "{name}");
        let round: u64 = measures.holes.iter().map(|group| group.count).sum();
        assert_eq!(
            (measures.contours_total, round),
            (contours, holes),
            "{name}"
        );
        assert!(measures.measure_complete, "{name}");
        let section = section(&extraction);
        let seconds = section.estimated_cut_seconds.unwrap();
        assert!(
            section.thumbnail && (seconds - ours / 100.0).abs() < 0.01,
            "{name}"
        );
        let row = rows
            .iter()
            .find(|row| row["name"] == name.as_str())
            .unwrap();
        let facts = serde_json::to_value(&extraction.facts).unwrap();
        for fact in ["material", "thickness_mm", "quantity"] {
            let (ours, stated) = (&facts[fact]["value"], &row["stated"][fact]);
            let same = ours == stated
                || ours
                    .as_f64()
                    .is_some_and(|own| stated.as_f64() == Some(own));
            assert!(same, "{name}: {fact} {ours} stated {stated}");
        }
    }
}

pub(crate) const DISC: &str =
    "<Shape Type='Ellipse' CutIndex='0' Rx='5' Ry='5'><XForm>1 0 0 1 20 30</XForm></Shape>";

pub(crate) fn shape(attributes: &str, transform: &str, content: &str) -> String {
    format!("<Shape CutIndex='0' {attributes}><XForm>{transform}</XForm>{content}</Shape>")
}

/// The same part in both formats: a turned plate with round corners, two round holes and a slot.
#[test]
fn both_formats_measure_the_same() {
    let turn = "0.8 0.6 -0.6 0.8 100 50";
    let at = |x: f64, y: f64| (0.8 * x - 0.6 * y + 100.0, 0.6 * x + 0.8 * y + 50.0);
    let placed = |attributes: &str, x: f64, y: f64| {
        let place = format!("1 0 0 1 {x} {y}");
        shape(attributes, &place, "")
    };
    let parts = [
        placed("Type=\"Rect\" W=\"60\" H=\"40\" Cr=\"5\"", 0.0, 0.0),
        placed("Type=\"Ellipse\" Rx=\"3\" Ry=\"3\"", -20.0, 10.0),
        placed("Type=\"Ellipse\" Rx=\"3\" Ry=\"3\"", 20.0, 10.0),
        placed("Type=\"Rect\" W=\"20\" H=\"8\" Cr=\"4\"", 0.0, -8.0),
    ];
    let children = format!("<Children>{}</Children>", parts.concat());
    let ours = extracted(
        &project(&shape("Type=\"Group\"", turn, &children)),
        "a.lbrn2",
    );

    // Quarter turns have the bulge tan(22.5°), half turns 1.
    let outline = |corners: &[(f64, f64, f64)]| {
        let corner = |(x, y, bulge): &(f64, f64, f64)| {
            let (x, y) = at(*x, *y);
            format!("|10 {x}|20 {y}|42 {bulge}")
        };
        let corners: String = corners.iter().map(corner).collect();
        format!("0 LWPOLYLINE|70 1{corners}")
    };
    let quarter = (PI / 8.0).tan();
    let plate = outline(&[
        (-25.0, -20.0, 0.0),
        (25.0, -20.0, quarter),
        (30.0, -15.0, 0.0),
        (30.0, 15.0, quarter),
        (25.0, 20.0, 0.0),
        (-25.0, 20.0, quarter),
        (-30.0, 15.0, 0.0),
        (-30.0, -15.0, quarter),
    ]);
    let slot = outline(&[
        (-6.0, -12.0, 0.0),
        (6.0, -12.0, 1.0),
        (6.0, -4.0, 0.0),
        (-6.0, -4.0, 1.0),
    ]);
    let hole = |x, y| {
        let (x, y) = at(x, y);
        format!("0 CIRCLE|10 {x}|20 {y}|40 3")
    };
    let (left, right) = (hole(-20.0, 10.0), hole(20.0, 10.0));
    let theirs = extracted(&entities(&[&plate, &left, &right, &slot]), "a.dxf");

    let (ours, theirs) = (measures(&ours), measures(&theirs));
    assert!(close(ours.cut_length_mm, theirs.cut_length_mm));
    assert!(close(ours.net_area_mm2, theirs.net_area_mm2));
    assert!(
        ours.extents_mm
            .unwrap()
            .matches(theirs.extents_mm.unwrap(), 1e-6)
    );
    assert_eq!((ours.pierces, &ours.holes), (theirs.pierces, &theirs.holes));
    assert_eq!((ours.pierces, ours.parts_total), (4, 1));
}

#[test]
fn a_project_tells_what_is_written_in_it() {
    let content = format!(
        "<VariableText><Start Value=\"3\"/></VariableText><UIPrefs><JobOrigin Value=\"4\"/></UIPrefs>{}{}<Notes Notes=\"Material: MS&#10;Qty: 12\"/>",
        shape(
            "Type=\"Text\" Str=\"t = 3 mm &amp; clean\"",
            "1 0 0 1 0 0",
            ""
        ),
        DISC
    );
    let bytes = String::from_utf8(project(&content)).unwrap();
    let bytes = bytes.replace(
        "MirrorX",
        "MaterialHeight=\"6\" DeviceName=\"Galvo\" MirrorX",
    );
    let extraction = extracted(bytes.as_bytes(), "part.lbrn2");
    let section = section(&extraction);
    assert_eq!(section.device_name.as_deref(), Some("Galvo"));
    assert_eq!(
        (section.material_height_mm, section.mirror_x),
        (Some(6.0), true)
    );
    assert_eq!(section.variable_text["Start"], "3");
    assert_eq!(section.preferences["JobOrigin"], "4");
    assert_eq!(section.notes.as_deref(), Some("Material: MS\nQty: 12"));
    assert_eq!(section.shape_types, ["Ellipse", "Text"]);
    let drawing = extraction.drawing.as_ref().unwrap();
    assert_eq!(drawing.texts, ["t = 3 mm & clean"]);
    assert_eq!(drawing.format_version.as_deref(), Some("1"));
    let facts = &extraction.facts;
    assert_eq!(facts.material.as_ref().unwrap().value, "Mild Steel");
    assert_eq!(facts.quantity.as_ref().unwrap().value, 12);
    let thickness = facts.thickness_mm.as_ref().unwrap();
    assert_eq!(
        thickness.value, 3.0,
        "a text rules over the height set for focusing"
    );
    assert!(
        extraction
            .conflicts
            .iter()
            .any(|conflict| conflict.fact == "thickness_mm")
    );
}

#[test]
fn a_project_is_read_in_every_encoding() {
    let text = String::from_utf8(project(
        &DISC.replace("CutIndex", "Name=\"Größe \u{1}\" CutIndex"),
    ))
    .unwrap();
    let wide = |bytes: fn(u16) -> [u8; 2], mark: bool| -> Vec<u8> {
        let mark = mark.then_some(0xFEFF);
        mark.into_iter()
            .chain(text.encode_utf16())
            .flat_map(bytes)
            .collect()
    };
    let marked = [b"\xEF\xBB\xBF".as_slice(), text.as_bytes()].concat();
    let narrow: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    for bytes in [
        text.clone().into_bytes(),
        marked,
        narrow,
        wide(u16::to_le_bytes, true),
        wide(u16::to_be_bytes, true),
        wide(u16::to_le_bytes, false),
        wide(u16::to_be_bytes, false),
    ] {
        let extraction = extracted(&bytes, "upload");
        assert!(close(measures(&extraction).cut_length_mm, 10.0 * PI));
        assert!(measures(&extraction).measure_complete);
    }
}

#[test]
fn the_picture_in_the_file_stands_in_for_an_empty_drawing() {
    let png = [
        b"\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR".as_slice(),
        &[0, 0, 1, 0, 0, 0, 1, 0, 8, 6, 0, 0, 0],
    ]
    .concat();
    let source = base64::engine::general_purpose::STANDARD.encode(&png);
    let thumbnail = |source: &str| format!("<Thumbnail Source=\"{source}\"/>");
    let caller = facts::CallerFacts::default();
    let preview = |content: &str, wanted: bool| {
        let input = Input {
            preview: wanted,
            ..Input::new("a.lbrn2", &caller)
        };
        let (rules, limits) = (facts::Rules::default(), Limits::default());
        extract::extract(&project(content), &input, &rules, &limits).unwrap()
    };
    let shown = preview(&thumbnail(&source), true);
    let picture = shown.preview.unwrap();
    assert_eq!((picture.form, picture.bytes), (PreviewForm::Png, png));
    assert!(section(&shown.extraction).thumbnail);
    assert!(preview(&thumbnail(&source), false).preview.is_none());
    let bad = preview(&thumbnail("R0lGODlh"), true);
    assert_eq!(bad.preview.map(|own| own.form), Some(PreviewForm::Svg));
    assert!(!section(&bad.extraction).thumbnail);
    assert_eq!(codes(&bad.extraction), ["thumbnail_unreadable"]);
}
