//! What the service counts, for Prometheus. Must never label by anything that strangers can make up: routes
//! and outcomes are few, sources are those there are.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Data;
use db::{BATCH_BUCKETS, ReadStats, WriterStats};
use service::{Exposition, MetricKind, counted};
use std::time::Instant;

use crate::receiver::State;

/// Upper bounds of durations, seconds.
const DURATION_BUCKETS_S: [f64; 10] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

/// Counters since the start.
#[derive(Default)]
pub(crate) struct Metrics {
    requests: Mutex<BTreeMap<(String, u16), u64>>,
    /// By source and outcome.
    events: Mutex<BTreeMap<(String, &'static str), u64>>,
    durations: Durations,
    expired: AtomicU64,
}

#[derive(Default)]
struct Durations {
    buckets: [AtomicU64; DURATION_BUCKETS_S.len()],
    count: AtomicU64,
    sum_us: AtomicU64,
}

impl Durations {
    fn observe(&self, seconds: f64) {
        let buckets = DURATION_BUCKETS_S.iter().zip(&self.buckets);
        for (_, bucket) in buckets.filter(|(bound, _)| seconds <= **bound) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a request does not take half a million years"
        )]
        let us = (seconds * 1e6) as u64;
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }
}

impl Metrics {
    fn request(&self, route: &str, status: u16) {
        let mut requests = lock(&self.requests);
        *requests.entry((route.to_owned(), status)).or_default() += 1;
    }

    /// An event of a source that there is came to this.
    /// A request to a source, and what each of its events came to.
    pub(crate) fn received(&self, source: &str, outcomes: &[&'static str], seconds: f64) {
        let mut events = lock(&self.events);
        for outcome in outcomes {
            *events.entry((source.to_owned(), *outcome)).or_default() += 1;
        }
        drop(events);
        self.durations.observe(seconds);
    }

    pub(crate) fn expired(&self, events: usize) {
        let events = u64::try_from(events).unwrap_or(u64::MAX);
        self.expired.fetch_add(events, Ordering::Relaxed);
    }

    /// All of it as text; `seen` says of which sources.
    pub(crate) fn exposition(
        &self,
        seen: impl Fn(&str) -> bool,
        service: Option<(WriterStats, ReadStats)>,
    ) -> String {
        let mut out = Exposition::default();
        let name = "draftwire_receiver_events_total";
        let help = "Events of sources, and what was refused, by what they came to.";
        out.metric(name, MetricKind::Counter, help);
        for ((source, outcome), count) in &*lock(&self.events) {
            if seen(source) {
                let labels = [("source", source.as_str()), ("outcome", outcome)];
                out.sample(name, &labels, counted(*count));
            }
        }
        if let Some((writer, reads)) = service {
            self.of_service(&mut out, &writer, &reads);
        }
        out.finish()
    }

    fn of_service(&self, out: &mut Exposition, writer: &WriterStats, reads: &ReadStats) {
        let name = "draftwire_receiver_requests_total";
        out.metric(name, MetricKind::Counter, "Requests, by route and status.");
        for ((route, status), count) in &*lock(&self.requests) {
            let labels = [("route", route.as_str()), ("status", &status.to_string())];
            out.sample(name, &labels, counted(*count));
        }
        let name = "draftwire_receiver_event_duration_seconds";
        let help = "From a request's head to its answer, for webhooks.";
        out.metric(name, MetricKind::Histogram, help);
        let durations = &self.durations;
        let buckets = DURATION_BUCKETS_S.iter().zip(&durations.buckets);
        let buckets = buckets.map(|(bound, count)| (*bound, count.load(Ordering::Relaxed)));
        let sum_s = counted(durations.sum_us.load(Ordering::Relaxed)) / 1e6;
        let whole = (durations.count.load(Ordering::Relaxed), sum_s);
        out.histogram(name, &[], buckets, whole);
        database(out, writer, reads);
        let name = "draftwire_receiver_inbox_expired_total";
        out.metric(
            name,
            MetricKind::Counter,
            "Events removed after their time.",
        );
        out.sample(name, &[], counted(self.expired.load(Ordering::Relaxed)));
    }
}

/// The writer and the readers, under the names that both services have them.
fn database(out: &mut Exposition, writer: &WriterStats, reads: &ReadStats) {
    let name = "draftwire_writer_batch_jobs";
    let help = "Jobs that one transaction of the writer committed together.";
    out.metric(name, MetricKind::Histogram, help);
    let buckets = BATCH_BUCKETS.into_iter().map(counted).zip(writer.batches);
    out.histogram(name, &[], buckets, (writer.commits, counted(writer.jobs)));
    for (name, help, value) in [
        (
            "draftwire_writer_aborts_total",
            "Transactions that came to nothing; what was sound in them was run again.",
            counted(writer.aborts),
        ),
        (
            "draftwire_reads_total",
            "Reads of the database.",
            counted(reads.reads),
        ),
        (
            "draftwire_read_wait_seconds_total",
            "Time that reads waited for a connection, all together.",
            counted(reads.waited_us) / 1e6,
        ),
        (
            "draftwire_reads_refused_total",
            "Reads that got no connection within read_wait_ms_max.",
            counted(reads.refused),
        ),
    ] {
        out.metric(name, MetricKind::Counter, help);
        out.sample(name, &[], value);
    }
}

/// Counts the requests of a route by what they came to.
pub(crate) async fn count<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let state = request.app_data::<Data<State>>().cloned();
    let route = request.match_pattern().unwrap_or_default();
    let answer = next.call(request).await;
    if let Some(state) = state {
        let status = match &answer {
            Ok(answer) => answer.status(),
            Err(error) => error.as_response_error().status_code(),
        };
        state.metrics.request(&route, status.as_u16());
    }
    answer
}

/// When a request to a source began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Began(Instant);

impl Began {
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_reads_of_its_own_sources_only() {
        let metrics = Metrics::default();
        metrics.received("ours", &["applied"], 0.0015);
        metrics.received("theirs", &["applied"], 9.0);
        metrics.request("/clients/{code}", 404);
        let whole = Some((WriterStats::default(), ReadStats::default()));
        let own = metrics.exposition(|source| source == "ours", None);
        assert!(
            own.contains(r#"{source="ours",outcome="applied"} 1"#),
            "{own}"
        );
        assert!(
            !own.contains("theirs") && !own.contains("requests"),
            "{own}"
        );
        let all = metrics.exposition(|_| true, whole);
        for line in [
            r#"draftwire_receiver_requests_total{route="/clients/{code}",status="404"} 1"#,
            r#"duration_seconds_bucket{le="0.001"} 0"#,
            r#"duration_seconds_bucket{le="0.002"} 1"#,
            r#"duration_seconds_bucket{le="+Inf"} 2"#,
            "draftwire_writer_batch_jobs_count 0",
        ] {
            assert!(all.contains(line), "{line} in {all}");
        }
    }
}
