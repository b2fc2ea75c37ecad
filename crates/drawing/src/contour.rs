//! Closed contours: their box, length, area, and the circle they may form; and where they lie in each other.
//! Never changes a chain.

use crate::circle;
use crate::join::{Chain, Joined};
use crate::model::Drawing;
use crate::point::{Extents, Point};
use crate::segment::Segment;

/// A closed chain, measured.
#[derive(Clone, Copy, Debug)]
pub struct Contour {
    pub chain: Chain,
    pub extents: Extents,
    pub length: f64,
    /// Never negative.
    pub area: f64,
    /// Set when the contour is a circle, whatever it is made of.
    pub diameter: Option<f64>,
    /// That circle is a polygon of many equal sides.
    pub polygon: bool,
    pub nesting: Nesting,
}

/// Where a contour lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nesting {
    /// The smallest contour around this one, or the one it repeats: a place in the list of contours.
    pub parent: Option<u32>,
    /// Contours around this one: even bounds material, odd bounds a hole.
    pub depth: u32,
    /// Drawn over another contour of the same shape: no part of the tree.
    pub repeat: bool,
}

impl Contour {
    pub fn is_hole(&self) -> bool {
        !self.nesting.repeat && self.nesting.depth % 2 == 1
    }

    pub fn is_outer(&self) -> bool {
        !self.nesting.repeat && self.nesting.depth.is_multiple_of(2)
    }

    /// Measures a closed chain; nothing when it has no pieces.
    pub fn measure(
        drawing: &Drawing,
        joined: &Joined,
        chain: Chain,
        tolerance: f64,
    ) -> Option<Self> {
        let first = pieces(drawing, joined, &chain).next()?;
        let origin = first.start();
        let (mut extents, mut length, mut twice_area) = (first.extents(), 0.0, 0.0);
        for member in joined.members(&chain) {
            let Some(curve) = drawing.curves.get(member.curve as usize) else {
                continue;
            };
            let mut share = 0.0;
            for piece in drawing.segments(curve) {
                length += piece.length();
                extents = extents.union(piece.extents());
                share += piece.twice_area(origin);
            }
            twice_area += if member.reversed { -share } else { share };
        }
        let area = twice_area.abs() / 2.0;
        let own = || pieces(drawing, joined, &chain);
        let circle = circle::recognise(own, length, area, tolerance);
        Some(Self {
            chain,
            extents,
            length,
            area,
            diameter: circle.map(|circle| circle.diameter),
            polygon: circle.is_some_and(|circle| circle.polygon),
            nesting: Nesting::default(),
        })
    }

    /// Whether `point` lies inside, and how many pieces were asked.
    pub fn contains(&self, drawing: &Drawing, joined: &Joined, point: Point) -> (bool, u64) {
        let (mut inside, mut asked) = (false, 0);
        for piece in pieces(drawing, joined, &self.chain) {
            inside ^= piece.flips(point);
            asked += 1;
        }
        (inside, asked)
    }
}

/// The smooth pieces of a chain, each in its curve's own direction.
pub fn pieces<'a>(
    drawing: &'a Drawing,
    joined: &'a Joined,
    chain: &Chain,
) -> impl Iterator<Item = Segment> + use<'a> {
    joined
        .members(chain)
        .iter()
        .filter_map(|member| drawing.curves.get(member.curve as usize))
        .flat_map(|curve| drawing.segments(curve))
}
