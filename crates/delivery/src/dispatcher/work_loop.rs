//! The dispatcher's loop: starts attempts in turn, takes due deliveries from the table when there is room,
//! renews the node's lease, and gives everything back when it stops.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use contract::BatchId;
use db::Clock;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::attempt::Done;
use super::batches::Batches;
use super::gates::Gates;
use super::looks::{self, Beat, Look, Swept};
use super::sending::Sending;
use super::turns::Turns;
use super::waiting::Waiting;
use super::{Command, Context, Work};
use crate::claim::Taken;

/// How often the table is searched for what memory does not know of.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// Longest time without looking at the clock, which may jump.
const TICK_MAX: Duration = Duration::from_secs(1);
/// Wait before a failed or fruitless look at the table is repeated.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How often chores are done, and how soon again while there are more.
const CHORES_EVERY: Duration = Duration::from_secs(1);
const CHORES_MORE: Duration = Duration::from_millis(5);
/// Longest wait for the last transaction when stopping.
const LEAVE_MAX: Duration = Duration::from_secs(5);

pub(super) struct WorkLoop {
    pub(super) context: Arc<Context>,
    pub(super) turns: Turns<Sending>,
    pub(super) batches: Batches,
    /// Deliveries collected, queued or under way here, with their claims.
    pub(super) held: HashSet<(i64, i64)>,
    /// Rows (with their claims) that say they are ours although memory does not hold them, and since when.
    suspects: HashMap<(i64, i64), Instant>,
    pub(super) attempts: JoinSet<Done>,
    pub(super) looks: JoinSet<Look>,
    probes: JoinSet<()>,
    pub(super) gates: Gates,
    waiting: Waiting,
    /// Endpoints with something due in the table and no room for it here.
    full: HashSet<i64>,
    pub(super) lease_until: Instant,
    /// Since when something has been due in the table, as the last sweep saw it.
    pub(super) due_in_table_ms: Option<i64>,
    pub(super) gauged_at: Option<Instant>,
    /// When to do it next; `None` while it is being done.
    renew_at: Option<Instant>,
    sweep_at: Option<Instant>,
    chores_at: Option<Instant>,
}

/// Starts the dispatcher's thread. It ends when `stop` holds a grace, at most that and [`LEAVE_MAX`] later.
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
            // A name being resolved cannot be called off; nobody waits for it.
            runtime.shutdown_background();
        })
}

impl WorkLoop {
    fn new(context: Arc<Context>) -> Self {
        let entered_at = Instant::from_std(context.entered_at);
        Self {
            lease_until: entered_at + context.lease,
            renew_at: Some(entered_at + context.lease / 3),
            sweep_at: context.enabled.then(Instant::now),
            chores_at: context.enabled.then(Instant::now),
            turns: Turns::new(context.in_flight_max),
            batches: Batches::default(),
            context,
            held: HashSet::new(),
            suspects: HashMap::new(),
            attempts: JoinSet::new(),
            looks: JoinSet::new(),
            probes: JoinSet::new(),
            gates: Gates::default(),
            waiting: Waiting::default(),
            full: HashSet::new(),
            due_in_table_ms: None,
            gauged_at: None,
        }
    }

    async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<Command>,
        mut stop: watch::Receiver<Option<Duration>>,
    ) {
        while stop.borrow().is_none() {
            // Whatever is ready is taken in each round, so that no source starves another.
            while let Ok(command) = commands.try_recv() {
                self.command(command);
            }
            while let Some(done) = self.attempts.try_join_next() {
                self.ended(done);
            }
            while let Some(look) = self.looks.try_join_next() {
                self.looked(look);
            }
            while self.probes.try_join_next().is_some() {}
            self.end_waits();
            self.start_attempts();
            self.look();
            self.gauge();
            let wake = self.wake_at();
            tokio::select! {
                changed = stop.changed() => if changed.is_err() { break },
                Some(done) = self.attempts.join_next() => self.ended(done),
                Some(look) = self.looks.join_next() => self.looked(look),
                command = commands.recv() => match command {
                    Some(command) => self.command(command),
                    None => break,
                },
                () = tokio::time::sleep_until(wake) => {}
            }
        }
        let grace = stop.borrow().unwrap_or_default();
        self.stop(grace).await;
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Work(work) => self.push(work),
            Command::Waiting {
                endpoint_id,
                due_at_ms,
            } => self.note(endpoint_id, due_at_ms),
            Command::Enabled { endpoint_id } => {
                self.gates.reset(endpoint_id);
                self.turns.release(endpoint_id);
                self.note(endpoint_id, 0);
            }
            Command::Answered(answered) => self.answered(&answered),
            Command::Chores => {
                if let Some(at) = &mut self.chores_at {
                    *at = Instant::now();
                }
            }
            Command::Probe(request, answer) => {
                let transport = Arc::clone(&self.context.transport);
                self.probes.spawn(async move {
                    // Who no longer waits for the answer does not need it.
                    drop(answer.send(transport.send(request).await));
                });
            }
        }
    }

    fn note(&mut self, endpoint_id: i64, at_ms: i64) {
        if self.context.enabled {
            let now_ms = self.context.clock.now_ms();
            self.waiting.note(endpoint_id, at_ms, now_ms);
        }
    }

    fn ended(&mut self, done: Result<Done, JoinError>) {
        let Ok(done) = done else {
            tracing::error!("an attempt ended without an outcome");
            return;
        };
        self.held.remove(&(done.delivery_id, done.claim));
        for other in &done.others {
            self.held.remove(other);
        }
        self.turns.ended(done.endpoint_id);
        if let Some(due_at_ms) = done.due_at_ms {
            self.note(done.endpoint_id, due_at_ms);
        }
        if self.full.contains(&done.endpoint_id) && self.room(done.endpoint_id) > 0 {
            self.full.remove(&done.endpoint_id);
            self.note(done.endpoint_id, 0);
        }
    }

    /// Starts whatever look into the database is due.
    fn look(&mut self) {
        let now = Instant::now();
        if self.renew_at.is_some_and(|at| at <= now) {
            self.renew_at = None;
            self.looks.spawn(looks::renew(Arc::clone(&self.context)));
        }
        if self.sweep_at.is_some_and(|at| at <= now) {
            self.sweep_at = None;
            self.looks.spawn(looks::sweep(Arc::clone(&self.context)));
        }
        if now < self.lease_until && self.chores_at.is_some_and(|at| at <= now) {
            self.chores_at = None;
            self.looks.spawn(looks::chores(Arc::clone(&self.context)));
        }
        if now < self.lease_until {
            let now_ms = self.context.clock.now_ms();
            while let Some(endpoint_id) = self.waiting.begin(now_ms) {
                self.take(endpoint_id, now_ms);
            }
        }
    }

    fn take(&mut self, endpoint_id: i64, now_ms: i64) {
        let endpoints = self.context.publisher.inner.registry.cached();
        let endpoint = endpoints.endpoint(endpoint_id).filter(|e| e.is_active);
        let room = self.room(endpoint_id);
        if let Some(until_ms) = self.gates.closed_until(endpoint_id, now_ms) {
            return self.waiting.end(endpoint_id, Some(until_ms), now_ms);
        }
        if let Some(tenant_id) = endpoint.filter(|_| room > 0).map(|e| e.tenant_id) {
            let context = Arc::clone(&self.context);
            let taken = looks::take(context, tenant_id, endpoint_id, room);
            self.looks.spawn(taken);
            return;
        }
        self.waiting.end(endpoint_id, None, now_ms);
        if endpoint.is_some() {
            self.full.insert(endpoint_id);
        }
    }

    /// How many to take from the table: none until half of the endpoint's room is free.
    fn room(&self, endpoint_id: i64) -> usize {
        let slots = &self.context.publisher.inner.slots;
        if self.turns.queued_of(endpoint_id) * 2 > slots.per_endpoint_max() {
            return 0;
        }
        slots.room(endpoint_id)
    }

    fn looked(&mut self, look: Result<Look, JoinError>) {
        let later = Instant::now() + LOOK_AGAIN;
        match look {
            Ok(Look::Taken { endpoint_id, taken }) => self.taken(endpoint_id, taken),
            Ok(Look::Renewed { started, renewed }) => self.renewed(started, renewed),
            Ok(Look::Swept(swept)) => {
                let found = swept.is_some();
                self.sweep_at = Some(if found {
                    Instant::now() + SWEEP_EVERY
                } else {
                    later
                });
                self.compare(swept);
            }
            Ok(Look::GivenBack) => self.sweep_soon(),
            Ok(Look::Joined(joined)) => self.joined(joined),
            Ok(Look::Noted) => {}
            Ok(Look::Chored { more }) => {
                let wait = if more { CHORES_MORE } else { CHORES_EVERY };
                self.chores_at = Some(Instant::now() + wait);
            }
            Err(_panicked) => {
                tracing::error!("a look into the delivery table panicked");
                self.renew_at.get_or_insert(later);
                if self.context.enabled {
                    self.sweep_at.get_or_insert(later);
                    self.chores_at.get_or_insert(later);
                }
                self.waiting.abandon_looks(self.context.clock.now_ms());
                self.abandon_joins();
            }
        }
    }

    fn taken(&mut self, endpoint_id: i64, taken: Option<Taken>) {
        let now_ms = self.context.clock.now_ms();
        let later = now_ms + i64::try_from(LOOK_AGAIN.as_millis()).unwrap_or_default();
        let Some(taken) = taken else {
            return self.waiting.end(endpoint_id, Some(later), now_ms);
        };
        // Nothing taken although something is due: another node has it locked, or there is no room for it.
        let again = if taken.claimed.is_empty() {
            later
        } else {
            now_ms
        };
        let next_ms = taken.next_due_ms.map(|due| due.max(again));
        self.waiting.end(endpoint_id, next_ms, now_ms);
        let endpoints = self.context.publisher.inner.registry.cached();
        let Some(endpoint) = endpoints.endpoint(endpoint_id) else {
            let held = taken.claimed.iter().map(|c| (c.delivery_id, c.claim));
            return self.give_back(held.collect());
        };
        let mut batches: BTreeMap<BatchId, Vec<Work>> = BTreeMap::new();
        for claimed in taken.claimed {
            let work = Work {
                delivery_id: claimed.delivery_id,
                claim: claimed.claim,
                attempts: claimed.attempts,
                attempts_before: claimed.attempts_before,
                order_key: claimed.order_key,
                due_at_ms: claimed.due_at_ms,
                profile: claimed.profile,
                endpoint: Arc::clone(endpoint),
                event: claimed.event,
                slot: claimed.slot,
            };
            match claimed.batch_id {
                None => self.push(work),
                Some(id) => batches.entry(id).or_default().push(work),
            }
        }
        for (id, members) in batches {
            self.push_batch(id, members);
        }
    }

    fn renewed(&mut self, started: Instant, beat: Option<Beat>) {
        let Some(beat) = beat else {
            self.renew_at = Some(Instant::now() + LOOK_AGAIN);
            return;
        };
        let renewed = beat.renewed;
        self.lease_until = started + self.context.lease;
        self.renew_at = Some(started + self.context.lease / 3);
        if let Some(step_ms) = beat.leapt_ms {
            self.gates.leapt(step_ms);
        }
        if beat.went_back {
            for endpoint_id in self.gates.forget() {
                self.turns.release(endpoint_id);
            }
            self.sweep_soon();
        }
        if let Some(number) = renewed.new_number {
            self.start_anew(number);
        }
        if renewed.freed > 0 {
            tracing::info!(
                count = renewed.freed,
                "work of a node that is gone is taken over"
            );
            self.sweep_soon();
        }
    }

    fn sweep_soon(&mut self) {
        if let Some(at) = &mut self.sweep_at {
            *at = Instant::now();
        }
    }

    pub(super) fn give_back(&mut self, held: Vec<(i64, i64)>) {
        if !held.is_empty() {
            let context = Arc::clone(&self.context);
            self.looks.spawn(looks::give_back(context, held));
        }
    }

    /// Notes what is due. Rows that have been ours in the table but not in memory for a while have been lost
    /// between a commit and its answer: back to the table with them.
    fn compare(&mut self, swept: Option<Swept>) {
        let Some(Swept {
            due,
            owned,
            failing,
        }) = swept
        else {
            return;
        };
        let now_ms = self.context.clock.now_ms();
        self.gates.learn(&failing, now_ms);
        let open = due
            .iter()
            .filter(|(id, _)| self.gates.closed_until(*id, now_ms).is_none());
        self.due_in_table_ms = open.map(|(_, due_at_ms)| *due_at_ms).min();
        for (endpoint_id, due_at_ms) in due {
            self.note(endpoint_id, due_at_ms);
        }
        let now = Instant::now();
        let missing = owned.into_iter().filter(|row| !self.held.contains(row));
        let suspects: HashMap<_, _> = missing
            .map(|row| (row, self.suspects.get(&row).copied().unwrap_or(now)))
            .collect();
        let (lost, suspects) = suspects
            .into_iter()
            .partition(|(_, since)| *since + SWEEP_EVERY <= now);
        self.suspects = suspects;
        let lost: HashMap<_, _> = lost;
        if !lost.is_empty() {
            tracing::warn!(
                count = lost.len(),
                "deliveries lost from memory are given back"
            );
        }
        self.give_back(lost.into_keys().collect());
    }

    /// Others took this node for dead and have its rows: what waits here is no longer ours.
    fn start_anew(&mut self, number: i64) {
        tracing::warn!("this node was taken for dead by others; it starts anew");
        self.context.publisher.inner.keys.renumber(number);
        for held in self.turns.clear().iter().flat_map(Sending::held) {
            self.held.remove(&held);
        }
        self.forget_collected();
        self.sweep_soon();
    }

    fn wake_at(&self) -> Instant {
        let now = Instant::now();
        let now_ms = self.context.clock.now_ms();
        let at = |at_ms: i64| {
            let wait_ms = at_ms.saturating_sub(now_ms).max(0).unsigned_abs();
            now + Duration::from_millis(wait_ms).min(TICK_MAX)
        };
        let works = now < self.lease_until;
        let due = self.waiting.next_ms().filter(|_| works).map(at);
        let released = self.gates.next_ms().filter(|_| works).map(at);
        let chores = self.chores_at.filter(|_| works);
        [due, released, chores, self.renew_at, self.sweep_at]
            .into_iter()
            .flatten()
            .chain(self.batches.collecting.next_at())
            .fold(now + TICK_MAX, Instant::min)
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
        self.probes.shutdown().await;
        self.looks.shutdown().await;
        let left = looks::leave(Arc::clone(&self.context));
        if tokio::time::timeout(LEAVE_MAX, left).await.is_err() {
            tracing::warn!("deliveries could not be given back; the next start will take them");
        }
    }
}
