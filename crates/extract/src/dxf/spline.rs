//! SPLINE: degree, knots, weights, control points or fit points, and what can be mended of them. What is left out makes
//! the entity defective; what is mended is said. Never draws a curve from knots that contradict its control points.

use super::bezier::{self, Weighted};
use super::fields::{Defect, Fields, Repair};
use super::fit::{self, Tangents};
use super::pairs::Pair;
use crate::limits::Limits;
use drawing::{Drawing, Extents, Point, Segment, Shape};

/// Curves of a higher degree are not written by any CAD program (ACIS and OpenNURBS stop at 11 and 25 in theory).
const DEGREE_MAX: usize = 11;
const CLOSED: i64 = 1;
const PERIODIC: i64 = 2;
/// How far cubics may stray from a curve they cannot be, as a part of its size.
const STRAY_MAX: f64 = 1e-6;
/// Weights below this part of the largest say nothing that could be drawn.
const WEIGHT_MIN: f64 = 1e-9;
/// Ends nearer than this part of the curve's size are one point.
const SEAM_MAX: f64 = 1e-9;

/// A SPLINE's fields as they stand in the file.
#[derive(Default)]
struct Spline {
    flags: i64,
    degree: Option<i64>,
    knots: Vec<f64>,
    weights: Vec<f64>,
    control: Vec<Point>,
    fit: Vec<Point>,
    start: Option<Point>,
    end: Option<Point>,
}

/// Reads a SPLINE; its pieces go into the drawing.
pub(super) fn spline(
    fields: &mut Fields<'_, '_>,
    drawing: &mut Drawing,
    limits: &Limits,
) -> Result<Shape, Defect> {
    let mut spline = Spline::default();
    let mut numbers = 0;
    while let Some(pair) = fields.next() {
        numbers += 1;
        if numbers > limits.vertices_max {
            fields.defect.get_or_insert(Defect::OverLimit);
            continue;
        }
        spline.take(pair, fields);
    }
    fields.finish()?;
    let first = drawing.pieces.len();
    let repair = spline.draw(drawing, limits.pieces_max)?;
    if let Some(repair) = repair {
        fields.repair.get_or_insert(repair);
    }
    close_seam(drawing.pieces.get_mut(first..).unwrap_or_default());
    drawing.path_since(first).ok_or(Defect::Degenerate)
}

impl Spline {
    fn take(&mut self, pair: Pair<'_>, fields: &mut Fields<'_, '_>) {
        let place =
            |points: &mut Vec<Point>, number: f64| points.push(Point::new(number, f64::NAN));
        let height = |points: &mut Vec<Point>, number: f64| {
            if let Some(point) = points.last_mut() {
                point.y = number;
            }
        };
        match pair.code {
            70 => self.flags = pair.integer().unwrap_or_default(),
            71 => self.degree = pair.integer(),
            40 => self.knots.push(fields.number(pair)),
            41 => self.weights.push(fields.number(pair)),
            10 => place(&mut self.control, fields.number(pair)),
            20 => height(&mut self.control, fields.number(pair)),
            11 => place(&mut self.fit, fields.number(pair)),
            21 => height(&mut self.fit, fields.number(pair)),
            12 => self.start = Some(Point::new(fields.number(pair), 0.0)),
            22 => self.start.get_or_insert_default().y = fields.number(pair),
            13 => self.end = Some(Point::new(fields.number(pair), 0.0)),
            23 => self.end.get_or_insert_default().y = fields.number(pair),
            _ => {}
        }
    }

    fn is_closed(&self) -> bool {
        self.flags & (CLOSED | PERIODIC) != 0
    }

    fn draw(&mut self, drawing: &mut Drawing, pieces_max: usize) -> Result<Option<Repair>, Defect> {
        let points = self.control.iter().chain(&self.fit);
        if points.clone().any(|point| !point.is_finite()) {
            return Err(Defect::Incomplete);
        }
        let room = pieces_max.saturating_sub(drawing.pieces.len());
        if self.control.len() < 2 {
            return self.draw_fit(drawing, room);
        }
        let mut repairs = [self.mend_weights(), None];
        let (degree, knots);
        (degree, knots, repairs[1]) = self.mend_knots()?;
        let size = Extents::around(self.control.iter().map(|point| Extents::of(*point)));
        let tolerance = size.map_or(0.0, Extents::diagonal) * STRAY_MAX;
        let control: Vec<Weighted> = self
            .control
            .iter()
            .zip(&self.weights)
            .map(|(point, weight)| Weighted::new(*point, *weight))
            .collect();
        let mut over = false;
        let end = drawing.pieces.len().saturating_add(room);
        bezier::spans(degree, &knots, &control, |span| {
            if over {
                return;
            }
            bezier::pieces(span, tolerance, |piece| {
                over |= drawing.pieces.len() >= end;
                if !over {
                    drawing.pieces.push(piece);
                }
            });
        });
        if over {
            return Err(Defect::OverLimit);
        }
        Ok(repairs.into_iter().flatten().next())
    }

    fn draw_fit(&self, drawing: &mut Drawing, room: usize) -> Result<Option<Repair>, Defect> {
        if self.fit.len() < 2 {
            return Err(Defect::Incomplete);
        }
        if self.fit.len() > room {
            return Err(Defect::OverLimit);
        }
        let unit = |tangent: Option<Point>| {
            let tangent = tangent.filter(|tangent| tangent.length() > 0.0)?;
            Some(tangent * (1.0 / tangent.length()))
        };
        let tangents = Tangents {
            start: unit(self.start),
            end: unit(self.end),
        };
        let cubics = fit::through(&self.fit, self.is_closed(), tangents);
        drawing
            .pieces
            .extend(cubics.into_iter().map(Segment::Cubic));
        Ok(None)
    }

    /// Makes as many weights as there are control points, all above 0 and of like size.
    fn mend_weights(&mut self) -> Option<Repair> {
        let count = self.control.len();
        let given = self.weights.len();
        let most = self.weights.iter().copied().fold(0.0, f64::max);
        let bad = self
            .weights
            .iter()
            .any(|weight| *weight <= most * WEIGHT_MIN);
        if bad || (given != 0 && given < count) {
            self.weights.clear();
        }
        self.weights.resize(count, 1.0);
        (bad || (given != 0 && given != count)).then_some(Repair::Weights)
    }

    /// A degree and knots that fit the control points.
    fn mend_knots(&mut self) -> Result<(usize, Vec<f64>, Option<Repair>), Defect> {
        let stated = usize::try_from(self.degree.unwrap_or(3)).unwrap_or_default();
        if stated == 0 || stated > DEGREE_MAX {
            return Err(Defect::Degree);
        }
        let count = self.control.len();
        let degree = stated.min(count - 1);
        let wanted = count + degree + 1;
        let rising = |knots: &[f64]| {
            let steps = knots.iter().zip(knots.iter().skip(1));
            knots.first() < knots.last() && steps.clone().all(|(low, high)| low <= high)
        };
        let knots = std::mem::take(&mut self.knots);
        let given = knots.len();
        if degree == stated && rising(&knots) {
            if given == wanted {
                return Ok((degree, knots, None));
            }
            // Some programs leave out the first and the last knot, which bear on nothing; others write too many.
            if given + 2 == wanted {
                let ends = (knots.first().copied(), knots.last().copied());
                let whole = ends.0.into_iter().chain(knots).chain(ends.1).collect();
                return Ok((degree, whole, Some(Repair::Knots)));
            }
            let head = knots.get(..wanted).unwrap_or_default();
            if rising(head) {
                return Ok((degree, head.to_vec(), Some(Repair::Knots)));
            }
        }
        if self.is_closed() && self.control.first() != self.control.last() && given == 0 {
            self.wrap(degree);
            let knots = (0..=self.control.len() + degree).map(|knot| knot as f64);
            return Ok((degree, knots.collect(), Some(Repair::Knots)));
        }
        Ok((degree, clamped(count, degree), Some(Repair::Knots)))
    }

    /// Repeats the first control points at the end, so that a curve with even knots closes.
    fn wrap(&mut self, degree: usize) {
        self.control.extend_from_within(..degree);
        self.weights.extend_from_within(..degree);
    }
}

/// Even knots of a curve that touches its first and its last control point.
fn clamped(count: usize, degree: usize) -> Vec<f64> {
    let spans = count - degree;
    let inner = (0..=spans).map(|knot| knot as f64);
    let ends = |knot: f64| std::iter::repeat_n(knot, degree);
    ends(0.0).chain(inner).chain(ends(spans as f64)).collect()
}

/// Makes a curve end exactly where it begins when only rounding keeps it from that.
fn close_seam(pieces: &mut [Segment]) {
    let Some(start) = pieces.first().map(Segment::start) else {
        return;
    };
    let size = Extents::around(pieces.iter().map(Segment::extents)).map_or(0.0, Extents::size);
    if pieces.len() < 2 {
        return;
    }
    match pieces.last_mut() {
        Some(Segment::Cubic(cubic)) if cubic.d.distance(start) <= size * SEAM_MAX => {
            cubic.d = start
        }
        Some(Segment::Line(_, end)) if end.distance(start) <= size * SEAM_MAX => *end = start,
        _ => {}
    }
}
