//! `GET /files/{id}/preview.svg` and `.png`: the kept picture, or one made now by the workers. A browser may show it but
//! run nothing in it.

use std::sync::Arc;
use std::time::Duration;

use access::Caller;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use service::{Problem, Query};

use super::files::{find, is_known};
use crate::events::has_preview;
use crate::extraction::{NoPicture, Wanted};
use crate::previews::SIZES_PX;
use crate::service_state::ServiceState;
use crate::storage::hex;

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
const SIZE_PX_USUAL: u32 = 512;
const SIZE_PX_MAX: u32 = 1024;
/// How long a request waits for a picture that other work stands before.
const WAIT_MAX: Duration = Duration::from_secs(60);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NothingAsked {}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SizeQuery {
    /// Pixels of the longer side.
    size: Option<u32>,
}

/// `GET /files/{id}/preview.svg`.
pub(crate) async fn svg(
    request: HttpRequest,
    state: Data<Arc<ServiceState>>,
    caller: Caller,
    id: Path<i64>,
    Query(NothingAsked {}): Query<NothingAsked>,
) -> Result<HttpResponse, Problem> {
    picture(&request, &state, (caller.tenant_id, *id), Wanted::Svg).await
}

/// `GET /files/{id}/preview.png`.
pub(crate) async fn png(
    request: HttpRequest,
    state: Data<Arc<ServiceState>>,
    caller: Caller,
    id: Path<i64>,
    Query(query): Query<SizeQuery>,
) -> Result<HttpResponse, Problem> {
    let asked = query.size.unwrap_or(SIZE_PX_USUAL);
    let size = SIZES_PX.into_iter().find(|size| *size >= asked);
    let (1.., Some(size_px_max)) = (asked, size) else {
        let message = format!("pixels of the longer side, from 1 to {SIZE_PX_MAX}");
        return Err(Problem::invalid_field("size", message));
    };
    picture(
        &request,
        &state,
        (caller.tenant_id, *id),
        Wanted::Png { size_px_max },
    )
    .await
}

async fn picture(
    request: &HttpRequest,
    state: &ServiceState,
    (tenant_id, id): (i64, i64),
    wanted: Wanted,
) -> Result<HttpResponse, Problem> {
    let row = find(state, tenant_id, id).await?;
    let key = row
        .blob_key()
        .ok_or_else(|| Problem::internal("a stored hash is not 32 bytes"))?;
    if !has_preview(&row.kind) {
        let kind = &row.kind;
        return Err(Problem::not_found(format!(
            "a preview of file {id} ({kind})"
        )));
    }
    let previews = state.storage.previews();
    if previews.find(key, wanted).await.is_none() {
        let made = tokio::time::timeout(WAIT_MAX, state.pictures.make(row, wanted)).await;
        made.unwrap_or(Err(NoPicture::Busy))
            .map_err(|cause| missing(id, cause))?;
    }
    let gone = |cause| Problem::unavailable("the preview went while it was read", cause);
    let path = previews.find(key, wanted).await;
    let path = path.ok_or_else(|| gone(std::io::ErrorKind::NotFound.into()))?;
    let bytes = tokio::fs::read(path).await.map_err(gone)?;
    let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
    let etag = format!("\"{}\"", hex(digest.as_ref().split_at(16).0));
    if is_known(request, &etag) {
        return Ok(HttpResponse::NotModified()
            .insert_header((ETAG, etag))
            .finish());
    }
    let kind = match wanted {
        Wanted::Svg => "image/svg+xml",
        Wanted::Png { .. } => "image/png",
    };
    Ok(HttpResponse::Ok()
        .insert_header(("content-type", kind))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CACHE_CONTROL, "private, no-cache"))
        .insert_header((ETAG, etag))
        .body(bytes))
}

fn missing(id: i64, cause: NoPicture) -> Problem {
    match cause {
        NoPicture::Busy => Problem::unavailable(
            "the preview cannot be made now",
            "no worker was free (ingest.extraction.previews_waiting_max)",
        ),
        NoPicture::None(reason) => Problem::not_found(format!("a preview of file {id} ({reason})")),
        NoPicture::Unstorable(cause) => {
            Problem::unavailable("the preview cannot be kept now", cause)
        }
    }
}
