//! Clocks that are set: what was to be done at a time of the old clock is moved to the new one. The table remembers the
//! time of the last heartbeat, so it does not matter which node looks, or whether any ran meanwhile.

use db::{Conn, DbError, sql};
use diesel::QueryableByName;
use diesel::sql_types::Text;

use crate::claim::skip_locked;
use crate::fan_out::BEHIND_MS;

/// Differences up to here are those of heartbeats, not of clocks.
const STEP_MS_MIN: i64 = 2_000;
/// A clock that leaps further ahead may be wrong: nothing is given up or removed for as long.
pub(crate) const LEAP_MS: i64 = 3_600_000;
const LAST_KEY: &str = "clock_ms";

#[derive(QueryableByName)]
struct Meta {
    #[diesel(sql_type = Text)]
    value: String,
}

/// Notes the time; when it lies before what was noted last, moves everything by as much. True when it did.
pub(crate) fn note(conn: &mut Conn, now_ms: i64) -> Result<bool, DbError> {
    let lock = skip_locked(conn);
    let last: Option<Meta> =
        conn.row(sql(format!("SELECT value FROM meta WHERE name = ?{lock}")).bind(LAST_KEY))?;
    let last_ms = last.and_then(|row| row.value.parse::<i64>().ok());
    set(conn, LAST_KEY, now_ms)?;
    let step_ms = last_ms.map_or(0, |last_ms| now_ms - last_ms);
    if step_ms > -STEP_MS_MIN {
        return Ok(false);
    }
    tracing::warn!(step_ms, "the clock was set back; what is due moves along");
    conn.execute(
        sql(
            "UPDATE deliveries SET due_at_ms = due_at_ms + ? WHERE state = 1 AND owner IS NULL \
             AND due_at_ms > ? AND due_at_ms < ?",
        )
        .bind(step_ms)
        .bind(now_ms)
        .bind(BEHIND_MS),
    )?;
    conn.execute(
        sql("UPDATE endpoint_health SET open_until_ms = open_until_ms + ?, \
             failing_since_ms = failing_since_ms + ? WHERE failing_since_ms > ? OR open_until_ms > ?")
        .bind(step_ms)
        .bind(step_ms)
        .bind(now_ms)
        .bind(now_ms),
    )?;
    conn.execute(
        sql("UPDATE replays SET next_at_ms = next_at_ms + ? WHERE state = 1 AND next_at_ms > ?")
            .bind(step_ms)
            .bind(now_ms),
    )?;
    conn.execute(sql(
        "DELETE FROM meta WHERE name IN ('expired_at_ms', 'retained_at_ms')",
    ))?;
    Ok(true)
}

/// The clock went ahead by so much while this process ran: when that is a leap, what removes old things and gives up
/// old deliveries waits, so that there is time to set it right, and no endpoint has failed through it. True when it is.
pub(crate) fn leapt(conn: &mut Conn, step_ms: i64, now_ms: i64) -> Result<bool, DbError> {
    if step_ms < LEAP_MS {
        return Ok(false);
    }
    tracing::error!(
        step_ms,
        "the clock leapt ahead, or the machine slept: nothing old is removed for an hour"
    );
    for name in ["expired_at_ms", "retained_at_ms"] {
        set(conn, name, now_ms + LEAP_MS)?;
    }
    // Every node says so; none of them may lead beyond now.
    conn.execute(
        sql("UPDATE endpoint_health SET failing_since_ms = \
             CASE WHEN failing_since_ms + ? > ? THEN ? ELSE failing_since_ms + ? END")
        .bind(step_ms)
        .bind(now_ms)
        .bind(now_ms)
        .bind(step_ms),
    )?;
    Ok(true)
}

fn set(conn: &mut Conn, name: &str, value: i64) -> Result<(), DbError> {
    conn.execute(
        sql("INSERT INTO meta (name, value) VALUES (?, ?) \
             ON CONFLICT (name) DO UPDATE SET value = excluded.value")
        .bind(name)
        .bind(value.to_string()),
    )?;
    Ok(())
}
