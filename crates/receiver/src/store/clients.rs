//! Clients of the shop.

use contract::ClientCode;
use db::{Conn, DbError, sql};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::{Cursor, Filter, Id, Kind, List, Order, Page, Part, Placed, Slice};

/// A client of the shop.
#[derive(Debug, QueryableByName)]
pub(crate) struct Client {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub code: String,
    #[diesel(embed)]
    pub fields: ClientFields,
    #[diesel(sql_type = BigInt)]
    pub created_at_ms: i64,
    #[diesel(sql_type = BigInt)]
    pub changed_at_ms: i64,
    #[diesel(sql_type = BigInt)]
    pub revision: i64,
    #[diesel(sql_type = BigInt)]
    pub projects: i64,
}

/// What people may change.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub(crate) struct ClientFields {
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub email: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub phone: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub notes: Option<String>,
}

impl Placed for Client {
    fn cursor(&self) -> Cursor {
        Cursor::new([Part::Text(self.code.clone())])
    }
}

/// Whether it was inserted: false when the code is taken.
pub(crate) fn insert(
    conn: &mut Conn,
    tenant: i64,
    code: &ClientCode,
    fields: &ClientFields,
    now_ms: i64,
) -> Result<bool, DbError> {
    let insert = sql(
        "INSERT INTO clients (tenant_id, code, name, email, phone, notes, created_at_ms, changed_at_ms, revision) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT (tenant_id, code) DO NOTHING",
    );
    let insert = insert
        .bind(tenant)
        .bind(code.as_str())
        .bind(fields.name.as_str())
        .bind(fields.email.as_deref())
        .bind(fields.phone.as_deref())
        .bind(fields.notes.as_deref())
        .bind(now_ms)
        .bind(now_ms);
    Ok(conn.execute(insert)? == 1)
}

/// Its revision grows. False when it is no longer this revision.
pub(crate) fn update(
    conn: &mut Conn,
    (tenant, id, revision): (i64, i64, i64),
    fields: &ClientFields,
    now_ms: i64,
) -> Result<bool, DbError> {
    let update = sql(
        "UPDATE clients SET name = ?, email = ?, phone = ?, notes = ?, changed_at_ms = ?, \
         revision = revision + 1 WHERE tenant_id = ? AND id = ? AND revision = ?",
    );
    let update = update
        .bind(fields.name.as_str())
        .bind(fields.email.as_deref())
        .bind(fields.phone.as_deref())
        .bind(fields.notes.as_deref())
        .bind(now_ms)
        .bind(tenant)
        .bind(id)
        .bind(revision);
    Ok(conn.execute(update)? == 1)
}

/// False when it is no longer this revision.
pub(crate) fn delete(
    conn: &mut Conn,
    (tenant, id, revision): (i64, i64, i64),
) -> Result<bool, DbError> {
    let delete = sql("DELETE FROM clients WHERE tenant_id = ? AND id = ? AND revision = ?");
    Ok(conn.execute(delete.bind(tenant).bind(id).bind(revision))? == 1)
}

pub(crate) fn exists(conn: &mut Conn, tenant: i64, code: &ClientCode) -> Result<bool, DbError> {
    let select = sql("SELECT id FROM clients WHERE tenant_id = ? AND code = ?");
    let row: Option<Id> = conn.row(select.bind(tenant).bind(code.as_str()))?;
    Ok(row.is_some())
}

/// By code.
pub(crate) const ORDER: Order = Order {
    columns: &[("c.code", Kind::Text)],
    descending: false,
};

const LIST: List<'static> = List {
    columns: "c.id, c.code, c.name, c.email, c.phone, c.notes, c.created_at_ms, c.changed_at_ms, c.revision, \
        (SELECT count(*) FROM projects p WHERE p.tenant_id = c.tenant_id AND p.client_code = c.code) AS projects",
    from: "FROM clients c",
    joins: "",
    order: ORDER,
};

pub(crate) fn find(
    conn: &mut Conn,
    tenant: i64,
    code: &ClientCode,
) -> Result<Option<Client>, DbError> {
    Filter::tenant("c.tenant_id", tenant)
        .and_with("c.code = ?", Some(code.as_str().to_owned()))
        .first(conn, &LIST)
}

pub(crate) fn list(
    conn: &mut Conn,
    tenant: i64,
    words: Option<&str>,
    slice: Slice,
) -> Result<Page<Client>, DbError> {
    Filter::tenant("c.tenant_id", tenant)
        .and_contains(&["c.code", "c.name", "c.email"], words)
        .page(conn, &LIST, slice)
}
