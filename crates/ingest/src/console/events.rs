//! `/console/events`: what was published, one event with its payload, and publishing by hand from the catalogue's example.

use std::sync::Arc;

use access::of_read;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{Either, HttpRequest};
use askama::Template;
use askama_web::WebTemplate;
use console::{Answer, Asked, Frame, Pager, Time, Visit, said};
use contract::EventId;
use db::{Conn, DbError};
use delivery::{DeliveryFilter, EventFilter, LoggedEvent, Page};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use service::{Form, Json, Problem};

use super::delivery_line::DeliveryLine;
use super::endpoints::Endpoints;
use super::event_types::{TypeLine, event_types};
use super::pager::page_at;
use super::refusal::Refusal;
use super::trouble::framed;
use crate::api::webhooks::shared::{plain, time};
use crate::api::webhooks::{catalogue, publish};
use crate::service_state::ServiceState;

pub(super) const AT: &str = "/console/events";
const DELIVERIES_SHOWN: u32 = 100;

type State = Data<Arc<ServiceState>>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    r#type: Option<String>,
    subject: Option<String>,
    since: Option<String>,
    until: Option<String>,
    offset: Option<u32>,
}

#[derive(Template, WebTemplate)]
#[template(path = "events.html")]
pub(super) struct EventsPage {
    frame: Frame,
    asked: Asked<ListQuery>,
    lines: Vec<EventLine>,
    pager: Pager,
}

/// An event in one line.
struct EventLine {
    id: String,
    event_type: String,
    subject: String,
    sequence: i64,
    at: Time,
}

impl From<&LoggedEvent> for EventLine {
    fn from(logged: &LoggedEvent) -> Self {
        let event = &logged.event;
        Self {
            id: event.id.to_string(),
            event_type: event.event_type.to_string(),
            subject: event.subject.clone(),
            sequence: event.sequence,
            at: Time(event.timestamp_ms),
        }
    }
}

/// `GET /console/events`.
pub(super) async fn list(
    state: State,
    visit: Visit,
    asked: Asked<ListQuery>,
) -> Result<EventsPage, Problem> {
    let query = &asked.query;
    let filter = EventFilter {
        event_type: plain("type", query.r#type.clone())?,
        subject: plain("subject", query.subject.clone())?,
        since_ms: time("since", query.since.as_deref())?,
        until_ms: time("until", query.until.as_deref())?,
    };
    let (offset, tenant_id) = (query.offset.unwrap_or(0), visit.caller.tenant_id);
    let publisher = state.events.publisher.clone();
    let read = move |conn: &mut Conn| filter.list(conn, &publisher, tenant_id, page_at(offset));
    let found = state.database.reads().run(read).await.map_err(of_read)?;
    Ok(EventsPage {
        frame: framed(&state, &visit, "Events", AT).await?,
        pager: Pager::of(&asked, offset.into(), found.total),
        asked,
        lines: found.items.iter().map(EventLine::from).collect(),
    })
}

#[derive(Template, WebTemplate)]
#[template(path = "event.html")]
pub(super) struct EventPage {
    frame: Frame,
    line: EventLine,
    recorded: Time,
    data: String,
    metadata: Option<String>,
    deliveries: Vec<DeliveryLine>,
}

/// `GET /console/events/{id}`.
pub(super) async fn show(
    state: State,
    visit: Visit,
    id: Path<String>,
) -> Result<EventPage, Problem> {
    let missing = || Problem::not_found("an event of this id");
    let id = EventId::parse(&id).map_err(|_no_id| missing())?;
    let (publisher, tenant_id) = (state.events.publisher.clone(), visit.caller.tenant_id);
    let read = move |conn: &mut Conn| {
        let found = LoggedEvent::find(conn, &publisher, tenant_id, id)?;
        let filter = DeliveryFilter {
            event_id: Some(id),
            ..DeliveryFilter::default()
        };
        let owed = filter.list(conn, tenant_id, Page::first(DELIVERIES_SHOWN))?;
        Ok::<_, DbError>((found, owed.items))
    };
    let (found, owed) = state.database.reads().run(read).await.map_err(of_read)?;
    let found = found.ok_or_else(missing)?;
    let metadata = found.event.metadata.as_ref();
    let (endpoints, owed) = (Endpoints::of(&state, &visit).await?, owed.iter());
    Ok(EventPage {
        frame: framed(&state, &visit, "Event", AT).await?,
        line: EventLine::from(&found),
        recorded: Time(found.recorded_at_ms),
        data: pretty(found.event.data.as_str()),
        metadata: metadata.map(|metadata| pretty(metadata.as_str())),
        deliveries: owed
            .map(|line| DeliveryLine::of(line, &endpoints))
            .collect(),
    })
}

/// The publisher's JSON with lines; as it is when that fails.
fn pretty(text: &str) -> String {
    let value: Result<Value, _> = serde_json::from_str(text);
    let shown = value.and_then(|value| serde_json::to_string_pretty(&value));
    shown.unwrap_or_else(|_unreadable| text.to_owned())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewQuery {
    r#type: Option<String>,
}

#[derive(Template, WebTemplate)]
#[template(path = "event_new.html")]
pub(super) struct NewEventPage {
    frame: Frame,
    types: Vec<TypeLine>,
    chosen: String,
    description: String,
    refusal: Refusal,
    subject: String,
    data: String,
}

#[derive(Debug, Deserialize)]
struct Described {
    description: String,
    example: Value,
}

/// `GET /console/events/new?type=`.
pub(super) async fn form(
    state: State,
    visit: Visit,
    asked: Asked<NewQuery>,
) -> Result<NewEventPage, Problem> {
    let chosen = asked.query.r#type;
    let chosen = chosen.unwrap_or_else(|| "invoice.paid".to_owned());
    new_page(&state, &visit, chosen).await
}

async fn new_page(state: &State, visit: &Visit, chosen: String) -> Result<NewEventPage, Problem> {
    let types = event_types(state, visit).await?;
    let known = types.iter().any(|known| known.event_type == chosen);
    let chosen = match (known, types.first()) {
        (true, _) | (_, None) => chosen,
        (false, Some(first)) => first.event_type.clone(),
    };
    let path = Path::from(chosen.clone());
    let of_type: Described =
        said(catalogue::one(state.clone(), visit.caller.clone(), path).await?).await?;
    Ok(NewEventPage {
        frame: framed(state, visit, "Publish an event", AT).await?,
        types,
        chosen,
        description: of_type.description,
        refusal: Refusal::default(),
        subject: String::new(),
        data: match of_type.example {
            Value::Null => "{}".to_owned(),
            example => serde_json::to_string_pretty(&example).map_err(Problem::internal)?,
        },
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventForm {
    r#type: String,
    #[serde(default)]
    subject: String,
    data: String,
}

#[derive(Deserialize)]
struct Published {
    id: String,
}

/// `POST /console/events/new`: as `POST /api/v1/webhooks/events`. A form that is refused comes back as it was filled.
pub(super) async fn create(
    request: HttpRequest,
    state: State,
    visit: Visit,
    Form(form): Form<EventForm>,
) -> Result<Either<Answer, (NewEventPage, StatusCode)>, Problem> {
    let published = match input(&form) {
        Ok(input) => publish::one(state.clone(), visit.caller.clone(), request, input).await,
        Err(problem) => Err(problem),
    };
    match published {
        Ok(published) => {
            let published: Published = said(published).await?;
            let page = format!("{AT}/{}", published.id);
            Ok(Either::Left(visit.done(&page, "The event is published")?))
        }
        Err(problem) if problem.code().status().is_client_error() => {
            let page = NewEventPage {
                refusal: Refusal::of(&problem),
                subject: form.subject,
                data: form.data,
                ..new_page(&state, &visit, form.r#type).await?
            };
            Ok(Either::Right((page, problem.code().status())))
        }
        Err(problem) => Err(problem),
    }
}

/// The form as the API takes it.
#[derive(Serialize)]
struct Input<'f> {
    #[serde(rename = "type")]
    event_type: &'f str,
    #[serde(skip_serializing_if = "str::is_empty")]
    subject: &'f str,
    data: &'f RawValue,
}

fn input<T: DeserializeOwned>(form: &EventForm) -> Result<Json<T>, Problem> {
    let data: &RawValue = serde_json::from_str(&form.data)
        .map_err(|cause| Problem::invalid_field("data", format!("it is no JSON: {cause}")))?;
    let event = Input {
        event_type: &form.r#type,
        subject: form.subject.trim(),
        data,
    };
    // Through its text: the data are kept byte for byte, and are judged where the API judges them.
    let input = serde_json::to_string(&event).and_then(|event| serde_json::from_str(&event));
    input
        .map(Json)
        .map_err(|cause| Problem::invalid_field("body", cause.to_string()))
}
