//! Real files beside the figures of a trusted reader. The files are not ours to ship: `DRAFTWIRE_CORPUS` names their
//! folder, and without it these tests have nothing to do, unless `DRAFTWIRE_CORPUS_REQUIRED=1`.

use crate::{extracted, measured, read};
use drawing::{Extents, Measures, Shape};
use extract::{Kind, SNIFF_BYTES, sniff};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const LENGTH_SLACK: f64 = 1e-3;
const PLACE_SLACK_MM: f64 = 0.01;

pub(crate) fn corpus() -> Option<PathBuf> {
    let given = std::env::var_os("DRAFTWIRE_CORPUS").map(PathBuf::from);
    let beside = || {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .nth(3)
            .map(|above| above.join("shared/corpus"))
    };
    let found = given.or_else(beside).filter(|path| path.is_dir());
    if found.is_none() {
        assert!(
            std::env::var_os("DRAFTWIRE_CORPUS_REQUIRED").is_none_or(|flag| flag != "1"),
            "no corpus found"
        );
        println!("no corpus: set DRAFTWIRE_CORPUS to its folder");
    }
    found
}

pub(crate) fn truth(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("a truth file");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("one JSON object a line"))
        .collect()
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_f64)
        .collect()
}

pub(crate) fn counts(value: &Value) -> BTreeMap<String, u64> {
    let counts = value.as_object().into_iter().flatten();
    counts
        .map(|(kind, count)| (kind.clone(), count.as_u64().unwrap_or_default()))
        .collect()
}

/// Every curve's length, cut or not: the reference knows no operations.
pub(crate) fn whole_length(measures: &Measures) -> f64 {
    measures.layers.iter().map(|layer| layer.length_mm).sum()
}

pub(crate) fn agrees(extents: Option<Extents>, reference: &[f64], slack: f64) -> bool {
    match (extents, reference) {
        (None, []) => true,
        (Some(ours), [min_x, min_y, max_x, max_y]) => {
            let reference = Extents {
                min_x: *min_x,
                min_y: *min_y,
                max_x: *max_x,
                max_y: *max_y,
            };
            ours.matches(reference, slack)
        }
        _ => false,
    }
}

fn circle_diameters(bytes: &[u8]) -> Vec<f64> {
    let drawing = read(bytes).drawing;
    let mut diameters: Vec<f64> = drawing
        .curves
        .iter()
        .filter_map(|curve| match curve.shape {
            Shape::Arc(arc) if arc.is_circle() => Some(2.0 * arc.radius),
            _ => None,
        })
        .collect();
    diameters.sort_by(f64::total_cmp);
    diameters
}

#[test]
fn shop_files_agree_with_the_reference() {
    let Some(corpus) = corpus() else { return };
    let mut seen = 0;
    for row in truth(&corpus.join("shop/truth.jsonl"))
        .iter()
        .filter(|row| row["type"] == "dxf")
    {
        let name = row["name"].as_str().unwrap();
        let bytes = std::fs::read(corpus.join("shop").join(name)).unwrap();
        let extraction = extracted(&bytes, name);
        let measures = &extraction.drawing.as_ref().unwrap().measures;
        let geometry = &row["geometry"];
        let (ours, theirs) = (
            measures.cut_length_mm,
            geometry["cut_length"].as_f64().unwrap(),
        );
        println!(
            "{ours:>12.3} {theirs:>12.3} {:>3} pierces {:>2} parts  {name}",
            measures.pierces, measures.parts_total
        );
        assert_eq!(
            measures.entity_counts,
            counts(&geometry["counts"]),
            "{name}"
        );
        assert!(
            (ours - theirs).abs() <= LENGTH_SLACK * theirs,
            "{name}: {ours} {theirs}"
        );
        assert!(
            agrees(
                measures.extents_mm,
                &numbers(&geometry["bbox"]),
                PLACE_SLACK_MM
            ),
            "{name}: {:?}",
            measures.extents_mm
        );
        let mut holes = numbers(&geometry["circle_diameters"]);
        holes.sort_by(f64::total_cmp);
        let ours: Vec<f64> = measures
            .holes
            .iter()
            .flat_map(|group| (0..group.count).map(|_| group.diameter_mm))
            .collect();
        assert_eq!(ours, holes, "{name}");
        assert!(
            measures.measure_complete && measures.open_chains == 0,
            "{name}: {:?}",
            extraction.findings
        );
        for (fact, key) in [
            ("material", "material"),
            ("thickness_mm", "thickness_mm"),
            ("quantity", "quantity"),
        ] {
            let facts = serde_json::to_value(&extraction.facts).unwrap();
            let stated = &row["stated"][key];
            let same = match (facts[fact]["value"].as_f64(), stated.as_f64()) {
                (Some(ours), Some(stated)) => ours == stated,
                _ => facts[fact]["value"] == *stated,
            };
            assert!(same, "{name}: {fact} {} stated {stated}", facts[fact]);
        }
        seen += 1;
    }
    assert_eq!(seen, 14);
}

/// What the drawing holds after exploding, under the reference's names. Old and light polylines are one shape here, and
/// what is not a curve is not counted.
fn exploded(bytes: &[u8]) -> BTreeMap<&'static str, u64> {
    let drawing = read(bytes).drawing;
    let mut counts = BTreeMap::new();
    for curve in &drawing.curves {
        let name = match curve.shape {
            Shape::Line(..) => "LINE",
            Shape::Arc(arc) if arc.is_circle() => "CIRCLE",
            Shape::Arc(_) => "ARC",
            Shape::Ellipse(_) => "ELLIPSE",
            Shape::Polyline { .. } => "POLYLINE",
            Shape::Path { .. } => "SPLINE",
        };
        *counts.entry(name).or_default() += 1;
    }
    counts
}

fn reference_exploded(row: &Value) -> BTreeMap<&'static str, u64> {
    let mut merged = BTreeMap::new();
    for (kind, count) in counts(&row["exploded_counts"]) {
        let name = match kind.as_str() {
            "LWPOLYLINE" | "POLYLINE" => "POLYLINE",
            "LINE" => "LINE",
            "CIRCLE" => "CIRCLE",
            "ARC" => "ARC",
            "ELLIPSE" => "ELLIPSE",
            "SPLINE" => "SPLINE",
            _ => continue,
        };
        *merged.entry(name).or_default() += count;
    }
    merged
}

fn curve_extents(bytes: &[u8]) -> Option<Extents> {
    let drawing = read(bytes).drawing;
    let curves = drawing.curves.iter();
    Extents::around(curves.filter_map(|curve| drawing.extents(curve)))
}

fn named_blocks(bytes: &[u8]) -> Vec<String> {
    let blocks = read(bytes).blocks.into_iter();
    let mut names: Vec<String> = blocks.map(|block| block.name).collect();
    names.sort_unstable();
    names
}

fn sorted_words(value: &Value) -> Vec<String> {
    let words = value.as_array().into_iter().flatten();
    let mut words: Vec<String> = words
        .filter_map(|word| Some(word.as_str()?.to_owned()))
        .collect();
    words.sort_unstable();
    words
}

/// The reference flattens at 0.01 units: coarse for the quarter inch holes and slots of one file drawn in inches, which
/// it makes 75.64 long too when it flattens at 0.00001.
fn length_slack(name: &str, layer: Option<&str>) -> f64 {
    match (name, layer) {
        ("dxf/issue39.dxf", None) => 1.5 * LENGTH_SLACK,
        ("dxf/issue39.dxf", Some("Pocket" | "Through Hole")) => 7.0 * LENGTH_SLACK,
        _ => LENGTH_SLACK,
    }
}

/// What the reference measures too much: in one file it draws a closed cubic spline over all its knots, of which those
/// outside the domain (NURBS Book, 3.2) lead out of the control points' hull, up to y = 1191 in a drawing that ends at
/// 1005.
const OVERSHOT: f64 = 836.492 - 244.831;

fn reference_length(row: &Value) -> f64 {
    let length = row["length_xy"].as_f64().unwrap();
    match row["file"].as_str() {
        Some("dxf/supported_entities.dxf") => length - OVERSHOT,
        _ => length,
    }
}

fn reference_extents(row: &Value) -> Vec<f64> {
    let mut extents = numbers(&row["bbox_curves"]);
    if row["file"] == "dxf/supported_entities.dxf" {
        extents.truncate(3);
        extents.push(1005.0);
    }
    extents
}

/// Closed contours and open chains; what is drawn past its domain does not close.
fn reference_contours(row: &Value) -> (u64, u64) {
    let contours = row.get("contours_own").unwrap();
    let own = |key: &str| contours.get(key).and_then(Value::as_u64).unwrap();
    let closed = own("closed_single_curves") + own("closed_chains");
    match row["file"].as_str() {
        Some("dxf/supported_entities.dxf") => (closed + 1, own("open_chains") - 1),
        _ => (closed, own("open_chains")),
    }
}

/// Of lines that are on layer 0 in a block the reference says layer 0; they belong to the layer of the INSERT.
fn reference_layers(row: &Value) -> BTreeMap<String, f64> {
    let by_layer = row["length_by_layer"].as_object().unwrap().iter();
    by_layer
        .map(|(layer, length)| (layer.as_str(), length.as_f64().unwrap()))
        .map(|(layer, length)| match (row["file"].as_str(), layer) {
            (Some("dxf/supported_entities.dxf"), "0") => ("entities".to_owned(), length - OVERSHOT),
            _ => (layer.to_owned(), length),
        })
        .collect()
}

#[test]
fn exchanged_files_agree_with_the_reference() {
    let Some(corpus) = corpus() else { return };
    let rows = truth(&corpus.join("truth.jsonl"));
    let mut seen = 0;
    for row in rows.iter().filter(|row| row["kind"] == "dxf") {
        let name = row["file"].as_str().unwrap();
        let bytes = std::fs::read(corpus.join(name)).unwrap();
        let measures = measured(&bytes);
        seen += 1;
        assert_eq!(
            measures.entity_counts,
            counts(&row["modelspace_counts"]),
            "{name}"
        );
        assert_eq!(exploded(&bytes), reference_exploded(row), "{name}");
        let header = read(&bytes).header;
        // To a file without a header the reference gives its own default, metres.
        let headless = header.version.is_empty() && row["insunits"] == 6;
        assert!(
            headless || header.insunits == row["insunits"].as_i64(),
            "{name}"
        );
        assert_eq!(named_blocks(&bytes), sorted_words(&row["blocks"]), "{name}");
        assert!(
            measures.measure_complete,
            "{name}: {:?}",
            measures.not_measured
        );
        let (ours, theirs) = (whole_length(&measures), reference_length(row));
        println!("{ours:>12.3} {theirs:>12.3}  {name}");
        if row["curve_failures"] != 0 {
            // The reference asks for 13 knots where degree 2 and 9 control points need 12. The three splines are two
            // circles and an arc whose knots are lengths along them, in a unit that the first circle's radius gives.
            assert_eq!(name, "dxf/arcs-as-splines.dxf");
            let unit = 32.320_243_697_717 / 11.0;
            let knots = 69.115_038_378_975 + 15.707_963_267_949 + 17.834_856_870_762;
            assert!((ours - knots * unit).abs() < 1e-5 * ours, "{ours}");
            assert_eq!((measures.contours_total, measures.open_chains), (2, 1));
            continue;
        }
        assert!(
            (ours - theirs).abs() <= length_slack(name, None) * theirs,
            "{name}: {ours} {theirs}"
        );
        let extents = curve_extents(&bytes);
        assert!(
            agrees(extents, &reference_extents(row), PLACE_SLACK_MM),
            "{name}: {extents:?} {}",
            row["bbox_curves"]
        );
        let mut circles = numbers(&row["circle_diameters"]);
        circles.sort_by(f64::total_cmp);
        let ours = circle_diameters(&bytes);
        assert_eq!(ours.len(), circles.len(), "{name}");
        assert!(
            ours.iter().zip(circles).all(|(a, b)| (a - b).abs() < 1e-6),
            "{name}"
        );
        assert_eq!(
            (measures.contours_total, measures.open_chains),
            reference_contours(row),
            "{name}"
        );
    }
    assert_eq!(seen, 17);
}

#[test]
fn lengths_agree_by_layer() {
    let Some(corpus) = corpus() else { return };
    let rows = truth(&corpus.join("truth.jsonl"));
    let whole = |row: &&Value| row["kind"] == "dxf" && row["curve_failures"] == 0;
    for row in rows.iter().filter(whole) {
        let name = row["file"].as_str().unwrap();
        let drawing = read(&std::fs::read(corpus.join(name)).unwrap()).drawing;
        let mut ours: BTreeMap<&str, f64> = BTreeMap::new();
        for curve in &drawing.curves {
            let layer = drawing.layer(curve.layer).unwrap();
            *ours.entry(&layer.name).or_default() += drawing.length(curve);
        }
        let theirs = reference_layers(row);
        assert_eq!(ours.len(), theirs.len(), "{name}: {ours:?} {theirs:?}");
        for (layer, length) in ours {
            let theirs = theirs.get(layer).copied().unwrap_or_default();
            assert!(
                (length - theirs).abs() <= length_slack(name, Some(layer)) * theirs,
                "{name} {layer}: {length} {theirs}"
            );
        }
    }
}

#[test]
fn texts_agree_with_the_reference() {
    let Some(corpus) = corpus() else { return };
    let rows = truth(&corpus.join("truth.jsonl"));
    for row in rows.iter().filter(|row| row["kind"] == "dxf") {
        let name = row["file"].as_str().unwrap();
        let texts = read(&std::fs::read(corpus.join(name)).unwrap())
            .drawing
            .texts;
        let ours: Vec<String> = texts.into_iter().map(|text| text.value).collect();
        assert_eq!(serde_json::json!(ours), row["texts"], "{name}");
    }
}

#[test]
fn every_file_is_told_by_its_content() {
    let Some(corpus) = corpus() else { return };
    for row in truth(&corpus.join("truth.jsonl")) {
        let name = row["file"].as_str().unwrap();
        let bytes = std::fs::read(corpus.join(name)).unwrap();
        let head = bytes.get(..SNIFF_BYTES).unwrap_or(&bytes);
        let expected = match row["kind"].as_str().unwrap() {
            "lbrn" => "lbrn2",
            kind => kind,
        };
        let kind = |name: &str| sniff(head, name).kind.map(Kind::name);
        assert_eq!(kind(name), Some(expected), "{name}");
        assert_eq!(kind("upload"), Some(expected), "{name} without its name");
    }
}
