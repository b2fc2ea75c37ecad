//! A drawing in memory: layers, curves, texts. Curves keep exact shapes (no flattening) in a few flat lists, so that
//! hundreds of thousands fit in tens of megabytes. Never reads files and never judges what it holds.

use crate::arc::Arc;
use crate::ellipse::Ellipse;
use crate::layer::Layer;
use crate::point::{Extents, Point};
use crate::segment::Segment;
use crate::units::Units;
use std::collections::BTreeMap;

/// A place in `Drawing::layers`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LayerId(pub u32);

/// A polyline's corner; the bulge belongs to the piece that leaves it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vertex {
    pub point: Point,
    /// Tangent of a quarter of the included angle; 0 is straight.
    pub bulge: f64,
}

impl Vertex {
    fn segment_to(&self, to: Point) -> Segment {
        Arc::from_bulge(self.point, to, self.bulge)
            .map_or(Segment::Line(self.point, to), Segment::Arc)
    }
}

/// A curve's shape. Rare or long shapes live in the drawing's own lists.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    Line(Point, Point),
    Arc(Arc),
    /// A place in `Drawing::ellipses`.
    Ellipse(u32),
    /// A run of `Drawing::vertices`.
    Polyline {
        first: u32,
        count: u32,
        closed: bool,
    },
    /// A run of `Drawing::pieces`, each beginning where the one before ends.
    Path {
        first: u32,
        count: u32,
    },
}

/// One curve of the drawing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Curve {
    pub shape: Shape,
    pub layer: LayerId,
    /// The line (or record) of the file where the entity begins, from 1.
    pub origin: u32,
}

/// A note.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    pub value: String,
    pub layer: LayerId,
    pub place: Point,
}

/// Everything read from one file's model space.
#[derive(Clone, Debug, Default)]
pub struct Drawing {
    /// What the coordinates were in before they became millimetres; none until settled.
    pub units: Option<Units>,
    pub layers: Vec<Layer>,
    pub curves: Vec<Curve>,
    /// Shown but neither measured nor cut: hatches, dimension lines.
    pub background: Vec<Curve>,
    pub ellipses: Vec<Ellipse>,
    pub vertices: Vec<Vertex>,
    pub pieces: Vec<Segment>,
    pub texts: Vec<Text>,
    /// Model-space entities by type, as they stand in the file.
    pub entity_counts: BTreeMap<String, u64>,
    /// Entities that have length but were not measured, by type; when not empty, lengths are incomplete.
    pub not_measured: BTreeMap<String, u64>,
    /// The file held more than was read.
    pub truncated: bool,
}

impl Drawing {
    /// Keeps an ellipse and answers its shape; nothing when there are more than 32 bits can count.
    pub fn add_ellipse(&mut self, ellipse: Ellipse) -> Option<Shape> {
        let place = u32::try_from(self.ellipses.len()).ok()?;
        self.ellipses.push(ellipse);
        Some(Shape::Ellipse(place))
    }

    /// A polyline of the vertices added since `first` of them were there.
    pub fn polyline_since(&self, first: usize, closed: bool) -> Option<Shape> {
        Some(Shape::Polyline {
            first: u32::try_from(first).ok()?,
            count: u32::try_from(self.vertices.len().checked_sub(first)?).ok()?,
            closed,
        })
    }

    /// A path of the pieces added since `first` of them were there; nothing when there are none. It is closed when the
    /// last ends exactly where the first begins.
    pub fn path_since(&self, first: usize) -> Option<Shape> {
        let count = self
            .pieces
            .len()
            .checked_sub(first)
            .filter(|count| *count > 0)?;
        Some(Shape::Path {
            first: u32::try_from(first).ok()?,
            count: u32::try_from(count).ok()?,
        })
    }

    pub fn layer(&self, id: LayerId) -> Option<&Layer> {
        self.layers.get(usize::try_from(id.0).ok()?)
    }

    /// The smooth pieces of a curve, in order.
    pub fn segments(&self, curve: &Curve) -> Segments<'_> {
        match curve.shape {
            Shape::Line(a, b) => Segments::one(Segment::Line(a, b)),
            Shape::Arc(arc) => Segments::one(Segment::Arc(arc)),
            Shape::Ellipse(place) => Segments {
                single: usize::try_from(place)
                    .ok()
                    .and_then(|place| self.ellipses.get(place))
                    .map(|ellipse| Segment::Ellipse(*ellipse)),
                ..Segments::default()
            },
            Shape::Polyline { closed, .. } => {
                let vertices = self.polyline(curve);
                Segments {
                    closing: vertices.first().filter(|_| closed).map(|first| first.point),
                    vertices,
                    ..Segments::default()
                }
            }
            Shape::Path { .. } => Segments {
                pieces: self.path(curve),
                ..Segments::default()
            },
        }
    }

    /// One of a curve's pieces, by its place among [`Self::segments`].
    pub(crate) fn segment(&self, curve: &Curve, place: u32) -> Option<Segment> {
        let place = usize::try_from(place).ok()?;
        match curve.shape {
            Shape::Polyline { closed, .. } => {
                let vertices = self.polyline(curve);
                let from = vertices.get(place)?;
                let next = vertices.get(place + 1);
                let to = next.or_else(|| vertices.first().filter(|_| closed))?;
                Some(from.segment_to(to.point))
            }
            Shape::Path { .. } => self.path(curve).get(place).copied(),
            _ => self.segments(curve).nth(place),
        }
    }

    /// The corners of a polyline; none for other shapes.
    pub fn polyline(&self, curve: &Curve) -> &[Vertex] {
        let Shape::Polyline { first, count, .. } = curve.shape else {
            return &[];
        };
        run(&self.vertices, first, count)
    }

    /// The pieces of a path; none for other shapes.
    pub fn path(&self, curve: &Curve) -> &[Segment] {
        let Shape::Path { first, count } = curve.shape else {
            return &[];
        };
        run(&self.pieces, first, count)
    }

    /// Both ends of an open curve; nothing for one that closes upon itself exactly.
    pub fn ends(&self, curve: &Curve) -> Option<(Point, Point)> {
        let (start, end) = match curve.shape {
            Shape::Line(a, b) => (a, b),
            Shape::Polyline { closed: true, .. } => return None,
            Shape::Polyline { .. } => {
                let vertices = self.polyline(curve);
                (vertices.first()?.point, vertices.last()?.point)
            }
            Shape::Path { .. } => {
                let pieces = self.path(curve);
                let (start, end) = (pieces.first()?.start(), pieces.last()?.end());
                let whole = pieces.len() == 1 && pieces.first()?.is_closed();
                if whole || start == end {
                    return None;
                }
                (start, end)
            }
            Shape::Arc(_) | Shape::Ellipse(_) => {
                let segment = self.segments(curve).next()?;
                if segment.is_closed() {
                    return None;
                }
                (segment.start(), segment.end())
            }
        };
        Some((start, end))
    }

    pub fn length(&self, curve: &Curve) -> f64 {
        self.segments(curve).map(|segment| segment.length()).sum()
    }

    pub fn extents(&self, curve: &Curve) -> Option<Extents> {
        if let Shape::Polyline { .. } = curve.shape {
            let corners = self
                .polyline(curve)
                .iter()
                .map(|corner| Extents::of(corner.point));
            let bows = self
                .segments(curve)
                .filter(|segment| matches!(segment, Segment::Arc(_)));
            return Extents::around(corners.chain(bows.map(|bow| bow.extents())));
        }
        Extents::around(self.segments(curve).map(|segment| segment.extents()))
    }

    /// Multiplies every coordinate.
    pub fn scale(&mut self, factor: f64) {
        for curve in self.curves.iter_mut().chain(&mut self.background) {
            match &mut curve.shape {
                Shape::Line(a, b) => (*a, *b) = (*a * factor, *b * factor),
                Shape::Arc(arc) => arc.scale(factor),
                Shape::Ellipse(_) | Shape::Polyline { .. } | Shape::Path { .. } => {}
            }
        }
        for ellipse in &mut self.ellipses {
            ellipse.scale(factor);
        }
        for vertex in &mut self.vertices {
            vertex.point = vertex.point * factor;
        }
        for piece in &mut self.pieces {
            piece.scale(factor);
        }
        for text in &mut self.texts {
            text.place = text.place * factor;
        }
    }
}

/// The pieces of one curve; see [`Drawing::segments`].
#[derive(Clone, Debug, Default)]
pub struct Segments<'a> {
    single: Option<Segment>,
    pieces: &'a [Segment],
    vertices: &'a [Vertex],
    closing: Option<Point>,
}

fn run<T>(list: &[T], first: u32, count: u32) -> &[T] {
    let run = usize::try_from(first).ok().zip(usize::try_from(count).ok());
    run.and_then(|(first, count)| list.get(first..first.checked_add(count)?))
        .unwrap_or_default()
}

impl Segments<'_> {
    fn one(segment: Segment) -> Self {
        Self {
            single: Some(segment),
            ..Self::default()
        }
    }
}

impl Iterator for Segments<'_> {
    type Item = Segment;

    fn next(&mut self) -> Option<Segment> {
        if let Some(segment) = self.single.take() {
            return Some(segment);
        }
        if let Some((piece, rest)) = self.pieces.split_first() {
            self.pieces = rest;
            return Some(*piece);
        }
        let (from, rest) = self.vertices.split_first()?;
        let to = match rest.first() {
            Some(next) => next.point,
            None => self.closing.take()?,
        };
        self.vertices = rest;
        Some(from.segment_to(to))
    }
}
