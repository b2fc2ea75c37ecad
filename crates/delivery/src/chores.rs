//! What the engine does in portions, on the side: the rest of large fan-outs, what has waited too long, what is
//! old. Each portion is one transaction and can be repeated; any node may do it.

use std::time::Duration;

use contract::row_key;
use db::{Conn, DbError, Tx, sql};
use diesel::sql_types::{BigInt, Nullable, Text};

use crate::claim::skip_locked;
use crate::counts::{self, HOUR_MS};
use crate::fan_out;
use crate::finish::release_next;
use crate::idempotency::KEPT_MS;
use crate::operational::{self, News};
use crate::publish::Inner;
use crate::replays;
use crate::transport::Outcome;

/// Most rows that one portion changes.
const PORTION_MAX: i64 = 256;
/// How often the table is searched for what is too old.
const EXPIRE_EVERY_MS: i64 = 10 * 60_000;
const RETAIN_EVERY_MS: i64 = HOUR_MS;

/// One kind of chore.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Chore {
    FanOut,
    Replay,
    Expire,
    Retain,
}

impl Chore {
    pub(crate) const ALL: [Self; 4] = [Self::FanOut, Self::Replay, Self::Expire, Self::Retain];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::FanOut => "fan out further",
            Self::Replay => "go on with a replay",
            Self::Expire => "give up what has waited too long",
            Self::Retain => "remove what is old",
        }
    }

    /// Does one portion; true when there may be more.
    pub(crate) fn run(
        self,
        inner: &Inner,
        tx: &mut Tx<'_>,
        age_max: Duration,
        retention: Duration,
    ) -> Result<bool, DbError> {
        let now_ms = inner.clock.now_ms();
        let before = |age: Duration| now_ms - i64::try_from(age.as_millis()).unwrap_or(now_ms);
        match self {
            Self::FanOut => fan_out::go_on(inner, tx),
            Self::Replay => replays::step(inner, tx),
            Self::Expire => {
                if !is_due(tx.conn(), "expired_at_ms", EXPIRE_EVERY_MS, now_ms)? {
                    return Ok(false);
                }
                let done = expire(inner, tx, before(age_max))?;
                finished(tx.conn(), "expired_at_ms", done, now_ms)
            }
            Self::Retain => {
                if !is_due(tx.conn(), "retained_at_ms", RETAIN_EVERY_MS, now_ms)? {
                    return Ok(false);
                }
                let done = retain(tx.conn(), before(retention), now_ms)?;
                finished(tx.conn(), "retained_at_ms", done, now_ms)
            }
        }
    }
}

#[derive(diesel::QueryableByName)]
struct Meta {
    #[diesel(sql_type = Text)]
    value: String,
}

/// Whether it is so long ago that any node did this.
fn is_due(conn: &mut Conn, name: &str, every_ms: i64, now_ms: i64) -> Result<bool, DbError> {
    let lock = skip_locked(conn);
    let last: Option<Meta> =
        conn.row(sql(format!("SELECT value FROM meta WHERE name = ?{lock}")).bind(name))?;
    let last = last.map_or(0, |row| row.value.parse().unwrap_or(0));
    Ok(now_ms - last >= every_ms)
}

/// Notes that it was done to the end; true when it was not.
fn finished(conn: &mut Conn, name: &str, done: bool, now_ms: i64) -> Result<bool, DbError> {
    if done {
        conn.execute(
            sql("INSERT INTO meta (name, value) VALUES (?, ?) \
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value")
            .bind(name)
            .bind(now_ms.to_string()),
        )?;
    }
    Ok(!done)
}

#[derive(diesel::QueryableByName)]
struct Expired {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    event_id: i64,
    #[diesel(sql_type = BigInt)]
    tenant_id: i64,
    #[diesel(sql_type = BigInt)]
    subscription_id: i64,
    #[diesel(sql_type = BigInt)]
    attempts: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    order_key: Option<i64>,
}

/// Gives up deliveries that have waited since before then; true when there are no more.
fn expire(inner: &Inner, tx: &mut Tx<'_>, before_ms: i64) -> Result<bool, DbError> {
    let (conn, now_ms) = (tx.conn(), inner.clock.now_ms());
    let oldest = row_key(u64::try_from(before_ms).unwrap_or_default(), 0);
    let lock = skip_locked(conn);
    let expired: Vec<Expired> = conn.rows(
        sql(format!(
            "SELECT id, event_id, tenant_id, subscription_id, attempts, order_key FROM deliveries \
             WHERE state = 1 AND owner IS NULL AND attempts_before = 0 AND id < ? LIMIT ?{lock}"
        ))
        .bind(oldest)
        .bind(PORTION_MAX),
    )?;
    let snapshot = inner.registry.current(conn, now_ms)?;
    let outcome =
        Outcome::unsendable("it waited longer than ingest.delivery.delivery_age_days_max".into());
    for row in &expired {
        let conn = tx.conn();
        conn.execute(
            sql("UPDATE deliveries SET state = 3, finished_at_ms = ? WHERE id = ?")
                .bind(now_ms)
                .bind(row.id),
        )?;
        counts::add_dead(conn, row.tenant_id, row.subscription_id, 1)?;
        let event = crate::claim::stored_event(conn, &inner.origin, row.event_id)?;
        let (Some(endpoint), Some(event)) = (snapshot.endpoint(row.subscription_id), event) else {
            continue;
        };
        if let Some(key) = row.order_key {
            let subject = &event.event.subject;
            release_next(conn, row.tenant_id, subject, endpoint.id, key, now_ms)?;
        }
        if contract::is_operational(&event.event.event_type) {
            continue;
        }
        let news = News::Dead {
            delivery_id: row.id,
            event: &event.event,
            attempts: row.attempts,
            outcome: &outcome,
        };
        operational::tell(inner, tx, &[(&**endpoint, news)])?;
    }
    Ok(i64::try_from(expired.len()).unwrap_or(i64::MAX) < PORTION_MAX)
}

/// Removes a portion of what is older than that; true when there is no more. An event goes after everything that
/// is owed because of it; what is pending is not touched.
fn retain(conn: &mut Conn, before_ms: i64, now_ms: i64) -> Result<bool, DbError> {
    let oldest = row_key(u64::try_from(before_ms).unwrap_or_default(), 0);
    const PORTIONS: [&str; 3] = [
        "DELETE FROM attempts WHERE delivery_id IN (SELECT id FROM deliveries WHERE id < ? \
         AND state <> 1 ORDER BY id LIMIT ?)",
        "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE id < ? AND state <> 1 \
         ORDER BY id LIMIT ?)",
        "DELETE FROM events WHERE id IN (SELECT e.id FROM events e WHERE e.id < ? AND NOT EXISTS \
         (SELECT 1 FROM deliveries d WHERE d.event_id = e.id) ORDER BY e.id LIMIT ?)",
    ];
    let mut removed = 0;
    for portion in PORTIONS {
        removed += conn.execute(sql(portion).bind(oldest).bind(PORTION_MAX))?;
    }
    removed += conn.execute(
        sql(
            "DELETE FROM idempotency_keys WHERE (tenant_id, idempotency_key) IN (SELECT tenant_id, \
             idempotency_key FROM idempotency_keys WHERE created_at_ms < ? LIMIT ?)",
        )
        .bind(now_ms - KEPT_MS)
        .bind(PORTION_MAX),
    )?;
    conn.execute(sql("DELETE FROM delivery_hours WHERE hour_ms < ?").bind(before_ms - HOUR_MS))?;
    Ok(removed == 0)
}
