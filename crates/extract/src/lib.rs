//! Design files in, facts and measures out: tells the kind of a file, reads it, and answers an [`Extraction`].
//! Pure: bytes and limits in, a value with diagnostics out. Only "this is not that format" is an error; hostile bytes
//! never panic, and no format runs other programs or touches files.
//!
//! One module per format makes a drawing or a document; `drawn` and `documented` turn any of them into an Extraction;
//! `facts` reads what people wrote.
//!
//! ```
//! use extract::{Input, Limits, extract, facts};
//!
//! let dxf = b"0\nSECTION\n2\nENTITIES\n0\nCIRCLE\n8\nCUT\n10\n0\n20\n0\n40\n50\n0\nENDSEC\n0\nEOF\n";
//! let caller = facts::CallerFacts::default();
//! let input = Input::new("0007-Blank disc-MS-6mm-x4.dxf", &caller);
//! let extraction = extract(dxf, &input, &facts::Rules::default(), &Limits::default()).unwrap().extraction;
//! let summary = extraction.summary();
//! assert_eq!((summary.width_mm, summary.parts), (Some(100.0), Some(1)));
//! assert_eq!(extraction.facts.quantity.unwrap().value, 4);
//! ```

mod blocks;
mod diagnostic;
mod document;
mod documented;
mod drawn;
pub mod dxf;
mod error;
mod extraction;
pub mod facts;
mod image;
mod kind;
mod labels;
mod layout;
pub mod lightburn;
mod limits;
mod markup;
mod ocr;
mod open_document;
mod outcome;
mod package;
mod pdf;
mod plain;
mod raster;
mod sheet;
mod sniff;
mod svg;
mod table;
mod word;

pub use diagnostic::{Diagnostic, Diagnostics, Place, Severity};
pub use document::{
    Document, Field, ImageInfo, Ocr, OcrWord, Page, PartLine, Schema, Sheet, Table,
};
pub use drawing::Unit;
pub use error::ExtractError;
pub use extraction::{BlockUse, DrawingSection, ErrorSection, Extraction, FindingWord, Summary};
pub use image::{CONVERTER_NEEDED, ImageLimits};
pub use kind::{Kind, Mode};
pub use limits::Limits;
pub use ocr::{OcrLine, PSM_AUTO, PSM_AUTO_ORIENTED, tesseract_arguments};
pub use outcome::{Outcome, Preview, PreviewForm, Scan};
pub use package::PackageLimits;
pub use pdf::PdfLimits;
pub use raster::{PNG_SIZE_MAX_PX, RasterError, png_of, svg_to_png};
pub use sheet::SheetLimits;
pub use sniff::{SNIFF_BYTES, Sniffed, sniff};
pub use svg::SvgLimits;

/// What is known of a file besides its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    pub file_name: &'a str,
    pub mode: Mode,
    pub caller: &'a facts::CallerFacts,
    /// The unit of length, when somebody said it.
    pub unit: Option<Unit>,
    /// What an OCR program read off the [`Scan`] of an earlier reading of the same bytes.
    pub ocr: Option<&'a Ocr>,
    /// The picture as another program decoded it, upright, where a format has no decoder here: a JPEG or PNG.
    pub pixels: Option<&'a [u8]>,
    /// Whether a picture is wanted.
    pub preview: bool,
}

impl<'a> Input<'a> {
    /// A file to be read by its content, in the unit it seems to be in.
    pub fn new(file_name: &'a str, caller: &'a facts::CallerFacts) -> Self {
        Self {
            file_name,
            mode: Mode::Auto,
            caller,
            unit: None,
            ocr: None,
            pixels: None,
            preview: false,
        }
    }
}

const EXTENSION_DISAGREES: &str = "extension_disagrees";

/// Reads one file.
///
/// # Errors
/// [`ExtractError`] when the content fits no kind, a kind that is not read yet, another kind than the caller named, or
/// is not the format it claims to be. Everything smaller is a diagnostic in the Extraction.
pub fn extract(
    bytes: &[u8],
    input: &Input<'_>,
    rules: &facts::Rules,
    limits: &Limits,
) -> Result<Outcome, ExtractError> {
    let sniffed = sniff(bytes.get(..SNIFF_BYTES).unwrap_or(bytes), input.file_name);
    let found = sniffed.kind.ok_or(ExtractError::UnknownKind)?;
    match input.mode {
        Mode::As(asked) if asked != found => return Err(ExtractError::WrongKind { asked, found }),
        _ => {}
    }
    let mut outcome = match found {
        Kind::Dxf => dxf::read(bytes, &rules.layers, limits)?
            .into_drawn()
            .outcome(input, rules, limits),
        Kind::Lightburn => lightburn::read(bytes, &rules.layers, limits)?
            .into_drawn()
            .outcome(input, rules, limits),
        Kind::Excel => sheet::read(bytes, input, rules, limits)?.outcome(input, rules, limits),
        Kind::Text => plain::read(bytes, input, rules, limits).outcome(input, rules, limits),
        Kind::Word => word::read(bytes, rules, limits)?.outcome(input, rules, limits),
        Kind::Svg => {
            svg::read(bytes, input.unit, &rules.layers, limits)?.outcome(input, rules, limits)
        }
        Kind::Image => image::read(bytes, input, rules, limits)?.outcome(input, rules, limits),
        Kind::Pdf => pdf::read(bytes, input, rules, limits)?.outcome(input, rules, limits),
        other => return Err(ExtractError::UnsupportedKind(other)),
    };
    if sniffed.extension_disagrees {
        let message =
            format!("the name's extension belongs to another kind, the content is {found}");
        outcome.extraction.needs_review.push(facts::Review {
            code: EXTENSION_DISAGREES.into(),
            message: message.clone(),
        });
        outcome.extraction.diagnostics.push(Diagnostic::new(
            Severity::Warning,
            EXTENSION_DISAGREES,
            message,
        ));
    }
    Ok(outcome)
}
