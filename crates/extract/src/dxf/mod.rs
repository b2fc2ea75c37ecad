//! Reads DXF, R12 to 2018, text and binary, into a [`Drawing`]: one streaming pass, nothing copied but what is kept, blocks read when they are
//! inserted.
//! A broken entity costs that entity and a diagnostic; only what is no DXF at all is an error.
//!
//! One file per concern: `pairs` (group codes), `fields` (one entity), then a file per family of entities. A new entity
//! is a function from `Fields` to a shape and a line in `entity`.

mod bezier;
mod binary;
mod blocks;
mod curves;
mod ending;
mod entity;
mod explode;
mod fields;
mod fit;
mod hatch;
mod header;
mod insert;
mod layers;
mod note;
mod number;
mod pairs;
mod place;
mod plane;
mod polyline;
mod reader;
mod remarks;
mod shared;
mod spline;
mod tally;
mod text;

pub use header::Header;
pub(crate) use pairs::looks_like;

use crate::diagnostic::Diagnostics;
use crate::drawn::{Drawn, Extras};
use crate::error::ExtractError;
use crate::extraction::BlockUse;
use crate::kind::Kind;
use crate::limits::Limits;
use drawing::{Drawing, LayerRules, UnitClues};

/// A file as read: coordinates in the file's own units.
#[derive(Clone, Debug)]
pub struct Reading {
    pub header: Header,
    pub drawing: Drawing,
    /// Blocks that the file defines, but those that CAD programs make for themselves.
    pub blocks: Vec<BlockUse>,
    /// Entities on sheets of paper; they are counted, no more.
    pub paper_space_entities: u64,
    pub diagnostics: Diagnostics,
}

/// Reads a whole file.
///
/// # Errors
/// [`ExtractError::NotDxf`] when there is no section in it.
pub fn read(bytes: &[u8], rules: &LayerRules, limits: &Limits) -> Result<Reading, ExtractError> {
    reader::Reader::new(bytes, rules, limits).read()
}

/// Whether a file's first bytes are a DXF's, text or binary.
pub(crate) fn sniff(head: &[u8]) -> bool {
    binary::is_binary(head) || looks_like(head)
}

impl Reading {
    pub(crate) fn into_drawn(self) -> Drawn {
        let Self {
            header,
            drawing,
            blocks,
            paper_space_entities,
            diagnostics,
        } = self;
        Drawn {
            kind: Kind::Dxf,
            clues: UnitClues {
                header: header.unit(),
                metric: header.metric,
                millimetre_writer: is_lightburn(&header, &drawing),
                ..UnitClues::default()
            },
            format_version: Some(header.version).filter(|version| !version.is_empty()),
            drawing,
            paper_space_entities,
            extras: Extras {
                blocks,
                ..Extras::default()
            },
            diagnostics,
        }
    }
}

/// LightBurn exports R12 without units, always in millimetres, on layers named `Layer_N`.
fn is_lightburn(header: &Header, drawing: &Drawing) -> bool {
    let numbered = |name: &str| {
        let number = name.strip_prefix("Layer_");
        number.is_some_and(|number| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    header.version == "AC1009"
        && header.insunits.is_none()
        && header.metric.is_none()
        && !drawing.layers.is_empty()
        && drawing.layers.iter().all(|layer| numbered(&layer.name))
}
