//! The workers at work: each takes the next file, has its process read it, and has the outcome written.
//! Beside them one task brings in what waits in the table.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use db::{Lane, TxError, WriteError};
use extract::facts::CallerFacts;
use extract::{Kind, Preview};
use service::{Runner, Shutdown};
use tokio::time::MissedTickBehavior;

use super::finish::{Found, finish};
use super::pictures::{self, Demand, Demands};
use super::protocol::ReadTask;
use super::queue::{Job, Jobs};
use super::reader::{ReadError, Reader, Readers};
use crate::extraction_settings::ExtractionSettings;
use crate::service_state::{ServiceState, file_key};
use crate::store::{self, FileRow};

/// How often the table is searched for files that nobody works on.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Most files taken from the table at once: bounds the transaction.
const TAKEN_MAX: usize = 256;
/// Wait before another try to start a worker, or to write an outcome.
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// What workers take their work from.
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) jobs: Jobs,
    pub(crate) demands: Demands,
}

/// Starts the workers and the task that feeds them.
pub(crate) fn spawn(
    runner: &Runner,
    state: &Arc<ServiceState>,
    work: &Work,
    readers: &Readers,
    settings: &ExtractionSettings,
) -> serde_json::Result<()> {
    let workers = match settings.workers {
        0 => std::thread::available_parallelism().map_or(1, |n| n.get().saturating_sub(1).max(1)),
        workers => workers,
    };
    for number in 0..workers {
        let worker = Working {
            state: Arc::clone(state),
            reader: readers.reader()?,
            readers: readers.clone(),
            rules_version: state.rules.version(),
            crashes_max: settings.crashes_max,
            shutdown: runner.shutdown().clone(),
        };
        runner.spawn(format!("extraction-{number}"), worker.work(work.clone()));
    }
    let feed = feed(Arc::clone(state), runner.shutdown().clone());
    runner.spawn("extraction-feed", feed);
    Ok(())
}

/// One of the workers.
struct Working {
    state: Arc<ServiceState>,
    reader: Reader,
    readers: Readers,
    /// Of the rules that the reader goes by.
    rules_version: u64,
    crashes_max: i64,
    shutdown: Shutdown,
}

/// What a worker does next.
enum Next {
    File(Job),
    Picture(Demand),
}

impl Working {
    /// Files and pictures in turn, as chance has it, until the service stops.
    async fn work(mut self, work: Work) {
        loop {
            let file = async { work.jobs.lock().await.recv().await.map(Next::File) };
            let picture = async { work.demands.lock().await.recv().await.map(Next::Picture) };
            let either = async {
                tokio::select! { next = file => next, next = picture => next }
            };
            let next = tokio::select! {
                biased;
                () = self.shutdown.triggered() => return,
                next = either => next,
            };
            self.go_by_rules_of_now();
            match next {
                Some(Next::File(job)) => {
                    let (state, reader) = (&self.state, &mut self.reader);
                    extract(state, reader, &job.row, self.crashes_max, &self.shutdown).await;
                }
                Some(Next::Picture(demand)) => {
                    let (state, reader) = (&self.state, &mut self.reader);
                    tokio::select! {
                        () = pictures::meet(state, reader, demand) => {}
                        () = self.shutdown.triggered() => return,
                    }
                }
                None => return,
            }
        }
    }
}

impl Working {
    /// Changed rules take another process.
    fn go_by_rules_of_now(&mut self) {
        let version = self.state.rules.version();
        if version == self.rules_version {
            return;
        }
        match self.readers.with_rules(&self.state.rules.now()).reader() {
            Ok(reader) => self.reader = reader,
            Err(cause) => tracing::error!(%cause, "a worker goes on by the rules before"),
        }
        self.rules_version = version;
    }
}

/// One file from its row to its committed outcome. When the service stops it is left as it was.
async fn extract(
    state: &Arc<ServiceState>,
    reader: &mut Reader,
    row: &FileRow,
    crashes_max: i64,
    shutdown: &Shutdown,
) {
    let found = match begin(state, row).await {
        Ok(None) => return,
        Ok(Some(tries)) if tries > crashes_max => Found::failure(
            "crashed",
            format!(
                "the service stopped {crashes_max} times while reading this file \
                 (ingest.extraction.crashes_max)"
            ),
        ),
        Ok(Some(tries)) => tokio::select! {
            found = read(state, reader, row) => found,
            () = shutdown.triggered() => return give_back(state, row, tries).await,
        },
        Err(error) => {
            tracing::warn!(%error, file = row.id, "a file could not be begun; it will be taken up again");
            return;
        }
    };
    tokio::select! {
        () = finish_surely(state, row, found) => {}
        () = shutdown.triggered() => {}
    }
}

/// How often this file has been begun, now included; `None` when it is no longer ours. A first claim is on
/// trust and costs no write: only what was claimed before may have brought the service down.
async fn begin(state: &ServiceState, row: &FileRow) -> Result<Option<i64>, WriteError<Infallible>> {
    if row.claim <= 1 {
        return Ok(Some(0));
    }
    let (id, claim) = (row.id, row.claim);
    state
        .writer
        .with_tx(Lane::Outcomes, row.tenant_id, file_key(id), move |tx| {
            store::begin(tx, id, claim).map_err(TxError::Db)
        })
        .await
}

/// Stopping is no crash.
async fn give_back(state: &ServiceState, row: &FileRow, tries: i64) {
    if tries == 0 {
        return;
    }
    let (id, claim) = (row.id, row.claim);
    let given = state
        .writer
        .with_tx(Lane::Outcomes, row.tenant_id, file_key(id), move |tx| {
            store::give_back(tx, id, claim).map_err(TxError::<Infallible>::Db)
        });
    if let Err(error) = given.await {
        tracing::warn!(%error, file = id, "a file could not be given back; its node's end frees it");
    }
}

/// Writes the outcome as soon as the database takes it. What it refuses for good becomes a failure.
async fn finish_surely(state: &Arc<ServiceState>, row: &FileRow, mut found: Found) {
    while let Err(error) = finish(state, row, found.clone()).await {
        tracing::warn!(%error, file = row.id, "an extraction's outcome could not be written yet");
        if matches!(error, WriteError::Failed(_)) {
            let message = "what was found in the file cannot be recorded";
            found = Found::failure("not_recorded", message.to_owned());
        }
        tokio::time::sleep(TRY_AGAIN).await;
    }
}

async fn read(state: &ServiceState, reader: &mut Reader, row: &FileRow) -> Found {
    let Ok(task) = task(state, row, true) else {
        let message = "the stored row cannot be understood".to_owned();
        return Found::failure("damaged_record", message);
    };
    loop {
        let kind = Kind::parse(&row.kind);
        match reader.read(row.tenant_id, kind, task.clone()).await {
            Ok(outcome) => {
                if let Some(preview) = &outcome.preview {
                    keep_preview(state, row, preview).await;
                }
                return Found::Extraction(Arc::new(outcome.extraction));
            }
            Err(ReadError::File { code, message }) => return Found::Failure { code, message },
            Err(ReadError::NoWorker(cause)) => {
                tracing::error!(%cause, "no extraction worker can be started");
                tokio::time::sleep(TRY_AGAIN).await;
            }
        }
    }
}

/// A preview that cannot be kept is made again when somebody asks for it.
async fn keep_preview(state: &ServiceState, row: &FileRow, preview: &Preview) {
    let Some(key) = row.blob_key() else { return };
    if let Err(cause) = state.storage.keep_preview(key, preview).await {
        tracing::warn!(%cause, file = row.id, "a preview could not be kept");
    }
}

/// How a file is to be read.
pub(super) fn task(
    state: &ServiceState,
    row: &FileRow,
    preview: bool,
) -> Result<ReadTask, DamagedRow> {
    let key = row.blob_key().ok_or(DamagedRow)?;
    let caller = CallerFacts::parse(None, None, Some(&row.caller_facts), &state.rules.now())
        .map_err(|_refusal| DamagedRow)?;
    Ok(ReadTask {
        path: state.storage.path(key),
        file_name: row.full_name().to_owned(),
        mode: row.mode.clone(),
        caller,
        preview,
        ocr: None,
        pixels: None,
        scan_quarters: 0,
    })
}

/// The database holds what this service would not have written.
pub(super) struct DamagedRow;

/// Brings in what waits in the table, as long as there are seats, and frees what memory has lost.
async fn feed(state: Arc<ServiceState>, shutdown: Shutdown) {
    let mut suspects = HashSet::new();
    let mut timer = tokio::time::interval(LOOK_EVERY);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = state.queue.looked_for() => {}
            _ = timer.tick() => match lost(&state, &suspects).await {
                Ok(missing) => suspects = missing,
                Err(error) => tracing::warn!(%error, "files at work could not be compared"),
            },
            () = shutdown.triggered() => return,
        }
        if let Err(error) = claim(&state).await {
            tracing::warn!(%error, "waiting files could not be taken");
        }
    }
}

async fn claim(state: &Arc<ServiceState>) -> Result<(), WriteError<Infallible>> {
    let seats = state.queue.seats(TAKEN_MAX);
    if seats.is_empty() {
        return Ok(());
    }
    let (node_id, limit) = (state.node_id, seats.len());
    // Before the look, so that an upload which finds no seat meanwhile is not forgotten.
    state.queue.caught_up();
    let rows = state
        .writer
        .with_tx(Lane::Outcomes, 0, 0, move |tx| {
            store::claim_waiting(tx.conn(), node_id, limit).map_err(TxError::Db)
        })
        .await?;
    let full = rows.len() == limit;
    for (seat, row) in seats.into_iter().zip(rows) {
        state.queue.put(seat, row);
    }
    if full {
        state.queue.overflow();
    }
    Ok(())
}

/// Files that the table says this process works on although it does not, at two looks in a row, are freed.
async fn lost(
    state: &Arc<ServiceState>,
    suspects: &HashSet<(i64, i64)>,
) -> Result<HashSet<(i64, i64)>, WriteError<Infallible>> {
    let node_id = state.node_id;
    let owned = state
        .database
        .reads()
        .run(move |conn| store::owned(conn, node_id));
    let owned = owned
        .await
        .map_err(|error| WriteError::Unavailable(error.message))?;
    let missing: HashSet<(i64, i64)> = owned
        .into_iter()
        .filter(|claimed| !state.queue.holds(claimed))
        .collect();
    let lost: Vec<(i64, i64)> = missing.intersection(suspects).copied().collect();
    if !lost.is_empty() {
        tracing::warn!(count = lost.len(), "files lost from memory are given back");
        state
            .writer
            .with_tx(Lane::Outcomes, 0, 0, move |tx| {
                store::release(tx.conn(), node_id, &lost).map_err(TxError::Db)
            })
            .await?;
    }
    Ok(missing)
}
