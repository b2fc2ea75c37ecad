//! One entity, by its type: what it turns out to be. The table of types that are read and of those that are not.
//! Never decides on layers or paper.

use super::fields::{Defect, Fields};
use super::polyline::{self, Outline};
use super::{curves, note};
use crate::limits::Limits;
use drawing::{Drawing, Point, Shape};
use encoding_rs::Encoding;

/// Types that draw nothing to cut: notes, symbols, pictures, solids.
const NOT_CUT: [&[u8]; 31] = [
    b"3DFACE",
    b"3DSOLID",
    b"ACAD_TABLE",
    b"ARC_DIMENSION",
    b"ATTDEF",
    b"BODY",
    b"DIMENSION",
    b"DWFUNDERLAY",
    b"HATCH",
    b"IMAGE",
    b"LARGE_RADIAL_DIMENSION",
    b"LEADER",
    b"LIGHT",
    b"MESH",
    b"MULTILEADER",
    b"OLE2FRAME",
    b"OLEFRAME",
    b"PDFUNDERLAY",
    b"POINT",
    b"RAY",
    b"SECTION",
    b"SHAPE",
    b"SOLID",
    b"SUN",
    b"SURFACE",
    b"TABLE",
    b"TOLERANCE",
    b"TRACE",
    b"VIEWPORT",
    b"WIPEOUT",
    b"XLINE",
];

/// What an entity turned out to be.
pub(super) enum Found {
    Shape(Shape),
    Text(String, Point),
    /// Known, and nothing to cut.
    NotCut,
    /// It has a length, or may have one, that is not read.
    NotMeasured,
}

/// Whether an entity of this type may be cut, so that leaving one out makes lengths too short.
pub(super) fn has_length(name: &[u8]) -> bool {
    !matches!(name, b"TEXT" | b"MTEXT") && !NOT_CUT.contains(&name)
}

/// Reads one entity to its end; a polyline's vertices go into the drawing as they come.
pub(super) fn read_entity(
    name: &[u8],
    fields: &mut Fields<'_, '_>,
    drawing: &mut Drawing,
    encoding: &'static Encoding,
    limits: &Limits,
) -> Result<Found, Defect> {
    let first = drawing.vertices.len();
    let outline = match name {
        b"LINE" => return curves::line(fields).map(|(a, b)| Found::Shape(Shape::Line(a, b))),
        b"CIRCLE" => return curves::circle(fields).map(|arc| Found::Shape(Shape::Arc(arc))),
        b"ARC" => return curves::arc(fields).map(|arc| Found::Shape(Shape::Arc(arc))),
        b"ELLIPSE" => {
            let ellipse = curves::ellipse(fields)?;
            return drawing
                .add_ellipse(ellipse)
                .map(Found::Shape)
                .ok_or(Defect::OverLimit);
        }
        b"TEXT" => {
            return note::text(fields, encoding).map(|(text, place)| Found::Text(text, place));
        }
        b"MTEXT" => {
            return note::multi(fields, encoding).map(|(text, place)| Found::Text(text, place));
        }
        b"LWPOLYLINE" => polyline::light(fields, &mut drawing.vertices, limits.vertices_max)?,
        b"POLYLINE" => polyline::heavy(fields, &mut drawing.vertices, limits.vertices_max)?,
        other => {
            fields.finish()?;
            return Ok(if NOT_CUT.contains(&other) {
                Found::NotCut
            } else {
                Found::NotMeasured
            });
        }
    };
    let closed = match outline {
        Outline::Surface => return Ok(Found::NotCut),
        Outline::Open => false,
        Outline::Closed => true,
    };
    drawing
        .polyline_since(first, closed)
        .map(Found::Shape)
        .ok_or(Defect::OverLimit)
}
