//! Meeting places: points within the join tolerance of each other become one node, in near linear time whatever the
//! layout. Never knows what ends there.

use crate::point::Point;
use std::hash::{BuildHasher, RandomState};

const FREE: u32 = u32::MAX;
/// Cells are this many tolerances wide: wide enough that most points ask one cell only, narrow enough that a cell can
/// hold few nodes (they keep a tolerance apart).
const CELL_TOLERANCES: f64 = 8.0;

/// An open-addressing table of nodes by grid cell. The seed only spreads the cells, no answer depends on it.
pub(crate) struct Nodes {
    points: Vec<Point>,
    slots: Vec<u32>,
    origin: Point,
    tolerance: f64,
    cell: f64,
    seed: u64,
}

impl Nodes {
    /// Room for `ends_max` points; cells are counted from `origin`.
    pub(crate) fn new(origin: Point, tolerance: f64, ends_max: usize) -> Self {
        let slots = ends_max
            .saturating_mul(3)
            .div_ceil(2)
            .max(16)
            .next_power_of_two();
        Self {
            points: Vec::new(),
            slots: vec![FREE; slots],
            origin,
            tolerance,
            cell: tolerance * CELL_TOLERANCES,
            seed: RandomState::new().hash_one(slots) | 1,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.points.len()
    }

    /// The node at `point`: the nearest one within the tolerance, else a new one.
    pub(crate) fn node(&mut self, point: Point) -> u32 {
        let place = point - self.origin;
        let (low_x, low_y) = (
            self.column(place.x - self.tolerance),
            self.column(place.y - self.tolerance),
        );
        let (high_x, high_y) = (
            self.column(place.x + self.tolerance),
            self.column(place.y + self.tolerance),
        );
        let mut best = (self.tolerance, None);
        for x in [Some(low_x), (high_x != low_x).then_some(high_x)]
            .into_iter()
            .flatten()
        {
            for y in [Some(low_y), (high_y != low_y).then_some(high_y)]
                .into_iter()
                .flatten()
            {
                self.nearest(point, self.slot(x, y), &mut best);
            }
        }
        best.1.unwrap_or_else(|| {
            self.insert(point, self.slot(self.column(place.x), self.column(place.y)))
        })
    }

    /// The column (or row) of a coordinate: a whole number, as bits.
    fn column(&self, offset: f64) -> u64 {
        ((offset / self.cell).floor() + 0.0).to_bits()
    }

    fn slot(&self, x: u64, y: u64) -> usize {
        let mixed =
            (x.wrapping_mul(self.seed).rotate_left(31) ^ y).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 20;
        usize::try_from(mixed).unwrap_or_default() & (self.slots.len() - 1)
    }

    fn nearest(&self, point: Point, slot: usize, best: &mut (f64, Option<u32>)) {
        for id in self.run(slot).take_while(|id| *id != FREE) {
            let Some(node) = self.points.get(id as usize) else {
                continue;
            };
            let distance = node.distance(point);
            if distance < best.0 || (distance == best.0 && best.1.is_none_or(|other| id < other)) {
                *best = (distance, Some(id));
            }
        }
    }

    fn insert(&mut self, point: Point, slot: usize) -> u32 {
        let id = u32::try_from(self.points.len()).unwrap_or(FREE);
        let step = self.run(slot).take_while(|id| *id != FREE).count();
        let mask = self.slots.len() - 1;
        if let Some(free) = self.slots.get_mut((slot + step) & mask) {
            *free = id;
        }
        self.points.push(point);
        id
    }

    /// The table's entries from a slot on, once round.
    fn run(&self, slot: usize) -> impl Iterator<Item = u32> {
        let (before, from) = self
            .slots
            .split_at_checked(slot)
            .unwrap_or((&[], &self.slots));
        from.iter().chain(before).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_within_the_tolerance_share_a_node_across_cell_borders() {
        let mut nodes = Nodes::new(Point::default(), 0.01, 4_000);
        for step in 0..1_000 {
            let at = Point::new(f64::from(step) * 0.0473, -f64::from(step) * 0.0911);
            let node = nodes.node(at);
            assert_eq!(nodes.node(at + Point::new(0.0069, -0.0069)), node);
        }
        assert_eq!(nodes.len(), 1_000);
    }
}
