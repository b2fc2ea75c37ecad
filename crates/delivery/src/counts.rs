//! What has become of deliveries, counted in the transaction that made it so: totals for each endpoint, and
//! attempts by the hour. Each writing connection has rows of its own (`shard`), so that none waits for another.

use std::collections::BTreeMap;

use db::{Backend, Conn, DbError, Value, sql};

pub(crate) const HOUR_MS: i64 = 3_600_000;

/// One attempt that has ended.
pub(crate) struct Sample<'a> {
    pub(crate) tenant_id: i64,
    pub(crate) subscription_id: i64,
    pub(crate) event_type: &'a str,
    /// The HTTP status, or minus the outcome where there was none.
    pub(crate) status: i64,
    pub(crate) succeeded: bool,
    pub(crate) at_ms: i64,
    pub(crate) duration_ms: i64,
    /// Attempts of the delivery so far.
    pub(crate) attempts: i64,
    pub(crate) end: Option<End>,
}

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Delivered,
    Dead,
}

#[derive(Default)]
struct Totals {
    delivered: i64,
    dead: i64,
    succeeded: i64,
    failed: i64,
    last_success_at_ms: Option<i64>,
    last_failure_at_ms: Option<i64>,
}

#[derive(Default)]
struct Hour {
    attempts: i64,
    duration_ms: i64,
    delivered: i64,
    dead: i64,
    ended_attempts: i64,
}

/// Tenant and endpoint.
type Whose = (i64, i64);

/// Counts attempts and the ends they brought.
pub(crate) fn add(conn: &mut Conn, samples: &[Sample<'_>]) -> Result<(), DbError> {
    let mut totals: BTreeMap<Whose, Totals> = BTreeMap::new();
    let mut hours: BTreeMap<(Whose, i64, &str, i64), Hour> = BTreeMap::new();
    for sample in samples {
        let whose = (sample.tenant_id, sample.subscription_id);
        let (delivered, dead) = match sample.end {
            Some(End::Delivered) => (1, 0),
            Some(End::Dead) => (0, 1),
            None => (0, 0),
        };
        let total = totals.entry(whose).or_default();
        total.delivered += delivered;
        total.dead += dead;
        if sample.succeeded {
            total.succeeded += 1;
            total.last_success_at_ms = total.last_success_at_ms.max(Some(sample.at_ms));
        } else {
            total.failed += 1;
            total.last_failure_at_ms = total.last_failure_at_ms.max(Some(sample.at_ms));
        }
        let hour_ms = sample.at_ms - sample.at_ms.rem_euclid(HOUR_MS);
        let key = (whose, hour_ms, sample.event_type, sample.status);
        let hour = hours.entry(key).or_default();
        hour.attempts += 1;
        hour.duration_ms += sample.duration_ms;
        hour.delivered += delivered;
        hour.dead += dead;
        hour.ended_attempts += (delivered + dead) * sample.attempts;
    }
    add_totals(conn, &totals)?;
    add_hours(conn, &hours)
}

/// Counts deliveries that died, or with a negative number were taken back from the dead, without an attempt.
pub(crate) fn add_dead(
    conn: &mut Conn,
    tenant_id: i64,
    subscription_id: i64,
    dead: i64,
) -> Result<(), DbError> {
    let total = Totals {
        dead,
        ..Totals::default()
    };
    add_totals(
        conn,
        &BTreeMap::from([((tenant_id, subscription_id), total)]),
    )
}

/// The same for deliveries that count as delivered.
pub(crate) fn take_back_delivered(
    conn: &mut Conn,
    tenant_id: i64,
    subscription_id: i64,
) -> Result<(), DbError> {
    let total = Totals {
        delivered: -1,
        ..Totals::default()
    };
    add_totals(
        conn,
        &BTreeMap::from([((tenant_id, subscription_id), total)]),
    )
}

const fn shard(backend: Backend) -> &'static str {
    match backend {
        Backend::Sqlite => "0",
        Backend::Postgres => "pg_backend_pid() % 32",
    }
}

fn add_totals(conn: &mut Conn, totals: &BTreeMap<Whose, Totals>) -> Result<(), DbError> {
    const COLUMNS: &str = "tenant_id, subscription_id, delivered, dead, succeeded, failed, \
        last_success_at_ms, last_failure_at_ms";
    const CONFLICT: &str = "ON CONFLICT (subscription_id, shard) DO UPDATE SET \
        delivered = delivery_totals.delivered + excluded.delivered, \
        dead = delivery_totals.dead + excluded.dead, \
        succeeded = delivery_totals.succeeded + excluded.succeeded, \
        failed = delivery_totals.failed + excluded.failed, \
        last_success_at_ms = coalesce(excluded.last_success_at_ms, delivery_totals.last_success_at_ms), \
        last_failure_at_ms = coalesce(excluded.last_failure_at_ms, delivery_totals.last_failure_at_ms)";
    let rows = totals.iter().map(|((tenant_id, subscription_id), total)| {
        [
            Some(*tenant_id),
            Some(*subscription_id),
            Some(total.delivered),
            Some(total.dead),
            Some(total.succeeded),
            Some(total.failed),
            total.last_success_at_ms,
            total.last_failure_at_ms,
        ]
    });
    upsert(
        conn,
        "delivery_totals",
        COLUMNS,
        CONFLICT,
        rows.map(|row| (row, None)).collect(),
    )
}

fn add_hours(
    conn: &mut Conn,
    hours: &BTreeMap<(Whose, i64, &str, i64), Hour>,
) -> Result<(), DbError> {
    const COLUMNS: &str = "tenant_id, subscription_id, hour_ms, status, attempts, duration_ms, \
        delivered, dead, ended_attempts, event_type";
    const CONFLICT: &str = "ON CONFLICT (tenant_id, hour_ms, subscription_id, event_type, status, shard) \
        DO UPDATE SET attempts = delivery_hours.attempts + excluded.attempts, \
        duration_ms = delivery_hours.duration_ms + excluded.duration_ms, \
        delivered = delivery_hours.delivered + excluded.delivered, \
        dead = delivery_hours.dead + excluded.dead, \
        ended_attempts = delivery_hours.ended_attempts + excluded.ended_attempts";
    let rows = hours.iter().map(|(key, hour)| {
        let ((tenant_id, subscription_id), hour_ms, event_type, status) = key;
        let numbers = [
            Some(*tenant_id),
            Some(*subscription_id),
            Some(*hour_ms),
            Some(*status),
            Some(hour.attempts),
            Some(hour.duration_ms),
            Some(hour.delivered),
            Some(hour.dead),
            Some(hour.ended_attempts),
        ];
        (numbers, Some(*event_type))
    });
    upsert(conn, "delivery_hours", COLUMNS, CONFLICT, rows.collect())
}

/// Adds rows of numbers and perhaps a text at the end; one statement on PostgreSQL.
fn upsert<const N: usize>(
    conn: &mut Conn,
    table: &str,
    columns: &str,
    conflict: &str,
    rows: Vec<([Option<i64>; N], Option<&str>)>,
) -> Result<(), DbError> {
    let backend = conn.backend();
    let has_text = rows.iter().any(|(_, text)| text.is_some());
    let into = format!("INSERT INTO {table} (shard, {columns})");
    let shard = shard(backend);
    if rows.is_empty() {
        return Ok(());
    }
    if backend == Backend::Sqlite {
        let marks = ", ?".repeat(N + usize::from(has_text));
        for (numbers, text) in rows {
            let statement = sql(format!("{into} VALUES ({shard}{marks}) {conflict}"))
                .bind_all(numbers.into_iter().map(Value::Int))
                .bind_all(text.map(Value::from));
            conn.execute(statement)?;
        }
        return Ok(());
    }
    let arrays = vec!["?::bigint[]"; N].join(", ");
    let texts = if has_text { ", ?::text[]" } else { "" };
    let mut statement = sql(format!(
        "{into} SELECT {shard}, * FROM unnest({arrays}{texts}) {conflict}"
    ));
    for n in 0..N {
        let column = rows
            .iter()
            .map(|(numbers, _)| numbers.get(n).copied().flatten());
        statement = statement.bind(Value::Ints(column.collect()));
    }
    if has_text {
        statement = statement.bind(Value::Texts(rows.iter().map(|(_, text)| *text).collect()));
    }
    conn.execute(statement)?;
    Ok(())
}
