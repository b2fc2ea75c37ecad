//! `/reconcile`: what senders owe beside what has arrived.

use access::{Caller, of_read, of_write};
use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use service::{Json, Problem};

use super::{Refused, read};
use crate::receiver::State;
use crate::reconcile::{Mode, ReconcileError, Report, reconcile};
use crate::store::reconciliations;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Run {
    source: String,
    /// From the first event on record, not from where the last run ended.
    #[serde(default)]
    from_start: bool,
    /// Whether what is missing is asked for; otherwise it is only told.
    #[serde(default = "yes")]
    ask: bool,
}

fn yes() -> bool {
    true
}

#[derive(Serialize)]
struct Reports {
    items: Vec<Report>,
    total: usize,
}

/// `POST /reconcile`: compares now, asks for what is missing, and tells what it was.
pub(crate) async fn run(
    state: Data<State>,
    caller: Caller,
    Json(run): Json<Run>,
) -> Result<HttpResponse, Problem> {
    let source = state.sources.find(&run.source);
    let source = source.filter(|source| source.tenant_id == caller.tenant_id);
    let source = source.ok_or_else(|| Refused::Missing("a source of this name".to_owned()))?;
    let sender = source.sender.as_ref().ok_or_else(|| {
        let message = "has no reconcile_url in the settings: nobody can be asked what is owed";
        Problem::invalid_field("source", message)
    })?;
    let mode = Mode {
        from_start: run.from_start,
        ask: run.ask,
    };
    let report = reconcile(&state, &source, sender, mode).await;
    let report = report.map_err(|error| match error {
        ReconcileError::Read(error) => of_read(error),
        ReconcileError::Write(error) => of_write(error),
    })?;
    Ok(HttpResponse::Ok().json(report))
}

/// `GET /reconcile/report`: the last run of each source.
pub(crate) async fn report(state: Data<State>, caller: Caller) -> Result<HttpResponse, Problem> {
    let tenant = caller.tenant_id;
    let texts = read(&state, move |conn| reconciliations::reports(conn, tenant)).await?;
    let items = texts
        .iter()
        .filter_map(|text| serde_json::from_str(text).ok());
    let items: Vec<Report> = items.collect();
    let total = items.len();
    Ok(HttpResponse::Ok().json(Reports { items, total }))
}
