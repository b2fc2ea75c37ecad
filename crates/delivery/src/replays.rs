//! Replays: events of the past sent again, as a job that survives restarts. Each step is one transaction that adds
//! deliveries and moves the job's place on, so that it goes on where it was, whoever takes it up.

use std::sync::Arc;

use contract::{EventId, TypePattern};
use db::{Conn, DbError, Lane, Tx, TxError, WriteError, Writer, sql};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, SmallInt, Text};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::claim::{skip_locked, stored_event};
use crate::deliveries::key_at;
use crate::endpoint::Endpoint;
use crate::fan_out::FAN_OUT_MAX;
use crate::filter::Subject;
use crate::page::{Page, Paged, total};
use crate::publish::{Inner, Publisher};
use crate::registry::{Snapshot, Tenant};

/// Most events that one step reads.
const EVENTS_MAX: i64 = 64;
/// How often a job's rate is applied.
const STEP_MS: i64 = 1_000;
/// Bounds of a rate, deliveries a second.
const RATE_MAX: u32 = 10_000;
/// Highest number of deliveries to which a preview counts.
pub const PREVIEW_MAX: i64 = 1_000_000;

/// What is sent again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplaySpec {
    /// Events recorded from then on, Unix milliseconds.
    pub since_ms: i64,
    /// Before then; `None`: before the replay was asked for.
    pub until_ms: Option<i64>,
    /// Only to this subscription; else to all that want the event now.
    pub subscription: Option<Uuid>,
    /// Event types or patterns; empty: all.
    pub types: Vec<String>,
    /// Only where a delivery of the event to the endpoint stands like this: 1 pending, 2 delivered, 3 dead; empty:
    /// whether there is one or not.
    pub states: Vec<i16>,
    /// Only these events, by their row keys, in order; `None`: all of the time.
    #[serde(default)]
    pub events: Option<Vec<i64>>,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayState {
    Running,
    Completed,
    Cancelled,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// Its row key, shown as `rpl_…` like a delivery's.
    pub id: i64,
    pub spec: ReplaySpec,
    pub rate_per_second: i64,
    pub state: ReplayState,
    /// Events in its range when it was made, counted up to [`PREVIEW_MAX`].
    pub expected: i64,
    /// Deliveries added so far.
    pub queued: i64,
    /// The share of its time range that is done, percent.
    pub progress_percent: i64,
    pub created_at_ms: i64,
    pub finished_at_ms: Option<i64>,
}

/// Why a replay was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayRefusal {
    #[error("there is no such replay, or it is over")]
    NotFound,
    #[error("subscription: there is no such subscription")]
    Subscription,
    #[error("types: `{0}` is not an event type or a pattern such as file.*")]
    Types(String),
    #[error("states: pending, delivered and dead are known")]
    States,
    #[error("until: it must lie after since")]
    Range,
    #[error("rate_per_second: 1 to {RATE_MAX}")]
    Rate,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    tenant_id: i64,
    #[diesel(sql_type = Text)]
    wanted: String,
    #[diesel(sql_type = BigInt)]
    rate_per_second: i64,
    #[diesel(sql_type = SmallInt)]
    state: i16,
    #[diesel(sql_type = BigInt)]
    expected: i64,
    #[diesel(sql_type = BigInt)]
    queued: i64,
    #[diesel(sql_type = BigInt)]
    after_event_id: i64,
    #[diesel(sql_type = BigInt)]
    after_subscription_id: i64,
    #[diesel(sql_type = BigInt)]
    until_event_id: i64,
    #[diesel(sql_type = BigInt)]
    created_at_ms: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    finished_at_ms: Option<i64>,
}

#[derive(QueryableByName)]
struct Key {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

const COLUMNS: &str = "id, tenant_id, wanted, rate_per_second, state, expected, queued, after_event_id, \
    after_subscription_id, until_event_id, created_at_ms, finished_at_ms";

impl Row {
    fn spec(&self) -> Result<ReplaySpec, DbError> {
        serde_json::from_str(&self.wanted).map_err(|e| DbError::defect(e.to_string()))
    }

    fn replay(self) -> Result<Replay, DbError> {
        let spec = self.spec()?;
        let (first, last) = (key_at(spec.since_ms), self.until_event_id);
        let done = self.after_event_id.clamp(first, last.max(first)) - first;
        let state = match self.state {
            1 => ReplayState::Running,
            2 => ReplayState::Completed,
            _ => ReplayState::Cancelled,
        };
        let progress = match &spec.events {
            Some(events) => {
                let done = events.partition_point(|key| *key < self.after_event_id);
                i64::try_from(done * 100 / events.len().max(1)).unwrap_or(100)
            }
            // Keys count in steps too fine to multiply; whole milliseconds do.
            None => ((done >> 22) * 100) / ((last - first) >> 22).max(1),
        };
        Ok(Replay {
            id: self.id,
            spec,
            rate_per_second: self.rate_per_second,
            progress_percent: if state == ReplayState::Completed {
                100
            } else {
                progress
            },
            state,
            expected: self.expected,
            queued: self.queued,
            created_at_ms: self.created_at_ms,
            finished_at_ms: self.finished_at_ms,
        })
    }
}

impl ReplaySpec {
    fn check(&self) -> Result<(), ReplayRefusal> {
        if self.until_ms.is_some_and(|until| until <= self.since_ms) {
            return Err(ReplayRefusal::Range);
        }
        if self.states.iter().any(|state| !(1..=3).contains(state)) {
            return Err(ReplayRefusal::States);
        }
        let wrong = |text: &&String| TypePattern::parse(text).is_err();
        match self.types.iter().find(wrong) {
            Some(text) => Err(ReplayRefusal::Types(text.clone())),
            None => Ok(()),
        }
    }

    fn patterns(&self) -> Vec<TypePattern> {
        self.types
            .iter()
            .filter_map(|text| TypePattern::parse(text).ok())
            .collect()
    }

    /// Only these of the tenant's events, which it has; answers also which ids it has not.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn of_events(
        self,
        conn: &mut Conn,
        tenant_id: i64,
        ids: &[EventId],
    ) -> Result<(Self, Vec<EventId>), DbError> {
        let (mut keys, mut missing) = (Vec::with_capacity(ids.len()), Vec::new());
        for id in ids {
            let found: Option<Key> = conn.row(
                sql("SELECT id FROM events WHERE ulid = ? AND tenant_id = ?")
                    .bind(id.to_bytes().to_vec())
                    .bind(tenant_id),
            )?;
            match found {
                Some(Key { id }) => keys.push(id),
                None => missing.push(*id),
            }
        }
        keys.sort_unstable();
        keys.dedup();
        let events = Some(keys);
        Ok((Self { events, ..self }, missing))
    }

    /// How many events lie in the range, whatever their types, counted up to [`PREVIEW_MAX`].
    ///
    /// # Errors
    /// [`DbError`].
    pub fn preview(&self, conn: &mut Conn, tenant_id: i64) -> Result<i64, DbError> {
        if let Some(events) = &self.events {
            return Ok(i64::try_from(events.len()).unwrap_or(PREVIEW_MAX));
        }
        let until = self.until_ms.map_or(i64::MAX, key_at);
        let found = sql(
            "SELECT count(*) AS count FROM (SELECT event_type FROM events \
             WHERE tenant_id = ? AND id >= ? AND id < ? LIMIT ?) found",
        );
        let found = found
            .bind(tenant_id)
            .bind(key_at(self.since_ms))
            .bind(until);
        total(conn, found.bind(PREVIEW_MAX))
    }

    /// Makes a job of it, which begins at once.
    ///
    /// # Errors
    /// [`ReplayRefusal`] as [`WriteError::Refused`].
    pub async fn start(
        self,
        publisher: &Publisher,
        writer: &Writer,
        tenant: &Tenant,
        rate_per_second: u32,
    ) -> Result<Replay, WriteError<ReplayRefusal>> {
        self.check().map_err(WriteError::Refused)?;
        if !(1..=RATE_MAX).contains(&rate_per_second) {
            return Err(WriteError::Refused(ReplayRefusal::Rate));
        }
        let (inner, tenant_id, spec) = (Arc::clone(&publisher.inner), tenant.id, self);
        let job = move |tx: &mut Tx<'_>| {
            let now_ms = inner.clock.now_ms();
            let conn = tx.conn();
            let snapshot = inner.registry.current(conn, now_ms)?;
            if spec.subscription.is_some() && targets(&snapshot, tenant_id, &spec).is_empty() {
                return Err(TxError::Refused(ReplayRefusal::Subscription));
            }
            let expected = spec.preview(conn, tenant_id)?;
            let id = inner.keys.next(now_ms);
            let until = spec.until_ms.map_or(id, |ms| key_at(ms).min(id));
            let wanted =
                serde_json::to_string(&spec).map_err(|e| DbError::defect(e.to_string()))?;
            conn.execute(
                sql("INSERT INTO replays (id, tenant_id, wanted, rate_per_second, state, expected, queued, \
                     after_event_id, after_subscription_id, until_event_id, next_at_ms, created_at_ms) \
                     VALUES (?, ?, ?, ?, 1, ?, 0, ?, 0, ?, ?, ?)")
                .bind(id)
                .bind(tenant_id)
                .bind(wanted)
                .bind(rate_per_second)
                .bind(expected)
                .bind(key_at(spec.since_ms))
                .bind(until)
                .bind(now_ms)
                .bind(now_ms),
            )?;
            inner.chores(tx);
            let made = Replay::find(tx.conn(), tenant_id, id)?;
            Ok(made.ok_or_else(|| DbError::defect("a replay was not stored"))?)
        };
        writer.with_tx(Lane::Interactive, tenant.id, 0, job).await
    }
}

impl Replay {
    /// One of the tenant's jobs.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn find(conn: &mut Conn, tenant_id: i64, id: i64) -> Result<Option<Self>, DbError> {
        let row: Option<Row> = conn.row(
            sql(format!(
                "SELECT {COLUMNS} FROM replays WHERE tenant_id = ? AND id = ?"
            ))
            .bind(tenant_id)
            .bind(id),
        )?;
        row.map(Row::replay).transpose()
    }

    /// The tenant's jobs, newest first.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn list(conn: &mut Conn, tenant_id: i64, page: Page) -> Result<Paged<Self>, DbError> {
        let count = sql("SELECT count(*) AS count FROM replays WHERE tenant_id = ?");
        let total = total(conn, count.bind(tenant_id))?;
        let rows: Vec<Row> = conn.rows(
            sql(format!(
                "SELECT {COLUMNS} FROM replays WHERE tenant_id = ? AND id < ? ORDER BY id DESC \
                 LIMIT ? OFFSET ?"
            ))
            .bind(tenant_id)
            .bind(page.after.unwrap_or(i64::MAX))
            .bind(page.limit_and_one())
            .bind(page.offset()),
        )?;
        let items: Result<Vec<_>, _> = rows.into_iter().map(Row::replay).collect();
        Ok(Paged::of(items?, total, page, |replay| replay.id))
    }

    /// Ends a running job; what it has added is still delivered.
    ///
    /// # Errors
    /// [`ReplayRefusal::NotFound`] as [`WriteError::Refused`].
    pub async fn cancel(
        publisher: &Publisher,
        writer: &Writer,
        tenant: &Tenant,
        id: i64,
    ) -> Result<(), WriteError<ReplayRefusal>> {
        let (clock, tenant_id) = (Arc::clone(&publisher.inner.clock), tenant.id);
        let job = move |tx: &mut Tx<'_>| {
            let cancelled = tx.conn().execute(
                sql("UPDATE replays SET state = 3, finished_at_ms = ? \
                     WHERE tenant_id = ? AND id = ? AND state = 1")
                .bind(clock.now_ms())
                .bind(tenant_id)
                .bind(id),
            )?;
            match cancelled {
                0 => Err(TxError::Refused(ReplayRefusal::NotFound)),
                _ => Ok(()),
            }
        };
        writer.with_tx(Lane::Interactive, tenant.id, 0, job).await
    }
}

fn targets(snapshot: &Snapshot, tenant_id: i64, spec: &ReplaySpec) -> Vec<Arc<Endpoint>> {
    let uuid = spec.subscription.map(|id| id.to_string());
    let wanted = |e: &&Arc<Endpoint>| uuid.as_ref().is_none_or(|uuid| *uuid == e.uuid);
    snapshot
        .of_tenant(tenant_id)
        .iter()
        .filter(wanted)
        .cloned()
        .collect()
}

/// One step of the job that is due first; true when there may be more to do at once.
pub(crate) fn step(inner: &Inner, tx: &mut Tx<'_>) -> Result<bool, DbError> {
    let now_ms = inner.clock.now_ms();
    let lock = skip_locked(tx.conn());
    let row: Option<Row> = tx.conn().row(
        sql(format!(
            "SELECT {COLUMNS} FROM replays WHERE state = 1 AND next_at_ms <= ? \
             ORDER BY next_at_ms LIMIT 1{lock}"
        ))
        .bind(now_ms),
    )?;
    let Some(row) = row else {
        return Ok(false);
    };
    let spec = row.spec()?;
    let snapshot = inner.registry.current(tx.conn(), now_ms)?;
    let mut place = Place {
        event: row.after_event_id,
        subscription: row.after_subscription_id,
        room: usize::try_from(row.rate_per_second)
            .unwrap_or(1)
            .min(FAN_OUT_MAX),
        queued: 0,
    };
    let is_over = place.go_on(inner, tx, &row, &spec, &snapshot)?;
    // So many deliveries take so long at this rate.
    let wait_ms = (place.queued * STEP_MS / row.rate_per_second.max(1)).max(1);
    tx.conn().execute(
        sql("UPDATE replays SET after_event_id = ?, after_subscription_id = ?, queued = queued + ?, \
             next_at_ms = ?, state = ?, finished_at_ms = ? WHERE id = ?")
        .bind(place.event)
        .bind(place.subscription)
        .bind(place.queued)
        .bind(now_ms + wait_ms)
        .bind(if is_over { 2_i64 } else { 1 })
        .bind(is_over.then_some(now_ms))
        .bind(row.id),
    )?;
    Ok(!is_over)
}

/// How far a job has come.
struct Place {
    /// Events before it are done; of it, endpoints up to `subscription`.
    event: i64,
    subscription: i64,
    room: usize,
    queued: i64,
}

impl Place {
    /// The next events of the job.
    fn keys(&self, conn: &mut Conn, row: &Row, spec: &ReplaySpec) -> Result<Vec<i64>, DbError> {
        if let Some(events) = &spec.events {
            let next = events.iter().skip_while(|key| **key < self.event);
            let portion = usize::try_from(EVENTS_MAX).unwrap_or(1);
            return Ok(next.take(portion).copied().collect());
        }
        let keys: Vec<Key> = conn.rows(
            sql("SELECT id FROM events WHERE tenant_id = ? AND id >= ? AND id < ? ORDER BY id LIMIT ?")
                .bind(row.tenant_id)
                .bind(self.event)
                .bind(row.until_event_id)
                .bind(EVENTS_MAX),
        )?;
        Ok(keys.into_iter().map(|key| key.id).collect())
    }

    /// Adds deliveries as long as there is room; true when the range is done.
    fn go_on(
        &mut self,
        inner: &Inner,
        tx: &mut Tx<'_>,
        row: &Row,
        spec: &ReplaySpec,
        snapshot: &Snapshot,
    ) -> Result<bool, DbError> {
        let keys = self.keys(tx.conn(), row, spec)?;
        let is_last = i64::try_from(keys.len()).unwrap_or(0) < EVENTS_MAX;
        let (patterns, allowed) = (spec.patterns(), targets(snapshot, row.tenant_id, spec));
        for id in keys {
            if id > self.event {
                (self.event, self.subscription) = (id, 0);
            }
            let Some(event) = stored_event(tx.conn(), &inner.origin, id)? else {
                continue;
            };
            let event_type = &event.event.event_type;
            if !patterns.is_empty() && !patterns.iter().any(|p| p.matches(event_type)) {
                continue;
            }
            let about = (event_type, event.event.subject.as_str());
            let shown = || Subject::of(&event.event);
            let mut wanted = inner.wanted(snapshot, row.tenant_id, about, shown);
            wanted.retain(|e| e.id > self.subscription && allowed.iter().any(|a| a.id == e.id));
            for endpoint in wanted {
                if self.room == 0 {
                    return Ok(false);
                }
                self.subscription = endpoint.id;
                if stands_so(tx.conn(), id, endpoint.id, &spec.states)? {
                    inner.owe_all(tx, &event, &[endpoint], false)?;
                    self.room -= 1;
                    self.queued += 1;
                }
            }
        }
        if is_last {
            return Ok(true);
        }
        // The last event read is done: the next step begins behind it.
        self.event += 1;
        self.subscription = 0;
        Ok(false)
    }
}

/// Whether the newest delivery of an event to an endpoint stands in one of these states; any, if there are none.
fn stands_so(conn: &mut Conn, event: i64, endpoint: i64, states: &[i16]) -> Result<bool, DbError> {
    #[derive(QueryableByName)]
    struct Newest {
        #[diesel(sql_type = SmallInt)]
        state: i16,
    }
    if states.is_empty() {
        return Ok(true);
    }
    let newest: Option<Newest> = conn.row(
        sql("SELECT state FROM deliveries WHERE event_id = ? AND subscription_id = ? ORDER BY id DESC LIMIT 1")
            .bind(event)
            .bind(endpoint),
    )?;
    Ok(newest.is_some_and(|newest| states.contains(&newest.state)))
}
