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

/// Sizes in bytes, of each table with its indexes.
#[derive(Debug, Default)]
pub(crate) struct Sizes {
    pub(crate) database_bytes: u64,
    pub(crate) tables: BTreeMap<String, u64>,
}

/// What was seen last, and when.
#[derive(Debug, Default)]
pub(crate) struct TableSizes(Mutex<Option<(Instant, Arc<Sizes>)>>);

impl TableSizes {
    /// Looks, unless somebody has lately.
    pub(crate) async fn look(&self, database: &Database) -> Result<Arc<Sizes>, DbError> {
        if let Some(known) = self.known() {
            return Ok(known);
        }
        let sizes = Arc::new(database.reads().run(read).await?);
        let seen = (Instant::now(), Arc::clone(&sizes));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        Ok(sizes)
    }

    fn known(&self) -> Option<Arc<Sizes>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, sizes) = known.as_ref()?;
        (at.elapsed() < LOOK_EVERY).then(|| Arc::clone(sizes))
    }
}

#[derive(QueryableByName)]
struct Size {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    bytes: i64,
}

fn read(conn: &mut Conn) -> Result<Sizes, DbError> {
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
    let mut sizes = Sizes {
        database_bytes: bytes(size.bytes),
        tables: BTreeMap::new(),
    };
    if conn.backend() == Backend::Postgres || sizes.database_bytes <= WALKED_BYTES_MAX {
        let rows: Vec<Size> = conn.rows(sql(tables))?;
        let named = rows.into_iter().map(|row| (row.name, bytes(row.bytes)));
        sizes.tables = named.collect();
    }
    Ok(sizes)
}
