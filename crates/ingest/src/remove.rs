//! Deleting: the record says so at once; bytes that no other record uses go after the commit.

use std::sync::Arc;

use contract::FileEventKind;
use db::{DbError, Lane, Tx, TxError};
use service::Problem;

use crate::error::{Refusal, of_write};
use crate::events::Extra;
use crate::service_state::{ServiceState, file_key};
use crate::storage::BlobKey;
use crate::store::{self, FileRow};

/// Deletes a file, softly or with its bytes.
pub(crate) async fn remove(
    state: &Arc<ServiceState>,
    file_id: i64,
    hard: bool,
) -> Result<FileRow, Problem> {
    let (shared, tenant_id) = (Arc::clone(state), state.tenant().id);
    let deleted = state
        .writer
        .with_tx(Lane::Interactive, tenant_id, file_key(file_id), move |tx| {
            let now_ms = shared.clock.now_ms();
            let Some(row) = store::delete(tx, tenant_id, file_id, hard, now_ms)? else {
                let known = store::get(tx.conn(), tenant_id, file_id)?;
                return Err(TxError::Refused(known.map_or(
                    Refusal::NotFound(file_id),
                    |_| Refusal::Deleted(file_id),
                )));
            };
            let extra = Extra {
                hard_delete: Some(hard),
                ..Extra::default()
            };
            shared
                .events
                .publish(tx, FileEventKind::Deleted, &row, extra)?;
            let unused = hard && unused(tx, &row)?;
            Ok((row, unused))
        });
    let (row, unused) = deleted.await.map_err(of_write)?;
    state.waiters.wake(file_id);
    if unused && let Some(key) = blob_key(&row) {
        remove_bytes(state, key).await;
    }
    Ok(row)
}

fn unused(tx: &mut Tx<'_>, row: &FileRow) -> Result<bool, DbError> {
    match blob_key(row) {
        Some(key) => store::mark_deleting(tx, key),
        None => Ok(false),
    }
}

fn blob_key(row: &FileRow) -> Option<BlobKey> {
    Some(BlobKey {
        sha256: row.sha256.as_slice().try_into().ok()?,
        generation: row.generation,
    })
}

/// What cannot be removed now stays marked and is removed at the next start.
async fn remove_bytes(state: &Arc<ServiceState>, key: BlobKey) {
    if let Err(cause) = state.storage.remove(key).await {
        tracing::warn!(%cause, "deleted bytes stay until the next start");
        return;
    }
    let forgotten = state.writer.with_tx(Lane::Bulk, 0, 0, move |tx| {
        store::removed(tx, key).map_err(TxError::<std::convert::Infallible>::Db)
    });
    if let Err(error) = forgotten.await {
        tracing::warn!(%error, "a removed blob is still listed; the next start forgets it");
    }
}

/// Ends removals that an earlier run began.
pub(crate) async fn finish_removals(state: &Arc<ServiceState>) -> Result<(), DbError> {
    let marked = state.database.reads().run(store::deleting).await?;
    for key in marked {
        remove_bytes(state, key).await;
    }
    Ok(())
}
