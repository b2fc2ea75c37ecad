//! What lies far off the rest: forgotten lines and parts that make a drawing seem larger than the work. Never decides
//! what is cut.

use crate::point::{Extents, Point};

/// Steps into which each axis is divided when looking for an empty stretch.
const STEPS: u32 = 128;
/// An empty stretch of this share of the whole tells two groups apart.
const EMPTY_SHARE_MIN: f64 = 0.55;
/// A group is far off when the gap is this many times the rest's size.
const GAP_SIZES_MIN: f64 = 2.0;

/// What lies far off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Leftovers {
    /// Chains.
    pub(crate) count: u64,
    pub(crate) place: Point,
    /// The empty stretch between them and the rest, in mm.
    pub(crate) gap: f64,
}

/// Looks for an empty stretch along either axis. `chains` gives each chain's box and length; the longer side is the work.
pub(crate) fn leftovers<I: Iterator<Item = (Extents, f64)>>(
    chains: impl Fn() -> I,
    extents: Extents,
) -> Option<Leftovers> {
    let x: fn(Extents) -> (f64, f64) = |box_| (box_.min_x, box_.max_x);
    let y: fn(Extents) -> (f64, f64) = |box_| (box_.min_y, box_.max_y);
    [x, y].into_iter().find_map(|axis| {
        let (low, high) = axis(extents);
        let from = widest_gap(chains().map(|(box_, _)| axis(box_)), low, high)?;
        apart(chains(), axis, from)
    })
}

/// A place in the widest empty stretch, when it is wide enough.
fn widest_gap(ranges: impl Iterator<Item = (f64, f64)>, low: f64, high: f64) -> Option<f64> {
    let per_step = (high - low) / f64::from(STEPS);
    let mut covered = 0_u128;
    for (from, to) in ranges {
        let (first, last) = (step((from - low) / per_step), step((to - low) / per_step));
        covered |= (u128::MAX << first) & (u128::MAX >> (STEPS - 1 - last));
        if covered == u128::MAX {
            return None;
        }
    }
    let (mut widest, mut place, mut at) = (0, 0, 0);
    while at < STEPS {
        at += (covered >> at).trailing_ones();
        let empty = if at < STEPS {
            (covered >> at).trailing_zeros().min(STEPS - at)
        } else {
            0
        };
        if empty > widest {
            (widest, place) = (empty, at);
        }
        at += empty;
    }
    let middle = low + per_step * (f64::from(place) + f64::from(widest) / 2.0);
    (f64::from(widest) >= EMPTY_SHARE_MIN * f64::from(STEPS)).then_some(middle)
}

fn apart(
    chains: impl Iterator<Item = (Extents, f64)>,
    axis: fn(Extents) -> (f64, f64),
    middle: f64,
) -> Option<Leftovers> {
    let mut sides = [(None, 0.0, 0_u64); 2];
    for (box_, length) in chains {
        let [below, above] = &mut sides;
        let (around, sum, count) = if axis(box_).0 < middle { below } else { above };
        *around = Some(around.map_or(box_, |around: Extents| around.union(box_)));
        *sum += length;
        *count += 1;
    }
    let [
        (below, below_length, below_count),
        (above, above_length, above_count),
    ] = sides;
    let (below, above) = (below?, above?);
    let gap = axis(above).0 - axis(below).1;
    let (rest, off, count) = if below_length >= above_length {
        (below, above, above_count)
    } else {
        (above, below, below_count)
    };
    (gap > GAP_SIZES_MIN * rest.size()).then(|| Leftovers {
        count,
        place: off.center(),
        gap,
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the number of steps"
)]
fn step(value: f64) -> u32 {
    (value.clamp(0.0, f64::from(STEPS - 1))) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_far_and_less_is_left_over() {
        let square = |x: f64, y: f64, size: f64| {
            let box_ = Extents::of(Point::new(x, y)).with(Point::new(x + size, y + size));
            (box_, 4.0 * size)
        };
        let part = square(0.0, 0.0, 100.0);
        let cases = [
            (vec![part, square(5000.0, 0.0, 10.0)], Some(4900.0)),
            (vec![square(0.0, 9000.0, 10.0), part], Some(8900.0)),
            // Two parts side by side, and a row of many.
            (vec![part, square(150.0, 0.0, 90.0)], None),
            (
                vec![part, square(500.0, 0.0, 90.0), square(1000.0, 0.0, 90.0)],
                None,
            ),
        ];
        for (chains, gap) in cases {
            let extents = Extents::around(chains.iter().map(|chain| chain.0)).unwrap();
            let found = leftovers(|| chains.iter().copied(), extents);
            assert_eq!(found.map(|found| found.gap), gap, "{chains:?}");
            assert!(found.is_none_or(|found| found.count == 1));
        }
    }
}
