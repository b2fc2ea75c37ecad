//! HATCH boundaries: shown under the drawing, never cut. Patterns and fills are not read, and a boundary that does not
//! add up is left out.

use super::fields::{Defect, Fields};
use super::pairs::Pair;
use crate::limits::Limits;
use drawing::{Arc, Drawing, Ellipse, Point, Segment, Shape, Vertex};

/// Boundaries of one hatch that are kept.
const BOUNDARIES_MAX: usize = 10_000;
/// Group 92: the boundary is a polyline.
const POLYLINE: i64 = 2;

/// Reads a hatch; what its boundaries consist of goes into the drawing.
pub(super) fn boundaries(
    fields: &mut Fields<'_, '_>,
    drawing: &mut Drawing,
    limits: &Limits,
) -> Result<Vec<Shape>, Defect> {
    let mut reading = Boundaries {
        drawing,
        limits,
        shapes: Vec::new(),
        part: Part::Outside,
    };
    while let Some(pair) = fields.next() {
        match pair.code {
            // A boundary ends where the next begins, or the hatch's style.
            92 | 75 | 76 | 98 => reading.boundary(pair),
            72 | 73 => reading.flag(pair),
            10 | 20 | 11 | 21 | 40 | 42 | 50 | 51 if reading.is_inside() => {
                let number = fields.number(pair);
                reading.number(pair.code, number);
            }
            _ => {}
        }
    }
    reading.end_part();
    let shapes = reading.shapes;
    fields.finish()?;
    Ok(shapes)
}

/// What of a hatch is being read.
enum Part {
    Outside,
    Polyline { first: usize, closed: bool },
    Edges { first: usize, edge: Edge },
}

/// One edge's fields.
#[derive(Clone, Copy, Default)]
struct Edge {
    /// 1 line, 2 arc, 3 ellipse; others are not drawn.
    kind: i64,
    start: Point,
    end: Point,
    radius: f64,
    from: f64,
    to: f64,
    clockwise: bool,
}

struct Boundaries<'d> {
    drawing: &'d mut Drawing,
    limits: &'d Limits,
    shapes: Vec<Shape>,
    part: Part,
}

impl Boundaries<'_> {
    fn is_inside(&self) -> bool {
        !matches!(self.part, Part::Outside)
    }

    fn boundary(&mut self, pair: Pair<'_>) {
        self.end_part();
        if pair.code != 92 || self.shapes.len() >= BOUNDARIES_MAX {
            return;
        }
        self.part = if pair.integer().unwrap_or_default() & POLYLINE != 0 {
            Part::Polyline {
                first: self.drawing.vertices.len(),
                closed: true,
            }
        } else {
            Part::Edges {
                first: self.drawing.pieces.len(),
                edge: Edge::default(),
            }
        };
    }

    fn flag(&mut self, pair: Pair<'_>) {
        let flag = pair.integer().unwrap_or_default();
        match (&mut self.part, pair.code) {
            (Part::Polyline { closed, .. }, 73) => *closed = flag != 0,
            (Part::Edges { edge, .. }, 73) => edge.clockwise = flag == 0,
            (Part::Edges { edge, .. }, 72) => {
                let ended = std::mem::take(edge);
                edge.kind = flag;
                self.add(ended);
            }
            _ => {}
        }
    }

    fn number(&mut self, code: i16, number: f64) {
        match &mut self.part {
            Part::Outside => {}
            Part::Polyline { first, .. } => {
                let vertices = &mut self.drawing.vertices;
                if code == 10 && vertices.len() < self.limits.vertices_max {
                    let point = Point::new(number, 0.0);
                    vertices.push(Vertex { point, bulge: 0.0 });
                }
                let own = vertices.get_mut(*first..).and_then(|own| own.last_mut());
                match (own, code) {
                    (Some(vertex), 20) => vertex.point.y = number,
                    (Some(vertex), 42) => vertex.bulge = number,
                    _ => {}
                }
            }
            Part::Edges { edge, .. } => match code {
                10 => edge.start.x = number,
                20 => edge.start.y = number,
                11 => edge.end.x = number,
                21 => edge.end.y = number,
                40 => edge.radius = number,
                50 => edge.from = number.to_radians(),
                51 => edge.to = number.to_radians(),
                _ => {}
            },
        }
    }

    fn add(&mut self, edge: Edge) {
        if self.drawing.pieces.len() < self.limits.pieces_max {
            self.drawing.pieces.extend(edge.piece());
        }
    }

    fn end_part(&mut self) {
        match std::mem::replace(&mut self.part, Part::Outside) {
            Part::Outside => {}
            Part::Polyline { first, closed } => {
                if self.drawing.vertices.len() > first + 1 {
                    self.shapes
                        .extend(self.drawing.polyline_since(first, closed));
                }
            }
            Part::Edges { first, edge } => {
                self.add(edge);
                self.shapes.extend(self.drawing.path_since(first));
            }
        }
    }
}

impl Edge {
    fn piece(self) -> Option<Segment> {
        match self.kind {
            1 => Some(Segment::Line(self.start, self.end)),
            2 if self.radius > 0.0 => {
                let arc = Arc::between(self.start, self.radius, self.from, self.to);
                // Clockwise arcs give their angles clockwise.
                Some(Segment::Arc(if self.clockwise {
                    Arc {
                        start: -arc.start,
                        sweep: -arc.sweep,
                        ..arc
                    }
                } else {
                    arc
                }))
            }
            3 if self.radius > 0.0 && self.end.length() > 0.0 => {
                let ellipse =
                    Ellipse::between(self.start, self.end, self.radius, self.from, self.to);
                Some(Segment::Ellipse(if self.clockwise {
                    ellipse.turned_over()
                } else {
                    ellipse
                }))
            }
            _ => None,
        }
    }
}
