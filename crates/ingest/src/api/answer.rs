//! The shapes in which files are answered.

use contract::format_ms;
use extract::Extraction;
use extract::facts::Review;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::extracted::extracted;
use crate::acceptance::Acceptance;
use crate::events::file_path;
use crate::storage::hex;
use crate::store::{FileRow, State};

/// A file's record.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    id: i64,
    ingest_id: i64,
    original_filename: String,
    stored_filename: String,
    file_path: String,
    file_size: i64,
    file_type: String,
    mime_type: String,
    sha256: String,
    status: &'static str,
    processing_mode: String,
    confidence_score: Option<f64>,
    detected_type: String,
    client_code: Option<String>,
    project_code: Option<String>,
    part_name: Option<String>,
    material: Option<String>,
    thickness_mm: Option<f64>,
    quantity: Option<i64>,
    version: i64,
    duplicate_of: Option<i64>,
    archive: Option<Archive>,
    needs_review: Option<Box<RawValue>>,
    corrections: Option<Box<RawValue>>,
    accepted: Option<Accepted>,
    error_code: Option<String>,
    error_message: Option<String>,
    retry_count: i64,
    is_deleted: bool,
    created_at: String,
    updated_at: String,
    processed_at: Option<String>,
}

/// Who said that a file is right, and which reasons to look were seen by it.
#[derive(Debug, Serialize)]
struct Accepted {
    at: String,
    by: Option<String>,
    reasons: Vec<Review>,
}

impl From<Acceptance> for Accepted {
    fn from(acceptance: Acceptance) -> Self {
        Self {
            at: format_ms(acceptance.at_ms),
            by: acceptance.by,
            reasons: acceptance.reasons,
        }
    }
}

/// The archive that a file came in, and its path in there.
#[derive(Debug, Serialize)]
pub(crate) struct Archive {
    name: String,
    path: String,
}

pub(super) fn archive(row: &FileRow) -> Option<Archive> {
    let (name, path) = (row.archive_name.clone()?, row.archive_path.clone()?);
    Some(Archive { name, path })
}

impl From<&FileRow> for Record {
    fn from(row: &FileRow) -> Self {
        let json = |text: &Option<String>| {
            text.clone()
                .and_then(|text| RawValue::from_string(text).ok())
        };
        Self {
            id: row.id,
            ingest_id: row.id,
            original_filename: row.clean_name.clone(),
            stored_filename: row.stored_name.clone(),
            file_path: file_path(row),
            file_size: row.size_bytes,
            file_type: row.kind.clone(),
            mime_type: row.mime_type.clone(),
            sha256: hex(&row.sha256),
            status: row.state().name(),
            processing_mode: row.mode.clone(),
            confidence_score: row.confidence_score,
            detected_type: row.kind.clone(),
            client_code: row.client_code.clone(),
            project_code: row.project_code.clone(),
            part_name: row.part_name.clone(),
            material: row.material.clone(),
            thickness_mm: row.thickness_mm,
            quantity: row.quantity,
            version: row.version,
            duplicate_of: row.duplicate_of,
            archive: archive(row),
            needs_review: json(&row.needs_review),
            corrections: json(&row.corrections),
            accepted: Acceptance::of(row).map(Accepted::from),
            error_code: row.error_code.clone(),
            error_message: row.error_message.clone(),
            retry_count: row.tries,
            is_deleted: row.state() == State::Deleted,
            created_at: format_ms(row.created_at_ms),
            updated_at: format_ms(row.updated_at_ms),
            processed_at: row.processed_at_ms.map(format_ms),
        }
    }
}

/// A file's facts, flat, as the upload and the metadata call answer them.
pub(crate) fn metadata(row: &FileRow, extraction: Option<&Extraction>) -> Value {
    let notes = extraction.map(|extraction| &extraction.diagnostics);
    json!({
        "source_file": row.clean_name,
        "detected_type": row.kind,
        "client_code": row.client_code,
        "project_code": row.project_code,
        "part_name": row.part_name,
        "material": row.material,
        "thickness_mm": row.thickness_mm,
        "quantity": row.quantity,
        "version": row.version,
        "extracted": extraction.map_or_else(|| json!({}), extracted),
        "confidence_score": row.confidence_score,
        "extraction_notes": notes.map_or_else(|| json!([]), |notes| json!(notes)),
        "extracted_at": row.processed_at_ms.map(format_ms),
    })
}

/// One file's place in the answer to an upload.
pub(crate) fn taken(
    row: &FileRow,
    extraction: Option<&Extraction>,
    duplicate: bool,
    warnings: &[String],
) -> Value {
    json!({
        "success": true,
        "ingest_id": row.id,
        "filename": row.clean_name,
        "normalized_filename": row.stored_name,
        "file_path": file_path(row),
        "detected_type": row.kind,
        "status": row.state().name(),
        "confidence_score": row.confidence_score,
        "metadata": metadata(row, extraction),
        "duplicate_of": row.duplicate_of,
        "archive": archive(row),
        "duplicate": duplicate,
        "warnings": warnings,
        "error": row.error_message,
        "error_code": row.error_code,
    })
}

/// The place of a file that was not taken in: the same keys, with nothing known.
pub(crate) fn refused(filename: &str, code: &str, message: &str) -> Value {
    json!({
        "success": false,
        "ingest_id": null,
        "filename": filename,
        "normalized_filename": null,
        "file_path": null,
        "detected_type": null,
        "status": "refused",
        "confidence_score": null,
        "metadata": null,
        "duplicate_of": null,
        "archive": null,
        "duplicate": false,
        "warnings": [],
        "error": message,
        "error_code": code,
    })
}
