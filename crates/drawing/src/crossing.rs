//! Which chains cross themselves or each other, and where lines lie partly on each other. Near linear: pieces are filed
//! in a grid, crowded cells in finer ones, and only pieces of one cell are compared. Never compares all with all:
//! what the budget does not reach is said.

use crate::cells::{Grid, Piece, Pieces};
use crate::join::{Chain, Joined};
use crate::meet::{Meeting, meetings};
use crate::model::Drawing;
use crate::point::{Extents, Point};
use std::collections::HashMap;

/// A cell of this many pieces is compared pair by pair.
const PAIRWISE_MAX: usize = 12;
/// Cells within cells: pieces that still lie together then run through one point.
const DEPTH_MAX: u32 = 8;
/// Pairs of chains remembered.
const MET_MAX: usize = 10_000;

/// What was found between two chains, or within one when both are the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Met {
    pub(crate) chains: (u32, u32),
    /// The first place.
    pub(crate) place: Point,
    pub(crate) crossings: u64,
    /// How much of the pieces lies on each other, in mm; 0 where they only cross.
    pub(crate) overlap: f64,
}

/// All that was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crossings {
    pub(crate) met: Vec<Met>,
    /// False when the budget ran out.
    pub(crate) complete: bool,
    /// Pieces shorter than asked for, and where the first is.
    pub(crate) tiny: u64,
    pub(crate) tiny_place: Option<Point>,
}

/// Bounds and precision of a search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) tolerance: f64,
    /// Shorter pieces are tiny.
    pub(crate) tiny: f64,
    pub(crate) pieces_max: usize,
    pub(crate) steps_max: u64,
}

/// A chain that takes no part: drawn over another one, or without length.
const LEFT_OUT: u32 = u32::MAX;

/// Looks for crossings among the chains that `left_out`, asked once for each in order, does not name.
pub(crate) fn crossings(
    drawing: &Drawing,
    joined: &Joined,
    extents: Extents,
    mut left_out: impl FnMut(&Chain) -> bool,
    budget: Budget,
) -> Crossings {
    let mut search = Search {
        budget,
        chain_of: vec![LEFT_OUT; drawing.curves.len()],
        pieces: Pieces::of(drawing, budget.tolerance),
        place_of: HashMap::new(),
        found: Crossings::default(),
        steps: 0,
    };
    for (id, chain) in (0_u32..).zip(&joined.chains) {
        let id = if left_out(chain) { LEFT_OUT } else { id };
        for member in joined.members(chain) {
            if let Some(of) = search.chain_of.get_mut(member.curve as usize) {
                *of = id;
            }
        }
    }
    let listed = search.list_pieces();
    let all: Vec<u32> = (0_u32..).take(search.pieces.list.len()).collect();
    // Larger by a bit, so that no place lies on its far edge.
    let margin = extents.size() * 1e-3 + budget.tolerance;
    search.compare(&all, extents.grown(margin), 0);
    search.found.complete = listed && search.steps <= budget.steps_max;
    search.found
}

struct Search<'a> {
    budget: Budget,
    /// By curve.
    chain_of: Vec<u32>,
    pieces: Pieces<'a>,
    /// Where in `found.met` each pair of chains is.
    place_of: HashMap<(u32, u32), usize>,
    found: Crossings,
    steps: u64,
}

impl Search<'_> {
    /// False when there are more pieces than allowed.
    fn list_pieces(&mut self) -> bool {
        let drawing = self.pieces.drawing;
        let curves = (0_u32..).zip(&drawing.curves);
        for (id, curve) in curves {
            if self.chain(id) == LEFT_OUT {
                continue;
            }
            for (place, segment) in (0_u32..).zip(drawing.segments(curve)) {
                if self.pieces.list.len() >= self.budget.pieces_max {
                    return false;
                }
                let extents = segment.extents();
                if extents.size() < self.budget.tiny {
                    self.found.tiny += 1;
                    self.found.tiny_place.get_or_insert(extents.min());
                }
                self.pieces.list.push(Piece {
                    extents,
                    curve: id,
                    place,
                });
            }
        }
        true
    }

    fn chain(&self, curve: u32) -> u32 {
        self.chain_of
            .get(curve as usize)
            .copied()
            .unwrap_or(LEFT_OUT)
    }

    /// Compares the pieces that touch `cell`; answers for meetings inside it.
    fn compare(&mut self, list: &[u32], cell: Extents, depth: u32) {
        if list.len() < 2 || self.steps > self.budget.steps_max {
            return;
        }
        if list.len() > PAIRWISE_MAX
            && depth < DEPTH_MAX
            && let Some(grid) = Grid::file(&self.pieces, list, cell)
        {
            self.steps += grid.steps;
            for place in 0..grid.cells() {
                self.compare(grid.filed(place), grid.cell(place), depth + 1);
            }
            return;
        }
        self.compare_pairs(list, cell);
    }

    fn compare_pairs(&mut self, list: &[u32], cell: Extents) {
        let tolerance = self.budget.tolerance;
        for (place, a) in list.iter().enumerate() {
            let Some(around) = self.pieces.extents(*a) else {
                continue;
            };
            let mut own = None;
            for b in list.iter().skip(place + 1) {
                self.steps += 1;
                if self.steps > self.budget.steps_max {
                    return;
                }
                let extents = self.pieces.extents(*b);
                if extents.is_none_or(|extents| !extents.meets(around, tolerance)) {
                    continue;
                }
                own = own.or_else(|| self.pieces.segment(*a));
                let Some((own, other)) = own.zip(self.pieces.segment(*b)) else {
                    continue;
                };
                let pairs = meetings(&own, &other, tolerance, |meeting| {
                    self.note((*a, *b), meeting, cell);
                });
                self.steps += u64::try_from(pairs).unwrap_or(u64::MAX);
            }
        }
    }

    fn note(&mut self, (a, b): (u32, u32), meeting: Meeting, cell: Extents) {
        let (place, crossings, overlap) = match meeting {
            Meeting::Crossing(place) => (place, 1, 0.0),
            Meeting::Overlap { place, length } => (place, 0, length),
        };
        // A place belongs to one cell, though the pieces may share several.
        let inside = cell.min_x <= place.x
            && place.x < cell.max_x
            && cell.min_y <= place.y
            && place.y < cell.max_y;
        if !inside {
            return;
        }
        let chain = |id: u32| Some(self.chain(self.pieces.get(id)?.curve));
        let (Some(a), Some(b)) = (chain(a), chain(b)) else {
            return;
        };
        let chains = (a.min(b), a.max(b));
        let met = &mut self.found.met;
        if let Some(known) = self.place_of.get(&chains).and_then(|at| met.get_mut(*at)) {
            known.crossings += crossings;
            known.overlap += overlap;
        } else if met.len() < MET_MAX {
            self.place_of.insert(chains, met.len());
            met.push(Met {
                chains,
                place,
                crossings,
                overlap,
            });
        }
    }
}
