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

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_f64)
        .collect()
}

fn counts(value: &Value) -> BTreeMap<String, u64> {
    let counts = value.as_object().into_iter().flatten();
    counts
        .map(|(kind, count)| (kind.clone(), count.as_u64().unwrap_or_default()))
        .collect()
}

/// Every curve's length, cut or not: the reference knows no operations.
fn whole_length(measures: &Measures) -> f64 {
    measures.layers.iter().map(|layer| layer.length_mm).sum()
}

fn agrees(extents: Option<Extents>, reference: &[f64], slack: f64) -> bool {
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

#[test]
fn exchanged_files_agree_with_the_reference() {
    let Some(corpus) = corpus() else { return };
    let mut measured_whole = 0;
    for row in truth(&corpus.join("truth.jsonl"))
        .iter()
        .filter(|row| row["kind"] == "dxf")
    {
        let name = row["file"].as_str().unwrap();
        let bytes = std::fs::read(corpus.join(name)).unwrap();
        let measures = measured(&bytes);
        assert_eq!(
            measures.entity_counts,
            counts(&row["modelspace_counts"]),
            "{name}"
        );
        let complete = measures.measure_complete;
        let (ours, theirs) = (whole_length(&measures), row["length_xy"].as_f64().unwrap());
        println!(
            "{ours:>12.3} {theirs:>12.3} {}  {name}",
            if complete { "whole" } else { "part " }
        );
        if !complete {
            continue;
        }
        measured_whole += 1;
        assert!(
            (ours - theirs).abs() <= LENGTH_SLACK * theirs,
            "{name}: {ours} {theirs}"
        );
        let curves = read(&bytes).drawing;
        let extents = Extents::around(
            curves
                .curves
                .iter()
                .filter_map(|curve| curves.extents(curve)),
        );
        assert!(
            agrees(extents, &numbers(&row["bbox_curves"]), PLACE_SLACK_MM),
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
        let own = &row["contours_own"];
        let closed =
            own["closed_single_curves"].as_u64().unwrap() + own["closed_chains"].as_u64().unwrap();
        assert_eq!(
            (measures.contours_total, measures.open_chains),
            (closed, own["open_chains"].as_u64().unwrap()),
            "{name}"
        );
    }
    assert!(measured_whole >= 8, "{measured_whole}");
}

#[test]
fn texts_agree_with_the_reference() {
    let Some(corpus) = corpus() else { return };
    let rows = truth(&corpus.join("truth.jsonl"));
    let plain = |row: &&Value| row["kind"] == "dxf" && row["modelspace_counts"]["INSERT"].is_null();
    for row in rows.iter().filter(plain) {
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
