//! The end of a reading: what waited for blocks is placed, what is odd about the file's end is said, and everything is
//! handed over. Never reads entities.

use super::Reading;
use super::pairs::Record;
use super::reader::Reader;
use crate::diagnostic::{Diagnostic, Severity};
use crate::extraction::BlockUse;

impl<'a> Reader<'a> {
    /// Places what came before the blocks: what is not there now is missing.
    pub(super) fn place_waiting(&mut self) {
        self.blocks.is_complete = true;
        for waiting in std::mem::take(&mut self.waiting) {
            self.place(waiting);
        }
    }

    pub(super) fn over_entities(&mut self, record: Record<'a>) {
        self.model.drawing.truncated = true;
        let message = format!(
            "more than {} entities: the rest is not read",
            self.shared.limits.entities_max
        );
        let remarks = &mut self.shared.remarks;
        remarks.at(Severity::Error, "entities_max", record.line, message);
    }

    /// Says how the file ends.
    pub(super) fn ending(&mut self, closed: bool, ended: bool) {
        let line = self.pairs.line();
        let remarks = &mut self.shared.remarks;
        if !ended && !closed {
            self.model.drawing.truncated = true;
            let message = "the file ends in the middle of a section: it may have been cut off";
            remarks.list.push(|| {
                Diagnostic::new(Severity::Error, "file_truncated", message)
                    .at_line(u64::from(line))
                    .hint("export or upload it again")
            });
        } else if !ended {
            let message = "the end mark is missing";
            remarks.at(Severity::Info, "eof_missing", line, message);
        }
        let junk = self
            .pairs
            .unread()
            .iter()
            .any(|byte| !matches!(byte, b'\n' | b'\r' | b' ' | b'\t' | 0x1A | 0));
        if ended && !self.model.drawing.truncated && junk {
            let message = "what follows the end mark is not read";
            remarks.at(Severity::Info, "junk_after_eof", line, message);
        }
        let damage = self.pairs.damage;
        if damage.places > 0 {
            let what = if self.pairs.is_binary() {
                "bytes"
            } else {
                "lines"
            };
            let message = format!(
                "{} unreadable {what} in {} places",
                damage.skipped, damage.places
            );
            remarks.at(
                Severity::Warning,
                "lines_unreadable",
                damage.first_line,
                message,
            );
        }
        if self.astray.count > 0 {
            let message = format!(
                "{} entities stand outside any section: they are read as part of the drawing",
                self.astray.count
            );
            remarks.at(
                Severity::Warning,
                "section_missing",
                self.astray.line,
                message,
            );
        }
    }

    pub(super) fn finish(mut self) -> Reading {
        let remarks = &mut self.shared.remarks;
        let drawing = &mut self.model.drawing;
        self.tally.report(drawing, remarks);
        let blocks = listed(
            &self.blocks,
            &self.model.copies,
            self.shared.limits.blocks_listed_max,
        );
        self.model.report(self.shared.limits, remarks);
        let mut drawing = self.model.drawing;
        if self.paper_space > 0 {
            let (severity, code, what) = if drawing.curves.is_empty() {
                (
                    Severity::Warning,
                    "only_paper_space",
                    "nothing to cut is in model space",
                )
            } else {
                (
                    Severity::Info,
                    "paper_space",
                    "they are not part of the drawing",
                )
            };
            let message = format!("{} entities are on paper sheets: {what}", self.paper_space);
            remarks.whole(severity, code, message);
        }
        let limits = self.shared.limits;
        for (refused, code, what, most) in [
            (
                self.shared.layers.refused,
                "layers_max",
                "layers",
                limits.layers_max,
            ),
            (
                self.blocks.refused,
                "blocks_max",
                "blocks",
                limits.blocks_max,
            ),
        ] {
            if refused > 0 {
                let message = format!("more than {most} {what}: the rest is not told apart");
                remarks.whole(Severity::Warning, code, message);
            }
        }
        drawing.layers = self.shared.layers.list;
        drawing.curves.shrink_to_fit();
        Reading {
            header: self.header,
            drawing,
            blocks,
            paper_space_entities: self.paper_space,
            diagnostics: self.shared.remarks.list,
        }
    }
}

/// The blocks that people made, in the file's order.
fn listed(
    blocks: &super::blocks::Blocks<'_>,
    copies: &[u64],
    blocks_listed_max: usize,
) -> Vec<BlockUse> {
    let copies = copies.iter().copied().chain(std::iter::repeat(0));
    blocks
        .iter()
        .zip(copies)
        .filter(|(block, _)| !block.name.starts_with(['*', '$']))
        .take(blocks_listed_max)
        .map(|(block, inserts)| BlockUse {
            name: block.name.clone(),
            inserts,
        })
        .collect()
}
