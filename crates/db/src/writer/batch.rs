//! One writer thread: draws what is waiting, runs it in one transaction, answers after the commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::checkpoints::Checkpoints;
use super::crowd::{Crowd, Loud};
use super::queue::{Cut, Failure, Portion, Source, Whose};
use super::share::rest;
use super::signals::{Rounds, Signal};
use super::tx::Tx;
use super::{Counters, Lane, lock};
use crate::conn::{Backend, Conn};
use crate::database::Database;
use crate::error::{DbError, DbErrorKind};

/// How often a batch that lost against another node's locks is run again.
const RETRIES_MAX: u32 = 5;
/// How often a batch is run that met a row another writer had just made.
const UNIQUE_TRIES_MAX: u32 = 3;

pub(crate) struct Shard {
    /// Its place among the threads of its lanes.
    pub(crate) index: usize,
    pub(crate) rounds: Rounds,
    pub(crate) rows_max: usize,
    pub(crate) database: Database,
    pub(crate) conn: Option<Conn>,
    pub(crate) signal: Arc<Signal>,
    pub(crate) sources: Arc<Mutex<Vec<Arc<dyn Source>>>>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) checkpoints: Option<Checkpoints>,
    pub(crate) crowd: Arc<Mutex<Crowd>>,
    /// Some tenants are loud beside quieter ones.
    pub(crate) is_crowded: bool,
}

/// How a transaction came to nothing.
enum Abort {
    /// Before COMMIT: nothing is written.
    Undone(DbError),
    /// While COMMIT was under way on a connection that then broke.
    Unknown(DbError),
}

impl Shard {
    pub(crate) fn run(mut self) {
        self.checkpoints = Checkpoints::start(&self.database);
        let mut rested_at = Instant::now();
        while self.signal.wait() {
            let loud = Arc::clone(lock(&self.crowd).loud(Instant::now()));
            let quiet_came = self.signal.listen(&loud);
            self.is_crowded = !loud.is_empty();
            let whose = match self.is_crowded {
                false => Whose::Everyones,
                true => Whose::Quiet,
            };
            for lanes in self.rounds.in_turn {
                self.write_some(lanes, whose, &loud);
            }
            let now = Instant::now();
            if !self.is_crowded {
                continue;
            }
            if now < rested_at {
                self.signal.rest(quiet_came, rested_at - now);
                continue;
            }
            let jobs = self.write_some(self.rounds.of_loud, Whose::Loud, &loud);
            if jobs > 0 {
                let (backend, took) = (self.database.backend(), now.elapsed());
                rested_at = Instant::now() + rest(backend, jobs, self.rows_max, took);
            }
        }
    }

    /// One transaction; answers how many jobs it held.
    fn write_some(&mut self, lanes: &'static [Lane], whose: Whose, loud: &Loud) -> usize {
        let portions = self.take(lanes, whose, loud);
        let jobs = portions.iter().map(|portion| portion.len()).sum();
        if jobs == 0 {
            return 0;
        }
        self.write(portions);
        if let (Some(checkpoints), Some(conn)) = (&mut self.checkpoints, &mut self.conn) {
            checkpoints.committed(conn);
        }
        jobs
    }

    fn take(&self, lanes: &'static [Lane], whose: Whose, loud: &Loud) -> Vec<Box<dyn Portion>> {
        let sources = lock(&self.sources).clone();
        let mut cut = Cut {
            lanes,
            whose,
            backend: self.database.backend(),
            loud: Arc::clone(loud),
            crowd: &mut lock(&self.crowd),
        };
        let taken = sources.iter();
        taken
            .filter_map(|source| source.take(self.index, &mut cut))
            .collect()
    }

    /// Writes the portions, answering every caller exactly once.
    fn write(&mut self, mut portions: Vec<Box<dyn Portion>>) {
        for tries in 1.. {
            let Err(abort) = self.attempt(&mut portions) else {
                return answer(portions, &Ok(()));
            };
            self.counters.aborts.fetch_add(1, Ordering::Relaxed);
            match abort {
                Abort::Unknown(error) => {
                    tracing::error!(%error, "the database did not answer a commit");
                    self.conn = None;
                    let failure = Failure::OutcomeUnknown(error.message);
                    return answer(portions, &Err(failure));
                }
                Abort::Undone(error) => match &error.kind {
                    // Another writer took the row that this one looked for: looking again finds it.
                    DbErrorKind::Unique(_) if tries < UNIQUE_TRIES_MAX => {}
                    DbErrorKind::Retry if tries < RETRIES_MAX => {
                        std::thread::sleep(Duration::from_millis(u64::from(tries) * 10));
                    }
                    DbErrorKind::Retry | DbErrorKind::Lost | DbErrorKind::Full => {
                        tracing::error!(%error, "a batch of writes was refused");
                        self.conn = None;
                        return answer(portions, &Err(Failure::Unavailable(error.message)));
                    }
                    _ => return self.one_by_one(portions, error),
                },
            }
        }
    }

    /// A statement failed: find whose it was, and write the others.
    fn one_by_one(&mut self, portions: Vec<Box<dyn Portion>>, error: DbError) {
        if portions.iter().map(|p| p.len()).sum::<usize>() > 1 {
            for single in portions.into_iter().flat_map(Portion::split) {
                self.write(vec![single]);
            }
        } else {
            tracing::error!(%error, "a write failed");
            answer(portions, &Err(Failure::Failed(error.message)));
        }
    }

    fn attempt(&mut self, portions: &mut [Box<dyn Portion>]) -> Result<(), Abort> {
        let conn = match &mut self.conn {
            Some(conn) => conn,
            none => none.insert(self.database.connect().map_err(Abort::Undone)?),
        };
        if let Err(error) = conn.begin() {
            return Err(Abort::Undone(undo(&mut self.conn, error)));
        }
        let mut tx = Tx::new(conn, self.is_crowded);
        let ran = portions
            .iter_mut()
            .try_for_each(|p| p.run(&mut tx))
            .and_then(|()| tx.conn().take_failed());
        let effects = tx.into_effects();
        if let Err(error) = ran {
            return Err(Abort::Undone(undo(&mut self.conn, error)));
        }
        let backend = conn.backend();
        if let Err(error) = conn.end("COMMIT") {
            return Err(if was_refused(backend, &error) {
                Abort::Undone(undo(&mut self.conn, error))
            } else {
                Abort::Unknown(error)
            });
        }
        let jobs: usize = portions.iter().map(|p| p.len()).sum();
        self.counters.committed(jobs as u64);
        for effect in effects {
            // The commit stands: a defect in an effect must not cost the callers their answer.
            if catch_unwind(AssertUnwindSafe(effect)).is_err() {
                tracing::error!("an effect of a committed write panicked");
            }
        }
        Ok(())
    }
}

/// Whether a failed COMMIT surely wrote nothing. SQLite says what it did; of PostgreSQL only the server's
/// own refusals are sure, anything else may have been lost on the way back.
fn was_refused(backend: Backend, error: &DbError) -> bool {
    match backend {
        Backend::Sqlite => true,
        Backend::Postgres => matches!(
            error.kind,
            DbErrorKind::Retry | DbErrorKind::Unique(_) | DbErrorKind::Full
        ),
    }
}

/// Rolls back; a connection on which that fails, or that the error spoiled, is dropped.
fn undo(slot: &mut Option<Conn>, error: DbError) -> DbError {
    let rolled_back = slot
        .as_mut()
        .is_some_and(|conn| conn.end("ROLLBACK").is_ok());
    if !rolled_back || error.spoils_connection() {
        *slot = None;
    }
    error
}

fn answer(portions: Vec<Box<dyn Portion>>, verdict: &Result<(), Failure>) {
    for portion in portions {
        portion.finish(verdict);
    }
}
