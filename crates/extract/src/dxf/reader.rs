//! Walks a file's sections and builds the drawing. Never judges the result: units and measures are others' work.

use super::Reading;
use super::blocks::{Blocks, Standing};
use super::entity::Found;
use super::explode::{Model, Sources};
use super::header::Header;
use super::layers::Layers;
use super::pairs::{Pairs, Record};
use super::remarks::Remarks;
use super::shared::Shared;
use super::tally::{Passed, Tally, pass};
use crate::error::ExtractError;
use crate::limits::Limits;
use drawing::{Curve, LayerId, LayerRules, Text};

pub(super) struct Reader<'a> {
    pub(super) pairs: Pairs<'a>,
    pub(super) header: Header,
    pub(super) shared: Shared<'a>,
    pub(super) blocks: Blocks<'a>,
    pub(super) model: Model<'a>,
    pub(super) tally: Tally<'a>,
    /// INSERTs and dimensions that come before the blocks.
    pub(super) waiting: Vec<Waiting<'a>>,
    pub(super) paper_space: u64,
    pub(super) sections: u64,
    /// Entities outside any section, and where the first is.
    pub(super) astray: Passed,
}

pub(super) enum Waiting<'a> {
    Insert(Standing<'a>),
    Dimension(&'a [u8], LayerId),
}

const COMMENT: i16 = 999;
/// Sheets of paper whose handles are kept.
const PAPERS_MAX: usize = 256;
/// Entities that are read wherever they stand, as when a section's beginning is lost.
const DRAWN: [&[u8]; 10] = [
    b"LINE",
    b"CIRCLE",
    b"ARC",
    b"ELLIPSE",
    b"LWPOLYLINE",
    b"POLYLINE",
    b"SPLINE",
    b"INSERT",
    b"TEXT",
    b"MTEXT",
];

/// Where the reader is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    /// Outside, or in a section without a name.
    None,
    Tables,
    Blocks,
    /// In the block that model space is.
    ModelBlock,
    Entities,
    Other,
}

impl Section {
    fn holds_entities(self) -> bool {
        matches!(self, Self::None | Self::ModelBlock | Self::Entities)
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], rules: &'a LayerRules, limits: &'a Limits) -> Self {
        let pairs = Pairs::new(bytes);
        Self {
            shared: Shared {
                limits,
                encoding: Header::default().encoding(),
                layers: Layers::new(rules, limits.layers_max),
                papers: Vec::new(),
                remarks: Remarks::new(limits.diagnostics_max, pairs.is_binary()),
                entities: 0,
            },
            pairs,
            header: Header::default(),
            blocks: Blocks::default(),
            model: Model::default(),
            tally: Tally::default(),
            waiting: Vec::new(),
            paper_space: 0,
            sections: 0,
            astray: Passed::default(),
        }
    }

    pub(super) fn read(mut self) -> Result<Reading, ExtractError> {
        let mut section = Section::None;
        // Whether the last record closed a section, so that nothing is missing but the end mark.
        let (mut closed, mut ended) = (true, false);
        while let Some(record) = self.pairs.record() {
            closed = false;
            match record.name {
                b"EOF" => {
                    ended = true;
                    break;
                }
                b"SECTION" => section = self.section(record, section),
                b"ENDSEC" => {
                    self.end_section(section);
                    (section, closed) = (Section::None, true);
                }
                _ if self.is_full() && section.holds_entities() => {
                    self.over_entities(record);
                    ended = true;
                    break;
                }
                _ => section = self.record(record, section),
            }
        }
        if self.sections == 0 {
            return Err(ExtractError::NotDxf);
        }
        self.place_waiting();
        self.ending(closed, ended);
        Ok(self.finish())
    }

    fn is_full(&self) -> bool {
        self.shared.entities >= self.shared.limits.entities_max
    }

    fn section(&mut self, record: Record<'a>, current: Section) -> Section {
        let mut first = self.pairs.field();
        while first.is_some_and(|pair| pair.code == COMMENT) {
            first = self.pairs.field();
        }
        let name = match first {
            Some(pair) if pair.code == 2 => pair.word(),
            // A section plane is an entity of this very name; it has a handle, and no name.
            Some(_) if matches!(current, Section::Entities | Section::ModelBlock) => {
                self.entity(record);
                return current;
            }
            Some(_) if current == Section::Blocks => return current,
            _ => b"",
        };
        self.sections += 1;
        self.end_section(current);
        match name {
            b"HEADER" => {
                self.header.read(&mut self.pairs);
                self.shared.encoding = self.header.encoding();
                Section::Other
            }
            b"TABLES" => Section::Tables,
            b"BLOCKS" => Section::Blocks,
            b"ENTITIES" => Section::Entities,
            b"" => Section::None,
            _ => Section::Other,
        }
    }

    fn end_section(&mut self, section: Section) {
        self.blocks.is_complete |= matches!(section, Section::Blocks | Section::ModelBlock);
    }

    /// Reads one record; answers where that leads.
    fn record(&mut self, record: Record<'a>, section: Section) -> Section {
        match (record.name, section) {
            (b"LAYER", Section::Tables) => {
                let shared = &mut self.shared;
                shared.layers.read_entry(&mut self.pairs, shared.encoding);
            }
            (b"BLOCK_RECORD", Section::Tables) => self.block_record(),
            (b"BLOCK", Section::Blocks | Section::ModelBlock) => {
                let name = self.blocks.define(&mut self.pairs, &self.shared);
                // Its entities are in ENTITIES by right; what stands here is model space all the same.
                let is_model = matches!(name.as_str(), "*model_space" | "$model_space");
                return if is_model {
                    Section::ModelBlock
                } else {
                    Section::Blocks
                };
            }
            (b"ENDBLK", Section::ModelBlock) => return Section::Blocks,
            (_, Section::Entities | Section::ModelBlock) => self.entity(record),
            (name, Section::None) if DRAWN.contains(&name) => {
                self.astray.count += 1;
                self.astray.line = match self.astray.count {
                    1 => record.line,
                    _ => self.astray.line,
                };
                self.entity(record);
            }
            _ => {}
        }
        section
    }

    /// A block's entry in the table: sheets of paper are told by their names, and entities name them by handle.
    fn block_record(&mut self) {
        let (mut handle, mut name): (&[u8], &[u8]) = (b"", b"");
        while let Some(pair) = self.pairs.field() {
            match pair.code {
                5 => handle = pair.word(),
                2 => name = pair.word(),
                _ => {}
            }
        }
        let is_paper = name
            .get(..12)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"*PAPER_SPACE"));
        if is_paper && !handle.is_empty() && self.shared.papers.len() < PAPERS_MAX {
            self.shared.papers.push(handle);
        }
    }

    fn entity(&mut self, record: Record<'a>) {
        // They belong to the POLYLINE or INSERT before them.
        if matches!(record.name, b"VERTEX" | b"SEQEND" | b"ATTRIB") {
            return;
        }
        let taken = self
            .shared
            .take(record, &mut self.pairs, &mut self.model.drawing);
        if taken.common.paper {
            self.paper_space += 1;
            return;
        }
        let layer = self
            .shared
            .layers
            .id(taken.common.layer, self.shared.encoding);
        self.tally.count(record.name);
        let passed = Passed {
            count: 1,
            line: record.line,
        };
        if taken.is_left_out {
            pass(&mut self.model.left_out, record.name, passed);
        }
        if let Some(found) = taken.found {
            self.keep(record, found, layer, passed);
        }
    }

    fn keep(&mut self, record: Record<'a>, found: Found<'a>, layer: LayerId, passed: Passed) {
        let curve = |shape| Curve {
            shape,
            layer,
            origin: record.line,
        };
        let drawing = &mut self.model.drawing;
        match found {
            Found::Shape(shape) => drawing.curves.push(curve(shape)),
            Found::Shown(shapes) => {
                drawing.background.extend(shapes.into_iter().map(curve));
                pass(&mut self.tally.not_cut, record.name, passed);
            }
            Found::Text(value, place) => {
                let text = Text {
                    value,
                    layer,
                    place,
                };
                self.model.text(text, self.shared.limits);
            }
            Found::Insert(insert) => self.place(Waiting::Insert(Standing {
                insert: *insert,
                layer,
                line: record.line,
                target: None,
            })),
            Found::Dimension(block) => {
                self.place(Waiting::Dimension(block, layer));
                pass(&mut self.tally.not_cut, record.name, passed);
            }
            Found::NotMeasured => pass(&mut self.tally.not_measured, record.name, passed),
            Found::NotCut => pass(&mut self.tally.not_cut, record.name, passed),
        }
    }

    /// Explodes what names a block, once all blocks are known.
    pub(super) fn place(&mut self, waiting: Waiting<'a>) {
        if !self.blocks.is_complete {
            self.waiting.push(waiting);
            return;
        }
        match waiting {
            Waiting::Insert(mut standing) => {
                for attribute in std::mem::take(&mut standing.insert.attributes) {
                    let shared = &mut self.shared;
                    let text = Text {
                        layer: shared.layers.id(attribute.layer, shared.encoding),
                        value: attribute.value,
                        place: attribute.place,
                    };
                    self.model.text(text, shared.limits);
                }
                standing.target = self.blocks.ready(standing.insert.block, &mut self.shared);
                let sources = sources(&self.blocks, &self.shared);
                self.model.explode(&standing, sources);
            }
            Waiting::Dimension(block, layer) => {
                if let Some(id) = self.blocks.ready(block, &mut self.shared) {
                    let sources = sources(&self.blocks, &self.shared);
                    self.model.show(id, layer, sources);
                }
            }
        }
    }
}

fn sources<'x, 'a>(blocks: &'x Blocks<'a>, shared: &'x Shared<'a>) -> Sources<'x, 'a> {
    Sources {
        blocks,
        layers: &shared.layers,
        limits: shared.limits,
    }
}
