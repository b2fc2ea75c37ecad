//! `/projects`: what design files are filed under.

use access::Caller;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use contract::{ClientCode, CodeError, ProjectCode, format_ms};
use db::{Conn, Tx, TxError, TxResult};
use serde::{Deserialize, Serialize};
use service::{Json, Problem, Query};

use super::fields::{Change, IfMatch, change, set_text, tagged};
use super::page::{Paging, Wanted, listed, words};
use super::{NAME_BYTES_MAX, Refused, actor, read, unless_changed, write};
use crate::facts::{InvalidFact, NOTES_BYTES_MAX, client_spelling};
use crate::projects::{day, shown, status, status_name};
use crate::receive::client_of;
use crate::receiver::State;
use crate::store::activity::{ActivityKind, ActivityQuery, Deed};
use crate::store::design_files::DesignFileQuery;
use crate::store::projects::{NewProject, ProjectFields, ProjectQuery};
use crate::store::{self, projects};

/// Highest number of a generated code.
const NUMBER_MAX: u32 = 999_999;
/// How often a generated code may turn out to be taken by another node in the same moment.
const TRIES_MAX: u32 = 10;
/// Thickest sheet, mm.
const THICKNESS_MM_MAX: f64 = 1000.0;

const COLUMNS: &[&str] = &[
    "code",
    "client_code",
    "client_name",
    "name",
    "status",
    "due_date",
    "material",
    "thickness_mm",
    "design_files",
    "notes",
    "created_at",
    "changed_at",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateProject {
    /// Generated when absent.
    code: Option<String>,
    /// Read from the code when absent.
    client_code: Option<String>,
    name: Option<String>,
    status: Option<String>,
    due_date: Option<String>,
    material: Option<String>,
    thickness_mm: Option<f64>,
    notes: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProjectChange {
    #[serde(default, deserialize_with = "change")]
    name: Change<String>,
    status: Option<String>,
    #[serde(default, deserialize_with = "change")]
    due_date: Change<String>,
    #[serde(default, deserialize_with = "change")]
    material: Change<String>,
    #[serde(default, deserialize_with = "change")]
    thickness_mm: Change<f64>,
    #[serde(default, deserialize_with = "change")]
    notes: Change<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProjectsQuery {
    client_code: Option<String>,
    status: Option<String>,
    due_before: Option<String>,
    without_files: Option<bool>,
    q: Option<String>,
    limit: Option<i64>,
    #[serde(alias = "skip")]
    offset: Option<i64>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SliceQuery {
    limit: Option<i64>,
    #[serde(alias = "skip")]
    offset: Option<i64>,
    cursor: Option<String>,
}

#[derive(Serialize)]
struct Project {
    id: i64,
    code: String,
    client_code: Option<String>,
    client_name: Option<String>,
    name: Option<String>,
    status: &'static str,
    due_date: Option<String>,
    material: Option<String>,
    thickness_mm: Option<f64>,
    notes: Option<String>,
    created_at: String,
    changed_at: String,
    design_files: i64,
}

impl Project {
    fn of(project: projects::Project) -> Self {
        let fields = project.fields;
        Self {
            id: project.id,
            code: project.code,
            client_code: project.client_code,
            client_name: project.client_name,
            name: fields.name,
            status: status_name(fields.status),
            due_date: fields.due_date,
            material: fields.material,
            thickness_mm: fields.thickness_mm,
            notes: fields.notes,
            created_at: format_ms(project.created_at_ms),
            changed_at: format_ms(project.changed_at_ms),
            design_files: project.design_files,
        }
    }
}

impl SliceQuery {
    pub(super) fn paging(self) -> Paging {
        Paging {
            limit: self.limit,
            offset: self.offset,
            cursor: self.cursor,
        }
    }
}

impl CreateProject {
    /// The fields as if they were set on an empty project.
    fn change(self) -> ProjectChange {
        ProjectChange {
            name: Some(self.name),
            status: self.status,
            due_date: Some(self.due_date),
            material: Some(self.material),
            thickness_mm: Some(self.thickness_mm),
            notes: Some(self.notes),
        }
    }
}

impl ProjectChange {
    fn onto(self, fields: &mut ProjectFields) -> Result<(), InvalidFact> {
        if let Some(name) = self.status {
            fields.status = status("status", &name)?;
        }
        if let Some(due_date) = self.due_date {
            let due_date = due_date.map(|text| day("due_date", &text));
            fields.due_date = due_date.transpose()?;
        }
        if let Some(thickness_mm) = self.thickness_mm {
            fields.thickness_mm = thickness_mm.map(thickness).transpose()?;
        }
        set_text("name", self.name, NAME_BYTES_MAX, &mut fields.name)?;
        set_text(
            "material",
            self.material,
            NAME_BYTES_MAX,
            &mut fields.material,
        )?;
        set_text("notes", self.notes, NOTES_BYTES_MAX, &mut fields.notes)
    }
}

fn thickness(mm: f64) -> Result<f64, InvalidFact> {
    match mm > 0.0 && mm <= THICKNESS_MM_MAX {
        true => Ok(mm),
        false => Err(InvalidFact {
            field: "thickness_mm".to_owned(),
            message: format!("more than 0 and at most {THICKNESS_MM_MAX}"),
        }),
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

/// `POST /projects`: 201, or 409 when the code is taken.
pub(crate) async fn create(
    state: Data<State>,
    caller: Caller,
    Json(new): Json<CreateProject>,
) -> Result<HttpResponse, Problem> {
    let (tenant, now_ms) = (caller.tenant_id, state.clock.now_ms());
    let naming = match &new.code {
        Some(code) => Naming::Given(
            ProjectCode::parse(code)
                .map_err(|error| Problem::invalid_field("code", error.to_string()))?,
        ),
        None => Naming::Generated {
            month: format_ms(now_ms).chars().take(7).collect(),
        },
    };
    let client = client(&naming, new.client_code.as_deref())?;
    let mut fields = ProjectFields::unknown();
    new.change().onto(&mut fields)?;
    let actor = actor(&caller);
    let made = write(&state, tenant, move |tx| {
        let made = insert(tx, (tenant, &naming, &client), &fields, now_ms)?;
        let kind = ActivityKind::ProjectCreated;
        record(tx.conn(), (tenant, kind, &actor), &made, now_ms)?;
        Ok(made)
    });
    let made = made.await?;
    Ok(tagged(
        HttpResponse::Created(),
        made.revision,
        Project::of(made),
    ))
}

/// Tells activity of a project as it is now.
fn record(
    conn: &mut Conn,
    (tenant_id, kind, actor): (i64, ActivityKind, &str),
    project: &projects::Project,
    now_ms: i64,
) -> TxResult<(), Refused> {
    let client = project.client_code.as_deref();
    let client = client.and_then(|code| ClientCode::parse(code).ok());
    let deed = Deed {
        tenant_id,
        kind,
        actor,
        design_file_id: None,
        project_id: Some(project.id),
        project_code: Some(&project.code),
        facts: &shown(client.as_ref(), &project.fields),
        now_ms,
    };
    Ok(store::activity::record(conn, &deed)?)
}

/// `GET /projects`: latest first.
pub(crate) async fn list(
    state: Data<State>,
    caller: Caller,
    wanted: Wanted,
    Query(query): Query<ProjectsQuery>,
) -> Result<HttpResponse, Problem> {
    let paging = Paging {
        limit: query.limit,
        offset: query.offset,
        cursor: query.cursor,
    };
    let slice = paging.slice(wanted, &projects::ORDER)?;
    let named = query.status.map(|name| status("status", &name));
    let due = query.due_before.map(|text| day("due_before", &text));
    let query = ProjectQuery {
        client_code: words("client_code", query.client_code)?.map(client_spelling),
        status: named.transpose()?,
        due_before: due.transpose()?,
        without_files: query.without_files,
        words: words("q", query.q)?,
    };
    let page = read(&state, move |conn| {
        projects::list(conn, caller.tenant_id, query, slice)
    });
    Ok(listed(
        wanted,
        page.await?,
        Project::of,
        ("projects", COLUMNS),
    ))
}

/// `GET /projects/{code}`.
pub(crate) async fn get(
    state: Data<State>,
    caller: Caller,
    code: Path<String>,
) -> Result<HttpResponse, Problem> {
    let found = find(&state, &caller, &code).await?;
    Ok(tagged(
        HttpResponse::Ok(),
        found.revision,
        Project::of(found),
    ))
}

/// `PATCH /projects/{code}`: what is absent stays.
pub(crate) async fn change_one(
    state: Data<State>,
    caller: Caller,
    code: Path<String>,
    condition: IfMatch,
    Json(change): Json<ProjectChange>,
) -> Result<HttpResponse, Problem> {
    let code = parsed(&code)?;
    let (tenant, now_ms, actor) = (caller.tenant_id, state.clock.now_ms(), actor(&caller));
    let changed = write(&state, tenant, move |tx| {
        let project = existing(tx.conn(), tenant, &code)?;
        condition
            .check(project.revision)
            .map_err(TxError::Refused)?;
        let mut fields = project.fields.clone();
        let applied = change.clone().onto(&mut fields);
        applied.map_err(|invalid| TxError::Refused(Refused::Invalid(invalid)))?;
        if fields == project.fields {
            return Ok(project);
        }
        let seen = (tenant, project.id, project.revision);
        unless_changed(projects::update(tx.conn(), seen, &fields, now_ms)?)?;
        let project = existing(tx.conn(), tenant, &code)?;
        let kind = ActivityKind::ProjectChanged;
        record(tx.conn(), (tenant, kind, &actor), &project, now_ms)?;
        Ok(project)
    });
    let changed = changed.await?;
    Ok(tagged(
        HttpResponse::Ok(),
        changed.revision,
        Project::of(changed),
    ))
}

/// `DELETE /projects/{code}`: its files are kept, under no project.
pub(crate) async fn delete(
    state: Data<State>,
    caller: Caller,
    code: Path<String>,
    condition: IfMatch,
) -> Result<HttpResponse, Problem> {
    let code = parsed(&code)?;
    let (tenant, now_ms, actor) = (caller.tenant_id, state.clock.now_ms(), actor(&caller));
    let deleted = write(&state, tenant, move |tx| {
        let project = existing(tx.conn(), tenant, &code)?;
        condition
            .check(project.revision)
            .map_err(TxError::Refused)?;
        let seen = (tenant, project.id, project.revision);
        unless_changed(projects::delete(tx.conn(), seen)?)?;
        let kind = ActivityKind::ProjectDeleted;
        record(tx.conn(), (tenant, kind, &actor), &project, now_ms)
    });
    deleted.await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `GET /projects/{code}/design-files`: those that are not deleted, latest first.
pub(crate) async fn design_files(
    state: Data<State>,
    caller: Caller,
    code: Path<String>,
    wanted: Wanted,
    Query(query): Query<SliceQuery>,
) -> Result<HttpResponse, Problem> {
    let slice = query.paging().slice(wanted, &store::design_files::ORDER)?;
    let query = DesignFileQuery {
        project_code: Some(find(&state, &caller, &code).await?.code),
        deleted: Some(false),
        ..DesignFileQuery::default()
    };
    super::design_files::page(&state, &caller, wanted, query, slice).await
}

/// `GET /projects/{code}/activity`: latest first.
pub(crate) async fn activity(
    state: Data<State>,
    caller: Caller,
    code: Path<String>,
    wanted: Wanted,
    Query(query): Query<SliceQuery>,
) -> Result<HttpResponse, Problem> {
    let slice = query.paging().slice(wanted, &store::activity::ORDER)?;
    let query = ActivityQuery {
        project_code: Some(find(&state, &caller, &code).await?.code),
        ..ActivityQuery::default()
    };
    super::activity::page(&state, &caller, wanted, query, slice).await
}

fn missing() -> Refused {
    Refused::Missing("this project".to_owned())
}

fn parsed(code: &str) -> Result<ProjectCode, Problem> {
    ProjectCode::parse(code).map_err(|_no_code| missing().into())
}

/// The caller's project.
pub(super) async fn find(
    state: &State,
    caller: &Caller,
    code: &str,
) -> Result<projects::Project, Problem> {
    let (code, tenant) = (parsed(code)?, caller.tenant_id);
    let found = read(state, move |conn| projects::find(conn, tenant, &code));
    Ok(found.await?.ok_or_else(missing)?)
}

fn existing(
    conn: &mut Conn,
    tenant: i64,
    code: &ProjectCode,
) -> TxResult<projects::Project, Refused> {
    projects::find(conn, tenant, code)?.ok_or_else(|| TxError::Refused(missing()))
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
    (tenant, naming, client): (i64, &Naming, &ClientCode),
    fields: &ProjectFields,
    now_ms: i64,
) -> TxResult<projects::Project, Refused> {
    if !store::clients::exists(tx.conn(), tenant, client)? {
        return Err(TxError::Refused(Refused::Invalid(InvalidFact {
            field: "client_code".to_owned(),
            message: format!("there is no client {client}; create it with POST /clients"),
        })));
    }
    for _ in 0..TRIES_MAX {
        let code = match naming {
            Naming::Given(code) => code.clone(),
            Naming::Generated { month } => next_code(tx, tenant, month, client)?,
        };
        let project = NewProject {
            code: code.clone(),
            client_code: Some(client.clone()),
            fields: fields.clone(),
            created_at_ms: now_ms,
        };
        if projects::insert(tx.conn(), tenant, &project)? {
            return existing(tx.conn(), tenant, &code);
        }
        if matches!(naming, Naming::Given(_)) {
            let taken = format!("there is a project {code} already");
            return Err(TxError::Refused(Refused::Conflict(taken)));
        }
    }
    Err(no_number_left())
}

fn no_number_left() -> TxError<Refused> {
    TxError::Refused(Refused::Conflict(
        "no number of this month is free for the client; give a code".to_owned(),
    ))
}

/// `JB-<month>-<client>-<number>`, the number one above the highest there is.
fn next_code(
    tx: &mut Tx<'_>,
    tenant: i64,
    month: &str,
    client: &ClientCode,
) -> TxResult<ProjectCode, Refused> {
    let beginning = format!("JB-{month}-{client}-");
    let codes = projects::codes_like(tx.conn(), tenant, &beginning)?;
    let number = |code: &String| code.strip_prefix(&beginning)?.parse::<u32>().ok();
    let next = codes.iter().filter_map(number).max().unwrap_or_default() + 1;
    if next > NUMBER_MAX {
        return Err(no_number_left());
    }
    ProjectCode::parse(&format!("{beginning}{next:03}"))
        .map_err(|_outside_the_calendar| no_number_left())
}
