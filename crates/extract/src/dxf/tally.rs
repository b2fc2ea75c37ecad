//! What was counted, passed over and left out, by type, with the place of the first; and how that is said at the end.
//! Never more types than a limit.

use super::remarks::Remarks;
use crate::diagnostic::Severity;
use drawing::Drawing;
use std::collections::{BTreeMap, HashMap};

/// How many of a kind, and where the first of them is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Passed {
    pub(super) count: u64,
    pub(super) line: u32,
}

/// Counts by entity type.
pub(super) type ByType<'a> = BTreeMap<&'a [u8], Passed>;

/// Entity types beyond this many different ones are counted under one name.
const TYPES_MAX: usize = 256;
const OTHER_TYPES: &[u8] = b"OTHER";

#[derive(Default)]
pub(super) struct Tally<'a> {
    counts: HashMap<&'a [u8], u64>,
    /// Not read, and may have a length.
    pub(super) not_measured: ByType<'a>,
    /// Known, and nothing to cut.
    pub(super) not_cut: ByType<'a>,
}

impl<'a> Tally<'a> {
    /// Counts an entity of model space.
    pub(super) fn count(&mut self, name: &'a [u8]) {
        let name = if self.counts.len() < TYPES_MAX || self.counts.contains_key(name) {
            name
        } else {
            OTHER_TYPES
        };
        *self.counts.entry(name).or_default() += 1;
    }

    /// Says what was passed over, and hands the counts to the drawing.
    pub(super) fn report(self, drawing: &mut Drawing, remarks: &mut Remarks) {
        for (kind, passed) in &self.not_cut {
            let message = match *kind {
                b"POINT" => format!(
                    "{} POINT counted, not cut: they may be drill marks",
                    passed.count
                ),
                kind => format!("{} {} counted, not cut", passed.count, name(kind)),
            };
            remarks.at(Severity::Info, "not_cut", passed.line, message);
        }
        for (kind, passed) in &self.not_measured {
            *drawing.not_measured.entry(name(kind)).or_default() += passed.count;
            let message = format!(
                "{} {} not measured: lengths are incomplete",
                passed.count,
                name(kind)
            );
            remarks.at(Severity::Warning, "not_measured", passed.line, message);
        }
        drawing.entity_counts = self
            .counts
            .iter()
            .map(|(kind, count)| (name(kind), *count))
            .collect();
    }
}

/// Adds to the count of a type.
pub(super) fn pass<'a>(counts: &mut ByType<'a>, kind: &'a [u8], passed: Passed) {
    let kind = if counts.len() < TYPES_MAX || counts.contains_key(kind) {
        kind
    } else {
        OTHER_TYPES
    };
    let entry = counts.entry(kind).or_insert(Passed { count: 0, ..passed });
    entry.count = entry.count.saturating_add(passed.count);
}

/// An entity type's name, fit to be shown.
pub(super) fn name(kind: &[u8]) -> String {
    let kept: Vec<u8> = kind
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_control())
        .take(64)
        .collect();
    String::from_utf8_lossy(&kept).into_owned()
}
