//! Looks into the database: tasks of the dispatcher that take what is due, renew the lease, compare the
//! table with memory. Each says itself how it ended; none touches the dispatcher's state.

use std::sync::{Arc, PoisonError};

use db::{Clock, DbError, Lane, TxError, WriteError};
use tokio::time::Instant;

use super::Context;
use crate::claim::{self, Taken, Wanted};
use crate::node::Renewed;
use crate::publish::memory_bytes;
use crate::registry::bury;

/// How a look ended; `None` where it failed, which has been logged.
pub(super) enum Look {
    Taken {
        endpoint_id: i64,
        taken: Option<Taken>,
    },
    Renewed {
        /// The lease counts from here.
        started: Instant,
        renewed: Option<Renewed>,
    },
    Swept(Option<Swept>),
    GivenBack,
}

/// What the table says.
pub(super) struct Swept {
    /// Endpoints with something waiting, and when it is due.
    pub(super) due: Vec<(i64, i64)>,
    /// Deliveries that are this node's, with their claims.
    pub(super) owned: Vec<(i64, i64)>,
}

pub(super) async fn take(context: Arc<Context>, endpoint_id: i64, limit: usize) -> Look {
    let inner = &context.publisher.inner;
    let wanted = Wanted {
        node_id: inner.node_id,
        origin: inner.origin.clone(),
        endpoint_id,
        now_ms: context.clock.now_ms(),
        limit,
    };
    let slots = Arc::clone(&inner.slots);
    let taken = context
        .in_tx("take what is due", move |conn| {
            let reserve = |bytes| slots.reserve(endpoint_id, memory_bytes(bytes));
            claim::take(conn, &wanted, reserve)
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
    let renewed = context
        .in_tx("renew the lease", move |conn| {
            clock.learn(conn)?;
            let now_ms = clock.now_ms();
            bury(conn, now_ms)?;
            node.renew(conn, now_ms)
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
        let written: Result<T, WriteError<std::convert::Infallible>> = self
            .writer
            .with_tx(Lane::Outcomes, 0, 0, move |tx| {
                job(tx.conn()).map_err(TxError::Db)
            })
            .await;
        written.map_or_else(
            |error| {
                tracing::warn!(%error, "the engine cannot {what} now");
                None
            },
            Some,
        )
    }
}
