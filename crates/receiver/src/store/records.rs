//! What people keep under a code of their own, each row of one revision: a change names the revision it was
//! made from, and does nothing to any other. Must never know what a column means.

use db::{Conn, DbError, Value, sql};
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::sqlite::Sqlite;

use super::{Filter, Id, List};

/// A row with a code, a revision, and columns that people may change.
pub(crate) trait Record: QueryableByName<Sqlite> + QueryableByName<Pg> + 'static {
    /// What people may change.
    type Fields;
    const TABLE: Table;
    const LIST: List<'static>;

    /// In the order of the table's columns.
    fn values(fields: &Self::Fields) -> Vec<Value<'_>>;
}

/// Where records are kept.
pub(crate) struct Table {
    pub name: &'static str,
    /// What the list calls it.
    pub alias: &'static str,
    /// Those that people may change.
    pub columns: &'static [&'static str],
}

/// A record as somebody has seen it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub tenant: i64,
    pub id: i64,
    pub revision: i64,
}

pub(crate) fn find<R: Record>(
    conn: &mut Conn,
    tenant: i64,
    code: &str,
) -> Result<Option<R>, DbError> {
    let alias = R::TABLE.alias;
    Filter::tenant(&format!("{alias}.tenant_id"), tenant)
        .and_with(&format!("{alias}.code = ?"), Some(code.to_owned()))
        .first(conn, &R::LIST)
}

pub(crate) fn exists<R: Record>(conn: &mut Conn, tenant: i64, code: &str) -> Result<bool, DbError> {
    let select = sql(format!(
        "SELECT id FROM {} WHERE tenant_id = ? AND code = ?",
        R::TABLE.name
    ));
    let row: Option<Id> = conn.row(select.bind(tenant).bind(code))?;
    Ok(row.is_some())
}

/// Whether it was inserted: false when the code is taken. `fixed` are columns that nobody changes.
pub(crate) fn insert<'v, R: Record>(
    conn: &mut Conn,
    (tenant, code): (i64, &'v str),
    fixed: Vec<(&str, Value<'v>)>,
    fields: &'v R::Fields,
    now_ms: i64,
) -> Result<bool, DbError> {
    let Table { name, columns, .. } = R::TABLE;
    let mut named = vec!["tenant_id", "code"];
    named.extend(fixed.iter().map(|(column, _)| *column));
    named.extend_from_slice(columns);
    named.extend(["created_at_ms", "changed_at_ms", "revision"]);
    let marks = vec!["?"; named.len()].join(", ");
    let insert = sql(format!(
        "INSERT INTO {name} ({}) VALUES ({marks}) ON CONFLICT (tenant_id, code) DO NOTHING",
        named.join(", ")
    ));
    let insert = insert
        .bind(tenant)
        .bind(code)
        .bind_all(fixed.into_iter().map(|(_, value)| value))
        .bind_all(R::values(fields))
        .bind_all([now_ms; 3].map(Value::from));
    Ok(conn.execute(insert)? == 1)
}

/// Its revision grows. False when it is no longer this revision.
pub(crate) fn update<R: Record>(
    conn: &mut Conn,
    seen: Seen,
    fields: &R::Fields,
    now_ms: i64,
) -> Result<bool, DbError> {
    let Table { name, columns, .. } = R::TABLE;
    let update = sql(format!(
        "UPDATE {name} SET {} = ?, changed_at_ms = ?, revision = revision + 1 \
         WHERE tenant_id = ? AND id = ? AND revision = ?",
        columns.join(" = ?, ")
    ));
    let update = update.bind_all(R::values(fields)).bind(now_ms);
    Ok(conn.execute(update.bind_all(seen.values()))? == 1)
}

/// False when it is no longer this revision.
pub(crate) fn delete<R: Record>(conn: &mut Conn, seen: Seen) -> Result<bool, DbError> {
    let delete = sql(format!(
        "DELETE FROM {} WHERE tenant_id = ? AND id = ? AND revision = ?",
        R::TABLE.name
    ));
    Ok(conn.execute(delete.bind_all(seen.values()))? == 1)
}

impl Seen {
    fn values(self) -> [Value<'static>; 3] {
        [self.tenant.into(), self.id.into(), self.revision.into()]
    }
}
