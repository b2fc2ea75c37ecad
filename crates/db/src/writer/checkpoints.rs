//! Moves what SQLite has committed from its write-ahead log to the database file, beside the writer. What the writer's
//! own checkpoint (`wal_autocheckpoint`) then still finds, and does while everybody waits, is little. It must never
//! hold a lock that a writer needs: a passive checkpoint takes none.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::conn::Backend;
use crate::database::Database;
use crate::error::DbError;

/// Commits after which there is something to move: some ten megabytes when each is a full batch.
const COMMITS: u64 = 500;
/// Longest time that something is left in the log.
const REST_MAX: Duration = Duration::from_secs(30);

/// Its thread ends with it.
pub(crate) struct Checkpoints {
    commits: u64,
    due: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// `None` where there is no such log, and where no thread can be had: then the writer does it alone.
    pub(crate) fn start(database: &Database) -> Option<Self> {
        if database.backend() != Backend::Sqlite {
            return None;
        }
        let (due, calls) = sync_channel(1);
        let database = database.clone();
        let thread = std::thread::Builder::new()
            .name("db-checkpoint".to_owned())
            .spawn(move || run(&database, &calls))
            .inspect_err(|error| tracing::warn!(%error, "no thread for checkpoints"))
            .ok()?;
        Some(Self {
            commits: 0,
            due: Some(due),
            thread: Some(thread),
        })
    }

    pub(crate) fn committed(&mut self) {
        self.commits += 1;
        if self.commits.is_multiple_of(COMMITS)
            && let Some(due) = &self.due
        {
            // One call is enough, however many commits there have been since.
            let _called_already = due.try_send(());
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.due = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread for checkpoints panicked");
        }
    }
}

fn run(database: &Database, calls: &Receiver<()>) {
    let mut conn = None;
    while calls.recv_timeout(REST_MAX) != Err(RecvTimeoutError::Disconnected) {
        let done: Result<(), DbError> = (|| {
            let conn = match &mut conn {
                Some(conn) => conn,
                none => none.insert(database.connect()?),
            };
            conn.batch("PRAGMA wal_checkpoint(PASSIVE)")
        })();
        if let Err(error) = done {
            tracing::warn!(%error, "a checkpoint failed; it is tried again");
            conn = None;
        }
    }
}
