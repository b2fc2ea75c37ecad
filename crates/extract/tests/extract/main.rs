//! What the extractor promises, on real files, made files and hostile files.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may stop at what should not be, and shows its table"
)]

mod binary;
mod blocks;
mod corpus;
mod corpus_table;
mod dialects;
mod fixtures;
mod hostile;
mod images;
mod lightburn;
mod lightburn_hostile;
mod lightburn_shapes;
mod pdf;
mod pdf_file;
mod pdf_hostile;
mod pdf_outlines;
mod pictures;
mod sheets;
mod sheets_hostile;
mod splines;
mod svgs;
mod words;

use drawing::{LayerRules, MeasureLimits, Measures, measure};
use extract::dxf::Reading;
use extract::{Extraction, Input, Limits, dxf, facts};

/// Reads a DXF that must be readable.
fn read(bytes: &[u8]) -> Reading {
    dxf::read(bytes, &LayerRules::default(), &Limits::default()).expect("this is a DXF")
}

/// Measures in the file's own units, with everything cut.
fn measured(bytes: &[u8]) -> Measures {
    let none = Vec::new;
    let all_cut = LayerRules {
        cut: none(),
        engrave: none(),
        bend: none(),
        ignore: none(),
    };
    let reading = dxf::read(bytes, &all_cut, &Limits::default()).expect("this is a DXF");
    measure(&reading.drawing, &MeasureLimits::default())
}

/// Extracts without anything said by a caller.
fn extracted(bytes: &[u8], name: &str) -> Extraction {
    let caller = facts::CallerFacts::default();
    extract::extract(
        bytes,
        &Input::new(name, &caller),
        &facts::Rules::default(),
        &Limits::default(),
    )
    .expect("this is a DXF")
    .extraction
}

/// A DXF of nothing but these entities, each given as `code value` words with `|` between fields.
fn entities(list: &[&str]) -> Vec<u8> {
    let mut text = String::from("0\nSECTION\n2\nENTITIES\n");
    for field in list.iter().flat_map(|entity| entity.split('|')) {
        let (code, value) = field.trim().split_once(' ').expect("code and value");
        text.push_str(&format!("{code}\n{value}\n"));
    }
    text.push_str("0\nENDSEC\n0\nEOF\n");
    text.into_bytes()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1.0)
}
