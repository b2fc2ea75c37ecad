//! `/replays`: events of the past sent again, by time or by their ids, as a job.

use std::sync::Arc;

use access::{Caller, of_read};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use contract::{DeliveryId, EventId, format_ms};
use db::Conn;
use delivery::{Replay, ReplayRefusal, ReplaySpec, ReplayState};
use serde::Deserialize;
use serde_json::{Value, json};
use service::{Json, Problem, Query};

use super::shared::{
    at, fielded, list_query, listed, no_subscription, of_refusable, subscription_id, tenant_of,
    time,
};
use crate::service_state::ServiceState;

type State = Data<Arc<ServiceState>>;

const RATE_USUAL: u32 = 100;
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
    let (preview, rate) = (input.preview, input.rate_per_second.unwrap_or(RATE_USUAL));
    let (spec, missing) = match input.event_ids.is_empty() {
        true => (input.spec()?, Vec::new()),
        false => by_ids(&state, &caller, input).await?,
    };
    if preview {
        let tenant_id = caller.tenant_id;
        let read = move |conn: &mut Conn| spec.preview(conn, tenant_id);
        let expected = state.database.reads().run(read).await.map_err(of_read)?;
        let answer = json!({ "preview": true, "expected": expected, "missing": missing });
        return Ok(HttpResponse::Ok().json(answer));
    }
    let (publisher, tenant) = (&state.events.publisher, tenant_of(&caller));
    let started = spec.start(publisher, &state.writer, &tenant, rate).await;
    let started = started.map_err(|error| of_refusable(error, refused))?;
    let mut answer = answer(&started);
    if let Value::Object(answer) = &mut answer {
        answer.insert("missing".to_owned(), json!(missing));
    }
    Ok(HttpResponse::Accepted().json(answer))
}

/// Only these events: what a receiver misses is known by its ids. Answers also which there are not.
async fn by_ids(
    state: &State,
    caller: &Caller,
    input: ReplayInput,
) -> Result<(ReplaySpec, Vec<String>), Problem> {
    let max = state.delivery.replay_event_ids_max;
    if input.event_ids.len() > max || input.since.is_some() || input.until.is_some() {
        let message = format!(
            "at most {max} (ingest.delivery.replay_event_ids_max), and without since and until"
        );
        return Err(Problem::invalid_field("event_ids", message));
    }
    let (mut ids, mut unknown) = (Vec::with_capacity(input.event_ids.len()), Vec::new());
    for text in &input.event_ids {
        match EventId::parse(text) {
            Ok(id) => ids.push(id),
            Err(_no_id) => unknown.push(text.chars().take(64).collect()),
        }
    }
    // In the order of their ids, whatever the time.
    let always = Some(format_ms(0));
    let spec = ReplayInput {
        since: always,
        ..input
    }
    .spec()?;
    let tenant_id = caller.tenant_id;
    let read = move |conn: &mut Conn| spec.of_events(conn, tenant_id, &ids);
    let (spec, missing) = state.database.reads().run(read).await.map_err(of_read)?;
    unknown.extend(missing.iter().map(ToString::to_string));
    Ok((spec, unknown))
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
            events: None,
        })
    }
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
        "since": spec.events.is_none().then(|| format_ms(spec.since_ms)),
        "until": at(spec.until_ms),
        "events": spec.events.as_ref().map(Vec::len),
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
