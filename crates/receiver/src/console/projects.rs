//! `/console/projects`: the shop's jobs, searched, filtered and paged, and the form for a new one.

use actix_web::Either;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use askama::Template;
use askama_web::WebTemplate;
use console::{Answer, Asked, Frame, Pager, Visit, said};
use serde::Deserialize;
use service::{Form, Problem};

use super::forms::{Refusal, body, number, texts};
use super::records::{Due, Listed, Project, page_query, query, today};
use super::trouble::framed;
use crate::api::page::Wanted;
use crate::api::{clients, projects};
use crate::projects::status_names;
use crate::receiver::State;

pub(super) const AT: &str = "/console/projects";
/// Clients that a form offers.
const CLIENTS_OFFERED: i64 = 1_000;

/// A project as lists show it.
pub(super) struct ProjectLine {
    project: Project,
    due: Option<Due>,
}

#[derive(Template, WebTemplate)]
#[template(path = "projects.html")]
pub(super) struct ProjectsPage {
    frame: Frame,
    asked: Asked,
    lines: Vec<ProjectLine>,
    pager: Pager,
    statuses: [&'static str; 7],
    csv: String,
}

/// `GET /console/projects`.
pub(super) async fn list(
    state: Data<State>,
    visit: Visit,
    asked: Asked,
) -> Result<ProjectsPage, Problem> {
    let (caller, query) = (visit.caller.clone(), page_query(&asked)?);
    let listed = projects::list(state.clone(), caller, Wanted::Json, query);
    let listed: Listed<Project> = said(listed.await?).await?;
    let today = today(&state);
    let line = |project: Project| ProjectLine {
        due: project.due(today),
        project,
    };
    Ok(ProjectsPage {
        frame: framed(&state, &visit, "Projects", AT).await?,
        pager: Pager::of(&asked, asked.offset(), listed.total),
        lines: listed.items.into_iter().map(line).collect(),
        statuses: status_names(),
        csv: asked.at("/console/projects.csv"),
        asked,
    })
}

/// A client that a form offers.
#[derive(Debug, Deserialize)]
pub(super) struct ClientChoice {
    pub(super) code: String,
    pub(super) name: String,
}

/// The first clients, by code.
async fn client_choices(state: &Data<State>, visit: &Visit) -> Result<Vec<ClientChoice>, Problem> {
    let query = query(serde_json::json!({ "limit": CLIENTS_OFFERED }))?;
    let listed = clients::list(state.clone(), visit.caller.clone(), Wanted::Json, query);
    let listed: Listed<ClientChoice> = said(listed.await?).await?;
    Ok(listed.items)
}

/// A project as its forms hold it; a field that is not sent is not an empty one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProjectForm {
    /// These three where it is made.
    #[serde(default)]
    pub(super) code: String,
    #[serde(default)]
    pub(super) client_code: String,
    #[serde(default)]
    pub(super) status: String,
    pub(super) name: String,
    pub(super) due_date: String,
    pub(super) material: String,
    pub(super) thickness_mm: String,
    pub(super) notes: String,
    /// The revision that it was filled from.
    pub(super) tag: String,
}

impl ProjectForm {
    /// What both making and changing take.
    pub(super) fn fields(&self) -> Result<serde_json::Map<String, serde_json::Value>, Problem> {
        let mut fields = texts([
            ("name", &self.name),
            ("due_date", &self.due_date),
            ("material", &self.material),
            ("notes", &self.notes),
        ]);
        if !self.status.is_empty() {
            fields.insert("status".to_owned(), self.status.as_str().into());
        }
        let thickness = number("thickness_mm", &self.thickness_mm)?;
        fields.insert("thickness_mm".to_owned(), thickness);
        Ok(fields)
    }
}

#[derive(Template, WebTemplate)]
#[template(path = "project_new.html")]
pub(super) struct NewPage {
    frame: Frame,
    clients: Vec<ClientChoice>,
    statuses: [&'static str; 7],
    form: ProjectForm,
    refusal: Option<Refusal>,
}

/// What a link fills in.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Filled {
    code: String,
    client_code: String,
}

/// `GET /console/projects/new`.
pub(super) async fn form(
    state: Data<State>,
    visit: Visit,
    asked: Asked<Filled>,
) -> Result<NewPage, Problem> {
    let Filled { code, client_code } = asked.query;
    let form = ProjectForm {
        code,
        client_code,
        ..ProjectForm::default()
    };
    new_page(&state, &visit, form, None).await
}

async fn new_page(
    state: &Data<State>,
    visit: &Visit,
    form: ProjectForm,
    refusal: Option<Refusal>,
) -> Result<NewPage, Problem> {
    Ok(NewPage {
        frame: framed(state, visit, "New project", AT).await?,
        clients: client_choices(state, visit).await?,
        statuses: status_names(),
        form,
        refusal,
    })
}

/// `POST /console/projects/new`: the form comes back with the refusal when there is one.
pub(super) async fn create(
    state: Data<State>,
    visit: Visit,
    Form(form): Form<ProjectForm>,
) -> Result<Either<Answer, (NewPage, StatusCode)>, Problem> {
    match try_create(&state, &visit, &form).await {
        Ok(made) => {
            let text = format!("Project {} is made", made.code);
            let page = format!("{AT}/{}", made.code);
            Ok(Either::Left(visit.done(&page, text)?))
        }
        Err(problem) => {
            let refusal = Refusal::of(problem)?;
            let status = refusal.code.status();
            let page = new_page(&state, &visit, form, Some(refusal)).await?;
            Ok(Either::Right((page, status)))
        }
    }
}

async fn try_create(
    state: &Data<State>,
    visit: &Visit,
    form: &ProjectForm,
) -> Result<Project, Problem> {
    let mut fields = form.fields()?;
    fields.extend(texts([
        ("code", &form.code),
        ("client_code", &form.client_code),
    ]));
    let caller = visit.caller.clone();
    said(projects::create(state.clone(), caller, body(fields)?).await?).await
}
