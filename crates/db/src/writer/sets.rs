//! Jobs of one kind that are written together with a few statements.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::queue::{Cut, Failure, Portion, Queues, Refusal, Source};
use super::signals::Signals;
use super::tx::Tx;
use super::{Lane, WriteError, WriterSettings};
use crate::error::{DbError, DbErrorKind};

/// How all waiting items of a kind are written.
pub trait SetJob: Send + Sync + 'static {
    type Item: Send + 'static;
    type Output: Send + 'static;
    /// Order within a batch: sequences 10, inbox 20, files 30, deliveries 40; closures run at 50.
    const RANK: u8;
    const LANE: Lane;

    /// Writes `items`; answers one output for each, in order. On an error the transaction is undone and
    /// the items are run again one by one, so this must not keep anything of a failed run.
    fn run(&self, tx: &mut Tx<'_>, items: &mut [Self::Item]) -> Result<Vec<Self::Output>, DbError>;
}

/// One item with what the queue needs to know of it.
pub struct Submission<I> {
    pub tenant: i64,
    /// Items of equal key are written in the order they came in, those of each kind.
    pub key: u64,
    /// Its size, for the bound of a batch.
    pub bytes: usize,
    pub item: I,
}

/// The entrance for one kind of set job.
pub struct Submitter<S: SetJob> {
    kind: Arc<Kind<S>>,
}

impl<S: SetJob> Clone for Submitter<S> {
    fn clone(&self) -> Self {
        Self {
            kind: Arc::clone(&self.kind),
        }
    }
}

/// What a submission comes to.
pub type Answer<S> = Result<<S as SetJob>::Output, WriteError<std::convert::Infallible>>;

struct Waiting<S: SetJob> {
    item: S::Item,
    sender: oneshot::Sender<Answer<S>>,
}

struct Kind<S: SetJob> {
    set: S,
    queues: Queues<Waiting<S>>,
    rows_max: usize,
    bytes_max: usize,
}

pub(crate) fn pair<S: SetJob>(
    set: S,
    signals: &Signals,
    settings: &WriterSettings,
) -> (Submitter<S>, Arc<dyn Source>) {
    let kind = Arc::new(Kind {
        set,
        queues: Queues::new(signals.of(S::LANE), settings),
        rows_max: settings.batch_rows_max,
        bytes_max: settings.batch_bytes_max,
    });
    let source = Arc::new(SetSource(Arc::clone(&kind)));
    (Submitter { kind }, source)
}

impl<S: SetJob> Submitter<S> {
    /// Hands the item in at once; the answer comes after its commit.
    pub fn submit(
        &self,
        submission: Submission<S::Item>,
    ) -> impl Future<Output = Answer<S>> + Send + use<S> {
        let (sender, receiver) = oneshot::channel();
        let pushed = self.push(submission, sender);
        async move {
            pushed.map_err(Refusal::into_write_error)?;
            receiver.await.unwrap_or_else(|_closed| {
                Err(WriteError::Unavailable("the writer has stopped".into()))
            })
        }
    }

    fn push(
        &self,
        submission: Submission<S::Item>,
        sender: oneshot::Sender<Answer<S>>,
    ) -> Result<(), Refusal> {
        let Submission {
            tenant,
            key,
            bytes,
            item,
        } = submission;
        self.kind
            .queues
            .push(tenant, key, bytes, Waiting { item, sender })
    }
}

struct SetSource<S: SetJob>(Arc<Kind<S>>);

impl<S: SetJob> Source for SetSource<S> {
    fn rank(&self) -> u8 {
        S::RANK
    }

    fn take(&self, shard: usize, cut: &mut Cut<'_>) -> Option<Box<dyn Portion>> {
        if !cut.lanes.contains(&S::LANE) {
            return None;
        }
        let kind = &self.0;
        let waiting = kind
            .queues
            .take(shard, cut, (S::LANE, kind.rows_max, kind.bytes_max));
        (!waiting.is_empty()).then(|| {
            let (items, senders) = waiting.into_iter().map(|w| (w.item, w.sender)).unzip();
            Box::new(SetPortion {
                kind: Arc::clone(kind),
                items,
                senders,
                outputs: Vec::new(),
            }) as Box<dyn Portion>
        })
    }
}

struct SetPortion<S: SetJob> {
    kind: Arc<Kind<S>>,
    items: Vec<S::Item>,
    senders: Vec<oneshot::Sender<Answer<S>>>,
    outputs: Vec<S::Output>,
}

impl<S: SetJob> Portion for SetPortion<S> {
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), DbError> {
        let Self { kind, items, .. } = self;
        let ran = catch_unwind(AssertUnwindSafe(|| kind.set.run(tx, items)));
        self.outputs = ran.unwrap_or_else(|_panic| {
            Err(DbError::new(DbErrorKind::Statement, "a set job panicked"))
        })?;
        if self.outputs.len() == self.items.len() {
            Ok(())
        } else {
            Err(DbError::new(
                DbErrorKind::Statement,
                "a set job must answer each of its items",
            ))
        }
    }

    fn len(&self) -> usize {
        self.items.len()
    }

    fn split(self: Box<Self>) -> Vec<Box<dyn Portion>> {
        let kind = self.kind;
        self.items
            .into_iter()
            .zip(self.senders)
            .map(|(item, sender)| {
                Box::new(Self {
                    kind: Arc::clone(&kind),
                    items: vec![item],
                    senders: vec![sender],
                    outputs: Vec::new(),
                }) as Box<dyn Portion>
            })
            .collect()
    }

    fn finish(self: Box<Self>, verdict: &Result<(), Failure>) {
        // A caller that no longer listens does not change what is written.
        match verdict {
            Ok(()) => {
                for (sender, output) in self.senders.into_iter().zip(self.outputs) {
                    drop(sender.send(Ok(output)));
                }
            }
            Err(failure) => {
                for sender in self.senders {
                    drop(sender.send(Err(failure.to_write_error())));
                }
            }
        }
    }
}
