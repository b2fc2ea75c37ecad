//! The dispatcher: deliveries in memory, sent in turns. One thread with a runtime of its own, so that a busy
//! web server and slow endpoints do not stand in each other's way. Memory is a cache of the table with a
//! bound; whatever is lost here is found there again.

mod attempt;
mod batch_attempt;
mod batches;
mod breaker;
mod collecting;
mod gates;
mod looks;
mod sending;
mod spans;
mod start;
mod turns;
mod waiting;
mod work_loop;

use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use contract::{Event, Profile};
use db::{Database, DatabaseClock, NodeLock, Submitter, Writer};
use tokio::sync::{mpsc, oneshot};

use crate::endpoint::Endpoint;
use crate::finish::{Finish, FinishBatch};
use crate::node::Node;
use crate::publish::Publisher;
use crate::slots::Slot;
use crate::transport::{Reply, Request, Transport};

pub(crate) use attempt::build_request;
pub(crate) use turns::InFlightMax;
pub(crate) use work_loop::spawn;

/// What the loop and its attempts work with.
pub(crate) struct Context {
    pub(crate) publisher: Publisher,
    pub(crate) database: Database,
    pub(crate) clock: Arc<DatabaseClock>,
    pub(crate) writer: Writer,
    pub(crate) finish: Submitter<Finish>,
    pub(crate) finish_batch: Submitter<FinishBatch>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) retry_jitter: f64,
    pub(crate) retry_after_max: Duration,
    /// How long after it was owed a delivery is given up.
    pub(crate) delivery_age_max: Duration,
    /// Until then none is: the clock has leapt, and may be wrong.
    pub(crate) patient_until_ms: Arc<AtomicI64>,
    pub(crate) retention: Duration,
    pub(crate) in_flight_max: InFlightMax,
    /// False: nothing is sent; only the lease is kept.
    pub(crate) enabled: bool,
    pub(crate) node: Node,
    /// The node's name, proved again at every heartbeat.
    pub(crate) lock: Arc<Mutex<NodeLock>>,
    pub(crate) lease: Duration,
    /// When the lease began.
    pub(crate) entered_at: Instant,
}

/// A delivery that this process owns.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) delivery_id: i64,
    pub(crate) claim: i64,
    /// Attempts made before.
    pub(crate) attempts: i64,
    /// Of those, the ones before it was redelivered by hand; the schedule counts from there.
    pub(crate) attempts_before: i64,
    pub(crate) order_key: Option<i64>,
    /// Since when it could have been sent, Unix milliseconds.
    pub(crate) due_at_ms: i64,
    pub(crate) profile: Profile,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) event: Arc<Event>,
    /// Its room in memory; held until its outcome has been committed.
    pub(crate) slot: Slot,
}

/// What the dispatcher is told.
pub(crate) enum Command {
    Work(Work),
    /// A delivery of this endpoint waits in the table.
    Waiting {
        endpoint_id: i64,
        due_at_ms: i64,
    },
    /// The endpoint's owner wants it tried, whatever its failures.
    Enabled {
        endpoint_id: i64,
    },
    Answered(Answered),
    /// Something is left to be done in portions.
    Chores,
    /// A user's test: sent and answered, never stored.
    Probe(Request, oneshot::Sender<Reply>),
}

/// An attempt that is over as far as its endpoint is concerned; its outcome is still to be written down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    pub(crate) endpoint_id: i64,
    pub(crate) succeeded: bool,
    pub(crate) is_trial: bool,
    /// Whether it says something of the endpoint's health.
    pub(crate) counts: bool,
}

/// Where commands are put. Bounded by the slots that work carries.
#[derive(Clone)]
pub(crate) struct Inbox(mpsc::UnboundedSender<Command>);

impl Inbox {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Command>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// A dispatcher that has stopped takes nothing more: the table keeps it.
    pub(crate) fn put(&self, command: Command) {
        drop(self.0.send(command));
    }
}
