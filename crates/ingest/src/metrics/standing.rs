//! How this process stands: its queue, its breakers, its writer and its read connections, and the size of the
//! database.

use db::{BATCH_BUCKETS, ReadStats, WriterStats};
use delivery::MetricsSnapshot;
use service::{Exposition, MetricKind, counted};

use super::{Service, Sizes};

pub(super) fn write(out: &mut Exposition, snapshot: &MetricsSnapshot, service: &Service) {
    queue(out, snapshot);
    writer(out, &service.writer);
    reads(out, &service.reads);
    sizes(out, &service.sizes);
}

fn queue(out: &mut Exposition, snapshot: &MetricsSnapshot) {
    let oldest_s = counted(snapshot.oldest_wait_ms) / 1_000.0;
    one(
        out,
        MetricKind::Gauge,
        "webhook_queue_depth",
        "Deliveries that wait in this process.",
        counted(snapshot.queued),
    );
    one(
        out,
        MetricKind::Gauge,
        "webhook_queue_oldest_seconds",
        "How long the delivery has been due that has been due longest; endpoints that are left alone for now not counted.",
        oldest_s,
    );
    one(
        out,
        MetricKind::Gauge,
        "webhook_attempts_in_flight",
        "Attempts under way.",
        counted(snapshot.in_flight),
    );
    one(
        out,
        MetricKind::Counter,
        "webhook_filters_undecided_total",
        "Events of which a subscription's filter could not tell.",
        counted(snapshot.filters_undecided),
    );
    let name = "webhook_breakers";
    let help = "Endpoints to which nothing, or one trial, is sent because attempts failed.";
    out.metric(name, MetricKind::Gauge, help);
    out.sample(name, &[("state", "open")], counted(snapshot.breakers_open));
    let half_open = counted(snapshot.breakers_half_open);
    out.sample(name, &[("state", "half_open")], half_open);
}

#[expect(
    clippy::cast_precision_loss,
    reason = "bounds of buckets are small numbers"
)]
fn writer(out: &mut Exposition, stats: &WriterStats) {
    let name = "draftwire_writer_batch_jobs";
    let help = "Jobs that one transaction of the writer committed together.";
    out.metric(name, MetricKind::Histogram, help);
    let bounds = BATCH_BUCKETS.into_iter().map(|bound| bound as f64);
    let totals = (stats.commits, counted(stats.jobs));
    out.histogram(name, &[], bounds.zip(stats.batches), totals);
    one(
        out,
        MetricKind::Counter,
        "draftwire_writer_aborts_total",
        "Transactions that came to nothing; what was sound in them was run again.",
        counted(stats.aborts),
    );
}

fn reads(out: &mut Exposition, stats: &ReadStats) {
    #[expect(clippy::cast_precision_loss, reason = "microseconds of waits")]
    let waited_s = stats.waited_us as f64 / 1_000_000.0;
    for (name, help, value) in [
        (
            "draftwire_reads_total",
            "Reads of the database.",
            counted(stats.reads),
        ),
        (
            "draftwire_read_wait_seconds_total",
            "Time that reads waited for a connection, all together.",
            waited_s,
        ),
        (
            "draftwire_reads_refused_total",
            "Reads that got no connection within read_wait_ms_max.",
            counted(stats.refused),
        ),
    ] {
        one(out, MetricKind::Counter, name, help, value);
    }
}

fn sizes(out: &mut Exposition, sizes: &Sizes) {
    one(
        out,
        MetricKind::Gauge,
        "draftwire_database_bytes",
        "Size of the database.",
        counted(sizes.database_bytes),
    );
    let name = "draftwire_table_bytes";
    let help = "Size of a table with its indexes, as of some minutes ago at most.";
    out.metric(name, MetricKind::Gauge, help);
    for (table, bytes) in sizes.tables.iter() {
        out.sample(name, &[("table", table.as_str())], counted(*bytes));
    }
}

fn one(out: &mut Exposition, kind: MetricKind, name: &str, help: &str, value: f64) {
    out.metric(name, kind, help);
    out.sample(name, &[], value);
}
