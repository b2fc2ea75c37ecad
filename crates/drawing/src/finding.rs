//! What a shop should look at before cutting. Never stops a measurement.

use crate::point::Point;
use serde::{Deserialize, Serialize};

/// How much something matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Info,
    Warning,
    Error,
}

/// A remark on how well a drawing can be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    pub severity: Severity,
    /// A stable word: `open_contour`, `repeated_line`, `overlapping_line`, `self_intersection`, `crossing_contours`,
    /// `zero_length`, `tiny_segments`, `small_hole`, `beyond_sheet`, `far_off`, `text_not_outlined`, `unit_doubt`,
    /// `not_measured`, `empty` …
    pub code: String,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Where, in mm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Point>,
    /// How much, in mm: a gap, an extra length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measure_mm: Option<f64>,
}

impl Finding {
    pub fn new(severity: Severity, code: &str, message: impl Into<String>) -> Self {
        Self {
            severity,
            code: code.into(),
            message: message.into(),
            hint: None,
            place: None,
            measure_mm: None,
        }
    }

    pub fn hint(self, hint: &str) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    pub fn at(self, place: Point) -> Self {
        Self {
            place: Some(place),
            ..self
        }
    }

    pub fn measuring(self, mm: f64) -> Self {
        Self {
            measure_mm: Some(mm),
            ..self
        }
    }
}
