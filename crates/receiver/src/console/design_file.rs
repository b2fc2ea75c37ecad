//! `/console/design-files/{id}`: a file with its picture, its facts, what changed from version to version and what happened
//! to it; and where people file it.

use actix_web::Either;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;
use askama_web::WebTemplate;
use console::{Answer, Frame, Time, Visit, percent, said};
use serde::Deserialize;
use serde_json::json;
use service::{Form, Problem};

use super::deeds::{Deed, latest};
use super::design_files::{AT, project_choices};
use super::forms::{Refusal, body, texts};
use super::records::{DesignFile, extents, length, mm, or_dash, pieces};
use super::trouble::framed;
use crate::api::{design_files as api, read};
use crate::facts::status_name;
use crate::receiver::State;
use crate::store::design_files as store;
use crate::store::overview::Choice;

/// Versions that are compared.
const VERSIONS_SHOWN: i64 = 12;
const DEEDS_SHOWN: i64 = 50;
/// What is compared: headings.
const COMPARED: [&str; 5] = ["Material", "Thickness", "Quantity", "Size", "Cut"];

#[derive(Template, WebTemplate)]
#[template(path = "design_file.html")]
pub(super) struct FilePage {
    frame: Frame,
    file: DesignFile,
    has_picture: bool,
    confidence: String,
    measures: Vec<(&'static str, String)>,
    listed: Vec<ListedPart>,
    listed_total: u64,
    versions: Vec<VersionLine>,
    deeds: Vec<Deed>,
    deeds_total: i64,
    choices: Vec<Choice>,
    typed: String,
    refusal: Option<Refusal>,
}

/// A version beside the one before it.
pub(super) struct VersionLine {
    id: i64,
    version: Option<i64>,
    is_this: bool,
    status: &'static str,
    created: Time,
    cells: Vec<Cell>,
}

/// A value, and whether the version before had another.
pub(super) struct Cell {
    heading: &'static str,
    text: String,
    is_changed: bool,
}

/// What its sender says of a file's content, as far as it is shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Summary {
    width_mm: Option<f64>,
    height_mm: Option<f64>,
    cut_length_mm: Option<f64>,
    pierces: Option<i64>,
    parts: Option<i64>,
    layers: Vec<String>,
    holes: Vec<Holes>,
    part_lines: Vec<Line>,
    part_lines_total: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Holes {
    diameter_mm: f64,
    count: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Line {
    part_name: Option<String>,
    material: Option<String>,
    thickness_mm: Option<f64>,
    quantity: Option<i64>,
}

/// A line of a cutting list.
pub(super) struct ListedPart {
    part: String,
    material: String,
    thickness: String,
    quantity: String,
}

impl Summary {
    fn of(row: &store::DesignFile) -> Self {
        let text = row.facts.extraction.as_deref();
        let read = text.and_then(|text| serde_json::from_str(text).ok());
        read.unwrap_or_default()
    }

    fn measures(&self) -> Vec<(&'static str, String)> {
        let count = |count: Option<i64>| count.map_or_else(String::new, |count| count.to_string());
        let holes = self.holes.iter();
        let holes = holes.map(|holes| format!("{} × ⌀ {} mm", holes.count, holes.diameter_mm));
        let holes: Vec<String> = holes.collect();
        let told = [
            ("Size", extents(self.width_mm, self.height_mm)),
            ("Cut length", length(self.cut_length_mm)),
            ("Pierces", count(self.pierces)),
            ("Holes", holes.join(", ")),
            ("Parts drawn", count(self.parts)),
            ("Layers", self.layers.join(", ")),
        ];
        let is_known = |(_, value): &(&str, String)| !value.is_empty() && value != "–";
        told.into_iter().filter(is_known).collect()
    }

    fn listed(self) -> Vec<ListedPart> {
        let line = |line: Line| ListedPart {
            part: or_dash(line.part_name),
            material: or_dash(line.material),
            thickness: mm(line.thickness_mm),
            quantity: pieces(line.quantity),
        };
        self.part_lines.into_iter().map(line).collect()
    }
}

/// Newest first, each beside the one before it; nothing when there is only one.
fn version_lines(rows: &[store::DesignFile], id: i64) -> Vec<VersionLine> {
    if rows.len() < 2 {
        return Vec::new();
    }
    let mut before: Option<[String; COMPARED.len()]> = None;
    let mut lines = Vec::new();
    for row in rows.iter().rev() {
        let (facts, summary) = (&row.facts, Summary::of(row));
        let values = [
            or_dash(facts.material.clone()),
            mm(facts.thickness_mm),
            pieces(facts.quantity),
            extents(summary.width_mm, summary.height_mm),
            length(summary.cut_length_mm),
        ];
        let cells = COMPARED.iter().zip(&values).enumerate();
        let cells = cells.map(|(at, (heading, text))| Cell {
            heading,
            text: text.clone(),
            is_changed: before
                .as_ref()
                .and_then(|before| before.get(at))
                .is_some_and(|was| was != text),
        });
        lines.push(VersionLine {
            id: row.id,
            version: facts.version,
            is_this: row.id == id,
            status: match row.is_deleted {
                1 => "deleted",
                _ => status_name(facts.status),
            },
            created: Time(facts.created_at_ms),
            cells: cells.collect(),
        });
        before = Some(values);
    }
    lines.reverse();
    lines
}

/// `GET /console/design-files/{id}`.
pub(super) async fn show(
    state: Data<State>,
    visit: Visit,
    id: Path<i64>,
) -> Result<FilePage, Problem> {
    page(&state, &visit, *id, (String::new(), None)).await
}

async fn page(
    state: &Data<State>,
    visit: &Visit,
    id: i64,
    (typed, refusal): (String, Option<Refusal>),
) -> Result<FilePage, Problem> {
    let caller = visit.caller.clone();
    let file: DesignFile = said(api::get(state.clone(), caller, Path::from(id)).await?).await?;
    let tenant = visit.caller.tenant_id;
    let rows = read(state, move |conn| match store::find(conn, tenant, id)? {
        Some(row) => {
            let versions = store::versions(conn, tenant, &row, VERSIONS_SHOWN)?;
            Ok((Some(row), versions))
        }
        None => Ok((None, Vec::new())),
    });
    let (row, versions) = rows.await?;
    let summary = row.as_ref().map(Summary::of).unwrap_or_default();
    let deeds = latest(state, visit, json!({ "design_file_id": id }), DEEDS_SHOWN).await?;
    Ok(FilePage {
        frame: framed(state, visit, file.name(), AT).await?,
        has_picture: file.has_picture(state, visit),
        confidence: percent(file.confidence_score),
        measures: summary.measures(),
        listed_total: summary.part_lines_total,
        listed: summary.listed(),
        versions: version_lines(&versions, id),
        deeds: deeds.items,
        deeds_total: deeds.total,
        choices: project_choices(state, visit).await?,
        file,
        typed,
        refusal,
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkForm {
    project_code: String,
    #[serde(default)]
    next: String,
}

/// `POST /console/design-files/{id}/link`: files it by hand. The page comes back when there is no such project.
pub(super) async fn link(
    state: Data<State>,
    visit: Visit,
    id: Path<i64>,
    Form(form): Form<LinkForm>,
) -> Result<Either<Answer, (FilePage, StatusCode)>, Problem> {
    let (id, caller) = (*id, visit.caller.clone());
    let code = form.project_code.trim();
    let fields = body(texts([("project_code", code)]));
    let linked = match fields {
        Ok(link) => api::link(state.clone(), caller, Path::from(id), link).await,
        Err(_empty) => Err(Problem::invalid_field("project_code", "name a project")),
    };
    let linked = match linked {
        Ok(linked) => linked,
        Err(problem) => {
            let refusal = Refusal::of(problem)?;
            let status = refusal.code.status();
            let page = page(&state, &visit, id, (form.project_code, Some(refusal))).await?;
            return Ok(Either::Right((page, status)));
        }
    };
    let file: DesignFile = said(linked).await?;
    let text = format!(
        "{} is under {}",
        file.name(),
        or_dash(file.project_code.clone())
    );
    let own = format!("{AT}/{id}");
    let next = match form.next.as_str() {
        "" => &own,
        next => console::own_path(next),
    };
    let undo = format!("{own}/unlink");
    Ok(Either::Left(visit.undoable(next, text, undo)?))
}

/// `POST /console/design-files/{id}/unlink`: its sender says again where it belongs.
pub(super) async fn unlink(
    state: Data<State>,
    visit: Visit,
    id: Path<i64>,
) -> Result<Answer, Problem> {
    let page = format!("{AT}/{id}");
    let file: DesignFile = said(api::unlink(state, visit.caller.clone(), id).await?).await?;
    let text = match &file.project_code {
        Some(code) => format!("{} is under {code} again, as its sender says", file.name()),
        None => format!("{} is under no project", file.name()),
    };
    visit.done(&page, text)
}
