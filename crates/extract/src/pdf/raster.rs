//! Renders a page to PNG: for a person's eye, and for an OCR program. Never renders a page of absurd size.

use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_syntax::page::Page;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};

/// A page with a side beyond this many points (200 inches, the most that ISO 32000-1, annex C.2 allows) is refused.
const PAGE_SIDE_PT_MAX: f32 = 14_400.0;
/// A page more than this many times longer than wide is a ribbon of nothing to see.
const ASPECT_MAX: f32 = 100.0;

/// A rendered page.
pub(super) struct Picture {
    pub(super) png: Vec<u8>,
    /// Pixels of one point.
    pub(super) scale: f64,
}

/// The page's scale for a picture with this longer side, at most `scale_max` pixels a point; None for absurd pages.
pub(super) fn scale(page: &Page<'_>, side_px: u16, scale_max: f32) -> Option<f32> {
    let (width, height) = page.render_dimensions();
    let (longer, shorter) = (width.max(height), width.min(height));
    let sane = longer.is_finite() && longer <= PAGE_SIDE_PT_MAX && longer <= shorter * ASPECT_MAX;
    let scale = (f32::from(side_px) / longer).min(scale_max);
    (sane && shorter * scale >= 1.0).then_some(scale)
}

/// The page on white paper.
pub(super) fn picture<'a>(
    page: &'a Page<'a>,
    settings: &InterpreterSettings,
    scale: f32,
) -> Option<Picture> {
    let pixels = PixmapSettings {
        x_scale: scale,
        y_scale: scale,
        bg_color: WHITE,
    };
    let cache = RenderCache::new();
    let pixmap = render(page, &cache, settings, &RenderSettings::default(), &pixels);
    Some(Picture {
        png: pixmap.into_png().ok()?,
        scale: f64::from(scale),
    })
}
