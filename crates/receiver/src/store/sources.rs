//! The row of each sender: the number that its events and files carry.

use db::{Conn, DbError, sql};

use super::{DEFAULT_TENANT, Id};

/// The source's row, made when it is missing; a name keeps its number for ever.
pub(crate) fn ensure(conn: &mut Conn, name: &str) -> Result<i64, DbError> {
    let insert =
        sql("INSERT INTO sources (tenant_id, name) VALUES (?, ?) ON CONFLICT (name) DO NOTHING");
    conn.execute(insert.bind(DEFAULT_TENANT).bind(name))?;
    let row: Id = conn.one(sql("SELECT id FROM sources WHERE name = ?").bind(name))?;
    Ok(row.id)
}
