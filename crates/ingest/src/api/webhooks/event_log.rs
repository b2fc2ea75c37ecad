//! `GET /event-log`: what was published, byte for byte.

use std::sync::Arc;

use access::{Caller, of_read};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use contract::{EventId, JsonObject, format_ms};
use db::{Conn, DbError};
use delivery::{DeliveryFilter, EventFilter, LoggedEvent, Page};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use service::{Problem, Query};

use super::deliveries;
use super::shared::{list_query, listed, plain, time};
use crate::service_state::ServiceState;

type State = Data<Arc<ServiceState>>;

/// Deliveries shown with an event.
const DELIVERIES_SHOWN_MAX: u32 = 100;

list_query!(ListQuery {
    #[serde(rename = "type", alias = "event_type", alias = "event")]
    event_type: Option<String>,
    subject: Option<String>,
    since: Option<String>,
    until: Option<String>,
});

/// `GET /event-log`, newest first.
pub(crate) async fn list(
    state: State,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let page = query.page()?;
    let filter = EventFilter {
        since_ms: time("since", query.since.as_deref())?,
        until_ms: time("until", query.until.as_deref())?,
        event_type: plain("type", query.event_type)?,
        subject: plain("subject", query.subject)?,
    };
    let (publisher, tenant_id) = (state.events.publisher.clone(), caller.tenant_id);
    let read = move |conn: &mut Conn| filter.list(conn, &publisher, tenant_id, page);
    let found = state.database.reads().run(read).await.map_err(of_read)?;
    Ok(HttpResponse::Ok().json(listed(page, found, answer)))
}

/// `GET /event-log/{id}`, with its deliveries.
pub(crate) async fn one(
    state: State,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let missing = || {
        let id: String = id.chars().take(64).collect();
        Problem::not_found(format!("event {id}"))
    };
    let event_id = EventId::parse(&id).map_err(|_no_id| missing())?;
    let (publisher, tenant_id) = (state.events.publisher.clone(), caller.tenant_id);
    let read = move |conn: &mut Conn| {
        let Some(event) = LoggedEvent::find(conn, &publisher, tenant_id, event_id)? else {
            return Ok(None);
        };
        let filter = DeliveryFilter {
            event_id: Some(event_id),
            ..DeliveryFilter::default()
        };
        let page = Page::first(DELIVERIES_SHOWN_MAX);
        let deliveries = filter.list(conn, tenant_id, page)?;
        Ok::<_, DbError>(Some((event, deliveries)))
    };
    let found = state.database.reads().run(read).await.map_err(of_read)?;
    let (event, owed) = found.ok_or_else(missing)?;
    let owed = owed.items.iter().map(deliveries::answer);
    Ok(HttpResponse::Ok().json(EventAnswer {
        deliveries: Some(owed.collect()),
        ..answer(event)
    }))
}

/// An event as it was published, its data byte for byte.
#[derive(Debug, Serialize)]
struct EventAnswer {
    id: String,
    r#type: String,
    timestamp: String,
    recorded_at: String,
    tenant_id: String,
    origin: String,
    subject: String,
    sequence: i64,
    data: Option<Box<RawValue>>,
    metadata: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deliveries: Option<Vec<Value>>,
}

fn answer(logged: LoggedEvent) -> EventAnswer {
    let event = logged.event;
    let raw = |object: &JsonObject| RawValue::from_string(object.as_str().to_owned()).ok();
    EventAnswer {
        id: event.id.to_string(),
        r#type: event.event_type.to_string(),
        timestamp: format_ms(event.timestamp_ms),
        recorded_at: format_ms(logged.recorded_at_ms),
        tenant_id: event.tenant,
        origin: event.origin,
        subject: event.subject,
        sequence: event.sequence,
        data: raw(&event.data),
        metadata: event.metadata.as_ref().and_then(raw),
        deliveries: None,
    }
}
