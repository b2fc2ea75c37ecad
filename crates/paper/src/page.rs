//! One page and what is drawn on it, in points from its upper left corner. Must never know what the words mean.

use krilla::color::luma;
use krilla::geom::{PathBuilder, Point, Rect, Size, Transform};
use krilla::image::Image;
use krilla::num::NormalizedF32;
use krilla::paint::{Fill, Stroke};
use krilla::surface::Surface;

use crate::text::Face;

/// A4, as ISO 216 has it.
pub(crate) const WIDTH: f32 = 595.28;
pub(crate) const HEIGHT: f32 = 841.89;

/// Where a text stands against its place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// How a text looks.
#[derive(Clone, Copy)]
pub(crate) struct Look<'a> {
    pub(crate) face: &'a Face,
    pub(crate) size: f32,
    /// 0 is black, 255 white.
    pub(crate) grey: u8,
}

/// A page being drawn.
pub(crate) struct Canvas<'a, 'b> {
    pub(crate) surface: &'a mut Surface<'b>,
}

impl Canvas<'_, '_> {
    /// One line; `y` is its base line.
    pub(crate) fn text(&mut self, (x, y): (f32, f32), align: Align, look: Look<'_>, text: &str) {
        let x = match align {
            Align::Left => x,
            Align::Right => x - look.face.width(text, look.size),
        };
        self.surface.set_stroke(None);
        self.fill(look.grey);
        let (glyphs, font) = (look.face.glyphs(text), look.face.font.clone());
        let start = Point::from_xy(x, y);
        self.surface
            .draw_glyphs(start, &glyphs, font, text, look.size, false);
    }

    pub(crate) fn line(&mut self, y: f32, (from, to): (f32, f32), grey: u8) {
        let mut path = PathBuilder::new();
        path.move_to(from, y);
        path.line_to(to, y);
        self.stroke(path, grey);
    }

    pub(crate) fn square(&mut self, (x, y): (f32, f32), side: f32, grey: u8) {
        let mut path = PathBuilder::new();
        if let Some(square) = Rect::from_xywh(x, y, side, side) {
            path.push_rect(square);
        }
        self.stroke(path, grey);
    }

    /// A PNG as large as fits into a box, in its middle; one that cannot be read is left out.
    pub(crate) fn picture(&mut self, (x, y): (f32, f32), (width, height): (f32, f32), png: &[u8]) {
        let Ok(image) = Image::from_png(png.to_vec().into(), true) else {
            return;
        };
        let (across, down) = image.size();
        #[expect(
            clippy::cast_precision_loss,
            reason = "a picture's pixels are far below 2^24"
        )]
        let (across, down) = (across as f32, down as f32);
        let scale = (width / across).min(height / down);
        let (drawn_width, drawn_height) = (across * scale, down * scale);
        let Some(size) = Size::from_wh(drawn_width, drawn_height) else {
            return;
        };
        let (left, top) = (
            x + (width - drawn_width) / 2.0,
            y + (height - drawn_height) / 2.0,
        );
        self.surface
            .push_transform(&Transform::from_translate(left, top));
        self.surface.draw_image(image, size);
        self.surface.pop();
    }

    fn fill(&mut self, grey: u8) {
        self.surface.set_fill(Some(Fill {
            paint: luma::Color::new(grey).into(),
            opacity: NormalizedF32::ONE,
            rule: Default::default(),
        }));
    }

    fn stroke(&mut self, path: PathBuilder, grey: u8) {
        let Some(path) = path.finish() else {
            return;
        };
        self.surface.set_fill(None);
        self.surface.set_stroke(Some(Stroke {
            paint: luma::Color::new(grey).into(),
            width: 0.6,
            ..Stroke::default()
        }));
        self.surface.draw_path(&path);
    }
}
