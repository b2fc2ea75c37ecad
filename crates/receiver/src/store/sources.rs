//! The row of each sender: the number that its events and files carry, and for those made over the API how
//! they send. Secrets come and go sealed.

use db::{Conn, DbError, sql};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, SmallInt, Text};

use super::Id;

/// A source made over the API.
#[derive(Debug, QueryableByName)]
pub(crate) struct SourceRow {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = BigInt)]
    pub tenant_id: i64,
    #[diesel(sql_type = Text)]
    pub name: String,
    /// JSON.
    #[diesel(sql_type = Text)]
    pub options: String,
    #[diesel(sql_type = BigInt)]
    pub created_at_ms: i64,
    #[diesel(sql_type = BigInt)]
    pub revision: i64,
}

/// One of its keys.
#[derive(Debug, QueryableByName)]
pub(crate) struct KeyRow {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = BigInt)]
    pub source_id: i64,
    #[diesel(sql_type = SmallInt)]
    pub kind: i16,
    #[diesel(sql_type = Binary)]
    pub sealed: Vec<u8>,
    #[diesel(sql_type = Text)]
    pub hint: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub not_before_ms: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub not_after_ms: Option<i64>,
}

/// A key to be kept.
#[derive(Debug, Clone)]
pub(crate) struct NewKey {
    pub kind: i16,
    pub sealed: Vec<u8>,
    pub hint: String,
    pub not_before_ms: Option<i64>,
    pub not_after_ms: Option<i64>,
}

/// The tenant of this name, made when it is missing.
pub(crate) fn tenant(conn: &mut Conn, name: &str) -> Result<i64, DbError> {
    let find = || sql("SELECT id FROM tenants WHERE name = ?").bind(name);
    if let Some(row) = conn.row::<Id>(find())? {
        return Ok(row.id);
    }
    let insert = sql(
        "INSERT INTO tenants (id, name) SELECT coalesce(max(id), 0) + 1, ? FROM tenants \
         WHERE true ON CONFLICT (name) DO NOTHING",
    );
    conn.execute(insert.bind(name))?;
    Ok(conn.one::<Id>(find())?.id)
}

/// The source's row, made when it is missing; a name keeps its number and its tenant for ever. `None` when
/// it belongs to another tenant.
pub(crate) fn ensure(
    conn: &mut Conn,
    tenant: i64,
    name: &str,
    now_ms: i64,
) -> Result<Option<i64>, DbError> {
    let insert = sql(
        "INSERT INTO sources (tenant_id, name, created_at_ms, revision) VALUES (?, ?, ?, 1) \
         ON CONFLICT (name) DO NOTHING",
    );
    conn.execute(insert.bind(tenant).bind(name).bind(now_ms))?;
    let find = sql("SELECT id FROM sources WHERE name = ? AND tenant_id = ?");
    let row: Option<Id> = conn.row(find.bind(name).bind(tenant))?;
    Ok(row.map(|row| row.id))
}

const COLUMNS: &str = "SELECT id, tenant_id, name, options, created_at_ms, revision FROM sources \
     WHERE options IS NOT NULL";

/// Every source of the API, by name.
pub(crate) fn all(conn: &mut Conn) -> Result<Vec<SourceRow>, DbError> {
    conn.rows(sql(format!("{COLUMNS} ORDER BY name")))
}

/// A tenant's source of the API.
pub(crate) fn find(conn: &mut Conn, tenant: i64, name: &str) -> Result<Option<SourceRow>, DbError> {
    let statement = sql(format!("{COLUMNS} AND tenant_id = ? AND name = ?"));
    conn.row(statement.bind(tenant).bind(name))
}

/// The keys of every source, newest first.
pub(crate) fn keys(conn: &mut Conn) -> Result<Vec<KeyRow>, DbError> {
    conn.rows(sql(
        "SELECT id, source_id, kind, sealed, hint, not_before_ms, not_after_ms FROM source_keys \
         ORDER BY id DESC",
    ))
}

/// Grows with every change of any source.
pub(crate) fn version(conn: &mut Conn) -> Result<i64, DbError> {
    let sum = "SELECT CAST(coalesce(sum(revision), 0) AS BIGINT) AS id FROM sources";
    Ok(conn.one::<Id>(sql(sum))?.id)
}

/// How a source sends; its revision grows.
pub(crate) fn set(conn: &mut Conn, id: i64, options: &str) -> Result<(), DbError> {
    let update = sql("UPDATE sources SET options = ?, revision = revision + 1 WHERE id = ?");
    conn.execute(update.bind(options).bind(id)).map(drop)
}

/// Takes what makes a source one; its events and files stay.
pub(crate) fn remove(conn: &mut Conn, id: i64) -> Result<(), DbError> {
    conn.execute(sql("DELETE FROM source_keys WHERE source_id = ?").bind(id))?;
    let update = sql("UPDATE sources SET options = NULL, revision = revision + 1 WHERE id = ?");
    conn.execute(update.bind(id))?;
    Ok(())
}

pub(crate) fn add_key(
    conn: &mut Conn,
    source_id: i64,
    key: &NewKey,
    now_ms: i64,
) -> Result<i64, DbError> {
    let insert = sql(
        "INSERT INTO source_keys (source_id, kind, sealed, hint, not_before_ms, not_after_ms, created_at_ms) \
         VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
    );
    let insert = insert
        .bind(source_id)
        .bind(key.kind)
        .bind(key.sealed.as_slice())
        .bind(key.hint.as_str())
        .bind(key.not_before_ms)
        .bind(key.not_after_ms)
        .bind(now_ms);
    Ok(conn.one::<Id>(insert)?.id)
}

/// Whether the source had it.
pub(crate) fn remove_key(conn: &mut Conn, source_id: i64, id: i64) -> Result<bool, DbError> {
    let delete = sql("DELETE FROM source_keys WHERE source_id = ? AND id = ?");
    Ok(conn.execute(delete.bind(source_id).bind(id))? == 1)
}
