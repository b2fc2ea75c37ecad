//! `/replays`: events of the past sent again, as a job; or a few of them by their ids, at once.

use std::sync::Arc;

use access::{Caller, of_read};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use contract::{DeliveryId, EventId, format_ms};
use db::Conn;
use delivery::{Delivery, DeliveryFilter, Page, Replay, ReplayRefusal, ReplaySpec, ReplayState};
use serde::Deserialize;
use serde_json::{Value, json};
use service::{Json, Problem, Query};

use super::shared::{
    at, fielded, find_subscription, list_query, listed, no_subscription, of_refusable,
    subscription_id, tenant_of, time,
};
use crate::service_state::ServiceState;

type State = Data<Arc<ServiceState>>;

const RATE_USUAL: u32 = 100;
/// Most events that are sent again by their ids in one call.
const EVENT_IDS_MAX: usize = 1_000;
/// States as jobs keep them.
const STATES: [(&str, i16); 3] = [("pending", 1), ("delivered", 2), ("dead", 3)];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayInput {
    since: Option<String>,
    until: Option<String>,
    #[serde(alias = "subscription_id")]
    subscription: Option<String>,
    #[serde(default)]
    types: Vec<String>,
    #[serde(default)]
    states: Vec<String>,
    rate_per_second: Option<u32>,
    /// Only says how many events lie in the range.
    #[serde(default)]
    preview: bool,
    #[serde(default)]
    event_ids: Vec<String>,
}

/// `POST /replays`.
pub(crate) async fn create(
    state: State,
    caller: Caller,
    Json(input): Json<ReplayInput>,
) -> Result<HttpResponse, Problem> {
    if !input.event_ids.is_empty() {
        return by_ids(&state, &caller, &input).await;
    }
    let (preview, rate) = (input.preview, input.rate_per_second.unwrap_or(RATE_USUAL));
    let spec = input.spec()?;
    if preview {
        let tenant_id = caller.tenant_id;
        let read = move |conn: &mut Conn| spec.preview(conn, tenant_id);
        let expected = state.database.reads().run(read).await.map_err(of_read)?;
        return Ok(HttpResponse::Ok().json(json!({ "preview": true, "expected": expected })));
    }
    let (publisher, tenant) = (&state.events.publisher, tenant_of(&caller));
    let started = spec.start(publisher, &state.writer, &tenant, rate).await;
    let started = started.map_err(|error| of_refusable(error, refused))?;
    Ok(HttpResponse::Accepted().json(answer(&started)))
}

impl ReplayInput {
    fn spec(self) -> Result<ReplaySpec, Problem> {
        let since_ms = time("since", self.since.as_deref())?;
        let since_ms = since_ms.ok_or_else(|| {
            Problem::invalid_field(
                "since",
                "missing: the time from which events are sent again",
            )
        })?;
        let subscription = self.subscription.as_deref().map(subscription_id);
        let state = |word: &String| {
            let found = STATES.iter().find(|(name, _)| name == word);
            let names = "accepted are pending, delivered and dead";
            found
                .map(|(_, state)| *state)
                .ok_or_else(|| Problem::invalid_field("states", names))
        };
        Ok(ReplaySpec {
            since_ms,
            until_ms: time("until", self.until.as_deref())?,
            subscription: subscription.transpose()?,
            types: self.types,
            states: self.states.iter().map(state).collect::<Result<_, _>>()?,
        })
    }
}

/// Sends the deliveries of these events again, now: what a receiver misses is known by its ids.
async fn by_ids(
    state: &State,
    caller: &Caller,
    input: &ReplayInput,
) -> Result<HttpResponse, Problem> {
    let ids = &input.event_ids;
    if ids.len() > EVENT_IDS_MAX || input.since.is_some() || input.until.is_some() {
        let message = format!("at most {EVENT_IDS_MAX}, and without since and until");
        return Err(Problem::invalid_field("event_ids", message));
    }
    let subscription = match &input.subscription {
        None => None,
        Some(id) => Some(find_subscription(state, caller, id).await?.row_key()),
    };
    let (publisher, tenant) = (&state.events.publisher, tenant_of(caller));
    let (mut queued, mut missing) = (0, Vec::new());
    for text in ids {
        let deliveries = match EventId::parse(text) {
            Ok(id) => deliveries_of(state, caller, id, subscription).await?,
            Err(_no_id) => Vec::new(),
        };
        if deliveries.is_empty() {
            missing.push(text);
        }
        for id in deliveries {
            // What is under way is on its way anyway; what is disabled is told by its subscription.
            let again = Delivery::redeliver(publisher, &state.writer, &tenant, id).await;
            match again {
                Ok(()) => queued += 1,
                Err(db::WriteError::Refused(_)) => {}
                Err(error) => {
                    return Err(of_refusable(error, |refusal| {
                        Problem::conflict(refusal.to_string())
                    }));
                }
            }
        }
    }
    Ok(HttpResponse::Accepted().json(json!({
        "id": null,
        "state": "completed",
        "expected": ids.len(),
        "queued": queued,
        "missing": missing,
    })))
}

async fn deliveries_of(
    state: &State,
    caller: &Caller,
    event_id: EventId,
    subscription: Option<i64>,
) -> Result<Vec<DeliveryId>, Problem> {
    let filter = DeliveryFilter {
        event_id: Some(event_id),
        subscription,
        ..DeliveryFilter::default()
    };
    let (page, tenant_id) = (Page::first(Page::LIMIT_MAX), caller.tenant_id);
    let read = move |conn: &mut Conn| filter.list(conn, tenant_id, page);
    let found = state.database.reads().run(read).await.map_err(of_read)?;
    Ok(found
        .items
        .into_iter()
        .map(|delivery| delivery.id)
        .collect())
}

list_query!(ListQuery {});

/// `GET /replays`, newest first.
pub(crate) async fn list(
    state: State,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let (page, tenant_id) = (query.page()?, caller.tenant_id);
    let read = move |conn: &mut Conn| Replay::list(conn, tenant_id, page);
    let found = state.database.reads().run(read).await.map_err(of_read)?;
    Ok(HttpResponse::Ok().json(listed(page, found, |replay| answer(&replay))))
}

/// `GET /replays/{id}`.
pub(crate) async fn one(
    state: State,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let (key, tenant_id) = (key_of(&id)?, caller.tenant_id);
    let read = move |conn: &mut Conn| Replay::find(conn, tenant_id, key);
    let found = state.database.reads().run(read).await.map_err(of_read)?;
    let found = found.ok_or_else(|| missing(&id))?;
    Ok(HttpResponse::Ok().json(answer(&found)))
}

/// `POST /replays/{id}/cancel`: what it has added is still delivered.
pub(crate) async fn cancel(
    state: State,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let key = key_of(&id)?;
    let (publisher, tenant) = (&state.events.publisher, tenant_of(&caller));
    let cancelled = Replay::cancel(publisher, &state.writer, &tenant, key).await;
    match cancelled {
        Ok(()) => one(state, caller, id).await,
        // It may be there, and over.
        Err(db::WriteError::Refused(_)) => {
            one(state, caller, id).await?;
            Err(Problem::conflict("the replay is over"))
        }
        Err(error) => Err(of_refusable(error, refused)),
    }
}

/// A job's id looks as a delivery's does, with another beginning.
fn key_of(text: &str) -> Result<i64, Problem> {
    let rest = text.strip_prefix("rpl_").ok_or_else(|| missing(text))?;
    let id = DeliveryId::parse(&format!("dlv_{rest}")).map_err(|_no_id| missing(text))?;
    Ok(id.0)
}

fn shown(key: i64) -> String {
    DeliveryId(key).to_string().replacen("dlv_", "rpl_", 1)
}

fn missing(text: &str) -> Problem {
    let text: String = text.chars().take(64).collect();
    Problem::not_found(format!("replay {text}"))
}

fn answer(replay: &Replay) -> Value {
    let state = match replay.state {
        ReplayState::Running => "running",
        ReplayState::Completed => "completed",
        ReplayState::Cancelled => "cancelled",
    };
    let spec = &replay.spec;
    let states = STATES
        .iter()
        .filter(|(_, state)| spec.states.contains(state));
    json!({
        "id": shown(replay.id),
        "since": format_ms(spec.since_ms),
        "until": at(spec.until_ms),
        "subscription": spec.subscription,
        "types": spec.types,
        "states": states.map(|(name, _)| *name).collect::<Vec<_>>(),
        "rate_per_second": replay.rate_per_second,
        "state": state,
        "expected": replay.expected,
        "queued": replay.queued,
        "progress_percent": replay.progress_percent,
        "created_at": format_ms(replay.created_at_ms),
        "finished_at": at(replay.finished_at_ms),
    })
}

fn refused(refusal: ReplayRefusal) -> Problem {
    match refusal {
        ReplayRefusal::NotFound => missing("of this id"),
        ReplayRefusal::Subscription => no_subscription("of this id"),
        ReplayRefusal::Types(_)
        | ReplayRefusal::States
        | ReplayRefusal::Range
        | ReplayRefusal::Rate => fielded(&refusal.to_string()),
    }
}
