//! `/projects`: what design files are filed under.

use access::Caller;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use contract::{ClientCode, ProjectCode, format_ms};
use db::{Conn, TxResult};
use serde::{Deserialize, Serialize};
use service::{Json, Problem, Query};

use super::fields::{Change, IfMatch, change, set_text};
use super::naming;
use super::page::{Paging, Wanted, listed, words};
use super::records::{self, AsCode, By, Record, What};
use super::{NAME_BYTES_MAX, Refused, actor, read, write};
use crate::facts::{InvalidFact, NOTES_BYTES_MAX, client_spelling};
use crate::projects::{day, shown, status, status_name};
use crate::receiver::State;
use crate::store::activity::{ActivityKind, ActivityQuery, Deed};
use crate::store::design_files::DesignFileQuery;
use crate::store::projects::{ProjectFields, ProjectQuery};
use crate::store::{self, projects};

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
    #[serde(default, deserialize_with = "change")]
    status: Change<String>,
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
pub(crate) struct Project {
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
            status: self.status.map(Some),
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
            fields.status = status("status", name.as_deref().unwrap_or_default())?;
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

impl AsCode for ProjectCode {
    fn of(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }

    fn text(&self) -> &str {
        self.as_str()
    }
}

impl Record for projects::Project {
    const NOUN: &'static str = "project";
    type Code = ProjectCode;
    type Change = ProjectChange;
    type Shown = Project;

    fn id(&self) -> i64 {
        self.id
    }

    fn revision(&self) -> i64 {
        self.revision
    }

    fn fields(&self) -> &ProjectFields {
        &self.fields
    }

    fn shown(self) -> Project {
        Project::of(self)
    }

    fn change(change: ProjectChange, fields: &mut ProjectFields) -> Result<(), InvalidFact> {
        change.onto(fields)
    }

    fn tell(&self, conn: &mut Conn, what: What, by: By<'_>) -> TxResult<(), Refused> {
        let client = self.client_code.as_deref();
        let client = client.and_then(|code| ClientCode::parse(code).ok());
        let deed = Deed {
            tenant_id: by.tenant,
            kind: match what {
                What::Created => ActivityKind::ProjectCreated,
                What::Changed => ActivityKind::ProjectChanged,
                What::Deleted => ActivityKind::ProjectDeleted,
            },
            actor: by.actor,
            design_file_id: None,
            project_id: Some(self.id),
            project_code: Some(&self.code),
            client_code: None,
            facts: &shown(client.as_ref(), &self.fields),
            now_ms: by.now_ms,
        };
        Ok(store::activity::record(conn, &deed)?)
    }
}

/// `POST /projects`: 201, or 409 when the code is taken.
pub(crate) async fn create(
    state: Data<State>,
    caller: Caller,
    Json(new): Json<CreateProject>,
) -> Result<HttpResponse, Problem> {
    let (tenant, now_ms) = (caller.tenant_id, state.clock.now_ms());
    let (naming, client) = naming::of(new.code.as_deref(), new.client_code.as_deref(), now_ms)?;
    let mut fields = ProjectFields::unknown();
    new.change().onto(&mut fields)?;
    let actor = actor(&caller);
    let made = write(&state, tenant, move |tx| {
        let made = naming::insert(tx, (tenant, &naming, &client), &fields, now_ms)?;
        let by = By {
            tenant,
            actor: &actor,
            now_ms,
        };
        made.tell(tx.conn(), What::Created, by)?;
        Ok(made)
    });
    Ok(records::answer(HttpResponse::Created(), made.await?))
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
    records::get::<projects::Project>(&state, &caller, &code).await
}

/// `PATCH /projects/{code}`: what is absent stays.
pub(crate) async fn change_one(
    state: Data<State>,
    caller: Caller,
    code: Path<String>,
    condition: IfMatch,
    Json(change): Json<ProjectChange>,
) -> Result<HttpResponse, Problem> {
    records::change::<projects::Project>(&state, &caller, &code, (condition, change)).await
}

/// `DELETE /projects/{code}`: its files are kept, under no project.
pub(crate) async fn delete(
    state: Data<State>,
    caller: Caller,
    code: Path<String>,
    condition: IfMatch,
) -> Result<HttpResponse, Problem> {
    records::delete::<projects::Project>(&state, &caller, &code, condition).await
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

/// The caller's project.
pub(super) async fn find(
    state: &State,
    caller: &Caller,
    code: &str,
) -> Result<projects::Project, Problem> {
    records::find(state, caller, code).await
}
