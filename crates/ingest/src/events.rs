//! The `file.*` events: a complete snapshot of the row, published in the transaction that made it so.

use console::{Live, News};
use contract::{FileError, FileEventKind, FileSnapshot, FileStatus, ReExtractReason};
use db::{DbError, Tx};
use delivery::{NewEvent, Publisher};
use extract::Kind;
use serde_json::value::RawValue;

use crate::storage::hex;
use crate::store::{FileRow, State};
use crate::tenants::Tenants;

/// What an event says beyond the row.
#[derive(Default)]
pub(crate) struct Extra {
    /// The extraction's summary, as JSON.
    pub(crate) summary: Option<String>,
    pub(crate) changed: Option<Vec<String>>,
    pub(crate) reason: Option<ReExtractReason>,
    pub(crate) hard_delete: Option<bool>,
}

/// Publishes `file.*` events of one service.
#[derive(Clone)]
pub(crate) struct FileEvents {
    pub(crate) publisher: Publisher,
    pub(crate) tenants: Tenants,
    pub(crate) public_url: String,
    pub(crate) live: Live,
}

impl FileEvents {
    pub(crate) fn publish(
        &self,
        tx: &mut Tx<'_>,
        kind: FileEventKind,
        row: &FileRow,
        extra: Extra,
    ) -> Result<(), DbError> {
        let snapshot = self.snapshot(row, extra)?;
        let data = snapshot
            .to_data()
            .map_err(|cause| DbError::defect(format!("file {}: {cause}", row.id)))?;
        let event = NewEvent {
            tenant: self.tenants.named(tx.conn(), row.tenant_id)?,
            event_type: kind.event_type(),
            subject: Some(snapshot.subject()),
            timestamp_ms: row.updated_at_ms,
            data,
            metadata: None,
        };
        let (live, tenant_id) = (self.live.clone(), Some(row.tenant_id));
        let topic = "files";
        tx.after_commit(move || live.tell(News { tenant_id, topic }));
        self.publisher.publish(tx, event).map(drop)
    }

    fn snapshot(&self, row: &FileRow, extra: Extra) -> Result<FileSnapshot, DbError> {
        let extraction = extra
            .summary
            .map(RawValue::from_string)
            .transpose()
            .map_err(|cause| DbError::defect(cause.to_string()))?;
        let error = row.error_code.clone().map(|code| FileError {
            code,
            message: row.error_message.clone().unwrap_or_default(),
            stage: row.error_stage.clone(),
        });
        Ok(FileSnapshot {
            ingest_id: row.id,
            original_filename: Some(row.clean_name.clone()),
            stored_filename: Some(row.stored_name.clone()),
            file_path: Some(file_path(row)),
            file_type: Some(row.kind.clone()),
            file_size: Some(row.size_bytes),
            mime_type: Some(row.mime_type.clone()),
            sha256: Some(hex(&row.sha256)),
            status: Some(status(row.state())),
            confidence_score: row.confidence_score,
            client_code: row.client_code.clone(),
            project_code: row.project_code.clone(),
            part_name: row.part_name.clone(),
            material: row.material.clone(),
            thickness_mm: row.thickness_mm,
            quantity: row.quantity,
            version: Some(row.version),
            created_at_ms: Some(row.created_at_ms),
            processed_at_ms: row.processed_at_ms,
            preview_url: has_preview(&row.kind)
                .then(|| format!("{}/files/{}/preview.svg", self.public_url, row.id)),
            download_url: Some(format!("{}/files/{}/content", self.public_url, row.id)),
            duplicate_of: row.duplicate_of,
            extraction,
            error,
            changed: extra.changed,
            reason: extra.reason,
            hard_delete: extra.hard_delete,
        })
    }
}

/// Whether files of this kind can be shown at all.
pub(crate) fn has_preview(kind: &str) -> bool {
    !matches!(
        Kind::parse(kind),
        None | Some(Kind::Text | Kind::Word | Kind::Archive)
    )
}

const fn status(state: State) -> FileStatus {
    match state {
        State::Processing => FileStatus::Processing,
        State::Completed => FileStatus::Completed,
        State::Failed => FileStatus::Failed,
        State::Deleted => FileStatus::Deleted,
    }
}

/// Where the file belongs, as people file it; the bytes themselves lie under their hash.
pub(crate) fn file_path(row: &FileRow) -> String {
    let client = row.client_code.as_deref().unwrap_or("UNKNOWN");
    let project = row.project_code.as_deref().unwrap_or("NOPROJECT");
    format!("{client}/{project}/{}", row.stored_name)
}
