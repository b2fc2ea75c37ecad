//! Publishing as its callers see it: in the caller's own transaction, or handed in and answered after the
//! commit. What is refused is refused before anything is written.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use contract::{EventId, EventType, JsonObject, SUBJECT_BYTES_MAX};
use db::{Clock, DbError, Lane, SetJob, Submission, Submitter, Tx, WriteError, Writer};
use ring::rand::SystemRandom;

use crate::dispatcher::Inbox;
use crate::event_types::{Checked, TypeRules};
use crate::fan_out::Prepared;
use crate::idempotency::{self, Decision, Idempotency};
use crate::keys::RowKeys;
use crate::metrics::Metrics;
use crate::registry::{Registry, Snapshot, Tenant};
use crate::slots::Slots;

/// What an event holds in memory beyond its data.
const EVENT_BYTES: usize = 512;
/// Bytes of a batch's events that are handed in before others have a turn.
const TOGETHER_BYTES: usize = 4 * 1024;
/// Longest `Idempotency-Key`, bytes.
const KEY_BYTES_MAX: usize = 255;

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
    /// Its member `traceparent` (W3C Trace Context), if it is one, goes along as a header.
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

/// An event from outside, with what makes asking again safe.
#[derive(Debug, Clone)]
pub struct PublishRequest {
    pub event: NewEvent,
    /// The publisher's own id: the same event again is answered, another one under it refused.
    pub id: Option<EventId>,
    /// For 24 hours the same request under it is answered with the first one's event.
    pub idempotency_key: Option<String>,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub published: Published,
    /// It had been published before; nothing was done now.
    pub repeated: bool,
    /// How the data departs from its type's schema, where that is only warned of.
    pub warnings: Vec<String>,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishRefusal {
    #[error(
        "data and metadata have {bytes} bytes, more than ingest.delivery.event_bytes_max ({max})"
    )]
    TooLarge { bytes: usize, max: usize },
    #[error(
        "subject: 1 to {SUBJECT_BYTES_MAX} bytes, as in invoice/inv_123, without control characters"
    )]
    Subject,
    #[error("type: {0} is published by the engine itself")]
    Reserved(EventType),
    #[error("data: it departs from the schema of {event_type}: {}", errors.join("; "))]
    Schema {
        event_type: EventType,
        errors: Vec<String>,
    },
    #[error("Idempotency-Key: 1 to {KEY_BYTES_MAX} visible characters")]
    Key,
    #[error("Idempotency-Key: it was used for another request within 24 hours")]
    KeyTaken,
    #[error("id: another event has it")]
    IdTaken,
}

/// Publishes events. Clones share it.
#[derive(Clone)]
pub struct Publisher {
    pub(crate) inner: Arc<Inner>,
    set: Submitter<PublishSet<false>>,
    bulk: Submitter<PublishSet<true>>,
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
    pub(crate) metrics: Arc<Metrics>,
}

/// What one submission holds.
pub(crate) struct Item {
    prepared: Prepared,
    idempotency: Option<Idempotency>,
    /// The version of the event types by which its data were checked; `None`: they are not.
    checked: Option<i64>,
}

/// Publishes all waiting events with a few statements.
pub(crate) struct PublishSet<const BULK: bool>(Arc<Inner>);

impl Publisher {
    pub(crate) fn new(inner: Inner, writer: &Writer) -> Self {
        let inner = Arc::new(inner);
        let set = writer.register(PublishSet(Arc::clone(&inner)));
        let bulk = writer.register(PublishSet(Arc::clone(&inner)));
        Self { inner, set, bulk }
    }

    /// Records the event and what is owed because of it, in the caller's transaction. For events of our own
    /// making: neither size nor schema is looked at.
    ///
    /// # Errors
    /// [`DbError`]: pass it on, the transaction is lost.
    pub fn publish(&self, tx: &mut Tx<'_>, new: NewEvent) -> Result<Published, DbError> {
        let prepared = self.inner.prepare(new, None)?;
        let (inner, conn) = (&self.inner, tx.conn());
        let snapshot = inner.registry.current(conn, inner.clock.now_ms())?;
        let mut published = inner.publish(tx, &snapshot, &[&prepared])?;
        let only = published.pop();
        only.ok_or_else(|| DbError::defect("one event is published as one"))
    }

    /// The same for a publisher that has nothing else to write: in a transaction that it shares with whoever
    /// else publishes at this moment, several times as fast. Answers after the commit.
    ///
    /// # Errors
    /// [`WriteError`] when it was not recorded, or may not have been.
    pub async fn submit(&self, new: NewEvent) -> Result<Published, WriteError<Infallible>> {
        let prepared = self.prepared(new, None)?;
        let item = Item {
            prepared,
            idempotency: None,
            checked: None,
        };
        match self.set.submit(item.submission()).await? {
            Ok((published, _)) => Ok(published),
            Err(refusal) => Err(WriteError::Failed(refusal.to_string())),
        }
    }

    /// Publishes what somebody outside wants published, after checking it.
    ///
    /// # Errors
    /// [`WriteError::Refused`] with the reason; the others when it was not recorded, or may not have been.
    pub async fn accept(
        &self,
        request: PublishRequest,
    ) -> Result<Accepted, WriteError<PublishRefusal>> {
        self.accept_in(&self.set, request).await
    }

    /// Publishes many, each accepted or refused by itself, answered in order. Takes little of the writer's room, and
    /// lets others have the thread in between, so that a batch holds up nobody. A request that is an error already
    /// stays one.
    pub async fn accept_all<E>(
        &self,
        requests: impl IntoIterator<Item = Result<PublishRequest, E>>,
    ) -> Vec<Result<Result<Accepted, WriteError<PublishRefusal>>, E>> {
        let (mut answers, mut bytes) = (Vec::new(), 0);
        for request in requests {
            let answer = request.map(|request| {
                bytes += memory_bytes(request.event.data.as_str().len());
                self.accept_in(&self.bulk, request)
            });
            answers.push(async { Ok(answer?.await) });
            if bytes >= TOGETHER_BYTES {
                bytes = 0;
                tokio::task::yield_now().await;
            }
        }
        futures_util::future::join_all(answers).await
    }

    /// Hands it in at once; the answer comes after the commit.
    fn accept_in<const BULK: bool>(
        &self,
        set: &Submitter<PublishSet<BULK>>,
        request: PublishRequest,
    ) -> impl Future<Output = Result<Accepted, WriteError<PublishRefusal>>> + Send + use<BULK> {
        let handed_in = self.hand_in(set, request);
        async {
            let (written, warnings) = handed_in?;
            let written = written.await.map_err(widen)?;
            let (published, repeated) = written.map_err(WriteError::Refused)?;
            Ok(Accepted {
                published,
                repeated,
                warnings,
            })
        }
    }

    /// The answer to come, and what is warned of.
    fn hand_in<const BULK: bool>(
        &self,
        set: &Submitter<PublishSet<BULK>>,
        request: PublishRequest,
    ) -> Result<
        (
            impl Future<Output = db::Answer<PublishSet<BULK>>> + Send + use<BULK>,
            Vec<String>,
        ),
        WriteError<PublishRefusal>,
    > {
        let (version, warnings) = self.inner.check(&request).map_err(WriteError::Refused)?;
        let idempotency = Idempotency::of(&request);
        let item = Item {
            prepared: self.prepared(request.event, request.id)?,
            idempotency,
            checked: Some(version),
        };
        Ok((set.submit(item.submission()), warnings))
    }

    fn prepared<E>(&self, new: NewEvent, id: Option<EventId>) -> Result<Prepared, WriteError<E>> {
        let prepared = self.inner.prepare(new, id);
        prepared.map_err(|error| WriteError::Failed(error.message))
    }

    /// The random id of this database, part of every event.
    pub fn origin(&self) -> &str {
        &self.inner.origin
    }
}

/// A set job refuses by what it answers, never by this.
pub(crate) fn widen<E>(error: WriteError<Infallible>) -> WriteError<E> {
    match error {
        WriteError::Busy => WriteError::Busy,
        WriteError::Unavailable(cause) => WriteError::Unavailable(cause),
        WriteError::OutcomeUnknown(cause) => WriteError::OutcomeUnknown(cause),
        WriteError::Failed(cause) => WriteError::Failed(cause),
        WriteError::Refused(never) => match never {},
    }
}

impl Item {
    /// A type may have got another schema since the data were checked, in this process or another.
    fn still_fits(&self, snapshot: &Snapshot) -> Result<(), PublishRefusal> {
        match self.checked {
            Some(version) if version != snapshot.version => {
                check_data(&snapshot.types, &self.prepared.new).map(drop)
            }
            _ => Ok(()),
        }
    }

    fn submission(self) -> Submission<Self> {
        Submission {
            tenant: self.prepared.tenant_id(),
            key: self.prepared.order_key().unsigned_abs(),
            bytes: memory_bytes(self.prepared.data_bytes()),
            item: self,
        }
    }
}

impl<const BULK: bool> SetJob for PublishSet<BULK> {
    type Item = Item;
    /// The event, and whether it had been published before.
    type Output = Result<(Published, bool), PublishRefusal>;
    const RANK: u8 = 10;
    const LANE: Lane = if BULK { Lane::Bulk } else { Lane::Interactive };

    fn run(&self, tx: &mut Tx<'_>, items: &mut [Item]) -> Result<Vec<Self::Output>, DbError> {
        let now_ms = self.0.clock.now_ms();
        let snapshot = self.0.registry.current(tx.conn(), now_ms)?;
        let asked = items
            .iter()
            .map(|item| (&item.prepared, item.idempotency.as_ref()));
        let asked: Vec<_> = asked.collect();
        let fit = |place: usize| match items.get(place) {
            Some(item) => item.still_fits(&snapshot),
            None => Ok(()),
        };
        let decisions = idempotency::decide(tx.conn(), &asked, fit, now_ms)?;
        let fresh: Vec<_> = items
            .iter()
            .zip(&decisions)
            .filter(|(_, decision)| matches!(decision, Decision::Publish))
            .map(|(item, _)| &item.prepared)
            .collect();
        let mut published = self.0.publish(tx, &snapshot, &fresh)?.into_iter();
        let mut answers: Vec<Option<Self::Output>> = Vec::with_capacity(items.len());
        for decision in &decisions {
            answers.push(match decision {
                Decision::Publish => published.next().map(|published| Ok((published, false))),
                Decision::Known(published) => Some(Ok((published.clone(), true))),
                Decision::Refuse(refusal) => Some(Err(refusal.clone())),
                Decision::SameAs(_) => None,
            });
        }
        let all = decisions.iter().enumerate().map(|(place, decision)| {
            let (first, repeated) = match decision {
                Decision::SameAs(first) => (*first, true),
                _ => (place, false),
            };
            let answer = answers.get(first).cloned().flatten();
            let answer = answer.ok_or_else(|| DbError::defect("an event was not published"))?;
            Ok(answer.map(|(published, known)| (published, known || repeated)))
        });
        all.collect()
    }
}

/// What an event with so many bytes of data takes in memory.
pub(crate) fn memory_bytes(data_bytes: usize) -> usize {
    EVENT_BYTES + data_bytes
}

impl Inner {
    /// Everything that can be said before the database is asked.
    fn check(&self, request: &PublishRequest) -> Result<(i64, Vec<String>), PublishRefusal> {
        let event = &request.event;
        let metadata = event.metadata.as_ref().map_or(0, |m| m.as_str().len());
        let bytes = event.data.as_str().len() + metadata;
        let max = self.registry.defaults.event_bytes_max;
        if bytes > max {
            return Err(PublishRefusal::TooLarge { bytes, max });
        }
        let fits = |subject: &String| {
            (1..=SUBJECT_BYTES_MAX).contains(&subject.len()) && !subject.contains(char::is_control)
        };
        if !event.subject.as_ref().is_none_or(fits) {
            return Err(PublishRefusal::Subject);
        }
        let event_type = &event.event_type;
        if contract::is_operational(event_type) || *event_type == EventType::PROBE {
            return Err(PublishRefusal::Reserved(event_type.clone()));
        }
        let usable = |key: &String| {
            (1..=KEY_BYTES_MAX).contains(&key.len())
                && key.bytes().all(|b| (b' '..=b'~').contains(&b))
        };
        if !request.idempotency_key.as_ref().is_none_or(usable) {
            return Err(PublishRefusal::Key);
        }
        let snapshot = self.registry.cached();
        Ok((snapshot.version, check_data(&snapshot.types, event)?))
    }
}

/// Checks data against the schema of their type; answers what is only warned of.
fn check_data(types: &TypeRules, event: &NewEvent) -> Result<Vec<String>, PublishRefusal> {
    match types.check(event.tenant.id, &event.event_type, &event.data) {
        Checked::Fits => Ok(Vec::new()),
        Checked::Warned(warnings) => Ok(warnings),
        Checked::Refused(errors) => Err(PublishRefusal::Schema {
            event_type: event.event_type.clone(),
            errors,
        }),
    }
}
