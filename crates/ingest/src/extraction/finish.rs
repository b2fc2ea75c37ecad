//! What extraction found becomes the file's facts, and everybody who asked is told, in one transaction.

use std::sync::Arc;

use contract::{FileEventKind, ReExtractReason};
use db::{DbError, Lane, Tx, TxError, WriteError};
use extract::Extraction;

use crate::completion::{Known, changed, completion, overlaid};
use crate::events::Extra;
use crate::service_state::{ServiceState, file_key};
use crate::store::{self, FileRow, Task};

/// What came of a file.
#[derive(Debug, Clone)]
pub(super) enum Found {
    Extraction(Arc<Extraction>),
    Failure { code: String, message: String },
}

impl Found {
    pub(super) fn failure(code: &str, message: String) -> Self {
        Self::Failure {
            code: code.to_owned(),
            message,
        }
    }
}

/// Writes the outcome; changes nothing when the file was deleted or taken by another meanwhile.
pub(super) async fn finish(
    state: &Arc<ServiceState>,
    row: &FileRow,
    found: Found,
) -> Result<(), WriteError<std::convert::Infallible>> {
    let (shared, before) = (Arc::clone(state), row.clone());
    state
        .writer
        .with_tx(Lane::Outcomes, row.tenant_id, file_key(row.id), move |tx| {
            record(tx, &shared, &before, &found).map_err(TxError::Db)
        })
        .await?;
    state.waiters.wake(row.id);
    Ok(())
}

fn record(
    tx: &mut Tx<'_>,
    state: &ServiceState,
    before: &FileRow,
    found: &Found,
) -> Result<(), DbError> {
    match found {
        Found::Extraction(extraction) => record_extraction(tx, state, before, extraction),
        Found::Failure { code, message } => {
            let error = [code.as_str(), message.as_str(), STAGE];
            let now_ms = state.clock.now_ms();
            match store::fail(tx, before.id, before.claim, error, now_ms)? {
                Some(after) => {
                    let events = &state.events;
                    events.publish(tx, FileEventKind::Failed, &after, Extra::default())
                }
                None => Ok(()),
            }
        }
    }
}

/// Where files fail that were taken in.
const STAGE: &str = "extraction";

fn record_extraction(
    tx: &mut Tx<'_>,
    state: &ServiceState,
    before: &FileRow,
    extraction: &Extraction,
) -> Result<(), DbError> {
    let json = |cause: serde_json::Error| DbError::defect(cause.to_string());
    // What was read is kept as it was read: a correction can be withdrawn.
    let text = serde_json::to_string(extraction).map_err(json)?;
    let extraction = match before.corrections.is_some() || before.accepted.is_some() {
        true => &overlaid(extraction.clone(), before, &state.rules.now()),
        false => extraction,
    };
    let done = completion(tx, state, before, &Known::from(extraction))?;
    let now_ms = state.clock.now_ms();
    let Some(after) = store::complete(tx, before.id, before.claim, &done, now_ms)? else {
        return Ok(());
    };
    store::put_extraction(tx, after.id, &text, now_ms)?;
    let summary = Some(serde_json::to_string(&extraction.summary()).map_err(json)?);
    let again = before.task() == Task::Again;
    let extra = Extra {
        summary,
        changed: again.then(|| changed(before, &after)),
        reason: again.then_some(ReExtractReason::ReExtracted),
        hard_delete: None,
    };
    let kind = match again {
        true => FileEventKind::ReExtracted,
        false => FileEventKind::Processed,
    };
    state.events.publish(tx, kind, &after, extra)
}
