//! What the engine counts for whoever exports it. Labels are bounded: beyond so many different ones everything
//! counts as `other`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Upper bounds of the duration's buckets, seconds.
pub const DURATION_BUCKETS_S: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0,
];
/// Most different labels of attempts.
const LABELS_MAX: usize = 1_000;
const OTHER: &str = "other";

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

/// By what attempts are counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttemptLabels {
    pub tenant_id: i64,
    pub event_type: String,
    pub status: AttemptStatus,
}

/// Durations, in buckets that each hold what is at most their bound (see [`DURATION_BUCKETS_S`]).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Durations {
    pub buckets: [u64; DURATION_BUCKETS_S.len()],
    pub count: u64,
    pub sum_s: f64,
}

/// Everything counted since the start, and how things stand.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricsSnapshot {
    pub attempts: BTreeMap<AttemptLabels, u64>,
    pub durations: Durations,
    pub retries: BTreeMap<RetryReason, u64>,
    pub filters_undecided: u64,
    /// Deliveries that wait in this process, and attempts under way.
    pub queued: u64,
    pub in_flight: u64,
    /// How long the delivery has waited that waits longest here, milliseconds.
    pub oldest_wait_ms: u64,
    /// Endpoints to which nothing is sent because their breaker is open, or half open.
    pub breakers_open: u64,
    pub breakers_half_open: u64,
    /// Transactions of the writer and the jobs in them: their ratio is the batch size.
    pub commits: u64,
    pub jobs: u64,
}

#[derive(Debug, Default)]
struct Counts {
    attempts: BTreeMap<AttemptLabels, u64>,
    durations: Durations,
    retries: BTreeMap<RetryReason, u64>,
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

/// The engine's counters.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    counts: Mutex<Counts>,
    filters_undecided: AtomicU64,
    pub(crate) gauges: Gauges,
}

impl Metrics {
    pub(crate) fn attempt(
        &self,
        tenant_id: i64,
        event_type: &str,
        status: AttemptStatus,
        duration_s: f64,
        retry: Option<RetryReason>,
    ) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut labels = AttemptLabels {
            tenant_id,
            event_type: event_type.to_owned(),
            status,
        };
        if counts.attempts.len() >= LABELS_MAX && !counts.attempts.contains_key(&labels) {
            labels.event_type = OTHER.to_owned();
            labels.tenant_id = 0;
        }
        *counts.attempts.entry(labels).or_default() += 1;
        if let Some(reason) = retry {
            *counts.retries.entry(reason).or_default() += 1;
        }
        let durations = &mut counts.durations;
        durations.count += 1;
        durations.sum_s += duration_s;
        for (bucket, bound) in durations.buckets.iter_mut().zip(DURATION_BUCKETS_S) {
            *bucket += u64::from(duration_s <= bound);
        }
    }

    pub(crate) fn filter_undecided(&self) {
        self.filters_undecided.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self, writer: db::WriterStats) -> MetricsSnapshot {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let gauge = |gauge: &AtomicU64| gauge.load(Ordering::Relaxed);
        MetricsSnapshot {
            attempts: counts.attempts.clone(),
            durations: counts.durations.clone(),
            retries: counts.retries.clone(),
            filters_undecided: gauge(&self.filters_undecided),
            queued: gauge(&self.gauges.queued),
            in_flight: gauge(&self.gauges.in_flight),
            oldest_wait_ms: gauge(&self.gauges.oldest_wait_ms),
            breakers_open: gauge(&self.gauges.breakers_open),
            breakers_half_open: gauge(&self.gauges.breakers_half_open),
            commits: writer.commits,
            jobs: writer.jobs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_bounded_and_durations_cumulate() {
        let metrics = Metrics::default();
        for n in 0..2_000 {
            let name = format!("a.b{n}");
            metrics.attempt(1, &name, AttemptStatus::Delivered, 0.3, None);
        }
        metrics.attempt(
            1,
            "a.b1",
            AttemptStatus::Retrying,
            20.0,
            Some(RetryReason::Timeout),
        );
        let snapshot = metrics.snapshot(db::WriterStats::default());
        assert!(snapshot.attempts.len() <= LABELS_MAX + 4);
        assert_eq!(snapshot.attempts.values().sum::<u64>(), 2_001);
        assert_eq!(
            snapshot.durations.buckets,
            [0, 0, 0, 0, 0, 0, 2_000, 2_000, 2_000, 2_000, 2_000]
        );
        assert_eq!(
            (
                snapshot.durations.count,
                snapshot.retries[&RetryReason::Timeout]
            ),
            (2_001, 1)
        );
    }
}
