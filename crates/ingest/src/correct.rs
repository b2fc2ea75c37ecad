//! Corrections by hand: kept beside the row, applied over whatever is read in the file, now and later.

use std::sync::Arc;

use access::of_write;
use contract::{FileEventKind, ReExtractReason};
use db::{DbError, Lane, Tx, TxError, TxResult};
use extract::facts::{CallerFacts, FactError, Hints, settle};
use serde_json::{Map, Value};
use service::Problem;

use crate::acceptance::Acceptance;
use crate::completion::{Known, changed, completion, corrections_of, understood};
use crate::error::Refusal;
use crate::events::Extra;
use crate::service_state::{ServiceState, file_key};
use crate::store::{self, FileRow, State};

/// What a person says of a file: facts to set, and with null those to be left to what was read.
#[derive(Debug, Clone)]
pub(crate) struct Patch(Map<String, Value>);

impl Patch {
    /// Refuses what is no fact or no value of it.
    pub(crate) fn parse(
        given: Map<String, Value>,
        state: &ServiceState,
    ) -> Result<Self, FactError> {
        let text = Value::Object(given.clone()).to_string();
        let facts = CallerFacts::parse(None, None, Some(&text), &state.rules.now())?;
        // In the form that everything is compared in; what says nothing withdraws.
        let values: Map<String, Value> =
            serde_json::from_str(&facts.canonical()).unwrap_or_default();
        let patch = given.into_iter().map(|(name, _)| {
            let value = values.get(&name).cloned().unwrap_or_default();
            (name, value)
        });
        Ok(Self(patch.collect()))
    }

    /// Says of all that is known that it is right.
    pub(crate) fn confirming(row: &FileRow) -> Self {
        let facts = serde_json::json!({
            "client_code": row.client_code,
            "project_code": row.project_code,
            "part_name": row.part_name,
            "material": row.material,
            "thickness_mm": row.thickness_mm,
            "quantity": row.quantity,
        });
        let known = facts.as_object().into_iter().flatten();
        let known = known.filter(|(_, value)| !value.is_null());
        Self(
            known
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        )
    }

    /// The corrections after this one, canonical; `None` when nothing is corrected any more.
    pub(crate) fn over(&self, before: Option<&str>) -> Option<String> {
        let mut all: Map<String, Value> = before
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        for (name, value) in &self.0 {
            match value {
                Value::Null => drop(all.remove(name)),
                value => drop(all.insert(name.clone(), value.clone())),
            }
        }
        (!all.is_empty()).then(|| Value::Object(all).to_string())
    }
}

/// Corrects a file; answers its row and which facts changed. `expected` is the tag of the record that the caller saw.
pub(crate) async fn correct(
    state: &Arc<ServiceState>,
    tenant_id: i64,
    id: i64,
    patch: Patch,
    expected: Option<String>,
) -> Result<(FileRow, Vec<String>), Problem> {
    let shared = Arc::clone(state);
    let corrected = state
        .writer
        .with_tx(Lane::Interactive, tenant_id, file_key(id), move |tx| {
            let before = changeable(tx, (tenant_id, id), expected.as_deref())?;
            let corrections = patch.over(before.corrections.as_deref());
            if corrections == before.corrections {
                return Ok((before, Vec::new()));
            }
            let mut row = before.clone();
            row.corrections = corrections;
            let after = replace(tx, &shared, &before, &row)?;
            let changed = changed(&before, &after);
            Ok((after, changed))
        });
    corrected.await.map_err(of_write)
}

/// The row, locked, if it may be changed now and is as the caller saw it.
pub(crate) fn changeable(
    tx: &mut Tx<'_>,
    (tenant_id, id): (i64, i64),
    expected: Option<&str>,
) -> TxResult<FileRow, Refusal> {
    let refuse = |refusal| Err(TxError::Refused(refusal));
    let Some(row) = store::get_locked(tx, tenant_id, id)? else {
        return refuse(Refusal::NotFound(id));
    };
    match row.state() {
        State::Deleted => refuse(Refusal::Deleted(id)),
        State::Processing => refuse(Refusal::Busy(id)),
        _ if expected.is_some_and(|expected| expected != row.tag()) => refuse(Refusal::Changed(id)),
        State::Completed | State::Failed => Ok(row),
    }
}

/// Makes `row`, with other corrections or another acceptance than `before`, what is stored, and tells of it.
pub(crate) fn replace(
    tx: &mut Tx<'_>,
    state: &ServiceState,
    before: &FileRow,
    row: &FileRow,
) -> Result<FileRow, DbError> {
    let (after, summary) = settle_again(tx, state, row)?;
    let extra = Extra {
        summary,
        changed: Some(changed(before, &after)),
        reason: Some(ReExtractReason::Corrected),
        hard_delete: None,
    };
    let events = &state.events;
    events.publish(tx, FileEventKind::ReExtracted, &after, extra)?;
    Ok(after)
}

/// The row as its corrections and its acceptance make it, and the extraction's summary where there is one.
pub(crate) fn settle_again(
    tx: &mut Tx<'_>,
    state: &ServiceState,
    row: &FileRow,
) -> Result<(FileRow, Option<String>), DbError> {
    let defect = |cause: serde_json::Error| DbError::defect(cause.to_string());
    let now_ms = state.clock.now_ms();
    let text = store::extraction(tx.conn(), row.tenant_id, row.id)?;
    let (done, summary) = match text {
        Some(text) => {
            let extraction = understood(row, &text, &state.rules.now()).map_err(defect)?;
            let done = completion(tx, state, row, &Known::from(&extraction))?;
            let summary = serde_json::to_string(&extraction.summary()).map_err(defect)?;
            (done, Some(summary))
        }
        // Never read: the name and the caller are all there is.
        None => {
            let caller =
                CallerFacts::parse(None, None, Some(&row.caller_facts), &state.rules.now());
            let caller = caller.map_err(|cause| DbError::defect(cause.to_string()))?;
            let caller = match corrections_of(row, &state.rules.now()) {
                Some(corrections) => caller.corrected_by(&corrections),
                None => caller,
            };
            let settled = settle(
                &caller,
                row.full_name(),
                &Hints::default(),
                &state.rules.now(),
            );
            let mut needs_review = settled.needs_review;
            if let Some(acceptance) = Acceptance::of(row) {
                acceptance.leave_open(&mut needs_review);
            }
            let known = Known {
                facts: &settled.facts,
                confidence_score: settled.confidence_score,
                needs_review: &needs_review,
            };
            (completion(tx, state, row, &known)?, None)
        }
    };
    let after = store::correct(tx, row, &done, now_ms)?;
    Ok((after, summary))
}
