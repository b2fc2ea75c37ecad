//! How far people have been told: what a mail is made from, and the row that remembers it. It must never hold mail
//! itself: what is owed follows from the events.

use db::{Conn, DbError, Tx, sql};
use diesel::sql_types::{BigInt, Binary, Text};

use super::digest::TYPES;

/// Events read at once.
pub(super) const EVENTS_AT_ONCE: i64 = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq, diesel::QueryableByName)]
pub(super) struct Cursor {
    #[diesel(sql_type = BigInt)]
    pub(super) told_until: i64,
    #[diesel(sql_type = BigInt)]
    pub(super) sent_at_ms: i64,
}

#[derive(Debug, diesel::QueryableByName)]
pub(super) struct EventRow {
    #[diesel(sql_type = BigInt)]
    pub(super) id: i64,
    #[diesel(sql_type = Text)]
    pub(super) tenant: String,
    #[diesel(sql_type = Text)]
    pub(super) event_type: String,
    #[diesel(sql_type = Binary)]
    pub(super) data: Vec<u8>,
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Takes the turn until `busy_until_ms`, if it is nobody else's; a first turn begins with `from`.
pub(super) fn take_turn(
    tx: &mut Tx<'_>,
    name: &str,
    from: i64,
    (now_ms, busy_until_ms): (i64, i64),
) -> Result<Option<Cursor>, DbError> {
    let conn = tx.conn();
    conn.execute(
        sql("INSERT INTO mail_cursors (name, told_until, sent_at_ms, busy_until_ms) VALUES (?, ?, 0, 0) \
             ON CONFLICT (name) DO NOTHING")
        .bind(name)
        .bind(from),
    )?;
    let taken = conn.execute(
        sql("UPDATE mail_cursors SET busy_until_ms = ? WHERE name = ? AND busy_until_ms <= ?")
            .bind(busy_until_ms)
            .bind(name)
            .bind(now_ms),
    )?;
    if taken == 0 {
        return Ok(None);
    }
    conn.row(sql("SELECT told_until, sent_at_ms FROM mail_cursors WHERE name = ?").bind(name))
}

/// Ends the turn; `told` moves the cursor.
pub(super) fn end_turn(tx: &mut Tx<'_>, name: &str, told: Option<Cursor>) -> Result<(), DbError> {
    if let Some(told) = told {
        tx.conn().execute(
            sql("UPDATE mail_cursors SET told_until = ?, sent_at_ms = ? WHERE name = ?")
                .bind(told.told_until)
                .bind(told.sent_at_ms)
                .bind(name),
        )?;
    }
    tx.conn()
        .execute(sql("UPDATE mail_cursors SET busy_until_ms = 0 WHERE name = ?").bind(name))?;
    Ok(())
}

/// Events above `after` and up to `until`, in order.
pub(super) fn events(conn: &mut Conn, after: i64, until: i64) -> Result<Vec<EventRow>, DbError> {
    let text = "SELECT e.id, t.name AS tenant, e.event_type, e.data FROM events e \
                JOIN tenants t ON t.id = e.tenant_id WHERE e.id > ? AND e.id <= ? \
                AND e.event_type IN (?, ?, ?, ?) ORDER BY e.id LIMIT ?";
    let text = sql(text).bind(after).bind(until);
    conn.rows(text.bind_all(TYPES.map(Into::into)).bind(EVENTS_AT_ONCE))
}

/// What a day brought: sentences with a number each.
pub(super) fn day(
    conn: &mut Conn,
    from_ms: i64,
    to_ms: i64,
) -> Result<Vec<(&'static str, i64)>, DbError> {
    const FILES: &str =
        "SELECT count(*) AS count FROM files WHERE created_at_ms >= ? AND created_at_ms < ?";
    let keys =
        [from_ms, to_ms].map(|ms| contract::row_key(u64::try_from(ms).unwrap_or_default(), 0));
    let mut told = Vec::new();
    for (what, condition) in [
        ("files taken in", ""),
        ("of them read", " AND state = 2"),
        ("of them failed", " AND state = 3"),
        (
            "of them waiting for a person",
            " AND state = 2 AND needs_review IS NOT NULL",
        ),
    ] {
        let statement = sql(format!("{FILES}{condition}")).bind(from_ms).bind(to_ms);
        told.push((what, conn.one::<Count>(statement)?.count));
    }
    for (what, condition) in [
        ("deliveries owed", ""),
        ("of them made", " AND state = 2"),
        ("of them given up", " AND state = 3"),
    ] {
        let text =
            format!("SELECT count(*) AS count FROM deliveries WHERE id >= ? AND id < ?{condition}");
        told.push((
            what,
            conn.one::<Count>(sql(text).bind_all(keys.map(Into::into)))?
                .count,
        ));
    }
    let disabled = sql("SELECT count(*) AS count FROM subscriptions WHERE state = 3");
    told.push(("endpoints disabled", conn.one::<Count>(disabled)?.count));
    Ok(told)
}
