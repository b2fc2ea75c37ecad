//! How far sources have been compared with what their senders owe.

use db::{Conn, DbError, sql};
use diesel::QueryableByName;
use diesel::sql_types::{Nullable, Text};

/// Where the next run begins.
pub(crate) fn cursor(conn: &mut Conn, source_id: i64) -> Result<Option<String>, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Nullable<Text>)]
        cursor: Option<String>,
    }
    let select = sql("SELECT cursor FROM reconciliations WHERE source_id = ?");
    let row: Option<Row> = conn.row(select.bind(source_id))?;
    Ok(row.and_then(|row| row.cursor))
}

/// Keeps where the next run begins and what the last one found, as JSON.
pub(crate) fn keep(
    conn: &mut Conn,
    source_id: i64,
    cursor: Option<&str>,
    report: &str,
    now_ms: i64,
) -> Result<(), DbError> {
    let upsert = sql(
        "INSERT INTO reconciliations (source_id, cursor, report, finished_at_ms) VALUES (?, ?, ?, ?) \
         ON CONFLICT (source_id) DO UPDATE SET cursor = excluded.cursor, report = excluded.report, \
         finished_at_ms = excluded.finished_at_ms",
    );
    let upsert = upsert.bind(source_id).bind(cursor).bind(report);
    conn.execute(upsert.bind(now_ms)).map(drop)
}

/// The last reports of a tenant's sources, by name.
pub(crate) fn reports(conn: &mut Conn, tenant: i64) -> Result<Vec<String>, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        report: String,
    }
    let select = sql(
        "SELECT r.report FROM reconciliations r JOIN sources s ON s.id = r.source_id \
         WHERE s.tenant_id = ? AND r.report IS NOT NULL ORDER BY s.name",
    );
    let rows: Vec<Row> = conn.rows(select.bind(tenant))?;
    Ok(rows.into_iter().map(|row| row.report).collect())
}
