//! `/webhooks/…`: how deliveries do, in the shapes that monitoring of older systems reads.

use std::sync::Arc;

use access::{Caller, of_read};
use actix_web::{HttpResponse, web::Data};
use contract::format_ms;
use db::Conn;
use delivery::{DeliveryHealth, DeliveryStats, Failure, HealthStatus, QueueStats, Tally};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use service::{Problem, Query};

use crate::service_state::ServiceState;

const HOURS_USUAL: u32 = 24;
const HOURS_MAX: u32 = 90 * 24;
const FAILURES_USUAL: u32 = 10;
const FAILURES_MAX: u32 = 100;

type State = Data<Arc<ServiceState>>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoursQuery {
    hours: Option<u32>,
}

impl HoursQuery {
    pub(super) fn hours(&self) -> Result<u32, Problem> {
        let hours = self.hours.unwrap_or(HOURS_USUAL);
        match (1..=HOURS_MAX).contains(&hours) {
            true => Ok(hours),
            false => Err(Problem::invalid_field(
                "hours",
                format!("from 1 to {HOURS_MAX}"),
            )),
        }
    }
}

/// `GET /webhooks/stats?hours=`.
pub(crate) async fn stats(
    state: State,
    caller: Caller,
    Query(query): Query<HoursQuery>,
) -> Result<HttpResponse, Problem> {
    let (hours, now_ms, tenant_id) = (query.hours()?, state.clock.now_ms(), caller.tenant_id);
    let read = move |conn: &mut Conn| DeliveryStats::read(conn, tenant_id, None, hours, now_ms);
    let stats = state.database.reads().run(read).await.map_err(of_read)?;
    Ok(HttpResponse::Ok().json(stats_answer(&stats)))
}

/// `GET /webhooks/health`.
pub(crate) async fn health(state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    let (now_ms, tenant_id) = (state.clock.now_ms(), caller.tenant_id);
    let read = move |conn: &mut Conn| DeliveryHealth::read(conn, tenant_id, now_ms);
    let health = state.database.reads().run(read).await.map_err(of_read)?;
    let (status, message) = match health.status {
        HealthStatus::Healthy => (
            "healthy",
            "at least 95 % of the last hour's attempts succeeded",
        ),
        HealthStatus::Degraded => (
            "degraded",
            "80 to 95 % of the last hour's attempts succeeded",
        ),
        HealthStatus::Unhealthy => (
            "unhealthy",
            "less than 80 % of the last hour's attempts succeeded",
        ),
        HealthStatus::Unknown => ("unknown", "nothing was sent in the last hour"),
    };
    Ok(HttpResponse::Ok().json(json!({
        "status": status,
        "message": message,
        "last_hour": stats_answer(&health.last_hour),
        "last_24_hours": stats_answer(&health.last_24_hours),
        "recent_failures": failures_answer(&health.recent_failures),
    })))
}

/// `GET /webhooks/queue/stats`: deliveries by where they stand.
pub(crate) async fn queue_stats(state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    let (tenant_id, now_ms) = (caller.tenant_id, state.clock.now_ms());
    let read = move |conn: &mut Conn| QueueStats::read(conn, tenant_id, now_ms);
    let stats = state.database.reads().run(read).await.map_err(of_read)?;
    Ok(HttpResponse::Ok().json(json!({
        "total": stats.total,
        "pending": stats.pending,
        "processing": stats.processing,
        "completed": stats.completed,
        "failed": stats.failed,
        "oldest_wait_ms": stats.oldest_wait_ms,
    })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FailuresQuery {
    limit: Option<u32>,
}

/// `GET /webhooks/failures?limit=`.
pub(crate) async fn failures(
    state: State,
    caller: Caller,
    Query(query): Query<FailuresQuery>,
) -> Result<HttpResponse, Problem> {
    let (limit, tenant_id) = (query.limit.unwrap_or(FAILURES_USUAL), caller.tenant_id);
    if !(1..=FAILURES_MAX).contains(&limit) {
        let message = format!("from 1 to {FAILURES_MAX}");
        return Err(Problem::invalid_field("limit", message));
    }
    let read = move |conn: &mut Conn| Failure::recent(conn, tenant_id, limit);
    let failures = state.database.reads().run(read).await.map_err(of_read)?;
    let failures = failures_answer(&failures);
    Ok(HttpResponse::Ok().json(json!({ "failures": failures })))
}

/// Attempts of some hours. Rates are shares of one; without attempts they are null.
pub(super) fn stats_answer(stats: &DeliveryStats) -> Value {
    let tally = |tally: &Tally| json!({"total": tally.total, "successful": tally.successful, "failed": tally.failed});
    let by_event_type: Map<String, Value> = stats
        .by_event_type
        .iter()
        .map(|(name, of_type)| (name.clone(), tally(of_type)))
        .collect();
    json!({
        "period_hours": stats.period_hours,
        "total": stats.attempts.total,
        "successful": stats.attempts.successful,
        "failed": stats.attempts.failed,
        "success_rate": stats.success_rate,
        "avg_duration_ms": stats.avg_duration_ms,
        "avg_attempts": stats.avg_attempts,
        "by_event_type": by_event_type,
        "by_status_code": stats.by_status_code,
    })
}

fn failures_answer(failures: &[Failure]) -> Vec<Value> {
    let failure = |failure: &Failure| {
        // A file's subject is file/<ingest id>.
        let ingest_id = failure.subject.strip_prefix("file/");
        let ingest_id = ingest_id.and_then(|id| id.parse::<i64>().ok());
        json!({
            "timestamp": format_ms(failure.at_ms),
            "event_type": failure.event_type,
            "subject": failure.subject,
            "ingest_id": ingest_id,
            "delivery_id": failure.delivery_id.to_string(),
            "success": false,
            "attempts": failure.attempts,
            "duration_ms": failure.duration_ms,
            "status_code": failure.status_code,
            "outcome": failure.outcome,
            "error_message": failure.error,
        })
    };
    failures.iter().map(failure).collect()
}
