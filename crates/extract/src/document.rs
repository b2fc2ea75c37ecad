//! What a file of words, tables or pixels holds: pages, text, tables, fields, part lines. Plain data that crosses the
//! process boundary as JSON; it must never depend on the format it was read from.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A document as read. Lists are cut at their limits, the totals beside them are not; what a format does not have stays
/// out of the JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    /// The format's version, such as `1.7` of a PDF or `xlsx` of a workbook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format_version: Option<String>,
    /// What the file says of itself: `title`, `author`, `subject`, `creator`, `producer`, `created`, `modified`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub info: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pages: Vec<Page>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages_total: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sheets: Vec<Sheet>,
    /// All text in reading order, lines apart, cut at a limit.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<Table>,
    /// Labels with their values as written: title block, order header.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// What a table of parts is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Schema>,
    /// Pictures inside the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images_total: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ocr: Option<Ocr>,
}

/// A page's size as it is read, turned upright.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page {
    pub width_mm: f64,
    pub height_mm: f64,
}

/// A sheet of a workbook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet {
    pub name: String,
    pub visible: bool,
    /// Rows and columns that hold something, counted to the last one.
    pub rows: u64,
    pub columns: u64,
}

/// A table with its header found. Cells are text as a person reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Page number from 1, or the sheet's name.
    pub place: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// Rows below the header, listed or not.
    pub rows_total: u64,
    /// Columns that are read, each by its meaning with its place in `header` and `rows` from 0. Meanings are `part_name`,
    /// `material`, `thickness`, `quantity`, `client`, `project`, `price`, `total`, `width`, `height`, `size` (two or three
    /// sides in one cell), `due_date` and `po_number`. Of several columns that mean the same only the likeliest is named;
    /// columns that mean nothing known are not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, u64>,
}

/// A label and what stands beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    pub name: String,
    pub value: String,
}

/// What a table of parts is for, by the columns it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schema {
    Quote,
    CuttingList,
    PartsList,
    Invoice,
    Inventory,
    Generic,
    Empty,
}

/// One line of a cutting list, order or quote; what it does not state is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PartLine {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub material: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thickness_mm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width_mm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height_mm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_length_mm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project_code: Option<String>,
    /// Money as written, never a float.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<String>,
    /// Where it stands: `Sheet1!12`, `page 2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// A picture's own data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageInfo {
    /// `png`, `jpeg`, `tiff`, `bmp`, `gif`, `webp`, `heic`, `avif`.
    pub format: String,
    /// In pixels, as it is looked at: turned upright.
    pub width_px: u64,
    pub height_px: u64,
    /// `1`, `P` (a palette), `L`, `LA`, `RGB`, `RGBA`, `CMYK`, `YCbCr`, `LAB`, with the bits of a channel behind when they
    /// are not 8: `L;16`, `RGB;32F` (floats).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Pixels per inch across and down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dpi: Option<(f64, f64)>,
    /// Pictures in one file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames: Option<u64>,
    /// EXIF by tag name, values as text. Where a picture was taken and whose camera took it are left out: they are
    /// private.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub exif: BTreeMap<String, String>,
}

/// What was read off pixels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ocr {
    /// Whether the program that reads pixels is installed; nothing else is known when it is not.
    pub available: bool,
    /// Mean over the words, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    pub words: Vec<OcrWord>,
}

/// A word with its box in pixels of the picture that was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OcrWord {
    pub text: String,
    pub confidence: f64,
    pub left: u32,
    pub top: u32,
    pub width: u32,
    pub height: u32,
    /// Words of one line of text have the same number.
    pub line: u32,
}
