//! Object coordinates: some entities give their points in a plane of their own, named by an extrusion direction
//! (DXF reference, object coordinate systems). Parts are flat, so only the two directions of Z matter.

use drawing::{Arc, Point, Vertex};
use std::f64::consts::PI;

/// How an entity's plane lies to the drawing's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plane {
    Flat,
    /// Extrusion (0, 0, -1): seen from below, X runs the other way.
    TurnedOver,
    /// Not parallel to the drawing: its outline there would be another shape.
    Tilted,
}

/// An extrusion further from Z than this is tilted.
const TILT_MAX: f64 = 1e-6;

impl Plane {
    pub(super) fn of(extrusion: [f64; 3]) -> Self {
        let [x, y, z] = extrusion;
        let tilt = z.abs() * TILT_MAX;
        match z {
            _ if x.abs() > tilt || y.abs() > tilt => Self::Tilted,
            z if z < 0.0 => Self::TurnedOver,
            _ => Self::Flat,
        }
    }

    pub(super) fn point(self, point: Point) -> Point {
        match self {
            Self::TurnedOver => Point::new(-point.x, point.y),
            Self::Flat | Self::Tilted => point,
        }
    }

    pub(super) fn arc(self, arc: Arc) -> Arc {
        match self {
            Self::TurnedOver => Arc {
                center: self.point(arc.center),
                start: PI - arc.start,
                sweep: -arc.sweep,
                ..arc
            },
            Self::Flat | Self::Tilted => arc,
        }
    }

    pub(super) fn vertices(self, vertices: &mut [Vertex]) {
        if self == Self::TurnedOver {
            for vertex in vertices {
                vertex.point = self.point(vertex.point);
                vertex.bulge = -vertex.bulge;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arc_turned_over_is_its_mirror_image() {
        let arc = Arc::between(Point::new(10.0, 5.0), 2.0, 0.2, 1.5);
        let turned = Plane::of([0.0, 0.0, -1.0]).arc(arc);
        for step in [0.0, 0.3, 1.0] {
            let mirrored = Point::new(-arc.at(step).x, arc.at(step).y);
            assert!(turned.at(step).distance(mirrored) < 1e-12);
        }
    }
}
