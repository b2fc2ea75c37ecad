//! What extraction found becomes the file's facts, and everybody who asked is told, in one transaction.

use std::sync::Arc;

use contract::{FileEventKind, ReExtractReason};
use db::{DbError, Lane, Tx, TxError, WriteError};
use extract::facts::{CallerFacts, Facts, Hints, settle};
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
    let done = completion(tx, state, before, found)?;
    let now_ms = state.clock.now_ms();
    let Some(after) = store::complete(tx, before.id, before.claim, &done, now_ms)? else {
        return Ok(());
    };
    let mut extra = Extra::default();
    let mut kind = FileEventKind::Failed;
    if let Found::Extraction(extraction) = found {
        let json = |cause: serde_json::Error| DbError::defect(cause.to_string());
        let text = serde_json::to_string(&**extraction).map_err(json)?;
        store::put_extraction(tx, after.id, &text, now_ms)?;
        extra.summary = Some(serde_json::to_string(&extraction.summary()).map_err(json)?);
        kind = match before.task() {
            Task::First => FileEventKind::Processed,
            Task::Again => FileEventKind::ReExtracted,
        };
        if before.task() == Task::Again {
            extra.changed = Some(changed(before, &after));
            extra.reason = Some(ReExtractReason::ReExtracted);
        }
    }
    state.events.publish(tx, kind, &after, extra)
}

/// The row's new columns. A file that could not be read keeps the facts that its name and its caller give.
fn completion(
    tx: &mut Tx<'_>,
    state: &ServiceState,
    before: &FileRow,
    found: &Found,
) -> Result<Completion, DbError> {
    let (facts, confidence, review, error) = match found {
        Found::Extraction(extraction) => (
            extraction.facts.clone(),
            extraction.confidence_score,
            review_json(&extraction.needs_review)?,
            None,
        ),
        Found::Failure { code, message } => {
            let (facts, confidence) = named_facts(state, before)?;
            let error = [code.clone(), message.clone(), "extraction".to_owned()];
            (facts, confidence, None, Some(error))
        }
    };
    let kind = Kind::parse(&before.kind)
        .ok_or_else(|| DbError::defect(format!("file {} is of no known kind", before.id)))?;
    let names = Names::of(&facts, &before.clean_name, kind, &state.rules);
    let project_code = facts.project_code.as_ref().map(|fact| fact.value.to_string());
    let same_place =
        project_code == before.project_code && names.base_name() == before.base_name;
    let version = if same_place {
        before.version
    } else {
        store::free_version(
            tx.conn(),
            before.tenant_id,
            project_code.as_deref(),
            names.base_name(),
            names.stated_version(),
            before.id,
        )?
    };
    Ok(Completion {
        stored_name: names.stored(version),
        client_code: facts.client_code.as_ref().map(|fact| fact.value.to_string()),
        project_code,
        part_name: facts.part_name.as_ref().map(|fact| fact.value.clone()),
        material: facts.material.as_ref().map(|fact| fact.value.clone()),
        thickness_mm: facts.thickness_mm.as_ref().map(|fact| fact.value),
        quantity: facts.quantity.as_ref().map(|fact| fact.value.into()),
        confidence_score: Some(confidence),
        needs_review: review,
        base_name: names.base_name().to_owned(),
        version,
        error,
    })
}

fn named_facts(state: &ServiceState, row: &FileRow) -> Result<(Facts, f64), DbError> {
    let caller = CallerFacts::parse(None, None, Some(&row.caller_facts), &state.rules)
        .map_err(|cause| DbError::defect(format!("file {}: {cause}", row.id)))?;
    let settled = settle(&caller, &row.clean_name, &Hints::default(), &state.rules);
    Ok((settled.facts, settled.confidence_score))
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
