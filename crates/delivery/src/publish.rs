//! Publishing: the event, its place in its subject's order and one delivery for each endpoint that asked
//! for it, all in the caller's transaction. After the commit the deliveries go straight to the dispatcher.

use std::sync::Arc;

use contract::{DefaultSubject, Event, EventId, EventType, JsonObject, default_subject};
use db::{Clock, DbError, Tx, sql};
use diesel::sql_types::BigInt;
use ring::rand::{SecureRandom, SystemRandom};

use crate::dispatcher::{Command, Inbox, Work};
use crate::endpoint::Endpoint;
use crate::engine::Tenant;
use crate::keys::RowKeys;
use crate::registry::Registry;
use crate::slots::Slots;

/// Version of the rules by which profiles render an event; stored with it.
const RENDER_VERSION: i64 = 1;
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
    pub(crate) enabled: bool,
}

#[derive(diesel::QueryableByName)]
struct Sequence {
    #[diesel(sql_type = BigInt)]
    last_sequence: i64,
}

impl Publisher {
    /// Records the event and what is owed because of it, in the caller's transaction.
    ///
    /// # Errors
    /// [`DbError`]: pass it on, the transaction is lost.
    pub fn publish(&self, tx: &mut Tx<'_>, new: NewEvent) -> Result<Published, DbError> {
        let inner = &*self.inner;
        let now_ms = inner.clock.now_ms();
        let event = Arc::new(inner.number(tx, new, now_ms)?);
        let event_key = inner.insert_event(tx, &event, now_ms)?;
        let snapshot = inner.registry.current(tx.conn(), now_ms)?;
        let tenant_id = event.tenant_id;
        let mut owed = 0;
        for endpoint in snapshot.of_tenant(tenant_id) {
            let event_type = &event.event.event_type;
            if endpoint.wants(event_type) && endpoint.profile.carries(event_type) {
                inner.owe(tx, &event, event_key, endpoint, now_ms)?;
                owed += 1;
            }
        }
        Ok(Published {
            id: event.event.id,
            sequence: event.event.sequence,
            deliveries: owed,
        })
    }

    /// The random id of this database, part of every event.
    pub fn origin(&self) -> &str {
        &self.inner.origin
    }
}

/// What an event held for a delivery takes in memory.
pub(crate) fn memory_bytes(event: &Event) -> usize {
    EVENT_BYTES + event.data.as_str().len()
}

/// An event with the key of the tenant it belongs to.
pub(crate) struct Owned {
    tenant_id: i64,
    event: Arc<Event>,
}

impl Inner {
    /// Gives the event its id, its subject and its place in the subject's order.
    fn number(&self, tx: &mut Tx<'_>, new: NewEvent, now_ms: i64) -> Result<Owned, DbError> {
        let mut random = [0; 10];
        self.random
            .fill(&mut random)
            .map_err(|_unspecified| DbError::defect("the system gives no randomness"))?;
        let id = EventId::new(u64::try_from(now_ms).unwrap_or_default(), random);
        let subject = match new.subject {
            Some(subject) => DefaultSubject::Counted(subject),
            None => default_subject(&new.event_type, &new.data, id),
        };
        let (subject, sequence) = match subject {
            DefaultSubject::Single(subject) => (subject, 1),
            DefaultSubject::Counted(subject) => {
                let row: Sequence = tx.conn().one(
                    sql("INSERT INTO subject_sequences (tenant_id, subject, last_sequence) \
                         VALUES (?, ?, 1) ON CONFLICT (tenant_id, subject) DO UPDATE \
                         SET last_sequence = subject_sequences.last_sequence + 1 \
                         RETURNING last_sequence")
                    .bind(new.tenant.id)
                    .bind(&subject),
                )?;
                (subject, row.last_sequence)
            }
        };
        Ok(Owned {
            tenant_id: new.tenant.id,
            event: Arc::new(Event {
                id,
                event_type: new.event_type,
                timestamp_ms: new.timestamp_ms,
                tenant: new.tenant.name.to_string(),
                subject,
                sequence,
                origin: self.origin.clone(),
                data: new.data,
                metadata: new.metadata,
            }),
        })
    }

    fn insert_event(&self, tx: &mut Tx<'_>, owned: &Owned, now_ms: i64) -> Result<i64, DbError> {
        let key = self.keys.next(now_ms);
        let event = &owned.event;
        tx.conn().execute(
            sql("INSERT INTO events (id, ulid, tenant_id, event_type, subject, sequence, \
                 timestamp_ms, data, metadata, render_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(key)
            .bind(event.id.to_bytes().to_vec())
            .bind(owned.tenant_id)
            .bind(event.event_type.as_str())
            .bind(&event.subject)
            .bind(event.sequence)
            .bind(event.timestamp_ms)
            .bind(event.data.as_str().as_bytes())
            .bind(event.metadata.as_ref().map(|m| m.as_str().as_bytes()))
            .bind(RENDER_VERSION),
        )?;
        Ok(key)
    }

    /// One delivery: owned when there is room in memory for it, else left for the timer.
    fn owe(
        &self,
        tx: &mut Tx<'_>,
        owned: &Owned,
        event_key: i64,
        endpoint: &Arc<Endpoint>,
        now_ms: i64,
    ) -> Result<(), DbError> {
        let delivery_id = self.keys.next(now_ms);
        let bytes = memory_bytes(&owned.event);
        let slot = (self.enabled && endpoint.is_active)
            .then(|| self.slots.reserve(endpoint.id, bytes))
            .flatten();
        tx.conn().execute(
            sql("INSERT INTO deliveries (id, event_id, subscription_id, tenant_id, profile, state, \
                 due_at_ms, owner, claim) VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?)")
            .bind(delivery_id)
            .bind(event_key)
            .bind(endpoint.id)
            .bind(owned.tenant_id)
            .bind(endpoint.profile.to_db())
            .bind(now_ms)
            .bind(slot.is_some().then_some(self.node_id))
            .bind(slot.is_some()),
        )?;
        let command = match slot {
            Some(slot) => Command::Work(Work {
                delivery_id,
                claim: 1,
                attempts: 0,
                profile: endpoint.profile,
                endpoint: Arc::clone(endpoint),
                event: Arc::clone(&owned.event),
                slot,
            }),
            None => Command::Waiting {
                endpoint_id: endpoint.id,
                due_at_ms: now_ms,
            },
        };
        let inbox = self.inbox.clone();
        tx.after_commit(move || inbox.put(command));
        Ok(())
    }
}
