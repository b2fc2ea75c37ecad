//! `POST /files/{id}/re-extract` and `POST /extract/{id}`: have a file read again.

use std::sync::Arc;
use std::time::Duration;

use access::{Caller, of_write};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Payload};
use db::{Lane, Tx, TxError, TxResult};
use extract::Mode;
use serde::Deserialize;
use serde_json::json;
use service::{Code, Problem, Query};

use super::ingest::{mode_name, read_mode};
use super::multipart::too_slow;
use crate::error::Refusal;
use crate::intake::hand_over;
use crate::service_state::{ServiceState, file_key};
use crate::store::{self, FileRow, State};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgainQuery {
    mode: Option<String>,
}

pub(crate) async fn again(
    state: Data<Arc<ServiceState>>,
    caller: Caller,
    id: Path<i64>,
    Query(query): Query<AgainQuery>,
    body: Payload,
) -> Result<HttpResponse, Problem> {
    let form = form_mode(&state, body).await?;
    let mode = match query.mode.or(form) {
        None => None,
        text => Some(read_mode(text.as_deref())?),
    };
    let row = restarted(&state, caller.tenant_id, *id, mode).await?;
    Ok(HttpResponse::Accepted().json(json!({
        "success": true,
        "message": "the file is being read again",
        "file_id": row.id,
        "status": row.state().name(),
    })))
}

/// Has a file read again; `mode`: `None` as before.
pub(crate) async fn restarted(
    state: &Arc<ServiceState>,
    tenant_id: i64,
    id: i64,
    mode: Option<Mode>,
) -> Result<FileRow, Problem> {
    let shared = Arc::clone(state);
    let started = state
        .writer
        .with_tx(Lane::Interactive, tenant_id, file_key(id), move |tx| {
            restart(tx, &shared, (tenant_id, id), mode)
        });
    started.await.map_err(of_write)
}

fn restart(
    tx: &mut Tx<'_>,
    state: &Arc<ServiceState>,
    (tenant_id, id): (i64, i64),
    mode: Option<Mode>,
) -> TxResult<FileRow, Refusal> {
    let refuse = |refusal| Err(TxError::Refused(refusal));
    let Some(row) = store::get(tx.conn(), tenant_id, id)? else {
        return refuse(Refusal::NotFound(id));
    };
    if row.state() == State::Deleted {
        return refuse(Refusal::Deleted(id));
    }
    if let Some(Mode::As(kind)) = mode
        && kind.name() != row.kind
    {
        let kind = row.kind;
        return refuse(Refusal::WrongMode { id, kind });
    }
    let seat = state.queue.seat();
    let (owner, now_ms) = (
        seat.is_some().then_some(state.node_id),
        state.clock.now_ms(),
    );
    match store::restart(tx, tenant_id, id, mode.map(mode_name), owner, now_ms)? {
        Some(row) => {
            hand_over(tx, state, seat, &row);
            Ok(row)
        }
        None => refuse(Refusal::Busy(id)),
    }
}

/// `mode=…` in a form body, as older clients send it; any other body says nothing.
async fn form_mode(state: &ServiceState, body: Payload) -> Result<Option<String>, Problem> {
    let max = state.uploads.form_field_bytes_max;
    let pause = Duration::from_secs(state.uploads.upload_pause_seconds_max);
    let bytes = match tokio::time::timeout(pause, body.to_bytes_limited(max)).await {
        Ok(Ok(Ok(bytes))) => bytes,
        Ok(Ok(Err(cause))) => return Err(Problem::new(Code::BadRequest, cause.to_string())),
        Ok(Err(_too_large)) => {
            let message = format!("the body may have {max} bytes (ingest.form_field_bytes_max)");
            return Err(Problem::new(Code::BodyTooLarge, message));
        }
        Err(_elapsed) => return Err(too_slow("ingest.upload_pause_seconds_max", pause)),
    };
    let text = String::from_utf8_lossy(&bytes);
    let mode = text.split('&').find_map(|pair| pair.strip_prefix("mode="));
    let multipart = || {
        let (_, rest) = text.split_once("name=\"mode\"")?;
        rest.split_once("\r\n\r\n")?.1.lines().next()
    };
    Ok(mode.or_else(multipart).map(|mode| mode.trim().to_owned()))
}
