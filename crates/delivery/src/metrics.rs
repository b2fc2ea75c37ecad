//! What the engine counts for whoever exports it. Labels are bounded: beyond so many different ones everything
//! counts as `other`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Upper bounds of the duration's buckets, seconds.
pub const DURATION_BUCKETS_S: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0,
];
/// Most different event types of one tenant, and of all tenants together, that are counted by themselves.
const TYPES_PER_TENANT_MAX: usize = 100;
const SERIES_MAX: usize = 500;
/// Most different HTTP status codes of one series.
const CODES_MAX: usize = 40;
const OTHER: &str = "other";
/// Stands for the tenants that are counted together.
const NO_TENANT: i64 = 0;

/// What one attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AttemptStatus {
    Delivered,
    /// It will be tried again.
    Retrying,
    /// Refused for good by the endpoint's answer.
    Failed,
    /// The schedule is used up, or the delivery too old.
    Abandoned,
}

/// Why an attempt is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RetryReason {
    Timeout,
    ConnectionError,
    ServerError,
    RateLimited,
    ClientError,
}

/// Durations, in buckets that each hold what is at most their bound (see [`DURATION_BUCKETS_S`]).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Durations {
    pub buckets: [u64; DURATION_BUCKETS_S.len()],
    pub count: u64,
    pub sum_s: f64,
}

/// Attempts of one tenant with events of one type.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    pub attempts: BTreeMap<AttemptStatus, u64>,
    pub durations: Durations,
    pub retries: BTreeMap<RetryReason, u64>,
    /// By the HTTP status of the answer, where there was one; 0: those beyond the bound.
    pub http_status: BTreeMap<u16, u64>,
}

/// Everything counted since the start, and how things stand.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricsSnapshot {
    /// By tenant and event type. Tenant 0 and type `other` hold what is beyond the bounds.
    pub series: BTreeMap<(i64, String), Series>,
    pub filters_undecided: u64,
    /// Deliveries that wait in this process, and attempts under way.
    pub queued: u64,
    pub in_flight: u64,
    /// How long the delivery has been due that has been due longest, in this process or in the table, milliseconds.
    /// Endpoints to which nothing is sent for now do not count.
    pub oldest_wait_ms: u64,
    /// Endpoints to which nothing is sent because their breaker is open, or half open.
    pub breakers_open: u64,
    pub breakers_half_open: u64,
}

/// How the dispatcher stands, as it last said.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) queued: AtomicU64,
    pub(crate) in_flight: AtomicU64,
    pub(crate) oldest_wait_ms: AtomicU64,
    pub(crate) breakers_open: AtomicU64,
    pub(crate) breakers_half_open: AtomicU64,
}

/// One attempt that has ended, as it is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted<'a> {
    pub(crate) tenant_id: i64,
    pub(crate) event_type: &'a str,
    pub(crate) status: AttemptStatus,
    pub(crate) duration_s: f64,
    pub(crate) retry: Option<RetryReason>,
    pub(crate) http_status: Option<u16>,
}

/// Series by tenant, then event type.
#[derive(Debug, Default)]
struct Counts {
    tenants: BTreeMap<i64, BTreeMap<String, Series>>,
    count: usize,
}

/// The engine's counters.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    counts: Mutex<Counts>,
    filters_undecided: AtomicU64,
    pub(crate) gauges: Gauges,
}

impl Metrics {
    pub(crate) fn attempt(&self, attempt: &Counted<'_>) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let series = counts.series(attempt.tenant_id, attempt.event_type);
        series.add(attempt);
    }

    pub(crate) fn filter_undecided(&self) {
        self.filters_undecided.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> MetricsSnapshot {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let series = counts.tenants.iter().flat_map(|(tenant_id, types)| {
            let key = |name: &String| (*tenant_id, name.clone());
            types
                .iter()
                .map(move |(name, series)| (key(name), series.clone()))
        });
        let gauge = |gauge: &AtomicU64| gauge.load(Ordering::Relaxed);
        MetricsSnapshot {
            series: series.collect(),
            filters_undecided: gauge(&self.filters_undecided),
            queued: gauge(&self.gauges.queued),
            in_flight: gauge(&self.gauges.in_flight),
            oldest_wait_ms: gauge(&self.gauges.oldest_wait_ms),
            breakers_open: gauge(&self.gauges.breakers_open),
            breakers_half_open: gauge(&self.gauges.breakers_half_open),
        }
    }
}

impl Counts {
    fn series(&mut self, tenant_id: i64, event_type: &str) -> &mut Series {
        let types = self.tenants.get(&tenant_id);
        let is_known = types.is_some_and(|types| types.contains_key(event_type));
        let (tenant_id, event_type) = match types.map_or(0, BTreeMap::len) {
            _ if is_known => (tenant_id, event_type),
            0 if self.count >= SERIES_MAX => (NO_TENANT, OTHER),
            types if types >= TYPES_PER_TENANT_MAX || self.count >= SERIES_MAX => {
                (tenant_id, OTHER)
            }
            _ => (tenant_id, event_type),
        };
        let types = self.tenants.entry(tenant_id).or_default();
        if !types.contains_key(event_type) {
            self.count += 1;
        }
        types.entry(event_type.to_owned()).or_default()
    }
}

impl Series {
    fn add(&mut self, attempt: &Counted<'_>) {
        *self.attempts.entry(attempt.status).or_default() += 1;
        if let Some(reason) = attempt.retry {
            *self.retries.entry(reason).or_default() += 1;
        }
        if let Some(code) = attempt.http_status {
            let is_beyond =
                self.http_status.len() >= CODES_MAX && !self.http_status.contains_key(&code);
            let code = if is_beyond { 0 } else { code };
            *self.http_status.entry(code).or_default() += 1;
        }
        let durations = &mut self.durations;
        durations.count += 1;
        durations.sum_s += attempt.duration_s;
        for (bucket, bound) in durations.buckets.iter_mut().zip(DURATION_BUCKETS_S) {
            *bucket += u64::from(attempt.duration_s <= bound);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(tenant_id: i64, event_type: &str) -> Counted<'_> {
        Counted {
            tenant_id,
            event_type,
            status: AttemptStatus::Delivered,
            duration_s: 0.3,
            retry: None,
            http_status: Some(200),
        }
    }

    #[test]
    fn labels_are_bounded_for_each_tenant_and_in_all() {
        let metrics = Metrics::default();
        for tenant_id in 1..=10 {
            for n in 0..200 {
                metrics.attempt(&counted(tenant_id, &format!("a.b{n}")));
            }
        }
        let series = metrics.snapshot().series;
        assert!(series.len() <= SERIES_MAX + 10, "{}", series.len());
        let count = |key: (i64, &str)| {
            let found = series.get(&(key.0, key.1.to_owned()));
            found.map_or(0, |series| series.durations.count)
        };
        assert_eq!((count((1, "a.b7")), count((1, OTHER))), (1, 100));
        assert_eq!(
            (count((10, "a.b7")), count((NO_TENANT, OTHER))),
            (0, 5 * 200)
        );
        let all: u64 = series.values().map(|series| series.durations.count).sum();
        assert_eq!(all, 2_000, "each is counted once");
    }

    #[test]
    fn an_attempt_counts_in_every_way() {
        let metrics = Metrics::default();
        metrics.attempt(&counted(1, "a.b"));
        metrics.attempt(&Counted {
            status: AttemptStatus::Retrying,
            duration_s: 20.0,
            retry: Some(RetryReason::Timeout),
            http_status: None,
            ..counted(1, "a.b")
        });
        for code in 300..400 {
            let http_status = Some(code);
            metrics.attempt(&Counted {
                http_status,
                ..counted(1, "a.b")
            });
        }
        let series = &metrics.snapshot().series[&(1, "a.b".to_owned())];
        assert_eq!(
            series.durations.buckets,
            [0, 0, 0, 0, 0, 0, 101, 101, 101, 101, 101]
        );
        assert_eq!(
            (
                series.durations.count,
                series.retries[&RetryReason::Timeout]
            ),
            (102, 1)
        );
        assert_eq!(series.attempts[&AttemptStatus::Delivered], 101);
        assert_eq!(series.http_status.len(), CODES_MAX + 1);
        assert_eq!(series.http_status.values().sum::<u64>(), 101);
    }
}
