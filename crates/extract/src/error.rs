//! Why there is no Extraction. Never a complaint about a part of a file: those are diagnostics.

use crate::kind::Kind;

/// What a file can be refused for. Each says what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtractError {
    #[error(
        "the content fits no kind of file that is read here: upload a DXF, LightBurn, PDF, spreadsheet, image or text file"
    )]
    UnknownKind,
    #[error("{0} files are stored but not read yet: export the part as ASCII DXF")]
    UnsupportedKind(Kind),
    #[error("asked to read this as {asked}, but its content is {found}: leave the mode at AUTO")]
    WrongKind { asked: Kind, found: Kind },
    #[error("the picture's header cannot be read: export or upload it again")]
    DamagedImage,
    #[error("this SVG cannot be read: open it in a drawing program and save it again")]
    DamagedSvg,
    #[error(
        "this SVG holds or nests more than is allowed (svg.nodes_max, svg.depth_max): flatten groups and copies, then save it again"
    )]
    SvgTooComplex,
    #[error("no DXF section was found in this file: export it again as DXF")]
    NotDxf,
    #[error("no LightBurn project was found in this file: save it again in LightBurn")]
    NotLightburn,
    #[error("this XML declares a document type, which is never read: remove the DOCTYPE line")]
    XmlDoctype,
    #[error("this file is locked with a password: save it without one and upload it again")]
    PasswordNeeded,
    #[error("this file is damaged or not all there: save it again in the program it comes from")]
    Damaged,
    /// The limit's name in [`crate::Limits`].
    #[error("this file comes to more than the limit {0} allows: upload the part that matters")]
    TooLarge(&'static str),
    #[error("{0} files are stored but not read: save it as .docx or PDF")]
    OldDocument(&'static str),
    #[error("no page tree was found in this file: save it again as PDF")]
    NotPdf,
    #[error(
        "this PDF is encrypted in a way that is not read: save it without protection and upload it again"
    )]
    UnknownEncryption,
}

impl ExtractError {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownKind => "unknown_kind",
            Self::UnsupportedKind(_) => "unsupported_kind",
            Self::WrongKind { .. } => "wrong_kind",
            Self::DamagedImage => "damaged_image",
            Self::DamagedSvg => "damaged_svg",
            Self::SvgTooComplex => "svg_too_complex",
            Self::NotDxf => "not_dxf",
            Self::NotLightburn => "not_lightburn",
            Self::XmlDoctype => "xml_doctype",
            Self::PasswordNeeded => "password_needed",
            Self::Damaged => "damaged",
            Self::TooLarge(_) => "too_large",
            Self::OldDocument(_) => "unsupported_kind",
            Self::NotPdf => "not_pdf",
            Self::UnknownEncryption => "unknown_encryption",
        }
    }
}
