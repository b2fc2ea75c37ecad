//! `POST /files/{id}/re-extract` and `POST /extract/{id}`: have a file read again.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Payload};
use db::{Lane, TxError};
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::json;
use service::{Problem, Query};

use super::ingest::{mode_name, read_mode};
use crate::error::{Refusal, of_write};
use crate::intake::hand_over;
use crate::service_state::{ServiceState, file_key};
use crate::store::{self, State};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgainQuery {
    mode: Option<String>,
}

pub(crate) async fn again(
    state: Data<Arc<ServiceState>>,
    id: Path<i64>,
    Query(query): Query<AgainQuery>,
    body: Payload,
) -> Result<HttpResponse, Problem> {
    let form = form_mode(&state, body).await?;
    let mode = match query.mode.as_deref().or(form.as_deref()) {
        None => None,
        text => Some(mode_name(read_mode(text)?)),
    };
    let (shared, file_id, tenant_id) = (Arc::clone(&state), *id, state.tenant().id);
    let started = state
        .writer
        .with_tx(Lane::Interactive, tenant_id, file_key(file_id), move |tx| {
            let seat = shared.queue.seat();
            let owner = seat.is_some().then_some(shared.node_id);
            let now_ms = shared.clock.now_ms();
            match store::restart(tx, tenant_id, file_id, mode, owner, now_ms)? {
                Some(row) => {
                    hand_over(tx, &shared, seat, &row);
                    Ok(row)
                }
                None => {
                    let row = store::get(tx.conn(), tenant_id, file_id)?;
                    Err(TxError::Refused(match row.map(|row| row.state()) {
                        None => Refusal::NotFound(file_id),
                        Some(State::Deleted) => Refusal::Deleted(file_id),
                        Some(_) => Refusal::Busy(file_id),
                    }))
                }
            }
        });
    let row = started.await.map_err(of_write)?;
    Ok(HttpResponse::Accepted().json(json!({
        "success": true,
        "message": "the file is being read again",
        "file_id": row.id,
        "status": row.state().name(),
    })))
}

/// `mode=…` in a form body, as older clients send it; any other body says nothing.
async fn form_mode(state: &ServiceState, mut body: Payload) -> Result<Option<String>, Problem> {
    let max = state.uploads.form_field_bytes_max;
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|cause| Problem::invalid_field("body", cause.to_string()))?;
        bytes.extend_from_slice(&chunk);
        if bytes.len() > max {
            let message = format!("at most {max} bytes (ingest.form_field_bytes_max)");
            return Err(Problem::invalid_field("body", message));
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    let mode = text.split('&').find_map(|pair| pair.strip_prefix("mode="));
    let multipart = || {
        let (_, rest) = text.split_once("name=\"mode\"")?;
        rest.split_once("\r\n\r\n")?.1.lines().next()
    };
    Ok(mode.or_else(multipart).map(|mode| mode.trim().to_owned()))
}
