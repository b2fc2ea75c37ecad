//! Model space as it comes to be: curves and texts of its own, and what INSERTs bring. Blocks stand in blocks no deeper
//! than a limit, never in themselves, and all copies share one budget.

use super::blocks::{BlockId, Blocks, Content, Standing};
use super::fields::COORDINATE_MAX;
use super::layers::Layers;
use super::place::placed;
use super::remarks::Remarks;
use super::tally::{ByType, Passed, name, pass};
use crate::diagnostic::Severity;
use crate::limits::Limits;
use drawing::{Affine, Curve, Drawing, LayerId, Text};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Model<'a> {
    pub(super) drawing: Drawing,
    /// Entities whose lengths are missing, which has been said.
    pub(super) left_out: ByType<'a>,
    /// How often each block stands in the drawing.
    pub(super) copies: Vec<u64>,
    text_bytes: usize,
    spent: u64,
    /// The blocks being placed, from the outermost in.
    path: Vec<BlockId>,
    troubles: BTreeMap<Trouble, Passed>,
}

/// Why an INSERT brings less than it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    Missing,
    Cycle,
    Depth,
    OutOfRange,
    Budget,
}

/// Where a block's content goes.
#[derive(Clone, Copy)]
struct Scope {
    map: Affine,
    /// What layer 0 stands for.
    layer: LayerId,
    /// The layer is frozen: all that is in the block hides with it.
    is_frozen: bool,
    /// Not cut: a dimension's lines, an old hatch.
    is_shown_only: bool,
}

/// Copies scaled down by more than this are nothing.
const SCALE_MIN: f64 = 1e-30;

/// What the explosion only looks at.
#[derive(Clone, Copy)]
pub(super) struct Sources<'x, 'a> {
    pub(super) blocks: &'x Blocks<'a>,
    pub(super) layers: &'x Layers<'a>,
    pub(super) limits: &'x Limits,
}

impl<'a> Model<'a> {
    /// Keeps a note, as long as there is room.
    pub(super) fn text(&mut self, text: Text, limits: &Limits) {
        self.text_bytes += text.value.len();
        if !text.value.is_empty()
            && self.drawing.texts.len() < limits.texts_max
            && self.text_bytes <= limits.text_bytes_max
        {
            self.drawing.texts.push(text);
        }
    }

    /// Puts an INSERT of model space into the drawing.
    pub(super) fn explode(&mut self, standing: &Standing<'a>, sources: Sources<'_, 'a>) {
        let scope = Scope {
            map: Affine::IDENTITY,
            layer: standing.layer,
            is_frozen: false,
            is_shown_only: false,
        };
        self.insert(standing, &scope, sources);
    }

    /// Shows a dimension's lines, which stand in the drawing's coordinates.
    pub(super) fn show(&mut self, block: BlockId, layer: LayerId, sources: Sources<'_, 'a>) {
        let scope = Scope {
            map: Affine::IDENTITY,
            layer,
            is_frozen: sources.layers.is_frozen(layer),
            is_shown_only: true,
        };
        if let Some(definition) = sources.blocks.get(block) {
            self.path.push(block);
            self.content(&definition.content, &scope, sources);
            self.path.pop();
        }
    }

    fn insert(&mut self, standing: &Standing<'a>, outer: &Scope, sources: Sources<'_, 'a>) {
        let scope = outer.within(standing.layer, sources.layers);
        let Some((id, block)) = standing
            .target
            .and_then(|id| Some((id, sources.blocks.get(id)?)))
        else {
            return self.trouble(Trouble::Missing, standing.line);
        };
        if self.path.contains(&id) {
            return self.trouble(Trouble::Cycle, standing.line);
        }
        if self.path.len() >= sources.limits.insert_depth_max {
            return self.trouble(Trouble::Depth, standing.line);
        }
        let is_shown_only = scope.is_shown_only || is_drawn_by_cad(&block.name);
        self.path.push(id);
        for map in standing.insert.places(block.base, &outer.map) {
            if !self.spend(sources.limits, standing.line) {
                break;
            }
            if !reaches(&map, block.content.farthest) {
                self.trouble(Trouble::OutOfRange, standing.line);
                continue;
            }
            if !is_shown_only {
                self.copied(id);
            }
            let scope = Scope {
                map,
                is_shown_only,
                ..scope
            };
            self.content(&block.content, &scope, sources);
        }
        self.path.pop();
    }

    fn content(&mut self, content: &Content<'a>, scope: &Scope, sources: Sources<'_, 'a>) {
        let cut = content
            .curves
            .iter()
            .map(|curve| (curve, scope.is_shown_only));
        let shown = content.shown.iter().map(|curve| (curve, true));
        for (curve, is_shown) in cut.chain(shown) {
            if !self.spend(sources.limits, curve.origin) {
                return;
            }
            let (from, into) = (&sources.blocks.shapes, &mut self.drawing);
            let Ok(shape) = placed(from, curve.shape, &scope.map, into, sources.limits) else {
                return self.trouble(Trouble::Budget, curve.origin);
            };
            let curve = Curve {
                shape,
                layer: scope.layer_of(curve.layer, sources.layers),
                origin: curve.origin,
            };
            if is_shown {
                self.drawing.background.push(curve);
            } else {
                self.drawing.curves.push(curve);
            }
        }
        if !scope.is_shown_only {
            self.notes(content, scope, sources);
            for (kind, passed) in &content.left_out {
                pass(&mut self.left_out, kind, *passed);
            }
        }
        for standing in &content.inserts {
            self.insert(standing, scope, sources);
        }
    }

    fn notes(&mut self, content: &Content<'a>, scope: &Scope, sources: Sources<'_, 'a>) {
        let attributes = content.inserts.iter().flat_map(|standing| {
            let attributes = standing.insert.attributes.iter();
            attributes.map(move |attribute| (&attribute.value, standing.layer, attribute.place))
        });
        let texts = content.texts.iter();
        let texts = texts.map(|text| (&text.value, text.layer, text.place));
        for (value, layer, place) in texts.chain(attributes) {
            if !self.spend(sources.limits, 0) {
                return;
            }
            let text = Text {
                value: value.clone(),
                layer: scope.layer_of(layer, sources.layers),
                place: scope.map.apply(place),
            };
            self.text(text, sources.limits);
        }
    }

    /// Takes one from the budget; nothing is left when this is false.
    fn spend(&mut self, limits: &Limits, line: u32) -> bool {
        if self.spent >= limits.exploded_max {
            self.trouble(Trouble::Budget, line);
            return false;
        }
        self.spent += 1;
        true
    }

    fn copied(&mut self, id: BlockId) {
        if self.copies.len() <= id.0 {
            self.copies.resize(id.0 + 1, 0);
        }
        if let Some(copies) = self.copies.get_mut(id.0) {
            *copies += 1;
        }
    }

    fn trouble(&mut self, trouble: Trouble, line: u32) {
        let entry = self
            .troubles
            .entry(trouble)
            .or_insert(Passed { count: 0, line });
        entry.count += 1;
    }

    /// Says what INSERTs did not bring, and counts them as not measured.
    pub(super) fn report(&mut self, limits: &Limits, remarks: &mut Remarks) {
        for (trouble, passed) in &self.troubles {
            let message = trouble.sentence(passed.count, limits);
            remarks.at(trouble.severity(), trouble.code(), passed.line, message);
            self.drawing.truncated |= *trouble == Trouble::Budget;
            pass(&mut self.left_out, b"INSERT", *passed);
        }
        for (kind, passed) in &self.left_out {
            *self.drawing.not_measured.entry(name(kind)).or_default() += passed.count;
        }
    }
}

impl Scope {
    fn layer_of(&self, layer: LayerId, layers: &Layers<'_>) -> LayerId {
        if self.is_frozen || layers.is_zero(layer) {
            self.layer
        } else {
            layer
        }
    }

    /// The scope of an INSERT on this layer.
    fn within(&self, layer: LayerId, layers: &Layers<'_>) -> Self {
        let layer = self.layer_of(layer, layers);
        Self {
            layer,
            is_frozen: self.is_frozen || layers.is_frozen(layer),
            ..*self
        }
    }
}

/// Blocks that CAD programs make for themselves: `*D1` holds a dimension's lines, `*X1` an old hatch's.
fn is_drawn_by_cad(block: &str) -> bool {
    let mut characters = block.chars();
    characters.next() == Some('*')
        && matches!(characters.next(), Some('D' | 'd' | 'X' | 'x'))
        && characters.all(|character| character.is_ascii_digit())
}

/// Whether a map keeps what lies within this distance of the origin within what coordinates may be, and of some size.
fn reaches(map: &Affine, farthest: f64) -> bool {
    let Affine { a, b, c, d, e, f } = *map;
    let across = (a.abs() + c.abs()) * farthest + e.abs();
    let up = (b.abs() + d.abs()) * farthest + f.abs();
    // Also false for what is no number.
    let scale = [a, b, c, d]
        .into_iter()
        .fold(0.0, |most: f64, part| most.max(part.abs()));
    map.is_finite() && scale >= SCALE_MIN && across <= COORDINATE_MAX && up <= COORDINATE_MAX
}

impl Trouble {
    fn code(self) -> &'static str {
        match self {
            Self::Missing => "block_missing",
            Self::Cycle => "block_cycle",
            Self::Depth => "insert_depth_max",
            Self::OutOfRange => "coordinate_out_of_range",
            Self::Budget => "exploded_max",
        }
    }

    fn severity(self) -> Severity {
        match self {
            Self::Budget => Severity::Error,
            _ => Severity::Warning,
        }
    }

    fn sentence(self, count: u64, limits: &Limits) -> String {
        match self {
            Self::Missing => format!("{count} INSERT of blocks that are not in the file"),
            Self::Cycle => format!("{count} INSERT of a block in itself left out"),
            Self::Depth => format!(
                "{count} INSERT left out: blocks stand in blocks deeper than {}",
                limits.insert_depth_max
            ),
            Self::OutOfRange => format!(
                "{count} copies of blocks left out: they lie beyond 1e15, or come to nothing"
            ),
            Self::Budget => format!(
                "blocks hold more than the limits of {} copies, {} vertices and {} pieces: the rest is left out",
                limits.exploded_max, limits.vertices_max, limits.pieces_max
            ),
        }
    }
}
