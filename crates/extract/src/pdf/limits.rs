//! Budgets of reading a PDF. Each has a name; what exceeds one is left out and said so.

use serde::{Deserialize, Serialize};

/// How much of a PDF is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PdfLimits {
    /// Pages read, from the first; the rest is counted.
    pub pages_read_max: usize,
    /// Letters of all pages together.
    pub glyphs_max: usize,
    /// Moves, lines and curves of the paths of one page.
    pub path_elements_max: usize,
    /// Straight rules of one page, the longest of each direction, among which tables are looked for.
    pub rules_max: usize,
    /// Boxes of a ruled grid before merged cells are made out.
    pub grid_boxes_max: usize,
    /// Bytes of one stream once inflated.
    pub stream_bytes_max: u64,
    /// Drawing operators of one page, forms within forms counted each time they are drawn.
    pub operators_max: u64,
    /// Pixels of one picture; pages with larger ones are not rendered.
    pub image_pixels_max: u64,
    /// Length of all lines and edges of a page once rendered, in pixels; pages with more are not rendered.
    pub render_length_max_px: u64,
    /// Dashes of all lines of a page; pages with more are not rendered.
    pub dashes_max: u64,
    /// Longer side of a preview, in pixels.
    pub preview_side_px: u16,
    /// Longer side of a page that is rendered for OCR, in pixels.
    pub scan_side_px: u16,
}

impl Default for PdfLimits {
    fn default() -> Self {
        Self {
            pages_read_max: 100,
            glyphs_max: 1_000_000,
            path_elements_max: 500_000,
            rules_max: 2_000,
            grid_boxes_max: 200_000,
            stream_bytes_max: 128 * 1024 * 1024,
            operators_max: 5_000_000,
            image_pixels_max: 100_000_000,
            render_length_max_px: 20_000_000,
            dashes_max: 1_000_000,
            preview_side_px: 1_024,
            scan_side_px: 3_500,
        }
    }
}
