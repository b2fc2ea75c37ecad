//! `POST /events`: events of other applications. An answer of 202 means that the event is recorded with everything that
//! is owed because of it.

use std::sync::Arc;

use access::Caller;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use contract::{EventId, EventType, JsonObject};
use delivery::{Accepted, NewEvent, PublishRefusal, PublishRequest};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use service::{Code, Json, Problem};

use super::shared::{fielded, of_refusable, plain, tenant_of, time};
use crate::service_state::ServiceState;

const KEY_HEADER: &str = "idempotency-key";

type State = Data<Arc<ServiceState>>;

/// An event as it is posted. Its data are kept byte for byte.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an event, like {\"type\", \"data\"}")]
pub(crate) struct EventInput {
    #[serde(rename = "type", alias = "event", alias = "event_type")]
    event_type: String,
    #[serde(alias = "payload")]
    data: Box<RawValue>,
    subject: Option<String>,
    timestamp: Option<String>,
    metadata: Option<Box<RawValue>>,
    id: Option<String>,
    /// As the header `Idempotency-Key`, for one event of a batch.
    idempotency_key: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Batch {
    events: Vec<Box<RawValue>>,
}

impl EventInput {
    fn request(
        self,
        state: &ServiceState,
        caller: &Caller,
        idempotency_key: Option<String>,
    ) -> Result<PublishRequest, Problem> {
        let refused = |field: &'static str| {
            move |cause: &dyn std::error::Error| Problem::invalid_field(field, cause.to_string())
        };
        let object = |field: &'static str, text: &RawValue| {
            JsonObject::parse(text.get()).map_err(|cause| refused(field)(&cause))
        };
        let event_type =
            EventType::parse(&self.event_type).map_err(|cause| refused("type")(&cause))?;
        let id = self.id.as_deref().map(EventId::parse).transpose();
        let timestamp_ms = time("timestamp", self.timestamp.as_deref())?;
        let metadata = self.metadata.filter(|text| text.get() != "null");
        Ok(PublishRequest {
            event: NewEvent {
                tenant: tenant_of(caller),
                event_type,
                subject: plain("subject", self.subject)?,
                timestamp_ms: timestamp_ms.unwrap_or_else(|| state.clock.now_ms()),
                data: object("data", &self.data)?,
                metadata: metadata
                    .map(|metadata| object("metadata", &metadata))
                    .transpose()?,
            },
            id: id.map_err(|cause| refused("id")(&cause))?,
            idempotency_key,
        })
    }
}

/// `POST /events`.
pub(crate) async fn one(
    state: State,
    caller: Caller,
    request: HttpRequest,
    Json(input): Json<EventInput>,
) -> Result<HttpResponse, Problem> {
    let accepted = publish(&state, &caller, &request, input).await?;
    Ok(HttpResponse::Accepted().json(answer(&accepted)))
}

/// `POST /deliveries`, as older clients publish.
pub(crate) async fn queued(
    state: State,
    caller: Caller,
    request: HttpRequest,
    Json(input): Json<EventInput>,
) -> Result<HttpResponse, Problem> {
    let accepted = publish(&state, &caller, &request, input).await?;
    let count = accepted.published.deliveries;
    let mut answer = answer(&accepted);
    if let Value::Object(answer) = &mut answer {
        answer.insert("queued".to_owned(), json!(true));
        answer.insert("count".to_owned(), json!(count));
        let message = format!("owed to {count} subscriptions");
        answer.insert("message".to_owned(), json!(message));
    }
    Ok(HttpResponse::Accepted().json(answer))
}

async fn publish(
    state: &State,
    caller: &Caller,
    request: &HttpRequest,
    input: EventInput,
) -> Result<Accepted, Problem> {
    let mut input = input;
    let own = input.idempotency_key.take();
    let request = input.request(state, caller, key_of(request).or(own))?;
    let accepted = state.events.publisher.accept(request).await;
    accepted.map_err(|error| of_refusable(error, refused))
}

fn key_of(request: &HttpRequest) -> Option<String> {
    let key = request.headers().get(KEY_HEADER)?;
    Some(String::from_utf8_lossy(key.as_bytes()).into_owned())
}

/// `POST /events/batch`: each accepted or refused by itself, answered in order with 207.
pub(crate) async fn batch(
    state: State,
    caller: Caller,
    request: HttpRequest,
    Json(batch): Json<Batch>,
) -> Result<HttpResponse, Problem> {
    let max = state.delivery.batch_events_max;
    if !(1..=max).contains(&batch.events.len()) {
        let message = format!("give 1 to {max} events (ingest.delivery.batch_events_max)");
        return Err(Problem::invalid_field("events", message));
    }
    let key = key_of(&request);
    let inputs = batch.events.iter().enumerate().map(|(place, text)| {
        let mut input: EventInput = serde_json::from_str(text.get())
            .map_err(|cause| Problem::invalid_field("events", cause.to_string()))?;
        let own = input.idempotency_key.take();
        // The request's key stands for each of its events at its place.
        let key = own.or_else(|| key.as_ref().map(|key| format!("{key}/{place}")));
        input.request(&state, &caller, key)
    });
    let published = state.events.publisher.accept_all(inputs).await;
    let results = published.into_iter().map(|published| {
        let accepted = published?.map_err(|error| of_refusable(error, refused))?;
        Ok(with_status(answer(&accepted)))
    });
    let results = results.map(|result| result.unwrap_or_else(|problem| refusal(&problem)));
    let items: Vec<Value> = results.collect();
    let accepted = items.iter().filter(|item| item["status"] == 202).count();
    Ok(HttpResponse::build(StatusCode::MULTI_STATUS).json(json!({
        "total": items.len(),
        "accepted": accepted,
        "refused": items.len() - accepted,
        "items": items,
    })))
}

fn with_status(mut answer: Value) -> Value {
    if let Value::Object(answer) = &mut answer {
        answer.insert("status".to_owned(), json!(202));
    }
    answer
}

fn refusal(problem: &Problem) -> Value {
    json!({
        "status": problem.code().status().as_u16(),
        "code": problem.code().as_str(),
        "detail": problem.detail(),
    })
}

fn answer(accepted: &Accepted) -> Value {
    json!({
        "id": accepted.published.id.to_string(),
        "sequence": accepted.published.sequence,
        "deliveries": accepted.published.deliveries,
        "repeated": accepted.repeated,
        "warnings": accepted.warnings,
    })
}

fn refused(refusal: PublishRefusal) -> Problem {
    match refusal {
        PublishRefusal::TooLarge { .. } => Problem::new(Code::BodyTooLarge, refusal.to_string()),
        PublishRefusal::KeyTaken | PublishRefusal::IdTaken => {
            Problem::conflict(refusal.to_string())
        }
        PublishRefusal::Subject
        | PublishRefusal::Reserved(_)
        | PublishRefusal::Schema { .. }
        | PublishRefusal::Key => fielded(&refusal.to_string()),
    }
}
