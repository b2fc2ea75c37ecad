//! `/subscriptions`: who is told of what. A secret is answered when it is made or given, and never again.

use std::sync::Arc;
use std::time::Duration;

use access::{Caller, of_read};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MATCH};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use db::{Conn, DbError};
use delivery::{
    DeliveryStats, EndpointTotals, OVERLAP_DEFAULT, ProbeError, ProbeReport, Revealed,
    Subscription, SubscriptionFields, SubscriptionRefusal, Subscriptions,
};
use serde::Deserialize;
use serde_json::{Value, json};
use service::{Code, Json, Problem, Query};

use super::shared::{
    fielded, find_subscription, list_query, listed, no_subscription, of_refusable, subscription_id,
    tenant_of,
};
use super::subscription_answer::{Beside, answer, revealed};
use super::subscription_input::{Given, SubscriptionInput};
use crate::api::platform::{HoursQuery, stats_answer};
use crate::service_state::ServiceState;

type State = Data<Arc<ServiceState>>;

/// `POST /subscriptions`.
pub(crate) async fn create(
    state: State,
    caller: Caller,
    Json(mut input): Json<SubscriptionInput>,
) -> Result<HttpResponse, Problem> {
    let secret = match std::mem::take(&mut input.secret) {
        Given::Value(secret) => Some(secret),
        Given::Absent | Given::Null => None,
    };
    let mut fields = SubscriptionFields::default();
    input.understood()?.apply(&mut fields);
    let tenant = tenant_of(&caller);
    let created = state
        .subscriptions
        .create(&tenant, fields, secret.as_deref());
    let created = created
        .await
        .map_err(|error| of_refusable(error, refused))?;
    let record = record(&state, &caller, &created.subscription).await?;
    Ok(shown_once(HttpResponse::Created(), &created, record))
}

list_query!(ListQuery {
    #[serde(alias = "active")]
    is_active: Option<bool>,
});

/// `GET /subscriptions`, oldest first.
pub(crate) async fn list(
    state: State,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let (page, active, tenant_id) = (query.page()?, query.is_active, caller.tenant_id);
    let subscriptions = state.subscriptions.clone();
    let read = move |conn: &mut Conn| {
        let found = subscriptions.list(conn, tenant_id, active, page)?;
        let each = found.items.iter();
        let besides = each.map(|one| beside(conn, &subscriptions, one, tenant_id));
        let besides: Vec<Beside> = besides.collect::<Result<_, _>>()?;
        Ok::<_, DbError>((found, besides))
    };
    let (mut found, besides) = state.database.reads().run(read).await.map_err(of_read)?;
    let items = std::mem::take(&mut found.items);
    let records = items.iter().zip(&besides);
    let records = records.map(|(item, beside)| answer(item, beside, &state.delivery));
    let records: Vec<Value> = records.collect();
    let paged = delivery::Paged {
        items: records,
        total: found.total,
        next: found.next,
    };
    Ok(HttpResponse::Ok().json(listed(page, paged, |item| item)))
}

/// `GET /subscriptions/{id}`.
pub(crate) async fn one(
    state: State,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let found = find_subscription(&state, &caller, &id).await?;
    let record = record(&state, &caller, &found).await?;
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, tag(&found)))
        .json(record))
}

/// `PATCH` and `PUT /subscriptions/{id}`: what is given is changed, null resets. Clients of either verb send parts.
pub(crate) async fn change(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: Path<String>,
    Json(input): Json<SubscriptionInput>,
) -> Result<HttpResponse, Problem> {
    changed(state, caller, &id, expected(&request)?, input).await
}

/// The same, with the version that the caller saw; `None` is any.
pub(crate) async fn changed(
    state: State,
    caller: Caller,
    id: &str,
    version: Option<i64>,
    input: SubscriptionInput,
) -> Result<HttpResponse, Problem> {
    let id = subscription_id(id)?;
    if input.secret != Given::Absent {
        let message =
            "it is changed with POST …/rotate-secret, so that the old one lives on a while";
        return Err(Problem::invalid_field("secret", message));
    }
    let change = input.understood()?;
    let tenant = tenant_of(&caller);
    let changed = state
        .subscriptions
        .update(&tenant, id, version, move |fields| {
            change.clone().apply(fields);
        });
    let changed = changed
        .await
        .map_err(|error| of_refusable(error, refused))?;
    let record = record(&state, &caller, &changed).await?;
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, tag(&changed)))
        .json(record))
}

/// `DELETE /subscriptions/{id}`.
pub(crate) async fn delete(
    state: State,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = subscription_id(&id)?;
    let deleted = state.subscriptions.delete(&tenant_of(&caller), id).await;
    deleted.map_err(|error| of_refusable(error, refused))?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /subscriptions/{id}/enable`: also what was disabled, or paused.
pub(crate) async fn enable(
    state: State,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = subscription_id(&id)?;
    let enabled = state.subscriptions.enable(&tenant_of(&caller), id).await;
    let enabled = enabled.map_err(|error| of_refusable(error, refused))?;
    Ok(HttpResponse::Ok().json(record(&state, &caller, &enabled).await?))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rotation {
    #[serde(alias = "secret_key")]
    secret: Option<String>,
    /// How long the old one signs beside it; 0 to 604,800.
    overlap_seconds: Option<u64>,
}

/// `POST /subscriptions/{id}/rotate-secret`; a body is not needed.
pub(crate) async fn rotate(
    state: State,
    caller: Caller,
    id: Path<String>,
    request: HttpRequest,
    body: Result<Json<Rotation>, Problem>,
) -> Result<HttpResponse, Problem> {
    let id = subscription_id(&id)?;
    let rotation = match body {
        Ok(Json(rotation)) => rotation,
        Err(_no_body) if !request.headers().contains_key(CONTENT_TYPE) => Rotation::default(),
        Err(problem) => return Err(problem),
    };
    let overlap = rotation
        .overlap_seconds
        .map_or(OVERLAP_DEFAULT, Duration::from_secs);
    let tenant = tenant_of(&caller);
    let secret = rotation.secret.as_deref();
    let rotated = state.subscriptions.rotate(&tenant, id, secret, overlap);
    let rotated = rotated
        .await
        .map_err(|error| of_refusable(error, refused))?;
    let record = record(&state, &caller, &rotated.subscription).await?;
    Ok(shown_once(HttpResponse::Ok(), &rotated, record))
}

/// `POST /subscriptions/{id}/test`: sends a probe now and tells what came back.
pub(crate) async fn test(
    state: State,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let subscription = find_subscription(&state, &caller, &id).await?;
    let publisher = state.events.publisher.clone();
    let refresh = move |conn: &mut Conn| publisher.refresh(conn);
    state.database.reads().run(refresh).await.map_err(of_read)?;
    let (publisher, tenant) = (&state.events.publisher, tenant_of(&caller));
    match publisher.probe(&tenant, subscription.id).await {
        Ok(report) => Ok(HttpResponse::Ok().json(probe_answer(&report))),
        Err(ProbeError::NotFound) => Err(Problem::conflict(format!(
            "subscription {} is disabled: enable it first",
            subscription.id
        ))),
        Err(ProbeError::NotSending) => Err(Problem::unavailable(
            "nothing is sent from this process (ingest.delivery.enabled)",
            "the dispatcher is stopped",
        )),
        Err(ProbeError::Request(cause)) => Err(Problem::internal(cause)),
    }
}

/// `GET /subscriptions/{id}/stats?hours=`.
pub(crate) async fn stats(
    state: State,
    caller: Caller,
    id: Path<String>,
    Query(query): Query<HoursQuery>,
) -> Result<HttpResponse, Problem> {
    let (hours, now_ms) = (query.hours()?, state.clock.now_ms());
    let subscription = find_subscription(&state, &caller, &id).await?;
    let (key, tenant_id) = (subscription.row_key(), caller.tenant_id);
    let read = move |conn: &mut Conn| {
        let stats = DeliveryStats::read(conn, tenant_id, Some(key), hours, now_ms)?;
        Ok::<_, DbError>((stats, EndpointTotals::read(conn, tenant_id, key)?))
    };
    let (stats, totals) = state.database.reads().run(read).await.map_err(of_read)?;
    let mut answer = stats_answer(&stats);
    if let Value::Object(answer) = &mut answer {
        answer.insert("subscription_id".to_owned(), json!(subscription.id));
        let since_created = json!({
            "delivered": totals.delivered,
            "dead": totals.dead,
            "attempts_succeeded": totals.succeeded,
            "attempts_failed": totals.failed,
        });
        answer.insert("since_created".to_owned(), since_created);
    }
    Ok(HttpResponse::Ok().json(answer))
}

async fn record(
    state: &State,
    caller: &Caller,
    subscription: &Subscription,
) -> Result<Value, Problem> {
    let (subscriptions, stored) = (state.subscriptions.clone(), subscription.clone());
    let tenant_id = caller.tenant_id;
    let read = move |conn: &mut Conn| beside(conn, &subscriptions, &stored, tenant_id);
    let beside = state.database.reads().run(read).await.map_err(of_read)?;
    Ok(answer(subscription, &beside, &state.delivery))
}

fn beside(
    conn: &mut Conn,
    subscriptions: &Subscriptions,
    subscription: &Subscription,
    tenant_id: i64,
) -> Result<Beside, DbError> {
    Ok(Beside {
        keys: subscriptions.shown_keys(conn, subscription)?,
        totals: EndpointTotals::read(conn, tenant_id, subscription.row_key())?,
    })
}

fn shown_once(
    mut answer: actix_web::HttpResponseBuilder,
    keys: &Revealed,
    record: Value,
) -> HttpResponse {
    answer
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((ETAG, tag(&keys.subscription)))
        .json(revealed(keys, record))
}

fn tag(subscription: &Subscription) -> String {
    format!("\"{}\"", subscription.version)
}

/// The version that the caller insists on (RFC 9110, section 13.1.1); a star is any.
fn expected(request: &HttpRequest) -> Result<Option<i64>, Problem> {
    let Some(tag) = request.headers().get(IF_MATCH) else {
        return Ok(None);
    };
    let tag = tag.to_str().unwrap_or_default().trim();
    if tag == "*" {
        return Ok(None);
    }
    let version = tag.trim_matches('"').parse().ok();
    version.map(Some).ok_or_else(|| {
        Problem::new(
            Code::PreconditionFailed,
            "no version of it has this ETag: read it again",
        )
    })
}

fn probe_answer(report: &ProbeReport) -> Value {
    let headers: serde_json::Map<String, Value> = report
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    json!({
        "success": report.success,
        "status_code": report.status_code,
        "response_time_ms": report.response_time_ms,
        "error": report.error,
        "request": {
            "url": report.url,
            "headers": headers,
            "body": String::from_utf8_lossy(&report.body),
        },
        "response_body": String::from_utf8_lossy(&report.response),
    })
}

fn refused(refusal: SubscriptionRefusal) -> Problem {
    match refusal {
        SubscriptionRefusal::NotFound => no_subscription("of this id"),
        SubscriptionRefusal::Stale(_) => {
            Problem::new(Code::PreconditionFailed, refusal.to_string())
        }
        SubscriptionRefusal::Duplicate(_) | SubscriptionRefusal::Configured(_) => {
            Problem::conflict(refusal.to_string())
        }
        SubscriptionRefusal::Invalid(cause) => fielded(&cause.to_string()),
        SubscriptionRefusal::Random => Problem::internal(refusal.to_string()),
    }
}
