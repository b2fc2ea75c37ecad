//! `/console/design-files` and `/console/unmatched`: what has been received, and what of it is under no project yet, with
//! the projects that it may belong to.

use actix_web::web::Data;
use askama::Template;
use askama_web::WebTemplate;
use console::{Asked, Frame, Pager, Visit, said};
use serde::Deserialize;
use service::Problem;

use super::records::{DesignFile, FileLine, Listed, file_lines, page_query};
use super::trouble::framed;
use crate::api::page::Wanted;
use crate::api::{design_files, read, unmatched};
use crate::receiver::State;
use crate::store::overview::{Choice, choices};

pub(super) const AT: &str = "/console/design-files";
pub(super) const UNMATCHED_AT: &str = "/console/unmatched";
/// Projects that a field offers.
const PROJECTS_OFFERED: i64 = 200;

#[derive(Template, WebTemplate)]
#[template(path = "design_files.html")]
pub(super) struct FilesPage {
    frame: Frame,
    asked: Asked,
    lines: Vec<FileLine>,
    pager: Pager,
    csv: String,
}

/// `GET /console/design-files`.
pub(super) async fn list(
    state: Data<State>,
    visit: Visit,
    asked: Asked,
) -> Result<FilesPage, Problem> {
    let (caller, query) = (visit.caller.clone(), page_query(&asked)?);
    let listed = design_files::list(state.clone(), caller, Wanted::Json, query);
    let listed: Listed<DesignFile> = said(listed.await?).await?;
    Ok(FilesPage {
        frame: framed(&state, &visit, "Design files", AT).await?,
        pager: Pager::of(&asked, asked.offset(), listed.total),
        lines: file_lines(listed.items, &state, &visit),
        csv: asked.at("/console/design-files.csv"),
        asked,
    })
}

/// A file without a project.
#[derive(Debug, Deserialize)]
struct Unmatched {
    #[serde(flatten)]
    file: DesignFile,
    suggestions: Vec<Suggestion>,
}

/// A project that it may belong to.
#[derive(Debug, Deserialize)]
pub(super) struct Suggestion {
    project_code: String,
    reason: String,
}

/// The same as its page shows it.
pub(super) struct UnmatchedLine {
    file: DesignFile,
    has_picture: bool,
    suggestions: Vec<Suggestion>,
}

#[derive(Template, WebTemplate)]
#[template(path = "unmatched.html")]
pub(super) struct UnmatchedPage {
    frame: Frame,
    lines: Vec<UnmatchedLine>,
    pager: Pager,
    choices: Vec<Choice>,
}

/// `GET /console/unmatched`.
pub(super) async fn unmatched(
    state: Data<State>,
    visit: Visit,
    asked: Asked,
) -> Result<UnmatchedPage, Problem> {
    let (caller, query) = (visit.caller.clone(), page_query(&asked)?);
    let listed = unmatched::list(state.clone(), caller, Wanted::Json, query);
    let listed: Listed<Unmatched> = said(listed.await?).await?;
    let line = |one: Unmatched| UnmatchedLine {
        has_picture: one.file.has_picture(&state, &visit),
        file: one.file,
        suggestions: one.suggestions,
    };
    Ok(UnmatchedPage {
        frame: framed(&state, &visit, "Under no project", UNMATCHED_AT).await?,
        pager: Pager::of(&asked, asked.offset(), listed.total),
        lines: listed.items.into_iter().map(line).collect(),
        choices: project_choices(&state, &visit).await?,
    })
}

/// The latest open projects, for fields that ask for one.
pub(super) async fn project_choices(state: &State, visit: &Visit) -> Result<Vec<Choice>, Problem> {
    let tenant = visit.caller.tenant_id;
    let choices = read(state, move |conn| choices(conn, tenant, PROJECTS_OFFERED));
    choices.await
}
