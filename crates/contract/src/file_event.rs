//! The data of the five `file.*` events. Each is a complete snapshot: it must never leave a key out.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::event_type::EventType;
use crate::json::{JsonError, JsonObject};
use crate::time::optional_ms;

/// Which of the five happened to the design file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileEventKind {
    /// Stored, hashed and recorded; not yet parsed. Also a restore after a soft delete.
    Ingested,
    /// Parsed; facts and geometry extracted.
    Processed,
    /// Could not be parsed; the bytes are kept.
    Failed,
    /// Parsed again, or corrected by hand.
    ReExtracted,
    /// Soft or hard delete.
    Deleted,
}

impl FileEventKind {
    /// All five.
    pub const ALL: [Self; 5] = [
        Self::Ingested,
        Self::Processed,
        Self::Failed,
        Self::ReExtracted,
        Self::Deleted,
    ];

    /// The event type that says so.
    #[must_use]
    pub const fn event_type(self) -> EventType {
        EventType::shipped(match self {
            Self::Ingested => "file.ingested",
            Self::Processed => "file.processed",
            Self::Failed => "file.failed",
            Self::ReExtracted => "file.re_extracted",
            Self::Deleted => "file.deleted",
        })
    }

    /// The kind of an event type, if it is one of the five.
    #[must_use]
    pub fn of(event_type: &EventType) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.event_type() == *event_type)
    }
}

/// Where a design file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileStatus {
    /// Stored, waiting for extraction.
    Pending,
    /// Under extraction.
    Processing,
    /// Understood.
    Completed,
    /// Not understood; the bytes are kept.
    Failed,
    /// Deleted, softly or for good.
    Deleted,
}

/// Why facts were replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReExtractReason {
    /// Parsed again.
    ReExtracted,
    /// Corrected by hand.
    Corrected,
}

/// Why a design file could not be parsed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileError {
    /// Stable, for programs.
    pub code: String,
    /// A sentence, for people.
    pub message: String,
    /// The step that failed.
    pub stage: Option<String>,
}

/// The `data` of every `file.*` event. On the wire all keys are present, `null` where unknown or not applicable.
///
/// Reading is lenient: only `ingest_id` must be there, other missing keys are `null`, unknown keys are ignored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct FileSnapshot {
    /// The file's identity; never reused.
    pub ingest_id: i64,
    /// As uploaded, cleaned.
    pub original_filename: Option<String>,
    /// The generated name, ending `-xN-vN.ext`.
    pub stored_filename: Option<String>,
    /// Relative, with `/` separators.
    pub file_path: Option<String>,
    /// `dxf`, `lbrn2`, `pdf`, `excel`, `image`, …
    pub file_type: Option<String>,
    /// Bytes.
    pub file_size: Option<i64>,
    /// Media type.
    pub mime_type: Option<String>,
    /// Of the bytes, 64 hex characters.
    pub sha256: Option<String>,
    /// Where the file stands; a word that is none of ours says nothing.
    #[serde(default, deserialize_with = "known_status")]
    pub status: Option<FileStatus>,
    /// Between 0 and 1.
    pub confidence_score: Option<f64>,
    /// `CL0001`.
    pub client_code: Option<String>,
    /// `JB-2025-10-CL0001-001`.
    pub project_code: Option<String>,
    /// What is made.
    pub part_name: Option<String>,
    /// Of what.
    pub material: Option<String>,
    /// Sheet thickness, mm.
    pub thickness_mm: Option<f64>,
    /// How many.
    pub quantity: Option<i64>,
    /// Counts different bytes under one project, part name and kind, from 1.
    pub version: Option<i64>,
    /// When uploaded, Unix ms; RFC 3339 on the wire.
    #[serde(rename = "created_at", with = "optional_ms", default)]
    pub created_at_ms: Option<i64>,
    /// When extraction ended, Unix ms; RFC 3339 on the wire.
    #[serde(rename = "processed_at", with = "optional_ms", default)]
    pub processed_at_ms: Option<i64>,
    /// Where the preview can be fetched.
    pub preview_url: Option<String>,
    /// Where the bytes can be fetched.
    pub download_url: Option<String>,
    /// The `ingest_id` of the first file with the same bytes.
    pub duplicate_of: Option<i64>,
    /// Summary of the extraction, JSON as the extraction wrote it.
    pub extraction: Option<Box<RawValue>>,
    /// Why it failed.
    pub error: Option<FileError>,
    /// Names of the facts that changed.
    pub changed: Option<Vec<String>>,
    /// Why they changed.
    pub reason: Option<ReExtractReason>,
    /// Whether the bytes went too.
    pub hard_delete: Option<bool>,
}

impl FileSnapshot {
    /// The snapshot as the `data` of an event.
    ///
    /// # Errors
    /// [`JsonError`] when `extraction` is not acceptable JSON.
    pub fn to_data(&self) -> Result<JsonObject, JsonError> {
        JsonObject::of(self)
    }

    /// Reads the `data` of a `file.*` event.
    ///
    /// # Errors
    /// [`JsonError::Malformed`] when `ingest_id` is missing or a key has a value of the wrong kind.
    pub fn from_data(data: &JsonObject) -> Result<Self, JsonError> {
        serde_json::from_str(data.as_str()).map_err(|error| JsonError::Malformed(error.to_string()))
    }

    /// The subject of the file's events: `file/<ingest_id>`.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("file/{}", self.ingest_id)
    }
}

fn known_status<'de, D: Deserializer<'de>>(from: D) -> Result<Option<FileStatus>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Word {
        Known(FileStatus),
        Unknown(IgnoredAny),
    }
    Ok(match Option::<Word>::deserialize(from)? {
        Some(Word::Known(status)) => Some(status),
        Some(Word::Unknown(_)) | None => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_are_always_present() {
        let data = FileSnapshot {
            ingest_id: 5,
            ..FileSnapshot::default()
        }
        .to_data()
        .unwrap();
        let value: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(data.as_str()).unwrap();
        assert_eq!(value.len(), 27);
        assert_eq!(value.values().filter(|value| value.is_null()).count(), 26);
    }

    #[test]
    fn reading_is_lenient() {
        let data = JsonObject::parse(
            r#"{"ingest_id":5,"status":"completed","created_at":"2025-10-21T10:30:00.5","thickness_mm":3,"new_key":[1],
                "extraction":{"b":1.0,"a":2}}"#,
        );
        let snapshot = FileSnapshot::from_data(&data.unwrap()).unwrap();
        assert_eq!(snapshot.created_at_ms, Some(1_761_042_600_500));
        assert_eq!(snapshot.status, Some(FileStatus::Completed));
        assert_eq!(snapshot.thickness_mm, Some(3.0));
        assert_eq!(snapshot.extraction.unwrap().get(), r#"{"b":1.0,"a":2}"#);
        let read = |text: &str| FileSnapshot::from_data(&JsonObject::parse(text).unwrap());
        assert!(read("{}").is_err());
        for word in ["\"archived\"", "7", "null"] {
            let text = format!(r#"{{"ingest_id":5,"status":{word}}}"#);
            assert_eq!(read(&text).unwrap().status, None, "{word}");
        }
    }

    #[test]
    fn kinds_and_type_names_agree() {
        for kind in FileEventKind::ALL {
            let parsed = EventType::parse(kind.event_type().as_str()).unwrap();
            assert_eq!(FileEventKind::of(&parsed), Some(kind));
        }
        assert_eq!(FileEventKind::of(&EventType::PROBE), None);
    }
}
