//! What extraction found becomes the file's facts, and everybody who asked is told, in one transaction.

use std::sync::Arc;

use contract::{FileEventKind, ReExtractReason};
use db::{DbError, Lane, Tx, TxError, WriteError};
use extract::{Extraction, Kind};

use crate::events::Extra;
use crate::names::Names;
use crate::service_state::{ServiceState, file_key};
use crate::store::{self, Completion, FileRow, Task};

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
    let done = completion(tx, state, before, extraction)?;
    let now_ms = state.clock.now_ms();
    let Some(after) = store::complete(tx, before.id, before.claim, &done, now_ms)? else {
        return Ok(());
    };
    let text = serde_json::to_string(extraction).map_err(json)?;
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

/// The row's new columns.
fn completion(
    tx: &mut Tx<'_>,
    state: &ServiceState,
    before: &FileRow,
    extraction: &Extraction,
) -> Result<Completion, DbError> {
    let kind = Kind::parse(&before.kind)
        .ok_or_else(|| DbError::defect(format!("file {} is of no known kind", before.id)))?;
    let names = Names::of(&extraction.facts, &before.clean_name, kind, &state.rules);
    let project_code = names.project_code();
    let same_place =
        project_code == before.project_code.as_deref() && names.base_name() == before.base_name;
    let version = if same_place {
        before.version
    } else {
        store::free_version(
            tx.conn(),
            before.tenant_id,
            project_code,
            names.base_name(),
            names.stated_version(),
            before.id,
        )?
    };
    Ok(Completion {
        known: names.known(version),
        confidence_score: extraction.confidence_score,
        needs_review: review_json(&extraction.needs_review)?,
    })
}

fn review_json(reviews: &[extract::facts::Review]) -> Result<Option<String>, DbError> {
    if reviews.is_empty() {
        return Ok(None);
    }
    let text = serde_json::to_string(reviews);
    text.map(Some)
        .map_err(|cause| DbError::defect(cause.to_string()))
}

/// Names of the facts that differ, as the events call them.
fn changed(before: &FileRow, after: &FileRow) -> Vec<String> {
    let differs = [
        ("client_code", before.client_code != after.client_code),
        ("project_code", before.project_code != after.project_code),
        ("part_name", before.part_name != after.part_name),
        ("material", before.material != after.material),
        ("thickness_mm", before.thickness_mm != after.thickness_mm),
        ("quantity", before.quantity != after.quantity),
        ("version", before.version != after.version),
    ];
    differs
        .into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(name, _)| name.to_owned())
        .collect()
}
