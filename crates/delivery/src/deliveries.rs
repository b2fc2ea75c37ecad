//! Deliveries and attempts as their owner sees them: lists, one with everything that was tried, and trying again
//! by hand. Every statement names the tenant.

use contract::{BatchId, DeliveryId, EventId};
use db::{Conn, DbError, Lane, Tx, TxError, Value, WriteError, Writer, sql};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, SmallInt, Text};

use crate::claim::skip_locked;
use crate::counts;
use crate::fan_out::BEHIND_MS;
use crate::page::{Page, Paged, TOTAL_MAX, total};
use crate::publish::Publisher;
use crate::registry::Tenant;

/// Most deliveries that one transaction redelivers.
const PORTION_MAX: i64 = 256;

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    Pending = 1,
    Delivered = 2,
    Dead = 3,
}

impl DeliveryState {
    pub(crate) const fn from_db(number: i16) -> Self {
        match number {
            1 => Self::Pending,
            2 => Self::Delivered,
            _ => Self::Dead,
        }
    }
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub id: DeliveryId,
    pub event_id: EventId,
    pub event_type: String,
    pub subject: String,
    /// The subscription's public id.
    pub subscription_id: String,
    pub state: DeliveryState,
    pub attempts: i64,
    /// When it is tried next; `None` when it is over, under way, or waits for an earlier one of its subject.
    pub due_at_ms: Option<i64>,
    /// The batch that it goes in, or went in last.
    pub batch_id: Option<BatchId>,
    /// Held in memory or under way.
    pub is_processing: bool,
    pub created_at_ms: i64,
    pub finished_at_ms: Option<i64>,
    /// Of the last attempt.
    pub status_code: Option<i32>,
    pub error: Option<String>,
    pub duration_ms: Option<i64>,
}

/// One HTTP request and its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// From 1.
    pub number: i64,
    pub started_at_ms: i64,
    pub duration_ms: i64,
    /// `delivered`, `status`, `timeout`, `connection`, `refused_address`, `broken_response`, `unsendable`.
    pub outcome: &'static str,
    pub status_code: Option<i32>,
    pub error: Option<String>,
    /// The beginning of a failing endpoint's answer.
    pub response: Option<Vec<u8>>,
}

/// Which deliveries; `None`: any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    pub state: Option<DeliveryState>,
    /// The subscription's row key.
    pub subscription: Option<i64>,
    pub event_type: Option<String>,
    pub event_id: Option<EventId>,
    pub since_ms: Option<i64>,
    pub until_ms: Option<i64>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Binary)]
    ulid: Vec<u8>,
    #[diesel(sql_type = Text)]
    event_type: String,
    #[diesel(sql_type = Text)]
    subject: String,
    #[diesel(sql_type = Text)]
    uuid: String,
    #[diesel(sql_type = SmallInt)]
    state: i16,
    #[diesel(sql_type = BigInt)]
    attempts: i64,
    #[diesel(sql_type = BigInt)]
    due_at_ms: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    owner: Option<i64>,
    #[diesel(sql_type = Nullable<Binary>)]
    batch_id: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<BigInt>)]
    finished_at_ms: Option<i64>,
    #[diesel(sql_type = Nullable<SmallInt>)]
    status_code: Option<i16>,
    #[diesel(sql_type = Nullable<Text>)]
    error: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    duration_ms: Option<i64>,
}

const SELECT: &str = "SELECT d.id, e.ulid, e.event_type, e.subject, s.uuid, d.state, d.attempts, \
    d.due_at_ms, d.owner, d.batch_id, d.finished_at_ms, a.status_code, a.error, a.duration_ms FROM deliveries d \
    JOIN events e ON e.id = d.event_id JOIN subscriptions s ON s.id = d.subscription_id \
    LEFT JOIN attempts a ON a.delivery_id = d.id AND a.claim = (SELECT max(b.claim) FROM attempts b \
    WHERE b.delivery_id = d.id)";

impl Row {
    fn delivery(self) -> Result<Delivery, DbError> {
        let ulid = <[u8; 16]>::try_from(self.ulid)
            .map_err(|_length| DbError::defect("an event's id is not 16 bytes"))?;
        let state = DeliveryState::from_db(self.state);
        let waits = state == DeliveryState::Pending && self.owner.is_none();
        Ok(Delivery {
            id: DeliveryId(self.id),
            event_id: EventId::from_bytes(ulid),
            event_type: self.event_type,
            subject: self.subject,
            subscription_id: self.uuid,
            state,
            attempts: self.attempts,
            due_at_ms: Some(self.due_at_ms).filter(|due| waits && *due < BEHIND_MS),
            batch_id: self
                .batch_id
                .and_then(|bytes| bytes.try_into().ok())
                .map(BatchId::from_bytes),
            is_processing: self.owner.is_some(),
            created_at_ms: created_at_ms(self.id),
            finished_at_ms: self.finished_at_ms,
            status_code: self.status_code.map(i32::from),
            error: self.error,
            duration_ms: self.duration_ms,
        })
    }
}

/// Row keys hold when their rows were made.
pub(crate) fn created_at_ms(key: i64) -> i64 {
    i64::try_from(contract::row_key_ms(key)).unwrap_or(i64::MAX)
}

/// The first row key of a millisecond.
pub(crate) fn key_at(ms: i64) -> i64 {
    contract::row_key(u64::try_from(ms).unwrap_or_default(), 0)
}

impl DeliveryFilter {
    /// Conditions with their values.
    fn conditions(&self, tenant_id: i64) -> (String, Vec<Value<'_>>) {
        let mut text = " WHERE d.tenant_id = ?".to_owned();
        let mut values: Vec<Value<'_>> = vec![tenant_id.into()];
        let mut add = |condition: &str, value: Option<Value<'static>>| {
            if let Some(value) = value {
                text.push_str(condition);
                values.push(value);
            }
        };
        add(
            " AND d.state = ?",
            self.state.map(|state| (state as i64).into()),
        );
        add(
            " AND d.subscription_id = ?",
            self.subscription.map(Value::from),
        );
        add(
            " AND e.event_type = ?",
            self.event_type.clone().map(Value::from),
        );
        let ulid = self.event_id.map(|id| id.to_bytes().to_vec());
        add(" AND e.ulid = ?", ulid.map(Value::from));
        add(" AND d.id >= ?", self.since_ms.map(|ms| key_at(ms).into()));
        add(" AND d.id < ?", self.until_ms.map(|ms| key_at(ms).into()));
        (text, values)
    }

    /// The tenant's deliveries, newest first.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn list(
        &self,
        conn: &mut Conn,
        tenant_id: i64,
        page: Page,
    ) -> Result<Paged<Delivery>, DbError> {
        let (conditions, values) = self.conditions(tenant_id);
        let count = sql(format!(
            "SELECT count(*) AS count FROM (SELECT 1 FROM deliveries d JOIN events e ON e.id = d.event_id\
             {conditions} LIMIT ?) found"
        ));
        let total = total(conn, count.bind_all(values.clone()).bind(TOTAL_MAX))?;
        let rows: Vec<Row> = conn.rows(
            sql(format!(
                "{SELECT}{conditions} AND d.id < ? ORDER BY d.id DESC LIMIT ? OFFSET ?"
            ))
            .bind_all(values)
            .bind(page.after.unwrap_or(i64::MAX))
            .bind(page.limit_and_one())
            .bind(page.offset()),
        )?;
        let items: Result<Vec<_>, _> = rows.into_iter().map(Row::delivery).collect();
        Ok(Paged::of(items?, total, page, |delivery| delivery.id.0))
    }
}

impl Delivery {
    /// One of the tenant's deliveries with everything that was tried, the first first.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn find(
        conn: &mut Conn,
        tenant_id: i64,
        id: DeliveryId,
    ) -> Result<Option<(Self, Vec<Attempt>)>, DbError> {
        let row: Option<Row> = conn.row(
            sql(format!("{SELECT} WHERE d.tenant_id = ? AND d.id = ?"))
                .bind(tenant_id)
                .bind(id.0),
        )?;
        let Some(row) = row else {
            return Ok(None);
        };
        Ok(Some((row.delivery()?, attempts(conn, id)?)))
    }

    /// Tries a delivery again at once, whether it is dead, delivered or waits for its time, with the schedule from
    /// the beginning; out of its subject's order. What is under way stays as it is.
    ///
    /// # Errors
    /// [`RedeliverRefusal`] as [`WriteError::Refused`].
    pub async fn redeliver(
        publisher: &Publisher,
        writer: &Writer,
        tenant: &Tenant,
        id: DeliveryId,
    ) -> Result<(), WriteError<RedeliverRefusal>> {
        let (inner, tenant_id) = (publisher.inner.clone(), tenant.id);
        let job = move |tx: &mut Tx<'_>| {
            let of = "d.tenant_id = ? AND d.id = ?";
            let values = vec![tenant_id.into(), id.0.into()];
            let (now_ms, found) = (inner.clock.now_ms(), select(tx.conn(), of, values, 1)?);
            let found = found.into_iter().next();
            let found = found.ok_or(TxError::Refused(RedeliverRefusal::NotFound))?;
            if found.owner.is_some() {
                return Err(TxError::Refused(RedeliverRefusal::UnderWay));
            }
            if found.subscription_state > 2 {
                return Err(TxError::Refused(RedeliverRefusal::Disabled));
            }
            again(tx, &inner, &found, now_ms)?;
            Ok(())
        };
        writer.with_tx(Lane::Interactive, tenant.id, 0, job).await
    }

    /// Redelivers the dead ones that match, in portions; answers how many. Those of disabled or deleted endpoints stay
    /// dead.
    ///
    /// # Errors
    /// [`WriteError`]; what was redelivered before stays so.
    pub async fn redeliver_dead(
        publisher: &Publisher,
        writer: &Writer,
        tenant: &Tenant,
        filter: DeliveryFilter,
    ) -> Result<u64, WriteError<std::convert::Infallible>> {
        let filter = DeliveryFilter {
            state: Some(DeliveryState::Dead),
            until_ms: Some(
                filter
                    .until_ms
                    .unwrap_or_else(|| publisher.inner.clock.now_ms() + 1),
            ),
            ..filter
        };
        let mut redelivered = 0;
        let mut after = 0;
        loop {
            let (inner, tenant_id, filter) = (publisher.inner.clone(), tenant.id, filter.clone());
            let job = move |tx: &mut Tx<'_>| {
                let (conditions, mut values) = filter.conditions(tenant_id);
                let conditions = conditions.trim_start_matches(" WHERE ").to_owned();
                values.push(Value::from(after));
                let of = format!("{conditions} AND d.id > ? AND s.state < 3");
                let found = select(tx.conn(), &of, values, PORTION_MAX)?;
                let now_ms = inner.clock.now_ms();
                for one in &found {
                    again(tx, &inner, one, now_ms)?;
                }
                let last = found.last().map_or(after, |one| one.id);
                Ok::<_, TxError<_>>((u64::try_from(found.len()).unwrap_or_default(), last))
            };
            let (count, last) = writer.with_tx(Lane::Bulk, tenant.id, 0, job).await?;
            redelivered += count;
            after = last;
            if count == 0 {
                return Ok(redelivered);
            }
        }
    }
}

/// Why a delivery was not tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedeliverRefusal {
    #[error("there is no such delivery")]
    NotFound,
    #[error("it is under way")]
    UnderWay,
    #[error("its endpoint is disabled or deleted; enable it first")]
    Disabled,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    tenant_id: i64,
    #[diesel(sql_type = BigInt)]
    subscription_id: i64,
    #[diesel(sql_type = SmallInt)]
    state: i16,
    #[diesel(sql_type = Nullable<BigInt>)]
    owner: Option<i64>,
    #[diesel(sql_type = SmallInt)]
    subscription_state: i16,
}

fn select(
    conn: &mut Conn,
    conditions: &str,
    values: Vec<Value<'_>>,
    limit: i64,
) -> Result<Vec<Found>, DbError> {
    let lock = skip_locked(conn).replace("UPDATE", "UPDATE OF d");
    conn.rows(
        sql(format!(
            "SELECT d.id, d.tenant_id, d.subscription_id, d.state, d.owner, s.state AS subscription_state \
             FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id \
             JOIN events e ON e.id = d.event_id WHERE {conditions} ORDER BY d.id LIMIT ?{lock}"
        ))
        .bind_all(values)
        .bind(limit),
    )
}

/// Makes it pending and due. It is claimed from the table like any other that waits.
fn again(
    tx: &mut Tx<'_>,
    inner: &crate::publish::Inner,
    found: &Found,
    now_ms: i64,
) -> Result<(), DbError> {
    let conn = tx.conn();
    conn.execute(
        // The head of a subject stays one, or those behind it would wait for ever.
        sql("UPDATE deliveries SET order_key = CASE WHEN state = 1 AND due_at_ms < ? THEN order_key END, \
             state = 1, due_at_ms = ?, finished_at_ms = NULL, attempts_before = attempts, batch_id = NULL \
             WHERE id = ? AND owner IS NULL")
        .bind(BEHIND_MS)
        .bind(now_ms)
        .bind(found.id),
    )?;
    let (tenant_id, subscription) = (found.tenant_id, found.subscription_id);
    match DeliveryState::from_db(found.state) {
        DeliveryState::Dead => counts::add_dead(conn, tenant_id, subscription, -1)?,
        DeliveryState::Delivered => counts::take_back_delivered(conn, tenant_id, subscription)?,
        DeliveryState::Pending => {}
    }
    inner.wake(tx, subscription, now_ms);
    Ok(())
}

fn attempts(conn: &mut Conn, id: DeliveryId) -> Result<Vec<Attempt>, DbError> {
    #[derive(QueryableByName)]
    struct Tried {
        #[diesel(sql_type = BigInt)]
        started_at_ms: i64,
        #[diesel(sql_type = BigInt)]
        duration_ms: i64,
        #[diesel(sql_type = SmallInt)]
        outcome: i16,
        #[diesel(sql_type = Nullable<SmallInt>)]
        status_code: Option<i16>,
        #[diesel(sql_type = Nullable<Text>)]
        error: Option<String>,
        #[diesel(sql_type = Nullable<Binary>)]
        response: Option<Vec<u8>>,
    }
    let tried: Vec<Tried> = conn.rows(
        sql("SELECT started_at_ms, duration_ms, outcome, status_code, error, response FROM attempts \
             WHERE delivery_id = ? ORDER BY claim")
        .bind(id.0),
    )?;
    Ok((1..)
        .zip(tried)
        .map(|(number, tried)| Attempt {
            number,
            started_at_ms: tried.started_at_ms,
            duration_ms: tried.duration_ms,
            outcome: outcome_name(tried.outcome),
            status_code: tried.status_code.map(i32::from),
            error: tried.error,
            response: tried.response,
        })
        .collect())
}

/// The outcome's name, by its number in the table.
pub(crate) const fn outcome_name(number: i16) -> &'static str {
    match number {
        1 => "delivered",
        2 => "status",
        3 => "timeout",
        4 => "connection",
        5 => "refused_address",
        6 => "broken_response",
        _ => "unsendable",
    }
}
