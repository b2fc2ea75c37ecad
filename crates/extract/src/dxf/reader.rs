//! Walks a file's sections and builds the drawing. Never judges the result: units and measures are others' work.

use super::entity::{Found, has_length, read_entity};
use super::fields::{Defect, Fields};
use super::header::Header;
use super::layers::Layers;
use super::pairs::{Pairs, Record};
use super::{Reading, at_line};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::error::ExtractError;
use crate::limits::Limits;
use drawing::{Curve, Drawing, LayerId, LayerRules, Point, Text};
use encoding_rs::Encoding;
use std::collections::{BTreeMap, HashMap};

/// How many entities of a type were passed over, and where the first of them is.
#[derive(Clone, Copy, Default)]
struct Passed {
    count: u64,
    line: u32,
}

pub(super) struct Reader<'a> {
    pairs: Pairs<'a>,
    limits: &'a Limits,
    header: Header,
    encoding: &'static Encoding,
    layers: Layers<'a>,
    drawing: Drawing,
    counts: HashMap<&'a [u8], u64>,
    not_measured: BTreeMap<&'a [u8], Passed>,
    not_cut: BTreeMap<&'a [u8], Passed>,
    entities: u64,
    paper_space: u64,
    text_bytes: usize,
    sections: u64,
    diagnostics: Diagnostics,
}

/// Entity types beyond this many different ones are counted under this name.
const TYPES_MAX: usize = 256;
const OTHER_TYPES: &[u8] = b"OTHER";

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], rules: &'a LayerRules, limits: &'a Limits) -> Self {
        Self {
            pairs: Pairs::new(bytes),
            limits,
            encoding: Header::default().encoding(),
            header: Header::default(),
            layers: Layers::new(rules, limits.layers_max),
            drawing: Drawing::default(),
            counts: HashMap::new(),
            not_measured: BTreeMap::new(),
            not_cut: BTreeMap::new(),
            entities: 0,
            paper_space: 0,
            text_bytes: 0,
            sections: 0,
            diagnostics: Diagnostics::new(limits.diagnostics_max),
        }
    }

    pub(super) fn read(mut self) -> Result<Reading, ExtractError> {
        let mut section: &[u8] = b"";
        // Whether the last record closed a section, so that nothing is missing but the end mark.
        let (mut closed, mut ended) = (true, false);
        while let Some(record) = self.pairs.record() {
            closed = false;
            match (record.name, section) {
                (b"EOF", _) => {
                    ended = true;
                    break;
                }
                (b"SECTION", _) => section = self.section(),
                (b"ENDSEC", _) => (section, closed) = (b"", true),
                (b"LAYER", b"TABLES") => self.layers.read_entry(&mut self.pairs, self.encoding),
                (_, b"ENTITIES") => {
                    if self.entities >= self.limits.entities_max {
                        self.over_entities(record);
                        ended = true;
                        break;
                    }
                    self.entity(record);
                }
                _ => {}
            }
        }
        if self.sections == 0 {
            return Err(ExtractError::NotDxf);
        }
        self.ending(closed, ended);
        Ok(self.finish())
    }

    fn section(&mut self) -> &'a [u8] {
        self.sections += 1;
        let name = match self.pairs.field() {
            Some(pair) if pair.code == 2 => pair.value.trim_ascii(),
            _ => b"",
        };
        if name == b"HEADER" {
            self.header.read(&mut self.pairs);
            self.encoding = self.header.encoding();
        }
        name
    }

    fn entity(&mut self, record: Record<'a>) {
        // They belong to the POLYLINE or INSERT before them.
        if matches!(record.name, b"VERTEX" | b"SEQEND" | b"ATTRIB") {
            return;
        }
        self.entities += 1;
        let vertices_before = self.drawing.vertices.len();
        let mut fields = Fields::new(&mut self.pairs);
        let found = read_entity(
            record.name,
            &mut fields,
            &mut self.drawing,
            self.encoding,
            self.limits,
        );
        let common = fields.common;
        if common.paper {
            self.paper_space += 1;
            self.drawing.vertices.truncate(vertices_before);
            return;
        }
        let layer = self.layers.id(common.layer, self.encoding);
        self.count(record.name);
        match found {
            Ok(Found::Shape(shape)) => self.drawing.curves.push(Curve {
                shape,
                layer,
                origin: record.line,
            }),
            other => {
                self.drawing.vertices.truncate(vertices_before);
                self.other(record, layer, other);
            }
        }
    }

    fn other(&mut self, record: Record<'a>, layer: LayerId, found: Result<Found, Defect>) {
        let passed = match found {
            Ok(Found::Text(value, place)) => return self.text(value, layer, place),
            Ok(Found::NotCut) => &mut self.not_cut,
            Ok(Found::NotMeasured) => &mut self.not_measured,
            Ok(Found::Shape(_)) => return,
            Err(defect) => return self.defect(record, defect),
        };
        pass(passed, record);
    }

    fn count(&mut self, name: &'a [u8]) {
        let name = if self.counts.len() < TYPES_MAX || self.counts.contains_key(name) {
            name
        } else {
            OTHER_TYPES
        };
        *self.counts.entry(name).or_default() += 1;
    }

    fn text(&mut self, value: String, layer: LayerId, place: Point) {
        self.text_bytes += value.len();
        if value.is_empty()
            || self.drawing.texts.len() >= self.limits.texts_max
            || self.text_bytes > self.limits.text_bytes_max
        {
            return;
        }
        self.drawing.texts.push(Text {
            value,
            layer,
            place,
        });
    }

    fn defect(&mut self, record: Record<'a>, defect: Defect) {
        let kind = name(record.name);
        let line = defect.line().unwrap_or(record.line);
        let message = format!("{kind} left out: {}", defect.sentence());
        self.diagnostics
            .push(|| at_line(Severity::Warning, defect.code(), line, message));
        if has_length(record.name) && defect != Defect::Degenerate {
            *self.drawing.not_measured.entry(kind).or_default() += 1;
        }
    }

    fn over_entities(&mut self, record: Record<'a>) {
        self.drawing.truncated = true;
        let message = format!(
            "more than {} entities: the rest is not read",
            self.limits.entities_max
        );
        self.diagnostics
            .push(|| at_line(Severity::Error, "entities_max", record.line, message));
    }

    /// Says how the file ends.
    fn ending(&mut self, closed: bool, ended: bool) {
        let line = self.pairs.line();
        if !ended && !closed {
            self.drawing.truncated = true;
            let message = "the file ends in the middle of a section: it may have been cut off";
            self.diagnostics.push(|| {
                at_line(Severity::Error, "file_truncated", line, message)
                    .hint("export or upload it again")
            });
        } else if !ended {
            self.diagnostics.push(|| {
                at_line(
                    Severity::Info,
                    "eof_missing",
                    line,
                    "the end mark is missing",
                )
            });
        }
        let junk = self
            .pairs
            .unread()
            .iter()
            .filter(|byte| !matches!(byte, b'\n' | b'\r' | b' ' | b'\t' | 0x1A | 0))
            .count();
        if ended && !self.drawing.truncated && junk > 0 {
            self.diagnostics.push(|| {
                at_line(
                    Severity::Info,
                    "junk_after_eof",
                    line,
                    "what follows the end mark is not read",
                )
            });
        }
        let damage = self.pairs.damage;
        if damage.places > 0 {
            let message = format!(
                "{} unreadable lines in {} places",
                damage.skipped, damage.places
            );
            self.diagnostics.push(|| {
                at_line(
                    Severity::Warning,
                    "lines_unreadable",
                    damage.first_line,
                    message,
                )
            });
        }
    }

    fn finish(mut self) -> Reading {
        for (kind, passed) in &self.not_cut {
            let message = format!("{} {} counted, not cut", passed.count, name(kind));
            self.diagnostics
                .push(|| at_line(Severity::Info, "not_cut", passed.line, message));
        }
        for (kind, passed) in &self.not_measured {
            *self.drawing.not_measured.entry(name(kind)).or_default() += passed.count;
            let message = format!(
                "{} {} not measured yet: lengths are incomplete",
                passed.count,
                name(kind)
            );
            self.diagnostics
                .push(|| at_line(Severity::Warning, "not_measured", passed.line, message));
        }
        if self.paper_space > 0 {
            let message = format!(
                "{} entities on paper sheets are not part of the drawing",
                self.paper_space
            );
            self.diagnostics
                .push(|| Diagnostic::new(Severity::Info, "paper_space", message));
        }
        if self.layers.refused > 0 {
            let message = format!(
                "more than {} layers: the rest counts as one",
                self.limits.layers_max
            );
            self.diagnostics
                .push(|| Diagnostic::new(Severity::Warning, "layers_max", message));
        }
        self.drawing.layers = self.layers.list;
        self.drawing.entity_counts = self
            .counts
            .iter()
            .map(|(kind, count)| (name(kind), *count))
            .collect();
        self.drawing.curves.shrink_to_fit();
        Reading {
            header: self.header,
            drawing: self.drawing,
            paper_space_entities: self.paper_space,
            diagnostics: self.diagnostics,
        }
    }
}

fn pass<'a>(passed: &mut BTreeMap<&'a [u8], Passed>, record: Record<'a>) {
    let kind = if passed.len() < TYPES_MAX || passed.contains_key(record.name) {
        record.name
    } else {
        OTHER_TYPES
    };
    let entry = passed.entry(kind).or_insert(Passed {
        count: 0,
        line: record.line,
    });
    entry.count += 1;
}

/// An entity type's name, fit to be shown.
fn name(kind: &[u8]) -> String {
    let kept: Vec<u8> = kind
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_control())
        .take(64)
        .collect();
    String::from_utf8_lossy(&kept).into_owned()
}
