//! Taking deliveries out of the table: what is due and nobody's becomes this node's, with a new claim.

use std::collections::HashMap;
use std::sync::Arc;

use contract::{BatchId, DeliveryId, Event, EventId, EventType, JsonObject, Profile};
use db::{Backend, Conn, DbError, Tx, Value, sql};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, SmallInt, Text};

use crate::batches::{self, ALONE_OR_FIRST};
use crate::counts;
use crate::finish::{self, Ended, Next};
use crate::publish::memory_bytes;
use crate::publish_rows::EventRow;
use crate::slots::{Slot, Slots};
use crate::transport::Outcome;

/// Most deliveries taken at once: others wait for the transaction. SQLite reads and writes row by row; on PostgreSQL the
/// trips to the server cost as much as some thirty rows.
const fn taken_max(backend: Backend, is_crowded: bool) -> usize {
    match (backend, is_crowded) {
        (Backend::Sqlite, false) => 32,
        (Backend::Sqlite, true) => 4,
        (Backend::Postgres, false) => 128,
        (Backend::Postgres, true) => 8,
    }
}

/// A delivery taken, with its event and its room in memory.
pub(crate) struct Claimed {
    pub(crate) delivery_id: i64,
    pub(crate) claim: i64,
    pub(crate) attempts: i64,
    pub(crate) attempts_before: i64,
    pub(crate) order_key: Option<i64>,
    /// The batch that it goes in again.
    pub(crate) batch_id: Option<BatchId>,
    pub(crate) due_at_ms: i64,
    pub(crate) profile: Profile,
    pub(crate) event: Arc<Event>,
    pub(crate) slot: Slot,
}

/// What was taken, and when the next of this endpoint is due; that may lie in the past.
pub(crate) struct Taken {
    pub(crate) claimed: Vec<Claimed>,
    pub(crate) next_due_ms: Option<i64>,
}

/// What to take, for whom.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) node_id: i64,
    pub(crate) origin: String,
    pub(crate) endpoint_id: i64,
    pub(crate) now_ms: i64,
    /// Most deliveries, but for the rest of a last batch; never more than [`taken_max`].
    pub(crate) limit: usize,
}

#[derive(QueryableByName)]
struct DueRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    data_bytes: i64,
    #[diesel(sql_type = Nullable<Binary>)]
    batch_id: Option<Vec<u8>>,
}

/// A delivery with its event.
#[derive(QueryableByName)]
struct ClaimRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    tenant_id: i64,
    #[diesel(sql_type = BigInt)]
    claim: i64,
    #[diesel(sql_type = BigInt)]
    attempts: i64,
    #[diesel(sql_type = BigInt)]
    attempts_before: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    order_key: Option<i64>,
    #[diesel(sql_type = Nullable<Binary>)]
    batch_id: Option<Vec<u8>>,
    #[diesel(sql_type = BigInt)]
    due_at_ms: i64,
    #[diesel(sql_type = SmallInt)]
    profile: i16,
    #[diesel(embed)]
    event: StoredEvent,
}

/// An event's columns, absent when it is gone.
#[derive(QueryableByName)]
pub(crate) struct StoredEvent {
    #[diesel(sql_type = Nullable<Binary>)]
    ulid: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Text>)]
    tenant: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    event_type: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    subject: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    sequence: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    timestamp_ms: Option<i64>,
    #[diesel(sql_type = Nullable<Binary>)]
    data: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Binary>)]
    metadata: Option<Vec<u8>>,
}

#[derive(QueryableByName)]
struct NextDue {
    #[diesel(sql_type = BigInt)]
    due_at_ms: i64,
}

/// Takes due deliveries of one endpoint, the longest due first, as long as there is room for them; batches whole. One
/// whose event cannot be read ends as dead, so that it stands in nobody's way.
pub(crate) fn take(tx: &mut Tx<'_>, wanted: &Wanted, room: &Arc<Slots>) -> Result<Taken, DbError> {
    let limit = wanted
        .limit
        .min(taken_max(tx.conn().backend(), tx.is_crowded()));
    let conn = tx.conn();
    let mut slots = reserve_due(conn, wanted, room, limit)?;
    let mut claimed = Vec::with_capacity(slots.len());
    let (mut damaged, mut ended) = (Vec::new(), Vec::new());
    for mut row in own(conn, wanted.node_id, slots.keys().copied().collect())? {
        let Some(slot) = slots.remove(&row.id) else {
            continue;
        };
        match row.parts(&wanted.origin) {
            Ok((profile, event)) => claimed.push(Claimed {
                delivery_id: row.id,
                claim: row.claim,
                attempts: row.attempts,
                attempts_before: row.attempts_before,
                order_key: row.order_key,
                batch_id: row.batch_id(),
                due_at_ms: row.due_at_ms,
                profile,
                event: Arc::new(event),
                slot,
            }),
            Err(cause) => {
                ended.push((row.tenant_id, row.order_key));
                damaged.push(row.unsendable(cause, wanted.now_ms));
            }
        }
    }
    finish::write(conn, &damaged)?;
    for (tenant_id, order_key) in ended {
        counts::add_dead(conn, tenant_id, wanted.endpoint_id, 1)?;
        if let Some(key) = order_key {
            // Its subject may be gone with the event, and with it who else publishes to it.
            finish::release_next(conn, tenant_id, "", wanted.endpoint_id, key, wanted.now_ms)?;
        }
    }
    let next_due_ms = next_due(conn, wanted.endpoint_id)?;
    Ok(Taken {
        claimed,
        next_due_ms,
    })
}

/// What is due and finds room.
fn reserve_due(
    conn: &mut Conn,
    wanted: &Wanted,
    room: &Arc<Slots>,
    limit: usize,
) -> Result<HashMap<i64, Slot>, DbError> {
    let bytes = |data: i64| memory_bytes(usize::try_from(data).unwrap_or_default());
    let mut slots = HashMap::new();
    for row in due(conn, wanted, limit)? {
        if slots.len() >= limit {
            break;
        }
        let Some(batch_id) = &row.batch_id else {
            let Some(slot) = room.reserve(wanted.endpoint_id, bytes(row.data_bytes)) else {
                break;
            };
            slots.insert(row.id, slot);
            continue;
        };
        let others = batches::others(conn, batch_id, row.id)?;
        let members: Vec<(i64, usize)> = [(row.id, row.data_bytes)]
            .into_iter()
            .chain(others.iter().map(|member| (member.id, member.data_bytes)))
            .map(|(id, data)| (id, bytes(data)))
            .collect();
        let Some(reserved) = room.reserve_together(wanted.endpoint_id, &members) else {
            break;
        };
        slots.extend(reserved);
    }
    Ok(slots)
}

/// What may be taken, of a batch its first; on PostgreSQL locked, without waiting for what another node is taking.
fn due(conn: &mut Conn, wanted: &Wanted, limit: usize) -> Result<Vec<DueRow>, DbError> {
    let lock = match conn.backend() {
        Backend::Sqlite => "",
        Backend::Postgres => " FOR UPDATE OF d SKIP LOCKED",
    };
    conn.rows(
        sql(format!(
            "SELECT d.id, CAST(coalesce(length(e.data), 0) AS BIGINT) AS data_bytes, d.batch_id \
             FROM deliveries d LEFT JOIN events e ON e.id = d.event_id \
             WHERE d.subscription_id = ? AND d.state = 1 AND d.owner IS NULL AND d.due_at_ms <= ? \
             AND {ALONE_OR_FIRST} ORDER BY d.due_at_ms LIMIT ?{lock}"
        ))
        .bind(wanted.endpoint_id)
        .bind(wanted.now_ms)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX)),
    )
}

/// Makes the deliveries this node's and reads them, in the order in which they were made.
fn own(conn: &mut Conn, node_id: i64, ids: Vec<i64>) -> Result<Vec<ClaimRow>, DbError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (among, ids) = match conn.backend() {
        Backend::Sqlite => (
            "IN (SELECT value FROM json_each(?))",
            Value::from(format!("{ids:?}")),
        ),
        Backend::Postgres => ("= ANY(?)", Value::Ints(ids.into_iter().map(Some).collect())),
    };
    conn.execute(
        sql(format!(
            "UPDATE deliveries SET owner = ?, claim = claim + 1 WHERE id {among}"
        ))
        .bind(node_id)
        .bind(ids.clone()),
    )?;
    conn.rows(
        sql(format!(
            "SELECT d.id, d.tenant_id, d.claim, d.attempts, d.attempts_before, d.order_key, d.batch_id, d.due_at_ms, d.profile, \
             {EVENT_COLUMNS} FROM deliveries d \
             LEFT JOIN events e ON e.id = d.event_id LEFT JOIN tenants t ON t.id = e.tenant_id \
             WHERE d.id {among} ORDER BY d.id"
        ))
        .bind(ids),
    )
}

/// The columns of a [`StoredEvent`], of `events e` and `tenants t`.
pub(crate) const EVENT_COLUMNS: &str = "e.ulid, t.name AS tenant, e.event_type, e.subject, e.sequence, \
    e.timestamp_ms, e.data, e.metadata";

/// An event by its row key.
pub(crate) fn stored_event(
    conn: &mut Conn,
    origin: &str,
    key: i64,
) -> Result<Option<EventRow>, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        tenant_id: i64,
        #[diesel(embed)]
        event: StoredEvent,
    }
    let row: Option<Row> = conn.row(
        sql(format!(
            "SELECT e.tenant_id, {EVENT_COLUMNS} FROM events e \
             LEFT JOIN tenants t ON t.id = e.tenant_id WHERE e.id = ?"
        ))
        .bind(key),
    )?;
    Ok(row.and_then(|mut row| {
        let event = row.event.event(origin).ok()?;
        Some(EventRow {
            key,
            tenant_id: row.tenant_id,
            event: Arc::new(event),
        })
    }))
}

/// Whether something of this subject is pending to this endpoint.
pub(crate) fn is_pending(
    conn: &mut Conn,
    endpoint_id: i64,
    order_key: i64,
) -> Result<bool, DbError> {
    let row: Option<One> = conn.row(
        sql("SELECT id FROM deliveries WHERE subscription_id = ? AND order_key = ? AND state = 1 LIMIT 1")
            .bind(endpoint_id)
            .bind(order_key),
    )?;
    Ok(row.is_some())
}

#[derive(QueryableByName)]
struct One {
    #[diesel(sql_type = BigInt)]
    #[expect(dead_code, reason = "only whether there is a row matters")]
    id: i64,
}

/// What follows a SELECT whose rows this transaction alone should change, and that waits for no other.
pub(crate) fn skip_locked(conn: &Conn) -> &'static str {
    match conn.backend() {
        Backend::Sqlite => "",
        Backend::Postgres => " FOR UPDATE SKIP LOCKED",
    }
}

impl ClaimRow {
    fn parts(&mut self, origin: &str) -> Result<(Profile, Event), String> {
        let profile = Profile::from_db(self.profile).map_err(|e| e.to_string())?;
        Ok((profile, self.event.event(origin)?))
    }

    /// One of another length is none; the column's own check keeps it out.
    fn batch_id(&self) -> Option<BatchId> {
        let bytes = self.batch_id.as_deref()?;
        bytes.try_into().ok().map(BatchId::from_bytes)
    }

    fn unsendable(&self, cause: String, now_ms: i64) -> Ended {
        tracing::error!(delivery = %DeliveryId(self.id), %cause, "a stored event is damaged");
        Ended {
            delivery_id: self.id,
            claim: self.claim,
            attempts: self.attempts + 1,
            started_at_ms: now_ms,
            duration_ms: 0,
            outcome: Outcome::unsendable(cause),
            next: Next::Dead,
            about: None,
        }
    }
}

impl StoredEvent {
    /// The event, moved out of the row; or what is wrong with it.
    pub(crate) fn event(&mut self, origin: &str) -> Result<Event, String> {
        const GONE: &str = "the event is gone";
        let ulid = self.ulid.take().ok_or(GONE)?;
        let ulid =
            <[u8; 16]>::try_from(ulid).map_err(|_length| "the event's id is not 16 bytes")?;
        let event_type = self.event_type.take().ok_or(GONE)?;
        Ok(Event {
            id: EventId::from_bytes(ulid),
            event_type: EventType::parse(&event_type).map_err(|e| e.to_string())?,
            timestamp_ms: self.timestamp_ms.ok_or(GONE)?,
            tenant: self.tenant.take().ok_or("the event's tenant is gone")?,
            subject: self.subject.take().ok_or(GONE)?,
            sequence: self.sequence.ok_or(GONE)?,
            origin: origin.to_owned(),
            data: object(self.data.take().ok_or(GONE)?)?,
            metadata: self.metadata.take().map(object).transpose()?,
        })
    }
}

fn object(bytes: Vec<u8>) -> Result<JsonObject, String> {
    let text = String::from_utf8(bytes).map_err(|e| e.to_string())?;
    Ok(JsonObject::from_stored(text))
}

fn next_due(conn: &mut Conn, endpoint_id: i64) -> Result<Option<i64>, DbError> {
    let row: Option<NextDue> = conn.row(
        sql(
            "SELECT due_at_ms FROM deliveries WHERE subscription_id = ? AND state = 1 \
             AND owner IS NULL ORDER BY due_at_ms LIMIT 1",
        )
        .bind(endpoint_id),
    )?;
    Ok(row.map(|row| row.due_at_ms))
}

#[derive(QueryableByName)]
struct EndpointDue {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    due_at_ms: Option<i64>,
}

/// The active endpoints with something waiting in the table, and when the first of it is due.
pub(crate) fn all_due(conn: &mut Conn) -> Result<Vec<(i64, i64)>, DbError> {
    let rows: Vec<EndpointDue> = conn.rows(sql(
        "SELECT s.id, (SELECT d.due_at_ms FROM deliveries d WHERE d.subscription_id = s.id \
         AND d.state = 1 AND d.owner IS NULL ORDER BY d.due_at_ms LIMIT 1) AS due_at_ms \
         FROM subscriptions s WHERE s.state = 1",
    ))?;
    Ok(rows
        .into_iter()
        .filter_map(|row| Some((row.id, row.due_at_ms?)))
        .collect())
}

/// Gives deliveries back to the table, as far as they are still held under these claims.
pub(crate) fn release(conn: &mut Conn, owner: i64, held: &[(i64, i64)]) -> Result<(), DbError> {
    for (delivery_id, claim) in held {
        conn.execute(
            sql("UPDATE deliveries SET owner = NULL WHERE id = ? AND claim = ? AND owner = ?")
                .bind(*delivery_id)
                .bind(*claim)
                .bind(owner),
        )?;
    }
    Ok(())
}

#[derive(QueryableByName)]
struct OwnedRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    claim: i64,
}

/// Most rows compared with memory in one sweep.
const OWNED_MAX: i64 = 100_000;

/// The deliveries that the table says `owner` holds, with their claims.
pub(crate) fn owned(conn: &mut Conn, owner: i64) -> Result<Vec<(i64, i64)>, DbError> {
    let rows: Vec<OwnedRow> = conn.rows(
        sql("SELECT id, claim FROM deliveries WHERE owner = ? LIMIT ?")
            .bind(owner)
            .bind(OWNED_MAX),
    )?;
    Ok(rows.into_iter().map(|row| (row.id, row.claim)).collect())
}
