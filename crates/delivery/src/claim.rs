//! Taking deliveries out of the table: what is due and nobody's becomes this node's, with a new claim.

use std::sync::Arc;

use contract::{Event, EventId, EventType, JsonObject, Profile};
use db::{Backend, Conn, DbError, Value, sql};
use diesel::sql_types::{BigInt, Binary, Nullable, SmallInt, Text};

/// A delivery taken, with its event.
pub(crate) struct Claimed {
    pub(crate) delivery_id: i64,
    pub(crate) claim: i64,
    pub(crate) attempts: i64,
    pub(crate) profile: Profile,
    pub(crate) event: Arc<Event>,
}

/// What was taken, and when the next of this endpoint is due.
pub(crate) struct Taken {
    pub(crate) claimed: Vec<Claimed>,
    pub(crate) next_due_ms: Option<i64>,
}

#[derive(diesel::QueryableByName)]
struct ClaimRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    claim: i64,
    #[diesel(sql_type = BigInt)]
    attempts: i64,
    #[diesel(sql_type = SmallInt)]
    profile: i16,
    #[diesel(sql_type = BigInt)]
    event_id: i64,
}

#[derive(diesel::QueryableByName)]
struct EventRow {
    #[diesel(sql_type = Binary)]
    ulid: Vec<u8>,
    #[diesel(sql_type = Text)]
    tenant: String,
    #[diesel(sql_type = Text)]
    event_type: String,
    #[diesel(sql_type = Text)]
    subject: String,
    #[diesel(sql_type = BigInt)]
    sequence: i64,
    #[diesel(sql_type = BigInt)]
    timestamp_ms: i64,
    #[diesel(sql_type = Binary)]
    data: Vec<u8>,
    #[diesel(sql_type = Nullable<Binary>)]
    metadata: Option<Vec<u8>>,
}

#[derive(diesel::QueryableByName)]
struct Due {
    #[diesel(sql_type = BigInt)]
    due_at_ms: i64,
}

/// Takes at most `limit` due deliveries of one endpoint for `node_id`, the longest due first.
pub(crate) fn take(
    conn: &mut Conn,
    node_id: i64,
    origin: &str,
    endpoint_id: i64,
    now_ms: i64,
    limit: usize,
) -> Result<Taken, DbError> {
    let skip = match conn.backend() {
        Backend::Sqlite => "",
        Backend::Postgres => " FOR UPDATE SKIP LOCKED",
    };
    let rows: Vec<ClaimRow> = conn.rows(
        sql(format!(
            "UPDATE deliveries SET owner = ?, claim = claim + 1 WHERE id IN (\
             SELECT id FROM deliveries WHERE subscription_id = ? AND state = 1 AND owner IS NULL \
             AND due_at_ms <= ? ORDER BY due_at_ms LIMIT ?{skip}) \
             RETURNING id, claim, attempts, profile, event_id"
        ))
        .bind(node_id)
        .bind(endpoint_id)
        .bind(now_ms)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX)),
    )?;
    let mut claimed = rows
        .into_iter()
        .map(|row| {
            Ok(Claimed {
                delivery_id: row.id,
                claim: row.claim,
                attempts: row.attempts,
                profile: Profile::from_db(row.profile).map_err(damaged)?,
                event: Arc::new(event(conn, row.event_id, origin)?),
            })
        })
        .collect::<Result<Vec<_>, DbError>>()?;
    // RETURNING has no order; row keys are in order of time.
    claimed.sort_by_key(|claimed| claimed.delivery_id);
    Ok(Taken {
        claimed,
        next_due_ms: next_due(conn, endpoint_id)?,
    })
}

/// When the next waiting delivery of an endpoint is due; may lie in the past.
pub(crate) fn next_due(conn: &mut Conn, endpoint_id: i64) -> Result<Option<i64>, DbError> {
    let row: Option<Due> = conn.row(
        sql("SELECT due_at_ms FROM deliveries WHERE subscription_id = ? AND state = 1 \
             AND owner IS NULL ORDER BY due_at_ms LIMIT 1")
        .bind(endpoint_id),
    )?;
    Ok(row.map(|row| row.due_at_ms))
}

fn event(conn: &mut Conn, key: i64, origin: &str) -> Result<Event, DbError> {
    let row: EventRow = conn.one(
        sql("SELECT e.ulid, t.name AS tenant, e.event_type, e.subject, e.sequence, \
             e.timestamp_ms, e.data, e.metadata FROM events e JOIN tenants t ON t.id = e.tenant_id \
             WHERE e.id = ?")
        .bind(key),
    )?;
    let ulid: [u8; 16] = row
        .ulid
        .try_into()
        .map_err(|_length| DbError::defect("an event's id is not 16 bytes"))?;
    Ok(Event {
        id: EventId::from_bytes(ulid),
        event_type: EventType::parse(&row.event_type).map_err(damaged)?,
        timestamp_ms: row.timestamp_ms,
        tenant: row.tenant,
        subject: row.subject,
        sequence: row.sequence,
        origin: origin.to_owned(),
        data: object(row.data)?,
        metadata: row.metadata.map(object).transpose()?,
    })
}

fn object(bytes: Vec<u8>) -> Result<JsonObject, DbError> {
    let text = String::from_utf8(bytes).map_err(damaged)?;
    JsonObject::parse(&text).map_err(damaged)
}

fn damaged(cause: impl std::fmt::Display) -> DbError {
    DbError::defect(format!("a stored event is damaged: {cause}"))
}

/// Gives deliveries back to the table: those of `owner`, or only the named ones.
pub(crate) fn release(
    conn: &mut Conn,
    owner: i64,
    only: Option<&[(i64, i64)]>,
) -> Result<(), DbError> {
    let Some(named) = only else {
        conn.execute(sql("UPDATE deliveries SET owner = NULL WHERE owner = ?").bind(owner))?;
        return Ok(());
    };
    for (delivery_id, claim) in named {
        let values: [Value<'_>; 3] = [(*delivery_id).into(), (*claim).into(), owner.into()];
        conn.execute(
            sql("UPDATE deliveries SET owner = NULL WHERE id = ? AND claim = ? AND owner = ?")
                .bind_all(values),
        )?;
    }
    Ok(())
}

#[derive(diesel::QueryableByName)]
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
