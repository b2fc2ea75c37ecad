//! Facts as a page shows them: what each says, where it was read, how sure that is, and the field to correct it in.

use extract::Extraction;
use serde::Deserialize;
use serde_json::Value;

use crate::acceptance::{Acceptance, facts};
use crate::store::FileRow;

/// Names of facts that people may correct, as forms and pages call them.
const CORRECTABLE: [(&str, &str, &str); 6] = [
    ("client_code", "Client", "CL0001"),
    ("project_code", "Project", "JB-2026-11-CL0001-003"),
    ("part_name", "Part", "Bracket left"),
    ("material", "Material", "MS"),
    ("thickness_mm", "Thickness, mm", "3"),
    ("quantity", "Quantity", "1"),
];
/// Others that are shown.
const SHOWN: [(&str, &str); 4] = [
    ("job_number", "Job number"),
    ("version", "Version stated"),
    ("due_date", "Due date"),
    ("po_number", "Order number"),
];

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FactLine {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    /// What it is like, for an empty field.
    pub(super) example: &'static str,
    /// Empty when nobody stated it.
    pub(super) value: String,
    /// Where it was read.
    pub(super) source: &'static str,
    pub(super) evidence: String,
    pub(super) confidence: String,
    pub(super) is_corrected: bool,
    pub(super) is_correctable: bool,
}

#[derive(Deserialize)]
struct Read {
    value: Value,
    source: String,
    evidence: String,
    confidence: f64,
}

/// All facts of a file: those that can be corrected first.
pub(super) fn fact_lines(row: &FileRow, found: Option<&Extraction>) -> Vec<FactLine> {
    let read = found.and_then(|found| serde_json::to_value(&found.facts).ok());
    let corrections = facts(row.corrections.as_deref());
    let acceptance = Acceptance::of(row);
    let line = |name: &'static str, label: &'static str, example: &'static str| {
        let read = read.as_ref().and_then(|read| read.get(name));
        let read: Option<Read> = read.and_then(|read| serde_json::from_value(read.clone()).ok());
        let value = of_row(row, name).or_else(|| read.as_ref().map(|read| shown(&read.value)));
        FactLine {
            name,
            label,
            example,
            value: value.unwrap_or_default(),
            source: match &acceptance {
                Some(acceptance) if acceptance.confirms(name, &corrections) => "accepted as read",
                _ => read.as_ref().map_or("", |read| words(&read.source)),
            },
            evidence: read
                .as_ref()
                .map_or_else(String::new, |read| read.evidence.clone()),
            confidence: console::percent(read.as_ref().map(|read| read.confidence)),
            is_corrected: corrections.contains_key(name),
            is_correctable: !example.is_empty(),
        }
    };
    let correctable = CORRECTABLE.map(|(name, label, example)| line(name, label, example));
    let others = SHOWN.map(|(name, label)| line(name, label, ""));
    let others = others.into_iter().filter(|line| !line.value.is_empty());
    correctable.into_iter().chain(others).collect()
}

/// What the record says of a fact that people may correct.
pub(super) fn of_row(row: &FileRow, name: &str) -> Option<String> {
    match name {
        "client_code" => row.client_code.clone(),
        "project_code" => row.project_code.clone(),
        "part_name" => row.part_name.clone(),
        "material" => row.material.clone(),
        "thickness_mm" => row.thickness_mm.map(|mm| mm.to_string()),
        "quantity" => row.quantity.map(|count| count.to_string()),
        _ => None,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn words(source: &str) -> &'static str {
    match source {
        "correction" => "corrected by hand",
        "caller" => "given with the upload",
        "file_name" => "file name",
        "labelled_text" => "labelled text",
        "table_column" => "table column",
        "layer" => "layer",
        "bare_text" => "text",
        "geometry" => "geometry",
        _ => "",
    }
}
