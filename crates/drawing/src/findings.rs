//! What a measured drawing should be looked at for, up to a limit. Never changes a measure.

use crate::contour::Contour;
use crate::crossing::{Crossings, Met};
use crate::finding::{Finding, Severity};
use crate::join::{Chain, Joined, Member};
use crate::leftovers::Leftovers;
use crate::model::Drawing;
use crate::part::rounded;
use crate::point::Point;

/// A list that stops growing at its limit and counts the rest.
pub(crate) struct Findings {
    list: Vec<Finding>,
    max: usize,
    omitted: u64,
}

impl Findings {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            list: Vec::new(),
            max,
            omitted: 0,
        }
    }

    /// The findings, and how many there were beyond the limit.
    pub(crate) fn into_list(self) -> (Vec<Finding>, u64) {
        (self.list, self.omitted)
    }

    fn push(&mut self, finding: impl FnOnce() -> Finding) {
        if self.list.len() < self.max {
            self.list.push(finding());
        } else {
            self.omitted += 1;
        }
    }

    pub(crate) fn empty(&mut self) {
        self.push(|| {
            Finding::new(
                Severity::Error,
                "empty",
                "nothing in this drawing can be measured",
            )
            .hint("draw the part in model space with lines, arcs, circles or polylines")
        });
    }

    /// What shows before anything is measured.
    pub(crate) fn of_drawing(&mut self, drawing: &Drawing) {
        for (kind, count) in &drawing.not_measured {
            self.push(|| {
                let message = format!("{count} {kind} not measured: the cut length is incomplete");
                Finding::new(Severity::Warning, "not_measured", message)
                    .hint("convert to lines, arcs and polylines before export")
            });
        }
        let on_cut = |layer| drawing.layer(layer).is_some_and(|layer| layer.is_cut());
        let mut texts = drawing.texts.iter().filter(|text| on_cut(text.layer));
        if let Some(first) = texts.next() {
            let count = 1 + texts.count();
            self.push(|| {
                let message = format!("{count} texts on layers that are cut: live text is not cut");
                Finding::new(Severity::Info, "text_not_outlined", message)
                    .hint("turn letters that must be cut into outlines")
                    .at(first.place)
            });
        }
    }

    pub(crate) fn nesting(&mut self, complete: bool) {
        if !complete {
            let message = "too many contours to sort outer ones from holes within the limit";
            self.push(|| Finding::new(Severity::Warning, "nesting_incomplete", message));
        }
    }

    /// Answers how many open chains there are.
    pub(crate) fn open_chains(&mut self, drawing: &Drawing, joined: &Joined) -> u64 {
        let mut count = 0;
        for chain in joined.chains.iter().filter(|chain| !chain.closed) {
            count += 1;
            self.push(|| open_contour(drawing, joined, chain));
        }
        count
    }

    pub(crate) fn repeats(&mut self, drawing: &Drawing, joined: &Joined, contours: &[Contour]) {
        let single = joined.repeats.iter().filter_map(|id| {
            let curve = drawing.curves.get(*id as usize)?;
            Some((
                drawing.length(curve),
                drawing.segments(curve).next()?.start(),
            ))
        });
        let whole = contours
            .iter()
            .filter(|contour| contour.nesting.repeat)
            .map(|contour| (contour.length, contour.extents.min()));
        for (length, place) in single.chain(whole) {
            self.push(|| {
                let extra = rounded(length, 1e6);
                Finding::new(
                    Severity::Warning,
                    "repeated_line",
                    format!("drawn twice: {extra} mm of extra cut"),
                )
                .hint("delete the line that lies on top of another")
                .at(place)
                .measuring(extra)
            });
        }
    }

    pub(crate) fn crossings(&mut self, found: &Crossings, tiny_mm: f64) {
        for met in &found.met {
            if met.crossings > 0 {
                self.push(|| crossing(met));
            }
            if met.overlap > 0.0 {
                self.push(|| overlap(met));
            }
        }
        if let Some(place) = found.tiny_place {
            self.push(|| {
                let (count, limit) = (found.tiny, rounded(tiny_mm, 1e3));
                let message = format!("{count} pieces shorter than {limit} mm");
                Finding::new(Severity::Info, "tiny_segments", message)
                    .hint("simplify the outline: tiny pieces slow a machine down")
                    .at(place)
            });
        }
        if !found.complete {
            let message = "too many lines to look for all crossings within the limit";
            self.push(|| Finding::new(Severity::Info, "crossings_incomplete", message));
        }
    }

    pub(crate) fn leftovers(&mut self, found: Option<Leftovers>) {
        let Some(Leftovers { count, place, gap }) = found else {
            return;
        };
        self.push(|| {
            let gap = rounded(gap, 1e3);
            let message = format!("{count} contours lie {gap} mm off the rest");
            Finding::new(Severity::Warning, "far_off", message)
                .hint("delete what was left over beside the part")
                .at(place)
                .measuring(gap)
        });
    }

    pub(crate) fn degenerate(&mut self, drawing: &Drawing, joined: &Joined) {
        for id in &joined.degenerate {
            let curve = drawing.curves.get(*id as usize);
            let Some(piece) = curve.and_then(|curve| drawing.segments(curve).next()) else {
                continue;
            };
            self.push(|| {
                Finding::new(Severity::Info, "zero_length", "an entity without length")
                    .at(piece.start())
            });
        }
    }
}

fn crossing(met: &Met) -> Finding {
    let times = match met.crossings {
        1 => "once".to_owned(),
        times => format!("{times} times"),
    };
    let (code, message) = if met.chains.0 == met.chains.1 {
        (
            "self_intersection",
            format!("an outline crosses itself {times}"),
        )
    } else {
        (
            "crossing_contours",
            format!("two outlines cross each other {times}"),
        )
    };
    Finding::new(Severity::Warning, code, message)
        .hint("trim or unite outlines so that none crosses another")
        .at(met.place)
}

fn overlap(met: &Met) -> Finding {
    let extra = rounded(met.overlap, 1e6);
    let message = format!("lines lie partly on each other: {extra} mm of extra cut");
    Finding::new(Severity::Warning, "overlapping_line", message)
        .hint("shorten or delete the line that lies on top of another")
        .at(met.place)
        .measuring(extra)
}

fn open_contour(drawing: &Drawing, joined: &Joined, chain: &Chain) -> Finding {
    let finding = |message| {
        Finding::new(Severity::Warning, "open_contour", message)
            .hint("close the outline, or move lines that are not cut to another layer")
    };
    match chain_ends(drawing, joined, chain) {
        Some((start, end)) => {
            let gap = rounded(start.distance(end), 1e6);
            finding(format!("open contour: its ends are {gap} mm apart"))
                .at(start)
                .measuring(gap)
        }
        None => finding("open contour".into()),
    }
}

/// Where an open chain begins and ends.
fn chain_ends(drawing: &Drawing, joined: &Joined, chain: &Chain) -> Option<(Point, Point)> {
    let members = joined.members(chain);
    let ends = |member: &Member| {
        let (start, end) = drawing.ends(drawing.curves.get(member.curve as usize)?)?;
        Some(if member.reversed {
            (end, start)
        } else {
            (start, end)
        })
    };
    Some((ends(members.first()?)?.0, ends(members.last()?)?.1))
}
