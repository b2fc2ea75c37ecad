//! Pictures as PNG: for programs that show no SVG. Never follows a reference out of the picture, and never makes more
//! pixels than asked for.

use crate::outcome::{Preview, PreviewForm};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, fontdb};
use std::io::Cursor;
use std::sync::{Arc, OnceLock};

/// The longer side of a PNG at most, in pixels.
pub const PNG_SIZE_MAX_PX: u32 = 1024;

/// Latin, Greek and Cyrillic letters; the same file that job sheets are set in.
const FONT: &[u8] = include_bytes!("../../paper/assets/Roboto-Regular.ttf");
const FAMILY: &str = "Roboto";

/// Memory for the pixels of a preview that is a PNG.
const PNG_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Why there is no PNG.
#[derive(Debug, thiserror::Error)]
pub enum RasterError {
    #[error("the preview is not an SVG that can be drawn: {0}")]
    Svg(#[from] usvg::Error),
    #[error("the preview is not text")]
    Text(#[from] std::str::Utf8Error),
    #[error("a picture of {width} by {height} pixels cannot be made")]
    Size { width: u32, height: u32 },
    #[error("the PNG could not be read or written: {0}")]
    Png(String),
}

/// A preview as PNG, its longer side `size_max_px` or [`PNG_SIZE_MAX_PX`], whichever is less; one of pixels is shrunk to
/// that and never grown. Letters are drawn with the bundled font.
///
/// # Errors
/// [`RasterError`] when the preview cannot be drawn.
pub fn png_of(preview: &Preview, size_max_px: u32) -> Result<Preview, RasterError> {
    let bytes = match preview.form {
        PreviewForm::Png => shrunk(&preview.bytes, size_max_px.clamp(1, PNG_SIZE_MAX_PX))?,
        PreviewForm::Svg => svg_to_png(std::str::from_utf8(&preview.bytes)?, size_max_px)?,
    };
    Ok(Preview {
        form: PreviewForm::Png,
        bytes,
    })
}

fn decoded(png: &[u8], bytes_max: u64) -> ::image::ImageResult<::image::DynamicImage> {
    let mut limits = ::image::Limits::default();
    limits.max_alloc = Some(bytes_max);
    let mut reader = ::image::ImageReader::with_format(Cursor::new(png), ::image::ImageFormat::Png);
    reader.limits(limits);
    reader.decode()
}

/// Pixels with the longer side at most that; as they are when they fit.
fn shrunk(png: &[u8], size_max_px: u32) -> Result<Vec<u8>, RasterError> {
    let broken = |error: ::image::ImageError| RasterError::Png(error.to_string());
    let picture = decoded(png, PNG_BYTES_MAX).map_err(broken)?;
    if picture.width().max(picture.height()) <= size_max_px {
        return Ok(png.to_vec());
    }
    let mut smaller = Cursor::new(Vec::new());
    picture
        .thumbnail(size_max_px, size_max_px)
        .write_to(&mut smaller, ::image::ImageFormat::Png)
        .map_err(broken)?;
    Ok(smaller.into_inner())
}

/// Draws an SVG on white; see [`png_of`].
///
/// # Errors
/// [`RasterError`] when it cannot be drawn.
pub fn svg_to_png(svg: &str, size_max_px: u32) -> Result<Vec<u8>, RasterError> {
    let size_max_px = size_max_px.clamp(1, PNG_SIZE_MAX_PX);
    let longer = |tree: &usvg::Tree| tree.size().width().max(tree.size().height());
    let mut tree = parse(svg)?;
    let scale = size_max_px as f32 / longer(&tree);
    if svg.contains(NON_SCALING) {
        tree = parse(&scaled_strokes(svg, f64::from(scale)))?;
    }
    let (width, height) = (
        pixels(tree.size().width() * scale),
        pixels(tree.size().height() * scale),
    );
    let mut pixmap = Pixmap::new(width, height).ok_or(RasterError::Size { width, height })?;
    pixmap.fill(resvg::tiny_skia::Color::WHITE);
    let transform = Transform::from_scale(scale, scale);
    resvg::render(&tree, transform, &mut pixmap.as_mut());
    pixmap
        .encode_png()
        .map_err(|error| RasterError::Png(error.to_string()))
}

fn parse(svg: &str) -> Result<usvg::Tree, usvg::Error> {
    let options = usvg::Options {
        resources_dir: None,
        fontdb: fonts(),
        image_href_resolver: usvg::ImageHrefResolver {
            resolve_data: usvg::ImageHrefResolver::default_data_resolver(),
            resolve_string: Box::new(|_, _| None),
        },
        ..usvg::Options::default()
    };
    usvg::Tree::from_str(svg, &options)
}

/// The bundled font only: workers can open no other, and a picture is the same on every machine.
fn fonts() -> Arc<fontdb::Database> {
    static FONTS: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    let load = || {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(FONT.to_vec());
        fonts.set_sans_serif_family(FAMILY);
        fonts.set_serif_family(FAMILY);
        fonts.set_monospace_family(FAMILY);
        Arc::new(fonts)
    };
    Arc::clone(FONTS.get_or_init(load))
}

/// Strokes of our previews are as wide on every screen; the renderer does not know that word.
const NON_SCALING: &str = "vector-effect=\"non-scaling-stroke\"";
const STROKE_WIDTH: &str = "stroke-width=\"";
/// Pixels of a stroke for each that it says: previews are looked at smaller than they are drawn.
const STROKE_PIXELS: f64 = 1.3;

/// The same SVG with its stroke widths, which are pixels, in its own units.
fn scaled_strokes(svg: &str, scale: f64) -> String {
    let mut parts = svg.split(STROKE_WIDTH);
    let mut scaled = String::with_capacity(svg.len() + 1_024);
    scaled.push_str(parts.next().unwrap_or_default());
    for part in parts {
        scaled.push_str(STROKE_WIDTH);
        let (figure, rest) = part.split_once('"').unwrap_or((part, ""));
        match figure.parse::<f64>() {
            Ok(width) => scaled.push_str(&(width * STROKE_PIXELS / scale).to_string()),
            Err(_) => scaled.push_str(figure),
        }
        scaled.push('"');
        scaled.push_str(rest);
    }
    scaled
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most the longest side asked for"
)]
fn pixels(length: f32) -> u32 {
    (length.round() as u32).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SVG: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 12 7"><g stroke="#ff0000"
        stroke-width="2" fill="none"><path vector-effect="non-scaling-stroke" d="M0 0L10 0"/></g></svg>"##;

    fn size(png: &[u8]) -> (u32, u32) {
        let figure = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        (figure(16), figure(20))
    }

    #[test]
    fn pictures_keep_their_shape_and_stay_in_their_bounds() {
        for (asked, expected) in [(600, (600, 350)), (10_000, (1024, 597)), (0, (1, 1))] {
            assert_eq!(size(&svg_to_png(SVG, asked).unwrap()), expected, "{asked}");
        }
        let preview = Preview {
            form: PreviewForm::Svg,
            bytes: SVG.into(),
        };
        let png = png_of(&preview, 64).unwrap();
        assert_eq!((png.form, size(&png.bytes)), (PreviewForm::Png, (64, 37)));
        assert_eq!(png_of(&png, 64).unwrap(), png);
        assert_eq!(size(&png_of(&png, 8).unwrap().bytes), (8, 5));
        let broken = Preview {
            form: PreviewForm::Png,
            bytes: b"\x89PNG".to_vec(),
        };
        assert!(png_of(&broken, 8).is_err());
    }

    #[test]
    fn strokes_are_as_wide_as_they_say_and_references_lead_nowhere() {
        let thick = svg_to_png(SVG, 600).unwrap();
        let pixmap = Pixmap::decode_png(&thick).unwrap();
        let red = (0..pixmap.height()).filter(|y| pixmap.pixel(300, *y).unwrap().green() < 128);
        assert!((2..=4).contains(&red.count()));
        let outside = r#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="/etc/hostname" width="9"
            height="9"/></svg>"#;
        assert!(svg_to_png(outside, 9).is_ok());
        for broken in [
            "",
            "<svg",
            "<svg xmlns='http://www.w3.org/2000/svg' width='0'/>",
        ] {
            assert!(svg_to_png(broken, 9).is_err(), "{broken}");
        }
    }

    #[test]
    fn letters_are_drawn_on_every_machine() {
        for text in ["Bracket", "Łódź", "Ж", "Θ"] {
            let svg = format!(
                r#"<svg xmlns="http://www.w3.org/2000/svg" width="90" height="30"><text x="5" y="22"
                font-family="sans-serif" font-size="20">{text}</text></svg>"#
            );
            let pixmap = Pixmap::decode_png(&svg_to_png(&svg, 90).unwrap()).unwrap();
            let dark = pixmap.pixels().iter().filter(|pixel| pixel.green() < 128);
            assert!(dark.count() > 20, "{text}");
        }
    }
}
