//! `/inbox`: every verified event, what was kept of its request, and what became of it.

use access::Caller;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use contract::format_ms;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use service::{Problem, Query};

use super::page::{Paging, Wanted, listed, time, words};
use super::{Refused, read, webhooks, write};
use crate::receive::Incoming;
use crate::receiver::State;
use crate::source::{Accepted, Format, Verified, stored_headers};
use crate::store::inbox::{self, InboxState, Whole};

const COLUMNS: &[&str] = &[
    "id",
    "received_at",
    "source",
    "profile",
    "event_id",
    "event_type",
    "timestamp",
    "verified",
    "state",
    "duplicates",
    "last_seen_at",
    "design_file_id",
    "error",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InboxQuery {
    state: Option<StateName>,
    source: Option<String>,
    #[serde(alias = "type")]
    event_type: Option<String>,
    event_id: Option<String>,
    since: Option<String>,
    until: Option<String>,
    limit: Option<i64>,
    #[serde(alias = "skip")]
    offset: Option<i64>,
    cursor: Option<String>,
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
    profile: &'static str,
    event_id: String,
    event_type: String,
    timestamp: String,
    /// What the signature covers: `signed`, `body_signed`, `unsigned`.
    verified: &'static str,
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
    fn of(event: inbox::InboxEvent) -> Self {
        let state = state_name(event.state());
        let message = event.error;
        Self {
            state,
            id: event.id,
            source: event.source,
            profile: Format::from_db(event.profile).map_or("", Format::name),
            verified: Verified::name_of(event.verified),
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

/// An event with its request; signatures, keys and cookies are masked.
#[derive(Serialize)]
struct WithRequest {
    #[serde(flatten)]
    event: InboxEvent,
    headers: Option<Box<RawValue>>,
    body: String,
}

/// `GET /inbox`: latest first.
pub(crate) async fn list(
    state: Data<State>,
    caller: Caller,
    wanted: Wanted,
    Query(query): Query<InboxQuery>,
) -> Result<HttpResponse, Problem> {
    let paging = Paging {
        limit: query.limit,
        offset: query.offset,
        cursor: query.cursor,
    };
    let slice = paging.slice(wanted, &inbox::ORDER)?;
    let query = inbox::InboxQuery {
        state: query.state.map(InboxState::from),
        source: words("source", query.source)?,
        event_type: words("event_type", query.event_type)?,
        event_key: words("event_id", query.event_id)?,
        since_ms: time("since", query.since)?,
        until_ms: time("until", query.until)?,
    };
    let page = read(&state, move |conn| {
        inbox::list(conn, caller.tenant_id, query, slice)
    });
    Ok(listed(
        wanted,
        page.await?,
        InboxEvent::of,
        ("inbox", COLUMNS),
    ))
}

fn missing(id: i64) -> Refused {
    Refused::Missing(format!("inbox event {id}"))
}

async fn find(state: &State, caller: &Caller, id: i64) -> Result<Whole, Problem> {
    let tenant = caller.tenant_id;
    let found = read(state, move |conn| inbox::find(conn, tenant, id));
    Ok(found.await?.ok_or_else(|| missing(id))?)
}

/// `GET /inbox/{id}`.
pub(crate) async fn get(
    state: Data<State>,
    caller: Caller,
    id: Path<i64>,
) -> Result<HttpResponse, Problem> {
    let Whole { event, request } = find(&state, &caller, *id).await?;
    Ok(HttpResponse::Ok().json(WithRequest {
        event: InboxEvent::of(event),
        headers: RawValue::from_string(request.headers).ok(),
        body: String::from_utf8_lossy(&request.body).into_owned(),
    }))
}

/// `POST /inbox/{id}/reapply`: applies an event that failed, or whose type nobody took when it came. One
/// that was applied stays as it is.
pub(crate) async fn reapply(
    state: Data<State>,
    caller: Caller,
    id: Path<i64>,
) -> Result<HttpResponse, Problem> {
    let (id, tenant) = (*id, caller.tenant_id);
    let Whole { event, request } = find(&state, &caller, id).await?;
    if event.state == inbox::APPLIED {
        return Ok(webhooks::was_applied(event.design_file_id));
    }
    let gone = || Problem::conflict("its source is no longer there");
    let source = state.sources.find(&event.source).ok_or_else(gone)?;
    let format = Format::from_db(event.profile).unwrap_or(source.format);
    let headers = stored_headers(&request.headers);
    let parsed = format.parse(&headers[..], &request.body, event.timestamp_ms);
    let accepted = Accepted {
        key: event.event_key,
        event: parsed.map_err(webhooks::refused)?,
        body: request.body,
        verified: Verified::of_db(event.verified),
    };
    if event.state == inbox::UNKNOWN_TYPE {
        write(&state, tenant, move |tx| Ok(inbox::reopen(tx.conn(), id)?)).await?;
    }
    let incoming = Incoming::new(source, accepted, request.headers, state.clock.now_ms());
    webhooks::answered(webhooks::write_one(&state, incoming).await?)
}
