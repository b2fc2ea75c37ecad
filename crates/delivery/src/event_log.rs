//! What has been published, and by which a receiver can prove that it has everything.

use contract::{Event, EventId};
use db::{Backend, Conn, DbError, Value, sql};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Text};

use crate::claim::{EVENT_COLUMNS, StoredEvent};
use crate::deliveries::{created_at_ms, key_at};
use crate::filter::{Filter, Subject, Verdict};
use crate::page::{Page, Paged, TOTAL_MAX, total};
use crate::publish::Publisher;

/// Which events; `None`: any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    pub event_type: Option<String>,
    pub subject: Option<String>,
    pub since_ms: Option<i64>,
    pub until_ms: Option<i64>,
}

/// An event as it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedEvent {
    pub event: Event,
    /// When it was recorded; [`Event::timestamp_ms`] is when it happened.
    pub recorded_at_ms: i64,
    pub(crate) key: i64,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(embed)]
    event: StoredEvent,
}

const FROM: &str = "FROM events e JOIN tenants t ON t.id = e.tenant_id WHERE e.tenant_id = ?";

impl Row {
    fn logged(mut self, origin: &str) -> Result<LoggedEvent, DbError> {
        Ok(LoggedEvent {
            event: self.event.event(origin).map_err(DbError::defect)?,
            recorded_at_ms: created_at_ms(self.id),
            key: self.id,
        })
    }
}

impl EventFilter {
    pub(crate) fn conditions(&self) -> (String, Vec<Value<'_>>) {
        let mut text = String::new();
        let mut values: Vec<Value<'_>> = Vec::new();
        let mut add = |condition: &str, value: Option<Value<'static>>| {
            if let Some(value) = value {
                text.push_str(condition);
                values.push(value);
            }
        };
        add(
            " AND e.event_type = ?",
            self.event_type.clone().map(Value::from),
        );
        add(" AND e.subject = ?", self.subject.clone().map(Value::from));
        add(" AND e.id >= ?", self.since_ms.map(|ms| key_at(ms).into()));
        add(" AND e.id < ?", self.until_ms.map(|ms| key_at(ms).into()));
        (text, values)
    }

    /// The tenant's events, newest first.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn list(
        &self,
        conn: &mut Conn,
        publisher: &Publisher,
        tenant_id: i64,
        page: Page,
    ) -> Result<Paged<LoggedEvent>, DbError> {
        let (conditions, values) = self.conditions();
        let count = sql(format!(
            "SELECT count(*) AS count FROM (SELECT 1 {FROM}{conditions} LIMIT ?) found"
        ));
        let count = count
            .bind(tenant_id)
            .bind_all(values.clone())
            .bind(TOTAL_MAX);
        let total = total(conn, count)?;
        let rows: Vec<Row> = conn.rows(
            sql(format!(
                "SELECT e.id, {EVENT_COLUMNS} {FROM}{conditions} AND e.id < ? ORDER BY e.id DESC \
                 LIMIT ? OFFSET ?"
            ))
            .bind(tenant_id)
            .bind_all(values)
            .bind(page.after.unwrap_or(i64::MAX))
            .bind(page.limit_and_one())
            .bind(page.offset()),
        )?;
        let origin = publisher.origin();
        let items: Result<Vec<_>, _> = rows.into_iter().map(|row| row.logged(origin)).collect();
        Ok(Paged::of(items?, total, page, |logged| logged.key))
    }

    /// What a filter expression says of the newest events that match, as a dry run before it is stored.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn try_filter(
        &self,
        conn: &mut Conn,
        publisher: &Publisher,
        tenant_id: i64,
        filter: &Filter,
        limit: u32,
    ) -> Result<Vec<(EventId, Verdict)>, DbError> {
        let events = self.list(conn, publisher, tenant_id, Page::first(limit.min(100)))?;
        let judge = |logged: LoggedEvent| {
            let verdict = Subject::of(&logged.event).map_or_else(
                || Verdict::Undecided("the event cannot be shown to filters".into()),
                |subject| filter.judge(&subject),
            );
            (logged.event.id, verdict)
        };
        Ok(events.items.into_iter().map(judge).collect())
    }
}

impl LoggedEvent {
    /// One of the tenant's events.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn find(
        conn: &mut Conn,
        publisher: &Publisher,
        tenant_id: i64,
        id: EventId,
    ) -> Result<Option<Self>, DbError> {
        let row: Option<Row> = conn.row(
            sql(format!(
                "SELECT e.id, {EVENT_COLUMNS} {FROM} AND e.ulid = ?"
            ))
            .bind(tenant_id)
            .bind(id.to_bytes().to_vec()),
        )?;
        row.map(|row| row.logged(publisher.origin())).transpose()
    }
}

/// Where a receiver has come to in a subscription's deliveries. Opaque to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReconcileCursor {
    /// The database it belongs to.
    epoch: String,
    /// The committing transaction (PostgreSQL; 0 on SQLite, whose one writer commits in order of ids).
    xact: i64,
    id: i64,
}

/// A text that is no cursor of this database; begin anew without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor does not belong to this database; begin again without one")]
pub struct CursorError;

/// What a receiver can compare with what it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReconciledEvent {
    pub id: EventId,
    pub event_type: String,
    pub subject: String,
    pub sequence: i64,
    pub timestamp_ms: i64,
}

/// What a tenant has published, or a subscription is owed, in the order in which it was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciled {
    /// What a subscription is owed may come again when it was replayed.
    pub events: Vec<ReconciledEvent>,
    /// For the next call; nothing that is committed later comes before it.
    pub next: ReconcileCursor,
    /// Whether there is more now.
    pub more: bool,
}

#[derive(QueryableByName)]
struct Committed {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    xact: i64,
    #[diesel(sql_type = Binary)]
    ulid: Vec<u8>,
    #[diesel(sql_type = Text)]
    event_type: String,
    #[diesel(sql_type = Text)]
    subject: String,
    #[diesel(sql_type = BigInt)]
    sequence: i64,
    #[diesel(sql_type = BigInt)]
    timestamp_ms: i64,
}

impl ReconcileCursor {
    /// Reads what [`std::fmt::Display`] printed.
    ///
    /// # Errors
    /// [`CursorError`], also for a cursor of another database.
    pub fn parse(text: &str, publisher: &Publisher) -> Result<Self, CursorError> {
        let mut parts = text.split('.');
        let mut number = || {
            parts
                .next_back()
                .and_then(|n| n.parse().ok())
                .filter(|n: &i64| *n >= 0)
        };
        let (id, xact) = (number().ok_or(CursorError)?, number().ok_or(CursorError)?);
        match (parts.next(), parts.next()) {
            (Some(epoch), None) if epoch == publisher.origin() => Ok(Self {
                epoch: epoch.to_owned(),
                xact,
                id,
            }),
            _ => Err(CursorError),
        }
    }
}

impl std::fmt::Display for ReconcileCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.epoch, self.xact, self.id)
    }
}

impl Reconciled {
    /// A page of what is owed to a subscription (its row key), or without one of all that the tenant has published,
    /// since `cursor`; from the beginning without one. What a transaction still under way may commit before something
    /// else waits until that is settled; on PostgreSQL any transaction on the server counts.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn page(
        conn: &mut Conn,
        publisher: &Publisher,
        tenant_id: i64,
        subscription: Option<i64>,
        cursor: Option<&ReconcileCursor>,
        limit: u32,
    ) -> Result<Self, DbError> {
        let start = cursor.cloned().unwrap_or_else(|| ReconcileCursor {
            epoch: publisher.origin().to_owned(),
            xact: 0,
            id: 0,
        });
        let (row, from) = match subscription {
            Some(_) => (
                "d",
                "deliveries d JOIN events e ON e.id = d.event_id WHERE d.tenant_id = ? AND d.subscription_id = ?",
            ),
            None => ("e", "events e WHERE e.tenant_id = ?"),
        };
        let (xact, after, order) = match conn.backend() {
            Backend::Sqlite => (
                "0".to_owned(),
                format!("? = 0 AND {row}.id > ?"),
                format!("{row}.id"),
            ),
            Backend::Postgres => (
                format!("{row}.xact"),
                format!(
                    "({row}.xact, {row}.id) > (?, ?) \
                     AND {row}.xact < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
                ),
                format!("{row}.xact, {row}.id"),
            ),
        };
        let limit = usize::try_from(limit.clamp(1, Page::LIMIT_MAX)).unwrap_or(1);
        let mut rows: Vec<Committed> = conn.rows(
            sql(format!(
                "SELECT {row}.id, {xact} AS xact, e.ulid, e.event_type, e.subject, e.sequence, e.timestamp_ms \
                 FROM {from} AND {after} ORDER BY {order} LIMIT ?"
            ))
            .bind(tenant_id)
            .bind_all(subscription.map(Value::from))
            .bind(start.xact)
            .bind(start.id)
            .bind(i64::try_from(limit).unwrap_or(1) + 1),
        )?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().map_or(start.clone(), |last| ReconcileCursor {
            xact: last.xact,
            id: last.id,
            ..start
        });
        let events: Result<_, DbError> = rows.into_iter().map(Committed::event).collect();
        Ok(Self {
            events: events?,
            next,
            more,
        })
    }
}

impl Committed {
    fn event(self) -> Result<ReconciledEvent, DbError> {
        let ulid = <[u8; 16]>::try_from(self.ulid)
            .map_err(|_length| DbError::defect("an event's id is not 16 bytes"))?;
        Ok(ReconciledEvent {
            id: EventId::from_bytes(ulid),
            event_type: self.event_type,
            subject: self.subject,
            sequence: self.sequence,
            timestamp_ms: self.timestamp_ms,
        })
    }
}
