//! `PATCH /files/{id}`: facts, client and project corrected by hand. `POST /files/{id}/restore`: a deleted file back.

use std::sync::Arc;

use access::{Caller, Keys};
use actix_web::http::header::{ETAG, IF_MATCH};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};
use service::{Json, Problem};

use super::answer::Record;
use super::ingest::refused_fact;
use crate::accept::{Seen, accept, withdraw};
use crate::correct::{Patch, correct};
use crate::restore;
use crate::service_state::ServiceState;
use crate::store::FileRow;

/// `PATCH /files/{id}`: a JSON object of facts; null leaves a fact to what is read in the file. With `If-Match` only while
/// the record is as the caller saw it.
pub(crate) async fn patch(
    request: HttpRequest,
    state: Data<Arc<ServiceState>>,
    caller: Caller,
    id: Path<i64>,
    Json(given): Json<Map<String, Value>>,
) -> Result<HttpResponse, Problem> {
    if given.is_empty() {
        let message = "give at least one fact, such as {\"material\": \"MS\"}";
        return Err(Problem::invalid_field("body", message));
    }
    let patch = Patch::parse(given, &state).map_err(|cause| refused_fact(&cause, "body"))?;
    let (row, changed) = correct(&state, caller.tenant_id, *id, patch, expected(&request)).await?;
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, row.tag()))
        .json(json!({
            "success": true,
            "file_id": row.id,
            "changed": changed,
            "file": Record::from(&row),
        })))
}

/// `POST /files/{id}/accept`: nobody needs to look for these reasons again. With `If-Match` only while the record is as the
/// caller saw it.
pub(crate) async fn accepted(
    request: HttpRequest,
    state: Data<Arc<ServiceState>>,
    keys: Data<Keys>,
    caller: Caller,
    id: Path<i64>,
) -> Result<HttpResponse, Problem> {
    let seen = seen(&request, &caller, *id);
    Ok(as_it_is(&accept(&state, &keys, &caller, seen).await?))
}

/// `DELETE /files/{id}/accept`: it is to be looked at again, for all that is doubtful in it.
pub(crate) async fn withdrawn(
    request: HttpRequest,
    state: Data<Arc<ServiceState>>,
    caller: Caller,
    id: Path<i64>,
) -> Result<HttpResponse, Problem> {
    let seen = seen(&request, &caller, *id);
    Ok(as_it_is(&withdraw(&state, seen).await?))
}

fn seen(request: &HttpRequest, caller: &Caller, id: i64) -> Seen {
    Seen {
        tenant_id: caller.tenant_id,
        id,
        tag: expected(request),
    }
}

fn as_it_is(row: &FileRow) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((ETAG, row.tag()))
        .json(json!({"success": true, "file_id": row.id, "file": Record::from(row)}))
}

/// The tag that the caller insists on (RFC 9110, section 13.1.1); a star is any.
fn expected(request: &HttpRequest) -> Option<String> {
    let tag = request.headers().get(IF_MATCH)?.to_str().ok()?.trim();
    (tag != "*").then(|| tag.to_owned())
}

/// `POST /files/{id}/restore`.
pub(crate) async fn restored(
    state: Data<Arc<ServiceState>>,
    caller: Caller,
    id: Path<i64>,
) -> Result<HttpResponse, Problem> {
    let row = restore::restore(&state, caller.tenant_id, *id).await?;
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, row.tag()))
        .json(json!({
            "success": true,
            "message": "restored",
            "file_id": row.id,
            "status": row.state().name(),
            "file": Record::from(&row),
        })))
}
