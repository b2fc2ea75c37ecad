//! Budgets of one extraction. Each has a name; what exceeds one is left out and said so, or refused.

use crate::image::ImageLimits;
use drawing::MeasureLimits;
use serde::{Deserialize, Serialize};

/// How much one file may hold and how much may be said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    pub entities_max: u64,
    pub vertices_max: usize,
    pub layers_max: usize,
    /// Texts kept.
    pub texts_max: usize,
    /// Bytes of all texts kept.
    pub text_bytes_max: usize,
    /// Words kept of what was read off pixels.
    pub ocr_words_max: usize,
    /// Lines of a list of parts kept; the rest is counted.
    pub part_lines_max: usize,
    /// Tables listed, and rows of each; lines of parts are read from all of them.
    pub tables_max: usize,
    pub table_rows_max: usize,
    /// Diagnostics listed; the rest is counted.
    pub diagnostics_max: usize,
    pub image: ImageLimits,
    pub measure: MeasureLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entities_max: 3_000_000,
            vertices_max: 10_000_000,
            layers_max: 100_000,
            texts_max: 5_000,
            text_bytes_max: 1024 * 1024,
            ocr_words_max: 20_000,
            part_lines_max: 10_000,
            tables_max: 100,
            table_rows_max: 100,
            diagnostics_max: 200,
            image: ImageLimits::default(),
            measure: MeasureLimits::default(),
        }
    }
}
