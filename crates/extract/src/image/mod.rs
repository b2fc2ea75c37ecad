//! Pictures: size, mode, resolution, EXIF, a preview turned upright, and what OCR needs and says. Never runs a program,
//! and never keeps where a picture was taken.
//!
//! One file per concern: `format` (first bytes), `header` and `heif` (containers), `directory` and `exif` (tags), `pixels`,
//! `words`.

mod bytes;
mod directory;
mod exif;
mod format;
mod header;
mod heif;
mod limits;
mod pixels;
mod words;

pub(crate) use format::Format;
pub use limits::ImageLimits;

use crate::Input;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::document::{Document, ImageInfo};
use crate::documented::Documented;
use crate::error::ExtractError;
use crate::facts::{Review, Rules};
use crate::kind::Kind;
use crate::limits::Limits;
use exif::Exif;
use header::Header;
use image::metadata::Orientation;
use pixels::{Pixels, Refusal};

/// Reads one picture.
///
/// # Errors
/// [`ExtractError::DamagedImage`] when neither its container nor a decoder tells its size, or it has none.
pub(crate) fn read(
    bytes: &[u8],
    input: &Input<'_>,
    rules: &Rules,
    limits: &Limits,
) -> Result<Documented, ExtractError> {
    let format = Format::of(bytes).ok_or(ExtractError::DamagedImage)?;
    let header = Header::read(format, bytes, &limits.image);
    let tags = read_exif(format, bytes, &header, &limits.image);
    let converted = input.pixels.filter(|_| format.decoder().is_none());
    let opened = match converted {
        Some(pixels) => open_converted(pixels, limits),
        None => Pixels::open(format, bytes, &header, &limits.image),
    };
    let (orientation, size) = match (converted, &opened) {
        // What was converted is upright already.
        (Some(_), Ok(pixels)) => (Orientation::NoTransforms, Some(pixels.size)),
        (None, Ok(pixels)) => (orientation(&header, &tags), Some(pixels.size)),
        (_, Err(_)) => (orientation(&header, &tags), header.size),
    };
    let size = size.filter(|(width, height)| *width > 0 && *height > 0);
    let (width_px, height_px) = match size.ok_or(ExtractError::DamagedImage)? {
        (width, height) if is_sideways(orientation) => (height, width),
        size => size,
    };
    let dpi = header.dpi.or(tags.dpi).and_then(known_dpi);
    let decoded_mode = opened.as_ref().ok().and_then(|pixels| pixels.mode.clone());
    let info = ImageInfo {
        format: format.name().to_owned(),
        width_px,
        height_px,
        mode: header.mode.or(decoded_mode),
        dpi: match is_sideways(orientation) {
            true => dpi.map(|(x, y)| (y, x)),
            false => dpi,
        },
        frames: header.frames,
        exif: tags.fields,
    };
    let document = Document {
        image: Some(info),
        ..Document::default()
    };
    let mut documented = Documented::new(
        Kind::Image,
        document,
        Diagnostics::new(limits.diagnostics_max),
    );
    say_frames(&mut documented, header.frames);
    match opened.and_then(Pixels::decode) {
        Ok(picture) => {
            if input.preview {
                documented.preview = pixels::preview(&picture, orientation, &limits.image);
            }
            if input.ocr.is_none() {
                documented.scan = pixels::scan(&picture, orientation, dpi, &limits.image);
            }
        }
        Err(refusal) => say_refusal(&mut documented, format, converted.is_some(), refusal),
    }
    if let Some(ocr) = input.ocr {
        words::read(&mut documented, ocr, input, rules, limits);
    }
    Ok(documented)
}

/// Code of the diagnostic of a picture that only another program can decode; see [`Input::pixels`].
pub const CONVERTER_NEEDED: &str = "converter_needed";

/// What another program has made of a picture, judged like any other.
fn open_converted<'a>(pixels: &'a [u8], limits: &Limits) -> Result<Pixels<'a>, Refusal> {
    let unknown = || Refusal::Damaged("the converter answered no picture".to_owned());
    let format = Format::of(pixels).ok_or_else(unknown)?;
    let header = Header::read(format, pixels, &limits.image);
    Pixels::open(format, pixels, &header, &limits.image)
}

/// The container's EXIF block; only HEIC and AVIF keep it where it takes a reader of theirs to find it.
fn read_exif(format: Format, bytes: &[u8], header: &Header<'_>, limits: &ImageLimits) -> Exif {
    if let Some(block) = header.exif {
        return Exif::read(block, limits);
    }
    if !matches!(format, Format::Heic | Format::Avif) {
        return Exif::default();
    }
    let mut reader = ::exif::Reader::new();
    reader.continue_on_error(true);
    match reader.read_from_container(&mut std::io::Cursor::new(bytes)) {
        Ok(found) => Exif::read(found.buf(), limits),
        Err(::exif::Error::PartialResult(found)) => Exif::read(found.into_inner().0.buf(), limits),
        Err(_) => Exif::default(),
    }
}

/// HEIC and AVIF turn by their own property, whatever EXIF says (ISO/IEC 23008-12, section 6.5.10).
fn orientation(header: &Header<'_>, tags: &Exif) -> Orientation {
    match header.quarter_turns {
        1 => Orientation::Rotate270,
        2 => Orientation::Rotate180,
        3 => Orientation::Rotate90,
        _ => tags
            .orientation
            .and_then(Orientation::from_exif)
            .unwrap_or(Orientation::NoTransforms),
    }
}

const fn is_sideways(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

/// Programs write 0 and 1 when they do not know.
fn known_dpi((x, y): (f64, f64)) -> Option<(f64, f64)> {
    let known = |dpi: f64| dpi > 1.5 && dpi < 1e5;
    let rounded = |dpi: f64| (dpi * 1e3).round() / 1e3;
    (known(x) && known(y)).then(|| (rounded(x), rounded(y)))
}

fn say_frames(documented: &mut Documented, frames: Option<u64>) {
    if let Some(frames) = frames.filter(|frames| *frames > 1) {
        documented.diagnostics.push(|| {
            let message = format!("the file holds {frames} pictures: only the first is read");
            Diagnostic::new(Severity::Warning, "more_pictures", message)
                .hint("save the others as files of their own")
        });
    }
}

fn say_refusal(documented: &mut Documented, format: Format, is_converted: bool, refusal: Refusal) {
    let (code, message, hint) = match (refusal, format) {
        (_, Format::Heic | Format::Avif) if !is_converted => (
            CONVERTER_NEEDED,
            format!(
                "{} pixels are not decoded here: there is no preview and no text",
                format.name().to_uppercase()
            ),
            "send the picture as JPEG, or have a converter installed beside the service (libheif-examples)",
        ),
        (Refusal::Unsupported, _) => (
            "pixels_unsupported",
            "this kind of pixels is not decoded here: there is no preview and no text".to_owned(),
            "save the picture as 8-bit RGB or greyscale",
        ),
        (Refusal::TooLarge, _) => (
            "image_too_large",
            "the picture needs more memory than is allowed (image.decoding_bytes_max): it is not decoded".to_owned(),
            "send it with fewer pixels",
        ),
        (Refusal::Damaged(why), _) => (
            "image_damaged",
            format!("the pixels cannot be decoded: {why}"),
            "export or upload the picture again",
        ),
    };
    documented.needs_review.push(Review {
        code: code.into(),
        message: message.clone(),
    });
    documented
        .diagnostics
        .push(|| Diagnostic::new(Severity::Warning, code, message).hint(hint));
}
