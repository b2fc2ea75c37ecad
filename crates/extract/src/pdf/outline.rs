//! A page's stroked lines as the outline of a part: closed loops are cut, everything else is only shown. Never takes
//! frames, forms, dashes or letters made of strokes for a cut, and never claims more than closed loops.

use super::ink::Ink;
use super::ruled::{Rule, Ruled};
use drawing::{
    Cubic, Curve, Drawing, Extents, Layer, LayerId, Operation, Point, Segment, Shape, join,
    join_tolerance,
};
use hayro::kurbo::{self, PathEl};

/// Millimetres of a point (ISO 32000-1, 8.3.2.3: 72 to an inch).
pub(super) const PT_MM: f64 = 25.4 / 72.0;
/// A loop this large a part of the page, both ways, is its frame.
const FRAME_SHARE: f64 = 0.75;
/// Loops smaller than this on paper, in mm, may be letters: they are when open strokes as small stand beside them.
const LETTER_MM: f64 = 5.0;
/// A stroke within this many points of a rule lies on it.
const ON_RULE_PT: f64 = 1.5;

/// What a page draws besides words and tables.
#[derive(Debug, Default)]
pub(super) struct Outline {
    pub(super) drawing: Drawing,
    pub(super) closed: usize,
    /// Chains that do not close: dimension lines, hatching, leaders, or an outline with gaps.
    pub(super) open: usize,
    pub(super) letters: usize,
    pub(super) dashed: usize,
}

/// The closed loops of a page in mm on the part, y upwards; `by` is length on the part by length on paper, `forms` the
/// grids of rules that are tables and title blocks.
pub(super) fn outline(ink: &Ink, ruled: &Ruled, forms: &[usize], by: f64) -> Outline {
    let form_rules: Vec<&[Vec<Rule>; 2]> = forms
        .iter()
        .filter_map(|grid| ruled.grids.get(*grid))
        .collect();
    let mut found = Outline::default();
    found.drawing.layers = vec![Layer {
        name: "PDF".to_owned(),
        visible: true,
        operation: Operation::Cut,
    }];
    let (width, height) = ink.size();
    let to_mm = |point: kurbo::Point| Point::new(point.x, height - point.y) * (PT_MM * by);
    for stroke in ink.strokes.iter().filter(|stroke| !stroke.invisible) {
        if stroke.dashed {
            found.dashed += 1;
            continue;
        }
        let elements = ink.elements.get(stroke.first..stroke.end);
        for subpath in subpaths(elements.unwrap_or_default()) {
            if !on_rules(&subpath, &form_rules) {
                add(&mut found.drawing, &subpath, to_mm);
            }
        }
    }
    let frame = (
        width * FRAME_SHARE * PT_MM * by,
        height * FRAME_SHARE * PT_MM * by,
    );
    found.sort_out(frame, LETTER_MM * by);
    found
}

/// Straight and curved pieces of one subpath.
fn subpaths(elements: &[PathEl]) -> Vec<Vec<kurbo::PathSeg>> {
    let runs = elements.chunk_by(|_, next| !matches!(next, PathEl::MoveTo(_)));
    runs.filter(|run| matches!(run.first(), Some(PathEl::MoveTo(_))))
        .map(|run| kurbo::segments(run.iter().copied()).collect())
        .collect()
}

/// Whether all of it lies on rules of forms.
fn on_rules(subpath: &[kurbo::PathSeg], forms: &[&[Vec<Rule>; 2]]) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() <= ON_RULE_PT;
    let covers = |rules: &[Rule], at: f64, from: f64, to: f64| {
        rules.iter().any(|rule| {
            near(rule.at, at) && rule.from - ON_RULE_PT <= from && rule.to + ON_RULE_PT >= to
        })
    };
    let on_rule = |a: kurbo::Point, b: kurbo::Point| {
        forms.iter().any(|[across, down]| {
            (near(a.y, b.y) && covers(across, a.y, a.x.min(b.x), a.x.max(b.x)))
                || (near(a.x, b.x) && covers(down, a.x, a.y.min(b.y), a.y.max(b.y)))
        })
    };
    subpath.iter().all(|piece| match piece {
        kurbo::PathSeg::Line(line) => on_rule(line.p0, line.p1),
        _ => false,
    })
}

fn add(drawing: &mut Drawing, subpath: &[kurbo::PathSeg], to_mm: impl Fn(kurbo::Point) -> Point) {
    let first = drawing.pieces.len();
    let pieces = subpath.iter().map(|piece| match piece {
        kurbo::PathSeg::Line(line) => Segment::Line(to_mm(line.p0), to_mm(line.p1)),
        curved => {
            let cubic = curved.to_cubic();
            Segment::Cubic(Cubic {
                a: to_mm(cubic.p0),
                b: to_mm(cubic.p1),
                c: to_mm(cubic.p2),
                d: to_mm(cubic.p3),
            })
        }
    });
    drawing
        .pieces
        .extend(pieces.filter(|piece| piece.length() > 0.0));
    let shape = match drawing.pieces.get(first..) {
        Some([Segment::Line(a, b)]) => {
            let line = Shape::Line(*a, *b);
            drawing.pieces.truncate(first);
            Some(line)
        }
        _ => drawing.path_since(first),
    };
    let origin = u32::try_from(drawing.curves.len() + 1).unwrap_or(u32::MAX);
    drawing.curves.extend(shape.map(|shape| Curve {
        shape,
        layer: LayerId(0),
        origin,
    }));
}

/// Curves that follow each other, with their box.
struct Loop {
    curves: Vec<u32>,
    extents: Extents,
    closed: bool,
}

impl Outline {
    /// Leaves what closes among the curves and moves the rest to the background; frames and letters go altogether.
    fn sort_out(&mut self, frame: (f64, f64), letter: f64) {
        let loops = self.loops();
        let small = |a_loop: &Loop| {
            let (width, height) = sides(a_loop.extents);
            width.max(height) <= letter
        };
        let mut strokes: Vec<Extents> = loops
            .iter()
            .filter(|a_loop| !a_loop.closed && small(a_loop))
            .map(|a_loop| a_loop.extents)
            .collect();
        strokes.sort_by(|a, b| a.min_x.total_cmp(&b.min_x));
        let beside_strokes = |own: Extents| {
            // No stroke is wider than a letter.
            let first = strokes.partition_point(|stroke| stroke.min_x < own.min_x - 2.0 * letter);
            let near = strokes.get(first..).unwrap_or_default();
            near.iter()
                .take_while(|stroke| stroke.min_x <= own.max_x + letter)
                .any(|stroke| gap(own, *stroke) <= letter / 2.0)
        };
        let mut keep = vec![None; self.drawing.curves.len()];
        for a_loop in &loops {
            let (width, height) = sides(a_loop.extents);
            let place = if a_loop.closed && width >= frame.0 && height >= frame.1 {
                continue;
            } else if small(a_loop) && (!a_loop.closed || beside_strokes(a_loop.extents)) {
                self.letters += 1;
                continue;
            } else if a_loop.closed {
                self.closed += 1;
                Kept::Cut
            } else {
                self.open += 1;
                Kept::Shown
            };
            for curve in &a_loop.curves {
                if let Some(slot) = usize::try_from(*curve).ok().and_then(|at| keep.get_mut(at)) {
                    *slot = Some(place);
                }
            }
        }
        let drawing = &mut self.drawing;
        let curves = std::mem::take(&mut drawing.curves);
        for (curve, place) in curves.into_iter().zip(keep) {
            match place {
                Some(Kept::Cut) => drawing.curves.push(curve),
                Some(Kept::Shown) => drawing.background.push(curve),
                None => {}
            }
        }
        let count = u64::try_from(drawing.curves.len()).unwrap_or(u64::MAX);
        drawing.entity_counts = [("PATH".to_owned(), count)].into();
    }

    fn loops(&self) -> Vec<Loop> {
        let drawing = &self.drawing;
        let boxes = drawing
            .curves
            .iter()
            .filter_map(|curve| drawing.extents(curve));
        let Some(extents) = Extents::around(boxes) else {
            return Vec::new();
        };
        let all: Vec<u32> = (0..).take(drawing.curves.len()).collect();
        let origin = Point::new(extents.min_x, extents.min_y);
        let joined = join(drawing, &all, origin, join_tolerance(extents));
        let of = |curves: Vec<u32>, closed: bool| {
            let boxes = curves.iter().filter_map(|at| {
                let curve = drawing.curves.get(usize::try_from(*at).ok()?)?;
                drawing.extents(curve)
            });
            let extents = Extents::around(boxes)?;
            Some(Loop {
                curves,
                extents,
                closed,
            })
        };
        let chains = joined.chains.iter().filter_map(|chain| {
            let members = joined.members(chain).iter();
            of(members.map(|member| member.curve).collect(), chain.closed)
        });
        chains.collect()
    }
}

fn sides(extents: Extents) -> (f64, f64) {
    (extents.width(), extents.height())
}

/// How far apart two boxes are; 0 when they meet.
fn gap(a: Extents, b: Extents) -> f64 {
    let across = (a.min_x - b.max_x).max(b.min_x - a.max_x).max(0.0);
    let up = (a.min_y - b.max_y).max(b.min_y - a.max_y).max(0.0);
    across.hypot(up)
}

/// What becomes of a curve.
#[derive(Clone, Copy)]
enum Kept {
    Cut,
    Shown,
}
