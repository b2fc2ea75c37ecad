//! Entities of one smooth piece: LINE, CIRCLE, ARC, ELLIPSE. Never decides whether they are cut.

use super::fields::{Defect, Fields, Repair, point, required};
use super::plane::{Plane, cross};
use drawing::{Affine, Arc, Ellipse, Point, Segment};
use std::f64::consts::TAU;

pub(super) fn line(fields: &mut Fields<'_, '_>) -> Result<(Point, Point), Defect> {
    let [x1, y1, x2, y2] = fields.numbers([10, 20, 11, 21]);
    fields.finish()?;
    Ok((point(x1, y1)?, point(x2, y2)?))
}

pub(super) fn circle(fields: &mut Fields<'_, '_>) -> Result<Arc, Defect> {
    let [x, y, radius] = fields.numbers([10, 20, 40]);
    fields.finish()?;
    let circle = Arc::circle(point(x, y)?, size(radius)?);
    Ok(fields.common.plane().arc(circle))
}

pub(super) fn arc(fields: &mut Fields<'_, '_>) -> Result<Arc, Defect> {
    let [x, y, radius, start, end] = fields.numbers([10, 20, 40, 50, 51]);
    fields.finish()?;
    let (start, end) = (required(start)?.to_radians(), required(end)?.to_radians());
    let arc = Arc::between(point(x, y)?, size(radius)?, start, end);
    Ok(fields.common.plane().arc(arc))
}

/// The axis is in the drawing's coordinates whatever the extrusion; seen from below only the parameter runs backwards.
pub(super) fn ellipse(fields: &mut Fields<'_, '_>) -> Result<Ellipse, Defect> {
    let [x, y, axis_x, axis_y, axis_z, ratio, start, end] =
        fields.numbers([10, 20, 11, 21, 31, 40, 41, 42]);
    fields.finish()?;
    let (center, axis) = (point(x, y)?, point(axis_x, axis_y)?);
    let axis_z = axis_z.unwrap_or_default();
    let ratio = size(ratio)?;
    size(Some(axis.length() + axis_z.abs()))?;
    let (start, end) = (start.unwrap_or(0.0), end.unwrap_or(TAU));
    Ok(match fields.common.plane() {
        Plane::Flat => Ellipse::between(center, axis, ratio, start, end),
        Plane::TurnedOver => Ellipse::between(center, axis, ratio, start, end).turned_over(),
        Plane::Tilted(_) => {
            fields.repair.get_or_insert(Repair::Tilted);
            let [nx, ny, _] = cross(fields.common.normal(), [axis.x, axis.y, axis_z]);
            let map = Affine::new(axis.x, axis.y, nx * ratio, ny * ratio, center.x, center.y);
            seen(Arc::between(Point::default(), 1.0, start, end), &map)
        }
    })
}

/// A circular arc as an ellipse under a map.
fn seen(arc: Arc, map: &Affine) -> Ellipse {
    let ellipse = Ellipse::from(arc);
    match Segment::Ellipse(ellipse).transformed(map) {
        Segment::Ellipse(ellipse) => ellipse,
        _ => ellipse,
    }
}

/// A radius, axis or ratio; its sign does not matter.
fn size(number: Option<f64>) -> Result<f64, Defect> {
    let size = required(number)?.abs();
    if size > 0.0 {
        Ok(size)
    } else {
        Err(Defect::Degenerate)
    }
}
