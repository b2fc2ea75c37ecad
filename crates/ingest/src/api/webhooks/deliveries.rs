//! `/deliveries` and `/dead-letters`: what became of every event at every endpoint, and trying again by hand.

use std::sync::Arc;

use access::{Caller, of_read};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use contract::{DeliveryId, EventId, format_ms};
use db::Conn;
use delivery::{Attempt, Delivery, DeliveryFilter, DeliveryState, Page, RedeliverRefusal};
use serde::Deserialize;
use serde_json::{Value, json};
use service::{Json, Problem, Query};

use super::shared::{
    at, find_subscription, list_query, listed, of_refusable, plain, tenant_of, time,
};
use crate::service_state::ServiceState;

type State = Data<Arc<ServiceState>>;

/// States by our words and by those of older clients.
const STATES: [(&str, DeliveryState); 6] = [
    ("pending", DeliveryState::Pending),
    ("delivered", DeliveryState::Delivered),
    ("dead", DeliveryState::Dead),
    ("success", DeliveryState::Delivered),
    ("failed", DeliveryState::Dead),
    ("retrying", DeliveryState::Pending),
];

list_query!(ListQuery {
    #[serde(alias = "status")]
    state: Option<String>,
    #[serde(alias = "subscription_id", alias = "endpoint", alias = "webhook_id")]
    subscription: Option<String>,
    #[serde(rename = "type", alias = "event_type", alias = "event")]
    event_type: Option<String>,
    event_id: Option<String>,
    since: Option<String>,
    until: Option<String>,
});

/// Which deliveries, in a body.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Wanted {
    #[serde(alias = "subscription_id")]
    subscription: Option<String>,
    #[serde(rename = "type", alias = "event_type")]
    event_type: Option<String>,
    event_id: Option<String>,
    since: Option<String>,
    until: Option<String>,
}

impl Wanted {
    async fn filter(self, state: &State, caller: &Caller) -> Result<DeliveryFilter, Problem> {
        let subscription = match self.subscription {
            None => None,
            Some(id) => Some(find_subscription(state, caller, &id).await?.row_key()),
        };
        let event_id = self.event_id.as_deref().map(EventId::parse).transpose();
        let no_event = |_| Problem::not_found("an event of this id");
        Ok(DeliveryFilter {
            state: None,
            subscription,
            event_type: plain("type", self.event_type)?,
            event_id: event_id.map_err(no_event)?,
            since_ms: time("since", self.since.as_deref())?,
            until_ms: time("until", self.until.as_deref())?,
        })
    }
}

impl ListQuery {
    fn state(&self) -> Result<Option<DeliveryState>, Problem> {
        let state = |word: &str| {
            let found = STATES.iter().find(|(name, _)| *name == word);
            let names = "accepted are pending, delivered and dead";
            found
                .map(|(_, state)| *state)
                .ok_or_else(|| Problem::invalid_field("state", names))
        };
        self.state.as_deref().map(state).transpose()
    }

    fn wanted(self) -> Wanted {
        Wanted {
            subscription: self.subscription,
            event_type: self.event_type,
            event_id: self.event_id,
            since: self.since,
            until: self.until,
        }
    }
}

/// `GET /deliveries`, newest first.
pub(crate) async fn list(
    state: State,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let (page, of_state) = (query.page()?, query.state()?);
    let filter = query.wanted().filter(&state, &caller).await?;
    let filter = DeliveryFilter {
        state: of_state,
        ..filter
    };
    page_of(&state, &caller, filter, page).await
}

/// `GET /dead-letters`: deliveries that were given up, newest first.
pub(crate) async fn dead(
    state: State,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let page = query.page()?;
    let filter = query.wanted().filter(&state, &caller).await?;
    let filter = DeliveryFilter {
        state: Some(DeliveryState::Dead),
        ..filter
    };
    page_of(&state, &caller, filter, page).await
}

/// `GET /subscriptions/{id}/deliveries`.
pub(crate) async fn of_subscription(
    state: State,
    caller: Caller,
    id: Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let (page, of_state) = (query.page()?, query.state()?);
    let wanted = Wanted {
        subscription: Some(id.into_inner()),
        ..query.wanted()
    };
    let filter = DeliveryFilter {
        state: of_state,
        ..wanted.filter(&state, &caller).await?
    };
    page_of(&state, &caller, filter, page).await
}

async fn page_of(
    state: &State,
    caller: &Caller,
    filter: DeliveryFilter,
    page: Page,
) -> Result<HttpResponse, Problem> {
    let tenant_id = caller.tenant_id;
    let read = move |conn: &mut Conn| filter.list(conn, tenant_id, page);
    let found = state.database.reads().run(read).await.map_err(of_read)?;
    Ok(HttpResponse::Ok().json(listed(page, found, |delivery| answer(&delivery))))
}

/// `GET /deliveries/{id}`, with every attempt.
pub(crate) async fn one(
    state: State,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let (delivery, attempts) = find(&state, &caller, &id).await?;
    let mut answer = answer(&delivery);
    if let Value::Object(answer) = &mut answer {
        let last = attempts.iter().max_by_key(|attempt| attempt.number);
        let body = last.and_then(response);
        answer.insert("response_body".to_owned(), json!(body));
        let attempts: Vec<Value> = attempts.iter().map(attempt).collect();
        answer.insert("attempts".to_owned(), json!(attempts));
    }
    Ok(HttpResponse::Ok().json(answer))
}

/// `POST /deliveries/{id}/retry`: sends it again, now, whatever has become of it.
pub(crate) async fn retry(
    state: State,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    redeliver(&state, &caller, &id).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetryQuery {
    delivery_id: String,
}

/// `POST /{id}/retry?delivery_id=`, as older clients ask.
pub(crate) async fn retry_of(
    state: State,
    caller: Caller,
    id: Path<String>,
    Query(query): Query<RetryQuery>,
) -> Result<HttpResponse, Problem> {
    let subscription = find_subscription(&state, &caller, &id).await?;
    let (delivery, _) = find(&state, &caller, &query.delivery_id).await?;
    if delivery.subscription_id != subscription.id.to_string() {
        return Err(missing(&query.delivery_id));
    }
    redeliver(&state, &caller, &query.delivery_id).await
}

/// `POST /dead-letters/redeliver`: all that match, at most as many as died until now.
pub(crate) async fn redeliver_dead(
    state: State,
    caller: Caller,
    Json(wanted): Json<Wanted>,
) -> Result<HttpResponse, Problem> {
    let filter = wanted.filter(&state, &caller).await?;
    let (publisher, tenant) = (&state.events.publisher, tenant_of(&caller));
    let redelivered = Delivery::redeliver_dead(publisher, &state.writer, &tenant, filter).await;
    let redelivered = redelivered.map_err(|error| of_refusable(error, |never| match never {}))?;
    Ok(HttpResponse::Accepted().json(json!({ "redelivered": redelivered })))
}

async fn redeliver(state: &State, caller: &Caller, id: &str) -> Result<HttpResponse, Problem> {
    let key = DeliveryId::parse(id).map_err(|_no_id| missing(id))?;
    let (publisher, tenant) = (&state.events.publisher, tenant_of(caller));
    let redelivered = Delivery::redeliver(publisher, &state.writer, &tenant, key).await;
    redelivered.map_err(|error| {
        of_refusable(error, |refusal| match refusal {
            RedeliverRefusal::NotFound => missing(id),
            RedeliverRefusal::UnderWay | RedeliverRefusal::Disabled => {
                Problem::conflict(format!("delivery {id}: {refusal}"))
            }
        })
    })?;
    Ok(HttpResponse::Accepted().json(json!({
        "success": true,
        "id": id,
        "state": "pending",
        "message": "it is sent again",
    })))
}

async fn find(
    state: &State,
    caller: &Caller,
    id: &str,
) -> Result<(Delivery, Vec<Attempt>), Problem> {
    let key = DeliveryId::parse(id).map_err(|_no_id| missing(id))?;
    let tenant_id = caller.tenant_id;
    let read = move |conn: &mut Conn| Delivery::find(conn, tenant_id, key);
    let found = state.database.reads().run(read).await.map_err(of_read)?;
    found.ok_or_else(|| missing(id))
}

fn missing(id: &str) -> Problem {
    let id: String = id.chars().take(64).collect();
    Problem::not_found(format!("delivery {id}"))
}

/// A delivery, with the words of older clients beside ours.
pub(super) fn answer(delivery: &Delivery) -> Value {
    let (state, status) = match delivery.state {
        DeliveryState::Delivered => ("delivered", "success"),
        DeliveryState::Dead => ("dead", "failed"),
        DeliveryState::Pending if delivery.attempts > 0 => ("pending", "retrying"),
        DeliveryState::Pending => ("pending", "pending"),
    };
    json!({
        "id": delivery.id.to_string(),
        "subscription_id": delivery.subscription_id,
        "event_type": delivery.event_type,
        "event_id": delivery.event_id.to_string(),
        "subject": delivery.subject,
        "batch_id": delivery.batch_id.map(|id| id.to_string()),
        "state": state,
        "status": status,
        "is_processing": delivery.is_processing,
        "response_code": delivery.status_code,
        "error_message": delivery.error,
        "attempt_number": delivery.attempts,
        "next_retry_at": at(delivery.due_at_ms),
        "duration_ms": delivery.duration_ms,
        "created_at": format_ms(delivery.created_at_ms),
        "finished_at": at(delivery.finished_at_ms),
    })
}

fn attempt(attempt: &Attempt) -> Value {
    json!({
        "number": attempt.number,
        "started_at": format_ms(attempt.started_at_ms),
        "duration_ms": attempt.duration_ms,
        "outcome": attempt.outcome,
        "status_code": attempt.status_code,
        "error": attempt.error,
        "response_body": response(attempt),
    })
}

fn response(attempt: &Attempt) -> Option<String> {
    let bytes = attempt.response.as_deref()?;
    Some(String::from_utf8_lossy(bytes).into_owned())
}
