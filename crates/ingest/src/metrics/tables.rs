//! How large the database and its tables are. Looking is cheap on PostgreSQL; on SQLite it walks every page, so it is
//! done seldom, and not at all for a large file.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use db::{Backend, Conn, Database, DbError, sql};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};

/// How long what was seen is good enough.
const LOOK_EVERY: Duration = Duration::from_secs(300);
/// Largest SQLite file that is walked, in bytes.
const WALKED_BYTES_MAX: u64 = 1 << 30;

/// Bytes of each table, by its name.
type Tables = Arc<BTreeMap<String, u64>>;

/// Sizes in bytes, of each table with its indexes.
#[derive(Debug, Default)]
pub(crate) struct Sizes {
    pub(crate) database_bytes: u64,
    pub(crate) tables: Tables,
}

/// The tables as they were seen last, and when.
#[derive(Debug, Default)]
pub(crate) struct TableSizes(Mutex<Option<(Instant, Tables)>>);

impl TableSizes {
    /// Looks; at the tables only if nobody has lately.
    pub(crate) async fn look(&self, database: &Database) -> Result<Sizes, DbError> {
        let known = self.known();
        let sizes = database.reads().run(move |conn| read(conn, known)).await?;
        if self.known().is_none() {
            let seen = (Instant::now(), Arc::clone(&sizes.tables));
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        }
        Ok(sizes)
    }

    fn known(&self) -> Option<Tables> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, tables) = known.as_ref()?;
        (at.elapsed() < LOOK_EVERY).then(|| Arc::clone(tables))
    }
}

#[derive(QueryableByName)]
struct Size {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    bytes: i64,
}

fn read(conn: &mut Conn, known: Option<Tables>) -> Result<Sizes, DbError> {
    let (database, tables) = match conn.backend() {
        Backend::Sqlite => (
            "SELECT 'all' AS name, page_count * page_size AS bytes \
             FROM pragma_page_count(), pragma_page_size()",
            "SELECT m.tbl_name AS name, CAST(sum(s.pgsize) AS BIGINT) AS bytes FROM dbstat s \
             JOIN sqlite_schema m ON m.name = s.name WHERE s.aggregate = TRUE GROUP BY m.tbl_name",
        ),
        Backend::Postgres => (
            "SELECT 'all' AS name, pg_database_size(current_database()) AS bytes",
            "SELECT c.relname::text AS name, pg_total_relation_size(c.oid) AS bytes FROM pg_class c \
             WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace",
        ),
    };
    let size: Size = conn.one(sql(database))?;
    let bytes = |bytes: i64| u64::try_from(bytes).unwrap_or_default();
    let database_bytes = bytes(size.bytes);
    let is_cheap = conn.backend() == Backend::Postgres || database_bytes <= WALKED_BYTES_MAX;
    let tables = match known {
        Some(known) => known,
        None if is_cheap => {
            let rows: Vec<Size> = conn.rows(sql(tables))?;
            let named = rows.into_iter().map(|row| (row.name, bytes(row.bytes)));
            Arc::new(named.collect())
        }
        None => Arc::default(),
    };
    Ok(Sizes {
        database_bytes,
        tables,
    })
}
