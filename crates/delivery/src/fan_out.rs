//! From an event to what is owed because of it: its place in its subject's order, and one delivery for each
//! endpoint that asked for it, all in one transaction. After the commit the deliveries go straight to the
//! dispatcher. An event that more endpoints want than one transaction should write leaves a durable marker,
//! from which the rest is written in portions.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering as Memory;

use contract::{DefaultSubject, Event, EventId, EventType, default_subject, is_operational};
use db::{Conn, DbError, Tx, sql};
use diesel::sql_types::BigInt;
use ring::digest::{SHA256, digest};
use ring::rand::SecureRandom;

use crate::claim;
use crate::dispatcher::{Command, Work};
use crate::endpoint::Endpoint;
use crate::filter::{Subject, Verdict};
use crate::publish::{Inner, NewEvent, Published, memory_bytes};
use crate::publish_rows::{
    DeliveryRow, EventRow, insert_deliveries, insert_events, next_sequences,
};
use crate::registry::Snapshot;
use crate::subscription::Ordering;

/// Most deliveries of one event that one transaction writes.
pub(crate) const FAN_OUT_MAX: usize = 256;

/// When a delivery that waits for an earlier one of its subject is due: never, until that one has ended.
pub(crate) const BEHIND_MS: i64 = i64::MAX / 4;

/// An event with what is known of it before its transaction: the same in every run.
pub(crate) struct Prepared {
    pub(crate) id: EventId,
    subject: DefaultSubject,
    pub(crate) new: NewEvent,
    order_key: i64,
    /// Who wants it, as of a version of the subscriptions.
    wanted: (i64, Vec<Arc<Endpoint>>),
}

/// The stable hash by which deliveries of one subject find each other.
pub(crate) fn order_key(tenant_id: i64, subject: &str) -> i64 {
    let text = format!("{tenant_id}/{subject}");
    let hash = digest(&SHA256, text.as_bytes());
    let first = hash
        .as_ref()
        .first_chunk::<8>()
        .copied()
        .unwrap_or_default();
    i64::from_be_bytes(first)
}

impl Prepared {
    pub(crate) fn subject(&self) -> &str {
        match &self.subject {
            DefaultSubject::Counted(subject) | DefaultSubject::Single(subject) => subject,
        }
    }

    fn is_counted(&self) -> bool {
        matches!(self.subject, DefaultSubject::Counted(_))
    }

    pub(crate) fn tenant_id(&self) -> i64 {
        self.new.tenant.id
    }

    pub(crate) fn data_bytes(&self) -> usize {
        self.new.data.as_str().len()
    }

    /// Events of one subject are written in the order in which they came.
    pub(crate) fn order_key(&self) -> i64 {
        self.order_key
    }
}

/// Deliveries about to be written.
#[derive(Default)]
struct Owed {
    rows: Vec<DeliveryRow>,
    commands: Vec<Command>,
    /// Endpoints and subjects that have something pending since this transaction.
    pending: HashSet<(i64, i64)>,
}

impl Inner {
    /// Gives the event its id and its subject, and finds out who wants it as far as is known here: filters are
    /// evaluated before the transaction, not in it.
    pub(crate) fn prepare(&self, new: NewEvent, id: Option<EventId>) -> Result<Prepared, DbError> {
        let mut random = [0; 10];
        self.random
            .fill(&mut random)
            .map_err(|_unspecified| DbError::defect("the system gives no randomness"))?;
        let ms = u64::try_from(self.clock.now_ms()).unwrap_or_default();
        let id = id.unwrap_or_else(|| EventId::new(ms, random));
        let subject = match &new.subject {
            Some(subject) => DefaultSubject::Counted(subject.clone()),
            None => default_subject(&new.event_type, &new.data, id),
        };
        let mut prepared = Prepared {
            id,
            order_key: 0,
            subject,
            new,
            wanted: (0, Vec::new()),
        };
        prepared.order_key = order_key(prepared.tenant_id(), prepared.subject());
        let snapshot = self.registry.cached();
        prepared.wanted = (snapshot.version, self.wanted_now(&snapshot, &prepared));
        Ok(prepared)
    }

    fn wanted_now(&self, snapshot: &Snapshot, item: &Prepared) -> Vec<Arc<Endpoint>> {
        let subject = || Subject::of(&self.event(item, 1));
        let about = (&item.new.event_type, item.subject());
        self.wanted(snapshot, item.tenant_id(), about, subject)
    }

    /// The endpoints of a tenant that want an event, in the order of their ids. `shown`, the event as filters see
    /// it, is made only when there is a filter.
    pub(crate) fn wanted(
        &self,
        snapshot: &Snapshot,
        tenant_id: i64,
        about: (&EventType, &str),
        shown: impl Fn() -> Option<Subject>,
    ) -> Vec<Arc<Endpoint>> {
        let (event_type, event_subject) = about;
        // News of an endpoint would not reach it, or tell it nothing.
        let is_news = is_operational(event_type);
        let is_itself = |endpoint: &Endpoint| {
            is_news && event_subject.strip_prefix("endpoint/") == Some(endpoint.uuid.as_str())
        };
        let mut subject: Option<Option<Subject>> = None;
        let mut passes = |endpoint: &Endpoint| {
            let Some(filter) = &endpoint.filter else {
                return true;
            };
            let verdict = match subject.get_or_insert_with(&shown) {
                Some(subject) => filter.judge(subject),
                None => Verdict::Undecided("the event cannot be shown to filters".into()),
            };
            if let Verdict::Undecided(cause) = &verdict {
                self.metrics.filter_undecided();
                tracing::debug!(endpoint = endpoint.uuid, %cause, "a filter could not decide");
            }
            verdict == Verdict::Wanted
        };
        let endpoints = snapshot.of_tenant(tenant_id).iter();
        endpoints
            .filter(|endpoint| {
                endpoint.wants(event_type) && !is_itself(endpoint) && passes(endpoint)
            })
            .map(Arc::clone)
            .collect()
    }

    /// Publishes in a transaction.
    pub(crate) fn publish(
        &self,
        tx: &mut Tx<'_>,
        snapshot: &Snapshot,
        items: &[&Prepared],
    ) -> Result<Vec<Published>, DbError> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let now_ms = self.clock.now_ms();
        let conn = tx.conn();
        let events = self.number(conn, items, now_ms)?;
        insert_events(conn, &events)?;
        let mut published = Vec::with_capacity(events.len());
        let mut owed = Owed::default();
        for (item, event) in items.iter().zip(&events) {
            let again;
            let wanted = match &item.wanted {
                (version, wanted) if *version == snapshot.version => wanted,
                _ => {
                    again = self.wanted_now(snapshot, item);
                    &again
                }
            };
            for endpoint in wanted.iter().take(FAN_OUT_MAX) {
                self.owe(conn, &mut owed, event, endpoint, item.is_counted(), now_ms)?;
            }
            if wanted.len() > FAN_OUT_MAX
                && let Some(last) = wanted.get(FAN_OUT_MAX - 1)
            {
                mark(conn, event, last.id)?;
                owed.commands.push(Command::Chores);
            }
            published.push(Published {
                id: event.event.id,
                sequence: event.event.sequence,
                deliveries: wanted.len(),
            });
        }
        self.write(tx, owed)?;
        Ok(published)
    }

    /// Writes deliveries of an event that is stored already, in the portion that [`FAN_OUT_MAX`] allows.
    pub(crate) fn owe_all(
        &self,
        tx: &mut Tx<'_>,
        event: &EventRow,
        endpoints: &[Arc<Endpoint>],
        in_order: bool,
    ) -> Result<(), DbError> {
        let now_ms = self.clock.now_ms();
        let mut owed = Owed::default();
        for endpoint in endpoints {
            self.owe(tx.conn(), &mut owed, event, endpoint, in_order, now_ms)?;
        }
        self.write(tx, owed)
    }

    fn write(&self, tx: &mut Tx<'_>, owed: Owed) -> Result<(), DbError> {
        insert_deliveries(tx.conn(), &owed.rows)?;
        let (inbox, commands) = (self.inbox.clone(), owed.commands);
        tx.after_commit(move || commands.into_iter().for_each(|command| inbox.put(command)));
        Ok(())
    }

    /// Gives each event its place in its subject's order.
    fn number(
        &self,
        conn: &mut Conn,
        items: &[&Prepared],
        now_ms: i64,
    ) -> Result<Vec<EventRow>, DbError> {
        let counted: Vec<_> = items
            .iter()
            .filter(|item| item.is_counted())
            .map(|item| (item.tenant_id(), item.subject()))
            .collect();
        let mut sequences = next_sequences(conn, &counted)?.into_iter();
        let number = |item: &&Prepared| {
            let sequence = if item.is_counted() {
                sequences.next()
            } else {
                None
            };
            EventRow {
                key: self.keys.next(now_ms),
                tenant_id: item.tenant_id(),
                event: Arc::new(self.event(item, sequence.unwrap_or(1))),
            }
        };
        Ok(items.iter().map(number).collect())
    }

    fn event(&self, item: &Prepared, sequence: i64) -> Event {
        let new = item.new.clone();
        Event {
            id: item.id,
            event_type: new.event_type,
            timestamp_ms: new.timestamp_ms,
            tenant: new.tenant.name.to_string(),
            subject: item.subject().to_owned(),
            sequence,
            origin: self.origin.clone(),
            data: new.data,
            metadata: new.metadata,
        }
    }

    /// One delivery: owned when there is room in memory for it and nothing of its subject stands before it,
    /// else left for the timer.
    fn owe(
        &self,
        conn: &mut Conn,
        owed: &mut Owed,
        row: &EventRow,
        endpoint: &Arc<Endpoint>,
        in_order: bool,
        now_ms: i64,
    ) -> Result<(), DbError> {
        let order = (in_order && endpoint.ordering == Ordering::Subject).then(|| {
            (
                order_key(row.tenant_id, &row.event.subject),
                row.event.sequence,
            )
        });
        let is_behind = match order {
            Some((key, _)) => {
                !owed.pending.insert((endpoint.id, key))
                    || claim::is_pending(conn, endpoint.id, key)?
            }
            None => false,
        };
        let bytes = memory_bytes(row.event.data.as_str().len());
        let hands_over = self.hands_over.load(Memory::Acquire) && endpoint.is_active && !is_behind;
        let slot = hands_over
            .then(|| self.slots.reserve(endpoint.id, bytes))
            .flatten();
        let delivery_id = self.keys.next(now_ms);
        owed.rows.push(DeliveryRow {
            id: delivery_id,
            event_key: row.key,
            tenant_id: row.tenant_id,
            endpoint: Arc::clone(endpoint),
            owner: slot.is_some().then_some(self.node_id),
            due_at_ms: if is_behind { BEHIND_MS } else { now_ms },
            order,
        });
        match slot {
            Some(slot) => owed.commands.push(Command::Work(Work {
                delivery_id,
                claim: 1,
                attempts: 0,
                attempts_before: 0,
                order_key: order.map(|(key, _)| key),
                due_at_ms: now_ms,
                profile: endpoint.profile,
                endpoint: Arc::clone(endpoint),
                event: Arc::clone(&row.event),
                slot,
            })),
            None if !is_behind => owed.commands.push(Command::Waiting {
                endpoint_id: endpoint.id,
                due_at_ms: now_ms,
            }),
            None => {}
        }
        Ok(())
    }

    /// After the commit, an endpoint that was left alone is tried at once.
    pub(crate) fn enabled(&self, tx: &mut Tx<'_>, endpoint_id: i64) {
        let inbox = self.inbox.clone();
        tx.after_commit(move || inbox.put(Command::Enabled { endpoint_id }));
    }

    /// After the commit, there is something to be done in portions.
    pub(crate) fn chores(&self, tx: &mut Tx<'_>) {
        let inbox = self.inbox.clone();
        tx.after_commit(move || inbox.put(Command::Chores));
    }

    /// After the commit, something of this endpoint is worth a look in the table.
    pub(crate) fn wake(&self, tx: &mut Tx<'_>, endpoint_id: i64, due_at_ms: i64) {
        let inbox = self.inbox.clone();
        tx.after_commit(move || {
            inbox.put(Command::Waiting {
                endpoint_id,
                due_at_ms,
            });
        });
    }
}

fn mark(conn: &mut Conn, event: &EventRow, after: i64) -> Result<(), DbError> {
    conn.execute(
        sql("INSERT INTO fan_outs (event_id, tenant_id, after_subscription_id) VALUES (?, ?, ?)")
            .bind(event.key)
            .bind(event.tenant_id)
            .bind(after),
    )?;
    Ok(())
}

/// Writes the next portion of one event's deliveries; true when there is more to do. Endpoints count as they are
/// now, which may differ from when the event was published.
pub(crate) fn go_on(inner: &Inner, tx: &mut Tx<'_>) -> Result<bool, DbError> {
    #[derive(diesel::QueryableByName)]
    struct Marker {
        #[diesel(sql_type = BigInt)]
        event_id: i64,
        #[diesel(sql_type = BigInt)]
        after_subscription_id: i64,
    }
    let lock = claim::skip_locked(tx.conn());
    let marker: Option<Marker> = tx.conn().row(sql(format!(
        "SELECT event_id, after_subscription_id FROM fan_outs ORDER BY event_id LIMIT 1{lock}"
    )))?;
    let Some(marker) = marker else {
        return Ok(false);
    };
    let snapshot = inner.registry.current(tx.conn(), inner.clock.now_ms())?;
    let event = claim::stored_event(tx.conn(), &inner.origin, marker.event_id)?;
    let mut rest: Vec<Arc<Endpoint>> = match &event {
        Some(row) => {
            let event = &row.event;
            let shown = || Subject::of(event);
            let about = (&event.event_type, event.subject.as_str());
            inner.wanted(&snapshot, row.tenant_id, about, shown)
        }
        None => Vec::new(),
    };
    rest.retain(|endpoint| endpoint.id > marker.after_subscription_id);
    let is_last = rest.len() <= FAN_OUT_MAX;
    rest.truncate(FAN_OUT_MAX);
    if let Some(event) = &event {
        let in_order = !event.event.subject.starts_with("event/");
        inner.owe_all(tx, event, &rest, in_order)?;
    }
    match rest.last() {
        Some(last) if !is_last => tx.conn().execute(
            sql("UPDATE fan_outs SET after_subscription_id = ? WHERE event_id = ?")
                .bind(last.id)
                .bind(marker.event_id),
        )?,
        _ => tx
            .conn()
            .execute(sql("DELETE FROM fan_outs WHERE event_id = ?").bind(marker.event_id))?,
    };
    Ok(true)
}
