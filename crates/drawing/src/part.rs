//! Parts: each outer contour with the holes in it, equal ones counted together. Never looks at open chains.

use crate::contour::Contour;
use crate::report::{HoleGroup, PartMeasure};

/// Equal within this fraction.
const SAME: f64 = 1e-5;
/// How many kinds of part of nearly the same area a part is compared with.
const KINDS_COMPARED_MAX: usize = 64;
/// The diameters of holes of one kind are taken as equal within this, in mm.
const DIAMETER_TOLERANCE_MM: f64 = 1e-3;

/// Equal parts, by the first of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    pub count: u64,
    outer: u32,
    pierces: u64,
    cut_length: f64,
    pub(crate) net_area: f64,
    pub(crate) gross_area: f64,
}

/// The parts of a drawing and which holes are in which.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// Largest first. Turned and mirrored copies are equal.
    pub kinds: Vec<Part>,
    /// Outer contour and hole, in order.
    holes: Vec<(u32, u32)>,
}

impl Parts {
    /// Sorts nested contours into parts.
    pub fn of(contours: &[Contour]) -> Self {
        let ids = || (0_u32..).zip(contours);
        let mut holes: Vec<(u32, u32)> = ids()
            .filter(|(_, contour)| contour.is_hole())
            .filter_map(|(id, contour)| Some((contour.nesting.parent?, id)))
            .collect();
        holes.sort_unstable();
        let mut parts = Self {
            kinds: Vec::new(),
            holes,
        };
        let mut each: Vec<Part> = ids()
            .filter(|(_, contour)| contour.is_outer())
            .map(|(id, outer)| parts.part(id, outer, contours))
            .collect();
        each.sort_by(|a, b| {
            b.net_area
                .total_cmp(&a.net_area)
                .then(a.outer.cmp(&b.outer))
        });
        for part in each {
            parts.add(part);
        }
        parts
    }

    /// A kind of part as it goes over the wire.
    pub fn measure(&self, part: &Part, contours: &[Contour]) -> Option<PartMeasure> {
        let extents = contours.get(part.outer as usize)?.extents;
        Some(PartMeasure {
            count: part.count,
            extents_mm: extents.rounded(),
            width_mm: rounded(extents.width(), 1e6),
            height_mm: rounded(extents.height(), 1e6),
            cut_length_mm: rounded(part.cut_length, 1e6),
            pierces: part.pierces,
            holes: hole_groups(self.holes_in(part.outer, contours)),
            net_area_mm2: rounded(part.net_area, 1e6),
            gross_area_mm2: rounded(part.gross_area, 1e6),
        })
    }

    fn add(&mut self, part: Part) {
        let kinds = self.kinds.iter_mut().rev().take(KINDS_COMPARED_MAX);
        let same = kinds
            .take_while(|kind| close(kind.net_area, part.net_area))
            .find(|kind| kind.is_same(&part));
        match same {
            Some(kind) => kind.count += 1,
            None => self.kinds.push(part),
        }
    }

    fn part(&self, id: u32, outer: &Contour, contours: &[Contour]) -> Part {
        let mut part = Part {
            count: 1,
            outer: id,
            pierces: 1,
            cut_length: outer.length,
            net_area: outer.area,
            gross_area: outer.extents.area(),
        };
        for hole in self.holes_in(id, contours) {
            part.cut_length += hole.length;
            part.net_area -= hole.area;
            part.pierces += 1;
        }
        part
    }

    fn holes_in<'a>(
        &'a self,
        outer: u32,
        contours: &'a [Contour],
    ) -> impl Iterator<Item = &'a Contour> {
        let from = self.holes.partition_point(|(parent, _)| *parent < outer);
        let own = self.holes.get(from..).unwrap_or_default().iter();
        own.take_while(move |(parent, _)| *parent == outer)
            .filter_map(|(_, hole)| contours.get(*hole as usize))
    }
}

impl Part {
    fn is_same(&self, other: &Self) -> bool {
        self.pierces == other.pierces
            && close(self.net_area, other.net_area)
            && close(self.cut_length, other.cut_length)
    }
}

/// Circular holes by make and diameter, smallest first.
pub(crate) fn hole_groups<'a>(holes: impl Iterator<Item = &'a Contour>) -> Vec<HoleGroup> {
    let mut circles: Vec<(bool, f64)> = holes
        .filter_map(|hole| Some((hole.polygon, hole.diameter?)))
        .collect();
    circles.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut groups: Vec<HoleGroup> = Vec::new();
    for (polygon, diameter) in circles {
        match groups.last_mut() {
            Some(group)
                if group.polygon == polygon
                    && diameter - group.diameter_mm <= DIAMETER_TOLERANCE_MM =>
            {
                group.count += 1
            }
            _ => groups.push(HoleGroup {
                diameter_mm: diameter,
                count: 1,
                polygon,
            }),
        }
    }
    for group in &mut groups {
        group.diameter_mm = rounded(group.diameter_mm, 1e4);
    }
    groups.sort_by(|a, b| a.diameter_mm.total_cmp(&b.diameter_mm));
    groups
}

/// `value` to one part in `steps`, so that reports do not show rounding noise.
pub(crate) fn rounded(value: f64, steps: f64) -> f64 {
    let rounded = (value * steps).round() / steps;
    if rounded.is_finite() {
        rounded + 0.0
    } else {
        value
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= SAME * a.abs().max(b.abs())
}
