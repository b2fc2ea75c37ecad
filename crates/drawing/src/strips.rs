//! Whether points lie in a contour of many pieces, for many points: the pieces are sorted once into strips along the
//! ray of the test, and a point asks only those of its strip. Never answers otherwise than asking all of them would.

use crate::point::Point;
use crate::segment::Segment;

/// A piece may be listed in this many strips on average; longer pieces make wider strips.
const STRIPS_PER_PIECE_MAX: usize = 8;

pub(crate) struct Strips {
    pieces: Vec<Segment>,
    low: f64,
    strips_per_unit: f64,
    /// Where each strip's list begins, and at last where the final one ends.
    offsets: Vec<u32>,
    list: Vec<u32>,
}

impl Strips {
    pub(crate) fn of(pieces: Vec<Segment>) -> Self {
        let (low, high) = pieces.iter().map(Segment::across).fold(
            (f64::INFINITY, f64::NEG_INFINITY),
            |(low, high), (from, to)| (low.min(from), high.max(to)),
        );
        let mut strips = Self {
            pieces,
            low,
            strips_per_unit: 0.0,
            offsets: Vec::new(),
            list: Vec::new(),
        };
        let mut count = strips.pieces.len().max(1);
        loop {
            strips.strips_per_unit = count as f64 / (high - low).max(f64::MIN_POSITIVE);
            if !strips.strips_per_unit.is_finite() {
                strips.strips_per_unit = 0.0;
            }
            let listed: usize = strips
                .runs(count)
                .map(|(_, run)| run.end() - run.start() + 1)
                .sum();
            if count == 1 || listed <= strips.pieces.len() * STRIPS_PER_PIECE_MAX {
                break;
            }
            count /= 2;
        }
        strips.fill(count);
        strips
    }

    /// Whether `point` lies inside, and how many pieces were asked.
    pub(crate) fn contains(&self, point: Point) -> (bool, u64) {
        let strip = self.strip(
            Segment::Line(point, point).across().0,
            self.offsets.len().saturating_sub(1),
        );
        let bound = |strip: usize| self.offsets.get(strip).map(|bound| *bound as usize);
        let own = bound(strip)
            .zip(bound(strip + 1))
            .and_then(|(from, to)| self.list.get(from..to));
        let (mut inside, mut asked) = (false, 0);
        for piece in own.unwrap_or_default() {
            inside ^= self
                .pieces
                .get(*piece as usize)
                .is_some_and(|piece| piece.flips(point));
            asked += 1;
        }
        (inside, asked)
    }

    /// Each piece's number and the strips it lies in.
    fn runs(&self, count: usize) -> impl Iterator<Item = (u32, std::ops::RangeInclusive<usize>)> {
        (0_u32..).zip(&self.pieces).map(move |(id, piece)| {
            let (from, to) = piece.across();
            (id, self.strip(from, count)..=self.strip(to, count))
        })
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the number of strips"
    )]
    fn strip(&self, across: f64, count: usize) -> usize {
        let strip = ((across - self.low) * self.strips_per_unit).max(0.0) as usize;
        strip.min(count.saturating_sub(1))
    }

    fn fill(&mut self, count: usize) {
        let mut listed: Vec<(usize, u32)> = self
            .runs(count)
            .flat_map(|(id, run)| run.map(move |strip| (strip, id)))
            .collect();
        listed.sort_unstable();
        self.offsets = (0..=count)
            .map(|strip| listed.partition_point(|(other, _)| *other < strip))
            .map(|place| u32::try_from(place).unwrap_or(u32::MAX))
            .collect();
        self.list = listed.into_iter().map(|(_, id)| id).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arc::Arc;

    #[test]
    fn strips_agree_with_asking_every_piece() {
        let corner = |n: u32| {
            let angle = f64::from(n) * std::f64::consts::TAU / 500.0;
            Point::polar(if n.is_multiple_of(2) { 50.0 } else { 30.0 }, angle)
        };
        let mut pieces: Vec<Segment> = (0..500)
            .map(|n| match Arc::from_bulge(corner(n), corner(n + 1), 0.4) {
                Some(arc) if n % 3 == 0 => Segment::Arc(arc),
                _ => Segment::Line(corner(n), corner(n + 1)),
            })
            .collect();
        pieces.push(Segment::Arc(Arc::circle(Point::new(5.0, 5.0), 12.0)));
        let strips = Strips::of(pieces.clone());
        for n in 0..10_000 {
            let point = Point::new(
                f64::from(n % 100) * 1.21 - 60.0,
                f64::from(n / 100) * 1.19 - 60.0,
            );
            let inside = pieces.iter().filter(|piece| piece.flips(point)).count() % 2 == 1;
            let (ours, asked) = strips.contains(point);
            assert_eq!(ours, inside, "{point:?}");
            assert!(asked < 200, "{asked}");
        }
    }

    #[test]
    fn pieces_in_one_place_make_one_strip() {
        let dot = Point::new(1.0, 1.0);
        let strips = Strips::of(vec![Segment::Line(dot, dot); 100]);
        assert!(!strips.contains(dot).0);
        assert!(!Strips::of(Vec::new()).contains(dot).0);
    }
}
