//! Clients of the shop.

use contract::ClientCode;
use db::{Conn, DbError, Value};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};
use serde_json::json;

use super::activity::{self, ActivityKind, Deed};
use super::records::{self, Record, Table};
use super::{Cursor, Filter, Kind, List, Order, Page, Part, Placed, Slice};

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

impl Record for Client {
    type Fields = ClientFields;
    const TABLE: Table = Table {
        name: "clients",
        alias: "c",
        columns: &["name", "email", "phone", "notes"],
    };
    const LIST: List<'static> = LIST;

    fn values(fields: &ClientFields) -> Vec<Value<'_>> {
        vec![
            fields.name.as_str().into(),
            fields.email.as_deref().into(),
            fields.phone.as_deref().into(),
            fields.notes.as_deref().into(),
        ]
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
    let named = (tenant, code.as_str());
    records::insert::<Client>(conn, named, Vec::new(), fields, now_ms)
}

/// Tells activity of a client as it is now. By whom: tenant, actor and time.
pub(crate) fn tell(
    conn: &mut Conn,
    (code, fields): (&str, &ClientFields),
    kind: ActivityKind,
    (tenant_id, actor, now_ms): (i64, &str, i64),
) -> Result<(), DbError> {
    let facts = json!({
        "client_code": code,
        "name": fields.name,
        "email": fields.email,
        "phone": fields.phone,
        "notes": fields.notes,
    });
    let deed = Deed {
        tenant_id,
        kind,
        actor,
        design_file_id: None,
        project_id: None,
        project_code: None,
        client_code: Some(code),
        facts: &facts.to_string(),
        now_ms,
    };
    activity::record(conn, &deed)
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
