//! What an event says about a design file, brought to the form that is kept: codes in one spelling, texts
//! within their limits. Must never refuse what merely is missing.

use contract::{ClientCode, FileEventKind, FileSnapshot, FileStatus, ProjectCode};
use diesel::sql_types::{BigInt, Double, Nullable, SmallInt, Text};
use serde_json::json;

/// Longest client or project code.
const CODE_BYTES_MAX: usize = 64;
/// Longest file name, part name or material; such columns are in indexes, which have limits of their own.
const NAME_BYTES_MAX: usize = 1024;
/// Longest notes.
pub(crate) const NOTES_BYTES_MAX: usize = 4096;
/// Longest path or link.
const PATH_BYTES_MAX: usize = 4096;

/// The facts of a design file.
#[derive(Debug, Clone, PartialEq, diesel::QueryableByName)]
pub(crate) struct Facts {
    /// When the event said so.
    #[diesel(sql_type = BigInt)]
    pub facts_at_ms: i64,
    /// See [`status_name`].
    #[diesel(sql_type = SmallInt)]
    pub status: i16,
    #[diesel(sql_type = Nullable<Text>)]
    pub original_filename: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub stored_filename: Option<String>,
    /// The part name, else the stem of the original name: what versions of a part have in common.
    #[diesel(sql_type = Nullable<Text>)]
    pub base_name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub file_path: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub file_type: Option<String>,
    /// Bytes.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub file_size: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    pub mime_type: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub sha256: Option<String>,
    /// 0 to 1.
    #[diesel(sql_type = Nullable<Double>)]
    pub confidence_score: Option<f64>,
    #[diesel(sql_type = Nullable<Text>)]
    pub client_code: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub project_code: Option<String>,
    /// The number that the file's name begins with, as job numbers do.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub job_number: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    pub part_name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub material: Option<String>,
    #[diesel(sql_type = Nullable<Double>)]
    pub thickness_mm: Option<f64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub quantity: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub version: Option<i64>,
    /// When the file was uploaded; without that, as `facts_at_ms`.
    #[diesel(sql_type = BigInt)]
    pub created_at_ms: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub processed_at_ms: Option<i64>,
    /// http or https.
    #[diesel(sql_type = Nullable<Text>)]
    pub preview_url: Option<String>,
    /// http or https.
    #[diesel(sql_type = Nullable<Text>)]
    pub download_url: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub duplicate_of: Option<i64>,
    /// JSON, as the sender wrote it.
    #[diesel(sql_type = Nullable<Text>)]
    pub extraction: Option<String>,
    /// JSON: code, message, stage.
    #[diesel(sql_type = Nullable<Text>)]
    pub error: Option<String>,
}

/// A fact that cannot be kept; the message says what is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InvalidFact {
    pub field: String,
    pub message: String,
}

impl Facts {
    /// # Errors
    /// [`InvalidFact`] for a text that is too long or that no database can hold.
    pub(crate) fn of(
        kind: FileEventKind,
        snapshot: FileSnapshot,
        timestamp_ms: i64,
    ) -> Result<Self, InvalidFact> {
        let name = |field, value| text(field, value, NAME_BYTES_MAX);
        let code = |field, value| text(field, value, CODE_BYTES_MAX);
        let link = |field, value| Ok(text(field, value, PATH_BYTES_MAX)?.filter(is_link));
        let status = snapshot.status.unwrap_or(match kind {
            FileEventKind::Ingested => FileStatus::Pending,
            FileEventKind::Processed | FileEventKind::ReExtracted => FileStatus::Completed,
            FileEventKind::Failed => FileStatus::Failed,
            FileEventKind::Deleted => FileStatus::Deleted,
        });
        let part_name = name("part_name", snapshot.part_name)?;
        let original_filename = name("original_filename", snapshot.original_filename)?;
        let base_name = part_name
            .clone()
            .or_else(|| original_filename.as_deref().map(stem));
        Ok(Self {
            facts_at_ms: timestamp_ms,
            status: status_number(status),
            job_number: original_filename.as_deref().and_then(job_number),
            original_filename,
            stored_filename: name("stored_filename", snapshot.stored_filename)?,
            base_name,
            file_path: text("file_path", snapshot.file_path, PATH_BYTES_MAX)?,
            file_type: code("file_type", snapshot.file_type)?,
            file_size: snapshot.file_size,
            mime_type: name("mime_type", snapshot.mime_type)?,
            sha256: code("sha256", snapshot.sha256)?,
            confidence_score: snapshot.confidence_score,
            client_code: code("client_code", snapshot.client_code)?.map(client_spelling),
            project_code: code("project_code", snapshot.project_code)?.map(project_spelling),
            part_name,
            material: name("material", snapshot.material)?,
            thickness_mm: snapshot.thickness_mm,
            quantity: snapshot.quantity,
            version: snapshot.version,
            created_at_ms: snapshot.created_at_ms.unwrap_or(timestamp_ms),
            processed_at_ms: snapshot.processed_at_ms,
            preview_url: link("preview_url", snapshot.preview_url)?,
            download_url: link("download_url", snapshot.download_url)?,
            duplicate_of: snapshot.duplicate_of,
            extraction: snapshot.extraction.map(|json| json.get().to_owned()),
            error: snapshot
                .error
                .and_then(|error| serde_json::to_string(&error).ok()),
        })
    }
}

impl Facts {
    /// What activity tells of, as JSON.
    pub(crate) fn shown(&self) -> String {
        json!({
            "status": status_name(self.status),
            "original_filename": self.original_filename,
            "stored_filename": self.stored_filename,
            "client_code": self.client_code,
            "project_code": self.project_code,
            "part_name": self.part_name,
            "material": self.material,
            "thickness_mm": self.thickness_mm,
            "quantity": self.quantity,
            "version": self.version,
        })
        .to_string()
    }
}

/// The number in the database; it never changes its meaning.
pub(crate) fn status_number(status: FileStatus) -> i16 {
    match status {
        FileStatus::Pending => 1,
        FileStatus::Processing => 2,
        FileStatus::Completed => 3,
        FileStatus::Failed => 4,
        FileStatus::Deleted => 5,
    }
}

/// The name of a status in the database.
pub(crate) fn status_name(number: i16) -> &'static str {
    match number {
        1 => "pending",
        2 => "processing",
        3 => "completed",
        4 => "failed",
        _ => "deleted",
    }
}

/// A client code in its one spelling; what is no code stays as it is.
pub(crate) fn client_spelling(text: String) -> String {
    ClientCode::parse(&text).map_or(text, |code| code.as_str().to_owned())
}

/// A project code in its one spelling; what is no code stays as it is.
pub(crate) fn project_spelling(text: String) -> String {
    ProjectCode::parse(&text).map_or(text, |code| code.as_str().to_owned())
}

/// A text that can be kept; `None` when it is empty. NUL is what PostgreSQL's texts cannot hold.
pub(crate) fn text(
    field: &str,
    value: Option<String>,
    bytes_max: usize,
) -> Result<Option<String>, InvalidFact> {
    let Some(value) = value.filter(|value| !value.trim().is_empty()) else {
        return Ok(None);
    };
    let refused = |message: String| InvalidFact {
        field: field.to_owned(),
        message,
    };
    if value.len() > bytes_max {
        let bytes = value.len();
        return Err(refused(format!(
            "has {bytes} bytes; {bytes_max} are accepted"
        )));
    }
    if value.contains('\0') {
        return Err(refused("must not contain the character U+0000".to_owned()));
    }
    Ok(Some(value))
}

/// Pages offer links to click on: nothing but http leads out of here.
#[expect(clippy::ptr_arg, reason = "passed to Option<String>::filter")]
fn is_link(url: &String) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

/// Digits at the beginning, three to six, with something else behind them.
fn job_number(name: &str) -> Option<i64> {
    let rest = name.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = name.strip_suffix(rest)?;
    let is_number = (3..=6).contains(&digits.len()) && rest.starts_with(['-', '_', ' ', '.']);
    digits.parse().ok().filter(|_| is_number)
}

fn stem(name: &str) -> String {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    stem.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(snapshot: FileSnapshot) -> Result<Facts, InvalidFact> {
        Facts::of(FileEventKind::Processed, snapshot, 7)
    }

    #[test]
    fn codes_have_one_spelling_and_nonsense_is_kept() {
        let snapshot = FileSnapshot {
            client_code: Some("cl-0001".to_owned()),
            project_code: Some("jb 2025 10 cl0001 001".to_owned()),
            original_filename: Some("Plate.v2.dxf".to_owned()),
            material: Some("  ".to_owned()),
            preview_url: Some("javascript:alert(1)".to_owned()),
            ..FileSnapshot::default()
        };
        let facts = facts(snapshot.clone()).unwrap();
        assert_eq!(facts.client_code.as_deref(), Some("CL0001"));
        assert_eq!(facts.project_code.as_deref(), Some("JB-2025-10-CL0001-001"));
        assert_eq!(facts.base_name.as_deref(), Some("Plate.v2"));
        assert_eq!((facts.material, facts.preview_url), (None, None));
        assert_eq!((facts.status, facts.created_at_ms), (3, 7));
        let odd = FileSnapshot {
            project_code: Some("the blue job".to_owned()),
            ..snapshot
        };
        let facts = Facts::of(FileEventKind::Ingested, odd, 7).unwrap();
        assert_eq!(facts.project_code.as_deref(), Some("the blue job"));
        assert_eq!(status_name(facts.status), "pending");
    }

    #[test]
    fn job_numbers_begin_names() {
        for (name, number) in [
            ("0005-VA2601-VAS-4mm-x1.dxf", Some(5)),
            ("012_plate.dxf", Some(12)),
            ("1234 plate.dxf", Some(1234)),
            ("12-plate.dxf", None),
            ("1234567-plate.dxf", None),
            ("100x200.dxf", None),
            ("plate-0005.dxf", None),
            ("", None),
        ] {
            assert_eq!(job_number(name), number, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_kept_names_its_field() {
        let long = FileSnapshot {
            project_code: Some("x".repeat(65)),
            ..FileSnapshot::default()
        };
        assert_eq!(facts(long).unwrap_err().field, "project_code");
        let nul = FileSnapshot {
            part_name: Some("a\0b".to_owned()),
            ..FileSnapshot::default()
        };
        assert_eq!(facts(nul).unwrap_err().field, "part_name");
    }
}
