//! What is done from time to time: old events leave the inbox. Must never take what a sender may still
//! repeat, nor hold the writer for long.

use std::time::Duration;

use actix_web::web::Data;
use db::{Lane, WriteError};
use service::Shutdown;

use crate::receiver::State;
use crate::store::inbox;

/// Time between two sweeps.
const SWEEP_EVERY: Duration = Duration::from_secs(10 * 60);
/// Time between two batches of a sweep, which leaves room for everybody else.
const BATCH_EVERY: Duration = Duration::from_millis(50);
/// Most events that one transaction removes.
const BATCH_ROWS_MAX: i64 = 256;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Removes events that are older than `days` until the service stops; 0 keeps them.
pub(crate) async fn retention(state: Data<State>, days: u32, shutdown: Shutdown) {
    if days == 0 {
        return;
    }
    loop {
        if let Err(error) = sweep(&state, days, &shutdown).await {
            tracing::warn!(%error, "old events could not be removed");
        }
        tokio::select! {
            () = tokio::time::sleep(SWEEP_EVERY) => {}
            () = shutdown.triggered() => return,
        }
    }
}

async fn sweep(state: &State, days: u32, shutdown: &Shutdown) -> Result<(), WriteError<()>> {
    let before_ms = state.clock.now_ms() - i64::from(days) * DAY_MS;
    while !shutdown.is_triggered() {
        let batch = state.writer.with_tx(Lane::Bulk, 0, 0, move |tx| {
            Ok(inbox::expire(tx.conn(), before_ms, BATCH_ROWS_MAX)?)
        });
        let removed = batch.await?;
        state.metrics.expired(removed);
        if removed == 0 {
            return Ok(());
        }
        tokio::time::sleep(BATCH_EVERY).await;
    }
    Ok(())
}
