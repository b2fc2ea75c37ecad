//! What the attempts say of an endpoint, as all nodes see it: since when it fails, until when nothing is sent.
//! There is no row while all is well.

use db::{Conn, DbError, sql};
use diesel::sql_types::{BigInt, Nullable, SmallInt};

/// An endpoint that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, diesel::QueryableByName)]
pub(crate) struct Failing {
    #[diesel(sql_type = BigInt)]
    pub(crate) subscription_id: i64,
    /// Since when every attempt has failed.
    #[diesel(sql_type = BigInt)]
    pub(crate) failing_since_ms: i64,
    /// Whether `endpoint.failing` has been published, as 0 or 1.
    #[diesel(sql_type = SmallInt)]
    pub(crate) told: i16,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub(crate) open_until_ms: Option<i64>,
    /// How often in a row the breaker has opened.
    #[diesel(sql_type = BigInt)]
    pub(crate) opened: i64,
}

const COLUMNS: &str = "subscription_id, failing_since_ms, told, open_until_ms, opened";

/// Every endpoint that fails.
pub(crate) fn all(conn: &mut Conn) -> Result<Vec<Failing>, DbError> {
    conn.rows(sql(format!("SELECT {COLUMNS} FROM endpoint_health")))
}

/// One endpoint, if it fails.
pub(crate) fn of(conn: &mut Conn, subscription_id: i64) -> Result<Option<Failing>, DbError> {
    conn.row(
        sql(format!(
            "SELECT {COLUMNS} FROM endpoint_health WHERE subscription_id = ?"
        ))
        .bind(subscription_id),
    )
}

/// Notes that it fails, and until when nothing is to be sent if the breaker has opened. What another node has
/// noted is kept where it says more.
pub(crate) fn note(
    conn: &mut Conn,
    subscription_id: i64,
    since_ms: i64,
    open: Option<(i64, i64)>,
) -> Result<(), DbError> {
    let (until_ms, opened) = open.map_or((None, 0), |(until, opened)| (Some(until), opened));
    conn.execute(
        sql("INSERT INTO endpoint_health (subscription_id, failing_since_ms, told, open_until_ms, opened) \
             VALUES (?, ?, 0, ?, ?) ON CONFLICT (subscription_id) DO UPDATE SET \
             open_until_ms = coalesce(excluded.open_until_ms, endpoint_health.open_until_ms), \
             opened = CASE WHEN excluded.opened > endpoint_health.opened THEN excluded.opened \
             ELSE endpoint_health.opened END")
        .bind(subscription_id)
        .bind(since_ms)
        .bind(until_ms)
        .bind(opened),
    )?;
    Ok(())
}

/// Marks that `endpoint.failing` has been published; false when it had been.
pub(crate) fn tell(conn: &mut Conn, subscription_id: i64) -> Result<bool, DbError> {
    let changed = conn.execute(
        sql("UPDATE endpoint_health SET told = 1 WHERE subscription_id = ? AND told = 0")
            .bind(subscription_id),
    )?;
    Ok(changed > 0)
}

/// All is well again. Answers what was noted.
pub(crate) fn clear(conn: &mut Conn, subscription_id: i64) -> Result<Option<Failing>, DbError> {
    let was = of(conn, subscription_id)?;
    if was.is_some() {
        let gone = "DELETE FROM endpoint_health WHERE subscription_id = ?";
        conn.execute(sql(gone).bind(subscription_id))?;
    }
    Ok(was)
}
