//! `/projects`: what design files are filed under.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use contract::{ClientCode, CodeError, ProjectCode, format_ms};
use db::{Lane, Tx, TxError, TxResult};
use serde::{Deserialize, Serialize};
use service::{Json, Problem, Query};

use super::page::{listed, slice, words};
use super::{NAME_BYTES_MAX, not_written, read};
use crate::facts::{client_spelling, text};
use crate::receive::client_of;
use crate::receiver::State;
use crate::store::activity::ActivityQuery;
use crate::store::design_files::DesignFileQuery;
use crate::store::{self, DEFAULT_TENANT};

/// Highest number of a generated code.
const NUMBER_MAX: u32 = 999_999;
/// How often a generated code may turn out to be taken by another node in the same moment.
const TRIES_MAX: u32 = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateProject {
    /// Generated when absent.
    code: Option<String>,
    /// Read from the code when absent.
    client_code: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProjectsQuery {
    client_code: Option<String>,
    q: Option<String>,
    limit: Option<i64>,
    #[serde(alias = "skip")]
    offset: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SliceQuery {
    limit: Option<i64>,
    #[serde(alias = "skip")]
    offset: Option<i64>,
}

#[derive(Serialize)]
struct Project {
    id: i64,
    code: String,
    client_code: Option<String>,
    client_name: Option<String>,
    name: Option<String>,
    created_at: String,
    design_files: i64,
}

impl Project {
    fn of(project: store::projects::Project) -> Self {
        Self {
            id: project.id,
            code: project.code,
            client_code: project.client_code,
            client_name: project.client_name,
            name: project.name,
            created_at: format_ms(project.created_at_ms),
            design_files: project.design_files,
        }
    }
}

/// What a new project is to be called.
#[derive(Clone)]
enum Naming {
    Given(ProjectCode),
    /// The first free number of this month, `2025-10`.
    Generated {
        month: String,
    },
}

/// Why there is no new project.
enum Refused {
    NoClient,
    Taken(ProjectCode),
    NoNumberLeft,
}

/// `POST /projects`: 201, or 409 when the code is taken.
pub(crate) async fn create(
    state: Data<State>,
    Json(new): Json<CreateProject>,
) -> Result<HttpResponse, Problem> {
    let now_ms = state.clock.now_ms();
    let naming = match &new.code {
        Some(code) => Naming::Given(parse_code("code", code)?),
        None => Naming::Generated {
            month: format_ms(now_ms).chars().take(7).collect(),
        },
    };
    let client = client(&naming, new.client_code.as_deref())?;
    let name = text("name", new.name, NAME_BYTES_MAX)?;
    let no_client = format!("there is no client {client}; create it with POST /clients");
    let written = state
        .writer
        .with_tx(Lane::Interactive, DEFAULT_TENANT, 0, move |tx| {
            insert(tx, &naming, &client, name.as_deref(), now_ms)
        });
    let project = written.await.map_err(|error| {
        not_written(error, |refused| match refused {
            Refused::NoClient => Problem::invalid_field("client_code", no_client),
            Refused::Taken(code) => Problem::conflict(format!("there is a project {code} already")),
            Refused::NoNumberLeft => {
                Problem::conflict("no number of this month is free for the client; give a code")
            }
        })
    })?;
    Ok(HttpResponse::Created().json(Project::of(project)))
}

/// `GET /projects`: latest first.
pub(crate) async fn list(
    state: Data<State>,
    Query(query): Query<ProjectsQuery>,
) -> Result<HttpResponse, Problem> {
    let slice = slice(query.limit, query.offset)?;
    let words = words("q", query.q)?;
    let client = super::page::words("client_code", query.client_code)?.map(client_spelling);
    let page = read(&state, move |conn| {
        store::projects::list(conn, DEFAULT_TENANT, client, words.as_deref(), slice)
    });
    Ok(listed(page.await?, Project::of))
}

/// `GET /projects/{code}`.
pub(crate) async fn get(state: Data<State>, code: Path<String>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(Project::of(find(&state, &code).await?)))
}

/// `GET /projects/{code}/design-files`: those that are not deleted, latest first.
pub(crate) async fn design_files(
    state: Data<State>,
    code: Path<String>,
    Query(query): Query<SliceQuery>,
) -> Result<HttpResponse, Problem> {
    let slice = slice(query.limit, query.offset)?;
    let query = DesignFileQuery {
        project_code: Some(find(&state, &code).await?.code),
        deleted: Some(false),
        ..DesignFileQuery::default()
    };
    super::design_files::page(&state, query, slice).await
}

/// `GET /projects/{code}/activity`: latest first.
pub(crate) async fn activity(
    state: Data<State>,
    code: Path<String>,
    Query(query): Query<SliceQuery>,
) -> Result<HttpResponse, Problem> {
    let slice = slice(query.limit, query.offset)?;
    let query = ActivityQuery {
        project_code: Some(find(&state, &code).await?.code),
        ..ActivityQuery::default()
    };
    super::activity::page(&state, query, slice).await
}

async fn find(state: &State, code: &str) -> Result<store::projects::Project, Problem> {
    let missing = || Problem::not_found("this project");
    let code = ProjectCode::parse(code).map_err(|_no_code| missing())?;
    let found = read(state, move |conn| {
        store::projects::find(conn, DEFAULT_TENANT, &code)
    });
    found.await?.ok_or_else(missing)
}

fn parse_code(field: &str, code: &str) -> Result<ProjectCode, Problem> {
    ProjectCode::parse(code).map_err(|error| Problem::invalid_field(field, error.to_string()))
}

/// The client that is given or that the code names; they must not be two.
fn client(naming: &Naming, given: Option<&str>) -> Result<ClientCode, Problem> {
    let invalid = |message: String| Problem::invalid_field("client_code", message);
    let given = given.map(ClientCode::parse).transpose();
    let given = given.map_err(|error: CodeError| invalid(error.to_string()))?;
    let named = match naming {
        Naming::Given(code) => client_of(code),
        Naming::Generated { .. } => None,
    };
    match (given, named) {
        (Some(given), Some(named)) if given != named => Err(invalid(format!(
            "the code names client {named}, not {given}"
        ))),
        (Some(client), _) | (None, Some(client)) => Ok(client),
        (None, None) => Err(invalid("is needed: the code names no client".to_owned())),
    }
}

fn insert(
    tx: &mut Tx<'_>,
    naming: &Naming,
    client: &ClientCode,
    name: Option<&str>,
    now_ms: i64,
) -> TxResult<store::projects::Project, Refused> {
    let conn = tx.conn();
    if !store::clients::exists(conn, DEFAULT_TENANT, client)? {
        return Err(TxError::Refused(Refused::NoClient));
    }
    for _ in 0..TRIES_MAX {
        let code = match naming {
            Naming::Given(code) => code.clone(),
            Naming::Generated { month } => next_code(tx, month, client)?,
        };
        let project = store::projects::NewProject {
            code: code.clone(),
            client_code: Some(client.clone()),
            name: name.map(str::to_owned),
            created_at_ms: now_ms,
        };
        if store::projects::insert(tx.conn(), DEFAULT_TENANT, &project)? {
            let found = store::projects::find(tx.conn(), DEFAULT_TENANT, &code)?;
            return found.ok_or(TxError::Refused(Refused::Taken(code)));
        }
        if matches!(naming, Naming::Given(_)) {
            return Err(TxError::Refused(Refused::Taken(code)));
        }
    }
    Err(TxError::Refused(Refused::NoNumberLeft))
}

/// `JB-<month>-<client>-<number>`, the number one above the highest there is.
fn next_code(tx: &mut Tx<'_>, month: &str, client: &ClientCode) -> TxResult<ProjectCode, Refused> {
    let beginning = format!("JB-{month}-{client}-");
    let codes = store::projects::codes_like(tx.conn(), DEFAULT_TENANT, &beginning)?;
    let number = |code: &String| code.strip_prefix(&beginning)?.parse::<u32>().ok();
    let next = codes.iter().filter_map(number).max().unwrap_or_default() + 1;
    if next > NUMBER_MAX {
        return Err(TxError::Refused(Refused::NoNumberLeft));
    }
    ProjectCode::parse(&format!("{beginning}{next:03}"))
        .map_err(|_outside_the_calendar| TxError::Refused(Refused::NoNumberLeft))
}
