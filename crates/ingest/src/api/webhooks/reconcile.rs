//! `GET /reconcile`: everything that a subscription is owed, or that the tenant has published, in the order in which it
//! was committed, so that a receiver can prove that it has all of it.

use std::sync::Arc;

use access::{Caller, of_read};
use actix_web::HttpResponse;
use actix_web::web::Data;
use contract::format_ms;
use db::Conn;
use delivery::{Page, ReconcileCursor, Reconciled, ReconciledEvent, Subscription};
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
    /// Its id, or its name in the configuration; without one everything that the tenant has published.
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
    let subscription = match &query.subscription {
        Some(named) => Some(wanted(&state, &caller, named).await?),
        None => None,
    };
    let (tenant_id, key) = (
        caller.tenant_id,
        subscription.as_ref().map(Subscription::row_key),
    );
    let read = move |conn: &mut Conn| {
        Reconciled::page(conn, &publisher, tenant_id, key, cursor.as_ref(), limit)
    };
    let reconciled = state.database.reads().run(read).await.map_err(of_read)?;
    let items: Vec<Value> = reconciled.events.iter().map(item).collect();
    Ok(HttpResponse::Ok().json(json!({
        "subscription": subscription.map(|subscription| subscription.id),
        "items": items,
        "next_cursor": reconciled.next.to_string(),
        "complete": !reconciled.more,
    })))
}

fn item(event: &ReconciledEvent) -> Value {
    json!({
        "id": event.id.to_string(),
        "type": event.event_type,
        "subject": event.subject,
        "sequence": event.sequence,
        "timestamp": format_ms(event.timestamp_ms),
    })
}

/// The subscription of this id, or of this name in the configuration.
async fn wanted(state: &State, caller: &Caller, named: &str) -> Result<Subscription, Problem> {
    if uuid::Uuid::parse_str(named).is_ok() {
        return find_subscription(state, caller, named).await;
    }
    let (subscriptions, tenant_id) = (state.subscriptions.clone(), caller.tenant_id);
    let read = move |conn: &mut Conn| {
        subscriptions.list(conn, tenant_id, None, Page::first(Page::LIMIT_MAX))
    };
    let found = state.database.reads().run(read).await.map_err(of_read)?;
    let mut found = found.items.into_iter();
    found
        .find(|one| one.config_name.as_deref() == Some(named))
        .ok_or_else(|| no_subscription(named))
}
