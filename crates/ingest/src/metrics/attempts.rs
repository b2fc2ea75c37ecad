//! Attempts by tenant and event type, with the names and labels that dashboards of older systems read. Labels are
//! bounded where they are counted.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use delivery::{AttemptStatus, DURATION_BUCKETS_S, RetryReason, Series};
use service::{Exposition, MetricKind, counted};

type BySeries = BTreeMap<(i64, String), Series>;

const OTHER: &str = "other";

pub(super) fn write(out: &mut Exposition, series: &BySeries, names: &HashMap<i64, Arc<str>>) {
    let each = || {
        series.iter().map(|((tenant_id, event), series)| {
            let tenant = names.get(tenant_id).map_or(OTHER, |name| name);
            (event.as_str(), tenant, series)
        })
    };
    let name = "webhook_deliveries_total";
    out.metric(name, MetricKind::Counter, "Attempts, by what they came to.");
    for (event, tenant, series) in each() {
        for (status, count) in &series.attempts {
            let status = ("status", status_name(*status));
            let labels = [("event", event), ("tenant_id", tenant), status];
            out.sample(name, &labels, counted(*count));
        }
    }
    let name = "webhook_delivery_duration_seconds";
    out.metric(name, MetricKind::Histogram, "Time of one attempt.");
    for (event, tenant, series) in each() {
        let durations = &series.durations;
        let labels = [("event", event), ("tenant_id", tenant)];
        let buckets = DURATION_BUCKETS_S.into_iter().zip(durations.buckets);
        out.histogram(name, &labels, buckets, (durations.count, durations.sum_s));
    }
    let name = "webhook_retries_total";
    let help = "Attempts that will be repeated, by why.";
    out.metric(name, MetricKind::Counter, help);
    for (event, tenant, series) in each() {
        for (reason, count) in &series.retries {
            let reason = ("reason", reason_name(*reason));
            let labels = [("event", event), ("tenant_id", tenant), reason];
            out.sample(name, &labels, counted(*count));
        }
    }
    http_status(out, series);
}

/// Of all tenants that are shown together.
fn http_status(out: &mut Exposition, series: &BySeries) {
    let mut codes: BTreeMap<(&str, u16), u64> = BTreeMap::new();
    for ((_, event), series) in series {
        for (code, count) in &series.http_status {
            *codes.entry((event, *code)).or_default() += count;
        }
    }
    let name = "webhook_delivery_http_status";
    let help = "Answers of endpoints, by HTTP status.";
    out.metric(name, MetricKind::Counter, help);
    for ((event, code), count) in codes {
        let code = match code {
            0 => OTHER.to_owned(),
            code => code.to_string(),
        };
        let labels = [("event", event), ("status_code", code.as_str())];
        out.sample(name, &labels, counted(count));
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
