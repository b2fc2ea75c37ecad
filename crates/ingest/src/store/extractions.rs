//! The latest extraction of a file, as JSON.

use db::{Conn, DbError, Tx, sql};
use diesel::sql_types::Text;

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    extraction: String,
}

pub(crate) fn put_extraction(
    tx: &mut Tx<'_>,
    file_id: i64,
    extraction: &str,
    now_ms: i64,
) -> Result<(), DbError> {
    tx.conn().execute(
        sql(
            "INSERT INTO extractions (file_id, extraction, extracted_at_ms) VALUES (?, ?, ?) \
             ON CONFLICT (file_id) DO UPDATE SET extraction = excluded.extraction, \
             extracted_at_ms = excluded.extracted_at_ms",
        )
        .bind(file_id)
        .bind(extraction)
        .bind(now_ms),
    )?;
    Ok(())
}

pub(crate) fn extraction(
    conn: &mut Conn,
    tenant_id: i64,
    file_id: i64,
) -> Result<Option<String>, DbError> {
    let row: Option<Row> = conn.row(
        sql("SELECT e.extraction FROM extractions e \
             JOIN files f ON f.id = e.file_id WHERE f.tenant_id = ? AND e.file_id = ?")
        .bind(tenant_id)
        .bind(file_id),
    )?;
    Ok(row.map(|row| row.extraction))
}
