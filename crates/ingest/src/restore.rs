//! Bringing a softly deleted file back: the only way a deleted file comes back, and everybody is told all of it again.

use std::sync::Arc;

use access::of_write;
use contract::FileEventKind;
use db::{DbError, Lane, Tx, TxError, TxResult};
use service::Problem;

use crate::completion::understood;
use crate::error::Refusal;
use crate::events::Extra;
use crate::intake::hand_over;
use crate::service_state::{ServiceState, file_key};
use crate::store::{self, FileRow, State};

/// Restores a file.
pub(crate) async fn restore(
    state: &Arc<ServiceState>,
    tenant_id: i64,
    id: i64,
) -> Result<FileRow, Problem> {
    let shared = Arc::clone(state);
    let restored = state
        .writer
        .with_tx(Lane::Interactive, tenant_id, file_key(id), move |tx| {
            record(tx, &shared, tenant_id, id)
        });
    restored.await.map_err(of_write)
}

fn record(
    tx: &mut Tx<'_>,
    state: &Arc<ServiceState>,
    tenant_id: i64,
    id: i64,
) -> TxResult<FileRow, Refusal> {
    let refuse = |refusal| Err(TxError::Refused(refusal));
    let Some(deleted) = store::get_locked(tx, tenant_id, id)? else {
        return refuse(Refusal::NotFound(id));
    };
    if deleted.is_hard_deleted() {
        return refuse(Refusal::Deleted(id));
    }
    if deleted.state() != State::Deleted {
        return refuse(Refusal::NotDeleted(id));
    }
    if let Some(other) = store::same_as(tx.conn(), tenant_id, id)? {
        return refuse(Refusal::Replaced { id, other });
    }
    let seat = state.queue.seat();
    let owner = seat.is_some().then_some(state.node_id);
    let version = store::free_version(
        tx.conn(),
        tenant_id,
        deleted.project_code.as_deref(),
        &deleted.base_name,
        Some(deleted.version),
        id,
    )?;
    let stored_name = renumbered(&deleted, version);
    let now_ms = state.clock.now_ms();
    let row = store::restore(tx, &deleted, version, &stored_name, owner, now_ms)?;
    announce(tx, state, &row)?;
    if row.state() == State::Processing {
        hand_over(tx, state, seat, &row);
    }
    Ok(row)
}

/// The stored name ends with the version, which another file may have taken meanwhile.
fn renumbered(deleted: &FileRow, version: i64) -> String {
    let name = &deleted.stored_name;
    let old = format!("-v{}.", deleted.version);
    match name.rsplit_once(&old) {
        Some((stem, extension)) => format!("{stem}-v{version}.{extension}"),
        None => name.clone(),
    }
}

/// As when it came in, and then what came of it.
fn announce(tx: &mut Tx<'_>, state: &ServiceState, row: &FileRow) -> Result<(), DbError> {
    let events = &state.events;
    events.publish(tx, FileEventKind::Ingested, row, Extra::default())?;
    let kind = match row.state() {
        State::Completed => FileEventKind::Processed,
        State::Failed => FileEventKind::Failed,
        State::Processing | State::Deleted => return Ok(()),
    };
    let defect = |cause: serde_json::Error| DbError::defect(cause.to_string());
    let text = store::extraction(tx.conn(), row.tenant_id, row.id)?;
    let summary = match text.filter(|_| row.state() == State::Completed) {
        Some(text) => {
            let extraction = understood(row, &text, &state.rules.now()).map_err(defect)?;
            Some(serde_json::to_string(&extraction.summary()).map_err(defect)?)
        }
        None => None,
    };
    let extra = Extra {
        summary,
        ..Extra::default()
    };
    events.publish(tx, kind, row, extra)
}
