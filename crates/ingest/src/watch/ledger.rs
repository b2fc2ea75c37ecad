//! The table of files that were taken in and still lie in a watched folder. One owner for each row: a folder of a
//! node.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use db::{Conn, DbError, Tx, sql};
use diesel::sql_types::{BigInt, Binary, SmallInt, Text};

use super::desk::{Entry, Stage};
use super::scan::Stamp;

/// Whose rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) node: String,
    pub(super) folder: String,
}

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = Binary)]
    path: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    size_bytes: i64,
    #[diesel(sql_type = BigInt)]
    modified_ns: i64,
    #[diesel(sql_type = SmallInt)]
    state: i16,
    #[diesel(sql_type = Text)]
    file_ids: String,
    #[diesel(sql_type = Text)]
    refused: String,
}

pub(super) fn entries(conn: &mut Conn, owner: &Owner) -> Result<Vec<Entry>, DbError> {
    let rows: Vec<Row> = conn.rows(
        sql(
            "SELECT path, size_bytes, modified_ns, state, file_ids, refused FROM watch_ledger \
             WHERE node_name = ? AND folder = ?",
        )
        .bind(&owner.node)
        .bind(&owner.folder),
    )?;
    rows.into_iter().map(entry).collect()
}

fn entry(row: Row) -> Result<Entry, DbError> {
    let stage = [Stage::Taken, Stage::Done, Stage::Failed]
        .into_iter()
        .find(|stage| *stage as i16 == row.state);
    Ok(Entry {
        path: PathBuf::from(OsString::from_vec(row.path)),
        stamp: Stamp {
            size: row.size_bytes.unsigned_abs(),
            modified_ns: row.modified_ns,
        },
        stage: stage.ok_or_else(|| DbError::defect("a watched file is in no known state"))?,
        ids: serde_json::from_str(&row.file_ids).map_err(damaged)?,
        refused: serde_json::from_str(&row.refused).map_err(damaged)?,
    })
}

pub(super) fn put(
    tx: &mut Tx<'_>,
    owner: &Owner,
    entry: &Entry,
    now_ms: i64,
) -> Result<(), DbError> {
    let ids = serde_json::to_string(&entry.ids).map_err(damaged)?;
    let refused = serde_json::to_string(&entry.refused).map_err(damaged)?;
    tx.conn().execute(
        sql("INSERT INTO watch_ledger \
             (node_name, folder, path, size_bytes, modified_ns, state, file_ids, refused, updated_at_ms) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) \
             ON CONFLICT (node_name, folder, path) DO UPDATE SET size_bytes = excluded.size_bytes, \
             modified_ns = excluded.modified_ns, state = excluded.state, file_ids = excluded.file_ids, \
             refused = excluded.refused, \
             updated_at_ms = excluded.updated_at_ms")
        .bind(&owner.node)
        .bind(&owner.folder)
        .bind(bytes(&entry.path))
        .bind(i64::try_from(entry.stamp.size).unwrap_or(i64::MAX))
        .bind(entry.stamp.modified_ns)
        .bind(entry.stage as i16)
        .bind(ids)
        .bind(refused)
        .bind(now_ms),
    )?;
    Ok(())
}

pub(super) fn remove(tx: &mut Tx<'_>, owner: &Owner, paths: &[PathBuf]) -> Result<(), DbError> {
    for path in paths {
        tx.conn().execute(
            sql("DELETE FROM watch_ledger WHERE node_name = ? AND folder = ? AND path = ?")
                .bind(&owner.node)
                .bind(&owner.folder)
                .bind(bytes(path)),
        )?;
    }
    Ok(())
}

fn damaged(cause: serde_json::Error) -> DbError {
    DbError::defect(cause.to_string())
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}
