//! Puts LightBurn's shapes into a drawing, placed by their transforms. Exact: circles stay arcs, Béziers stay Béziers.
//! Never adds a shape in part without saying so, and never more than the limit allows.

use super::lists::{Corner, Piece, Pieces};
use drawing::{
    Affine, Arc, Cubic, Curve, Drawing, Ellipse, LayerId, Point, Segment, Shape, Vertex,
};
use std::f64::consts::{FRAC_PI_2, PI, TAU};

/// Why a shape is not, or not wholly, in the drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defect {
    /// A size or a coordinate is absent, no number, or beyond 1e15.
    BadFigure,
    /// A piece names a corner that is not in the list.
    MissingCorner,
    /// It has no extent.
    Degenerate,
    OverLimit,
}

/// Figures beyond this have lost all digits that matter, in mm.
const COORDINATE_MAX: f64 = 1e15;
/// Corners of a polygon.
const SIDES_MAX: f64 = 100_000.0;

/// The drawing that is being made.
pub(super) struct Pen {
    pub(super) drawing: Drawing,
    /// How many more corners and pieces may be looked at.
    left: usize,
    /// The pieces of the chain that is being drawn.
    chain: Vec<Segment>,
}

/// Where a shape goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placing {
    pub(super) map: Affine,
    pub(super) layer: LayerId,
    /// The number of the shape in the file, from 1.
    pub(super) origin: u32,
}

impl Pen {
    pub(super) fn new(pieces_max: usize) -> Self {
        Self {
            drawing: Drawing::default(),
            left: pieces_max,
            chain: Vec::new(),
        }
    }

    /// A rectangle about the origin; below 0 the corners are rounded inwards.
    pub(super) fn rectangle(
        &mut self,
        (width, height): (f64, f64),
        corner: f64,
        placing: &Placing,
    ) -> Result<(), Defect> {
        let (x, y) = (width.abs() / 2.0, height.abs() / 2.0);
        let radius = corner.abs().min(x).min(y);
        if ![x, y, radius].into_iter().all(f64::is_finite) {
            return Err(Defect::BadFigure);
        }
        if x == 0.0 && y == 0.0 {
            return Err(Defect::Degenerate);
        }
        let corners = [(1.0, -1.0), (1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0)];
        if radius == 0.0 {
            let corners = corners.map(|(sx, sy)| Point::new(sx * x, sy * y));
            return self.polyline(corners.into_iter(), true, placing);
        }
        self.spend(corners.len() * 2)?;
        let inset = if corner < 0.0 { 0.0 } else { radius };
        let mut start = if corner < 0.0 { -PI } else { -FRAC_PI_2 };
        let sweep = FRAC_PI_2.copysign(corner);
        let arcs = corners.map(|(sx, sy)| {
            let arc = Arc {
                center: Point::new(sx * (x - inset), sy * (y - inset)),
                radius,
                start,
                sweep,
            };
            start += FRAC_PI_2;
            Segment::Arc(arc).transformed(&placing.map)
        });
        self.chain.clear();
        for (arc, next) in arcs.iter().zip(arcs.iter().cycle().skip(1)) {
            self.chain
                .extend([*arc, Segment::Line(arc.end(), next.start())]);
        }
        self.finish_chain(true, placing)
    }

    /// An ellipse about the origin, upright before it is placed.
    pub(super) fn ellipse(&mut self, rx: f64, ry: f64, placing: &Placing) -> Result<(), Defect> {
        let (rx, ry) = (rx.abs(), ry.abs());
        if !(rx.is_finite() && ry.is_finite()) {
            return Err(Defect::BadFigure);
        }
        if rx == 0.0 && ry == 0.0 {
            return Err(Defect::Degenerate);
        }
        let (center, whole) = (Point::default(), TAU);
        let ellipse =
            |major, ratio| Segment::Ellipse(Ellipse::between(center, major, ratio, 0.0, whole));
        let outline = if rx == ry {
            Segment::Arc(Arc::circle(center, rx))
        } else if rx > ry {
            ellipse(Point::new(rx, 0.0), ry / rx)
        } else {
            ellipse(Point::new(0.0, ry), rx / ry)
        };
        let shape = match outline.transformed(&placing.map) {
            Segment::Arc(arc) => Some(Shape::Arc(arc)),
            Segment::Ellipse(ellipse) => self.drawing.add_ellipse(ellipse),
            _ => None,
        };
        self.spend(1)?;
        self.add(shape, placing)
    }

    /// A regular polygon in the ellipse of these radii, a corner at the top.
    pub(super) fn polygon(
        &mut self,
        sides: f64,
        (rx, ry): (f64, f64),
        placing: &Placing,
    ) -> Result<(), Defect> {
        if !((3.0..=SIDES_MAX).contains(&sides) && rx.is_finite() && ry.is_finite()) {
            return Err(Defect::BadFigure);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 3 and SIDES_MAX"
        )]
        let sides = sides as u32;
        let corner = move |n: u32| {
            let angle = FRAC_PI_2 + TAU * f64::from(n) / f64::from(sides);
            Point::new(rx * angle.cos(), ry * angle.sin())
        };
        self.polyline((0..sides).map(corner), true, placing)
    }

    /// A path: one curve for each chain of pieces that hang together.
    pub(super) fn path(
        &mut self,
        corners: &[Corner],
        pieces: &Pieces,
        placing: &Placing,
    ) -> Result<(), Defect> {
        let closed = match pieces {
            Pieces::Listed(list) => return self.pieces(corners, list.iter().copied(), placing),
            Pieces::Implied => {
                let last = u32::try_from(corners.len().saturating_sub(1)).unwrap_or(u32::MAX);
                let next = |from: u32| if from == last { 0 } else { from + 1 };
                let piece = |from| Piece {
                    curved: true,
                    from,
                    to: next(from),
                };
                return self.pieces(corners, (0..=last).map(piece), placing);
            }
            Pieces::Closed => true,
            Pieces::Open => false,
        };
        let points = corners.iter().map(|corner| corner.at);
        self.polyline(points, closed, placing)
    }

    fn pieces(
        &mut self,
        corners: &[Corner],
        pieces: impl Iterator<Item = Piece>,
        placing: &Placing,
    ) -> Result<(), Defect> {
        self.chain.clear();
        let mut sound = Ok(());
        let mut ends: Option<(u32, u32)> = None;
        for piece in pieces {
            self.spend(1)?;
            let begun = ends.filter(|(first, last)| *last == piece.from && first != last);
            if begun.is_none() && ends.is_some() {
                sound = sound.and(self.finish_chain(closes(ends), placing));
            }
            ends = begun;
            match segment(corners, piece) {
                Ok(segment) => {
                    self.chain.push(segment.transformed(&placing.map));
                    ends = Some((begun.map_or(piece.from, |(first, _)| first), piece.to));
                }
                Err(defect) => sound = sound.and(Err(defect)),
            }
        }
        if ends.is_some() {
            sound = sound.and(self.finish_chain(closes(ends), placing));
        }
        sound
    }

    /// Makes a curve of the chain: of corners alone when all of it is straight.
    fn finish_chain(&mut self, closed: bool, placing: &Placing) -> Result<(), Defect> {
        let chain = std::mem::take(&mut self.chain);
        let straight = chain.iter().all(|piece| matches!(piece, Segment::Line(..)));
        // One straight piece from a corner to itself encloses nothing.
        let closed = closed && !(straight && chain.len() == 1);
        let shape = if straight {
            let first = self.drawing.vertices.len();
            let last = chain.last().filter(|_| !closed).map(Segment::end);
            let points = chain.iter().map(Segment::start).chain(last);
            self.drawing.vertices.extend(points.map(vertex));
            self.drawing.polyline_since(first, closed)
        } else {
            let first = self.drawing.pieces.len();
            self.drawing.pieces.extend_from_slice(&chain);
            self.drawing.path_since(first)
        };
        self.chain = chain;
        self.chain.clear();
        self.add(shape, placing)
    }

    fn polyline(
        &mut self,
        points: impl Iterator<Item = Point>,
        closed: bool,
        placing: &Placing,
    ) -> Result<(), Defect> {
        let first = self.drawing.vertices.len();
        let placed = points.map(|point| vertex(placing.map.apply(point)));
        self.drawing.vertices.extend(placed.take(self.left + 1));
        let added = self.drawing.vertices.len() - first;
        if added > self.left {
            self.drawing.vertices.truncate(first);
            self.left = 0;
            return Err(Defect::OverLimit);
        }
        self.left -= added;
        if added < 2 {
            self.drawing.vertices.truncate(first);
            return Err(Defect::Degenerate);
        }
        let shape = self.drawing.polyline_since(first, closed);
        self.add(shape, placing)
    }

    fn spend(&mut self, count: usize) -> Result<(), Defect> {
        self.left = self.left.checked_sub(count).ok_or(Defect::OverLimit)?;
        Ok(())
    }

    /// Adds a curve whose lists are filled already, and takes them back when it is not sound.
    fn add(&mut self, shape: Option<Shape>, placing: &Placing) -> Result<(), Defect> {
        let curve = Curve {
            shape: shape.ok_or(Defect::OverLimit)?,
            layer: placing.layer,
            origin: placing.origin,
        };
        if self.is_sound(&curve) {
            self.drawing.curves.push(curve);
            return Ok(());
        }
        match curve.shape {
            Shape::Ellipse(_) => {
                self.drawing.ellipses.pop();
            }
            Shape::Polyline { first, .. } => self.drawing.vertices.truncate(first as usize),
            Shape::Path { first, .. } => self.drawing.pieces.truncate(first as usize),
            Shape::Line(..) | Shape::Arc(_) => {}
        }
        Err(Defect::BadFigure)
    }

    /// Every figure is a number of a size that can be measured.
    fn is_sound(&self, curve: &Curve) -> bool {
        let near =
            |point: Point| point.x.abs() <= COORDINATE_MAX && point.y.abs() <= COORDINATE_MAX;
        let corners = self.drawing.polyline(curve);
        if !corners.is_empty() {
            return corners.iter().all(|corner| near(corner.point));
        }
        self.drawing.segments(curve).all(|segment| match segment {
            Segment::Line(a, b) => near(a) && near(b),
            Segment::Arc(arc) => near(arc.center) && arc.radius <= COORDINATE_MAX,
            Segment::Ellipse(ellipse) => {
                near(ellipse.center) && near(ellipse.major) && ellipse.ratio.is_finite()
            }
            Segment::Cubic(cubic) => [cubic.a, cubic.b, cubic.c, cubic.d].into_iter().all(near),
        })
    }
}

fn vertex(point: Point) -> Vertex {
    Vertex { point, bulge: 0.0 }
}

/// Whether a chain of more than one corner ends where it began.
fn closes(ends: Option<(u32, u32)>) -> bool {
    ends.is_some_and(|(first, last)| first == last)
}

/// A piece between its corners; a curve whose handles lie on its corners is straight.
fn segment(corners: &[Corner], piece: Piece) -> Result<Segment, Defect> {
    let corner = |place: u32| corners.get(place as usize).ok_or(Defect::MissingCorner);
    let (from, to) = (corner(piece.from)?, corner(piece.to)?);
    let straight = from.leaving == from.at && to.arriving == to.at;
    Ok(if piece.curved && !straight {
        Segment::Cubic(Cubic {
            a: from.at,
            b: from.leaving,
            c: to.arriving,
            d: to.at,
        })
    } else {
        Segment::Line(from.at, to.at)
    })
}
