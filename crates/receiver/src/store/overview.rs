//! Figures for one look at everything. Must never read a row's texts: each statement answers from an index, or counts.

use db::{Conn, DbError, sql};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, SmallInt, Text};

use super::Id;

/// Projects in these states and before are open: something is still to be done.
pub(crate) const LAST_OPEN_STATUS: i16 = 5;
/// Received events in which senders are looked for; beyond them only their files tell of them.
const EVENTS_LOOKED_AT: i64 = 1_000;
const HOUR_MS: i64 = 3_600_000;

/// How many projects are in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub(crate) struct OfStatus {
    #[diesel(sql_type = SmallInt)]
    pub status: i16,
    #[diesel(sql_type = BigInt)]
    pub count: i64,
}

/// Projects by state, those without any left out.
pub(crate) fn projects_by_status(conn: &mut Conn, tenant: i64) -> Result<Vec<OfStatus>, DbError> {
    let select = sql(
        "SELECT status, count(*) AS count FROM projects WHERE tenant_id = ? GROUP BY status ORDER BY status",
    );
    conn.rows(select.bind(tenant))
}

/// An open project with a day by which it is due.
#[derive(Debug, QueryableByName)]
pub(crate) struct Due {
    #[diesel(sql_type = Text)]
    pub code: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub client_code: Option<String>,
    #[diesel(sql_type = SmallInt)]
    pub status: i16,
    /// YYYY-MM-DD.
    #[diesel(sql_type = Text)]
    pub due_date: String,
}

/// Open projects that are due before a day, the most urgent first.
pub(crate) fn due(
    conn: &mut Conn,
    tenant: i64,
    before: &str,
    rows_max: i64,
) -> Result<Vec<Due>, DbError> {
    let select = sql(
        "SELECT code, name, client_code, status, due_date FROM projects \
         WHERE tenant_id = ? AND status <= ? AND due_date < ? ORDER BY due_date, id LIMIT ?",
    );
    let select = select.bind(tenant).bind(LAST_OPEN_STATUS).bind(before);
    conn.rows(select.bind(rows_max))
}

/// A project as a field offers it.
#[derive(Debug, QueryableByName)]
pub(crate) struct Choice {
    #[diesel(sql_type = Text)]
    pub code: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub name: Option<String>,
}

/// The latest projects that are open.
pub(crate) fn choices(conn: &mut Conn, tenant: i64, rows_max: i64) -> Result<Vec<Choice>, DbError> {
    let select = sql(
        "SELECT code, name FROM projects WHERE tenant_id = ? AND status <= ? ORDER BY id DESC LIMIT ?",
    );
    conn.rows(select.bind(tenant).bind(LAST_OPEN_STATUS).bind(rows_max))
}

/// Design files that came in each of the last hours, the oldest hour first.
pub(crate) fn files_by_hour(
    conn: &mut Conn,
    tenant: i64,
    hours: usize,
    now_ms: i64,
) -> Result<Vec<i64>, DbError> {
    #[derive(QueryableByName)]
    struct Hour {
        #[diesel(sql_type = BigInt)]
        hour: i64,
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let since_ms = now_ms - i64::try_from(hours).unwrap_or(0) * HOUR_MS;
    let select = sql(
        "SELECT (created_at_ms - ?) / 3600000 AS hour, count(*) AS count FROM design_files \
         WHERE tenant_id = ? AND created_at_ms >= ? GROUP BY 1",
    );
    let found: Vec<Hour> = conn.rows(select.bind(since_ms).bind(tenant).bind(since_ms))?;
    let mut by_hour = vec![0; hours];
    for Hour { hour, count } in found {
        // A sender's clock may be ahead of ours: what it dates later came now.
        let at = usize::try_from(hour)
            .unwrap_or(0)
            .min(hours.saturating_sub(1));
        if let Some(slot) = by_hour.get_mut(at) {
            *slot += count;
        }
    }
    Ok(by_hour)
}

/// Events that were not applied: of unknown type, and failed.
pub(crate) fn not_applied(conn: &mut Conn, tenant: i64) -> Result<(i64, i64), DbError> {
    let select = sql(
        "SELECT state AS status, count(*) AS count FROM inbox WHERE tenant_id = ? AND state <> 1 GROUP BY state",
    );
    let found: Vec<OfStatus> = conn.rows(select.bind(tenant))?;
    let of = |state| found.iter().find(|row| row.status == state);
    let of = |state| of(state).map_or(0, |row| row.count);
    Ok((of(2), of(3)))
}

/// Events that failed since a time. The index is of what was not applied, and SQLite sees that only when told.
pub(crate) fn failed_since(conn: &mut Conn, tenant: i64, since_ms: i64) -> Result<i64, DbError> {
    #[derive(QueryableByName)]
    struct Failed {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let select = sql(
        "SELECT count(*) AS count FROM inbox WHERE tenant_id = ? AND state <> 1 AND state = 3 AND last_seen_at_ms > ?",
    );
    let failed: Failed = conn.one(select.bind(tenant).bind(since_ms))?;
    Ok(failed.count)
}

/// When a source was last heard of.
#[derive(Debug, QueryableByName)]
pub(crate) struct Heard {
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub at_ms: Option<i64>,
}

/// The tenant's sources with their latest sign of life: an event among the latest ones, else their latest file.
pub(crate) fn heard_of(conn: &mut Conn, tenant: i64) -> Result<Vec<Heard>, DbError> {
    let select = sql(
        "SELECT s.name, coalesce(e.at_ms, (SELECT f.created_at_ms FROM design_files f WHERE f.source_id = s.id \
         ORDER BY f.origin DESC, f.ingest_id DESC LIMIT 1)) AS at_ms FROM sources s LEFT JOIN \
         (SELECT i.source_id, max(i.last_seen_at_ms) AS at_ms FROM (SELECT source_id, last_seen_at_ms FROM inbox \
         WHERE tenant_id = ? ORDER BY id DESC LIMIT ?) i GROUP BY i.source_id) e ON e.source_id = s.id \
         WHERE s.tenant_id = ? ORDER BY s.name",
    );
    conn.rows(select.bind(tenant).bind(EVENTS_LOOKED_AT).bind(tenant))
}

/// A number that grows with everything that is told in lists: what was received, and what people did.
pub(crate) fn latest(conn: &mut Conn) -> Result<i64, DbError> {
    let select = sql(
        "SELECT coalesce((SELECT max(id) FROM inbox), 0) + coalesce((SELECT max(id) FROM activity_log), 0) AS id",
    );
    let row: Id = conn.one(select)?;
    Ok(row.id)
}
