//! Pieces of curves filed in the cells of grids, each in every cell it passes through. Never compares them.

use crate::model::Drawing;
use crate::point::{Extents, Point};
use crate::segment::Segment;

/// Pieces filed per piece before a grid is made coarser.
const FILED_PER_PIECE_MAX: usize = 6;
/// Cells along a side of one grid.
const SIDE_MAX: f64 = 512.0;

/// A piece's box and where it is found.
#[derive(Clone, Copy)]
pub(crate) struct Piece {
    pub(crate) extents: Extents,
    pub(crate) curve: u32,
    /// Among the curve's pieces.
    pub(crate) place: u32,
}

/// The pieces to be filed, known by their places in the list.
pub(crate) struct Pieces<'a> {
    pub(crate) drawing: &'a Drawing,
    pub(crate) list: Vec<Piece>,
    tolerance: f64,
}

impl<'a> Pieces<'a> {
    pub(crate) fn of(drawing: &'a Drawing, tolerance: f64) -> Self {
        Self {
            drawing,
            list: Vec::new(),
            tolerance,
        }
    }

    pub(crate) fn get(&self, id: u32) -> Option<&Piece> {
        self.list.get(id as usize)
    }

    pub(crate) fn extents(&self, id: u32) -> Option<Extents> {
        Some(self.get(id)?.extents)
    }

    pub(crate) fn segment(&self, id: u32) -> Option<Segment> {
        let piece = self.get(id)?;
        let curve = self.drawing.curves.get(piece.curve as usize)?;
        self.drawing.segment(curve, piece.place)
    }
}

/// Pieces filed in the cells of one grid: each cell's pieces lie together in `list`.
pub(crate) struct Grid {
    cell: Extents,
    columns: usize,
    rows: usize,
    offsets: Vec<u32>,
    list: Vec<u32>,
    /// Pieces looked at while filing.
    pub(crate) steps: u64,
}

impl Grid {
    /// Files pieces in as fine a grid as they bear; nothing when no grid sets them apart.
    pub(crate) fn file(pieces: &Pieces<'_>, list: &[u32], cell: Extents) -> Option<Self> {
        // Only where pieces are.
        let cell = Extents::around(list.iter().filter_map(|id| pieces.extents(*id)))?
            .grown(pieces.tolerance * 2.0)
            .within(cell)?;
        let (mut wanted, mut steps) = (list.len() as f64 / 4.0, 0);
        while wanted >= 3.0 {
            let mut grid = Self::of(cell, wanted);
            steps += u64::try_from(list.len()).unwrap_or(u64::MAX);
            if grid.fill(pieces, list).is_some() {
                return Some(Self { steps, ..grid });
            }
            wanted /= 4.0;
        }
        None
    }

    /// About as many square cells as wanted.
    fn of(cell: Extents, wanted: f64) -> Self {
        let (width, height) = (cell.width(), cell.height());
        let side = (width * height / wanted).sqrt();
        let count = |length: f64| whole((length / side).clamp(1.0, SIDE_MAX.min(wanted)));
        Self {
            cell,
            columns: count(width),
            rows: count(height),
            offsets: Vec::new(),
            list: Vec::new(),
            steps: 0,
        }
    }

    pub(crate) fn cells(&self) -> usize {
        self.columns * self.rows
    }

    pub(crate) fn filed(&self, place: usize) -> &[u32] {
        let bound = |place: usize| self.offsets.get(place).map(|bound| *bound as usize);
        bound(place)
            .zip(bound(place + 1))
            .and_then(|(from, to)| self.list.get(from..to))
            .unwrap_or_default()
    }

    /// A cell's box. Neighbours share their edge to the last bit.
    pub(crate) fn cell(&self, place: usize) -> Extents {
        let (column, row) = (place % self.columns, place / self.columns);
        let edge = |low: f64, high: f64, at: usize, count: usize| {
            if at == count {
                high
            } else {
                low + (high - low) * (at as f64 / count as f64)
            }
        };
        let all = self.cell;
        Extents {
            min_x: edge(all.min_x, all.max_x, column, self.columns),
            min_y: edge(all.min_y, all.max_y, row, self.rows),
            max_x: edge(all.min_x, all.max_x, column + 1, self.columns),
            max_y: edge(all.min_y, all.max_y, row + 1, self.rows),
        }
    }

    /// Nothing when too many were filed, or when comparing within cells saves less than half: then the grid is of no use.
    fn fill(&mut self, pieces: &Pieces<'_>, list: &[u32]) -> Option<()> {
        let most = list.len() * FILED_PER_PIECE_MAX;
        let mut counts = vec![0_u32; self.cells() + 2];
        let mut filed = 0;
        let mut walk = Walk::new(self, pieces);
        for id in list {
            walk.cells(*id, |place| {
                if let Some(count) = counts.get_mut(place + 2) {
                    *count += 1;
                }
                filed += 1;
            });
            if filed > most {
                return None;
            }
        }
        let square = |count: &u32| u64::from(*count) * u64::from(*count);
        let whole = u64::try_from(list.len()).unwrap_or(u64::MAX);
        if counts.iter().map(square).sum::<u64>() > whole.saturating_mul(whole) / 2 {
            return None;
        }
        let mut sum = 0;
        for count in &mut counts {
            sum += *count;
            *count = sum;
        }
        // Filling moves each cell's offset from its beginning to its end, which is the next one's beginning.
        let mut filed_list = vec![0_u32; filed];
        let mut walk = Walk::new(self, pieces);
        for id in list {
            walk.cells(*id, |place| {
                let Some(offset) = counts.get_mut(place + 1) else {
                    return;
                };
                if let Some(slot) = filed_list.get_mut(*offset as usize) {
                    *slot = *id;
                }
                *offset += 1;
            });
        }
        counts.truncate(self.cells() + 1);
        (self.offsets, self.list) = (counts, filed_list);
        Some(())
    }
}

/// Names the cells that a piece touches, each once.
struct Walk<'a> {
    pieces: &'a Pieces<'a>,
    cell: Extents,
    columns: usize,
    rows: usize,
    per_x: f64,
    per_y: f64,
    /// The last piece named in each cell.
    last: Vec<u32>,
}

impl<'a> Walk<'a> {
    fn new(grid: &Grid, pieces: &'a Pieces<'a>) -> Self {
        Self {
            pieces,
            cell: grid.cell,
            columns: grid.columns,
            rows: grid.rows,
            per_x: grid.columns as f64 / grid.cell.width(),
            per_y: grid.rows as f64 / grid.cell.height(),
            last: vec![u32::MAX; grid.cells()],
        }
    }

    fn cells(&mut self, id: u32, mut name: impl FnMut(usize)) {
        let Some(extents) = self.pieces.extents(id) else {
            return;
        };
        let Some((columns, rows)) = self.range(extents) else {
            return;
        };
        if columns.1 - columns.0 + rows.1 - rows.0 <= 2 {
            for row in rows.0..=rows.1 {
                for column in columns.0..=columns.1 {
                    self.once(id, column, row, &mut name);
                }
            }
            return;
        }
        let Some(segment) = self.pieces.segment(id) else {
            return;
        };
        if let Segment::Line(a, b) = segment {
            return self.chord(id, a, b, 0.0, &mut name);
        }
        // Chords about as long as a cell, with room for the bow.
        let bow = 0.125 / self.per_x.max(self.per_y);
        let mut from = segment.start();
        segment.flatten(bow, |to| {
            self.chord(id, from, to, bow, &mut name);
            from = to;
        });
    }

    /// Row by row the columns that a chord passes.
    fn chord(&mut self, id: u32, a: Point, b: Point, margin: f64, name: &mut impl FnMut(usize)) {
        let margin = margin + self.pieces.tolerance;
        let box_ = Extents::of(a).with(b);
        let Some((_, rows)) = self.range(box_.grown(margin)) else {
            return;
        };
        let per_height = (b.x - a.x) / (b.y - a.y);
        for row in rows.0..=rows.1 {
            let low = self.cell.min_y + row as f64 / self.per_y - margin;
            let high = self.cell.min_y + (row + 1) as f64 / self.per_y + margin;
            let at = |y: f64| a.x + (y.clamp(box_.min_y, box_.max_y) - a.y) * per_height;
            let (mut from, mut to) = (at(low), at(high));
            if !per_height.is_finite() {
                (from, to) = (box_.min_x, box_.max_x);
            }
            let strip = Extents {
                min_x: from.min(to).max(box_.min_x) - margin,
                max_x: from.max(to).min(box_.max_x) + margin,
                min_y: low,
                max_y: high,
            };
            let Some((columns, _)) = self.range(strip) else {
                continue;
            };
            for column in columns.0..=columns.1 {
                self.once(id, column, row, name);
            }
        }
    }

    fn once(&mut self, id: u32, column: usize, row: usize, name: &mut impl FnMut(usize)) {
        let place = row * self.columns + column;
        if let Some(last) = self.last.get_mut(place).filter(|last| **last != id) {
            *last = id;
            name(place);
        }
    }

    /// First and last column, first and last row; nothing beside the grid.
    fn range(&self, extents: Extents) -> Option<((usize, usize), (usize, usize))> {
        let around = extents.grown(self.pieces.tolerance).within(self.cell)?;
        let column = |x: f64| whole((x - self.cell.min_x) * self.per_x).min(self.columns - 1);
        let row = |y: f64| whole((y - self.cell.min_y) * self.per_y).min(self.rows - 1);
        Some((
            (column(around.min_x), column(around.max_x)),
            (row(around.min_y), row(around.max_y)),
        ))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of cells; below 0 and no number become 0"
)]
fn whole(value: f64) -> usize {
    value as usize
}
