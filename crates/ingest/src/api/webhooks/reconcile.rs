//! `GET /reconcile`: everything that a subscription is owed, in the order in which it was committed, so that a receiver
//! can prove that it has all of it.

use std::sync::Arc;

use access::{Caller, of_read};
use actix_web::HttpResponse;
use actix_web::web::Data;
use contract::format_ms;
use db::{Conn, DbError};
use delivery::{LoggedEvent, Page, ReconcileCursor, Reconciled, Subscription};
use serde::Deserialize;
use serde_json::{Value, json};
use service::{Problem, Query};

use super::shared::{find_subscription, no_subscription, page};
use crate::service_state::ServiceState;

type State = Data<Arc<ServiceState>>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReconcileQuery {
    /// A cursor of an earlier answer; none begins anew.
    since: Option<String>,
    /// Its id, or its name in the configuration; not needed when the tenant has only one.
    #[serde(alias = "subscription_id")]
    subscription: Option<String>,
    limit: Option<u32>,
}

/// `GET /reconcile`.
pub(crate) async fn reconcile(
    state: State,
    caller: Caller,
    Query(query): Query<ReconcileQuery>,
) -> Result<HttpResponse, Problem> {
    let limit = page(query.limit, None, None)?.limit;
    let publisher = state.events.publisher.clone();
    let cursor = query.since.as_deref().filter(|text| !text.is_empty());
    let cursor = cursor.map(|text| ReconcileCursor::parse(text, &publisher));
    let cursor = cursor
        .transpose()
        .map_err(|cause| Problem::invalid_field("since", cause.to_string()))?;
    let subscription = wanted(&state, &caller, query.subscription.as_deref()).await?;
    let (tenant_id, key) = (caller.tenant_id, subscription.row_key());
    let read = move |conn: &mut Conn| {
        let reconciled =
            Reconciled::page(conn, &publisher, tenant_id, key, cursor.as_ref(), limit)?;
        let events = reconciled.events.iter();
        let items = events.map(|(id, event_type)| {
            let logged = LoggedEvent::find(conn, &publisher, tenant_id, *id)?;
            let event = logged.map(|logged| logged.event);
            Ok(json!({
                "id": id.to_string(),
                "type": event_type,
                "subject": event.as_ref().map(|event| &event.subject),
                "sequence": event.as_ref().map(|event| event.sequence),
                "timestamp": event.as_ref().map(|event| format_ms(event.timestamp_ms)),
            }))
        });
        let items: Vec<Value> = items.collect::<Result<_, DbError>>()?;
        Ok::<_, DbError>((items, reconciled))
    };
    let (items, reconciled) = state.database.reads().run(read).await.map_err(of_read)?;
    Ok(HttpResponse::Ok().json(json!({
        "subscription": subscription.id,
        "items": items,
        "next_cursor": reconciled.next.to_string(),
        "complete": !reconciled.more,
    })))
}

/// The subscription asked for, or the only one.
async fn wanted(
    state: &State,
    caller: &Caller,
    named: Option<&str>,
) -> Result<Subscription, Problem> {
    if let Some(id) = named.filter(|text| uuid::Uuid::parse_str(text).is_ok()) {
        return find_subscription(state, caller, id).await;
    }
    let (subscriptions, tenant_id) = (state.subscriptions.clone(), caller.tenant_id);
    let read = move |conn: &mut Conn| {
        subscriptions.list(conn, tenant_id, None, Page::first(Page::LIMIT_MAX))
    };
    let found = state.database.reads().run(read).await.map_err(of_read)?;
    let mut fitting = found
        .items
        .into_iter()
        .filter(|one| named.is_none() || one.config_name.as_deref() == named);
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(no_subscription(named.unwrap_or("of this tenant"))),
        (Some(_), Some(_)) => Err(Problem::invalid_field(
            "subscription",
            "missing: there are several, so give the id of one",
        )),
    }
}
