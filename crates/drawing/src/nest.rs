//! Which contour lies in which: outer, hole, island. Near linear: each contour is filed in the cells of a grid that fits
//! its size, and only larger contours filed where it lies are asked. Never compares all with all.

use crate::contour::{Contour, Nesting, pieces};
use crate::join::Joined;
use crate::model::Drawing;
use crate::point::{Extents, Point};
use crate::strips::Strips;
use std::collections::HashMap;

/// How far along its first piece a contour is tested: a place that no other contour is likely to touch.
const TEST_FRACTION: f64 = 0.437;

/// What nesting took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nested {
    /// False when the budget ran out: contours not reached stand as outer ones.
    pub complete: bool,
}

/// Sets every contour's `nesting`. `steps_max` bounds the pieces and boxes looked at.
pub fn nest(
    drawing: &Drawing,
    joined: &Joined,
    contours: &mut [Contour],
    tolerance: f64,
    steps_max: u64,
) -> Nested {
    let by_area = ranks(contours);
    let mut rank_of = vec![0_u32; contours.len()];
    for (rank, id) in (0_u32..).zip(&by_area) {
        if let Some(own) = rank_of.get_mut(*id as usize) {
            *own = rank;
        }
    }
    let grid = Grid::file(contours, &by_area, tolerance);
    let mut search = Search {
        drawing,
        joined,
        grid: &grid,
        by_area: &by_area,
        tolerance,
        steps: 0,
        long: HashMap::new(),
        stripped_pieces: 0,
    };
    // In the drawing's order, in which neighbours in place are neighbours in memory.
    for (id, rank) in rank_of.iter().enumerate() {
        if search.steps > steps_max {
            break;
        }
        let nesting = search.place(contours, id, *rank).unwrap_or_default();
        if let Some(contour) = contours.get_mut(id) {
            contour.nesting = nesting;
        }
    }
    set_depths(contours, &by_area);
    Nested {
        complete: search.steps <= steps_max,
    }
}

/// Contour ids, smallest area first.
fn ranks(contours: &[Contour]) -> Vec<u32> {
    let area = |id: &u32| {
        contours
            .get(*id as usize)
            .map_or(0.0, |contour| contour.area)
    };
    let mut by_area: Vec<u32> = (0_u32..).take(contours.len()).collect();
    by_area.sort_by(|a, b| area(a).total_cmp(&area(b)));
    by_area
}

/// Counts depths from the largest contour down, and passes children of a repeat on to what it repeats.
fn set_depths(contours: &mut [Contour], by_area: &[u32]) {
    for id in by_area.iter().rev() {
        let nesting = |id: u32| contours.get(id as usize).map(|contour| contour.nesting);
        let Some(mut own) = nesting(*id) else {
            continue;
        };
        let mut around = own.parent.and_then(nesting);
        if let Some(repeat) = around.filter(|around| around.repeat) {
            own.parent = repeat.parent;
            around = own.parent.and_then(nesting);
        }
        own.depth = around.map_or(0, |around| around.depth + u32::from(!own.repeat));
        if let Some(contour) = contours.get_mut(*id as usize) {
            contour.nesting = own;
        }
    }
}

struct Search<'a> {
    drawing: &'a Drawing,
    joined: &'a Joined,
    by_area: &'a [u32],
    grid: &'a Grid,
    tolerance: f64,
    steps: u64,
    /// Contours of many pieces that were asked.
    long: HashMap<u32, Long>,
    stripped_pieces: u64,
}

/// A contour of many pieces.
enum Long {
    /// Asked this often, piece by piece.
    Plain(u32),
    Stripped(Strips),
}

/// More pieces than this are many.
const PIECES_MANY: u64 = 64;
/// A contour of many pieces asked this often is sorted into strips.
const ASKED_OFTEN: u32 = 8;
/// Pieces in all strips together: a bound on memory, about 100 bytes each.
const STRIPPED_PIECES_MAX: u64 = 500_000;

impl Search<'_> {
    /// What a contour lies in, or repeats; its depth is not known yet.
    fn place(&mut self, contours: &[Contour], id: usize, rank: u32) -> Option<Nesting> {
        let own = contours.get(id)?;
        let test = pieces(self.drawing, self.joined, &own.chain)
            .next()?
            .at(TEST_FRACTION);
        let (grid, by_area) = (self.grid, self.by_area);
        let mut best: Option<u32> = None;
        for level in grid.levels_from(own) {
            for other_rank in grid.at(level, test, rank) {
                self.steps += 1;
                if best.is_some_and(|best| best <= other_rank) {
                    break;
                }
                let other_id = *by_area.get(other_rank as usize)?;
                let other = contours.get(other_id as usize)?;
                if !other.extents.contains(own.extents, self.tolerance) {
                    continue;
                }
                if is_repeat(own, other, self.tolerance) {
                    return Some(Nesting {
                        parent: Some(other_id),
                        depth: 0,
                        repeat: true,
                    });
                }
                if self.contains(other_id, other, test) {
                    best = Some(other_rank);
                }
            }
        }
        let parent = best.and_then(|rank| by_area.get(rank as usize).copied());
        Some(Nesting {
            parent,
            depth: 0,
            repeat: false,
        })
    }

    fn contains(&mut self, id: u32, contour: &Contour, point: Point) -> bool {
        let (inside, asked) = match self.long.get(&id) {
            Some(Long::Stripped(strips)) => strips.contains(point),
            _ => contour.contains(self.drawing, self.joined, point),
        };
        self.steps += asked;
        if asked > PIECES_MANY
            && let Long::Plain(times) = self.long.entry(id).or_insert(Long::Plain(0))
        {
            *times += 1;
            if *times >= ASKED_OFTEN && self.stripped_pieces + asked <= STRIPPED_PIECES_MAX {
                self.stripped_pieces += asked;
                let pieces = pieces(self.drawing, self.joined, &contour.chain).collect();
                self.long.insert(id, Long::Stripped(Strips::of(pieces)));
            }
        }
        inside
    }
}

fn is_repeat(own: &Contour, other: &Contour, tolerance: f64) -> bool {
    own.extents.matches(other.extents, tolerance)
        && (own.length - other.length).abs() <= tolerance * 4.0
        && (own.area - other.area).abs() <= tolerance * own.length.max(other.length)
}

/// Cells of many sizes, each twice the one before; a contour is filed where cells are at least as large as itself, so
/// in four at most.
struct Grid {
    /// A cell's key in the high half, a contour's rank in the low one; in order, so that a cell's contours lie together.
    filed: Vec<u64>,
    /// Where each cell's contours begin, by hash.
    starts: Vec<u32>,
    levels: Vec<i32>,
    origin: Point,
    smallest: f64,
}

const FREE: u32 = u32::MAX;

impl Grid {
    fn file(contours: &[Contour], by_area: &[u32], tolerance: f64) -> Self {
        let all = Extents::around(contours.iter().map(|contour| contour.extents));
        let mut grid = Self {
            filed: Vec::with_capacity(contours.len().saturating_mul(3) / 2),
            starts: Vec::new(),
            levels: Vec::new(),
            origin: all.map_or_else(Point::default, |all| all.min()),
            smallest: tolerance.max(f64::MIN_POSITIVE),
        };
        for (rank, id) in (0_u32..).zip(by_area) {
            let Some(contour) = contours.get(*id as usize) else {
                continue;
            };
            let level = grid.level(contour);
            if let Err(place) = grid.levels.binary_search(&level) {
                grid.levels.insert(place, level);
            }
            grid.file_one(contour, level, rank);
        }
        grid.filed.sort_unstable();
        grid.index();
        grid
    }

    fn file_one(&mut self, contour: &Contour, level: i32, rank: u32) {
        let box_ = contour.extents;
        let low = self.column(level, box_.min());
        let high = self.column(level, Point::new(box_.max_x, box_.max_y));
        for x in [Some(low.0), (high.0 != low.0).then_some(high.0)]
            .into_iter()
            .flatten()
        {
            for y in [Some(low.1), (high.1 != low.1).then_some(high.1)]
                .into_iter()
                .flatten()
            {
                self.filed.push(key(cell(level, x, y), rank));
            }
        }
    }

    fn index(&mut self) {
        self.starts = vec![FREE; self.filed.len().saturating_mul(2).next_power_of_two()];
        let mut last = None;
        for (place, filed) in (0_u32..).zip(&self.filed) {
            let cell = filed >> 32;
            if last.replace(cell) == Some(cell) {
                continue;
            }
            let mut slot = self.slot(cell);
            while self.starts.get(slot).is_some_and(|start| *start != FREE) {
                slot = self.slot(u64::try_from(slot).unwrap_or_default() + 1);
            }
            if let Some(start) = self.starts.get_mut(slot) {
                *start = place;
            }
        }
    }

    fn slot(&self, cell: u64) -> usize {
        usize::try_from(cell).unwrap_or_default() & (self.starts.len() - 1)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a logarithm of finite figures, far inside 32 bits"
    )]
    fn level(&self, contour: &Contour) -> i32 {
        (contour.extents.size() / self.smallest)
            .max(1.0)
            .log2()
            .ceil() as i32
    }

    fn levels_from(&self, contour: &Contour) -> impl Iterator<Item = i32> {
        let own = self.level(contour);
        self.levels
            .iter()
            .copied()
            .filter(move |level| *level >= own)
    }

    fn column(&self, level: i32, point: Point) -> (u64, u64) {
        let size = self.smallest * 2_f64.powi(level);
        let place = point - self.origin;
        let whole = |offset: f64| ((offset / size).floor() + 0.0).to_bits();
        (whole(place.x), whole(place.y))
    }

    /// The ranks filed at a point's cell of one level, above a rank, smallest first.
    fn at(&self, level: i32, point: Point, rank: u32) -> impl Iterator<Item = u32> {
        let (x, y) = self.column(level, point);
        let cell = cell(level, x, y);
        let above = key(cell, rank.saturating_add(1));
        let run = self
            .start(cell)
            .and_then(|start| self.filed.get(start..))
            .unwrap_or_default();
        // Doubling steps before halving ones: cells hold few contours as a rule, and many at worst.
        let mut reach = 1;
        while run.get(reach).is_some_and(|filed| *filed < above) {
            reach *= 2;
        }
        let near = run.get(..=reach).unwrap_or(run);
        let from = near.partition_point(|filed| *filed < above);
        let ranks = run
            .get(from..)
            .unwrap_or_default()
            .iter()
            .take_while(move |filed| *filed >> 32 == u64::from(cell));
        ranks.map(|filed| u32::try_from(filed & u64::from(u32::MAX)).unwrap_or_default())
    }

    fn start(&self, cell: u32) -> Option<usize> {
        let mut slot = self.slot(u64::from(cell));
        loop {
            let start = *self.starts.get(slot).filter(|start| **start != FREE)? as usize;
            if self.filed.get(start)? >> 32 == u64::from(cell) {
                return Some(start);
            }
            slot = self.slot(u64::try_from(slot).unwrap_or_default() + 1);
        }
    }
}

fn key(cell: u32, rank: u32) -> u64 {
    u64::from(cell) << 32 | u64::from(rank)
}

/// A cell's key. Two cells may share one: that only adds contours to ask.
fn cell(level: i32, x: u64, y: u64) -> u32 {
    let level = u64::from(level.unsigned_abs());
    let mixed = x.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(27)
        ^ y.wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_add(level.wrapping_mul(0x1656_67B1_9E37_79F9));
    let mixed = mixed.wrapping_mul(0x9FB2_1C65_1E98_DF25) >> 32;
    u32::try_from(mixed).unwrap_or_default()
}
