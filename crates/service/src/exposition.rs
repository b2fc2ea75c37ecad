//! Metrics as Prometheus reads them: the text format, version 0.0.4. It must never be given labels without a bound.

/// The content type of the text.
pub const EXPOSITION_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A text of metrics under construction. Samples of one metric stand together, after what it is.
///
/// ```
/// use service::{Exposition, MetricKind};
///
/// let mut metrics = Exposition::default();
/// metrics.metric("jobs_total", MetricKind::Counter, "Jobs done.");
/// metrics.sample("jobs_total", &[("lane", "bulk")], 3.0);
/// assert!(metrics.finish().ends_with("jobs_total{lane=\"bulk\"} 3\n"));
/// ```
#[derive(Debug, Default)]
pub struct Exposition(String);

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

impl Exposition {
    /// Begins a metric.
    pub fn metric(&mut self, name: &str, kind: MetricKind, help: &str) {
        let kind = match kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        self.0
            .push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    /// One value of the metric that was begun last.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            self.0.push(if index == 0 { '{' } else { ',' });
            self.0.push_str(label);
            self.0.push_str("=\"");
            text.chars().for_each(|c| self.escaped(c));
            self.0.push('"');
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        self.0.push_str(&format!(" {value}\n"));
    }

    /// Buckets that each hold what is at most their bound, with sum and count.
    pub fn histogram(
        &mut self,
        name: &str,
        labels: &[(&str, &str)],
        buckets: impl IntoIterator<Item = (f64, u64)>,
        (count, sum): (u64, f64),
    ) {
        let bucket = format!("{name}_bucket");
        let mut with = |bound: &str, count: u64| {
            let labels: Vec<_> = labels.iter().copied().chain([("le", bound)]).collect();
            self.sample(&bucket, &labels, counted(count));
        };
        for (bound, count) in buckets {
            with(&bound.to_string(), count);
        }
        with("+Inf", count);
        self.sample(&format!("{name}_sum"), labels, sum);
        self.sample(&format!("{name}_count"), labels, counted(count));
    }

    /// The whole text.
    pub fn finish(self) -> String {
        self.0
    }

    fn escaped(&mut self, c: char) {
        match c {
            '\\' => self.0.push_str("\\\\"),
            '"' => self.0.push_str("\\\""),
            '\n' => self.0.push_str("\\n"),
            c => self.0.push(c),
        }
    }
}

/// A count as a sample. Exact to 2^53, which counters do not reach.
#[expect(clippy::cast_precision_loss, reason = "the format has 64-bit floats")]
pub fn counted(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_as_prometheus_reads_it() {
        let mut metrics = Exposition::default();
        metrics.metric("waits_seconds", MetricKind::Histogram, "How long.");
        metrics.histogram(
            "waits_seconds",
            &[("who", "a\"b\\c\n")],
            [(0.5, 1), (1.0, 2)],
            (3, 4.5),
        );
        metrics.metric("depth", MetricKind::Gauge, "How deep.");
        metrics.sample("depth", &[], 7.0);
        assert_eq!(
            metrics.finish(),
            "# HELP waits_seconds How long.\n# TYPE waits_seconds histogram\n\
             waits_seconds_bucket{who=\"a\\\"b\\\\c\\n\",le=\"0.5\"} 1\n\
             waits_seconds_bucket{who=\"a\\\"b\\\\c\\n\",le=\"1\"} 2\n\
             waits_seconds_bucket{who=\"a\\\"b\\\\c\\n\",le=\"+Inf\"} 3\n\
             waits_seconds_sum{who=\"a\\\"b\\\\c\\n\"} 4.5\nwaits_seconds_count{who=\"a\\\"b\\\\c\\n\"} 3\n\
             # HELP depth How deep.\n# TYPE depth gauge\ndepth 7\n"
        );
    }
}
