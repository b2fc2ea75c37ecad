//! The table of keys, the same in every service's database. It must never hold a key's text.

use db::{Conn, DbError, sql};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use std::collections::HashMap;
use std::sync::Arc;

use crate::caller::Caller;
use crate::gate::Held;
use crate::key::{KeyHash, KeyText};
use crate::scope::Scopes;

/// A key without its text.
#[derive(Debug, Clone, QueryableByName)]
pub struct KeyRecord {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// Whose key it is.
    #[diesel(sql_type = Text)]
    pub tenant: String,
    /// What its owner calls it.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Its last characters.
    #[diesel(sql_type = Text)]
    pub hint: String,
    #[diesel(sql_type = Text)]
    scopes: String,
    #[diesel(sql_type = BigInt)]
    pub created_at_ms: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub expires_at_ms: Option<i64>,
}

impl KeyRecord {
    pub fn scopes(&self) -> Scopes {
        Scopes::parse(&self.scopes)
    }
}

const COLUMNS: &str =
    "k.id, t.name AS tenant, k.name, k.hint, k.scopes, k.created_at_ms, k.expires_at_ms";

/// Keys of a tenant that are not revoked, oldest first.
pub(crate) fn list(conn: &mut Conn, tenant_id: i64) -> Result<Vec<KeyRecord>, DbError> {
    let text = format!(
        "SELECT {COLUMNS} FROM api_keys k JOIN tenants t ON t.id = k.tenant_id \
         WHERE k.tenant_id = ? AND k.revoked_at_ms IS NULL ORDER BY k.id"
    );
    conn.rows(sql(text).bind(tenant_id))
}

/// What a tenant's keys are called, revoked ones too: what they did is told for ever.
///
/// # Errors
/// Those of the database.
pub fn key_names(conn: &mut Conn, tenant_id: i64) -> Result<HashMap<i64, String>, DbError> {
    #[derive(QueryableByName)]
    struct Named {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = Text)]
        name: String,
    }
    let select = sql("SELECT id, name FROM api_keys WHERE tenant_id = ?").bind(tenant_id);
    let named = conn.rows::<Named>(select)?.into_iter();
    Ok(named.map(|key| (key.id, key.name)).collect())
}

/// What a new row holds.
pub(crate) struct NewRow<'a> {
    pub(crate) tenant_id: i64,
    pub(crate) name: &'a str,
    pub(crate) key: &'a KeyText,
    pub(crate) scopes: Scopes,
    pub(crate) expires_at_ms: Option<i64>,
    pub(crate) now_ms: i64,
}

pub(crate) fn insert(conn: &mut Conn, row: &NewRow<'_>) -> Result<i64, DbError> {
    let hash = row.key.hash();
    let statement = sql(
        "INSERT INTO api_keys (tenant_id, name, hash, hint, scopes, created_at_ms, expires_at_ms) \
         VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
    )
    .bind(row.tenant_id)
    .bind(row.name)
    .bind(hash.as_slice())
    .bind(row.key.hint())
    .bind(row.scopes.to_string())
    .bind(row.now_ms)
    .bind(row.expires_at_ms);
    Ok(conn.one::<Id>(statement)?.id)
}

/// Whether there was such a live key.
pub(crate) fn revoke(
    conn: &mut Conn,
    tenant_id: i64,
    id: i64,
    now_ms: i64,
) -> Result<bool, DbError> {
    let statement = sql(
        "UPDATE api_keys SET revoked_at_ms = ? WHERE tenant_id = ? AND id = ? AND revoked_at_ms IS NULL",
    );
    Ok(conn.execute(statement.bind(now_ms).bind(tenant_id).bind(id))? > 0)
}

/// Whether any key was ever made.
pub(crate) fn is_empty(conn: &mut Conn) -> Result<bool, DbError> {
    let row = conn.row::<Id>(sql("SELECT id FROM api_keys LIMIT 1"))?;
    Ok(row.is_none())
}

/// The tenant of this name, made when there is none.
pub(crate) fn tenant(conn: &mut Conn, name: &str) -> Result<i64, DbError> {
    conn.execute(
        sql(
            "INSERT INTO tenants (id, name) SELECT coalesce(max(id), 0) + 1, ? FROM tenants \
             WHERE true ON CONFLICT (name) DO NOTHING",
        )
        .bind(name),
    )?;
    let found = conn.one::<Id>(sql("SELECT id FROM tenants WHERE name = ?").bind(name))?;
    Ok(found.id)
}

/// The name of a tenant.
pub(crate) fn tenant_name(conn: &mut Conn, id: i64) -> Result<String, DbError> {
    let row = conn.one::<Name>(sql("SELECT name FROM tenants WHERE id = ?").bind(id))?;
    Ok(row.name)
}

/// Changes with every key that is made or revoked.
pub(crate) fn version(conn: &mut Conn) -> Result<(i64, i64), DbError> {
    let statement =
        sql("SELECT coalesce(max(id), 0) AS id, count(revoked_at_ms) AS revoked FROM api_keys");
    let row = conn.one::<Version>(statement)?;
    Ok((row.id, row.revoked))
}

/// All keys that open something.
pub(crate) fn live(conn: &mut Conn) -> Result<HashMap<KeyHash, Held>, DbError> {
    let rows = conn.rows::<LiveRow>(sql(
        "SELECT k.id, k.tenant_id, t.name AS tenant, k.hash, k.scopes, k.expires_at_ms FROM api_keys k \
         JOIN tenants t ON t.id = k.tenant_id WHERE k.revoked_at_ms IS NULL",
    ))?;
    let held = rows.into_iter().filter_map(|row| {
        let hash = KeyHash::try_from(row.hash.as_slice()).ok()?;
        let caller = Caller {
            tenant_id: row.tenant_id,
            tenant: Arc::from(row.tenant),
            key_id: Some(row.id),
            scopes: Scopes::parse(&row.scopes),
        };
        let expires_at_ms = row.expires_at_ms;
        Some((
            hash,
            Held {
                caller,
                expires_at_ms,
            },
        ))
    });
    Ok(held.collect())
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    revoked: i64,
}

#[derive(QueryableByName)]
struct LiveRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    tenant_id: i64,
    #[diesel(sql_type = Text)]
    tenant: String,
    #[diesel(sql_type = Binary)]
    hash: Vec<u8>,
    #[diesel(sql_type = Text)]
    scopes: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    expires_at_ms: Option<i64>,
}
