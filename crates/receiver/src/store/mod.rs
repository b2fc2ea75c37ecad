//! The receiver's tables: every statement is in here, one room per noun. Must never know HTTP.

pub(crate) mod activity;
pub(crate) mod clients;
mod cursor;
pub(crate) mod design_files;
mod filter;
pub(crate) mod inbox;
pub(crate) mod overview;
pub(crate) mod projects;
pub(crate) mod reconciliations;
pub(crate) mod records;
mod rows;
pub(crate) mod sources;

pub(crate) use cursor::{Cursor, Kind, Order, Part, Placed};
pub(crate) use filter::{Filter, List, Page, Slice};

use db::{DbError, EmbeddedMigrations, Migrations, Reads, embed_migrations, sql};
use diesel::sql_types::BigInt;

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/receiver/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/receiver/postgres");

/// The receiver's migrations.
pub(crate) fn migrations() -> Migrations {
    Migrations {
        sqlite: SQLITE,
        postgres: POSTGRES,
    }
}

/// A row with an id.
#[derive(diesel::QueryableByName)]
pub(crate) struct Id {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
}

/// Whether the database answers.
pub(crate) async fn ping(reads: Reads) -> Result<(), DbError> {
    reads
        .run(|conn| conn.one::<Id>(sql("SELECT CAST(1 AS BIGINT) AS id")))
        .await
        .map(|_one| ())
}
