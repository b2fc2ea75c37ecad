//! How much is owed, in one look that stays cheap however much it is: what is over comes from counters, what is
//! not is counted up to a bound.

use db::{Conn, DbError, sql};
use diesel::sql_types::BigInt;

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
}

impl QueueStats {
    /// Looks.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn read(conn: &mut Conn, tenant_id: i64) -> Result<Self, DbError> {
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
        })
    }
}
