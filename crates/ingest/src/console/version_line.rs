//! Versions of one part side by side, each with what changed from the one before it.

use std::sync::Arc;

use actix_web::web::Data;
use console::Time;
use service::Problem;

use super::fact_line::of_row;
use super::file::versions_of;
use super::file_line::Standing;
use crate::api::files::extraction;
use crate::service_state::ServiceState;
use crate::store::FileRow;

/// Versions that are compared.
const COMPARED_MAX: usize = 12;
/// What is compared: headings.
pub(super) const COLUMNS: [&str; 6] = [
    "Material",
    "Thickness, mm",
    "Quantity",
    "Size, mm",
    "Cut length, mm",
    "Pierces",
];

/// One version.
pub(super) struct VersionLine {
    pub(super) id: i64,
    pub(super) version: i64,
    pub(super) is_this: bool,
    pub(super) standing: Standing,
    pub(super) created: Time,
    pub(super) cells: Vec<Cell>,
}

/// A value, and whether the version before had another.
pub(super) struct Cell {
    pub(super) heading: &'static str,
    pub(super) text: String,
    pub(super) is_changed: bool,
}

/// The newest versions, newest first; nothing when there is only one.
pub(super) async fn version_lines(
    state: &Data<Arc<ServiceState>>,
    row: &FileRow,
) -> Result<Vec<VersionLine>, Problem> {
    let rows = versions_of(state, row).await?;
    if rows.len() < 2 {
        return Ok(Vec::new());
    }
    let mut lines: Vec<VersionLine> = Vec::new();
    let mut before: Option<Vec<String>> = None;
    for version in rows.iter().take(COMPARED_MAX).rev() {
        let values = values(state, version).await?;
        let cells = COLUMNS.iter().zip(&values).enumerate();
        let cells = cells.map(|(at, (heading, text))| Cell {
            heading,
            text: text.clone(),
            is_changed: before
                .as_ref()
                .is_some_and(|before| before.get(at) != Some(text)),
        });
        lines.push(VersionLine {
            id: version.id,
            version: version.version,
            is_this: version.id == row.id,
            standing: Standing::of(version),
            created: Time(version.created_at_ms),
            cells: cells.collect(),
        });
        before = Some(values);
    }
    lines.reverse();
    Ok(lines)
}

async fn values(state: &Data<Arc<ServiceState>>, row: &FileRow) -> Result<Vec<String>, Problem> {
    let found = extraction(state, row).await?;
    let measures = found
        .and_then(|found| found.drawing)
        .map(|drawing| drawing.measures);
    let size = measures.as_ref().and_then(|measures| measures.extents_mm);
    let size = size.map(|extents| extents.rounded_size());
    let fact = |name| of_row(row, name).unwrap_or_else(|| "–".to_owned());
    let measured = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    let cut = measures
        .as_ref()
        .map(|measures| format!("{:.1}", measures.cut_length_mm));
    let pierces = measures
        .as_ref()
        .map(|measures| measures.pierces.to_string());
    Ok(vec![
        fact("material"),
        fact("thickness_mm"),
        fact("quantity"),
        measured(size.map(|(width, height)| format!("{width} × {height}"))),
        measured(cut),
        measured(pierces),
    ])
}
