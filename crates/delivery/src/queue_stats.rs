//! How much is owed, in one look that stays cheap however much it is: what is over comes from counters, what is
//! not is counted up to a bound.

use db::{Conn, DbError, sql};
use diesel::sql_types::{BigInt, Nullable};

use crate::page::{TOTAL_MAX, total};

/// Deliveries of one tenant by where they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueStats {
    pub total: i64,
    /// Waiting in the table, for now or for a retry; counted up to [`TOTAL_MAX`].
    pub pending: i64,
    /// Held in memory or under way.
    pub processing: i64,
    /// Delivered since the beginning.
    pub completed: i64,
    /// Dead letters since the beginning.
    pub failed: i64,
    /// How long the delivery has been due that has been due longest, milliseconds; 0 when none is. Endpoints that are
    /// paused, or to which nothing is sent for now because they fail, do not count.
    pub oldest_wait_ms: i64,
}

impl QueueStats {
    /// Looks.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn read(conn: &mut Conn, tenant_id: i64, now_ms: i64) -> Result<Self, DbError> {
        #[derive(diesel::QueryableByName)]
        struct Over {
            #[diesel(sql_type = BigInt)]
            delivered: i64,
            #[diesel(sql_type = BigInt)]
            dead: i64,
        }
        let over: Over = conn.one(
            sql(
                "SELECT CAST(coalesce(sum(delivered), 0) AS BIGINT) AS delivered, \
                 CAST(coalesce(sum(dead), 0) AS BIGINT) AS dead FROM delivery_totals \
                 WHERE tenant_id = ?",
            )
            .bind(tenant_id),
        )?;
        let waiting = sql("SELECT count(*) AS count FROM (SELECT 1 FROM deliveries \
             WHERE state = 1 AND owner IS NULL AND subscription_id IN \
             (SELECT id FROM subscriptions WHERE tenant_id = ?) LIMIT ?) waiting");
        let pending = total(conn, waiting.bind(tenant_id).bind(TOTAL_MAX))?;
        let held = sql(
            "SELECT count(*) AS count FROM deliveries WHERE owner IS NOT NULL AND tenant_id = ?",
        );
        let processing = total(conn, held.bind(tenant_id))?;
        Ok(Self {
            total: over.delivered + over.dead + pending + processing,
            pending,
            processing,
            completed: over.delivered,
            failed: over.dead,
            oldest_wait_ms: oldest_wait_ms(conn, tenant_id, now_ms)?,
        })
    }
}

/// Looks at the first of each endpoint, and at what is held in memory.
fn oldest_wait_ms(conn: &mut Conn, tenant_id: i64, now_ms: i64) -> Result<i64, DbError> {
    #[derive(diesel::QueryableByName)]
    struct Oldest {
        #[diesel(sql_type = Nullable<BigInt>)]
        due_at_ms: Option<i64>,
    }
    let oldest: Oldest = conn.one(
        sql("SELECT min(due_at_ms) AS due_at_ms FROM (\
             SELECT (SELECT d.due_at_ms FROM deliveries d WHERE d.subscription_id = s.id AND d.state = 1 \
             AND d.owner IS NULL ORDER BY d.due_at_ms LIMIT 1) AS due_at_ms FROM subscriptions s \
             WHERE s.tenant_id = ? AND s.state = 1 AND NOT EXISTS (SELECT 1 FROM endpoint_health h \
             WHERE h.subscription_id = s.id AND h.open_until_ms > ?) \
             UNION ALL SELECT d.due_at_ms FROM deliveries d WHERE d.owner IS NOT NULL AND d.tenant_id = ? \
             AND NOT EXISTS (SELECT 1 FROM endpoint_health h WHERE h.subscription_id = d.subscription_id \
             AND h.open_until_ms > ?)) waiting")
        .bind(tenant_id)
        .bind(now_ms)
        .bind(tenant_id)
        .bind(now_ms),
    )?;
    Ok(oldest.due_at_ms.map_or(0, |due| (now_ms - due).max(0)))
}
