//! A person has looked at a file and says that it is right: what is known becomes what was said, and nobody is asked to
//! look again until it is read or corrected anew. Changes no fact.

use std::sync::Arc;

use access::of_write;
use db::{Lane, Tx, TxError, TxResult};
use service::Problem;

use crate::correct::{Patch, record};
use crate::error::Refusal;
use crate::service_state::{ServiceState, file_key};
use crate::store::{self, FileRow};

/// Accepts a file; `expected` is the tag of the record that the caller saw.
pub(crate) async fn accept(
    state: &Arc<ServiceState>,
    tenant_id: i64,
    id: i64,
    expected: Option<String>,
) -> Result<FileRow, Problem> {
    let shared = Arc::clone(state);
    let accepted = state
        .writer
        .with_tx(Lane::Interactive, tenant_id, file_key(id), move |tx| {
            accepted(tx, &shared, (tenant_id, id), expected.as_deref())
        });
    accepted.await.map_err(of_write)
}

fn accepted(
    tx: &mut Tx<'_>,
    state: &Arc<ServiceState>,
    (tenant_id, id): (i64, i64),
    expected: Option<&str>,
) -> TxResult<FileRow, Refusal> {
    let Some(seen) = store::get_locked(tx, tenant_id, id)? else {
        return Err(TxError::Refused(Refusal::NotFound(id)));
    };
    let known = Patch::confirming(&seen);
    let (row, _) = record(tx, state, (tenant_id, id), &known, expected)?;
    match row.needs_review {
        None => Ok(row),
        Some(_) => Ok(store::accept(tx, id, state.clock.now_ms())?),
    }
}
