//! Files recorded and deleted. What is recorded is told apart from what is there already; the unique
//! indexes have the last word.

use db::{Conn, DbError, Sql, Tx, sql};
use diesel::sql_types::BigInt;

use super::file_row::{COLUMNS, FileRow, State, Task};

/// The record with this identity, which an upload would repeat.
pub(crate) fn same(
    conn: &mut Conn,
    tenant_id: i64,
    identity: &[u8; 32],
) -> Result<Option<FileRow>, DbError> {
    conn.row(
        sql(format!(
            "SELECT {COLUMNS} FROM files WHERE tenant_id = ? AND identity = ? AND state <> 4"
        ))
        .bind(tenant_id)
        .bind(identity.as_slice()),
    )
}

#[derive(diesel::QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// The first record of this tenant with these bytes.
pub(crate) fn first_with(
    conn: &mut Conn,
    tenant_id: i64,
    sha256: &[u8; 32],
) -> Result<Option<i64>, DbError> {
    let row: Option<Id> = conn.row(
        sql(
            "SELECT id FROM files WHERE tenant_id = ? AND sha256 = ? AND state <> 4 \
             ORDER BY id LIMIT 1",
        )
        .bind(tenant_id)
        .bind(sha256.as_slice()),
    )?;
    Ok(row.map(|row| row.id))
}

/// The wanted version of a part if no file other than `own_id` has it, else the one after the highest.
pub(crate) fn free_version(
    conn: &mut Conn,
    tenant_id: i64,
    project_code: Option<&str>,
    base_name: &str,
    wanted: Option<i64>,
    own_id: i64,
) -> Result<i64, DbError> {
    #[derive(diesel::QueryableByName)]
    struct Taken {
        #[diesel(sql_type = BigInt)]
        highest: i64,
        #[diesel(sql_type = BigInt)]
        wanted: i64,
    }
    let taken: Taken = conn.one(
        sql("SELECT coalesce(max(version), 0) AS highest, \
             coalesce(max(CASE WHEN version = ? THEN CAST(1 AS BIGINT) ELSE 0 END), 0) AS wanted \
             FROM files WHERE tenant_id = ? AND coalesce(project_code, '') = ? AND base_name = ? \
             AND state <> 4 AND id <> ?")
        .bind(wanted.unwrap_or(0))
        .bind(tenant_id)
        .bind(project_code.unwrap_or_default())
        .bind(base_name)
        .bind(own_id),
    )?;
    Ok(match wanted {
        Some(wanted) if taken.wanted == 0 => wanted,
        _ => taken.highest + 1,
    })
}

/// What is known of a file from its names, its caller and its content.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) stored_name: String,
    pub(crate) client_code: Option<String>,
    pub(crate) project_code: Option<String>,
    pub(crate) part_name: Option<String>,
    pub(crate) material: Option<String>,
    pub(crate) thickness_mm: Option<f64>,
    pub(crate) quantity: Option<i64>,
    pub(crate) base_name: String,
    pub(crate) version: i64,
    /// What a list is searched in.
    pub(crate) search: String,
}

impl Known {
    /// Binds what follows the stored name, in the order of the fields.
    pub(super) fn bind<'a>(&'a self, statement: Sql<'a>) -> Sql<'a> {
        statement
            .bind(self.client_code.as_deref())
            .bind(self.project_code.as_deref())
            .bind(self.part_name.as_deref())
            .bind(self.material.as_deref())
            .bind(self.thickness_mm)
            .bind(self.quantity)
            .bind(&self.base_name)
            .bind(self.version)
            .bind(&self.search)
    }
}

/// A file to be recorded.
pub(crate) struct NewFile<'a> {
    pub(crate) tenant_id: i64,
    pub(crate) identity: &'a [u8; 32],
    pub(crate) sha256: &'a [u8; 32],
    pub(crate) generation: i64,
    pub(crate) size_bytes: i64,
    pub(crate) clean_name: &'a str,
    pub(crate) caller_facts: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) mime_type: &'a str,
    pub(crate) mode: &'a str,
    /// Its archive, and its path in there.
    pub(crate) archive: Option<(&'a str, &'a str)>,
    pub(crate) duplicate_of: Option<i64>,
    pub(crate) known: &'a Known,
    pub(crate) owner: Option<i64>,
    pub(crate) now_ms: i64,
}

pub(crate) fn insert(tx: &mut Tx<'_>, new: &NewFile<'_>) -> Result<FileRow, DbError> {
    let known = new.known;
    let statement = sql(format!(
        "INSERT INTO files (tenant_id, identity, clean_name, stored_name, kind, mime_type, mode, \
         size_bytes, sha256, generation, duplicate_of, state, caller_facts, client_code, project_code, \
         part_name, material, thickness_mm, quantity, base_name, version, search, owner, claim, task, \
         archive_name, archive_path, created_at_ms, updated_at_ms) VALUES \
         (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         RETURNING {COLUMNS}"
    ));
    let statement = statement
        .bind(new.tenant_id)
        .bind(new.identity.as_slice())
        .bind(new.clean_name)
        .bind(&known.stored_name)
        .bind(new.kind)
        .bind(new.mime_type)
        .bind(new.mode)
        .bind(new.size_bytes)
        .bind(new.sha256.as_slice())
        .bind(new.generation)
        .bind(new.duplicate_of)
        .bind(State::Processing.to_db())
        .bind(new.caller_facts);
    tx.conn().one(
        known
            .bind(statement)
            .bind(new.owner)
            .bind(new.owner.is_some())
            .bind(Task::First as i16)
            .bind(new.archive.map(|(name, _)| name))
            .bind(new.archive.map(|(_, path)| path))
            .bind(new.now_ms)
            .bind(new.now_ms),
    )
}

/// Deletes a file, softly or for good; one that is deleted already can still be deleted for good, and
/// then what was read in it is forgotten too.
pub(crate) fn delete(
    tx: &mut Tx<'_>,
    tenant_id: i64,
    id: i64,
    hard: bool,
    now_ms: i64,
) -> Result<Option<FileRow>, DbError> {
    let row: Option<FileRow> = tx.conn().row(
        sql(format!(
            "UPDATE files SET state_before_delete = CASE WHEN state = 4 THEN state_before_delete \
             ELSE state END, state = 4, owner = NULL, \
             hard_deleted = CASE WHEN ? = 1 THEN 1 ELSE hard_deleted END, updated_at_ms = ? \
             WHERE tenant_id = ? AND id = ? AND hard_deleted = 0 AND (state <> 4 OR ? = 1) \
             RETURNING {COLUMNS}"
        ))
        .bind(hard)
        .bind(now_ms)
        .bind(tenant_id)
        .bind(id)
        .bind(hard),
    )?;
    if hard && row.is_some() {
        tx.conn()
            .execute(sql("DELETE FROM extractions WHERE file_id = ?").bind(id))?;
    }
    Ok(row)
}

/// A file that is not deleted and came from the very same upload as this one.
pub(crate) fn same_as(conn: &mut Conn, tenant_id: i64, id: i64) -> Result<Option<i64>, DbError> {
    let row: Option<Id> = conn.row(
        sql("SELECT other.id FROM files own JOIN files other \
             ON other.tenant_id = own.tenant_id AND other.identity = own.identity \
             WHERE own.tenant_id = ? AND own.id = ? AND other.id <> own.id AND other.state <> 4")
        .bind(tenant_id)
        .bind(id),
    )?;
    Ok(row.map(|row| row.id))
}

/// Undoes a soft delete; a file that was at work is at work again, for `owner`.
pub(crate) fn restore(
    tx: &mut Tx<'_>,
    deleted: &FileRow,
    version: i64,
    stored_name: &str,
    owner: Option<i64>,
    now_ms: i64,
) -> Result<FileRow, DbError> {
    tx.conn().one(
        sql(format!(
            "UPDATE files SET state = state_before_delete, state_before_delete = NULL, version = ?, \
             stored_name = ?, search = replace(search, ?, ?), \
             owner = CASE WHEN state_before_delete = 1 THEN ? ELSE NULL END, claim = claim + 1, \
             updated_at_ms = ? WHERE id = ? AND state = 4 RETURNING {COLUMNS}"
        ))
        .bind(version)
        .bind(stored_name)
        .bind(deleted.stored_name.to_lowercase())
        .bind(stored_name.to_lowercase())
        .bind(owner)
        .bind(now_ms)
        .bind(deleted.id),
    )
}
