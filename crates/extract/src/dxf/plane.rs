//! Object coordinates: some entities give their points in a plane of their own, named by an extrusion direction
//! (DXF reference, object coordinate systems). Parts are flat: what is tilted is seen from above. Never keeps heights.

use drawing::{Affine, Arc, Point, Vertex};
use std::f64::consts::PI;

/// How an entity's plane lies to the drawing's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Plane {
    Flat,
    /// Extrusion (0, 0, -1): seen from below, X runs the other way.
    TurnedOver,
    /// Not parallel to the drawing: how its points are seen from above.
    Tilted(Affine),
}

/// An extrusion further from Z than this is tilted.
const TILT_MAX: f64 = 1e-6;
/// Nearer to Z than this, the arbitrary axis algorithm takes Y to make the X axis, else Z (DXF reference).
const NEAR_Z: f64 = 1.0 / 64.0;

impl Plane {
    /// The plane of an extrusion, at a height that is only asked for where it shows.
    pub(super) fn of(extrusion: [f64; 3], height: impl FnOnce() -> f64) -> Self {
        let [x, y, z] = extrusion;
        let tilt = z.abs() * TILT_MAX;
        match z {
            _ if x.abs() > tilt || y.abs() > tilt => Self::tilted(extrusion, height()),
            z if z < 0.0 => Self::TurnedOver,
            _ => Self::Flat,
        }
    }

    fn tilted(extrusion: [f64; 3], height: f64) -> Self {
        let Some(normal) = unit(extrusion) else {
            return Self::Flat;
        };
        let [x, y, _] = normal;
        let up = if x.abs() < NEAR_Z && y.abs() < NEAR_Z {
            [0.0, 1.0, 0.0]
        } else {
            [0.0, 0.0, 1.0]
        };
        let across = unit(cross(up, normal)).unwrap_or([1.0, 0.0, 0.0]);
        let [a, b, _] = across;
        let [c, d, _] = cross(normal, across);
        Self::Tilted(Affine::new(a, b, c, d, x * height, y * height))
    }

    /// How the plane's points become the drawing's.
    pub(super) fn map(self) -> Affine {
        match self {
            Self::Flat => Affine::IDENTITY,
            Self::TurnedOver => Affine::scaling(-1.0, 1.0),
            Self::Tilted(map) => map,
        }
    }

    pub(super) fn point(self, point: Point) -> Point {
        match self {
            Self::TurnedOver => Point::new(-point.x, point.y),
            Self::Flat => point,
            Self::Tilted(map) => map.apply(point),
        }
    }

    /// An arc as seen from above; a tilted one as it is in its plane.
    pub(super) fn arc(self, arc: Arc) -> Arc {
        match self {
            Self::TurnedOver => Arc {
                center: self.point(arc.center),
                start: PI - arc.start,
                sweep: -arc.sweep,
                ..arc
            },
            Self::Flat | Self::Tilted(_) => arc,
        }
    }

    /// Likewise corners.
    pub(super) fn vertices(self, vertices: &mut [Vertex]) {
        if self == Self::TurnedOver {
            for vertex in vertices {
                vertex.point = self.point(vertex.point);
                vertex.bulge = -vertex.bulge;
            }
        }
    }
}

pub(super) fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    let ([ax, ay, az], [bx, by, bz]) = (a, b);
    [ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx]
}

pub(super) fn unit(vector: [f64; 3]) -> Option<[f64; 3]> {
    let [x, y, z] = vector;
    let length = x.hypot(y).hypot(z);
    (length > 0.0).then(|| vector.map(|part| part / length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arc_turned_over_is_its_mirror_image() {
        let arc = Arc::between(Point::new(10.0, 5.0), 2.0, 0.2, 1.5);
        let turned = Plane::of([0.0, 0.0, -1.0], || 0.0).arc(arc);
        for step in [0.0, 0.3, 1.0] {
            let mirrored = Point::new(-arc.at(step).x, arc.at(step).y);
            assert!(turned.at(step).distance(mirrored) < 1e-12);
        }
    }
}
