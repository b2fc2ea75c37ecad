//! Our own design files: the good ones against figures worked out by hand, the broken ones for what can be saved. The
//! hostile ones are tried end to end, within the limits of a real worker.

use crate::{close, extracted};
use extract::Extraction;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn folder(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/designs")
        .join(kind)
}

fn read(kind: &str, name: &str) -> Vec<u8> {
    std::fs::read(folder(kind).join(name)).expect("a committed fixture")
}

fn names(kind: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder(kind)).expect("a committed folder");
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn codes(extraction: &Extraction) -> Vec<&str> {
    extraction
        .diagnostics
        .iter()
        .map(|diagnostic| diagnostic.code.as_str())
        .collect()
}

#[test]
fn good_parts_measure_and_read_as_worked_out_by_hand() {
    let truth: Vec<Value> = serde_json::from_slice(&read("good", "truth.json")).unwrap();
    assert_eq!(truth.len() + 1, names("good").len());
    for row in &truth {
        let name = row["file"].as_str().unwrap();
        let extraction = extracted(&read("good", name), name);
        let json = serde_json::to_value(&extraction).unwrap();
        let drawing = &json["drawing"];
        for key in ["cut_length_mm", "pierces"] {
            assert!(
                close(drawing[key].as_f64().unwrap(), row[key].as_f64().unwrap()),
                "{name} {key}: {}",
                drawing[key]
            );
        }
        for key in ["min_x", "min_y", "max_x", "max_y"] {
            let (ours, theirs) = (&drawing["extents_mm"][key], &row["extents_mm"][key]);
            assert!(
                close(ours.as_f64().unwrap(), theirs.as_f64().unwrap()),
                "{name} {key}: {ours}"
            );
        }
        assert_eq!(drawing["parts_total"], row["parts"], "{name}");
        let holes = |of: &Value| -> Vec<(f64, u64)> {
            let holes = of["holes"].as_array().unwrap().iter();
            holes
                .map(|hole| {
                    (
                        hole["diameter_mm"].as_f64().unwrap(),
                        hole["count"].as_u64().unwrap(),
                    )
                })
                .collect()
        };
        assert_eq!(holes(drawing), holes(row), "{name}");
        for fact in [
            "client_code",
            "project_code",
            "part_name",
            "material",
            "thickness_mm",
            "quantity",
        ] {
            let value = &json["facts"][fact]["value"];
            let same = match (value.as_f64(), row[fact].as_f64()) {
                (Some(ours), Some(stated)) => ours == stated,
                _ => *value == row[fact],
            };
            assert!(same, "{name} {fact}: {value} stated {}", row[fact]);
        }
        assert_eq!(drawing["measure_complete"], true, "{name}");
        let clean = extraction
            .findings
            .iter()
            .all(|finding| finding.code == "unit_doubt")
            && extraction.diagnostics.is_empty();
        assert!(
            clean,
            "{name}: {:?} {:?}",
            extraction.findings, extraction.diagnostics
        );
    }
}

#[test]
fn broken_files_give_what_can_be_saved_and_say_what_was_not() {
    // The plate is 300 mm of outline, 10 π of hole and a stray line of 100.
    let (outline, hole, line) = (300.0, 10.0 * std::f64::consts::PI, 100.0);
    let cases: [(&str, &[&str], f64); 8] = [
        (
            "0021-Cut off in mid-entity-MS-3mm-x2.dxf",
            &["entity_incomplete", "file_truncated"],
            outline + hole,
        ),
        (
            "0022-No end mark-MS-3mm-x2.dxf",
            &["eof_missing"],
            outline + hole + line,
        ),
        (
            "0023-Bad number-MS-3mm-x2.dxf",
            &["bad_number"],
            outline + line,
        ),
        (
            "0024-Unknown section-MS-3mm-x2.dxf",
            &[],
            outline + hole + line,
        ),
        (
            "0025-Same handle everywhere-MS-3mm-x2.dxf",
            &[],
            outline + hole + line,
        ),
        (
            "0026-Decimal commas-MS-3mm-x2.dxf",
            &[],
            outline + hole + line,
        ),
        (
            "0027-A line lost-MS-3mm-x2.dxf",
            &["entity_damaged", "lines_unreadable"],
            outline + line,
        ),
        (
            "0028-Blank lines and comments-MS-3mm-x2.dxf",
            &["junk_after_eof"],
            outline + hole + line,
        ),
    ];
    assert_eq!(
        cases.map(|(name, ..)| name.to_owned()).as_slice(),
        names("broken")
    );
    for (name, said, length) in cases {
        let extraction = extracted(&read("broken", name), name);
        assert_eq!(codes(&extraction), said, "{name}");
        let measures = extraction.drawing.unwrap().measures;
        assert!(
            close(measures.cut_length_mm, length),
            "{name}: {}",
            measures.cut_length_mm
        );
        assert_eq!(
            measures.measure_complete,
            close(length, outline + hole + line),
            "{name}"
        );
        assert_eq!(extraction.facts.quantity.unwrap().value, 2, "{name}");
    }
}
