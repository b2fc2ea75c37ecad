//! Publishing: the event, its place in its subject's order and one delivery for each endpoint that asked
//! for it, all in the caller's transaction. After the commit the deliveries go straight to the dispatcher.

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use contract::{DefaultSubject, Event, EventId, EventType, JsonObject, default_subject};
use db::{Clock, Conn, DbError, Lane, SetJob, Submission, Submitter, Tx, WriteError, Writer};
use ring::rand::{SecureRandom, SystemRandom};

use crate::dispatcher::{Command, Inbox, Work};
use crate::endpoint::Endpoint;
use crate::engine::Tenant;
use crate::keys::RowKeys;
use crate::publish_rows::{
    DeliveryRow, EventRow, insert_deliveries, insert_events, next_sequences,
};
use crate::registry::Registry;
use crate::slots::Slots;

/// What an event holds in memory beyond its data.
const EVENT_BYTES: usize = 512;

/// An event as a publisher gives it.
#[derive(Debug, Clone)]
pub struct NewEvent {
    pub tenant: Tenant,
    pub event_type: EventType,
    /// What it is about; `None`: read from the data.
    pub subject: Option<String>,
    /// When it happened, Unix milliseconds.
    pub timestamp_ms: i64,
    pub data: JsonObject,
    pub metadata: Option<JsonObject>,
}

/// What became of a published event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub id: EventId,
    pub sequence: i64,
    /// How many endpoints it is owed to.
    pub deliveries: usize,
}

/// Publishes events. Clones share it.
#[derive(Clone)]
pub struct Publisher {
    pub(crate) inner: Arc<Inner>,
    set: Submitter<PublishSet>,
}

pub(crate) struct Inner {
    pub(crate) registry: Registry,
    pub(crate) keys: RowKeys,
    pub(crate) slots: Arc<Slots>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: SystemRandom,
    pub(crate) node_id: i64,
    pub(crate) origin: String,
    pub(crate) inbox: Inbox,
    /// Whether what is published goes straight to the dispatcher; false when delivery is off or stopping.
    pub(crate) hands_over: AtomicBool,
}

/// An event with what is known of it before its transaction: the same in every run.
pub(crate) struct Prepared {
    id: EventId,
    subject: DefaultSubject,
    new: NewEvent,
}

/// Publishes all waiting events with a few statements.
pub(crate) struct PublishSet(Arc<Inner>);

impl Publisher {
    pub(crate) fn new(inner: Inner, writer: &Writer) -> Self {
        let inner = Arc::new(inner);
        let set = writer.register(PublishSet(Arc::clone(&inner)));
        Self { inner, set }
    }

    /// Records the event and what is owed because of it, in the caller's transaction.
    ///
    /// # Errors
    /// [`DbError`]: pass it on, the transaction is lost.
    pub fn publish(&self, tx: &mut Tx<'_>, new: NewEvent) -> Result<Published, DbError> {
        let prepared = self.inner.prepare(new)?;
        let mut published = self.inner.publish(tx, &[prepared])?;
        let only = published.pop();
        only.ok_or_else(|| DbError::defect("one event is published as one"))
    }

    /// The same for a publisher that has nothing else to write: in a transaction that it shares with whoever
    /// else publishes at this moment, several times as fast. Answers after the commit.
    ///
    /// # Errors
    /// [`WriteError`] when it was not recorded, or may not have been.
    pub async fn submit(&self, new: NewEvent) -> Result<Published, WriteError<Infallible>> {
        let prepared = self
            .inner
            .prepare(new)
            .map_err(|error| WriteError::Failed(error.message))?;
        let submission = Submission {
            tenant: prepared.new.tenant.id,
            key: prepared.key(),
            bytes: memory_bytes(prepared.new.data.as_str().len()),
            item: prepared,
        };
        self.set.submit(submission).await
    }

    /// The random id of this database, part of every event.
    pub fn origin(&self) -> &str {
        &self.inner.origin
    }
}

impl SetJob for PublishSet {
    type Item = Prepared;
    type Output = Published;
    const RANK: u8 = 10;
    const LANE: Lane = Lane::Interactive;

    fn run(&self, tx: &mut Tx<'_>, items: &mut [Prepared]) -> Result<Vec<Published>, DbError> {
        self.0.publish(tx, items)
    }
}

/// What an event with so many bytes of data takes in memory.
pub(crate) fn memory_bytes(data_bytes: usize) -> usize {
    EVENT_BYTES + data_bytes
}

impl Prepared {
    fn subject(&self) -> &str {
        match &self.subject {
            DefaultSubject::Counted(subject) | DefaultSubject::Single(subject) => subject,
        }
    }

    /// Events of one subject are written in the order in which they came.
    fn key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.new.tenant.id, self.subject()).hash(&mut hasher);
        hasher.finish()
    }
}

impl Inner {
    /// Gives the event its id and its subject.
    fn prepare(&self, new: NewEvent) -> Result<Prepared, DbError> {
        let mut random = [0; 10];
        self.random
            .fill(&mut random)
            .map_err(|_unspecified| DbError::defect("the system gives no randomness"))?;
        let ms = u64::try_from(self.clock.now_ms()).unwrap_or_default();
        let id = EventId::new(ms, random);
        let subject = match &new.subject {
            Some(subject) => DefaultSubject::Counted(subject.clone()),
            None => default_subject(&new.event_type, &new.data, id),
        };
        Ok(Prepared { id, subject, new })
    }

    fn publish(&self, tx: &mut Tx<'_>, items: &[Prepared]) -> Result<Vec<Published>, DbError> {
        let now_ms = self.clock.now_ms();
        let conn = tx.conn();
        let events = self.number(conn, items, now_ms)?;
        insert_events(conn, &events)?;
        let endpoints = self.registry.current(conn, now_ms)?;
        let mut published = Vec::with_capacity(events.len());
        let (mut rows, mut commands) = (Vec::new(), Vec::new());
        for event in &events {
            let owed = rows.len();
            for endpoint in endpoints.of_tenant(event.tenant_id) {
                let event_type = &event.event.event_type;
                if endpoint.wants(event_type) && endpoint.profile.carries(event_type) {
                    let (row, command) = self.owe(event, endpoint, now_ms);
                    rows.push(row);
                    commands.push(command);
                }
            }
            published.push(Published {
                id: event.event.id,
                sequence: event.event.sequence,
                deliveries: rows.len() - owed,
            });
        }
        insert_deliveries(conn, &rows, now_ms)?;
        let inbox = self.inbox.clone();
        tx.after_commit(move || commands.into_iter().for_each(|command| inbox.put(command)));
        Ok(published)
    }

    /// Gives each event its place in its subject's order.
    fn number(
        &self,
        conn: &mut Conn,
        items: &[Prepared],
        now_ms: i64,
    ) -> Result<Vec<EventRow>, DbError> {
        let is_counted = |item: &Prepared| matches!(item.subject, DefaultSubject::Counted(_));
        let counted: Vec<_> = items
            .iter()
            .filter(|item| is_counted(item))
            .map(|item| (item.new.tenant.id, item.subject()))
            .collect();
        let mut sequences = next_sequences(conn, &counted)?.into_iter();
        let number = |item: &Prepared| {
            let sequence = if is_counted(item) {
                sequences.next()
            } else {
                None
            };
            let new = item.new.clone();
            EventRow {
                key: self.keys.next(now_ms),
                tenant_id: new.tenant.id,
                event: Arc::new(Event {
                    id: item.id,
                    event_type: new.event_type,
                    timestamp_ms: new.timestamp_ms,
                    tenant: new.tenant.name.to_string(),
                    subject: item.subject().to_owned(),
                    sequence: sequence.unwrap_or(1),
                    origin: self.origin.clone(),
                    data: new.data,
                    metadata: new.metadata,
                }),
            }
        };
        Ok(items.iter().map(number).collect())
    }

    /// One delivery: owned when there is room in memory for it, else left for the timer.
    fn owe(&self, row: &EventRow, endpoint: &Arc<Endpoint>, now_ms: i64) -> (DeliveryRow, Command) {
        let delivery_id = self.keys.next(now_ms);
        let bytes = memory_bytes(row.event.data.as_str().len());
        let hands_over = self.hands_over.load(Ordering::Acquire) && endpoint.is_active;
        let slot = hands_over
            .then(|| self.slots.reserve(endpoint.id, bytes))
            .flatten();
        let delivery = DeliveryRow {
            id: delivery_id,
            event_key: row.key,
            tenant_id: row.tenant_id,
            endpoint: Arc::clone(endpoint),
            owner: slot.is_some().then_some(self.node_id),
        };
        let command = match slot {
            Some(slot) => Command::Work(Work {
                delivery_id,
                claim: 1,
                attempts: 0,
                profile: endpoint.profile,
                endpoint: Arc::clone(endpoint),
                event: Arc::clone(&row.event),
                slot,
            }),
            None => Command::Waiting {
                endpoint_id: endpoint.id,
                due_at_ms: now_ms,
            },
        };
        (delivery, command)
    }
}
