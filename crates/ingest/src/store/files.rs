//! Rows of `files`, one at a time.

use db::{Backend, Conn, DbError, Sql, Tx, sql};
use diesel::sql_types::{BigInt, Binary, Double, Nullable, SmallInt, Text};

/// Where a file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Processing = 1,
    Completed = 2,
    Failed = 3,
    Deleted = 4,
}

impl State {
    pub(crate) const ALL: [Self; 4] = [
        Self::Processing,
        Self::Completed,
        Self::Failed,
        Self::Deleted,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Deleted => "deleted",
        }
    }

    pub(crate) const fn to_db(self) -> i16 {
        self as i16
    }
}

/// Why a file is extracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    First = 1,
    Again = 2,
}

#[derive(Debug, Clone, diesel::QueryableByName)]
pub(crate) struct FileRow {
    #[diesel(sql_type = BigInt)]
    pub(crate) id: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) tenant_id: i64,
    #[diesel(sql_type = Text)]
    pub(crate) clean_name: String,
    #[diesel(sql_type = Text)]
    pub(crate) stored_name: String,
    #[diesel(sql_type = Text)]
    pub(crate) kind: String,
    #[diesel(sql_type = Text)]
    pub(crate) mime_type: String,
    #[diesel(sql_type = Text)]
    pub(crate) mode: String,
    #[diesel(sql_type = BigInt)]
    pub(crate) size_bytes: i64,
    #[diesel(sql_type = Binary)]
    pub(crate) sha256: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    pub(crate) generation: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub(crate) duplicate_of: Option<i64>,
    #[diesel(sql_type = SmallInt)]
    state: i16,
    #[diesel(sql_type = SmallInt)]
    hard_deleted: i16,
    #[diesel(sql_type = Text)]
    pub(crate) caller_facts: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) client_code: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) project_code: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) part_name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) material: Option<String>,
    #[diesel(sql_type = Nullable<Double>)]
    pub(crate) thickness_mm: Option<f64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub(crate) quantity: Option<i64>,
    #[diesel(sql_type = Nullable<Double>)]
    pub(crate) confidence_score: Option<f64>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) needs_review: Option<String>,
    #[diesel(sql_type = Text)]
    pub(crate) base_name: String,
    #[diesel(sql_type = BigInt)]
    pub(crate) version: i64,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) error_code: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) error_message: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) error_stage: Option<String>,
    #[diesel(sql_type = BigInt)]
    pub(crate) claim: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) tries: i64,
    #[diesel(sql_type = SmallInt)]
    task: i16,
    #[diesel(sql_type = BigInt)]
    pub(crate) created_at_ms: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) updated_at_ms: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub(crate) processed_at_ms: Option<i64>,
}

pub(super) const COLUMNS: &str = "id, tenant_id, clean_name, stored_name, kind, \
     mime_type, mode, size_bytes, sha256, generation, duplicate_of, state, hard_deleted, \
     caller_facts, client_code, project_code, part_name, material, thickness_mm, quantity, \
     confidence_score, needs_review, base_name, version, error_code, error_message, error_stage, \
     claim, tries, task, created_at_ms, updated_at_ms, processed_at_ms";

impl FileRow {
    pub(crate) fn state(&self) -> State {
        State::ALL
            .into_iter()
            .find(|state| state.to_db() == self.state)
            .unwrap_or(State::Failed)
    }

    pub(crate) fn task(&self) -> Task {
        if self.task == Task::First as i16 {
            Task::First
        } else {
            Task::Again
        }
    }

    pub(crate) fn is_hard_deleted(&self) -> bool {
        self.hard_deleted == 1
    }
}

/// What decides whether an upload repeats an earlier one.
#[derive(Debug, Clone)]
pub(crate) struct Sameness<'a> {
    pub(crate) tenant_id: i64,
    pub(crate) client_code: Option<&'a str>,
    pub(crate) project_code: Option<&'a str>,
    pub(crate) sha256: &'a [u8; 32],
    pub(crate) clean_name: &'a str,
    pub(crate) caller_facts: &'a str,
}

/// The record that this upload would repeat.
pub(crate) fn same(conn: &mut Conn, key: &Sameness<'_>) -> Result<Option<FileRow>, DbError> {
    conn.row(
        sql(format!(
            "SELECT {COLUMNS} FROM files WHERE tenant_id = ? AND coalesce(client_code, '') = ? \
             AND coalesce(project_code, '') = ? AND sha256 = ? AND clean_name = ? \
             AND caller_facts = ? AND state <> 4"
        ))
        .bind(key.tenant_id)
        .bind(key.client_code.unwrap_or_default())
        .bind(key.project_code.unwrap_or_default())
        .bind(key.sha256.as_slice())
        .bind(key.clean_name)
        .bind(key.caller_facts),
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
        sql("SELECT id FROM files WHERE tenant_id = ? AND sha256 = ? AND state <> 4 \
             ORDER BY id LIMIT 1")
        .bind(tenant_id)
        .bind(sha256.as_slice()),
    )?;
    Ok(row.map(|row| row.id))
}

/// The wanted version of a part if it is free or the file's own, else the one after the highest.
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

/// A file to be recorded.
pub(crate) struct NewFile<'a> {
    pub(crate) key: Sameness<'a>,
    pub(crate) original_name: &'a str,
    pub(crate) stored_name: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) mime_type: &'a str,
    pub(crate) mode: &'a str,
    pub(crate) size_bytes: i64,
    pub(crate) generation: i64,
    pub(crate) duplicate_of: Option<i64>,
    pub(crate) part_name: Option<&'a str>,
    pub(crate) material: Option<&'a str>,
    pub(crate) thickness_mm: Option<f64>,
    pub(crate) quantity: Option<i64>,
    pub(crate) base_name: &'a str,
    pub(crate) version: i64,
    pub(crate) owner: Option<i64>,
    pub(crate) now_ms: i64,
}

pub(crate) fn insert(tx: &mut Tx<'_>, new: &NewFile<'_>) -> Result<FileRow, DbError> {
    let statement = sql(format!(
        "INSERT INTO files (tenant_id, original_name, clean_name, stored_name, kind, mime_type, mode, \
         size_bytes, sha256, generation, duplicate_of, state, caller_facts, client_code, project_code, \
         part_name, material, thickness_mm, quantity, base_name, version, owner, claim, tries, task, \
         created_at_ms, updated_at_ms) VALUES \
         (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
         RETURNING {COLUMNS}"
    ));
    tx.conn().one(
        statement
            .bind(new.key.tenant_id)
            .bind(new.original_name)
            .bind(new.key.clean_name)
            .bind(new.stored_name)
            .bind(new.kind)
            .bind(new.mime_type)
            .bind(new.mode)
            .bind(new.size_bytes)
            .bind(new.key.sha256.as_slice())
            .bind(new.generation)
            .bind(new.duplicate_of)
            .bind(State::Processing.to_db())
            .bind(new.key.caller_facts)
            .bind(new.key.client_code)
            .bind(new.key.project_code)
            .bind(new.part_name)
            .bind(new.material)
            .bind(new.thickness_mm)
            .bind(new.quantity)
            .bind(new.base_name)
            .bind(new.version)
            .bind(new.owner)
            .bind(new.owner.is_some())
            .bind(new.owner.is_some())
            .bind(Task::First as i16)
            .bind(new.now_ms)
            .bind(new.now_ms),
    )
}

pub(crate) fn get(conn: &mut Conn, tenant_id: i64, id: i64) -> Result<Option<FileRow>, DbError> {
    conn.row(
        sql(format!(
            "SELECT {COLUMNS} FROM files WHERE tenant_id = ? AND id = ?"
        ))
        .bind(tenant_id)
        .bind(id),
    )
}

/// Takes files that nobody is extracting, oldest first, for `owner`; every take counts as a try.
pub(crate) fn claim_waiting(
    conn: &mut Conn,
    owner: i64,
    limit: usize,
) -> Result<Vec<FileRow>, DbError> {
    let skip = match conn.backend() {
        Backend::Sqlite => "",
        Backend::Postgres => " FOR UPDATE SKIP LOCKED",
    };
    conn.rows(
        sql(format!(
            "UPDATE files SET owner = ?, claim = claim + 1, tries = tries + 1 WHERE id IN \
             (SELECT id FROM files WHERE state = 1 AND owner IS NULL ORDER BY id LIMIT ?{skip}) \
             RETURNING {COLUMNS}"
        ))
        .bind(owner)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX)),
    )
}

/// What extraction found, or why it found nothing.
#[derive(Debug, Clone)]
pub(crate) struct Completion {
    pub(crate) stored_name: String,
    pub(crate) client_code: Option<String>,
    pub(crate) project_code: Option<String>,
    pub(crate) part_name: Option<String>,
    pub(crate) material: Option<String>,
    pub(crate) thickness_mm: Option<f64>,
    pub(crate) quantity: Option<i64>,
    pub(crate) confidence_score: Option<f64>,
    pub(crate) needs_review: Option<String>,
    pub(crate) base_name: String,
    pub(crate) version: i64,
    /// Code, sentence, stage.
    pub(crate) error: Option<[String; 3]>,
}

/// Ends the extraction under `claim`; `None` when the file has been deleted or claimed anew meanwhile.
pub(crate) fn complete(
    tx: &mut Tx<'_>,
    id: i64,
    claim: i64,
    done: &Completion,
    now_ms: i64,
) -> Result<Option<FileRow>, DbError> {
    let state = if done.error.is_some() {
        State::Failed
    } else {
        State::Completed
    };
    let [code, message, stage] = match &done.error {
        Some([code, message, stage]) => [Some(code), Some(message), Some(stage)],
        None => [None; 3],
    };
    tx.conn().row(
        sql(format!(
            "UPDATE files SET state = ?, stored_name = ?, client_code = ?, project_code = ?, \
             part_name = ?, material = ?, thickness_mm = ?, quantity = ?, confidence_score = ?, \
             needs_review = ?, base_name = ?, version = ?, error_code = ?, error_message = ?, \
             error_stage = ?, owner = NULL, tries = 0, updated_at_ms = ?, processed_at_ms = ? \
             WHERE id = ? AND claim = ? AND state = 1 RETURNING {COLUMNS}"
        ))
        .bind(state.to_db())
        .bind(&done.stored_name)
        .bind(done.client_code.as_deref())
        .bind(done.project_code.as_deref())
        .bind(done.part_name.as_deref())
        .bind(done.material.as_deref())
        .bind(done.thickness_mm)
        .bind(done.quantity)
        .bind(done.confidence_score)
        .bind(done.needs_review.as_deref())
        .bind(&done.base_name)
        .bind(done.version)
        .bind(code.map(String::as_str))
        .bind(message.map(String::as_str))
        .bind(stage.map(String::as_str))
        .bind(now_ms)
        .bind(now_ms)
        .bind(id)
        .bind(claim),
    )
}

/// Puts a file back to work; one that is at work already or deleted stays as it is.
pub(crate) fn restart(
    tx: &mut Tx<'_>,
    tenant_id: i64,
    id: i64,
    mode: Option<&str>,
    owner: Option<i64>,
    now_ms: i64,
) -> Result<Option<FileRow>, DbError> {
    tx.conn().row(
        sql(format!(
            "UPDATE files SET state = ?, task = ?, mode = coalesce(?, mode), owner = ?, \
             claim = claim + 1, tries = ?, updated_at_ms = ? \
             WHERE tenant_id = ? AND id = ? AND state IN (2, 3) RETURNING {COLUMNS}"
        ))
        .bind(State::Processing.to_db())
        .bind(Task::Again as i16)
        .bind(mode)
        .bind(owner)
        .bind(owner.is_some())
        .bind(now_ms)
        .bind(tenant_id)
        .bind(id),
    )
}

/// Deletes a file, softly or for good; one that is deleted already can still be deleted for good.
pub(crate) fn delete(
    tx: &mut Tx<'_>,
    tenant_id: i64,
    id: i64,
    hard: bool,
    now_ms: i64,
) -> Result<Option<FileRow>, DbError> {
    let statement: Sql<'_> = sql(format!(
        "UPDATE files SET state_before_delete = CASE WHEN state = 4 THEN state_before_delete \
         ELSE state END, state = 4, owner = NULL, \
         hard_deleted = CASE WHEN ? = 1 THEN 1 ELSE hard_deleted END, updated_at_ms = ? \
         WHERE tenant_id = ? AND id = ? AND hard_deleted = 0 AND (state <> 4 OR ? = 1) \
         RETURNING {COLUMNS}"
    ));
    tx.conn().row(
        statement
            .bind(hard)
            .bind(now_ms)
            .bind(tenant_id)
            .bind(id)
            .bind(hard),
    )
}

/// The files that the table says `owner` works on.
pub(crate) fn owned(conn: &mut Conn, owner: i64) -> Result<Vec<i64>, DbError> {
    let rows: Vec<Id> = conn.rows(sql("SELECT id FROM files WHERE owner = ?").bind(owner))?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Gives files back that `owner` has lost sight of.
pub(crate) fn release(conn: &mut Conn, owner: i64, ids: &[i64]) -> Result<(), DbError> {
    for id in ids {
        conn.execute(
            sql("UPDATE files SET owner = NULL WHERE id = ? AND owner = ?")
                .bind(*id)
                .bind(owner),
        )?;
    }
    Ok(())
}
