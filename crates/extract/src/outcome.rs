//! Everything one reading of a file gives: the Extraction, a picture for people, and what only other programs can read.
//! Never written into events: previews are derived and can be made again.

use crate::extraction::Extraction;
use serde::{Deserialize, Serialize};

/// What came of one file.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub extraction: Extraction,
    pub preview: Option<Preview>,
    /// Pixels that hold words; handed to an OCR program by whoever called, whose words come back as [`crate::Input::ocr`].
    pub scan: Option<Scan>,
}

impl From<Extraction> for Outcome {
    fn from(extraction: Extraction) -> Self {
        Self {
            extraction,
            preview: None,
            scan: None,
        }
    }
}

/// A picture of the file for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    pub form: PreviewForm,
    pub bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreviewForm {
    Svg,
    Png,
}

/// A picture to be read by OCR, at most a few thousand pixels a side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    pub png: Vec<u8>,
    /// Pixels per inch, when known: recognition depends on the size of letters.
    pub dpi: Option<u32>,
}
