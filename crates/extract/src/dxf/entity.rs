//! One entity, by its type: what it turns out to be. The table of types that are read and of those that are not.
//! Never decides on layers or paper.

use super::fields::{Defect, Fields, Repair};
use super::insert::{Insert, insert};
use super::plane::Plane;
use super::polyline::{self, Outline};
use super::{curves, hatch, note, place, spline};
use crate::limits::Limits;
use drawing::{Drawing, Point, Shape};
use encoding_rs::Encoding;

/// Types that draw nothing to cut: notes, symbols, pictures, solids.
const NOT_CUT: [&[u8]; 48] = [
    b"3DFACE",
    b"3DSOLID",
    b"ACAD_PROXY_ENTITY",
    b"ACAD_TABLE",
    b"ARCALIGNEDTEXT",
    b"ARC_DIMENSION",
    b"ATTDEF",
    b"BODY",
    b"COORDINATION_MODEL",
    b"DGNUNDERLAY",
    b"DIMENSION",
    b"DWFUNDERLAY",
    b"EXTRUDEDSURFACE",
    b"GEOPOSITIONMARKER",
    b"HATCH",
    b"IMAGE",
    b"LARGE_RADIAL_DIMENSION",
    b"LEADER",
    b"LIGHT",
    b"LOFTEDSURFACE",
    b"MESH",
    b"MLEADER",
    b"MPOLYGON",
    b"MULTILEADER",
    b"NURBSURFACE",
    b"OLE2FRAME",
    b"OLEFRAME",
    b"PDFUNDERLAY",
    b"PLANESURFACE",
    b"POINT",
    b"POINTCLOUD",
    b"POINTCLOUDEX",
    b"RAY",
    b"REVOLVEDSURFACE",
    b"RTEXT",
    b"SECTION",
    b"SECTIONOBJECT",
    b"SHAPE",
    b"SOLID",
    b"SUN",
    b"SURFACE",
    b"SWEPTSURFACE",
    b"TABLE",
    b"TOLERANCE",
    b"TRACE",
    b"VIEWPORT",
    b"WIPEOUT",
    b"XLINE",
];

/// What an entity turned out to be.
pub(super) enum Found<'a> {
    Shape(Shape),
    /// Outlines to be shown, of what is not cut.
    Shown(Vec<Shape>),
    Text(String, Point),
    Insert(Box<Insert<'a>>),
    /// A dimension, and the block that its lines are in.
    Dimension(&'a [u8]),
    /// Known, and nothing to cut.
    NotCut,
    /// It has a length, or may have one, that is not read.
    NotMeasured,
}

/// Whether an entity of this type may be cut, so that leaving one out makes lengths too short.
pub(super) fn has_length(name: &[u8]) -> bool {
    !matches!(name, b"TEXT" | b"MTEXT") && !NOT_CUT.contains(&name)
}

/// Reads one entity to its end; what its shape consists of goes into the drawing's lists as it comes.
pub(super) fn read_entity<'a>(
    name: &[u8],
    fields: &mut Fields<'_, 'a>,
    drawing: &mut Drawing,
    encoding: &'static Encoding,
    limits: &Limits,
) -> Result<Found<'a>, Defect> {
    let shape = match name {
        b"LINE" => curves::line(fields).map(|(a, b)| Shape::Line(a, b)),
        b"CIRCLE" => curves::circle(fields).map(Shape::Arc),
        b"ARC" => curves::arc(fields).map(Shape::Arc),
        b"ELLIPSE" => {
            let ellipse = curves::ellipse(fields)?;
            drawing.add_ellipse(ellipse).ok_or(Defect::OverLimit)
        }
        b"SPLINE" => spline::spline(fields, drawing, limits),
        b"LWPOLYLINE" | b"POLYLINE" => match outline(name, fields, drawing, limits)? {
            Some(shape) => Ok(shape),
            None => return Ok(Found::NotCut),
        },
        b"TEXT" => {
            return note::text(fields, encoding).map(|(text, place)| Found::Text(text, place));
        }
        b"MTEXT" => {
            return note::multi(fields, encoding).map(|(text, place)| Found::Text(text, place));
        }
        b"INSERT" => {
            let insert = insert(fields, encoding)?;
            if let Plane::Tilted(_) = fields.common.plane() {
                fields.repair.get_or_insert(Repair::Tilted);
            }
            return Ok(Found::Insert(Box::new(insert)));
        }
        other => return shown(other, fields, drawing, limits),
    }?;
    upright(name, shape, fields, drawing, limits).map(Found::Shape)
}

/// A polyline of either kind; nothing for a mesh.
fn outline(
    name: &[u8],
    fields: &mut Fields<'_, '_>,
    drawing: &mut Drawing,
    limits: &Limits,
) -> Result<Option<Shape>, Defect> {
    let first = drawing.vertices.len();
    let vertices = &mut drawing.vertices;
    let outline = if name == b"POLYLINE" {
        polyline::heavy(fields, vertices, limits.vertices_max)?
    } else {
        polyline::light(fields, vertices, limits.vertices_max)?
    };
    let closed = match outline {
        Outline::Surface => return Ok(None),
        Outline::Open => false,
        Outline::Closed => true,
    };
    let shape = drawing.polyline_since(first, closed);
    shape.map(Some).ok_or(Defect::OverLimit)
}

/// What a tilted entity looks like from above; others have been turned already.
fn upright(
    name: &[u8],
    shape: Shape,
    fields: &mut Fields<'_, '_>,
    drawing: &mut Drawing,
    limits: &Limits,
) -> Result<Shape, Defect> {
    match fields.common.plane() {
        // Lines, ellipses and splines give their points in the drawing's own coordinates.
        Plane::Tilted(map) if matches!(name, b"CIRCLE" | b"ARC" | b"LWPOLYLINE" | b"POLYLINE") => {
            fields.repair.get_or_insert(Repair::Tilted);
            place::moved(drawing, shape, &map, limits)
        }
        _ => Ok(shape),
    }
}

/// What is not cut, with what can be shown of it.
fn shown<'a>(
    name: &[u8],
    fields: &mut Fields<'_, 'a>,
    drawing: &mut Drawing,
    limits: &Limits,
) -> Result<Found<'a>, Defect> {
    let shapes = match name {
        b"HATCH" => hatch::boundaries(fields, drawing, limits)?,
        b"LEADER" => outline(name, fields, drawing, limits)?
            .into_iter()
            .collect(),
        b"DIMENSION" | b"ARC_DIMENSION" | b"LARGE_RADIAL_DIMENSION" => {
            let mut block: &[u8] = b"";
            while let Some(pair) = fields.next() {
                if pair.code == 2 {
                    block = pair.word();
                }
            }
            fields.finish()?;
            return Ok(Found::Dimension(block));
        }
        other => {
            fields.finish()?;
            return Ok(if NOT_CUT.contains(&other) {
                Found::NotCut
            } else {
                Found::NotMeasured
            });
        }
    };
    let map = match fields.common.plane() {
        Plane::Flat => return Ok(Found::Shown(shapes)),
        _ if name == b"LEADER" => return Ok(Found::Shown(shapes)),
        plane => plane.map(),
    };
    let moved = shapes
        .into_iter()
        .map(|shape| place::moved(drawing, shape, &map, limits));
    moved.collect::<Result<_, _>>().map(Found::Shown)
}
