//! How many files there are of what kind of standing. Never counts without an index.

use db::{Conn, DbError, sql};
use diesel::QueryableByName;
use diesel::sql_types::BigInt;

const HOUR_MS: i64 = 3_600_000;
/// Of these, every page asks for the second.
pub(super) const COUNTS: &str = "SELECT count(*) AS taken_in, \
     coalesce(sum(CASE WHEN state = 3 THEN CAST(1 AS BIGINT) ELSE 0 END), 0) AS failed, \
     (SELECT count(*) FROM files WHERE tenant_id = ? AND state = 2 AND needs_review IS NOT NULL) AS to_check, \
     (SELECT count(*) FROM files WHERE tenant_id = ? AND state = 1) AS processing \
     FROM files WHERE tenant_id = ? AND created_at_ms >= ? AND state <> 4";
pub(super) const TROUBLES: &str = "SELECT \
     (SELECT count(*) FROM files WHERE tenant_id = ? AND state = 3 AND updated_at_ms > ?) AS failed, \
     (SELECT count(*) FROM files WHERE tenant_id = ? AND state = 2 AND needs_review IS NOT NULL \
      AND processed_at_ms > ?) AS to_check";
pub(super) const KNOWN_CODES: &str = "SELECT DISTINCT client_code, project_code FROM \
     (SELECT client_code, project_code FROM files WHERE tenant_id = ? AND state <> 4 \
      ORDER BY id DESC LIMIT 2000) newest";

/// A tenant's files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, QueryableByName)]
pub(crate) struct FileCounts {
    /// Taken in since a moment, and how many of those have failed.
    #[diesel(sql_type = BigInt)]
    pub(crate) taken_in: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) failed: i64,
    /// Of all files: waiting for a person, and being read.
    #[diesel(sql_type = BigInt)]
    pub(crate) to_check: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) processing: i64,
}

pub(crate) fn counts(
    conn: &mut Conn,
    tenant_id: i64,
    since_ms: i64,
) -> Result<FileCounts, DbError> {
    conn.one(
        sql(COUNTS)
            .bind(tenant_id)
            .bind(tenant_id)
            .bind(tenant_id)
            .bind(since_ms),
    )
}

/// What has happened to files since somebody last looked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, QueryableByName)]
pub(crate) struct Troubles {
    #[diesel(sql_type = BigInt)]
    pub(crate) failed: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) to_check: i64,
}

pub(crate) fn troubles(
    conn: &mut Conn,
    tenant_id: i64,
    since_ms: i64,
) -> Result<Troubles, DbError> {
    conn.one(
        sql(TROUBLES)
            .bind(tenant_id)
            .bind(since_ms)
            .bind(tenant_id)
            .bind(since_ms),
    )
}

/// Files taken in and failed in each of the last `hours`, oldest first, the one under way included.
pub(crate) fn by_hour(
    conn: &mut Conn,
    tenant_id: i64,
    hours: u32,
    now_ms: i64,
) -> Result<Vec<(i64, i64)>, DbError> {
    #[derive(QueryableByName)]
    struct Hour {
        #[diesel(sql_type = BigInt)]
        hour: i64,
        #[diesel(sql_type = BigInt)]
        taken_in: i64,
        #[diesel(sql_type = BigInt)]
        failed: i64,
    }
    let last = now_ms.div_euclid(HOUR_MS);
    let first = last - i64::from(hours) + 1;
    let rows: Vec<Hour> = conn.rows(
        sql("SELECT created_at_ms / 3600000 AS hour, count(*) AS taken_in, \
             sum(CASE WHEN state = 3 THEN CAST(1 AS BIGINT) ELSE 0 END) AS failed FROM files \
             WHERE tenant_id = ? AND created_at_ms >= ? AND state <> 4 GROUP BY created_at_ms / 3600000")
        .bind(tenant_id)
        .bind(first * HOUR_MS),
    )?;
    let of = |hour| {
        let row = rows.iter().find(|row| row.hour == hour);
        row.map_or((0, 0), |row| (row.taken_in, row.failed))
    };
    Ok((first..=last).map(of).collect())
}

/// The codes that the newest files of a tenant carry, to be offered where one is asked for.
pub(crate) fn known_codes(
    conn: &mut Conn,
    tenant_id: i64,
) -> Result<(Vec<String>, Vec<String>), DbError> {
    #[derive(QueryableByName)]
    struct Codes {
        #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
        client_code: Option<String>,
        #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
        project_code: Option<String>,
    }
    let rows: Vec<Codes> = conn.rows(sql(KNOWN_CODES).bind(tenant_id))?;
    let sorted = |code: fn(&Codes) -> &Option<String>| {
        let mut codes: Vec<String> = rows.iter().filter_map(|row| code(row).clone()).collect();
        codes.sort();
        codes.dedup();
        codes
    };
    Ok((
        sorted(|row| &row.client_code),
        sorted(|row| &row.project_code),
    ))
}
