//! A file as lists show it, in one line.

use console::{Bytes, Time};
use extract::facts::Review;

use crate::events::has_preview;
use crate::store::{FileRow, State};

/// A line of a list.
pub(super) struct FileLine {
    pub(super) id: i64,
    pub(super) name: String,
    /// The archive that it came in.
    pub(super) archive: Option<String>,
    pub(super) kind: String,
    pub(super) standing: Standing,
    pub(super) client_code: Option<String>,
    pub(super) project_code: Option<String>,
    pub(super) part_name: Option<String>,
    pub(super) material: Option<String>,
    pub(super) thickness_mm: Option<f64>,
    pub(super) quantity: Option<i64>,
    pub(super) version: i64,
    pub(super) size: Bytes,
    pub(super) created: Time,
    pub(super) has_preview: bool,
    pub(super) reviews: Vec<Review>,
    pub(super) error: Option<String>,
}

/// Where a file stands, in a word and a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) word: &'static str,
    pub(super) look: &'static str,
}

impl Standing {
    pub(super) fn of(row: &FileRow) -> Self {
        let (word, look) = match row.state() {
            State::Processing => ("being read", "info"),
            State::Completed if row.needs_review.is_some() => ("to check", "warn"),
            State::Completed => ("ready", "good"),
            State::Failed => ("failed", "bad"),
            State::Deleted => ("deleted", ""),
        };
        Self { word, look }
    }
}

impl From<&FileRow> for FileLine {
    fn from(row: &FileRow) -> Self {
        let reviews = row.needs_review.as_deref();
        let reviews = reviews.and_then(|text| serde_json::from_str(text).ok());
        Self {
            id: row.id,
            name: row.clean_name.clone(),
            archive: row.archive_name.clone(),
            kind: row.kind.clone(),
            standing: Standing::of(row),
            client_code: row.client_code.clone(),
            project_code: row.project_code.clone(),
            part_name: row.part_name.clone(),
            material: row.material.clone(),
            thickness_mm: row.thickness_mm,
            quantity: row.quantity,
            version: row.version,
            size: Bytes(row.size_bytes),
            created: Time(row.created_at_ms),
            has_preview: has_preview(&row.kind) && row.state() == State::Completed,
            reviews: reviews.unwrap_or_default(),
            error: row.error_message.clone(),
        }
    }
}
