//! Budgets of one picture. What exceeds one is left out and said so.

use serde::{Deserialize, Serialize};

/// How much memory one picture may take, and how large what is made of it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageLimits {
    /// Longest side of a picture whose pixels are decoded.
    pub side_px_max: u32,
    /// Bytes that decoding may need, by the header and before anything is decoded.
    pub decoding_bytes_max: u64,
    /// Pictures of one file that are counted.
    pub frames_max: u64,
    pub exif_fields_max: usize,
    /// Characters kept of one EXIF value.
    pub exif_value_chars_max: usize,
    /// Longest side of a preview.
    pub preview_px_max: u32,
    /// Longest side of what is handed to OCR.
    pub scan_px_max: u32,
    /// Bytes of it.
    pub scan_bytes_max: usize,
}

impl Default for ImageLimits {
    fn default() -> Self {
        Self {
            side_px_max: 100_000,
            decoding_bytes_max: 768 * 1024 * 1024,
            frames_max: 10_000,
            exif_fields_max: 200,
            exif_value_chars_max: 100,
            preview_px_max: 1_024,
            scan_px_max: 3_500,
            scan_bytes_max: 8 * 1024 * 1024,
        }
    }
}
