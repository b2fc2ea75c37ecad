//! This process among others that share the database: a row with a lease, and the right to what a dead
//! process held.

use db::{Conn, DbError, sql};
use diesel::sql_types::{BigInt, Text};

#[derive(diesel::QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(diesel::QueryableByName)]
struct Meta {
    #[diesel(sql_type = Text)]
    value: String,
}

/// Enters this incarnation and takes over what the node's earlier ones held, which the caller has proved
/// dead by holding the node's lock. Answers the node's number.
pub(crate) fn enter(
    conn: &mut Conn,
    id: i64,
    name: &str,
    now_ms: i64,
    lease_ms: i64,
) -> Result<i64, DbError> {
    for table in OWNING_TABLES {
        conn.execute(
            sql(format!(
                "UPDATE {table} SET owner = NULL WHERE owner IN (SELECT id FROM nodes WHERE name = ?)"
            ))
            .bind(name),
        )?;
    }
    conn.execute(sql("DELETE FROM nodes WHERE name = ?").bind(name))?;
    let free: Number = conn.one(sql(
        "SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM nodes WHERE number = 0) THEN 0 ELSE \
         (SELECT min(n.number) + 1 FROM nodes n WHERE NOT EXISTS \
         (SELECT 1 FROM nodes m WHERE m.number = n.number + 1)) END AS number",
    ))?;
    conn.execute(
        sql("INSERT INTO nodes (id, name, number, started_at_ms, lease_until_ms) \
             VALUES (?, ?, ?, ?, ?)")
        .bind(id)
        .bind(name)
        .bind(free.number)
        .bind(now_ms)
        .bind(now_ms + lease_ms),
    )?;
    Ok(free.number)
}

/// Tables whose rows carry the `owner` of work under way.
const OWNING_TABLES: [&str; 2] = ["deliveries", "files"];

/// Renews the lease and frees what nodes held whose lease has run out. False when somebody took this node
/// for dead: what it held is no longer its own.
pub(crate) fn renew(
    conn: &mut Conn,
    id: i64,
    now_ms: i64,
    lease_ms: i64,
) -> Result<bool, DbError> {
    let alive = conn.execute(
        sql("UPDATE nodes SET lease_until_ms = ? WHERE id = ?")
            .bind(now_ms + lease_ms)
            .bind(id),
    )?;
    for table in OWNING_TABLES {
        conn.execute(
            sql(format!(
                "UPDATE {table} SET owner = NULL WHERE owner IN \
                 (SELECT id FROM nodes WHERE lease_until_ms < ?)"
            ))
            .bind(now_ms),
        )?;
    }
    conn.execute(sql("DELETE FROM nodes WHERE lease_until_ms < ?").bind(now_ms))?;
    Ok(alive == 1)
}

/// Leaves: others may have everything at once.
pub(crate) fn leave(conn: &mut Conn, id: i64) -> Result<(), DbError> {
    for table in OWNING_TABLES {
        conn.execute(sql(format!("UPDATE {table} SET owner = NULL WHERE owner = ?")).bind(id))?;
    }
    conn.execute(sql("DELETE FROM nodes WHERE id = ?").bind(id))?;
    Ok(())
}

/// A value that is made once per database: `fresh` is stored if there is none yet.
pub(crate) fn meta(conn: &mut Conn, name: &str, fresh: &str) -> Result<String, DbError> {
    conn.execute(
        sql("INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING")
            .bind(name)
            .bind(fresh),
    )?;
    let row: Meta = conn.one(sql("SELECT value FROM meta WHERE name = ?").bind(name))?;
    Ok(row.value)
}
