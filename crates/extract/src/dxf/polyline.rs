//! Polylines of both kinds: LWPOLYLINE, and POLYLINE with its VERTEX records. Vertices go straight into the drawing;
//! a polyline that turns out defective is taken back. Meshes are not outlines and are never read as such.

use super::fields::{Defect, Fields};
use super::pairs::Pairs;
use super::plane::Plane;
use drawing::{Point, Vertex};

/// A polyline's vertices are those added to the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outline {
    Open,
    Closed,
    /// A mesh: counted, not cut.
    Surface,
}

const CLOSED: i64 = 1;
const SPLINE_FIT: i64 = 4;
const MESHES: i64 = 16 | 64;
/// A vertex of the frame that a fitted spline was drawn from; the curve passes through the others.
const FRAME_VERTEX: i64 = 16;

pub(super) fn light(
    fields: &mut Fields<'_, '_>,
    vertices: &mut Vec<Vertex>,
    vertices_max: usize,
) -> Result<Outline, Defect> {
    let first = vertices.len();
    let (mut closed, mut complete) = (false, true);
    while let Some(pair) = fields.next() {
        match pair.code {
            70 => closed = pair.integer().is_some_and(|flags| flags & CLOSED != 0),
            10 => {
                if vertices.len() >= vertices_max {
                    fields.defect.get_or_insert(Defect::OverLimit);
                    continue;
                }
                let point = Point::new(fields.number(pair), f64::NAN);
                vertices.push(Vertex { point, bulge: 0.0 });
            }
            20 | 42 => {
                let number = fields.number(pair);
                match vertices.get_mut(first..).and_then(|own| own.last_mut()) {
                    Some(vertex) if pair.code == 20 => vertex.point.y = number,
                    Some(vertex) => vertex.bulge = number,
                    None => complete = false,
                }
            }
            _ => {}
        }
    }
    fields.finish()?;
    let own = vertices.get_mut(first..).unwrap_or_default();
    if !complete || own.is_empty() || own.iter().any(|vertex| !vertex.point.is_finite()) {
        return Err(Defect::Incomplete);
    }
    settle(own, closed, fields.common.plane())
}

/// Reads the VERTEX records up to SEQEND as well.
pub(super) fn heavy(
    fields: &mut Fields<'_, '_>,
    vertices: &mut Vec<Vertex>,
    vertices_max: usize,
) -> Result<Outline, Defect> {
    let first = vertices.len();
    let mut flags = 0;
    while let Some(pair) = fields.next() {
        if pair.code == 70 {
            flags = pair.integer().unwrap_or_default();
        }
    }
    let mut sound = fields.finish();
    while fields.pairs.record_if(b"VERTEX").is_some() {
        let vertex = vertex(fields.pairs, flags & SPLINE_FIT != 0);
        match vertex {
            Ok(Some(vertex)) if vertices.len() < vertices_max => vertices.push(vertex),
            Ok(Some(_)) => sound = sound.and(Err(Defect::OverLimit)),
            Ok(None) => {}
            Err(defect) => sound = sound.and(Err(defect)),
        }
    }
    fields.pairs.record_if(b"SEQEND");
    if flags & MESHES != 0 {
        return Ok(Outline::Surface);
    }
    sound?;
    let own = vertices.get_mut(first..).unwrap_or_default();
    settle(own, flags & CLOSED != 0, fields.common.plane())
}

fn vertex(pairs: &mut Pairs<'_>, splined: bool) -> Result<Option<Vertex>, Defect> {
    let mut fields = Fields::new(pairs);
    let (mut point, mut bulge, mut flags) = (Point::new(f64::NAN, f64::NAN), 0.0, 0);
    while let Some(pair) = fields.next() {
        match pair.code {
            10 => point.x = fields.number(pair),
            20 => point.y = fields.number(pair),
            42 => bulge = fields.number(pair),
            70 => flags = pair.integer().unwrap_or_default(),
            _ => {}
        }
    }
    fields.finish()?;
    if !point.is_finite() {
        return Err(Defect::Incomplete);
    }
    let is_frame = splined && flags & FRAME_VERTEX != 0;
    Ok((!is_frame).then_some(Vertex { point, bulge }))
}

fn settle(own: &mut [Vertex], closed: bool, plane: Plane) -> Result<Outline, Defect> {
    if own.len() < 2 {
        return Err(Defect::Degenerate);
    }
    plane.vertices(own);
    Ok(if closed {
        Outline::Closed
    } else {
        Outline::Open
    })
}
