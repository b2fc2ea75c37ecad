//! `/design-files` and `/unmatched`: what has been received, as it stands now.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use contract::{FileStatus, format_ms};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use service::{Problem, Query};

use super::page::{listed, slice, words};
use super::read;
use crate::facts::{client_spelling, project_spelling, status_name, status_number};
use crate::receiver::State;
use crate::store::design_files::DesignFileQuery;
use crate::store::{self, DEFAULT_TENANT, Slice};

/// Most versions of a part that are listed with one of them.
const VERSIONS_MAX: i64 = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DesignFilesQuery {
    client_code: Option<String>,
    project_code: Option<String>,
    stored_filename: Option<String>,
    material: Option<String>,
    status: Option<FileStatus>,
    #[serde(default)]
    include_deleted: bool,
    q: Option<String>,
    limit: Option<i64>,
    #[serde(alias = "skip")]
    offset: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnmatchedQuery {
    limit: Option<i64>,
    #[serde(alias = "skip")]
    offset: Option<i64>,
}

#[derive(Serialize)]
struct DesignFile {
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
    project_code: Option<String>,
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
    fn of(file: store::design_files::DesignFile) -> Self {
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
            project_code: facts.project_code,
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
    Query(query): Query<DesignFilesQuery>,
) -> Result<HttpResponse, Problem> {
    let slice = slice(query.limit, query.offset)?;
    let (status, deleted) = match query.status {
        Some(FileStatus::Deleted) => (None, Some(true)),
        status => (status, Some(false).filter(|_| !query.include_deleted)),
    };
    let query = DesignFileQuery {
        client_code: words("client_code", query.client_code)?.map(client_spelling),
        project_code: words("project_code", query.project_code)?.map(project_spelling),
        stored_filename: words("stored_filename", query.stored_filename)?,
        material: words("material", query.material)?,
        status: status.map(status_number),
        deleted,
        unmatched: false,
        words: words("q", query.q)?,
    };
    page(&state, query, slice).await
}

/// `GET /unmatched`: files whose project code no project has.
pub(crate) async fn unmatched(
    state: Data<State>,
    Query(query): Query<UnmatchedQuery>,
) -> Result<HttpResponse, Problem> {
    let slice = slice(query.limit, query.offset)?;
    let query = DesignFileQuery {
        deleted: Some(false),
        unmatched: true,
        ..DesignFileQuery::default()
    };
    page(&state, query, slice).await
}

pub(super) async fn page(
    state: &State,
    query: DesignFileQuery,
    slice: Slice,
) -> Result<HttpResponse, Problem> {
    let page = read(state, move |conn| {
        store::design_files::list(conn, DEFAULT_TENANT, query, slice)
    });
    Ok(listed(page.await?, DesignFile::of))
}

/// `GET /design-files/{id}`, with its versions.
pub(crate) async fn get(state: Data<State>, id: Path<i64>) -> Result<HttpResponse, Problem> {
    let id = id.into_inner();
    let found = read(&state, move |conn| {
        let Some(file) = store::design_files::find(conn, DEFAULT_TENANT, id)? else {
            return Ok(None);
        };
        let versions = store::design_files::versions(conn, DEFAULT_TENANT, &file, VERSIONS_MAX)?;
        Ok(Some((file, versions)))
    });
    let missing = || Problem::not_found(format!("design file {id}"));
    let (file, versions) = found.await?.ok_or_else(missing)?;
    Ok(HttpResponse::Ok().json(WithVersions {
        file: DesignFile::of(file),
        versions: versions.into_iter().map(Version::of).collect(),
    }))
}
