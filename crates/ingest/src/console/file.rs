//! `/console/files/{id}`: one file with all that is known of it.

use std::sync::Arc;

use access::of_read;
use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Data, Path};
use askama::Template;
use askama_web::WebTemplate;
use console::{Frame, Time, Visit};
use db::{Conn, DbError};
use delivery::{DeliveryFilter, EventFilter, Page};
use drawing::{HoleGroup, LayerMeasure, Severity};
use extract::facts::Review;
use extract::{Extraction, PartLine};
use service::Problem;

use super::delivery_line::DeliveryLine;
use super::endpoints::Endpoints;
use super::fact_line::{FactLine, fact_lines};
use super::file_line::FileLine;
use super::files::AT;
use super::trouble::framed;
use super::version_line::{VersionLine, version_lines};
use crate::acceptance::Acceptance;
use crate::api::files::{extraction, find};
use crate::service_state::ServiceState;
use crate::storage::hex;
use crate::store::{self, FileRow, State};

type Shared = Data<Arc<ServiceState>>;

const EVENTS_SHOWN: u32 = 20;
const PART_LINES_SHOWN: usize = 50;
/// Longest extraction that is written into the page; longer ones are downloaded.
const RAW_BYTES_SHOWN: usize = 200_000;

#[derive(Template, WebTemplate)]
#[template(path = "file.html")]
pub(super) struct FilePage {
    frame: Frame,
    line: FileLine,
    /// Changes with every change of the record.
    tag: String,
    sha256: String,
    stored_name: String,
    mode: String,
    is_deleted: bool,
    is_drawing: bool,
    processed: Option<Time>,
    duplicate_of: Option<i64>,
    confidence: String,
    accepted: Option<Accepted>,
    facts: Vec<FactLine>,
    measures: Vec<(&'static str, String)>,
    layers: Vec<LayerMeasure>,
    remarks: Vec<Remark>,
    part_lines: Vec<PartLine>,
    part_lines_total: u64,
    versions: Vec<VersionLine>,
    events: Vec<EventLine>,
    raw: Option<String>,
    has_extraction: bool,
}

/// What a person accepted.
struct Accepted {
    at: Time,
    by: Option<String>,
    reasons: Vec<Review>,
}

impl From<Acceptance> for Accepted {
    fn from(acceptance: Acceptance) -> Self {
        Self {
            at: Time(acceptance.at_ms),
            by: acceptance.by,
            reasons: acceptance.reasons,
        }
    }
}

/// A finding or a diagnostic.
struct Remark {
    word: &'static str,
    look: &'static str,
    code: String,
    message: String,
    hint: Option<String>,
}

/// An event of the file, with what became of it.
struct EventLine {
    id: String,
    event_type: String,
    at: Time,
    deliveries: Vec<DeliveryLine>,
}

/// `GET /console/files/{id}`.
pub(super) async fn show(state: Shared, visit: Visit, id: Path<i64>) -> Result<FilePage, Problem> {
    let row = find(&state, visit.caller.tenant_id, *id).await?;
    let found = extraction(&state, &row).await?;
    let versions = version_lines(&state, &row).await?;
    let events = events(&state, &visit, &row).await?;
    let frame = framed(&state, &visit, row.clean_name.clone(), AT).await?;
    Ok(page(frame, &row, found.as_ref(), versions, events))
}

fn page(
    frame: Frame,
    row: &FileRow,
    found: Option<&Extraction>,
    versions: Vec<VersionLine>,
    events: Vec<EventLine>,
) -> FilePage {
    let drawing = found.and_then(|found| found.drawing.as_ref());
    let raw = found.and_then(|found| serde_json::to_string_pretty(found).ok());
    let part_lines = found.map_or(&[][..], |found| &found.part_lines);
    FilePage {
        frame,
        line: FileLine::from(row),
        tag: row.tag(),
        sha256: hex(&row.sha256),
        stored_name: row.stored_name.clone(),
        mode: row.mode.clone(),
        is_deleted: row.state() == State::Deleted,
        is_drawing: drawing.is_some(),
        processed: row.processed_at_ms.map(Time),
        duplicate_of: row.duplicate_of,
        confidence: console::percent(row.confidence_score),
        accepted: Acceptance::of(row).map(Accepted::from),
        facts: fact_lines(row, found),
        measures: found.map_or_else(Vec::new, measures),
        layers: drawing.map_or_else(Vec::new, |drawing| drawing.measures.layers.clone()),
        remarks: found.map_or_else(Vec::new, remarks),
        part_lines: part_lines.iter().take(PART_LINES_SHOWN).cloned().collect(),
        part_lines_total: found.map_or(0, |found| found.part_lines_total),
        versions,
        events,
        raw: raw.filter(|raw| raw.len() <= RAW_BYTES_SHOWN),
        has_extraction: found.is_some(),
    }
}

/// What was measured, with its units.
fn measures(found: &Extraction) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let Some(section) = &found.drawing {
        let measures = &section.measures;
        if let Some((width, height)) = measures.extents_mm.map(|extents| extents.rounded_size()) {
            lines.push(("Size", format!("{width} × {height} mm")));
        }
        lines.push(("Cut length", format!("{:.1} mm", measures.cut_length_mm)));
        lines.push(("Pierces", measures.pierces.to_string()));
        lines.push(("Parts", measures.parts_total.to_string()));
        lines.push(("Net area", format!("{:.0} mm²", measures.net_area_mm2)));
        if !measures.holes.is_empty() {
            lines.push(("Holes", holes(&measures.holes)));
        }
        if measures.open_chains > 0 {
            lines.push(("Open chains", measures.open_chains.to_string()));
        }
        if let Some(estimate) = &section.estimate {
            lines.push((
                "Cutting time",
                format!("{:.0} s, estimated", estimate.total_seconds),
            ));
        }
        if let Some(mass) = section.mass_kg {
            lines.push(("Mass", format!("{mass:.3} kg")));
        }
    }
    if let Some(document) = &found.document {
        if let Some(pages) = document.pages_total {
            lines.push(("Pages", pages.to_string()));
        }
        if let Some(image) = &document.image {
            let (width, height) = (image.width_px, image.height_px);
            lines.push(("Picture", format!("{width} × {height} pixels")));
        }
    }
    lines
}

fn holes(groups: &[HoleGroup]) -> String {
    let groups = groups.iter().take(12);
    let groups = groups.map(|group| format!("{} × ⌀ {} mm", group.count, group.diameter_mm));
    groups.collect::<Vec<_>>().join(", ")
}

fn remarks(found: &Extraction) -> Vec<Remark> {
    let remark = |severity, code: &str, message: &str, hint: &Option<String>| {
        let (word, look) = word(severity);
        Remark {
            word,
            look,
            code: code.to_owned(),
            message: message.to_owned(),
            hint: hint.clone(),
        }
    };
    let findings = found.findings.iter();
    let findings = findings.map(|one| remark(one.severity, &one.code, &one.message, &one.hint));
    let diagnostics = found.diagnostics.iter();
    let diagnostics =
        diagnostics.map(|one| remark(one.severity, &one.code, &one.message, &one.hint));
    findings.chain(diagnostics).collect()
}

const fn word(severity: Severity) -> (&'static str, &'static str) {
    match severity {
        Severity::Info => ("note", ""),
        Severity::Warning => ("warning", "warn"),
        Severity::Error => ("error", "bad"),
    }
}

/// The newest events of the file; none is older than its record or newer than its last change.
async fn events(state: &Shared, visit: &Visit, row: &FileRow) -> Result<Vec<EventLine>, Problem> {
    let endpoints = Endpoints::of(state, visit).await?;
    let tenant_id = row.tenant_id;
    let filter = EventFilter {
        subject: Some(format!("file/{}", row.id)),
        since_ms: Some(row.created_at_ms),
        ..EventFilter::default()
    };
    let publisher = state.events.publisher.clone();
    let read = move |conn: &mut Conn| {
        let found = filter.list(conn, &publisher, tenant_id, Page::first(EVENTS_SHOWN))?;
        let line = |logged: delivery::LoggedEvent| {
            let of_event = DeliveryFilter {
                event_id: Some(logged.event.id),
                ..DeliveryFilter::default()
            };
            let owed = of_event.list(conn, tenant_id, Page::first(EVENTS_SHOWN))?;
            Ok::<_, DbError>(EventLine {
                id: logged.event.id.to_string(),
                event_type: logged.event.event_type.to_string(),
                at: Time(logged.event.timestamp_ms),
                deliveries: owed
                    .items
                    .iter()
                    .map(|owed| DeliveryLine::of(owed, &endpoints))
                    .collect(),
            })
        };
        found.items.into_iter().map(line).collect()
    };
    state.database.reads().run(read).await.map_err(of_read)
}

/// `GET /console/files/{id}/extraction.json`: all that was read, with what was corrected.
pub(super) async fn raw(
    state: Shared,
    visit: Visit,
    id: Path<i64>,
) -> Result<HttpResponse, Problem> {
    let row = find(&state, visit.caller.tenant_id, *id).await?;
    let found = extraction(&state, &row).await?;
    let found = found.ok_or_else(|| Problem::not_found(format!("an extraction of file {id}")))?;
    let name = format!("attachment; filename=\"file-{id}-extraction.json\"");
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((CONTENT_DISPOSITION, name))
        .body(serde_json::to_vec_pretty(&found).map_err(Problem::internal)?))
}

/// The rows of a file's versions, newest first.
pub(super) async fn versions_of(state: &Shared, row: &FileRow) -> Result<Vec<FileRow>, Problem> {
    let row = row.clone();
    let read = move |conn: &mut Conn| store::versions(conn, &row);
    state.database.reads().run(read).await.map_err(of_read)
}
