//! Entities of one smooth piece: LINE, CIRCLE, ARC, ELLIPSE. Never decides whether they are cut.

use super::fields::{Defect, Fields, point, required};
use super::plane::Plane;
use drawing::{Arc, Ellipse, Point};
use std::f64::consts::TAU;

pub(super) fn line(fields: &mut Fields<'_, '_>) -> Result<(Point, Point), Defect> {
    let [x1, y1, x2, y2] = fields.numbers([10, 20, 11, 21]);
    fields.finish()?;
    Ok((point(x1, y1)?, point(x2, y2)?))
}

pub(super) fn circle(fields: &mut Fields<'_, '_>) -> Result<Arc, Defect> {
    let [x, y, radius] = fields.numbers([10, 20, 40]);
    fields.finish()?;
    placed(fields, Arc::circle(point(x, y)?, size(radius)?))
}

pub(super) fn arc(fields: &mut Fields<'_, '_>) -> Result<Arc, Defect> {
    let [x, y, radius, start, end] = fields.numbers([10, 20, 40, 50, 51]);
    fields.finish()?;
    let (start, end) = (required(start)?.to_radians(), required(end)?.to_radians());
    placed(
        fields,
        Arc::between(point(x, y)?, size(radius)?, start, end),
    )
}

/// The axis is in the drawing's coordinates whatever the extrusion; seen from below only the parameter runs backwards.
pub(super) fn ellipse(fields: &mut Fields<'_, '_>) -> Result<Ellipse, Defect> {
    let [x, y, axis_x, axis_y, ratio, start, end] = fields.numbers([10, 20, 11, 21, 40, 41, 42]);
    fields.finish()?;
    let (center, axis) = (point(x, y)?, point(axis_x, axis_y)?);
    let ratio = size(ratio)?;
    size(Some(axis.length()))?;
    let ellipse = Ellipse::between(
        center,
        axis,
        ratio,
        start.unwrap_or(0.0),
        end.unwrap_or(TAU),
    );
    match fields.common.plane() {
        Plane::Flat => Ok(ellipse),
        Plane::TurnedOver => Ok(ellipse.turned_over()),
        Plane::Tilted => Err(Defect::Tilted),
    }
}

fn placed(fields: &Fields<'_, '_>, arc: Arc) -> Result<Arc, Defect> {
    match fields.common.plane() {
        Plane::Tilted => Err(Defect::Tilted),
        plane => Ok(plane.arc(arc)),
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
