//! `GET /metrics`: what the engine and the writer of this process count, for Prometheus. Labels are bounded where they
//! are counted.

use std::sync::{Arc, Weak};

use access::{Caller, of_read};
use actix_web::HttpResponse;
use actix_web::web::Data;
use db::Conn;
use delivery::{AttemptStatus, DURATION_BUCKETS_S, Engine, MetricsSnapshot, RetryReason};
use service::{EXPOSITION_TYPE, Exposition, MetricKind, Problem, counted};
use std::collections::HashMap;

use crate::service_state::ServiceState;

/// The install's own tenant sees all; any other only itself.
const OPERATOR: i64 = 1;

/// `GET /metrics`.
pub(crate) async fn metrics(
    state: Data<Arc<ServiceState>>,
    caller: Caller,
    engine: Data<Weak<Engine>>,
) -> Result<HttpResponse, Problem> {
    let engine = engine
        .upgrade()
        .ok_or_else(|| Problem::unavailable("the service stops", "the engine is gone"))?;
    let mut snapshot = engine.metrics();
    let own = |id: i64| [OPERATOR, id].contains(&caller.tenant_id);
    snapshot.attempts.retain(|labels, _| own(labels.tenant_id));
    let ids: Vec<i64> = snapshot.attempts.keys().map(|key| key.tenant_id).collect();
    let tenants = state.events.tenants.clone();
    let read = move |conn: &mut Conn| tenants.names(conn, &ids);
    let names = state.database.reads().run(read).await.map_err(of_read)?;
    Ok(HttpResponse::Ok()
        .insert_header(("content-type", EXPOSITION_TYPE))
        .body(exposition(&snapshot, &names)))
}

fn exposition(snapshot: &MetricsSnapshot, names: &HashMap<i64, Arc<str>>) -> String {
    let mut out = Exposition::default();
    attempts(&mut out, snapshot, names);
    let durations = &snapshot.durations;
    let name = "webhook_delivery_duration_seconds";
    out.metric(name, MetricKind::Histogram, "Time of one attempt.");
    let buckets = DURATION_BUCKETS_S.into_iter().zip(durations.buckets);
    out.histogram(name, &[], buckets, (durations.count, durations.sum_s));
    let name = "webhook_retries_total";
    out.metric(
        name,
        MetricKind::Counter,
        "Attempts that will be repeated, by why.",
    );
    for (reason, count) in &snapshot.retries {
        out.sample(name, &[("reason", reason_name(*reason))], counted(*count));
    }
    let name = "webhook_filters_undecided_total";
    let help = "Events of which a subscription's filter could not tell.";
    out.metric(name, MetricKind::Counter, help);
    out.sample(name, &[], counted(snapshot.filters_undecided));
    standing(&mut out, snapshot);
    out.finish()
}

fn attempts(out: &mut Exposition, snapshot: &MetricsSnapshot, names: &HashMap<i64, Arc<str>>) {
    let name = "webhook_deliveries_total";
    out.metric(name, MetricKind::Counter, "Attempts, by what they came to.");
    for (labels, count) in &snapshot.attempts {
        let tenant = names.get(&labels.tenant_id).map_or("other", |name| name);
        let labels = [
            ("event", labels.event_type.as_str()),
            ("tenant_id", tenant),
            ("status", status_name(labels.status)),
        ];
        out.sample(name, &labels, counted(*count));
    }
}

/// How things stand now.
fn standing(out: &mut Exposition, snapshot: &MetricsSnapshot) {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a wait")]
    let oldest_s = snapshot.oldest_wait_ms as f64 / 1_000.0;
    for (name, help, value) in [
        (
            "webhook_queue_depth",
            "Deliveries that wait in this process.",
            counted(snapshot.queued),
        ),
        (
            "webhook_queue_oldest_seconds",
            "How long the delivery has waited that waits longest in this process.",
            oldest_s,
        ),
        (
            "webhook_attempts_in_flight",
            "Attempts under way.",
            counted(snapshot.in_flight),
        ),
    ] {
        out.metric(name, MetricKind::Gauge, help);
        out.sample(name, &[], value);
    }
    let name = "webhook_breakers";
    let help = "Endpoints to which nothing, or one trial, is sent because attempts failed.";
    out.metric(name, MetricKind::Gauge, help);
    out.sample(name, &[("state", "open")], counted(snapshot.breakers_open));
    let half_open = counted(snapshot.breakers_half_open);
    out.sample(name, &[("state", "half_open")], half_open);
    for (name, help, value) in [
        (
            "draftwire_writer_commits_total",
            "Transactions of the writer.",
            snapshot.commits,
        ),
        (
            "draftwire_writer_jobs_total",
            "Jobs in them; their ratio is the size of a batch.",
            snapshot.jobs,
        ),
    ] {
        out.metric(name, MetricKind::Counter, help);
        out.sample(name, &[], counted(value));
    }
}

const fn status_name(status: AttemptStatus) -> &'static str {
    match status {
        AttemptStatus::Delivered => "delivered",
        AttemptStatus::Retrying => "retrying",
        AttemptStatus::Failed => "failed",
        AttemptStatus::Abandoned => "abandoned",
    }
}

const fn reason_name(reason: RetryReason) -> &'static str {
    match reason {
        RetryReason::Timeout => "timeout",
        RetryReason::ConnectionError => "connection_error",
        RetryReason::ServerError => "server_error",
        RetryReason::RateLimited => "rate_limited",
        RetryReason::ClientError => "client_error",
    }
}
