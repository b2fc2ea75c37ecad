//! The latest extraction of a file, as JSON.

use db::{Conn, DbError, Tx, sql};
use diesel::sql_types::{BigInt, Text};

#[derive(diesel::QueryableByName)]
pub(crate) struct ExtractionRow {
    #[diesel(sql_type = Text)]
    pub(crate) extraction: String,
    #[diesel(sql_type = BigInt)]
    pub(crate) extracted_at_ms: i64,
}

pub(crate) fn put_extraction(
    tx: &mut Tx<'_>,
    file_id: i64,
    extraction: &str,
    now_ms: i64,
) -> Result<(), DbError> {
    tx.conn().execute(
        sql("INSERT INTO extractions (file_id, extraction, extracted_at_ms) VALUES (?, ?, ?) \
             ON CONFLICT (file_id) DO UPDATE SET extraction = excluded.extraction, \
             extracted_at_ms = excluded.extracted_at_ms")
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
) -> Result<Option<ExtractionRow>, DbError> {
    conn.row(
        sql("SELECT e.extraction, e.extracted_at_ms FROM extractions e \
             JOIN files f ON f.id = e.file_id WHERE f.tenant_id = ? AND e.file_id = ?")
        .bind(tenant_id)
        .bind(file_id),
    )
}
