//! Ingest and receiver, each a process, wired to each other. Must never share a database between them.

use std::time::{Duration, Instant};

use db::Backend;
use serde_json::Value;
use testkit::TempDb;

use crate::http;
use crate::process::{Process, Subscription};

/// Time for everything that was taken in to be known at the receiver.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(60);
/// How often the receiver is asked.
const LOOK_EVERY: Duration = Duration::from_millis(30);

/// Both services, running.
pub struct Pair {
    pub ingest: Process,
    pub receiver: Process,
    /// Dropped last.
    _databases: Vec<TempDb>,
}

impl Pair {
    /// Starts both on `backend` and waits until they answer; failed deliveries are tried again as
    /// `retry_schedule` says.
    pub async fn start(backend: Backend, retry_schedule: &str) -> Self {
        let databases: Vec<TempDb> = match backend {
            Backend::Sqlite => Vec::new(),
            Backend::Postgres => (0..2).map(|_| TempDb::postgres()).collect(),
        };
        let mut receiver = Process::receiver(databases.first(), &[("draftwire", "standard")]);
        let url = format!("{}/webhooks/draftwire/event", receiver.url());
        let subscription = Subscription {
            name: "receiver",
            url: &url,
            profile: "standard",
            retry_schedule,
        };
        let mut ingest = Process::ingest(databases.last(), &[subscription]);
        receiver.start();
        ingest.start();
        receiver.healthy().await;
        ingest.healthy().await;
        Self {
            ingest,
            receiver,
            _databases: databases,
        }
    }

    /// The design files that the receiver knows, whatever their state.
    pub async fn design_files(&self) -> Vec<Value> {
        let url = format!("{}/design-files?include_deleted=true", self.receiver.url());
        http::items(&url).await
    }

    /// Waits until the receiver knows `count` design files whose reading has ended, and ingest has nothing
    /// left to send; answers the design files as they are then, settled or not.
    pub async fn settled(&self, count: usize) -> Vec<Value> {
        let began = Instant::now();
        loop {
            let files = self.design_files().await;
            let ended = files.iter().filter(|file| is_ended(file)).count();
            let late = began.elapsed() > SETTLE_TIME_MAX;
            if late || ended >= count && self.waiting_deliveries().await == 0 {
                return files;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Deliveries that ingest has neither made nor given up.
    pub async fn waiting_deliveries(&self) -> i64 {
        let stats = self.queue_stats().await;
        let of = |name| stats.get(name).and_then(Value::as_i64);
        of("pending")
            .zip(of("processing"))
            .map_or(-1, |(a, b)| a + b)
    }

    /// Ingest's deliveries by state.
    pub async fn queue_stats(&self) -> Value {
        let url = format!("{}/webhooks/queue/stats", self.ingest.url());
        http::get(&url).await.expect("ingest answers").json
    }
}

/// Whether a design file has been read, well or not.
pub fn is_ended(file: &Value) -> bool {
    matches!(
        file.get("status").and_then(Value::as_str),
        Some("completed" | "failed")
    )
}

/// Waits until ingest owes no delivery; fails the test when one was given up, or when it takes longer than `patience`.
pub async fn nothing_is_owed(ingest: &Process, patience: Duration) {
    let url = format!("{}/webhooks/queue/stats", ingest.url());
    let began = Instant::now();
    loop {
        let stats = http::get(&url).await.expect("ingest answers").json;
        if number(&stats, "pending") + number(&stats, "processing") == 0 {
            assert_eq!(number(&stats, "failed"), 0, "{stats}");
            return;
        }
        assert!(began.elapsed() < patience, "{stats}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// An integer field, -1 when it is missing.
pub fn number(json: &Value, field: &str) -> i64 {
    json.get(field).and_then(Value::as_i64).unwrap_or(-1)
}

/// A text field, empty when it is missing.
pub fn text<'j>(json: &'j Value, field: &str) -> &'j str {
    json.get(field).and_then(Value::as_str).unwrap_or_default()
}
