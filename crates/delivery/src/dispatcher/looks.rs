//! Looks into the database: tasks of the dispatcher that take what is due, renew the lease, compare the
//! table with memory. Each says itself how it ended; none touches the dispatcher's state.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use db::{Clock, DbError, Lane, Tx, TxError, WriteError};
use tokio::time::Instant;

use super::Context;
use super::batches::Joined;
use super::gates::Note;
use crate::chores::Chore;
use crate::claim::{self, Taken, Wanted};
use crate::clock_steps;
use crate::health::{self, Failing};
use crate::node::Renewed;
use crate::operational::{self, News};
use crate::registry::bury;
use crate::subscriptions::disable;

/// How a look ended; `None` where it failed, which has been logged.
pub(super) enum Look {
    Taken {
        endpoint_id: i64,
        taken: Option<Taken>,
    },
    Renewed {
        /// The lease counts from here.
        started: Instant,
        renewed: Option<Beat>,
    },
    Swept(Option<Swept>),
    GivenBack,
    Noted,
    Joined(Joined),
    Chored {
        more: bool,
    },
}

/// A heartbeat, and what it found of the clock.
pub(super) struct Beat {
    pub(super) renewed: Renewed,
    /// It was set back.
    pub(super) went_back: bool,
    /// It leapt ahead by so much.
    pub(super) leapt_ms: Option<i64>,
}

/// What the table says.
pub(super) struct Swept {
    /// Endpoints with something waiting, and when it is due.
    pub(super) due: Vec<(i64, i64)>,
    /// Deliveries that are this node's, with their claims.
    pub(super) owned: Vec<(i64, i64)>,
    pub(super) failing: Vec<Failing>,
}

pub(super) async fn take(
    context: Arc<Context>,
    tenant_id: i64,
    endpoint_id: i64,
    limit: usize,
) -> Look {
    let inner = &context.publisher.inner;
    let wanted = Wanted {
        node_id: inner.node_id,
        origin: inner.origin.clone(),
        endpoint_id,
        now_ms: context.clock.now_ms(),
        limit,
    };
    let slots = Arc::clone(&inner.slots);
    // Behind what somebody waits for, and tenants in turn.
    let taken = context
        .in_whole_tx(Lane::Bulk, tenant_id, "take what is due", move |tx| {
            claim::take(tx, &wanted, &slots)
        })
        .await;
    Look::Taken { endpoint_id, taken }
}

pub(super) async fn renew(context: Arc<Context>) -> Look {
    let started = Instant::now();
    if !still_ours(&context).await {
        return Look::Renewed {
            started,
            renewed: None,
        };
    }
    let (clock, node) = (Arc::clone(&context.clock), context.node.clone());
    let patient_until_ms = Arc::clone(&context.patient_until_ms);
    let mut step_ms = 0;
    let renewed = context
        .in_tx("renew the lease", move |conn| {
            // A job may run again, and would then learn nothing new.
            step_ms = clock.learn(conn)?.max(step_ms);
            let now_ms = clock.now_ms();
            let leapt = clock_steps::leapt(conn, step_ms, now_ms)?;
            if leapt {
                patient_until_ms.store(now_ms + clock_steps::LEAP_MS, Ordering::Relaxed);
            }
            let went_back = clock_steps::note(conn, now_ms)?;
            bury(conn, now_ms)?;
            Ok(Beat {
                renewed: node.renew(conn, now_ms)?,
                went_back,
                leapt_ms: leapt.then_some(step_ms),
            })
        })
        .await;
    Look::Renewed { started, renewed }
}

/// Whether no other process has this node's name; without it the lease is left to run out.
async fn still_ours(context: &Arc<Context>) -> bool {
    let lock = Arc::clone(&context.lock);
    let renewed = tokio::task::spawn_blocking(move || {
        lock.lock().unwrap_or_else(PoisonError::into_inner).renew()
    });
    match renewed.await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::error!(%error, "this node's name cannot be held");
            false
        }
        Err(_panicked) => false,
    }
}

/// Finds what is due in the table, and which rows say that they are ours.
pub(super) async fn sweep(context: Arc<Context>) -> Look {
    let publisher = context.publisher.clone();
    let now_ms = context.clock.now_ms();
    let read = context.database.reads().run(move |conn| {
        let inner = &publisher.inner;
        inner.registry.current(conn, now_ms)?;
        Ok(Swept {
            due: claim::all_due(conn)?,
            owned: claim::owned(conn, inner.node_id)?,
            failing: health::all(conn)?,
        })
    });
    Look::Swept(read.await.map_or_else(
        |error| {
            tracing::warn!(%error, "deliveries cannot be swept now");
            None
        },
        Some,
    ))
}

pub(super) async fn give_back(context: Arc<Context>, held: Vec<(i64, i64)>) -> Look {
    let owner = context.publisher.inner.node_id;
    // When it fails, the next sweeps find the rows again.
    context
        .in_tx("give back deliveries", move |conn| {
            claim::release(conn, owner, &held)
        })
        .await;
    Look::GivenBack
}

/// Writes down what an endpoint's attempts have shown, with the news of it.
pub(super) async fn write_note(context: Arc<Context>, endpoint_id: i64, note: Note) -> Look {
    let inner = Arc::clone(&context.publisher.inner);
    let endpoint = inner.registry.cached().endpoint(endpoint_id).cloned();
    let Some(endpoint) = endpoint else {
        return Look::Noted;
    };
    context
        .in_whole_tx(
            Lane::Outcomes,
            endpoint.tenant_id,
            "note how an endpoint does",
            move |tx| {
                let news = match note {
                    Note::Failing {
                        since_ms,
                        open,
                        tell,
                    } => {
                        health::note(tx.conn(), endpoint_id, since_ms, open)?;
                        let news = News::Failing {
                            since_ms,
                            reason: "its attempts keep failing",
                        };
                        (tell && health::tell(tx.conn(), endpoint_id)?).then_some(news)
                    }
                    Note::Recovered => health::clear(tx.conn(), endpoint_id)?
                        .filter(|was| was.told == 1)
                        .map(|was| News::Recovered {
                            since_ms: was.failing_since_ms,
                        }),
                    Note::Disable { since_ms } => {
                        const REASON: &str = "every attempt has failed for five days";
                        health::note(tx.conn(), endpoint_id, since_ms, None)?;
                        disable(tx.conn(), endpoint_id, REASON, inner.clock.now_ms())?
                            .then_some(News::Disabled { reason: REASON })
                    }
                };
                match news {
                    Some(news) => operational::tell(&inner, tx, &[(&*endpoint, news)]),
                    None => Ok(()),
                }
            },
        )
        .await;
    Look::Noted
}

/// What is done in portions: each a transaction of its own, behind everything that somebody waits for.
pub(super) async fn chores(context: Arc<Context>) -> Look {
    let mut more = false;
    for chore in Chore::ALL {
        let inner = Arc::clone(&context.publisher.inner);
        let (age_max, retention) = (context.delivery_age_max, context.retention);
        let done = context
            .in_whole_tx(Lane::Bulk, 0, chore.name(), move |tx| {
                chore.run(&inner, tx, age_max, retention)
            })
            .await;
        more |= done == Some(true);
    }
    Look::Chored { more }
}

/// Gives back everything and takes this node's name from the list.
pub(super) async fn leave(context: Arc<Context>) {
    let node = context.node.clone();
    context
        .in_tx("leave the database", move |conn| node.leave(conn))
        .await;
}

impl Context {
    /// A short transaction of the engine's own; a failure is logged as that of `what`.
    async fn in_tx<T: Send + 'static>(
        &self,
        what: &str,
        mut job: impl FnMut(&mut db::Conn) -> Result<T, DbError> + Send + 'static,
    ) -> Option<T> {
        let job = move |tx: &mut Tx<'_>| job(tx.conn());
        self.in_whole_tx(Lane::Outcomes, 0, what, job).await
    }

    pub(super) async fn in_whole_tx<T: Send + 'static>(
        &self,
        lane: Lane,
        tenant_id: i64,
        what: &str,
        mut job: impl FnMut(&mut Tx<'_>) -> Result<T, DbError> + Send + 'static,
    ) -> Option<T> {
        let job = move |tx: &mut Tx<'_>| job(tx).map_err(TxError::Db);
        let written: Result<T, WriteError<std::convert::Infallible>> =
            self.writer.with_tx(lane, tenant_id, 0, job).await;
        written.map_or_else(
            |error| {
                tracing::warn!(%error, "the engine cannot {what} now");
                None
            },
            Some,
        )
    }
}
