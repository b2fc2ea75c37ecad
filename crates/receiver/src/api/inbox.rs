//! `/inbox`: every verified event and what became of it.

use actix_web::HttpResponse;
use actix_web::web::Data;
use contract::format_ms;
use serde::{Deserialize, Serialize};
use service::{Problem, Query};

use super::page::{listed, slice, words};
use super::read;
use crate::receiver::State;
use crate::store::inbox::InboxState;
use crate::store::{self, DEFAULT_TENANT};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InboxQuery {
    state: Option<StateName>,
    source: Option<String>,
    limit: Option<i64>,
    #[serde(alias = "skip")]
    offset: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum StateName {
    Applied,
    Stale,
    Unmatched,
    Unknown,
    Failed,
}

impl From<StateName> for InboxState {
    fn from(name: StateName) -> Self {
        match name {
            StateName::Applied => Self::Applied,
            StateName::Stale => Self::Stale,
            StateName::Unmatched => Self::Unmatched,
            StateName::Unknown => Self::Unknown,
            StateName::Failed => Self::Failed,
        }
    }
}

#[derive(Serialize)]
struct InboxEvent {
    id: i64,
    source: String,
    event_id: String,
    event_type: String,
    timestamp: String,
    state: &'static str,
    design_file_id: Option<i64>,
    error: Option<EventError>,
    received_at: String,
    last_seen_at: String,
    duplicates: i64,
}

#[derive(Serialize)]
struct EventError {
    code: String,
    message: Option<String>,
}

impl InboxEvent {
    fn of(event: store::inbox::InboxEvent) -> Self {
        let state = state_name(event.state());
        let message = event.error;
        Self {
            state,
            id: event.id,
            source: event.source,
            event_id: event.event_key,
            event_type: event.event_type,
            timestamp: format_ms(event.timestamp_ms),
            design_file_id: event.design_file_id,
            error: event.error_code.map(|code| EventError { code, message }),
            received_at: format_ms(event.received_at_ms),
            last_seen_at: format_ms(event.last_seen_at_ms),
            duplicates: event.duplicates,
        }
    }
}

fn state_name(state: InboxState) -> &'static str {
    match state {
        InboxState::Applied => "applied",
        InboxState::Stale => "stale",
        InboxState::Unmatched => "unmatched",
        InboxState::Unknown => "unknown",
        InboxState::Failed => "failed",
    }
}

/// `GET /inbox`: latest first.
pub(crate) async fn list(
    state: Data<State>,
    Query(query): Query<InboxQuery>,
) -> Result<HttpResponse, Problem> {
    let slice = slice(query.limit, query.offset)?;
    let source = words("source", query.source)?;
    let only = query.state.map(InboxState::from);
    let page = read(&state, move |conn| {
        store::inbox::list(conn, DEFAULT_TENANT, only, source, slice)
    });
    Ok(listed(page.await?, InboxEvent::of))
}
