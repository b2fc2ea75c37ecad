//! Deleting: the record says so at once; bytes that no other record uses go after the commit.

use std::sync::Arc;
use std::time::Duration;

use access::of_write;
use contract::FileEventKind;
use db::{Lane, Tx, TxError, TxResult};
use service::{Problem, Shutdown};

use crate::error::Refusal;
use crate::events::Extra;
use crate::service_state::{ServiceState, file_key};
use crate::storage::BlobKey;
use crate::store::{self, FileRow};

/// How often marked bytes are looked for that nobody reported.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Deletes a file, softly or with its bytes.
pub(crate) async fn remove(
    state: &Arc<ServiceState>,
    tenant_id: i64,
    file_id: i64,
    hard: bool,
) -> Result<FileRow, Problem> {
    let shared = Arc::clone(state);
    let deleted =
        state
            .writer
            .with_tx(Lane::Interactive, tenant_id, file_key(file_id), move |tx| {
                record(tx, &shared, (tenant_id, file_id), hard)
            });
    let row = deleted.await.map_err(of_write)?;
    state.waiters.wake(file_id);
    Ok(row)
}

fn record(
    tx: &mut Tx<'_>,
    state: &Arc<ServiceState>,
    (tenant_id, file_id): (i64, i64),
    hard: bool,
) -> TxResult<FileRow, Refusal> {
    let Some(row) = store::delete(tx, tenant_id, file_id, hard, state.clock.now_ms())? else {
        let known = store::get(tx.conn(), tenant_id, file_id)?;
        return Err(TxError::Refused(match known {
            Some(_) => Refusal::Deleted(file_id),
            None => Refusal::NotFound(file_id),
        }));
    };
    let extra = Extra {
        hard_delete: Some(hard),
        ..Extra::default()
    };
    let events = &state.events;
    events.publish(tx, FileEventKind::Deleted, &row, extra)?;
    if hard
        && let Some(key) = row.blob_key()
        && store::mark_deleting(tx, key)?
    {
        let state = Arc::clone(state);
        tx.after_commit(move || state.removals.notify_one());
    }
    Ok(row)
}

/// Removes marked bytes, also those whose removal an earlier run began, until the service stops.
pub(crate) async fn sweep(state: Arc<ServiceState>, shutdown: Shutdown) {
    loop {
        match state.database.reads().run(store::deleting).await {
            Ok(marked) => {
                for key in marked {
                    remove_bytes(&state, key).await;
                }
            }
            Err(error) => tracing::warn!(%error, "deleted bytes could not be looked for"),
        }
        tokio::select! {
            () = state.removals.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = shutdown.triggered() => return,
        }
    }
}

/// What cannot be removed now stays marked for the next look.
async fn remove_bytes(state: &ServiceState, key: BlobKey) {
    if let Err(cause) = state.storage.remove(key).await {
        tracing::warn!(%cause, "deleted bytes could not be removed yet");
        return;
    }
    let noted = state.writer.with_tx(Lane::Bulk, 0, 0, move |tx| {
        store::removed(tx, key).map_err(TxError::<std::convert::Infallible>::Db)
    });
    if let Err(error) = noted.await {
        tracing::warn!(%error, "a blob's removal could not be noted yet");
    }
}
