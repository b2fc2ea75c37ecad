//! From part lines to facts of the whole file: a single line speaks for it, of many only what every one of them says.
//! It must never pick one line out of several.

use super::Line;
use crate::facts::{ClientCode, Fact, Facts, ProjectCode, Source};

/// How sure what a column says is.
const COLUMN: f64 = 0.85;
/// A material that the table of materials lacks.
const UNKNOWN_MATERIAL: f64 = 0.5;

/// What the lines state together, if anything.
pub(super) fn facts(lines: &[Line]) -> Option<Facts> {
    let first = lines.first()?;
    let single = lines.len() == 1;
    let material = common(lines, |line| line.line.material.clone());
    let material_confidence = match first.material_known {
        true => COLUMN,
        false => UNKNOWN_MATERIAL,
    };
    let facts = Facts {
        part_name: first
            .line
            .part_name
            .clone()
            .filter(|_| single)
            .map(|name| fact(name, first, COLUMN)),
        quantity: first
            .line
            .quantity
            .filter(|_| single)
            .map(|count| fact(count, first, COLUMN)),
        material: material.map(|name| fact(name, first, material_confidence)),
        thickness_mm: common(lines, |line| line.line.thickness_mm)
            .map(|mm| fact(mm, first, COLUMN)),
        client_code: common(lines, |line| line.line.client_code.clone())
            .and_then(|code| ClientCode::parse(&code).ok())
            .map(|code| fact(code, first, COLUMN)),
        project_code: common(lines, |line| line.line.project_code.clone())
            .and_then(|code| ProjectCode::parse(&code).ok())
            .map(|code| fact(code, first, COLUMN)),
        due_date: common(lines, |line| line.due_date.clone()).map(|date| fact(date, first, COLUMN)),
        po_number: common(lines, |line| line.po_number.clone())
            .map(|number| fact(number, first, COLUMN)),
        ..Facts::default()
    };
    (facts != Facts::default()).then_some(facts)
}

fn fact<T>(value: T, line: &Line, confidence: f64) -> Fact<T> {
    Fact::new(
        value,
        Source::TableColumn,
        line.evidence.as_str(),
        confidence,
    )
}

/// The value that every line has.
fn common<T: PartialEq>(lines: &[Line], of: impl Fn(&Line) -> Option<T>) -> Option<T> {
    let (first, rest) = lines.split_first()?;
    let value = of(first)?;
    rest.iter()
        .all(|line| of(line).as_ref() == Some(&value))
        .then_some(value)
}
