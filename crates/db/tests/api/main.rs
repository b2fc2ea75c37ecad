//! The writer's promises, on both databases.

mod checkpoints;
mod faults;
mod plans;
mod writer;

use db::{Database, EmbeddedMigrations, Migrations, embed_migrations};
use diesel::sql_types::BigInt;
use testkit::TempDb;

const SQLITE: EmbeddedMigrations = embed_migrations!("tests/api/migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("tests/api/migrations/postgres");

pub(crate) fn open(temp: &TempDb) -> Database {
    open_with(temp.settings())
}

pub(crate) fn open_with(settings: db::DatabaseSettings) -> Database {
    let migrations = Migrations {
        sqlite: SQLITE,
        postgres: POSTGRES,
    };
    Database::open(settings, migrations).expect("an empty database opens")
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Rows in the test's table, as a reader sees them.
pub(crate) fn rows(database: &Database) -> i64 {
    database
        .reads()
        .run_blocking(|conn| conn.one::<Count>(db::sql("SELECT count(*) AS count FROM notes")))
        .expect("the table can be read")
        .count
}
