//! A person has looked at a file and says that it is right: what is known becomes what was said, and nobody is asked to
//! look again for the same reasons, however often the same bytes are read. Changes no fact.

use std::sync::Arc;

use access::{Caller, Keys, of_write};
use db::{DbError, Lane, Tx, TxResult};
use service::Problem;

use crate::acceptance::Acceptance;
use crate::correct::{Patch, changeable, replace, settle_again};
use crate::error::Refusal;
use crate::service_state::{ServiceState, file_key};
use crate::store::FileRow;

/// Which record, as the caller saw it; without a tag as it may be.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) tenant_id: i64,
    pub(crate) id: i64,
    pub(crate) tag: Option<String>,
}

/// Accepts a file in the name of the caller's key.
pub(crate) async fn accept(
    state: &Arc<ServiceState>,
    keys: &Keys,
    caller: &Caller,
    seen: Seen,
) -> Result<FileRow, Problem> {
    let by = name_of(keys, caller).await?;
    in_tx(state, seen, move |tx, state, seen| {
        let before = changeable(tx, (seen.tenant_id, seen.id), seen.tag.as_deref())?;
        Ok(accepted(tx, state, &before, by.clone())?)
    })
    .await
}

/// Takes it back: the file is as it was read, with what was corrected otherwise.
pub(crate) async fn withdraw(state: &Arc<ServiceState>, seen: Seen) -> Result<FileRow, Problem> {
    in_tx(state, seen, |tx, state, seen| {
        let before = changeable(tx, (seen.tenant_id, seen.id), seen.tag.as_deref())?;
        let Some(acceptance) = Acceptance::of(&before) else {
            return Ok(before);
        };
        let mut row = before.clone();
        row.corrections = acceptance.withdrawn_from(before.corrections.as_deref());
        row.accepted = None;
        Ok(replace(tx, state, &before, &row)?)
    })
    .await
}

async fn in_tx(
    state: &Arc<ServiceState>,
    seen: Seen,
    change: impl Fn(&mut Tx<'_>, &ServiceState, &Seen) -> TxResult<FileRow, Refusal> + Send + 'static,
) -> Result<FileRow, Problem> {
    let shared = Arc::clone(state);
    let key = (seen.tenant_id, file_key(seen.id));
    let changed = state
        .writer
        .with_tx(Lane::Interactive, key.0, key.1, move |tx| {
            change(tx, &shared, &seen)
        });
    changed.await.map_err(of_write)
}

fn accepted(
    tx: &mut Tx<'_>,
    state: &ServiceState,
    before: &FileRow,
    by: Option<String>,
) -> Result<FileRow, DbError> {
    let earlier = Acceptance::of(before);
    let corrections = Patch::confirming(before).over(before.corrections.as_deref());
    if earlier.is_some() && before.needs_review.is_none() && corrections == before.corrections {
        return Ok(before.clone());
    }
    let mut acceptance = Acceptance::renewed(earlier, state.clock.now_ms(), by);
    acceptance.confirm(before.corrections.as_deref(), corrections.as_deref());
    acceptance.accept_reasons(before);
    let mut row = before.clone();
    row.corrections = corrections;
    row.accepted = kept(&acceptance)?;
    // What is confirmed may be doubted in other words: these are accepted with it.
    let (settled, _) = settle_again(tx, state, &row)?;
    acceptance.accept_reasons(&settled);
    row.accepted = kept(&acceptance)?;
    replace(tx, state, before, &row)
}

fn kept(acceptance: &Acceptance) -> Result<Option<String>, DbError> {
    let text = serde_json::to_string(acceptance);
    text.map(Some)
        .map_err(|cause| DbError::defect(cause.to_string()))
}

/// What its owner calls the key.
async fn name_of(keys: &Keys, caller: &Caller) -> Result<Option<String>, Problem> {
    let Some(id) = caller.key_id else {
        return Ok(None);
    };
    let listed = keys.list(caller.tenant_id).await?;
    Ok(listed
        .into_iter()
        .find(|key| key.id == id)
        .map(|key| key.name))
}
