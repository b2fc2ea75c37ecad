//! `/files`: what came in, read and deleted.

use std::sync::Arc;

use access::{Caller, of_read};
use actix_web::body::SizedStream;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use db::Conn;
use extract::{Extraction, Kind};
use serde::{Deserialize, Deserializer};
use serde_json::json;
use service::{Code, Problem, Query};
use tokio::io::AsyncReadExt;

use super::answer::{self, Record};
use crate::completion::understood;
use crate::remove;
use crate::service_state::ServiceState;
use crate::storage::hex;
use crate::store::{self, FileRow, Filter, Page, State};

const LIMIT_USUAL: i64 = 100;
const LIMIT_MAX: i64 = 1000;
/// Bytes read from disk at a time while a file is sent.
const CHUNK_BYTES: usize = 256 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    client_code: Option<String>,
    project_code: Option<String>,
    file_type: Option<String>,
    material: Option<String>,
    thickness_mm: Option<f64>,
    status: Option<String>,
    needs_review: Option<bool>,
    q: Option<String>,
    limit: Option<i64>,
    offset: Option<i64>,
    skip: Option<i64>,
    cursor: Option<i64>,
}

impl ListQuery {
    fn filter(self) -> Result<Filter, Problem> {
        // PostgreSQL takes no text with a NUL, and no file has one.
        let text = |name: &'static str, value: Option<String>| match value {
            Some(value) if value.contains('\0') => {
                Err(Problem::invalid_field(name, "text without NUL characters"))
            }
            value => Ok(value),
        };
        Ok(Filter {
            client_code: text("client_code", self.client_code)?,
            project_code: text("project_code", self.project_code)?,
            kind: self.file_type.as_deref().map(kind).transpose()?,
            material: text("material", self.material)?,
            thickness_mm: self.thickness_mm,
            state: self.status.as_deref().map(state).transpose()?,
            needs_review: self.needs_review,
            text: text("q", self.q)?,
            before_id: self.cursor,
            order: store::Order::Newest,
        })
    }

    fn page(&self) -> Result<Page, Problem> {
        let limit = self.limit.unwrap_or(LIMIT_USUAL);
        if !(1..=LIMIT_MAX).contains(&limit) {
            let message = format!("from 1 to {LIMIT_MAX}");
            return Err(Problem::invalid_field("limit", message));
        }
        let offset = self.offset.or(self.skip).unwrap_or(0);
        if offset < 0 {
            return Err(Problem::invalid_field("offset", "0 or more"));
        }
        Ok(Page::counted(limit, offset))
    }
}

pub(crate) fn kind(name: &str) -> Result<Kind, Problem> {
    Kind::parse(name).ok_or_else(|| {
        let names = Kind::ALL.map(Kind::name).join(", ");
        Problem::invalid_field("file_type", format!("accepted are {names}"))
    })
}

pub(crate) fn state(name: &str) -> Result<State, Problem> {
    let found = State::ALL.into_iter().find(|state| state.name() == name);
    found.ok_or_else(|| {
        let names = State::ALL.map(State::name).join(", ");
        Problem::invalid_field("status", format!("accepted are {names}"))
    })
}

/// `GET /files`.
pub(crate) async fn list(
    state: Data<Arc<ServiceState>>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let (page, filter, tenant_id) = (query.page()?, query.filter()?, caller.tenant_id);
    let read = move |conn: &mut Conn| store::list(conn, tenant_id, &filter, page);
    let (rows, total) = state.database.reads().run(read).await.map_err(of_read)?;
    let records: Vec<Record> = rows.iter().map(Record::from).collect();
    let full = i64::try_from(rows.len()) == Ok(page.limit);
    let next = rows.last().filter(|_| full).map(|row| row.id);
    let items = json!(records);
    Ok(HttpResponse::Ok().json(json!({
        "success": true,
        "count": rows.len(),
        "limit": page.limit,
        "offset": page.offset,
        "total": total,
        "next_cursor": next,
        "files": items,
        "items": items,
    })))
}

/// `GET /files/{id}`.
pub(crate) async fn record(
    state: Data<Arc<ServiceState>>,
    caller: Caller,
    id: Path<i64>,
) -> Result<HttpResponse, Problem> {
    let row = find(&state, caller.tenant_id, *id).await?;
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, row.tag()))
        .json(json!({ "success": true, "file": Record::from(&row) })))
}

/// `GET /files/{id}/metadata`.
pub(crate) async fn metadata(
    state: Data<Arc<ServiceState>>,
    caller: Caller,
    id: Path<i64>,
) -> Result<HttpResponse, Problem> {
    let row = find(&state, caller.tenant_id, *id).await?;
    let extraction = extraction(&state, &row).await?;
    let metadata = answer::metadata(&row, extraction.as_ref());
    Ok(HttpResponse::Ok().json(json!({
        "success": true,
        "file_id": row.id,
        "filename": row.clean_name,
        "extractions": extraction.iter().collect::<Vec<_>>(),
        "extraction": extraction,
        "metadata": metadata,
    })))
}

/// `GET /files/{id}/versions`: the same part in the same project, newest first.
pub(crate) async fn versions(
    state: Data<Arc<ServiceState>>,
    caller: Caller,
    id: Path<i64>,
) -> Result<HttpResponse, Problem> {
    let row = find(&state, caller.tenant_id, *id).await?;
    let read = move |conn: &mut Conn| store::versions(conn, &row);
    let rows = state.database.reads().run(read).await.map_err(of_read)?;
    let items: Vec<Record> = rows.iter().map(Record::from).collect();
    Ok(HttpResponse::Ok().json(json!({
        "success": true,
        "file_id": *id,
        "total": items.len(),
        "items": items,
    })))
}

/// `GET /files/{id}/content`: the bytes as they came. Never shown in a browser as a page of ours.
pub(crate) async fn content(
    request: HttpRequest,
    state: Data<Arc<ServiceState>>,
    caller: Caller,
    id: Path<i64>,
) -> Result<HttpResponse, Problem> {
    let row = find(&state, caller.tenant_id, *id).await?;
    let etag = format!("\"{}\"", hex(&row.sha256));
    if is_known(&request, &etag) {
        return Ok(HttpResponse::NotModified()
            .insert_header((ETAG, etag))
            .finish());
    }
    let key = row
        .blob_key()
        .ok_or_else(|| Problem::internal("a stored hash is not 32 bytes"))?;
    let file = tokio::fs::File::open(state.storage.path(key))
        .await
        .map_err(|cause| Problem::internal(format!("file {}: {cause}", row.id)))?;
    let bytes = futures_util::stream::try_unfold(file, |mut file| async move {
        let mut chunk = vec![0; CHUNK_BYTES];
        let read = file.read(&mut chunk).await?;
        chunk.truncate(read);
        let more = (read > 0).then(|| (Bytes::from(chunk), file));
        Ok::<_, std::io::Error>(more)
    });
    Ok(HttpResponse::Ok()
        .insert_header(("content-type", row.mime_type.as_str()))
        .insert_header((CONTENT_DISPOSITION, attachment(&row.stored_name)))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"))
        .insert_header((CACHE_CONTROL, "private, no-cache"))
        .insert_header((ETAG, etag))
        .body(SizedStream::new(row.size_bytes.unsigned_abs(), bytes)))
}

/// Whether the client has these bytes already (RFC 9110, section 13.1.2: weak comparison).
pub(super) fn is_known(request: &HttpRequest, etag: &str) -> bool {
    let known = request.headers().get_all(IF_NONE_MATCH);
    known
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.trim_start_matches("W/") == etag)
}

/// An ASCII name for old clients, the true one beside it (RFC 6266).
pub(super) fn attachment(name: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%' | ';');
    let ascii: String = name
        .chars()
        .map(|c| if plain(c) || c == ' ' { c } else { '_' })
        .collect();
    let encoded = name.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    });
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemoveQuery {
    #[serde(default, deserialize_with = "yes_or_no")]
    hard_delete: bool,
}

/// `true`, `True` or `1`, as clients in other languages write it.
fn yes_or_no<'de, D: Deserializer<'de>>(source: D) -> Result<bool, D::Error> {
    match String::deserialize(source)?.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(serde::de::Error::custom("accepted are true and false")),
    }
}

/// `DELETE /files/{id}`.
pub(crate) async fn remove(
    state: Data<Arc<ServiceState>>,
    caller: Caller,
    id: Path<i64>,
    Query(query): Query<RemoveQuery>,
) -> Result<HttpResponse, Problem> {
    let row = remove::remove(&state, caller.tenant_id, *id, query.hard_delete).await?;
    let message = match row.is_hard_deleted() {
        true => "deleted for good, with its bytes unless another file has the same",
        false => "deleted; the bytes are kept",
    };
    Ok(HttpResponse::Ok().json(json!({
        "success": true,
        "message": message,
        "file_id": row.id,
    })))
}

/// A file that can still be seen: one that is deleted is gone, except as a record of that.
pub(crate) async fn find(
    state: &ServiceState,
    tenant_id: i64,
    id: i64,
) -> Result<FileRow, Problem> {
    let read = move |conn: &mut Conn| store::get(conn, tenant_id, id);
    let row = state.database.reads().run(read).await.map_err(of_read)?;
    match row {
        None => Err(Problem::not_found(format!("file {id}"))),
        Some(row) if row.is_hard_deleted() => Err(Problem::new(
            Code::Gone,
            format!("file {id} has been deleted for good"),
        )),
        Some(row) => Ok(row),
    }
}

/// What was found in a file, with what was corrected since.
pub(crate) async fn extraction(
    state: &ServiceState,
    row: &FileRow,
) -> Result<Option<Extraction>, Problem> {
    let (id, tenant_id) = (row.id, row.tenant_id);
    let read = move |conn: &mut Conn| store::extraction(conn, tenant_id, id);
    let text = state.database.reads().run(read).await.map_err(of_read)?;
    text.map(|text| understood(row, &text, &state.rules.now()))
        .transpose()
        .map_err(|cause| Problem::internal(format!("file {id}: {cause}")))
}
