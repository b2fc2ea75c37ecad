//! What the services take and answer. Fields that a newer service adds are ignored; what an answer may
//! leave out is an `Option`. Times are RFC 3339 texts in UTC.

use contract::FileStatus;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// How a file shall be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Its content decides.
    #[default]
    Auto,
    Dxf,
    Lbrn2,
    Pdf,
    Excel,
    Image,
    Svg,
    Text,
    Word,
    Zip,
}

impl Mode {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "AUTO",
            Self::Dxf => "dxf",
            Self::Lbrn2 => "lbrn2",
            Self::Pdf => "pdf",
            Self::Excel => "excel",
            Self::Image => "image",
            Self::Svg => "svg",
            Self::Text => "text",
            Self::Word => "word",
            Self::Zip => "zip",
        }
    }
}

/// What goes with an upload; it holds for all its files.
#[derive(Debug, Clone, Default)]
pub struct UploadOptions {
    pub client_code: Option<String>,
    pub project_code: Option<String>,
    pub mode: Mode,
    /// Facts that the caller knows better: `part_name`, `material`, `thickness_mm`, `quantity`, …
    pub override_metadata: Option<serde_json::Map<String, Value>>,
    /// How long the service waits for the extraction before it answers; 0: not at all. `None`: as it is
    /// set up to.
    pub wait_seconds: Option<u32>,
}

/// What became of one uploaded file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UploadResult {
    pub success: bool,
    /// The name it was uploaded under.
    pub filename: String,
    /// Its identity; none when it was refused.
    pub ingest_id: Option<i64>,
    pub normalized_filename: Option<String>,
    pub file_path: Option<String>,
    pub detected_type: Option<String>,
    /// None when it was refused.
    #[serde(default, deserialize_with = "status_if_any")]
    pub status: Option<FileStatus>,
    /// Between 0 and 1.
    pub confidence_score: Option<f64>,
    pub metadata: Option<FileFacts>,
    /// The same upload as before: this is its existing record.
    #[serde(default)]
    pub duplicate: bool,
    /// The `ingest_id` of the first file with the same bytes.
    pub duplicate_of: Option<i64>,
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Why it was refused or could not be read, for people.
    pub error: Option<String>,
    /// The same for programs.
    pub error_code: Option<String>,
}

/// A refused file's status is not one of a file on record.
fn status_if_any<'de, D: Deserializer<'de>>(source: D) -> Result<Option<FileStatus>, D::Error> {
    let status = Value::deserialize(source)?;
    Ok(FileStatus::deserialize(status).ok())
}

/// The facts of one file, and what they were taken from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FileFacts {
    pub source_file: Option<String>,
    pub detected_type: Option<String>,
    pub client_code: Option<String>,
    pub project_code: Option<String>,
    pub part_name: Option<String>,
    pub material: Option<String>,
    /// Sheet thickness, mm.
    pub thickness_mm: Option<f64>,
    pub quantity: Option<i64>,
    pub version: Option<i64>,
    /// As the extraction wrote it.
    #[serde(default)]
    pub extracted: Value,
    /// Between 0 and 1.
    pub confidence_score: Option<f64>,
    pub extracted_at: Option<String>,
}

/// A file on record.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct FileRecord {
    pub id: i64,
    pub original_filename: Option<String>,
    pub stored_filename: Option<String>,
    pub file_path: Option<String>,
    /// Bytes.
    pub file_size: Option<i64>,
    pub file_type: Option<String>,
    pub mime_type: Option<String>,
    /// 64 hex characters.
    pub sha256: Option<String>,
    pub status: FileStatus,
    pub processing_mode: Option<String>,
    /// Between 0 and 1.
    pub confidence_score: Option<f64>,
    pub detected_type: Option<String>,
    pub client_code: Option<String>,
    pub project_code: Option<String>,
    pub part_name: Option<String>,
    pub material: Option<String>,
    /// Sheet thickness, mm.
    pub thickness_mm: Option<f64>,
    pub quantity: Option<i64>,
    pub version: Option<i64>,
    /// The first file with the same bytes.
    pub duplicate_of: Option<i64>,
    /// What a person should look at; null when there is nothing.
    #[serde(default)]
    pub needs_review: Value,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    #[serde(default)]
    pub retry_count: i64,
    #[serde(default)]
    pub is_deleted: bool,
    pub created_at: Option<String>,
    pub updated_at: Option<String>,
    pub processed_at: Option<String>,
}

/// Which files to list; empty: all, newest first.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FileQuery {
    pub client_code: Option<String>,
    pub project_code: Option<String>,
    pub file_type: Option<String>,
    pub material: Option<String>,
    pub thickness_mm: Option<f64>,
    pub status: Option<FileStatus>,
    pub needs_review: Option<bool>,
    /// Words to look for.
    pub q: Option<String>,
    /// At most 1000.
    pub limit: Option<u32>,
    pub offset: Option<u64>,
    /// [`Page::next_cursor`] of the page before.
    pub cursor: Option<Cursor>,
}

/// Where a page begins: to be handed back as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cursor {
    Number(i64),
    Text(String),
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// How many there are in all.
    pub total: u64,
    /// Where the next page begins; none on the last.
    pub next_cursor: Option<Cursor>,
}

/// Deliveries by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct QueueStats {
    pub total: u64,
    pub pending: u64,
    pub processing: u64,
    pub completed: u64,
    pub failed: u64,
}

/// A service's liveness.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Health {
    /// `healthy`
    pub status: String,
    pub service: String,
    pub version: String,
}

/// A design file as the receiver knows it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct DesignFile {
    pub id: i64,
    /// The sender's name here.
    pub source: String,
    /// The sender's database.
    pub origin: String,
    /// Its identity there.
    pub ingest_id: i64,
    pub status: FileStatus,
    pub deleted: bool,
    pub original_filename: Option<String>,
    pub stored_filename: Option<String>,
    pub file_type: Option<String>,
    /// Bytes.
    pub file_size: Option<i64>,
    /// Between 0 and 1.
    pub confidence_score: Option<f64>,
    pub client_code: Option<String>,
    pub project_code: Option<String>,
    /// None while no project has the code.
    pub project_id: Option<i64>,
    pub part_name: Option<String>,
    pub material: Option<String>,
    /// Sheet thickness, mm.
    pub thickness_mm: Option<f64>,
    pub quantity: Option<i64>,
    pub version: Option<i64>,
    /// The extraction's summary; null when there is none.
    #[serde(default)]
    pub extraction: Value,
    pub preview_url: Option<String>,
    pub download_url: Option<String>,
    pub created_at: String,
    pub updated_at: String,
    pub processed_at: Option<String>,
}

/// Which design files to list; empty: all that are not deleted.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DesignFileQuery {
    pub client_code: Option<String>,
    pub project_code: Option<String>,
    pub stored_filename: Option<String>,
    pub material: Option<String>,
    pub status: Option<FileStatus>,
    pub include_deleted: bool,
    /// Words to look for.
    pub q: Option<String>,
    /// At most 1000.
    pub limit: Option<u32>,
    pub offset: Option<u64>,
}

/// A project of the shop.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Project {
    pub id: i64,
    pub code: String,
    pub client_code: Option<String>,
    pub client_name: Option<String>,
    pub name: Option<String>,
    pub created_at: String,
    /// How many design files it has.
    pub design_files: u64,
}
