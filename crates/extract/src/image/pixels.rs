//! Pixels: decoded within limits, turned upright, made small for people and fit for reading. Never decodes before the
//! header's size has been weighed.

use super::format::Format;
use super::header::Header;
use super::limits::ImageLimits;
use crate::outcome::{Preview, PreviewForm, Scan};
use image::codecs::png::{CompressionType, FilterType as PngFilter, PngEncoder};
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageReader, Rgb, RgbImage};
use std::io::Cursor;

/// A decoder that has read the header.
pub(super) struct Pixels<'a> {
    decoder: Box<dyn ImageDecoder + 'a>,
    /// In pixels, as stored.
    pub(super) size: (u64, u64),
    pub(super) mode: Option<String>,
    /// What decoding will need, in bytes.
    needs: u64,
    bytes_max: u64,
}

/// Why there are no pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The format, or its kind of pixels, has no decoder here.
    Unsupported,
    TooLarge,
    Damaged(String),
}

impl<'a> Pixels<'a> {
    /// Reads the header.
    pub(super) fn open(
        format: Format,
        bytes: &'a [u8],
        header: &Header<'_>,
        limits: &ImageLimits,
    ) -> Result<Self, Refusal> {
        let decoder = format.decoder().ok_or(Refusal::Unsupported)?;
        let mut reader = ImageReader::with_format(Cursor::new(bytes), decoder);
        let mut budget = image::Limits::default();
        budget.max_image_width = Some(limits.side_px_max);
        budget.max_image_height = Some(limits.side_px_max);
        budget.max_alloc = Some(limits.decoding_bytes_max);
        reader.limits(budget);
        let decoder = reader.into_decoder().map_err(refusal)?;
        let (width, height) = decoder.dimensions();
        let copies = copies(format, header);
        Ok(Self {
            size: (width.into(), height.into()),
            mode: mode_name(decoder.original_color_type()),
            needs: decoder.total_bytes().saturating_mul(copies),
            bytes_max: limits.decoding_bytes_max,
            decoder: Box::new(decoder),
        })
    }

    /// Decodes the first picture.
    pub(super) fn decode(self) -> Result<DynamicImage, Refusal> {
        if self.needs > self.bytes_max {
            return Err(Refusal::TooLarge);
        }
        DynamicImage::from_decoder(self.decoder).map_err(refusal)
    }
}

/// How many times its pixels a decoder holds at its peak, by the way each works.
fn copies(format: Format, header: &Header<'_>) -> u64 {
    match format {
        // Coefficients have two bytes.
        Format::Jpeg if header.progressive => 3,
        Format::Tiff | Format::Gif | Format::WebP => 2,
        _ => 1,
    }
}

fn refusal(error: image::ImageError) -> Refusal {
    match error {
        image::ImageError::Limits(_) => Refusal::TooLarge,
        image::ImageError::Unsupported(_) => Refusal::Unsupported,
        other => Refusal::Damaged(other.to_string()),
    }
}

fn mode_name(color: ExtendedColorType) -> Option<String> {
    let name = match color {
        ExtendedColorType::L1 => "1",
        ExtendedColorType::L8 => "L",
        ExtendedColorType::L16 => "L;16",
        ExtendedColorType::La8 => "LA",
        ExtendedColorType::La16 => "LA;16",
        ExtendedColorType::Rgb8 => "RGB",
        ExtendedColorType::Rgb16 => "RGB;16",
        ExtendedColorType::Rgb32F => "RGB;32F",
        ExtendedColorType::Rgba8 => "RGBA",
        ExtendedColorType::Rgba16 => "RGBA;16",
        ExtendedColorType::Rgba32F => "RGBA;32F",
        ExtendedColorType::Cmyk8 => "CMYK",
        ExtendedColorType::Cmyk16 => "CMYK;16",
        _ => return None,
    };
    Some(name.to_owned())
}

/// Smaller by averaging when a side is longer than allowed, and upright.
fn upright(picture: &DynamicImage, side_max: u32, orientation: Orientation) -> DynamicImage {
    let mut small = match picture.width().max(picture.height()) > side_max {
        true => picture.thumbnail(side_max, side_max),
        false => picture.clone(),
    };
    small.apply_orientation(orientation);
    small
}

/// A picture for people.
pub(super) fn preview(
    picture: &DynamicImage,
    orientation: Orientation,
    limits: &ImageLimits,
) -> Option<Preview> {
    let small = upright(picture, limits.preview_px_max, orientation);
    let small: DynamicImage = match (small.color().has_color(), small.has_alpha()) {
        (true, true) => small.into_rgba8().into(),
        (true, false) => small.into_rgb8().into(),
        (false, true) => small.into_luma_alpha8().into(),
        (false, false) => small.into_luma8().into(),
    };
    Some(Preview {
        form: PreviewForm::Png,
        bytes: png(&small)?,
    })
}

fn png(picture: &DynamicImage) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, PngFilter::Adaptive);
    picture.write_with_encoder(encoder).ok()?;
    Some(bytes)
}

/// Shorter and longer side below which there is no room for a word, in pixels.
const SCAN_PX_MIN: (u32, u32) = (16, 48);
/// Small pictures are enlarged towards this side, for letters of some twenty pixels.
const SCAN_PX_WANTED: u32 = 2_000;
const ENLARGED_MAX: f64 = 3.0;
/// Enlarging by less gains nothing.
const ENLARGED_MIN: f64 = 1.5;
/// Brighter minus darker parts, 0 to 255; below this a picture is blank.
const CONTRAST_MIN: u8 = 24;
/// Resolutions outside are a camera's default or a mistake; the OCR program judges better by the letters.
const READABLE_DPI: std::ops::RangeInclusive<f64> = 100.0..=2_400.0;

/// A picture for OCR: upright, on white, contrast stretched, of a size at which letters are read. Colours stay where they
/// are: letters often differ from their ground in one channel only, which OCR programs look for. None when it cannot hold
/// words. `dpi` is that of the picture as stored.
pub(super) fn scan(
    picture: &DynamicImage,
    orientation: Orientation,
    dpi: Option<(f64, f64)>,
    limits: &ImageLimits,
) -> Option<Scan> {
    let stored = picture.width().max(picture.height());
    let shorter = picture.width().min(picture.height());
    if shorter < SCAN_PX_MIN.0 || stored < SCAN_PX_MIN.1 {
        return None;
    }
    let mut read = on_white(upright(picture, limits.scan_px_max, orientation));
    stretch(&mut read)?;
    let read = enlarged(read.into(), limits);
    let (read, png) = within_bytes(read, limits.scan_bytes_max)?;
    let scale = f64::from(read.width().max(read.height())) / f64::from(stored);
    let dpi = dpi.map(|(x, y)| x.min(y) * scale);
    Some(Scan {
        png,
        dpi: dpi.filter(|dpi| READABLE_DPI.contains(dpi)).map(pixels),
    })
}

fn enlarged(picture: DynamicImage, limits: &ImageLimits) -> DynamicImage {
    let side = picture.width().max(picture.height());
    let factor = (f64::from(SCAN_PX_WANTED) / f64::from(side)).min(ENLARGED_MAX);
    if factor < ENLARGED_MIN {
        return picture;
    }
    let to = |side: u32| pixels(f64::from(side) * factor).min(limits.scan_px_max);
    picture.resize_exact(
        to(picture.width()),
        to(picture.height()),
        FilterType::CatmullRom,
    )
}

/// Gives up colour, then size, until the PNG is small enough; grey pictures are grey from the start.
fn within_bytes(picture: DynamicImage, bytes_max: usize) -> Option<(DynamicImage, Vec<u8>)> {
    let mut picture = match is_grey(&picture) {
        true => picture.into_luma8().into(),
        false => picture,
    };
    loop {
        let bytes = png(&picture)?;
        if bytes.len() <= bytes_max {
            return Some((picture, bytes));
        }
        picture = match picture.color().has_color() {
            true => picture.into_luma8().into(),
            false => {
                let (width, height) = (picture.width() / 2, picture.height() / 2);
                (width.min(height) >= SCAN_PX_MIN.0).then(|| picture.thumbnail(width, height))?
            }
        };
    }
}

/// Whether no pixel's channels differ by more than a camera's noise.
fn is_grey(picture: &DynamicImage) -> bool {
    const NOISE: u8 = 24;
    picture.as_rgb8().is_none_or(|picture| {
        picture.pixels().all(|pixel| {
            let [red, green, blue] = pixel.0;
            red.abs_diff(green).max(green.abs_diff(blue)) <= NOISE
        })
    })
}

impl Scan {
    /// The same picture turned clockwise by quarters, for one that was taken lying on its side. None when these are not
    /// the bytes of a scan.
    pub fn turned(&self, quarters: u8) -> Option<Self> {
        let mut reader = ImageReader::with_format(Cursor::new(&self.png), image::ImageFormat::Png);
        reader.limits(image::Limits::default());
        let picture = reader.decode().ok()?;
        let turned = match quarters % 4 {
            1 => picture.rotate90(),
            2 => picture.rotate180(),
            3 => picture.rotate270(),
            _ => picture,
        };
        Some(Self {
            png: png(&turned)?,
            dpi: self.dpi,
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sides and resolutions are positive and far below 2^32"
)]
fn pixels(length: f64) -> u32 {
    length.round().max(1.0) as u32
}

/// Red, green and blue, where what shines through is paper.
fn on_white(picture: DynamicImage) -> RgbImage {
    if !picture.has_alpha() {
        return picture.into_rgb8();
    }
    let picture = picture.into_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0.map(u32::from);
        let over_white = |value| (value * alpha + 255 * (255 - alpha)) / 255;
        let channels = [red, green, blue].map(over_white);
        Rgb(channels.map(|value| u8::try_from(value).unwrap_or(u8::MAX)))
    })
}

/// One value in so many may be darker or brighter than what counts as black or white: a line of text is little of a page.
const OUTLIERS: u64 = 10_000;

/// Spreads all values but outliers over the whole range. None when there is nothing to spread.
fn stretch(picture: &mut RgbImage) -> Option<()> {
    let mut counts = [0_u64; 256];
    for value in picture.as_raw() {
        if let Some(count) = counts.get_mut(usize::from(*value)) {
            *count += 1;
        }
    }
    let outside = counts.iter().sum::<u64>() / OUTLIERS;
    let counted = || (0..=u8::MAX).zip(counts);
    let low = first_beyond(outside, counted())?;
    let high = first_beyond(outside, counted().rev())?;
    let span = high.checked_sub(low).filter(|span| *span >= CONTRAST_MIN)?;
    for value in picture.iter_mut() {
        let above = u32::from(value.saturating_sub(low).min(span));
        *value = u8::try_from(above * 255 / u32::from(span)).unwrap_or(u8::MAX);
    }
    Some(())
}

fn first_beyond(outside: u64, mut counted: impl Iterator<Item = (u8, u64)>) -> Option<u8> {
    let mut seen = 0;
    counted
        .find(|(_, count)| {
            seen += count;
            seen > outside
        })
        .map(|(value, _)| value)
}
