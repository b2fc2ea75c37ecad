//! Moves what SQLite has committed from its write-ahead log to the database file, beside the writer; only the little
//! that is written meanwhile is left for the writer itself, after which the log begins anew in the same place. A log
//! that goes on growing costs every commit more: its new length, too, has to be made durable. The thread must never
//! hold a lock that a writer needs: a passive checkpoint takes none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use diesel::sql_types::BigInt;

use crate::conn::{Backend, Conn};
use crate::database::Database;
use crate::error::DbError;
use crate::sql::sql;

/// Frames (a page with its header) in the log that are worth moving, some 64 MB: most pages are in it many times, and
/// are moved once. And commits after which it is looked.
const FRAMES: i64 = 8_000;
const COMMITS: u64 = 32;
/// Longest time that something is left in the log.
const REST_MAX: Duration = Duration::from_secs(30);
/// Whoever has to do with requests comes first. On Linux this is a thread's own.
const NICE: i32 = 10;
/// What may be left for the writer, frames, and how often it is tried to get there.
const LEFT_MAX: i64 = 64;
const PASSES_MAX: usize = 4;

/// Its thread ends with it.
pub(crate) struct Checkpoints {
    commits: u64,
    /// The writer can do the rest.
    little_left: Arc<AtomicBool>,
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
        let little_left = Arc::new(AtomicBool::new(false));
        let left = Arc::clone(&little_left);
        let thread = std::thread::Builder::new()
            .name("db-checkpoint".to_owned())
            .spawn(move || run(&database, &calls, &left))
            .inspect_err(|error| tracing::warn!(%error, "no thread for checkpoints"))
            .ok()?;
        Some(Self {
            commits: 0,
            little_left,
            due: Some(due),
            thread: Some(thread),
        })
    }

    /// Between two transactions; `conn` is the writer's.
    pub(crate) fn committed(&mut self, conn: &mut Conn) {
        if self.little_left.swap(false, Ordering::Acquire)
            && let Err(error) = pass(conn)
        {
            tracing::warn!(%error, "a checkpoint failed; it is tried again");
        }
        self.commits += 1;
        if self.commits.is_multiple_of(COMMITS)
            && let Some(due) = &self.due
            && is_worth_it(conn)
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

#[derive(diesel::QueryableByName)]
struct Moved {
    /// Frames in the log, and how many of them are in the file.
    #[diesel(sql_type = BigInt)]
    log: i64,
    #[diesel(sql_type = BigInt)]
    checkpointed: i64,
}

fn is_worth_it(conn: &mut Conn) -> bool {
    match conn.row(sql("PRAGMA wal_checkpoint(NOOP)")) {
        Ok(Some(Moved { log, checkpointed })) => log - checkpointed >= FRAMES,
        // The thread will say what is wrong.
        Ok(None) | Err(_) => true,
    }
}

/// Moves what there is; answers how far it came.
fn pass(conn: &mut Conn) -> Result<Option<Moved>, DbError> {
    conn.row(sql("PRAGMA wal_checkpoint(PASSIVE)"))
}

/// True when what has come meanwhile is little.
fn move_most(conn: &mut Conn) -> Result<bool, DbError> {
    let mut before = 0;
    for _ in 0..PASSES_MAX {
        let Some(Moved { log, checkpointed }) = pass(conn)? else {
            return Ok(false);
        };
        if log - before <= LEFT_MAX {
            return Ok(checkpointed == log);
        }
        before = checkpointed;
    }
    Ok(false)
}

fn run(database: &Database, calls: &Receiver<()>, little_left: &AtomicBool) {
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::warn!(%error, "checkpoints get as much of the processor as all else");
    }
    let mut conn = None;
    while calls.recv_timeout(REST_MAX) != Err(RecvTimeoutError::Disconnected) {
        let done: Result<bool, DbError> = (|| {
            let conn = match &mut conn {
                Some(conn) => conn,
                none => none.insert(database.connect()?),
            };
            move_most(conn)
        })();
        match done {
            Ok(done) => little_left.store(done, Ordering::Release),
            Err(error) => {
                tracing::warn!(%error, "a checkpoint failed; it is tried again");
                conn = None;
            }
        }
    }
}
