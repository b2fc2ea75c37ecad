//! `/design-files`: what has been received, as it stands now, and what people file elsewhere by hand.

use access::Caller;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use contract::{FileStatus, ProjectCode, format_ms};
use db::{Tx, TxError, TxResult};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use service::{Json, Problem, Query};

use super::page::{Paging, Wanted, listed, words};
use super::{Refused, actor, read, write};
use crate::facts::{InvalidFact, client_spelling, project_spelling, status_name, status_number};
use crate::receiver::State;
use crate::store::activity::{ActivityKind, Deed};
use crate::store::design_files::DesignFileQuery;
use crate::store::projects::Project;
use crate::store::{self, Slice};

pub(super) const COLUMNS: &[&str] = &[
    "id",
    "project_code",
    "client_code",
    "part_name",
    "material",
    "thickness_mm",
    "quantity",
    "version",
    "status",
    "original_filename",
    "stored_filename",
    "file_type",
    "confidence_score",
    "source",
    "ingest_id",
    "created_at",
    "updated_at",
    "preview_url",
    "download_url",
];

/// Most versions of a part that are listed with one of them.
const VERSIONS_MAX: i64 = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DesignFilesQuery {
    client_code: Option<String>,
    project_code: Option<String>,
    stored_filename: Option<String>,
    material: Option<String>,
    thickness_mm: Option<f64>,
    file_type: Option<String>,
    source: Option<String>,
    status: Option<FileStatus>,
    #[serde(default)]
    include_deleted: bool,
    q: Option<String>,
    limit: Option<i64>,
    #[serde(alias = "skip")]
    offset: Option<i64>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Link {
    project_code: String,
}

#[derive(Serialize)]
pub(super) struct DesignFile {
    id: i64,
    source: String,
    origin: String,
    ingest_id: i64,
    status: &'static str,
    deleted: bool,
    deleted_at: Option<String>,
    hard_delete: Option<bool>,
    original_filename: Option<String>,
    stored_filename: Option<String>,
    file_path: Option<String>,
    file_type: Option<String>,
    file_size: Option<i64>,
    mime_type: Option<String>,
    sha256: Option<String>,
    confidence_score: Option<f64>,
    client_code: Option<String>,
    /// Where it is filed: by hand, else as its sender says.
    project_code: Option<String>,
    /// What was given by hand.
    linked_project_code: Option<String>,
    /// What its sender says.
    sent_project_code: Option<String>,
    /// Absent while no project has the code.
    project_id: Option<i64>,
    part_name: Option<String>,
    material: Option<String>,
    thickness_mm: Option<f64>,
    quantity: Option<i64>,
    version: Option<i64>,
    created_at: String,
    processed_at: Option<String>,
    updated_at: String,
    preview_url: Option<String>,
    download_url: Option<String>,
    duplicate_of: Option<i64>,
    extraction: Option<Box<RawValue>>,
    error: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct WithVersions {
    #[serde(flatten)]
    file: DesignFile,
    versions: Vec<Version>,
}

#[derive(Serialize)]
struct Version {
    id: i64,
    version: Option<i64>,
    stored_filename: Option<String>,
    status: &'static str,
    created_at: String,
}

impl DesignFile {
    pub(super) fn of(file: store::design_files::DesignFile) -> Self {
        let deleted = file.is_deleted == 1;
        let facts = file.facts;
        Self {
            id: file.id,
            source: file.source,
            origin: file.origin,
            ingest_id: file.ingest_id,
            status: if deleted {
                "deleted"
            } else {
                status_name(facts.status)
            },
            deleted,
            deleted_at: file.deleted_at_ms.filter(|_| deleted).map(format_ms),
            hard_delete: file.hard_delete.filter(|_| deleted).map(|hard| hard == 1),
            original_filename: facts.original_filename,
            stored_filename: facts.stored_filename,
            file_path: facts.file_path,
            file_type: facts.file_type,
            file_size: facts.file_size,
            mime_type: facts.mime_type,
            sha256: facts.sha256,
            confidence_score: facts.confidence_score,
            client_code: facts.client_code,
            project_code: file.filed_under,
            linked_project_code: file.linked_project_code,
            sent_project_code: facts.project_code,
            project_id: file.project_id,
            part_name: facts.part_name,
            material: facts.material,
            thickness_mm: facts.thickness_mm,
            quantity: facts.quantity,
            version: facts.version,
            created_at: format_ms(facts.created_at_ms),
            processed_at: facts.processed_at_ms.map(format_ms),
            updated_at: format_ms(facts.facts_at_ms),
            preview_url: facts.preview_url,
            download_url: facts.download_url,
            duplicate_of: facts.duplicate_of,
            extraction: facts.extraction.and_then(json),
            error: facts.error.and_then(json),
        }
    }
}

impl Version {
    fn of(file: store::design_files::DesignFile) -> Self {
        let file = DesignFile::of(file);
        Self {
            id: file.id,
            version: file.version,
            stored_filename: file.stored_filename,
            status: file.status,
            created_at: file.created_at,
        }
    }
}

/// JSON that was JSON when it was stored.
fn json(text: String) -> Option<Box<RawValue>> {
    RawValue::from_string(text).ok()
}

/// `GET /design-files`: latest upload first; deleted ones only when asked for.
pub(crate) async fn list(
    state: Data<State>,
    caller: Caller,
    wanted: Wanted,
    Query(query): Query<DesignFilesQuery>,
) -> Result<HttpResponse, Problem> {
    let paging = Paging {
        limit: query.limit,
        offset: query.offset,
        cursor: query.cursor,
    };
    let slice = paging.slice(wanted, &store::design_files::ORDER)?;
    let (status, deleted) = match query.status {
        Some(FileStatus::Deleted) => (None, Some(true)),
        status => (status, Some(false).filter(|_| !query.include_deleted)),
    };
    let query = DesignFileQuery {
        client_code: words("client_code", query.client_code)?.map(client_spelling),
        project_code: words("project_code", query.project_code)?.map(project_spelling),
        stored_filename: words("stored_filename", query.stored_filename)?,
        material: words("material", query.material)?,
        thickness_mm: query.thickness_mm,
        file_type: words("file_type", query.file_type)?,
        source: words("source", query.source)?,
        status: status.map(status_number),
        deleted,
        unmatched: false,
        words: words("q", query.q)?,
    };
    page(&state, &caller, wanted, query, slice).await
}

pub(super) async fn page(
    state: &State,
    caller: &Caller,
    wanted: Wanted,
    query: DesignFileQuery,
    slice: Slice,
) -> Result<HttpResponse, Problem> {
    let tenant = caller.tenant_id;
    let page = read(state, move |conn| {
        store::design_files::list(conn, tenant, query, slice)
    });
    let table = ("design-files", COLUMNS);
    Ok(listed(wanted, page.await?, DesignFile::of, table))
}

/// `GET /design-files/{id}`, with its versions.
pub(crate) async fn get(
    state: Data<State>,
    caller: Caller,
    id: Path<i64>,
) -> Result<HttpResponse, Problem> {
    let (id, tenant) = (id.into_inner(), caller.tenant_id);
    let found = read(&state, move |conn| {
        let Some(file) = store::design_files::find(conn, tenant, id)? else {
            return Ok(None);
        };
        let versions = store::design_files::versions(conn, tenant, &file, VERSIONS_MAX)?;
        Ok(Some((file, versions)))
    });
    let (file, versions) = found.await?.ok_or_else(|| missing(id))?;
    Ok(HttpResponse::Ok().json(WithVersions {
        file: DesignFile::of(file),
        versions: versions.into_iter().map(Version::of).collect(),
    }))
}

/// `POST /design-files/{id}/link`: files it under a project by hand, whatever later events say.
pub(crate) async fn link(
    state: Data<State>,
    caller: Caller,
    id: Path<i64>,
    Json(link): Json<Link>,
) -> Result<HttpResponse, Problem> {
    let code = ProjectCode::parse(&link.project_code);
    let code = code.map_err(|error| Problem::invalid_field("project_code", error.to_string()))?;
    filed(&state, &caller, *id, Some(code)).await
}

/// `DELETE /design-files/{id}/link`: the sender says again where it belongs.
pub(crate) async fn unlink(
    state: Data<State>,
    caller: Caller,
    id: Path<i64>,
) -> Result<HttpResponse, Problem> {
    filed(&state, &caller, *id, None).await
}

async fn filed(
    state: &State,
    caller: &Caller,
    id: i64,
    code: Option<ProjectCode>,
) -> Result<HttpResponse, Problem> {
    let (tenant, now_ms, actor) = (caller.tenant_id, state.clock.now_ms(), actor(caller));
    let file = write(state, tenant, move |tx| {
        set_link(tx, (tenant, id), code.as_ref(), (&actor, now_ms))
    });
    Ok(HttpResponse::Ok().json(DesignFile::of(file.await?)))
}

fn set_link(
    tx: &mut Tx<'_>,
    (tenant, id): (i64, i64),
    code: Option<&ProjectCode>,
    (actor, now_ms): (&str, i64),
) -> TxResult<store::design_files::DesignFile, Refused> {
    let conn = tx.conn();
    let refused = |refused| Err(TxError::Refused(refused));
    let Some(file) = store::design_files::find(conn, tenant, id)? else {
        return refused(missing(id));
    };
    if let Some(code) = code
        && !store::records::exists::<Project>(conn, tenant, code.as_str())?
    {
        return refused(Refused::Invalid(InvalidFact {
            field: "project_code".to_owned(),
            message: format!("there is no project {code}; create it with POST /projects"),
        }));
    }
    let code = code.map(ProjectCode::as_str);
    if file.linked_project_code.as_deref() == code {
        return Ok(file);
    }
    store::design_files::link(conn, tenant, id, code, now_ms)?;
    let facts = json!({
        "linked_project_code": code,
        "stored_filename": file.facts.stored_filename,
        "original_filename": file.facts.original_filename,
    });
    let deed = Deed {
        tenant_id: tenant,
        kind: match code {
            Some(_) => ActivityKind::FileLinked,
            None => ActivityKind::FileUnlinked,
        },
        actor,
        design_file_id: Some(id),
        project_id: None,
        project_code: code.or(file.linked_project_code.as_deref()),
        client_code: None,
        facts: &facts.to_string(),
        now_ms,
    };
    store::activity::record(conn, &deed)?;
    match store::design_files::find(conn, tenant, id)? {
        Some(file) => Ok(file),
        None => refused(missing(id)),
    }
}

fn missing(id: i64) -> Refused {
    Refused::Missing(format!("design file {id}"))
}
