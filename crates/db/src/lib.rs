//! One way to the database: connections to SQLite or PostgreSQL, short reads, and a writer that commits
//! many promises with one fsync. Knows no table and no event; whoever owns a table writes its SQL.

mod clock;
mod conn;
mod database;
mod error;
mod lock;
mod migrate;
mod reads;
mod settings;
mod sql;
mod upkeep;
mod writer;

pub use clock::{Clock, DatabaseClock, SystemClock};
pub use conn::{Backend, Conn};
pub use database::Database;
pub use error::{DbError, DbErrorKind};
pub use lock::{LockError, NodeLock};
pub use migrate::Migrations;
pub use reads::{ReadStats, Reads};
pub use settings::{DatabaseSection, DatabaseSettings, DatabaseUrl, UrlError};
pub use sql::{Sql, Value, sql};
pub use upkeep::{Examined, examine, snapshot};
pub use writer::{
    Answer, BATCH_BUCKETS, Lane, SetJob, Submission, Submitter, Tx, TxError, TxResult, WriteError,
    Writer, WriterSettings, WriterStats,
};

/// Embeds a folder of migrations at compile time; whoever calls it also depends on diesel_migrations, which it names.
pub use diesel_migrations::{EmbeddedMigrations, embed_migrations};
