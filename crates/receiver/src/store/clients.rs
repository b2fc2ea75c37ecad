//! Clients of the shop.

use contract::ClientCode;
use db::{Conn, DbError, sql};
use diesel::sql_types::{BigInt, Text};

use super::{Filter, Id, List, Page, Slice};

/// A client of the shop.
#[derive(Debug, diesel::QueryableByName)]
pub(crate) struct Client {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub code: String,
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = BigInt)]
    pub created_at_ms: i64,
}

/// The new row; `None` when the code is taken.
pub(crate) fn insert(
    conn: &mut Conn,
    tenant: i64,
    code: &ClientCode,
    name: &str,
    now_ms: i64,
) -> Result<Option<Client>, DbError> {
    let insert = sql(
        "INSERT INTO clients (tenant_id, code, name, created_at_ms) VALUES (?, ?, ?, ?) \
                      ON CONFLICT (tenant_id, code) DO NOTHING RETURNING id, code, name, created_at_ms",
    );
    conn.row(
        insert
            .bind(tenant)
            .bind(code.as_str())
            .bind(name)
            .bind(now_ms),
    )
}

pub(crate) fn exists(conn: &mut Conn, tenant: i64, code: &ClientCode) -> Result<bool, DbError> {
    let select = sql("SELECT id FROM clients WHERE tenant_id = ? AND code = ?");
    let row: Option<Id> = conn.row(select.bind(tenant).bind(code.as_str()))?;
    Ok(row.is_some())
}

/// By code.
pub(crate) fn list(
    conn: &mut Conn,
    tenant: i64,
    words: Option<&str>,
    slice: Slice,
) -> Result<Page<Client>, DbError> {
    let list = List {
        columns: "id, code, name, created_at_ms",
        from: "FROM clients",
        joins: "",
        order: "ORDER BY code",
    };
    Filter::tenant("tenant_id", tenant)
        .and_contains(&["code", "name"], words)
        .page(conn, &list, slice)
}
