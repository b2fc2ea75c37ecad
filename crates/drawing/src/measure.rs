//! Measures a drawing: extents, cut length, contours, holes, parts. The one place where the steps come together.
//! Never fails: what cannot be measured is said in the result.

use crate::contour::{Contour, pieces};
use crate::crossing::{Budget, crossings};
use crate::findings::Findings;
use crate::join::{self, Chain, Joined};
use crate::leftovers::leftovers;
use crate::model::Drawing;
use crate::nest::nest;
use crate::part::{Part, Parts, hole_groups, rounded};
use crate::point::Extents;
use crate::report::{ContourMeasure, LayerMeasure, Measures, Role};
use serde::{Deserialize, Serialize};

/// Bounds on the work and on the lists of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MeasureLimits {
    pub contours_listed_max: usize,
    pub parts_listed_max: usize,
    pub layers_listed_max: usize,
    pub findings_max: usize,
    /// Boxes and pieces looked at while contours are nested.
    pub nesting_steps_max: u64,
    /// Lines, arcs and Béziers among which crossings are looked for.
    pub crossing_pieces_max: usize,
    /// Pairs and boxes looked at while looking for crossings.
    pub crossing_steps_max: u64,
}

impl Default for MeasureLimits {
    fn default() -> Self {
        Self {
            contours_listed_max: 2_000,
            parts_listed_max: 500,
            layers_listed_max: 2_000,
            findings_max: 200,
            nesting_steps_max: 300_000_000,
            crossing_pieces_max: 3_000_000,
            crossing_steps_max: 5_000_000,
        }
    }
}

/// Measures what is cut: the curves of visible layers whose operation is cut. The drawing must be in mm.
pub fn measure(drawing: &Drawing, limits: &MeasureLimits) -> Measures {
    let mut measures = Measures {
        units: drawing.units,
        entity_counts: drawing.entity_counts.clone(),
        measure_complete: drawing.not_measured.is_empty() && !drawing.truncated,
        not_measured: drawing.not_measured.clone(),
        ..Measures::default()
    };
    let mut findings = Findings::new(limits.findings_max);
    findings.of_drawing(drawing);
    let selected = cut_curves(drawing);
    measure_layers(drawing, limits, &mut measures);
    match extents(drawing, &selected) {
        Some(extents) => measure_contours(
            drawing,
            selected,
            extents,
            limits,
            &mut measures,
            &mut findings,
        ),
        None => findings.empty(),
    }
    (measures.findings, measures.findings_omitted) = findings.into_list();
    measures
}

fn measure_contours(
    drawing: &Drawing,
    selected: Vec<u32>,
    extents: Extents,
    limits: &MeasureLimits,
    measures: &mut Measures,
    findings: &mut Findings,
) {
    let tolerance = join::tolerance(extents);
    measures.extents_mm = Some(extents.rounded());
    measures.join_tolerance_mm = tolerance;
    let joined = join::join(drawing, &selected, extents.min(), tolerance);
    drop(selected);
    let closed = || joined.chains.iter().filter(|chain| chain.closed);
    let mut contours = Vec::with_capacity(closed().count());
    contours
        .extend(closed().filter_map(|chain| Contour::measure(drawing, &joined, *chain, tolerance)));
    let nested = nest(
        drawing,
        &joined,
        &mut contours,
        tolerance,
        limits.nesting_steps_max,
    );
    findings.nesting(nested.complete);
    measures.open_chains = findings.open_chains(drawing, &joined);
    findings.repeats(drawing, &joined, &contours);
    findings.degenerate(drawing, &joined);
    look_for_crossings(drawing, &joined, &contours, extents, limits, findings);
    findings.leftovers(leftovers(|| boxes(drawing, &joined, &contours), extents));
    if let Some(open) = largest_open(drawing, &joined) {
        mark_holes_in_open_outline(&mut contours, open);
    }
    fill_contours(&contours, limits, measures);
}

/// Pieces shorter than this many join tolerances are tiny.
const TINY_TOLERANCES: f64 = 5.0;

fn look_for_crossings(
    drawing: &Drawing,
    joined: &Joined,
    contours: &[Contour],
    extents: Extents,
    limits: &MeasureLimits,
    findings: &mut Findings,
) {
    let tolerance = join::tolerance(extents);
    let budget = Budget {
        tolerance,
        tiny: tolerance * TINY_TOLERANCES,
        pieces_max: limits.crossing_pieces_max,
        steps_max: limits.crossing_steps_max,
    };
    // Closed chains and contours come in the same order.
    let mut repeats = contours
        .iter()
        .filter(|contour| contour.nesting.repeat)
        .map(|contour| contour.chain)
        .peekable();
    let left_out = |chain: &Chain| repeats.next_if_eq(chain).is_some();
    let found = crossings(drawing, joined, extents, left_out, budget);
    findings.crossings(&found, budget.tiny);
}

/// Box and length of every contour and open chain.
fn boxes<'a>(
    drawing: &'a Drawing,
    joined: &'a Joined,
    contours: &'a [Contour],
) -> impl Iterator<Item = (Extents, f64)> + use<'a> {
    let closed = contours
        .iter()
        .map(|contour| (contour.extents, contour.length));
    let open = joined.chains.iter().filter(|chain| !chain.closed);
    let open = open.filter_map(|chain| {
        let own = || pieces(drawing, joined, chain);
        let around = Extents::around(own().map(|piece| piece.extents()))?;
        Some((around, own().map(|piece| piece.length()).sum()))
    });
    closed.chain(open)
}

/// A circle inside an outline that does not close is still a hole, of no known part.
fn mark_holes_in_open_outline(contours: &mut [Contour], open: Extents) {
    for contour in contours {
        let lies_in = contour.is_outer() && open.contains(contour.extents, 0.0);
        if lies_in && contour.diameter.is_some() {
            contour.nesting.depth += 1;
        }
    }
}

/// The curves that are cut, in the order of the drawing.
pub fn cut_curves(drawing: &Drawing) -> Vec<u32> {
    let cut: Vec<bool> = drawing.layers.iter().map(|layer| layer.is_cut()).collect();
    let is_cut = |layer: u32| cut.get(layer as usize).copied().unwrap_or(true);
    (0_u32..)
        .zip(&drawing.curves)
        .filter(|(_, curve)| is_cut(curve.layer.0))
        .map(|(id, _)| id)
        .collect()
}

fn extents(drawing: &Drawing, selected: &[u32]) -> Option<Extents> {
    let cut = selected
        .iter()
        .filter_map(|id| drawing.curves.get(*id as usize));
    let visible = drawing
        .curves
        .iter()
        .filter(|curve| drawing.layer(curve.layer).is_none_or(|layer| layer.visible));
    Extents::around(cut.filter_map(|curve| drawing.extents(curve)))
        .or_else(|| Extents::around(visible.filter_map(|curve| drawing.extents(curve))))
}

fn measure_layers(drawing: &Drawing, limits: &MeasureLimits, measures: &mut Measures) {
    let mut lengths = vec![(0_u64, 0.0_f64); drawing.layers.len()];
    for curve in &drawing.curves {
        if let Some((count, length)) = lengths.get_mut(curve.layer.0 as usize) {
            *count += 1;
            *length += drawing.length(curve);
        }
    }
    let layers = drawing.layers.iter().zip(lengths);
    let cut = layers.clone().filter(|(layer, _)| layer.is_cut());
    measures.cut_length_mm = rounded(cut.map(|(_, (_, length))| length).sum(), 1e6);
    measures.layers = layers
        .take(limits.layers_listed_max)
        .map(|(layer, (curves, length))| LayerMeasure {
            name: layer.name.clone(),
            operation: layer.operation,
            visible: layer.visible,
            curves,
            length_mm: rounded(length, 1e6),
            cut_length_mm: if layer.is_cut() {
                rounded(length, 1e6)
            } else {
                0.0
            },
        })
        .collect();
}

fn fill_contours(contours: &[Contour], limits: &MeasureLimits, measures: &mut Measures) {
    let cut_once = contours
        .iter()
        .filter(|contour| !contour.nesting.repeat)
        .count();
    measures.pierces = measures.open_chains + count(cut_once);
    measures.contours_total = count(contours.len());
    measures.holes = hole_groups(contours.iter().filter(|contour| contour.is_hole()));
    let parts = Parts::of(contours);
    measures.parts_total = parts.kinds.iter().map(|part| part.count).sum();
    let total = |area: fn(&Part) -> f64| {
        let areas = parts
            .kinds
            .iter()
            .map(|part| area(part) * part.count as f64);
        rounded(areas.sum(), 1e6)
    };
    measures.net_area_mm2 = total(|part| part.net_area);
    measures.gross_area_mm2 = total(|part| part.gross_area);
    let listed = parts.kinds.iter().take(limits.parts_listed_max);
    measures.parts = listed
        .filter_map(|part| parts.measure(part, contours))
        .collect();
    let listed = contours.iter().take(limits.contours_listed_max);
    measures.contours = listed.map(contour_measure).collect();
}

fn contour_measure(contour: &Contour) -> ContourMeasure {
    ContourMeasure {
        role: match contour.nesting {
            nesting if nesting.repeat => Role::Repeat,
            nesting if nesting.depth == 0 => Role::Outer,
            _ if contour.is_hole() => Role::Hole,
            _ => Role::Island,
        },
        parent: contour.nesting.parent.map(u64::from),
        extents_mm: contour.extents.rounded(),
        length_mm: rounded(contour.length, 1e6),
        area_mm2: rounded(contour.area, 1e6),
        diameter_mm: contour.diameter.map(|diameter| rounded(diameter, 1e4)),
    }
}

fn largest_open(drawing: &Drawing, joined: &Joined) -> Option<Extents> {
    let open = joined.chains.iter().filter(|chain| !chain.closed);
    open.filter_map(|chain| {
        Extents::around(pieces(drawing, joined, chain).map(|piece| piece.extents()))
    })
    .max_by(|a, b| a.diagonal().total_cmp(&b.diagonal()))
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
