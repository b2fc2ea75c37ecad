//! What a project consists of: its drawings beside the lines of its cutting lists. Pure: rows in, a list out.
//! Must never guess in silence: a line without a drawing and a drawing without a line are both named.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::Value as Json;

use crate::store::design_files::DesignFile;

/// A part as its drawing says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Part {
    pub part_name: Option<String>,
    pub material: Option<String>,
    pub thickness_mm: Option<f64>,
    pub quantity: Option<i64>,
    /// Of its extents.
    pub width_mm: Option<f64>,
    pub height_mm: Option<f64>,
    /// Of one piece.
    pub cut_length_mm: Option<f64>,
    /// Of all pieces.
    pub cut_length_total_mm: Option<f64>,
    pub design_file_id: i64,
    pub filename: Option<String>,
    pub version: Option<i64>,
    /// What the cutting lists ask for; null when none names the part.
    pub quantity_on_list: Option<i64>,
    /// `listed`, `not_on_list`, `quantity_differs`; `no_list` when the project has none.
    pub state: &'static str,
}

/// A line of a cutting list that no drawing belongs to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct LineWithoutDrawing {
    pub part_name: Option<String>,
    pub material: Option<String>,
    pub thickness_mm: Option<f64>,
    pub quantity: Option<i64>,
    pub design_file_id: i64,
    pub filename: Option<String>,
}

/// A cutting list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct CuttingList {
    pub design_file_id: i64,
    pub filename: Option<String>,
    pub lines: usize,
    /// Lines of the file; what is beyond `lines` was not sent.
    pub lines_total: u64,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct PartsList {
    pub items: Vec<Part>,
    pub total: usize,
    pub lines_without_drawing: Vec<LineWithoutDrawing>,
    pub drawings_not_on_list: Vec<i64>,
    pub lists: Vec<CuttingList>,
    /// Whether files or lines were left out because there are too many.
    pub truncated: bool,
}

/// What a summary says that matters here. What has an unexpected shape is unknown, and nothing else with it.
#[derive(Debug, Default)]
struct Summary {
    width_mm: Option<f64>,
    height_mm: Option<f64>,
    cut_length_mm: Option<f64>,
    part_lines: Vec<Line>,
    part_lines_total: u64,
}

#[derive(Debug)]
struct Line {
    part_name: Option<String>,
    material: Option<String>,
    thickness_mm: Option<f64>,
    quantity: Option<i64>,
}

impl Summary {
    fn of(summary: &Json) -> Self {
        let number = |name: &str| summary.get(name).and_then(Json::as_f64);
        let lines = summary.get("part_lines").and_then(Json::as_array);
        let total = summary.get("part_lines_total").and_then(Json::as_u64);
        Self {
            width_mm: number("width_mm"),
            height_mm: number("height_mm"),
            cut_length_mm: number("cut_length_mm"),
            part_lines: lines.into_iter().flatten().map(Line::of).collect(),
            part_lines_total: total.unwrap_or_default(),
        }
    }
}

impl Line {
    fn of(line: &Json) -> Self {
        let text = |name: &str| line.get(name).and_then(Json::as_str).map(str::to_owned);
        Self {
            part_name: text("part_name"),
            material: text("material"),
            thickness_mm: line.get("thickness_mm").and_then(Json::as_f64),
            quantity: line.get("quantity").and_then(Json::as_i64),
        }
    }
}

/// `files` are those of the project that are not deleted, latest first; `truncated` when there are more.
pub(crate) fn parts_list(files: &[DesignFile], truncated: bool) -> PartsList {
    let summaries: Vec<(&DesignFile, Summary)> = files.iter().map(with_summary).collect();
    let (lists, drawings): (Vec<_>, Vec<_>) = summaries
        .into_iter()
        .partition(|(_, summary)| !summary.part_lines.is_empty());
    let lists = latest_versions(lists);
    let mut parts: Vec<Part> = latest_versions(drawings)
        .into_iter()
        .map(|(file, summary)| part(file, &summary))
        .collect();
    let by_name = index(&parts, files);
    let mut lines_without_drawing = Vec::new();
    for (file, summary) in &lists {
        for line in &summary.part_lines {
            let named = line.part_name.as_deref().and_then(|name| {
                let named = by_name.get(&plain(name))?;
                named.iter().find(|index| fits(line, parts.get(**index)))
            });
            match named.copied().and_then(|index| parts.get_mut(index)) {
                Some(part) => {
                    let more = line.quantity.unwrap_or(1);
                    let asked = part.quantity_on_list.unwrap_or(0);
                    part.quantity_on_list = Some(asked.saturating_add(more));
                }
                None => lines_without_drawing.push(without_drawing(file, line)),
            }
        }
    }
    for part in &mut parts {
        part.state = state(part, lists.is_empty());
    }
    let is_short =
        |list: &CuttingList| u64::try_from(list.lines).is_ok_and(|n| n < list.lines_total);
    let lists: Vec<CuttingList> = lists.iter().map(cutting_list).collect();
    PartsList {
        total: parts.len(),
        drawings_not_on_list: parts
            .iter()
            .filter(|part| part.state == "not_on_list")
            .map(|part| part.design_file_id)
            .collect(),
        truncated: truncated || lists.iter().any(is_short),
        items: parts,
        lines_without_drawing,
        lists,
    }
}

fn with_summary(file: &DesignFile) -> (&DesignFile, Summary) {
    let text = file.facts.extraction.as_deref().unwrap_or("{}");
    let summary: Json = serde_json::from_str(text).unwrap_or_default();
    (file, Summary::of(&summary))
}

/// Of the versions of a part the highest, and of equals the latest.
fn latest_versions<'f>(files: Vec<(&'f DesignFile, Summary)>) -> Vec<(&'f DesignFile, Summary)> {
    let mut latest: BTreeMap<(String, String, i64), (usize, &'f DesignFile, Summary)> =
        BTreeMap::new();
    for (place, (file, summary)) in files.into_iter().enumerate() {
        let base = file.facts.base_name.clone().unwrap_or_default();
        let alone = if base.is_empty() { file.id } else { 0 };
        let kind = file.facts.file_type.clone().unwrap_or_default();
        let key = (base, kind, alone);
        let newer = latest
            .get(&key)
            .is_none_or(|(_, held, _)| held.facts.version < file.facts.version);
        if newer {
            latest.insert(key, (place, file, summary));
        }
    }
    let mut latest: Vec<_> = latest.into_values().collect();
    latest.sort_by_key(|(place, ..)| *place);
    latest
        .into_iter()
        .map(|(_, file, summary)| (file, summary))
        .collect()
}

fn part(file: &DesignFile, summary: &Summary) -> Part {
    let facts = &file.facts;
    #[expect(clippy::cast_precision_loss, reason = "nobody cuts 2^53 pieces")]
    let total = summary
        .cut_length_mm
        .zip(facts.quantity)
        .map(|(mm, quantity)| (mm * quantity as f64 * 1000.0).round() / 1000.0);
    Part {
        part_name: facts.part_name.clone().or_else(|| facts.base_name.clone()),
        material: facts.material.clone(),
        thickness_mm: facts.thickness_mm,
        quantity: facts.quantity,
        width_mm: summary.width_mm,
        height_mm: summary.height_mm,
        cut_length_mm: summary.cut_length_mm,
        cut_length_total_mm: total,
        design_file_id: file.id,
        filename: filename(file),
        version: facts.version,
        quantity_on_list: None,
        state: "no_list",
    }
}

/// Parts by their plain names: the part's, and the file's without what is around it.
fn index(parts: &[Part], files: &[DesignFile]) -> HashMap<String, Vec<usize>> {
    let bases: HashMap<i64, &str> = files
        .iter()
        .filter_map(|file| Some((file.id, file.facts.base_name.as_deref()?)))
        .collect();
    let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, part) in parts.iter().enumerate() {
        let names = [
            part.part_name.as_deref(),
            bases.get(&part.design_file_id).copied(),
        ];
        for name in names.into_iter().flatten().map(plain) {
            let indices = by_name.entry(name).or_default();
            if !indices.contains(&index) {
                indices.push(index);
            }
        }
    }
    by_name
}

/// Letters and digits alone, in lower case: lists and file names differ in everything else.
fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Parts of one name differ in thickness; a line that says none fits any.
fn fits(line: &Line, part: Option<&Part>) -> bool {
    let Some(part) = part else { return false };
    match (line.thickness_mm, part.thickness_mm) {
        (Some(one), Some(two)) => (one - two).abs() < 0.05,
        _ => true,
    }
}

fn state(part: &Part, no_list: bool) -> &'static str {
    match (part.quantity_on_list, part.quantity) {
        _ if no_list => "no_list",
        (None, _) => "not_on_list",
        (Some(asked), Some(given)) if asked != given => "quantity_differs",
        (Some(_), _) => "listed",
    }
}

fn without_drawing(file: &DesignFile, line: &Line) -> LineWithoutDrawing {
    LineWithoutDrawing {
        part_name: line.part_name.clone(),
        material: line.material.clone(),
        thickness_mm: line.thickness_mm,
        quantity: line.quantity,
        design_file_id: file.id,
        filename: filename(file),
    }
}

fn cutting_list((file, summary): &(&DesignFile, Summary)) -> CuttingList {
    let lines = summary.part_lines.len();
    let sent = u64::try_from(lines).unwrap_or(u64::MAX);
    CuttingList {
        design_file_id: file.id,
        filename: filename(file),
        lines,
        lines_total: summary.part_lines_total.max(sent),
    }
}

fn filename(file: &DesignFile) -> Option<String> {
    let facts = &file.facts;
    facts
        .stored_filename
        .clone()
        .or_else(|| facts.original_filename.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::{FileEventKind, FileSnapshot};
    use serde_json::value::RawValue;

    use crate::facts::Facts;

    fn file(id: i64, name: &str, quantity: i64, version: i64, extraction: &str) -> DesignFile {
        let snapshot = FileSnapshot {
            ingest_id: id,
            original_filename: Some(format!("{name}.dxf")),
            part_name: Some(name.to_owned()),
            thickness_mm: Some(5.0),
            quantity: Some(quantity),
            version: Some(version),
            extraction: Some(RawValue::from_string(extraction.to_owned()).unwrap()),
            ..FileSnapshot::default()
        };
        DesignFile {
            id,
            source: "s".to_owned(),
            origin: String::new(),
            ingest_id: id,
            source_id: 1,
            facts: Facts::of(FileEventKind::Processed, snapshot, 0).unwrap(),
            is_deleted: 0,
            deleted_at_ms: None,
            hard_delete: None,
            linked_project_code: None,
            filed_under: None,
            project_id: None,
        }
    }

    const DRAWN: &str = r#"{"cut_length_mm":100.5}"#;
    const LIST: &str = r#"{"part_lines_total":9,"part_lines":[
        {"part_name":"BASE plate","quantity":4,"thickness_mm":5},
        {"part_name":"Base_Plate","quantity":2},
        {"part_name":"Base plate","quantity":1,"thickness_mm":8},
        {"part_name":"Gusset","quantity":3,"material":"MS"},
        {"quantity":1}]}"#;

    #[test]
    fn drawings_and_lines_find_each_other_by_name_and_thickness() {
        let files = [
            file(4, "Base-Plate", 6, 2, DRAWN),
            file(3, "Base-Plate", 9, 1, DRAWN),
            file(2, "Cap", 1, 1, "{}"),
            file(1, "Cutting list", 1, 1, LIST),
        ];
        let found = parts_list(&files, false);
        let told: Vec<_> = found
            .items
            .iter()
            .map(|part| (part.design_file_id, part.quantity_on_list, part.state))
            .collect();
        assert_eq!(told, [(4, Some(6), "listed"), (2, None, "not_on_list")]);
        assert_eq!(found.items[0].cut_length_total_mm, Some(603.0));
        assert_eq!(found.drawings_not_on_list, [2]);
        let missing: Vec<_> = found
            .lines_without_drawing
            .iter()
            .map(|line| (line.part_name.as_deref(), line.quantity))
            .collect();
        let expected = [
            (Some("Base plate"), Some(1)),
            (Some("Gusset"), Some(3)),
            (None, Some(1)),
        ];
        assert_eq!(missing, expected);
        assert_eq!((found.lists[0].lines, found.lists[0].lines_total), (5, 9));
        assert!(found.truncated);
    }

    #[test]
    fn a_summary_of_another_shape_costs_only_what_cannot_be_read() {
        const ODD: &str = r#"{"cut_length_mm":1e308,"width_mm":"wide","part_lines_total":-1,
            "part_lines":[{"part_name":"Cap","quantity":9223372036854775807},7,null,
            {"part_name":"Cap","quantity":2},{"part_name":["Cap"],"quantity":"x"}]}"#;
        let most = file(
            2,
            "Cap",
            i64::MAX,
            1,
            r#"{"cut_length_mm":5,"part_lines":{}}"#,
        );
        let found = parts_list(&[most, file(1, "List", 1, 1, ODD)], false);
        assert_eq!(found.items[0].cut_length_mm, Some(5.0));
        assert_eq!(found.items[0].quantity_on_list, Some(i64::MAX));
        assert_eq!(found.lines_without_drawing.len(), 3);
        for text in ["7", "[]", "null", "\"x\""] {
            assert_eq!(parts_list(&[file(1, "Cap", 1, 1, text)], false).total, 1);
        }
    }

    #[test]
    fn without_a_list_nothing_is_missing() {
        let found = parts_list(&[file(1, "Cap", 1, 1, DRAWN)], false);
        assert_eq!(found.items[0].state, "no_list");
        assert!(found.drawings_not_on_list.is_empty() && !found.truncated);
        let differs = [file(2, "Gusset", 4, 1, DRAWN), file(1, "List", 1, 1, LIST)];
        assert_eq!(
            parts_list(&differs, false).items[0].state,
            "quantity_differs"
        );
    }
}
