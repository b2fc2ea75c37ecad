//! A shape under an affine map: how blocks and tilted planes put what they hold into the drawing. Circles and bulges stay
//! what they are wherever the map lets them. Never judges layers.

use super::fields::Defect;
use crate::limits::Limits;
use drawing::{Affine, Curve, Drawing, LayerId, Segment, Shape, Vertex};

/// Copies a shape of one drawing into another as `map` places it.
pub(super) fn placed(
    from: &Drawing,
    shape: Shape,
    map: &Affine,
    into: &mut Drawing,
    limits: &Limits,
) -> Result<Shape, Defect> {
    let curve = Curve {
        shape,
        layer: LayerId::default(),
        origin: 0,
    };
    match shape {
        Shape::Line(a, b) => Ok(Shape::Line(map.apply(a), map.apply(b))),
        Shape::Arc(arc) => single(Segment::Arc(arc).transformed(map), into),
        Shape::Ellipse(_) => match from.segments(&curve).next() {
            Some(ellipse) => single(ellipse.transformed(map), into),
            None => Err(Defect::Incomplete),
        },
        Shape::Polyline { closed, .. } => {
            let corners = from.polyline(&curve);
            if map.is_similarity() || corners.iter().all(|corner| corner.bulge == 0.0) {
                return polyline(corners, closed, map, into, limits);
            }
            let closing = usize::from(closed);
            path(
                from.segments(&curve),
                corners.len() + closing,
                map,
                into,
                limits,
            )
        }
        Shape::Path { .. } => {
            let pieces = from.path(&curve);
            path(pieces.iter().copied(), pieces.len(), map, into, limits)
        }
    }
}

/// The same within one drawing.
pub(super) fn moved(
    drawing: &mut Drawing,
    shape: Shape,
    map: &Affine,
    limits: &Limits,
) -> Result<Shape, Defect> {
    // What a shape refers to is copied out first: it lies in the lists that grow.
    let mut own = Drawing::default();
    let own_shape = placed(drawing, shape, &Affine::IDENTITY, &mut own, limits)?;
    placed(&own, own_shape, map, drawing, limits)
}

fn single(piece: Segment, into: &mut Drawing) -> Result<Shape, Defect> {
    match piece {
        Segment::Line(a, b) => Ok(Shape::Line(a, b)),
        Segment::Arc(arc) => Ok(Shape::Arc(arc)),
        Segment::Ellipse(ellipse) => into.add_ellipse(ellipse).ok_or(Defect::OverLimit),
        Segment::Cubic(_) => {
            let first = into.pieces.len();
            into.pieces.push(piece);
            into.path_since(first).ok_or(Defect::OverLimit)
        }
    }
}

fn polyline(
    corners: &[Vertex],
    closed: bool,
    map: &Affine,
    into: &mut Drawing,
    limits: &Limits,
) -> Result<Shape, Defect> {
    let first = into.vertices.len();
    if corners.len() > limits.vertices_max.saturating_sub(first) {
        return Err(Defect::OverLimit);
    }
    let side = if map.determinant() < 0.0 { -1.0 } else { 1.0 };
    into.vertices.extend(corners.iter().map(|corner| Vertex {
        point: map.apply(corner.point),
        bulge: side * corner.bulge,
    }));
    into.polyline_since(first, closed).ok_or(Defect::OverLimit)
}

fn path(
    pieces: impl Iterator<Item = Segment>,
    count: usize,
    map: &Affine,
    into: &mut Drawing,
    limits: &Limits,
) -> Result<Shape, Defect> {
    let first = into.pieces.len();
    if count > limits.pieces_max.saturating_sub(first) {
        return Err(Defect::OverLimit);
    }
    into.pieces
        .extend(pieces.map(|piece| piece.transformed(map)));
    into.path_since(first).ok_or(Defect::OverLimit)
}
