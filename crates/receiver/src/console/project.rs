//! `/console/projects/{code}`: a job with all that belongs to it, which prints as its job sheet; and what people do to it.

use std::collections::HashMap;

use actix_web::Either;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;
use askama_web::WebTemplate;
use console::{Answer, Count, Frame, Time, Visit, said};
use serde::Deserialize;
use serde_json::json;
use service::{Code, Form, Problem};

use super::deeds::{Deed, latest};
use super::forms::{Refusal, body, tag_of, texts};
use super::pictures::has_pictures;
use super::projects::{AT, ProjectForm};
use super::records::{
    DesignFile, Due, FileLine, Listed, Project, extents, file_lines, length, mm, or_dash, pieces,
    query, today,
};
use super::trouble::framed;
use crate::api::fields::IfMatch;
use crate::api::page::Wanted;
use crate::api::{parts, projects};
use crate::parts::{CuttingList, LineWithoutDrawing, Part};
use crate::projects::status_names;
use crate::receiver::State;
use crate::store::design_files;

/// What a page lists of it; tables and sheets have the rest.
const PARTS_SHOWN: usize = 500;
const LINES_SHOWN: usize = 200;
const FILES_SHOWN: i64 = 50;
const DEEDS_SHOWN: i64 = 12;

#[derive(Template, WebTemplate)]
#[template(path = "project.html")]
pub(super) struct ProjectPage {
    frame: Frame,
    project: Project,
    due: Option<Due>,
    statuses: [&'static str; 7],
    parts: Vec<PartLine>,
    sum: Sum,
    missing: Vec<MissingLine>,
    missing_total: usize,
    lists: Vec<CuttingList>,
    is_truncated: bool,
    files: Vec<FileLine>,
    files_total: i64,
    deeds: Vec<Deed>,
    deeds_total: i64,
    form: ProjectForm,
    refusal: Option<Refusal>,
    printed: Time,
}

/// A part of the job, as its sheet lists it.
pub(super) struct PartLine {
    id: i64,
    part: String,
    filename: String,
    material: String,
    thickness: String,
    quantity: String,
    size: String,
    cut: String,
    cut_total: String,
    has_picture: bool,
    /// Where the cutting list says otherwise.
    remark: String,
    look: &'static str,
}

/// A line of a cutting list without a drawing.
pub(super) struct MissingLine {
    part: String,
    material: String,
    thickness: String,
    quantity: String,
    list_id: i64,
    list: String,
}

/// All parts together.
pub(super) struct Sum {
    parts: usize,
    pieces: Count,
    /// Parts that say no quantity.
    without_quantity: usize,
    cut: String,
    differing: usize,
    not_listed: usize,
}

impl PartLine {
    fn of(part: &Part, has_picture: bool) -> Self {
        let (remark, look) = match (part.state, part.quantity_on_list) {
            ("quantity_differs", Some(listed)) => {
                (format!("the list asks for {}", Count(listed)), "warn")
            }
            ("not_on_list", _) => ("on no list".to_owned(), "warn"),
            ("listed", _) => ("as listed".to_owned(), "good"),
            _ => (String::new(), ""),
        };
        Self {
            id: part.design_file_id,
            part: or_dash(part.part_name.clone()),
            filename: or_dash(part.filename.clone()),
            material: or_dash(part.material.clone()),
            thickness: mm(part.thickness_mm),
            quantity: pieces(part.quantity),
            size: extents(part.width_mm, part.height_mm),
            cut: length(part.cut_length_mm),
            cut_total: length(part.cut_length_total_mm),
            has_picture,
            remark,
            look,
        }
    }
}

impl MissingLine {
    fn of(line: LineWithoutDrawing) -> Self {
        Self {
            part: or_dash(line.part_name),
            material: or_dash(line.material),
            thickness: mm(line.thickness_mm),
            quantity: pieces(line.quantity),
            list_id: line.design_file_id,
            list: or_dash(line.filename),
        }
    }
}

impl Sum {
    fn of(parts: &[Part]) -> Self {
        let in_state = |state| parts.iter().filter(|part| part.state == state).count();
        let pieces = parts.iter().filter_map(|part| part.quantity);
        let cut: f64 = parts
            .iter()
            .filter_map(|part| part.cut_length_total_mm)
            .sum();
        Self {
            parts: parts.len(),
            pieces: Count(pieces.fold(0, i64::saturating_add)),
            without_quantity: parts.iter().filter(|part| part.quantity.is_none()).count(),
            cut: length((cut > 0.0).then_some(cut)),
            differing: in_state("quantity_differs"),
            not_listed: in_state("not_on_list"),
        }
    }
}

/// The project and the revision that is shown.
async fn find(
    state: &Data<State>,
    visit: &Visit,
    code: &str,
) -> Result<(Project, String), Problem> {
    let (caller, code) = (visit.caller.clone(), Path::from(code.to_owned()));
    let answer = projects::get(state.clone(), caller, code).await?;
    let tag = tag_of(&answer);
    Ok((said(answer).await?, tag))
}

/// `GET /console/projects/{code}`.
pub(super) async fn show(
    state: Data<State>,
    visit: Visit,
    code: Path<String>,
) -> Result<ProjectPage, Problem> {
    let (project, tag) = find(&state, &visit, &code).await?;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let form = ProjectForm {
        name: text(&project.name),
        due_date: text(&project.due_date),
        material: text(&project.material),
        thickness_mm: project
            .thickness_mm
            .map_or_else(String::new, |mm| mm.to_string()),
        notes: text(&project.notes),
        tag,
        ..ProjectForm::default()
    };
    page(&state, &visit, project, form, None).await
}

async fn page(
    state: &Data<State>,
    visit: &Visit,
    project: Project,
    form: ProjectForm,
    refusal: Option<Refusal>,
) -> Result<ProjectPage, Problem> {
    let tenant = visit.caller.tenant_id;
    let (rows, list) = parts::of_project(state, tenant, &project.code).await?;
    let by_id: HashMap<i64, &design_files::DesignFile> =
        rows.iter().map(|row| (row.id, row)).collect();
    let has_picture = |part: &Part| {
        let row = by_id.get(&part.design_file_id);
        row.is_some_and(|row| {
            row.facts.preview_url.is_some() && has_pictures(state, &visit.caller, &row.source)
        })
    };
    let shown = list.items.iter().take(PARTS_SHOWN);
    let slice = query(json!({ "limit": FILES_SHOWN }))?;
    let (caller, code) = (visit.caller.clone(), Path::from(project.code.clone()));
    let files = projects::design_files(state.clone(), caller, code, Wanted::Json, slice);
    let files: Listed<DesignFile> = said(files.await?).await?;
    let of_project = json!({ "project_code": project.code });
    let deeds = latest(state, visit, of_project, DEEDS_SHOWN).await?;
    Ok(ProjectPage {
        frame: framed(state, visit, project.code.as_str(), AT).await?,
        due: project.due(today(state)),
        statuses: status_names(),
        parts: shown
            .map(|part| PartLine::of(part, has_picture(part)))
            .collect(),
        sum: Sum::of(&list.items),
        is_truncated: list.truncated,
        lists: list.lists,
        missing_total: list.lines_without_drawing.len(),
        missing: list
            .lines_without_drawing
            .into_iter()
            .take(LINES_SHOWN)
            .map(MissingLine::of)
            .collect(),
        files: file_lines(files.items, state, visit),
        files_total: files.total,
        deeds: deeds.items,
        deeds_total: deeds.total,
        printed: Time(state.clock.now_ms()),
        project,
        form,
        refusal,
    })
}

/// The page again, with what was refused on it.
async fn refused(
    state: &Data<State>,
    visit: &Visit,
    code: &str,
    form: ProjectForm,
    problem: Problem,
) -> Result<Either<Answer, (ProjectPage, StatusCode)>, Problem> {
    let mut refusal = Refusal::of(problem)?;
    let status = refusal.code.status();
    let (project, tag) = find(state, visit, code).await?;
    if refusal.code == Code::PreconditionFailed {
        refusal.text = "Somebody else has changed this project meanwhile: look at what it is now, \
                        then save again if yours shall hold."
            .to_owned();
    }
    let form = ProjectForm { tag, ..form };
    let page = page(state, visit, project, form, Some(refusal)).await?;
    Ok(Either::Right((page, status)))
}

/// `POST /console/projects/{code}`: changes what the form holds.
pub(super) async fn change(
    state: Data<State>,
    visit: Visit,
    code: Path<String>,
    Form(form): Form<ProjectForm>,
) -> Result<Either<Answer, (ProjectPage, StatusCode)>, Problem> {
    let fields = form.fields();
    match try_change(&state, &visit, &code, &form.tag, fields).await {
        Ok(project) => {
            let page = format!("{AT}/{}", project.code);
            Ok(Either::Left(visit.done(&page, "The project is saved")?))
        }
        Err(problem) => refused(&state, &visit, &code, form, problem).await,
    }
}

type Fields = serde_json::Map<String, serde_json::Value>;

async fn try_change(
    state: &Data<State>,
    visit: &Visit,
    code: &str,
    tag: &str,
    fields: Result<Fields, Problem>,
) -> Result<Project, Problem> {
    let (caller, code) = (visit.caller.clone(), Path::from(code.to_owned()));
    let condition = IfMatch::only(tag);
    let body = body(fields?)?;
    said(projects::change_one(state.clone(), caller, code, condition, body).await?).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatusForm {
    status: String,
    tag: String,
}

/// `POST /console/projects/{code}/status`.
pub(super) async fn set_status(
    state: Data<State>,
    visit: Visit,
    code: Path<String>,
    Form(form): Form<StatusForm>,
) -> Result<Answer, Problem> {
    let fields = Ok(texts([("status", &form.status)]));
    let project = try_change(&state, &visit, &code, &form.tag, fields).await?;
    let text = format!("{} is now {}", project.code, project.status);
    visit.done(&format!("{AT}/{}", project.code), text)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tagged {
    pub(super) tag: String,
}

/// `POST /console/projects/{code}/delete`.
pub(super) async fn delete(
    state: Data<State>,
    visit: Visit,
    code: Path<String>,
    Form(form): Form<Tagged>,
) -> Result<Answer, Problem> {
    let text = format!("Project {code} is deleted; its files are kept, under no project");
    let condition = IfMatch::only(&form.tag);
    projects::delete(state, visit.caller.clone(), code, condition).await?;
    visit.done(AT, text)
}
