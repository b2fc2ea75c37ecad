//! Kinds of file and their names on the wire. Never decides which kind a file is.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a file is, by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    #[serde(rename = "dxf")]
    Dxf,
    #[serde(rename = "lbrn2")]
    Lightburn,
    #[serde(rename = "pdf")]
    Pdf,
    /// A spreadsheet of any make.
    #[serde(rename = "excel")]
    Excel,
    #[serde(rename = "image")]
    Image,
    #[serde(rename = "svg")]
    Svg,
    #[serde(rename = "text")]
    Text,
    #[serde(rename = "word")]
    Word,
    #[serde(rename = "zip")]
    Archive,
}

impl Kind {
    pub const ALL: [Self; 9] = [
        Self::Dxf,
        Self::Lightburn,
        Self::Pdf,
        Self::Excel,
        Self::Image,
        Self::Svg,
        Self::Text,
        Self::Word,
        Self::Archive,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dxf => "dxf",
            Self::Lightburn => "lbrn2",
            Self::Pdf => "pdf",
            Self::Excel => "excel",
            Self::Image => "image",
            Self::Svg => "svg",
            Self::Text => "text",
            Self::Word => "word",
            Self::Archive => "zip",
        }
    }

    /// The kind of this wire name, in any letter case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(name.trim()))
    }

    /// File name extensions that this kind goes by.
    pub const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Dxf => &["dxf"],
            Self::Lightburn => &["lbrn2", "lbrn"],
            Self::Pdf => &["pdf"],
            Self::Excel => &["xlsx", "xls", "xlsm", "xlsb", "ods", "csv", "tsv"],
            Self::Image => &[
                "png", "jpg", "jpeg", "gif", "bmp", "tif", "tiff", "webp", "heic", "heif", "avif",
            ],
            Self::Svg => &["svg"],
            Self::Text => &["txt", "log", "md", "html", "htm", "xml", "json"],
            Self::Word => &["doc", "docx", "odt", "rtf"],
            Self::Archive => &["zip"],
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How the caller wants a file read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// By its content.
    #[default]
    Auto,
    /// As this kind, which its content must be.
    As(Kind),
}

impl Mode {
    /// `AUTO` or a kind's wire name, in any letter case.
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.trim();
        if name.eq_ignore_ascii_case("auto") {
            return Some(Self::Auto);
        }
        Kind::parse(name).map(Self::As)
    }
}
