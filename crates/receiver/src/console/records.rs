//! What the JSON API answers, as pages read it, and how it is put to people: in words, with units, with what asks for a
//! look in colour.

use console::{Asked, Bytes, Count, PAGE_ITEMS, Time};
use contract::parse_ms;
use jiff::civil::Date;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use service::{Problem, Query};

use super::pictures::has_pictures;
use crate::receiver::State;

/// Due within so many days is soon.
pub(super) const SOON_DAYS: i32 = 7;

/// A list as the API answers it.
#[derive(Debug, Deserialize)]
pub(super) struct Listed<T> {
    pub(super) items: Vec<T>,
    pub(super) total: i64,
}

/// A query of the API's, made here.
pub(super) fn query<T: DeserializeOwned>(fields: Value) -> Result<Query<T>, Problem> {
    let query = serde_json::from_value(fields).map_err(Problem::internal)?;
    Ok(Query(query))
}

/// The part of a list that a page asks for.
pub(super) fn page_query<T: DeserializeOwned>(asked: &Asked) -> Result<Query<T>, Problem> {
    asked
        .as_query(&[("limit", &PAGE_ITEMS.to_string())])
        .map(Query)
}

pub(super) fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
    let text = String::deserialize(from)?;
    parse_ms(&text).map(Time).map_err(D::Error::custom)
}

pub(super) fn time_if_any<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Time>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    let parsed = text.map(|text| parse_ms(&text).map(Time)).transpose();
    parsed.map_err(D::Error::custom)
}

/// A word and its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) word: &'static str,
    pub(super) look: &'static str,
}

/// A project's state in its colour.
pub(super) fn status_look(status: &str) -> &'static str {
    match status {
        "Approved" | "Queued" => "info",
        "In Progress" => "warn",
        "Completed" => "good",
        _ => "",
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Project {
    pub(super) code: String,
    pub(super) client_code: Option<String>,
    pub(super) client_name: Option<String>,
    pub(super) name: Option<String>,
    pub(super) status: String,
    pub(super) due_date: Option<String>,
    pub(super) material: Option<String>,
    pub(super) thickness_mm: Option<f64>,
    pub(super) notes: Option<String>,
    #[serde(deserialize_with = "time")]
    pub(super) created_at: Time,
    #[serde(deserialize_with = "time")]
    pub(super) changed_at: Time,
    pub(super) design_files: i64,
}

impl Project {
    pub(super) fn status_look(&self) -> &'static str {
        status_look(&self.status)
    }

    pub(super) fn files(&self) -> Count {
        Count(self.design_files)
    }

    pub(super) fn is_open(&self) -> bool {
        !matches!(self.status.as_str(), "Completed" | "Cancelled")
    }

    /// How urgent it is, while it is open.
    pub(super) fn due(&self, today: Date) -> Option<Due> {
        let day = self.due_date.as_deref().filter(|_| self.is_open())?;
        Due::of(day, today)
    }
}

/// How urgent something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) words: String,
    pub(super) look: &'static str,
}

impl Due {
    /// `None` when there is time.
    pub(super) fn of(day: &str, today: Date) -> Option<Self> {
        let days = today.until(day.parse::<Date>().ok()?).ok()?.get_days();
        let (words, look) = match days {
            ..-1 => (format!("{} days overdue", -days), "bad"),
            -1 => ("1 day overdue".to_owned(), "bad"),
            0 => ("due today".to_owned(), "warn"),
            1 => ("due tomorrow".to_owned(), "warn"),
            2..=SOON_DAYS => (format!("due in {days} days"), "warn"),
            _ => return None,
        };
        Some(Self { words, look })
    }
}

/// The day it is, UTC.
pub(super) fn today(state: &State) -> Date {
    let now = jiff::Timestamp::from_millisecond(state.clock.now_ms());
    let now = now.unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    now.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// A length with its unit; `–` when it is not known.
pub(super) fn mm(length: Option<f64>) -> String {
    length.map_or_else(|| "–".to_owned(), |mm| format!("{mm} mm"))
}

/// The same to a tenth, in metres where it is long.
pub(super) fn length(length: Option<f64>) -> String {
    match length {
        None => "–".to_owned(),
        Some(mm) if mm.abs() >= 10_000.0 => format!("{:.2} m", mm / 1000.0),
        Some(mm) => format!("{mm:.1} mm"),
    }
}

/// Width and height.
pub(super) fn extents(width: Option<f64>, height: Option<f64>) -> String {
    match width.zip(height) {
        Some((width, height)) => format!("{width:.1} × {height:.1} mm"),
        None => "–".to_owned(),
    }
}

/// A number of pieces; `–` when it is not known.
pub(super) fn pieces(quantity: Option<i64>) -> String {
    quantity.map_or_else(|| "–".to_owned(), |count| format!("{} ×", Count(count)))
}

/// A text; `–` when there is none.
pub(super) fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "–".to_owned())
}

#[derive(Debug, Deserialize)]
pub(super) struct DesignFile {
    pub(super) id: i64,
    pub(super) source: String,
    pub(super) ingest_id: i64,
    pub(super) status: String,
    pub(super) deleted: bool,
    #[serde(deserialize_with = "time_if_any")]
    pub(super) deleted_at: Option<Time>,
    pub(super) original_filename: Option<String>,
    pub(super) stored_filename: Option<String>,
    pub(super) file_type: Option<String>,
    pub(super) file_size: Option<i64>,
    pub(super) sha256: Option<String>,
    pub(super) confidence_score: Option<f64>,
    pub(super) client_code: Option<String>,
    pub(super) project_code: Option<String>,
    pub(super) linked_project_code: Option<String>,
    pub(super) sent_project_code: Option<String>,
    /// Absent while no project has the code.
    pub(super) project_id: Option<i64>,
    pub(super) part_name: Option<String>,
    pub(super) material: Option<String>,
    pub(super) thickness_mm: Option<f64>,
    pub(super) quantity: Option<i64>,
    pub(super) version: Option<i64>,
    #[serde(deserialize_with = "time")]
    pub(super) created_at: Time,
    #[serde(deserialize_with = "time_if_any")]
    pub(super) processed_at: Option<Time>,
    #[serde(deserialize_with = "time")]
    pub(super) updated_at: Time,
    pub(super) preview_url: Option<String>,
    pub(super) download_url: Option<String>,
    pub(super) duplicate_of: Option<i64>,
    pub(super) error: Option<FileError>,
}

/// Why a file could not be read, as its sender says.
#[derive(Debug, Deserialize)]
pub(super) struct FileError {
    #[serde(default)]
    pub(super) code: String,
    #[serde(default)]
    pub(super) message: String,
}

impl DesignFile {
    pub(super) fn name(&self) -> &str {
        let name = self.original_filename.as_deref();
        let name = name.or(self.stored_filename.as_deref());
        name.unwrap_or("a file without a name")
    }

    pub(super) fn standing(&self) -> Tag {
        let (word, look) = match self.status.as_str() {
            "completed" => ("ready", "good"),
            "failed" => ("failed", "bad"),
            "deleted" => ("deleted", ""),
            "processing" => ("being read", "info"),
            _ => ("taken in", "info"),
        };
        Tag { word, look }
    }

    pub(super) fn kind(&self) -> &str {
        self.file_type.as_deref().unwrap_or("unknown kind")
    }

    pub(super) fn thickness(&self) -> String {
        mm(self.thickness_mm)
    }

    pub(super) fn pieces(&self) -> String {
        pieces(self.quantity)
    }

    pub(super) fn size(&self) -> Option<Bytes> {
        self.file_size.map(Bytes)
    }

    pub(super) fn is_linked(&self) -> bool {
        self.linked_project_code.is_some()
    }

    /// Whether its sender says that it has a picture, and can be asked for it.
    pub(super) fn has_picture(&self, state: &State, visit: &console::Visit) -> bool {
        let is_there = self.status == "completed" && self.preview_url.is_some();
        is_there && has_pictures(state, &visit.caller, &self.source)
    }
}

/// A design file as lists show it.
pub(super) struct FileLine {
    pub(super) file: DesignFile,
    pub(super) has_picture: bool,
}

/// Design files as lists show them.
pub(super) fn file_lines(
    files: Vec<DesignFile>,
    state: &State,
    visit: &console::Visit,
) -> Vec<FileLine> {
    let line = |file: DesignFile| FileLine {
        has_picture: file.has_picture(state, visit),
        file,
    };
    files.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_urgent_says_how_much() {
        let today: Date = "2026-02-27".parse().unwrap();
        for (day, expected) in [
            ("2026-01-27", Some(("31 days overdue", "bad"))),
            ("2026-02-26", Some(("1 day overdue", "bad"))),
            ("2026-02-27", Some(("due today", "warn"))),
            ("2026-02-28", Some(("due tomorrow", "warn"))),
            ("2026-03-06", Some(("due in 7 days", "warn"))),
            ("2026-03-07", None),
            ("2027-03-06", None),
        ] {
            let due = Due::of(day, today);
            let told = due.as_ref().map(|due| (due.words.as_str(), due.look));
            assert_eq!(told, expected, "{day}");
        }
    }

    #[test]
    fn figures_carry_units_or_are_a_dash() {
        assert_eq!(mm(Some(1.5)), "1.5 mm");
        assert_eq!(length(Some(651.327)), "651.3 mm");
        assert_eq!(length(Some(12_345.0)), "12.35 m");
        assert_eq!(extents(Some(120.0), Some(80.5)), "120.0 × 80.5 mm");
        assert_eq!(
            (mm(None), extents(Some(1.0), None)),
            ("–".into(), "–".into())
        );
        assert_eq!(pieces(Some(1200)), "1\u{202f}200 ×");
    }
}
