//! A row of `files` as it is read. Never changes one.

use db::{Conn, DbError, Tx, sql};
use diesel::sql_types::{BigInt, Binary, Double, Nullable, SmallInt, Text};

use crate::storage::BlobKey;

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
    /// The archive that it came in, and its path in there.
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) archive_name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) archive_path: Option<String>,
    /// What was corrected by hand, as canonical JSON.
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) corrections: Option<String>,
    /// What was accepted by hand: [`crate::acceptance::Acceptance`] as JSON.
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) accepted: Option<String>,
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
     claim, tries, task, archive_name, archive_path, corrections, accepted, created_at_ms, updated_at_ms, processed_at_ms";

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

    /// The name with the folders that it had in its archive.
    pub(crate) fn full_name(&self) -> &str {
        self.archive_path.as_deref().unwrap_or(&self.clean_name)
    }

    /// Where its bytes are; `None` when the stored hash is damaged.
    pub(crate) fn blob_key(&self) -> Option<BlobKey> {
        Some(BlobKey {
            sha256: self.sha256.as_slice().try_into().ok()?,
            generation: self.generation,
        })
    }

    /// Changes with every change of the record (RFC 9110, section 8.8.3).
    pub(crate) fn tag(&self) -> String {
        format!("\"{}-{}\"", self.claim, self.updated_at_ms)
    }

    pub(crate) fn is_hard_deleted(&self) -> bool {
        self.hard_deleted == 1
    }
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

/// The row, kept from others until this transaction ends.
pub(crate) fn get_locked(
    tx: &mut Tx<'_>,
    tenant_id: i64,
    id: i64,
) -> Result<Option<FileRow>, DbError> {
    // Written to itself: the one way to lock a row that both databases have.
    tx.conn().row(
        sql(format!(
            "UPDATE files SET state = state WHERE tenant_id = ? AND id = ? RETURNING {COLUMNS}"
        ))
        .bind(tenant_id)
        .bind(id),
    )
}
