//! Renders a page to PNG: for a person's eye, and for an OCR program. Never renders a page of absurd size,
//! nor one that asks for more lines than the limits allow.

use super::PdfLimits;
use crate::outcome::{Preview, PreviewForm, Scan};
use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_syntax::page::Page;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};

/// A page with a side beyond this many points (200 inches, the most that ISO 32000-1, annex C.2 allows) is refused.
const PAGE_SIDE_PT_MAX: f32 = 14_400.0;
/// A page more than this many times longer than wide is a ribbon of nothing to see.
const ASPECT_MAX: f32 = 100.0;

/// A small page is not blown up beyond this many pixels a point for a preview …
const PREVIEW_SCALE_MAX: f32 = 4.0;
/// … nor beyond this many for OCR: 300 an inch.
const SCAN_SCALE_MAX: f32 = 300.0 / 72.0;

/// A page that may be rendered, with what is drawn on it.
#[derive(Clone, Copy)]
pub(super) struct Canvas<'a> {
    pub(super) page: &'a Page<'a>,
    /// Length of all lines and edges, in points.
    pub(super) length: f64,
    pub(super) dashes: f64,
}

impl<'a> Canvas<'a> {
    /// A small picture for a person; None when the limits forbid it.
    pub(super) fn preview(self, limits: &PdfLimits) -> Option<Preview> {
        let scale = self.scale(limits.preview_side_px, PREVIEW_SCALE_MAX, limits)?;
        Some(Preview {
            form: PreviewForm::Png,
            bytes: self.png(scale)?,
        })
    }

    /// A picture for OCR.
    pub(super) fn scan(self, limits: &PdfLimits) -> Option<Scan> {
        let scale = self.scan_scale(limits)?;
        Some(Scan {
            png: self.png(scale)?,
            dpi: whole((scale * 72.0).round()),
        })
    }

    /// Pixels of one point in [`Self::scan`]; None when the limits forbid it.
    pub(super) fn scan_scale(self, limits: &PdfLimits) -> Option<f32> {
        self.scale(limits.scan_side_px, SCAN_SCALE_MAX, limits)
    }

    fn scale(self, side_px: u16, scale_max: f32, limits: &PdfLimits) -> Option<f32> {
        let (width, height) = self.page.render_dimensions();
        let (longer, shorter) = (width.max(height), width.min(height));
        let sane =
            longer.is_finite() && longer <= PAGE_SIDE_PT_MAX && longer <= shorter * ASPECT_MAX;
        let scale = (f32::from(side_px) / longer).min(scale_max);
        #[expect(clippy::cast_precision_loss, reason = "a limit need not be exact")]
        let (length_max, dashes_max) =
            (limits.render_length_max_px as f64, limits.dashes_max as f64);
        let short = self.length * f64::from(scale) <= length_max && self.dashes <= dashes_max;
        (sane && short && shorter * scale >= 1.0).then_some(scale)
    }

    /// The page on white paper.
    fn png(self, scale: f32) -> Option<Vec<u8>> {
        let pixels = PixmapSettings {
            x_scale: scale,
            y_scale: scale,
            bg_color: WHITE,
        };
        let cache = RenderCache::new();
        let (settings, look) = (InterpreterSettings::default(), RenderSettings::default());
        let pixmap = render(self.page, &cache, &settings, &look, &pixels);
        pixmap.into_png().ok()
    }
}

fn whole(number: f32) -> Option<u32> {
    (0.0..65_536.0).contains(&number).then_some(())?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was checked"
    )]
    Some(number as u32)
}
