//! How much is owed, in one look.

use db::{Conn, DbError, sql};
use diesel::sql_types::BigInt;

/// Deliveries of one tenant by where they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, diesel::QueryableByName)]
pub struct QueueStats {
    #[diesel(sql_type = BigInt)]
    pub total: i64,
    /// Waiting in the table, for now or for a retry.
    #[diesel(sql_type = BigInt)]
    pub pending: i64,
    /// Held in memory or under way.
    #[diesel(sql_type = BigInt)]
    pub processing: i64,
    #[diesel(sql_type = BigInt)]
    pub completed: i64,
    /// Dead letters.
    #[diesel(sql_type = BigInt)]
    pub failed: i64,
}

impl QueueStats {
    /// Counts them.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn read(conn: &mut Conn, tenant_id: i64) -> Result<Self, DbError> {
        conn.one(
            sql("SELECT count(*) AS total, \
                 coalesce(sum(CASE WHEN state = 1 AND owner IS NULL THEN 1 ELSE 0 END), 0) AS pending, \
                 coalesce(sum(CASE WHEN state = 1 AND owner IS NOT NULL THEN 1 ELSE 0 END), 0) AS processing, \
                 coalesce(sum(CASE WHEN state = 2 THEN 1 ELSE 0 END), 0) AS completed, \
                 coalesce(sum(CASE WHEN state = 3 THEN 1 ELSE 0 END), 0) AS failed \
                 FROM deliveries WHERE tenant_id = ?")
            .bind(tenant_id),
        )
    }
}
