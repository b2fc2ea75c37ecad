//! The dispatcher's loop: starts attempts in turn, takes due deliveries from the table when there is room,
//! renews the node's lease, and gives everything back when it stops.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use db::{Clock, Database, DatabaseClock, DbError, Lane, Submitter, TxError, WriteError, Writer};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::attempt::{Done, attempt};
use super::turns::Turns;
use super::{Command, Work};
use crate::claim::{self, Taken};
use crate::finish::Finish;
use crate::node;
use crate::publish::Publisher;
use crate::transport::Transport;

/// How often the table is searched for what memory does not know of.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// Longest time without looking at the clock, which may jump.
const TICK_MAX: Duration = Duration::from_secs(1);
/// Wait before a failed look at the table is repeated.
const RETRY_LOOK: Duration = Duration::from_millis(500);

/// What the loop and its attempts work with.
pub(crate) struct Context {
    pub(crate) publisher: Publisher,
    pub(crate) database: Database,
    pub(crate) database_clock: Arc<DatabaseClock>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) writer: Writer,
    pub(crate) finish: Submitter<Finish>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) retry_jitter: f64,
    pub(crate) retry_after_max: Duration,
    pub(crate) in_flight_max: usize,
    pub(crate) lease: Duration,
}

type Look = Result<LookAnswer, WriteError<std::convert::Infallible>>;

/// What a task that looked into the database came back with.
enum LookAnswer {
    Taken {
        endpoint_id: i64,
        limit: usize,
        taken: Taken,
    },
    Failed {
        endpoint_id: i64,
    },
    Renewed {
        alive: bool,
        started: Instant,
    },
    Swept {
        due: Vec<(i64, i64)>,
        owned: Vec<(i64, i64)>,
    },
    GivenBack,
}

struct WorkLoop {
    context: Arc<Context>,
    turns: Turns<Work>,
    /// Deliveries queued or under way here.
    held: HashSet<i64>,
    /// Rows that said they were ours at the last sweep although memory did not hold them.
    suspects: HashSet<(i64, i64)>,
    attempts: JoinSet<Done>,
    looks: JoinSet<Look>,
    /// Endpoints with something waiting in the table, and when the first of it is due.
    waiting: HashMap<i64, i64>,
    taking: HashSet<i64>,
    lease_until: Instant,
    renew_at: Instant,
    renewing: bool,
    sweep_at: Instant,
    sweeping: bool,
}

/// Starts the dispatcher's thread. It ends after `stop` turned true, at most `grace` later.
pub(crate) fn spawn(
    context: Arc<Context>,
    commands: mpsc::UnboundedReceiver<Command>,
    stop: watch::Receiver<Option<Duration>>,
) -> std::io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("dispatcher".into())
        .spawn(move || {
            let work_loop = WorkLoop::new(context);
            runtime.block_on(work_loop.run(commands, stop));
        })
}

impl WorkLoop {
    fn new(context: Arc<Context>) -> Self {
        let now = Instant::now();
        Self {
            lease_until: now + context.lease,
            renew_at: now + context.lease / 3,
            context,
            turns: Turns::default(),
            held: HashSet::new(),
            suspects: HashSet::new(),
            attempts: JoinSet::new(),
            looks: JoinSet::new(),
            waiting: HashMap::new(),
            taking: HashSet::new(),
            renewing: false,
            sweep_at: now,
            sweeping: false,
        }
    }

    async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<Command>,
        mut stop: watch::Receiver<Option<Duration>>,
    ) {
        while stop.borrow().is_none() {
            self.start_attempts();
            self.look();
            let wake = self.wake_at();
            tokio::select! {
                biased;
                changed = stop.changed() => {
                    if changed.is_err() {
                        break;
                    }
                }
                Some(done) = self.attempts.join_next() => self.ended(done),
                Some(look) = self.looks.join_next() => self.looked(look),
                command = commands.recv() => match command {
                    Some(command) => self.take_commands(command, &mut commands),
                    None => break,
                },
                () = tokio::time::sleep_until(wake) => {}
            }
        }
        let grace = stop.borrow().unwrap_or_default();
        self.stop(grace).await;
    }

    fn take_commands(&mut self, first: Command, more: &mut mpsc::UnboundedReceiver<Command>) {
        self.command(first);
        while let Ok(command) = more.try_recv() {
            self.command(command);
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Work(work) => self.push(work),
            Command::Waiting {
                endpoint_id,
                due_at_ms,
            } => self.note_waiting(endpoint_id, due_at_ms),
        }
    }

    fn push(&mut self, work: Work) {
        self.held.insert(work.delivery_id);
        let endpoint = Arc::clone(&work.endpoint);
        self.turns
            .push(endpoint.tenant_id, endpoint.id, endpoint.in_flight_max, work);
    }

    fn note_waiting(&mut self, endpoint_id: i64, due_at_ms: i64) {
        let due = self.waiting.entry(endpoint_id).or_insert(due_at_ms);
        *due = (*due).min(due_at_ms);
    }

    /// A node whose lease has run out on its own clock sends nothing: another may be sending it.
    fn start_attempts(&mut self) {
        if Instant::now() >= self.lease_until {
            return;
        }
        while self.attempts.len() < self.context.in_flight_max {
            let Some(work) = self.turns.next() else {
                return;
            };
            self.attempts.spawn(attempt(Arc::clone(&self.context), work));
        }
    }

    fn ended(&mut self, done: Result<Done, JoinError>) {
        let Ok(done) = done else {
            // The row stays owned; the sweep finds that memory has lost it.
            tracing::error!("an attempt panicked");
            return;
        };
        self.held.remove(&done.delivery_id);
        self.turns.ended(done.endpoint_id);
        if let Some(due_at_ms) = done.due_at_ms {
            self.note_waiting(done.endpoint_id, due_at_ms);
        }
    }

    /// Starts whatever look into the database is due.
    fn look(&mut self) {
        let now = Instant::now();
        if now >= self.renew_at && !self.renewing {
            self.renewing = true;
            self.looks.spawn(renew(Arc::clone(&self.context)));
        }
        if !self.context.publisher.inner.enabled {
            return;
        }
        if now >= self.sweep_at && !self.sweeping {
            self.sweeping = true;
            self.looks.spawn(sweep(Arc::clone(&self.context)));
        }
        let now_ms = self.context.clock.now_ms();
        let due: Vec<i64> = self
            .waiting
            .iter()
            .filter(|(id, due)| **due <= now_ms && !self.taking.contains(id))
            .map(|(id, _)| *id)
            .collect();
        for endpoint_id in due {
            self.take(endpoint_id);
        }
    }

    /// Takes from the table when at least half of the endpoint's room is free.
    fn take(&mut self, endpoint_id: i64) {
        let slots = &self.context.publisher.inner.slots;
        let limit = slots.room(endpoint_id);
        if self.turns.queued_of(endpoint_id) * 2 > slots.per_endpoint_max() || limit == 0 {
            return;
        }
        let active = self.context.publisher.inner.registry.cached();
        if !active.endpoint(endpoint_id).is_some_and(|e| e.is_active) {
            self.waiting.remove(&endpoint_id);
            return;
        }
        self.taking.insert(endpoint_id);
        let context = Arc::clone(&self.context);
        self.looks.spawn(take(context, endpoint_id, limit));
    }

    fn looked(&mut self, look: Result<Look, JoinError>) {
        match look {
            Ok(Ok(answer)) => self.looked_well(answer),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the delivery table could not be read");
                self.renewing = false;
                self.sweeping = false;
                let later = Instant::now() + RETRY_LOOK;
                self.renew_at = self.renew_at.max(later);
                self.sweep_at = self.sweep_at.max(later);
            }
            Err(_panicked) => {
                tracing::error!("a look into the delivery table panicked");
                self.renewing = false;
                self.sweeping = false;
                self.taking.clear();
            }
        }
    }

    fn looked_well(&mut self, answer: LookAnswer) {
        match answer {
            LookAnswer::Taken {
                endpoint_id,
                limit,
                taken,
            } => self.taken(endpoint_id, limit, taken),
            LookAnswer::Failed { endpoint_id } => {
                self.taking.remove(&endpoint_id);
                let later = i64::try_from(RETRY_LOOK.as_millis()).unwrap_or_default();
                let due = self.context.clock.now_ms() + later;
                self.waiting.insert(endpoint_id, due);
            }
            LookAnswer::GivenBack => self.sweep_at = Instant::now(),
            LookAnswer::Renewed { alive, started } => {
                self.renewing = false;
                self.lease_until = started + self.context.lease;
                self.renew_at = started + self.context.lease / 3;
                if !alive {
                    self.start_anew();
                }
            }
            LookAnswer::Swept { due, owned } => {
                self.sweeping = false;
                self.sweep_at = Instant::now() + SWEEP_EVERY;
                for (endpoint_id, due_at_ms) in due {
                    self.note_waiting(endpoint_id, due_at_ms);
                }
                self.compare(owned);
            }
        }
    }

    fn taken(&mut self, endpoint_id: i64, limit: usize, taken: Taken) {
        self.taking.remove(&endpoint_id);
        let more = taken.claimed.len() == limit;
        let inner = Arc::clone(&self.context.publisher.inner);
        let endpoint = inner.registry.cached().endpoint(endpoint_id).cloned();
        let mut homeless = Vec::new();
        for claimed in taken.claimed {
            let bytes = crate::publish::memory_bytes(&claimed.event);
            match (&endpoint, inner.slots.reserve(endpoint_id, bytes)) {
                (Some(endpoint), Some(slot)) => self.push(Work {
                    delivery_id: claimed.delivery_id,
                    claim: claimed.claim,
                    attempts: claimed.attempts,
                    profile: claimed.profile,
                    endpoint: Arc::clone(endpoint),
                    event: claimed.event,
                    slot,
                }),
                _ => homeless.push((claimed.delivery_id, claimed.claim)),
            }
        }
        match taken.next_due_ms {
            Some(due) => self.waiting.insert(endpoint_id, due),
            None if more || !homeless.is_empty() => self.waiting.insert(endpoint_id, 0),
            None => self.waiting.remove(&endpoint_id),
        };
        self.give_back(homeless);
    }

    fn give_back(&mut self, rows: Vec<(i64, i64)>) {
        if rows.is_empty() {
            return;
        }
        let context = Arc::clone(&self.context);
        self.looks.spawn(async move {
            let node_id = context.publisher.inner.node_id;
            context
                .in_tx(move |conn| claim::release(conn, node_id, Some(&rows)))
                .await?;
            Ok(LookAnswer::GivenBack)
        });
    }

    /// Rows that are ours in the table but not in memory, twice in a row, have been lost between a commit
    /// and its answer: back to the table with them.
    fn compare(&mut self, owned: Vec<(i64, i64)>) {
        let missing: HashSet<_> = owned
            .into_iter()
            .filter(|(id, _)| !self.held.contains(id))
            .collect();
        let lost: Vec<_> = missing.intersection(&self.suspects).copied().collect();
        self.suspects = missing;
        if !lost.is_empty() {
            tracing::warn!(count = lost.len(), "deliveries lost from memory are given back");
        }
        self.give_back(lost);
    }

    /// Others took this node for dead and have its rows: what waits here is no longer ours.
    fn start_anew(&mut self) {
        tracing::warn!("this node was taken for dead by others; it starts anew");
        let waiting: Vec<i64> = self.turns.iter().map(|work| work.delivery_id).collect();
        for delivery_id in waiting {
            self.held.remove(&delivery_id);
        }
        self.turns.clear();
        self.sweep_at = Instant::now();
    }

    fn wake_at(&self) -> Instant {
        let now = Instant::now();
        let now_ms = self.context.clock.now_ms();
        let due = self
            .waiting
            .iter()
            .filter(|(id, due)| **due > now_ms && !self.taking.contains(id))
            .map(|(_, due)| now + Duration::from_millis(due.abs_diff(now_ms)))
            .min();
        let mut wake = (now + TICK_MAX).min(self.renew_at.max(now));
        if !self.sweeping {
            wake = wake.min(self.sweep_at.max(now));
        }
        due.map_or(wake, |due| wake.min(due))
    }

    /// Lets attempts under way end, then gives back everything.
    async fn stop(mut self, grace: Duration) {
        tracing::info!(
            under_way = self.attempts.len(),
            waiting = self.turns.queued(),
            "deliveries stop"
        );
        let drained = async { while self.attempts.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, drained).await.is_err() {
            tracing::warn!("attempts are still under way after the grace; they will be repeated");
            self.attempts.shutdown().await;
        }
        self.looks.shutdown().await;
        let node_id = self.context.publisher.inner.node_id;
        let left = self.context.in_tx(move |conn| node::leave(conn, node_id)).await;
        if let Err(error) = left {
            tracing::warn!(%error, "deliveries could not be given back; the next start will take them");
        }
    }
}

impl Context {
    /// A short transaction of the engine's own.
    async fn in_tx<T: Send + 'static>(
        &self,
        mut job: impl FnMut(&mut db::Conn) -> Result<T, DbError> + Send + 'static,
    ) -> Result<T, WriteError<std::convert::Infallible>> {
        self.writer
            .with_tx(Lane::Outcomes, 0, 0, move |tx| {
                job(tx.conn()).map_err(TxError::Db)
            })
            .await
    }
}

async fn take(context: Arc<Context>, endpoint_id: i64, limit: usize) -> Look {
    let inner = &context.publisher.inner;
    let (node_id, origin) = (inner.node_id, inner.origin.clone());
    let now_ms = context.clock.now_ms();
    let taken = context
        .in_tx(move |conn| claim::take(conn, node_id, &origin, endpoint_id, now_ms, limit))
        .await;
    Ok(match taken {
        Ok(taken) => LookAnswer::Taken {
            endpoint_id,
            limit,
            taken,
        },
        Err(error) => {
            tracing::warn!(%error, endpoint_id, "due deliveries could not be taken");
            LookAnswer::Failed { endpoint_id }
        }
    })
}

async fn renew(context: Arc<Context>) -> Look {
    let started = Instant::now();
    let node_id = context.publisher.inner.node_id;
    let (clock, database_clock) = (
        Arc::clone(&context.clock),
        Arc::clone(&context.database_clock),
    );
    let lease_ms = i64::try_from(context.lease.as_millis()).unwrap_or(i64::MAX / 2);
    let alive = context
        .in_tx(move |conn| {
            database_clock.learn(conn)?;
            node::renew(conn, node_id, clock.now_ms(), lease_ms)
        })
        .await?;
    Ok(LookAnswer::Renewed { alive, started })
}

/// Finds what is due in the table, and which rows say that they are ours.
async fn sweep(context: Arc<Context>) -> Look {
    let publisher = context.publisher.clone();
    let now_ms = context.clock.now_ms();
    let read = context.database.reads().run(move |conn| {
        let inner = &publisher.inner;
        let snapshot = inner.registry.current(conn, now_ms)?;
        let mut due = Vec::new();
        for endpoint in snapshot.endpoints().filter(|endpoint| endpoint.is_active) {
            if let Some(due_at_ms) = claim::next_due(conn, endpoint.id)? {
                due.push((endpoint.id, due_at_ms));
            }
        }
        Ok((due, claim::owned(conn, inner.node_id)?))
    });
    match read.await {
        Ok((due, owned)) => Ok(LookAnswer::Swept { due, owned }),
        Err(error) => Err(WriteError::Unavailable(error.message)),
    }
}
