//! Curves as the path data of SVG: exact, or on a coarse grid where each stroke is drawn once. Never knows layers.

use crate::ellipse::Ellipse;
use crate::point::{Extents, Point};
use crate::segment::Segment;
use std::collections::HashSet;
use std::f64::consts::PI;

/// How finely strokes are drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Detail {
    /// Points lie on a grid this wide; nothing when curves are drawn as they are.
    step: Option<f64>,
    digits: usize,
}

impl Detail {
    pub(crate) fn exact(size: f64) -> Self {
        Self {
            step: None,
            digits: digits_for(size),
        }
    }

    pub(crate) fn coarse(step: f64) -> Self {
        Self {
            step: Some(step),
            digits: digits_for(step * 1e4),
        }
    }

    pub(crate) fn is_coarse(&self) -> bool {
        self.step.is_some()
    }
}

/// Digits after the point that are finer than a picture of this size can show.
pub(crate) fn digits_for(size: f64) -> usize {
    let digits = (5.0 - size.log10()).clamp(0.0, 9.0);
    (0..9)
        .take_while(|count| f64::from(*count) < digits)
        .count()
}

/// Coordinates from here on are no part of a picture.
const FARTHEST: f64 = 1e12;

/// Whether a box can be part of a picture.
pub(crate) fn is_near(extents: Extents) -> bool {
    let corner = Point::new(extents.max_x, extents.max_y);
    extents.min().is_finite() && corner.is_finite() && extents.farthest() < FARTHEST
}

/// A path element is closed after this many bytes, so that programs that draw them need not hold them whole.
const PATH_BYTES_MAX: usize = 60_000;

/// Path data in groups.
pub(crate) struct Strokes {
    svg: String,
    bytes_max: usize,
    extents: Extents,
    detail: Detail,
    pen: Option<Point>,
    /// Where the path element being written begins; none when there is none.
    path: Option<usize>,
    /// Strokes of the grid that are drawn already in this group.
    drawn: HashSet<[u32; 4]>,
    full: bool,
}

impl Strokes {
    pub(crate) fn new(extents: Extents, detail: Detail, bytes_max: usize) -> Self {
        Self {
            svg: String::new(),
            bytes_max,
            extents,
            detail,
            pen: None,
            path: None,
            drawn: HashSet::new(),
            full: false,
        }
    }

    pub(crate) fn into_svg(self) -> String {
        self.svg
    }

    /// Whether something was left out for want of room.
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    pub(crate) fn open_group(&mut self, tag: &str) {
        self.svg.push_str(tag);
        self.drawn.clear();
    }

    pub(crate) fn close_group(&mut self) {
        self.close_path();
        self.svg.push_str("</g>");
    }

    /// The next piece begins a new line.
    pub(crate) fn lift(&mut self) {
        self.pen = None;
    }

    pub(crate) fn segment(&mut self, segment: &Segment) {
        let ends = segment.start().is_finite() && segment.end().is_finite();
        self.full |= self.svg.len() > self.bytes_max;
        if self.full || !ends || !is_near(segment.extents()) {
            return;
        }
        match self.detail.step {
            Some(step) => self.coarse(segment, step),
            None => self.exact(segment),
        }
    }

    fn exact(&mut self, segment: &Segment) {
        self.move_to(segment.start());
        match segment {
            Segment::Line(_, b) => {
                self.svg.push('L');
                self.point(*b);
            }
            Segment::Arc(arc) => self.arc(&Ellipse::from(*arc), arc.radius),
            Segment::Ellipse(ellipse) => self.arc(ellipse, ellipse.major.length()),
            Segment::Cubic(cubic) => {
                self.svg.push('C');
                for point in [cubic.b, cubic.c, cubic.d] {
                    self.point(point);
                    self.svg.push(' ');
                }
            }
        }
        self.pen = Some(segment.end());
    }

    /// In parts of less than half a turn, whose centre no rounding can move to the other side. With y downwards SVG's
    /// flag 0 turns counter-clockwise to the eye.
    fn arc(&mut self, ellipse: &Ellipse, radius: f64) {
        let parts = if ellipse.sweep.abs() > 0.9 * PI { 3 } else { 1 };
        let turned = -ellipse.major.y.atan2(ellipse.major.x).to_degrees();
        for part in 1..=parts {
            self.svg.push('A');
            for figure in [radius, radius * ellipse.ratio] {
                self.figure(figure, self.detail.digits + 1);
                self.svg.push(' ');
            }
            self.figure(turned, 3);
            self.svg.push_str(if ellipse.sweep < 0.0 {
                " 0 1 "
            } else {
                " 0 0 "
            });
            self.point(ellipse.at(f64::from(part) / f64::from(parts)));
        }
    }

    fn coarse(&mut self, segment: &Segment, step: f64) {
        let mut from = self.snapped(segment.start(), step);
        let mut dot = true;
        let mut points = Vec::new();
        segment.flatten(step * 0.5, |point| points.push(point));
        for (place, point) in points.iter().enumerate() {
            self.full |= self.svg.len() > self.bytes_max;
            if self.full {
                return;
            }
            let to = self.snapped(*point, step);
            // What is smaller than the grid becomes one dot.
            let only_dot = dot && place + 1 == points.len();
            if to == from && !only_dot {
                continue;
            }
            dot = false;
            let stroke = [from.0.min(to.0), from.0.max(to.0)];
            let other = if from.0 <= to.0 {
                [from.1, to.1]
            } else {
                [to.1, from.1]
            };
            if self
                .drawn
                .insert([stroke[0], other[0], stroke[1], other[1]])
            {
                self.stroke(from, to, step);
            }
            from = to;
        }
    }

    fn stroke(&mut self, from: (u32, u32), to: (u32, u32), step: f64) {
        let place = |cell: (u32, u32)| {
            let (x, y) = (f64::from(cell.0) * step, f64::from(cell.1) * step);
            Point::new(self.extents.min_x + x, self.extents.max_y - y)
        };
        let (from, to) = (place(from), place(to));
        self.move_to(from);
        self.svg.push('L');
        self.point(to);
        self.pen = Some(to);
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place on a grid of a few thousand points; below 0 and no number become 0"
    )]
    fn snapped(&self, point: Point, step: f64) -> (u32, u32) {
        let snap = |offset: f64| (offset / step).round() as u32;
        (
            snap(point.x - self.extents.min_x),
            snap(self.extents.max_y - point.y),
        )
    }

    fn move_to(&mut self, point: Point) {
        if self
            .path
            .is_some_and(|from| self.svg.len() - from > PATH_BYTES_MAX)
        {
            self.close_path();
        }
        if self.path.is_none() {
            self.path = Some(self.svg.len());
            self.svg
                .push_str("<path vector-effect=\"non-scaling-stroke\" d=\"");
            self.pen = None;
        }
        let near = 0.5 * 10_f64.powi(-i32::try_from(self.detail.digits).unwrap_or_default());
        if self.pen.is_none_or(|pen| pen.distance(point) > near) {
            self.svg.push('M');
            self.point(point);
        }
    }

    fn close_path(&mut self) {
        if self.path.take().is_some() {
            self.svg.push_str("\"/>");
        }
        self.pen = None;
    }

    fn point(&mut self, point: Point) {
        self.figure(point.x - self.extents.min_x, self.detail.digits);
        self.svg.push(' ');
        self.figure(self.extents.max_y - point.y, self.detail.digits);
    }

    /// A number without needless digits; what is none becomes 0.
    fn figure(&mut self, value: f64, digits: usize) {
        let value = if value.is_finite() { value } else { 0.0 };
        let figure = format!("{:.digits$}", value + 0.0);
        let figure = if digits > 0 {
            figure.trim_end_matches('0').trim_end_matches('.')
        } else {
            &figure
        };
        self.svg.push_str(match figure {
            "-0" | "" => "0",
            figure => figure,
        });
    }
}
