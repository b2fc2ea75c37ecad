//! This process among others that share the database: a row with a lease, and the right to what a dead
//! process held. Work whose owner has no row here is nobody's.

use db::{Backend, Conn, DbError, sql};
use diesel::sql_types::{BigInt, Text};

/// This incarnation's entry.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) lease_ms: i64,
}

/// What a heartbeat found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Renewed {
    /// Set when somebody took this node for dead: what it held is no longer its own, and this is its new
    /// number.
    pub(crate) new_number: Option<i64>,
    /// How many rows lost their dead owners.
    pub(crate) freed: usize,
}

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

/// Tables whose rows carry the `owner` of work under way.
const OWNING_TABLES: [&str; 2] = ["deliveries", "files"];

impl Node {
    /// Enters this incarnation and takes over what the node's earlier ones held, which the caller has proved
    /// dead by holding the node's lock. Answers the node's number.
    pub(crate) fn enter(&self, conn: &mut Conn, now_ms: i64) -> Result<i64, DbError> {
        conn.execute(sql("DELETE FROM nodes WHERE name = ?").bind(&self.name))?;
        let number = self.insert(conn, now_ms)?;
        free(conn)?;
        Ok(number)
    }

    /// Renews the lease and frees what nodes held whose lease has run out.
    pub(crate) fn renew(&self, conn: &mut Conn, now_ms: i64) -> Result<Renewed, DbError> {
        let alive = conn.execute(
            sql("UPDATE nodes SET lease_until_ms = ? WHERE id = ?")
                .bind(now_ms + self.lease_ms)
                .bind(self.id),
        )?;
        conn.execute(sql("DELETE FROM nodes WHERE lease_until_ms < ?").bind(now_ms))?;
        let new_number = match alive {
            0 => Some(self.insert(conn, now_ms)?),
            _ => None,
        };
        let freed = free(conn)?;
        Ok(Renewed { new_number, freed })
    }

    /// Leaves: others may have everything at once.
    pub(crate) fn leave(&self, conn: &mut Conn) -> Result<(), DbError> {
        conn.execute(sql("DELETE FROM nodes WHERE id = ?").bind(self.id))?;
        free(conn)?;
        Ok(())
    }

    /// Under the lowest free number; nodes that enter at the same moment wait for each other.
    fn insert(&self, conn: &mut Conn, now_ms: i64) -> Result<i64, DbError> {
        if conn.backend() == Backend::Postgres {
            conn.batch("LOCK TABLE nodes IN EXCLUSIVE MODE")?;
        }
        let free: Number = conn.one(sql(
            "SELECT CAST(CASE WHEN NOT EXISTS (SELECT 1 FROM nodes WHERE number = 0) THEN 0 ELSE \
             (SELECT min(n.number) + 1 FROM nodes n WHERE NOT EXISTS \
             (SELECT 1 FROM nodes m WHERE m.number = n.number + 1)) END AS BIGINT) AS number",
        ))?;
        conn.execute(
            sql(
                "INSERT INTO nodes (id, name, number, started_at_ms, lease_until_ms) \
                 VALUES (?, ?, ?, ?, ?)",
            )
            .bind(self.id)
            .bind(&self.name)
            .bind(free.number)
            .bind(now_ms)
            .bind(now_ms + self.lease_ms),
        )?;
        Ok(free.number)
    }
}

/// Gives back what belongs to no node: it left or died, perhaps while a write of its was still under way.
fn free(conn: &mut Conn) -> Result<usize, DbError> {
    OWNING_TABLES.iter().try_fold(0, |freed, table| {
        let rows = conn.execute(sql(format!(
            "UPDATE {table} SET owner = NULL \
             WHERE owner IS NOT NULL AND owner NOT IN (SELECT id FROM nodes)"
        )))?;
        Ok(freed + rows)
    })
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
