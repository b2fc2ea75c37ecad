//! What reading an entity takes besides the entity, in model space and in blocks alike: layers, encoding, limits, and
//! the list of remarks. Never decides what becomes of what was read.

use super::entity::{Found, has_length, read_entity};
use super::fields::{Common, Defect, Fields, Repair};
use super::layers::Layers;
use super::pairs::{Pairs, Record};
use super::remarks::Remarks;
use super::tally::name;
use crate::diagnostic::Severity;
use crate::limits::Limits;
use drawing::Drawing;
use encoding_rs::Encoding;

pub(super) struct Shared<'a> {
    pub(super) limits: &'a Limits,
    pub(super) encoding: &'static Encoding,
    pub(super) layers: Layers<'a>,
    /// Handles of the blocks that are sheets of paper.
    pub(super) papers: Vec<&'a [u8]>,
    pub(super) remarks: Remarks,
    /// Entities read, wherever they stand.
    pub(super) entities: u64,
}

/// An entity as read.
pub(super) struct Taken<'a> {
    pub(super) common: Common<'a>,
    /// Nothing when it is defective, which has been said.
    pub(super) found: Option<Found<'a>>,
    /// Lengths are wrong by it, although something may have been found.
    pub(super) is_left_out: bool,
}

impl<'a> Shared<'a> {
    /// Reads an entity to its end. What it does not need of the drawing's lists is taken back.
    pub(super) fn take(
        &mut self,
        record: Record<'a>,
        pairs: &mut Pairs<'a>,
        shapes: &mut Drawing,
    ) -> Taken<'a> {
        self.entities += 1;
        let before = (
            shapes.vertices.len(),
            shapes.pieces.len(),
            shapes.ellipses.len(),
        );
        let mut fields = Fields::new(pairs);
        let found = read_entity(record.name, &mut fields, shapes, self.encoding, self.limits);
        let (mut common, repair) = (fields.common, fields.repair);
        common.paper |= common
            .owner
            .is_some_and(|owner| self.papers.contains(&owner));
        if common.paper || !matches!(found, Ok(Found::Shape(_) | Found::Shown(_))) {
            shapes.vertices.truncate(before.0);
            shapes.pieces.truncate(before.1);
            shapes.ellipses.truncate(before.2);
        }
        if common.paper {
            return Taken {
                common,
                found: None,
                is_left_out: false,
            };
        }
        let mut is_left_out = repair == Some(Repair::Tilted);
        if let (Some(repair), Ok(_)) = (repair, &found) {
            let message = format!("{}: {}", name(record.name), repair.sentence());
            self.remarks
                .at(Severity::Warning, repair.code(), record.line, message);
        }
        let found = found
            .map_err(|defect| is_left_out = self.defect(record, defect))
            .ok();
        Taken {
            common,
            found,
            is_left_out,
        }
    }

    /// Says what is wrong; answers whether a length is missing by it.
    fn defect(&mut self, record: Record<'_>, defect: Defect) -> bool {
        let line = defect.line().unwrap_or(record.line);
        let message = format!("{} left out: {}", name(record.name), defect.sentence());
        self.remarks
            .at(Severity::Warning, defect.code(), line, message);
        has_length(record.name) && defect != Defect::Degenerate
    }
}
