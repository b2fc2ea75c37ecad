//! Jobs that are closures, each in a savepoint of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use super::queue::{Cut, Failure, Portion, Queues, Refusal, Source};
use super::signals::Signals;
use super::tx::{Tx, TxError, TxResult};
use super::{Lane, WriteError, WriterSettings};
use crate::error::{DbError, DbErrorKind};

/// Most closures in one transaction.
const CLOSURES_MAX: usize = 64;
const CLOSURES_RANK: u8 = 50;

/// What a closure's run came to, as far as the batch is concerned.
enum Ran {
    Done,
    Refused,
}

/// A closure with its caller, its types hidden.
trait Call: Send {
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<Ran, DbError>;
    fn finish(self: Box<Self>, verdict: &Result<(), Failure>);
}

pub(crate) struct Closure(Box<dyn Call>);

struct Typed<T, E, F> {
    job: F,
    result: Option<Result<T, WriteError<E>>>,
    sender: oneshot::Sender<Result<T, WriteError<E>>>,
}

impl Closure {
    pub(crate) fn boxed<T, E, F>(job: F, sender: oneshot::Sender<Result<T, WriteError<E>>>) -> Self
    where
        T: Send + 'static,
        E: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> TxResult<T, E> + Send + 'static,
    {
        Self(Box::new(Typed {
            job,
            result: None,
            sender,
        }))
    }
}

impl<T, E, F> Call for Typed<T, E, F>
where
    T: Send,
    E: Send,
    F: FnMut(&mut Tx<'_>) -> TxResult<T, E> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<Ran, DbError> {
        let job = &mut self.job;
        match catch_unwind(AssertUnwindSafe(|| job(tx))) {
            Ok(Ok(value)) => {
                self.result = Some(Ok(value));
                Ok(Ran::Done)
            }
            Ok(Err(TxError::Refused(refusal))) => {
                self.result = Some(Err(WriteError::Refused(refusal)));
                Ok(Ran::Refused)
            }
            Ok(Err(TxError::Db(error))) => Err(error),
            Err(_panic) => {
                self.result = Some(Err(WriteError::Failed("the job panicked".into())));
                Ok(Ran::Refused)
            }
        }
    }

    fn finish(self: Box<Self>, verdict: &Result<(), Failure>) {
        let answer = match (verdict, self.result) {
            (Err(failure), _) => Err(failure.to_write_error()),
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(WriteError::Failed("the job never ran".into())),
        };
        // A caller that no longer listens does not change what is written.
        drop(self.sender.send(answer));
    }
}

/// The waiting closures.
pub(crate) struct Closures {
    interactive: Queues<Closure>,
    outcomes: Queues<Closure>,
    bulk: Queues<Closure>,
}

impl Closures {
    pub(crate) fn new(signals: &Signals, settings: &WriterSettings) -> Self {
        let queues = |lane| Queues::new(signals.of(lane), settings);
        Self {
            interactive: queues(Lane::Interactive),
            outcomes: queues(Lane::Outcomes),
            bulk: queues(Lane::Bulk),
        }
    }

    pub(crate) fn push(
        &self,
        lane: Lane,
        tenant: i64,
        key: u64,
        closure: Closure,
    ) -> Result<(), Refusal> {
        self.of(lane).push(tenant, key, 0, closure)
    }

    fn of(&self, lane: Lane) -> &Queues<Closure> {
        match lane {
            Lane::Interactive => &self.interactive,
            Lane::Outcomes => &self.outcomes,
            Lane::Bulk => &self.bulk,
        }
    }
}

impl Source for Closures {
    fn rank(&self) -> u8 {
        CLOSURES_RANK
    }

    fn take(&self, shard: usize, cut: &mut Cut<'_>) -> Option<Box<dyn Portion>> {
        let mut closures = Vec::new();
        // Outcomes first: they are never so many that nothing else would have room.
        for lane in [Lane::Outcomes, Lane::Interactive, Lane::Bulk] {
            let room = CLOSURES_MAX - closures.len();
            if room > 0 && cut.lanes.contains(&lane) {
                let bounds = (lane, room, usize::MAX);
                closures.append(&mut self.of(lane).take(shard, cut, bounds));
            }
        }
        (!closures.is_empty()).then(|| Box::new(ClosurePortion(closures)) as Box<dyn Portion>)
    }
}

struct ClosurePortion(Vec<Closure>);

impl Portion for ClosurePortion {
    /// A savepoint that cannot be undone means the engine has undone more than we asked: the error goes up.
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        tx.conn().batch("SAVEPOINT job")?;
        let mut calls = self.0.iter_mut().peekable();
        while let Some(Closure(call)) = calls.next() {
            let effects = tx.effects_len();
            let after = match call.run(tx)? {
                Ran::Done => {
                    tx.conn().take_failed()?;
                    // One trip to the server ends one job and begins the next.
                    match calls.peek() {
                        Some(_) => "RELEASE SAVEPOINT job; SAVEPOINT job",
                        None => "RELEASE SAVEPOINT job",
                    }
                }
                Ran::Refused => {
                    tx.forget_effects_after(effects);
                    drop(tx.conn().take_failed());
                    // It outlives its undoing: the next job uses the same one.
                    "ROLLBACK TO SAVEPOINT job"
                }
            };
            tx.conn().batch(after).map_err(gone)?;
        }
        Ok(())
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn split(self: Box<Self>) -> Vec<Box<dyn Portion>> {
        self.0
            .into_iter()
            .map(|closure| Box::new(Self(vec![closure])) as Box<dyn Portion>)
            .collect()
    }

    fn finish(self: Box<Self>, verdict: &Result<(), Failure>) {
        for Closure(call) in self.0 {
            call.finish(verdict);
        }
    }
}

fn gone(error: DbError) -> DbError {
    DbError::new(
        DbErrorKind::Lost,
        format!("the transaction ended by itself: {error}"),
    )
}
