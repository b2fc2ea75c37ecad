//! The workers at work: each takes the next file, has its process read it, and has the outcome written.
//! Beside them one task brings in what waits in the table.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use db::{Lane, TxError, WriteError};
use extract::Limits;
use extract::facts::CallerFacts;
use service::{Runner, Shutdown};

use super::finish::{Found, finish};
use super::process::{Program, Verdict, Worker};
use super::protocol::{Answer, Request, Setup};
use super::queue::{Job, Jobs};
use crate::service_state::ServiceState;
use crate::settings::ExtractionSettings;
use crate::storage::BlobKey;
use crate::store::{self, FileRow};

/// How often the table is searched for files that nobody works on.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Wait before another try to start a worker, or to write an outcome.
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// Starts the workers and the task that feeds them.
pub(crate) fn spawn(
    runner: &Runner,
    state: &Arc<ServiceState>,
    jobs: &Jobs,
    program: &Program,
    settings: &ExtractionSettings,
) -> serde_json::Result<()> {
    let setup = Setup {
        memory_bytes_max: settings.memory_bytes_max,
        cpu_seconds_max: settings.cpu_seconds_max,
        limits: Limits {
            entities_max: settings.entities_max,
            texts_max: settings.texts_max,
            diagnostics_max: settings.diagnostics_max,
            ..Limits::default()
        },
        rules: (*state.rules).clone(),
    };
    let workers = match settings.workers {
        0 => std::thread::available_parallelism().map_or(1, |n| n.get().saturating_sub(1).max(1)),
        workers => workers,
    };
    for number in 0..workers {
        let worker = Worker::new(program.clone(), &setup, settings)?;
        let work = work(
            Arc::clone(state),
            Arc::clone(jobs),
            worker,
            settings.crashes_max,
            runner.shutdown().clone(),
        );
        runner.spawn(format!("extraction-{number}"), work);
    }
    let feed = feed(Arc::clone(state), runner.shutdown().clone());
    runner.spawn("extraction-feed", feed);
    Ok(())
}

async fn work(
    state: Arc<ServiceState>,
    jobs: Jobs,
    mut worker: Worker,
    crashes_max: i64,
    shutdown: Shutdown,
) {
    loop {
        let next = async { jobs.lock().await.recv().await };
        let job = tokio::select! {
            job = next => job,
            () = shutdown.triggered() => return,
        };
        let Some(job) = job else { return };
        extract(&state, &mut worker, job, crashes_max, &shutdown).await;
    }
}

/// One file from its row to its committed outcome.
async fn extract(
    state: &Arc<ServiceState>,
    worker: &mut Worker,
    job: Job,
    crashes_max: i64,
    shutdown: &Shutdown,
) {
    let row = &job.row;
    let found = if row.tries > crashes_max {
        Found::failure(
            "crashed",
            format!("the service stopped {crashes_max} times while reading this file"),
        )
    } else {
        match read(state, worker, row, shutdown).await {
            Some(found) => found,
            None => return,
        }
    };
    while let Err(error) = finish(state, row, found.clone()).await {
        tracing::warn!(%error, file = row.id, "an extraction's outcome could not be written yet");
        tokio::select! {
            () = tokio::time::sleep(TRY_AGAIN) => {}
            () = shutdown.triggered() => return,
        }
    }
}

/// `None` when the service stops before a worker could be had.
async fn read(
    state: &ServiceState,
    worker: &mut Worker,
    row: &FileRow,
    shutdown: &Shutdown,
) -> Option<Found> {
    let Ok(request) = request(state, row) else {
        let message = "the stored row cannot be understood".to_owned();
        return Some(Found::failure("damaged_record", message));
    };
    loop {
        match worker.read(&request).await {
            Verdict::Answered(Answer::Extraction(extraction)) => {
                return Some(Found::Extraction(extraction.into()));
            }
            Verdict::Answered(Answer::Error { code, message }) => {
                return Some(Found::Failure { code, message });
            }
            Verdict::Lost { code, message } => return Some(Found::failure(code, message)),
            Verdict::NoWorker(cause) => {
                tracing::error!(%cause, "no extraction worker can be started");
                tokio::select! {
                    () = tokio::time::sleep(TRY_AGAIN) => {}
                    () = shutdown.triggered() => return None,
                }
            }
        }
    }
}

fn request(state: &ServiceState, row: &FileRow) -> Result<Request, String> {
    let sha256: [u8; 32] = row
        .sha256
        .as_slice()
        .try_into()
        .map_err(|_length| "hash".to_owned())?;
    let key = BlobKey {
        sha256,
        generation: row.generation,
    };
    let caller = CallerFacts::parse(None, None, Some(&row.caller_facts), &state.rules)
        .map_err(|cause| cause.to_string())?;
    Ok(Request {
        path: state.storage.path(key).to_string_lossy().into_owned(),
        file_name: row.clean_name.clone(),
        mode: row.mode.clone(),
        caller,
    })
}

/// Brings in what waits in the table, as long as there are seats, and frees what memory has lost.
async fn feed(state: Arc<ServiceState>, shutdown: Shutdown) {
    let mut suspects = HashSet::new();
    loop {
        if let Err(error) = claim(&state).await {
            tracing::warn!(%error, "waiting files could not be taken");
        }
        match lost(&state, &suspects).await {
            Ok(missing) => suspects = missing,
            Err(error) => tracing::warn!(%error, "files at work could not be compared"),
        }
        tokio::select! {
            () = state.queue.looked_for() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = shutdown.triggered() => return,
        }
    }
}

type Infallible = std::convert::Infallible;

async fn claim(state: &Arc<ServiceState>) -> Result<(), WriteError<Infallible>> {
    let free = state.queue.seats_free();
    if free == 0 {
        return Ok(());
    }
    let node_id = state.node_id;
    let rows = state
        .writer
        .with_tx(Lane::Outcomes, 0, 0, move |tx| {
            store::claim_waiting(tx.conn(), node_id, free).map_err(TxError::Db)
        })
        .await?;
    for row in rows {
        // Uploads may have taken seats meanwhile: such a row is found lost and freed by the next rounds.
        if let Some(seat) = state.queue.seat() {
            state.queue.put(seat, row);
        }
    }
    Ok(())
}

/// Files that the table says this process works on although it does not, twice in a row, are freed.
async fn lost(
    state: &Arc<ServiceState>,
    suspects: &HashSet<i64>,
) -> Result<HashSet<i64>, WriteError<Infallible>> {
    let node_id = state.node_id;
    let owned = state.database.reads().run(move |conn| store::owned(conn, node_id));
    let owned = owned
        .await
        .map_err(|error| WriteError::Unavailable(error.message))?;
    let missing: HashSet<i64> = owned
        .into_iter()
        .filter(|id| !state.queue.holds(*id))
        .collect();
    let lost: Vec<i64> = missing.intersection(suspects).copied().collect();
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
