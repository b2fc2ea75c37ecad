//! What a sender owes beside what has arrived: events that never came are found and asked for again. Must
//! never take anything from the answer but ids: what is asked for arrives as a webhook, signed.

use std::time::{Duration, Instant};

use actix_web::web::Data;
use client::{ClientError, OwedEvent, OwedPage, REPLAYED_EVENTS_MAX};
use contract::format_ms;
use db::{Conn, DbError, Lane, WriteError};
use serde::{Deserialize, Serialize};
use service::Shutdown;

use crate::receiver::State;
use crate::source::{Sender, Source};
use crate::store::{inbox, reconciliations};

/// Events of one question.
const PAGE_EVENTS: u32 = 1_000;
/// Longest run; the next one goes on where it ended.
const RUN_TIME_MAX: Duration = Duration::from_secs(60);
/// Missing events that a report names.
const NAMED_MAX: usize = 1_000;

/// What a run found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub source: String,
    pub started_at: String,
    pub finished_at: String,
    /// Events that the sender says it owes, as far as the run went.
    pub checked: u64,
    /// How many of them never arrived.
    pub missing_total: u64,
    /// The first of them.
    pub missing: Vec<OwedEvent>,
    /// Deliveries that the sender makes again.
    pub asked: u64,
    /// How many of the missing the sender cannot deliver any more.
    pub lost: u64,
    /// Whether the run came to the end of what is owed.
    pub complete: bool,
    /// Why it ended early.
    pub error: Option<String>,
}

/// How to compare.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mode {
    /// Not from where the last run ended.
    pub from_start: bool,
    /// For what is missing.
    pub ask: bool,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReconcileError {
    #[error("the database cannot be read: {0}")]
    Read(#[from] DbError),
    #[error("the report cannot be written: {0}")]
    Write(#[from] WriteError<crate::api::Refused>),
}

/// A walk over what is owed.
struct Walk<'s> {
    state: &'s State,
    source: &'s Source,
    sender: &'s Sender,
    /// Whether what is missing is asked for.
    ask: bool,
    /// Where the next run begins: behind the last part of which nothing was missing.
    settled: Option<String>,
    report: Report,
}

/// Compares a source with what its sender owes.
pub(crate) async fn reconcile(
    state: &State,
    source: &Source,
    sender: &Sender,
    Mode { from_start, ask }: Mode,
) -> Result<Report, ReconcileError> {
    let source_id = source.id;
    let settled = match from_start {
        true => None,
        false => {
            let cursor = move |conn: &mut Conn| reconciliations::cursor(conn, source_id);
            state.database.reads().run(cursor).await?
        }
    };
    let mut walk = Walk {
        state,
        source,
        sender,
        ask,
        settled,
        report: Report {
            source: source.name.clone(),
            started_at: format_ms(state.clock.now_ms()),
            ..Report::default()
        },
    };
    walk.run().await?;
    walk.keep().await
}

impl Walk<'_> {
    async fn run(&mut self) -> Result<(), ReconcileError> {
        let (began, mut cursor, mut whole) = (Instant::now(), self.settled.clone(), true);
        while began.elapsed() < RUN_TIME_MAX {
            let subscription = self.sender.subscription.as_deref();
            let client = &self.sender.client;
            let page = client
                .owed(subscription, cursor.as_deref(), PAGE_EVENTS)
                .await;
            let Some(page) = self.told(page) else {
                return Ok(());
            };
            let arrived = self.compare(&page).await?;
            whole &= arrived;
            if whole {
                self.settled = Some(page.next_cursor.clone());
            }
            if page.complete || self.report.error.is_some() {
                self.report.complete = page.complete;
                return Ok(());
            }
            if cursor.as_ref() == Some(&page.next_cursor) {
                self.report.error = Some("the sender's cursor does not move".to_owned());
                return Ok(());
            }
            cursor = Some(page.next_cursor);
        }
        Ok(())
    }

    /// A sender's answer; its refusal ends the run.
    fn told<T>(&mut self, answer: Result<T, ClientError>) -> Option<T> {
        answer
            .map_err(|error| self.report.error = Some(error.to_string()))
            .ok()
    }

    /// Whether nothing of the page is missing that could still come.
    async fn compare(&mut self, page: &OwedPage) -> Result<bool, ReconcileError> {
        let ids: Vec<String> = page.items.iter().map(|event| event.id.clone()).collect();
        let source_id = self.source.id;
        let known = move |conn: &mut Conn| inbox::known(conn, source_id, &ids);
        let known = self.state.database.reads().run(known).await?;
        let known: std::collections::HashSet<&str> = known.iter().map(String::as_str).collect();
        let missing = page
            .items
            .iter()
            .filter(|event| !known.contains(event.id.as_str()));
        let missing: Vec<&OwedEvent> = missing.collect();
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let report = &mut self.report;
        report.checked += count(page.items.len());
        report.missing_total += count(missing.len());
        let room = NAMED_MAX.saturating_sub(report.missing.len());
        report
            .missing
            .extend(missing.iter().take(room).map(|event| (*event).clone()));
        let mut lost = 0;
        let ids: Vec<String> = missing.iter().map(|event| event.id.clone()).collect();
        let ask = self.ask;
        for ids in ids.chunks(REPLAYED_EVENTS_MAX).filter(|_| ask) {
            let client = &self.sender.client;
            let subscription = page.subscription.as_deref();
            let answer = client.replay_events(subscription, ids).await;
            let Some(replayed) = self.told(answer) else {
                return Ok(false);
            };
            self.report.asked += replayed.expected;
            lost += replayed.missing.len();
        }
        self.report.lost += count(lost);
        Ok(missing.len() == lost)
    }

    /// Keeps where the next run begins, and the report.
    async fn keep(mut self) -> Result<Report, ReconcileError> {
        let now_ms = self.state.clock.now_ms();
        self.report.finished_at = format_ms(now_ms);
        let text = serde_json::to_string(&self.report).unwrap_or_default();
        let (source_id, cursor) = (self.source.id, self.settled);
        let job =
            self.state
                .writer
                .with_tx(Lane::Interactive, self.source.tenant_id, 0, move |tx| {
                    let conn = tx.conn();
                    Ok(reconciliations::keep(
                        conn,
                        source_id,
                        cursor.as_deref(),
                        &text,
                        now_ms,
                    )?)
                });
        job.await?;
        Ok(self.report)
    }
}

/// Compares every source that has a sender to ask, every so many minutes, until the service stops.
pub(crate) async fn regularly(state: Data<State>, minutes: u32, shutdown: Shutdown) {
    if minutes == 0 {
        return;
    }
    let pause = Duration::from_secs(u64::from(minutes) * 60);
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shutdown.triggered() => return,
        }
        tokio::select! {
            () = every_source(&state) => {}
            () = shutdown.triggered() => return,
        }
    }
}

async fn every_source(state: &State) {
    let mode = Mode {
        from_start: false,
        ask: true,
    };
    for source in state.sources.all() {
        let Some(sender) = &source.sender else {
            continue;
        };
        match reconcile(state, &source, sender, mode).await {
            Ok(report) if report.missing_total > 0 || report.error.is_some() => tracing::warn!(
                source = %source.name, missing = report.missing_total, asked = report.asked,
                error = report.error, "compared with what is owed"
            ),
            Ok(report) => {
                tracing::info!(source = %source.name, checked = report.checked, "nothing is missing");
            }
            Err(error) => tracing::warn!(source = %source.name, %error, "could not be compared"),
        }
    }
}
