//! Rules into cells: straight lines that cross make grids, grids make boxes, boxes without a rule between them are one
//! merged cell. Never looks at words.

use super::PdfLimits;
use super::ink::{Ink, turned};
use crate::layout::Area;
use hayro::kurbo::{PathEl, Point};
use std::collections::BTreeMap;

/// Rules this near, in points, are the same or touch.
const TOUCH_PT: f64 = 2.0;
/// A rule is at least this long, in points: two millimetres.
const RULE_PT_MIN: f64 = 5.5;
/// A line this much off, in points, is still straight.
const SLANT_PT_MAX: f64 = 0.75;

/// A horizontal or vertical line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rule {
    /// Its height when horizontal, else its place across.
    pub(super) at: f64,
    pub(super) from: f64,
    pub(super) to: f64,
}

/// A box with rules all around it and none within.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cell {
    pub(super) area: Area,
    /// Cells of the same number hang together.
    pub(super) grid: usize,
}

/// What rules make of a page.
#[derive(Debug, Default)]
pub(super) struct Ruled {
    pub(super) cells: Vec<Cell>,
    /// Horizontal and vertical rules of each grid.
    pub(super) grids: Vec<[Vec<Rule>; 2]>,
    /// More rules or boxes than are looked at.
    pub(super) cut: bool,
}

/// Finds the cells of a page whose text runs this way.
pub(super) fn ruled(ink: &Ink, turn: usize, limits: &PdfLimits) -> Ruled {
    let [mut across, mut down] = rules(ink, turn);
    let mut ruled = Ruled::default();
    for rules in [&mut across, &mut down] {
        *rules = merged(std::mem::take(rules));
        if rules.len() > limits.rules_max {
            ruled.cut = true;
            rules.sort_by(|a, b| (b.to - b.from).total_cmp(&(a.to - a.from)));
            rules.truncate(limits.rules_max);
        }
    }
    let mut boxes_left = limits.grid_boxes_max;
    for [across, down] in grids(&across, &down) {
        let lines = Lines::of(&across, &down);
        match boxes_left.checked_sub(lines.boxes()) {
            Some(left) => boxes_left = left,
            None => {
                ruled.cut = true;
                continue;
            }
        }
        let grid = ruled.grids.len();
        let cells = lines.cells(&across, &down).into_iter();
        ruled.cells.extend(cells.map(|area| Cell { area, grid }));
        ruled.grids.push([across, down]);
    }
    ruled
}

/// All straight lines along the page's sides: horizontal and vertical ones.
fn rules(ink: &Ink, turn: usize) -> [Vec<Rule>; 2] {
    let mut rules = [Vec::new(), Vec::new()];
    let mut add = |a: Point, b: Point| {
        let ((ax, ay), (bx, by)) = (turned(turn, a.x, a.y), turned(turn, b.x, b.y));
        let [across, down] = &mut rules;
        let (list, at, from, to) = match (ax - bx).abs() >= (ay - by).abs() {
            true => (across, (ay, by), ax, bx),
            false => (down, (ax, bx), ay, by),
        };
        if (at.0 - at.1).abs() <= SLANT_PT_MAX {
            list.push(Rule {
                at: at.0.midpoint(at.1),
                from: from.min(to),
                to: from.max(to),
            });
        }
    };
    for stroke in ink.strokes.iter().filter(|stroke| !stroke.invisible) {
        let elements = ink.elements.get(stroke.first..stroke.end);
        lines_of(elements.unwrap_or_default(), &mut add);
    }
    for bar in &ink.bars {
        let (x, y) = bar.middle();
        match bar.width() >= bar.height() {
            true => add(Point::new(bar.left, y), Point::new(bar.right, y)),
            false => add(Point::new(x, bar.top), Point::new(x, bar.bottom)),
        }
    }
    rules
}

/// Every straight piece of a path.
pub(super) fn lines_of(elements: &[PathEl], mut line: impl FnMut(Point, Point)) {
    let (mut start, mut last) = (Point::ZERO, Point::ZERO);
    for element in elements {
        match *element {
            PathEl::MoveTo(point) => start = point,
            PathEl::LineTo(point) => line(last, point),
            PathEl::ClosePath => line(last, start),
            PathEl::QuadTo(..) | PathEl::CurveTo(..) => {}
        }
        last = element.end_point().unwrap_or(start);
    }
}

/// Rules on one line that touch or overlap become one; what stays short is none.
fn merged(mut rules: Vec<Rule>) -> Vec<Rule> {
    rules.retain(|rule| rule.at.is_finite() && rule.from.is_finite() && rule.to.is_finite());
    rules.sort_by(|a, b| a.at.total_cmp(&b.at));
    let mut whole: Vec<Rule> = Vec::new();
    for level in rules.chunk_by_mut(|a, b| b.at - a.at <= TOUCH_PT / 2.0) {
        level.sort_by(|a, b| a.from.total_cmp(&b.from));
        let mut current: Option<Rule> = None;
        for rule in level.iter().copied() {
            match &mut current {
                Some(last) if rule.from - last.to <= TOUCH_PT => last.to = last.to.max(rule.to),
                _ => whole.extend(current.replace(rule)),
            }
        }
        whole.extend(current);
    }
    whole.retain(|rule| rule.to - rule.from >= RULE_PT_MIN);
    whole
}

/// Rules that cross or touch each other, directly or through others; only what could hold a box.
fn grids(across: &[Rule], down: &[Rule]) -> Vec<[Vec<Rule>; 2]> {
    let reaches = |rule: &Rule, at: f64| (rule.from - TOUCH_PT..=rule.to + TOUCH_PT).contains(&at);
    let mut sets = Sets::new(across.len() + down.len());
    for (h, horizontal) in across.iter().enumerate() {
        for (v, vertical) in down.iter().enumerate() {
            if reaches(horizontal, vertical.at) && reaches(vertical, horizontal.at) {
                sets.join(h, across.len() + v);
            }
        }
    }
    let mut grids: BTreeMap<usize, [Vec<Rule>; 2]> = BTreeMap::new();
    for (h, rule) in across.iter().enumerate() {
        let [list, _] = grids.entry(sets.root(h)).or_default();
        list.push(*rule);
    }
    for (v, rule) in down.iter().enumerate() {
        let [_, list] = grids.entry(sets.root(across.len() + v)).or_default();
        list.push(*rule);
    }
    grids
        .into_values()
        .filter(|[across, down]| across.len() > 1 && down.len() > 1)
        .collect()
}

/// Things that belong together.
struct Sets {
    parents: Vec<usize>,
}

impl Sets {
    fn new(count: usize) -> Self {
        Self {
            parents: (0..count).collect(),
        }
    }

    fn root(&mut self, mut of: usize) -> usize {
        while let Some(parent) = self.parents.get(of).copied().filter(|parent| *parent != of) {
            let above = self.parents.get(parent).copied().unwrap_or(parent);
            if let Some(slot) = self.parents.get_mut(of) {
                *slot = above;
            }
            of = parent;
        }
        of
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        if let Some(slot) = self.parents.get_mut(a) {
            *slot = b;
        }
    }
}

/// The places of a grid's rules, without repeats: its elementary boxes lie between neighbours.
struct Lines {
    xs: Vec<f64>,
    ys: Vec<f64>,
}

impl Lines {
    fn of(across: &[Rule], down: &[Rule]) -> Self {
        let places = |rules: &[Rule]| {
            let mut places: Vec<_> = rules.iter().map(|rule| rule.at).collect();
            places.sort_by(f64::total_cmp);
            places.dedup_by(|next, kept| *next - *kept <= TOUCH_PT);
            places
        };
        Self {
            xs: places(down),
            ys: places(across),
        }
    }

    fn columns(&self) -> usize {
        self.xs.len().saturating_sub(1)
    }

    fn rows(&self) -> usize {
        self.ys.len().saturating_sub(1)
    }

    fn boxes(&self) -> usize {
        self.columns().saturating_mul(self.rows())
    }

    /// The boxes of the grid, merged where no rule parts them; only whole rectangles that are closed all around.
    fn cells(&self, across: &[Rule], down: &[Rule]) -> Vec<Area> {
        let (columns, rows) = (self.columns(), self.rows());
        let above = walls(across, &self.ys, &self.xs);
        let before = walls(down, &self.xs, &self.ys);
        let outside = self.boxes();
        let mut sets = Sets::new(outside + 1);
        let open = |walls: &[bool], at: usize| !walls.get(at).copied().unwrap_or(false);
        for row in 0..rows {
            for column in 0..columns {
                let place = row * columns + column;
                // Walls of a line lie in a row of their own: one for each box along it.
                if open(&above, row * columns + column) {
                    sets.join(
                        place,
                        row.checked_sub(1).map_or(outside, |_| place - columns),
                    );
                }
                if row + 1 == rows && open(&above, rows * columns + column) {
                    sets.join(place, outside);
                }
                if open(&before, column * rows + row) {
                    sets.join(place, column.checked_sub(1).map_or(outside, |_| place - 1));
                }
                if column + 1 == columns && open(&before, columns * rows + row) {
                    sets.join(place, outside);
                }
            }
        }
        self.rectangles(&mut sets, outside)
    }

    fn rectangles(&self, sets: &mut Sets, outside: usize) -> Vec<Area> {
        let columns = self.columns();
        let outside = sets.root(outside);
        let mut found: BTreeMap<usize, (Area, f64)> = BTreeMap::new();
        for place in 0..self.boxes() {
            let (row, column) = (place / columns, place % columns);
            let root = sets.root(place);
            let edges = self
                .xs
                .get(column..column + 2)
                .zip(self.ys.get(row..row + 2));
            let Some((&[left, right], &[top, bottom])) = edges
                .map(|(xs, ys)| (xs.as_array(), ys.as_array()))
                .and_then(|(xs, ys)| xs.zip(ys))
            else {
                continue;
            };
            let area = Area {
                left,
                top,
                right,
                bottom,
            };
            let size = area.width() * area.height();
            found
                .entry(root)
                .and_modify(|(whole, sum)| {
                    *whole = whole.with(area);
                    *sum += size;
                })
                .or_insert((area, size));
        }
        found.remove(&outside);
        found
            .into_values()
            .filter(|(area, sum)| (area.width() * area.height() - sum).abs() <= 1e-6 * sum)
            .map(|(area, _)| area)
            .collect()
    }
}

/// For each line at `places`, whether a rule covers each stretch between `stops`.
fn walls(rules: &[Rule], places: &[f64], stops: &[f64]) -> Vec<bool> {
    let stretches = stops.len().saturating_sub(1);
    let mut walls = vec![false; places.len() * stretches];
    for rule in rules {
        // The places are those of the rules, thinned out: the nearest one below is the rule's own.
        let line = places.partition_point(|place| *place <= rule.at + TOUCH_PT / 4.0);
        let Some(line) = line.checked_sub(1) else {
            continue;
        };
        for (nth, pair) in stops.windows(2).enumerate() {
            let [from, to] = pair else { continue };
            let covered = rule.from <= from + TOUCH_PT && rule.to >= to - TOUCH_PT;
            if covered && let Some(wall) = walls.get_mut(line * stretches + nth) {
                *wall = true;
            }
        }
    }
    walls
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(at: f64, from: f64, to: f64) -> Rule {
        Rule { at, from, to }
    }

    fn cells(across: &[Rule], down: &[Rule]) -> Vec<[f64; 4]> {
        let lines = Lines::of(across, down);
        let cells = lines.cells(across, down).into_iter();
        cells
            .map(|area| [area.left, area.top, area.right, area.bottom])
            .collect()
    }

    #[test]
    fn crossing_rules_make_cells_and_missing_ones_merge_them() {
        let across = [
            rule(0.0, 0.0, 200.0),
            rule(20.0, 0.0, 200.0),
            rule(40.0, 0.0, 200.0),
        ];
        let down = [
            rule(0.0, 0.0, 40.0),
            rule(100.0, 20.0, 40.0),
            rule(200.0, 0.0, 40.0),
        ];
        assert_eq!(
            cells(&across, &down),
            [
                [0.0, 0.0, 200.0, 20.0],
                [0.0, 20.0, 100.0, 40.0],
                [100.0, 20.0, 200.0, 40.0]
            ]
        );
    }

    #[test]
    fn what_is_open_or_no_rectangle_is_no_cell() {
        let across = [rule(0.0, 0.0, 100.0), rule(20.0, 0.0, 100.0)];
        let down = [rule(0.0, 0.0, 20.0), rule(50.0, 0.0, 20.0)];
        assert_eq!(cells(&across, &down), [[0.0, 0.0, 50.0, 20.0]]);
        // A frame with a title block in its corner: the rest of the sheet is no rectangle.
        let across = [
            rule(0.0, 0.0, 300.0),
            rule(180.0, 200.0, 300.0),
            rule(200.0, 0.0, 300.0),
        ];
        let down = [
            rule(0.0, 0.0, 200.0),
            rule(200.0, 180.0, 200.0),
            rule(300.0, 0.0, 200.0),
        ];
        assert_eq!(cells(&across, &down), [[200.0, 180.0, 300.0, 200.0]]);
    }

    #[test]
    fn broken_and_doubled_rules_are_one() {
        let rules = vec![
            rule(10.0, 50.0, 100.0),
            rule(10.4, 0.0, 49.0),
            rule(10.2, 20.0, 60.0),
            rule(10.0, 200.0, 203.0),
            rule(30.0, f64::NAN, 9.0),
        ];
        let whole = merged(rules);
        assert_eq!(whole.len(), 1);
        assert_eq!((whole[0].from, whole[0].to), (0.0, 100.0));
    }

    #[test]
    fn grids_that_do_not_touch_are_apart() {
        let across = [0.0, 20.0, 100.0, 120.0].map(|at| rule(at, 0.0, 50.0));
        let down = [
            rule(0.0, 0.0, 20.0),
            rule(50.0, 0.0, 20.0),
            rule(0.0, 100.0, 120.0),
            rule(50.0, 100.0, 120.0),
            rule(400.0, 0.0, 120.0),
        ];
        assert_eq!(grids(&across, &down).len(), 2);
    }
}
