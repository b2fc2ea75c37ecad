//! `POST /subscriptions/filter/test`: what an expression says of recent events, before it is stored.

use std::sync::Arc;

use access::{Caller, of_read};
use actix_web::HttpResponse;
use actix_web::web::Data;
use db::Conn;
use delivery::{EventFilter, Filter, Verdict};
use serde::Deserialize;
use serde_json::{Value, json};
use service::{Json, Problem};

use super::shared::plain;
use crate::service_state::ServiceState;

const LIMIT_USUAL: u32 = 20;
const LIMIT_MAX: u32 = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FilterInput {
    filter: String,
    #[serde(rename = "type", alias = "event_type")]
    event_type: Option<String>,
    subject: Option<String>,
    limit: Option<u32>,
}

/// `POST /subscriptions/filter/test`.
pub(crate) async fn test(
    state: Data<Arc<ServiceState>>,
    caller: Caller,
    Json(input): Json<FilterInput>,
) -> Result<HttpResponse, Problem> {
    let limit = input.limit.unwrap_or(LIMIT_USUAL);
    if !(1..=LIMIT_MAX).contains(&limit) {
        let message = format!("from 1 to {LIMIT_MAX}");
        return Err(Problem::invalid_field("limit", message));
    }
    let filter = Filter::compile(&input.filter)
        .map_err(|cause| Problem::invalid_field("filter", cause.to_string()))?;
    let events = EventFilter {
        event_type: plain("type", input.event_type)?,
        subject: plain("subject", input.subject)?,
        ..EventFilter::default()
    };
    let (publisher, tenant_id) = (state.events.publisher.clone(), caller.tenant_id);
    let read =
        move |conn: &mut Conn| events.try_filter(conn, &publisher, tenant_id, &filter, limit);
    let verdicts = state.database.reads().run(read).await.map_err(of_read)?;
    let wanted = verdicts.iter().filter(|(_, v)| *v == Verdict::Wanted);
    let wanted = wanted.count();
    let items: Vec<Value> = verdicts
        .into_iter()
        .map(|(id, verdict)| {
            let (word, reason) = match verdict {
                Verdict::Wanted => ("wanted", None),
                Verdict::Unwanted => ("unwanted", None),
                Verdict::Undecided(reason) => ("undecided", Some(reason)),
            };
            json!({"event_id": id.to_string(), "verdict": word, "reason": reason})
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({
        "total": items.len(),
        "wanted": wanted,
        "items": items,
    })))
}
