//! Reads LightBurn projects (`.lbrn`, `.lbrn2`) into a [`Drawing`] in millimetres, Y up, and what the program knows
//! besides. The format is XML without a published description; every rule here was seen in real files. A broken shape
//! costs that shape and a diagnostic; only what holds no project is an error.
//!
//! `entity_counts` counts every `Shape` by its `Type`, at any depth, groups among them; the outline inside a text is no
//! shape of its own.
//!
//! One file per concern: `xml` (the stream), `reader` (the walk), `frame` (one shape), `lists` (corners and pieces),
//! `pen` (geometry), `properties` (what is no shape), `settings` (layers), `remarks` (diagnostics).

mod frame;
mod lists;
mod pen;
mod properties;
mod reader;
mod remarks;
mod section;
mod settings;
mod thumbnail;
mod xml;

pub use section::{CutSetting, LightburnSection};

use crate::diagnostic::Diagnostics;
use crate::drawn::{Drawn, Extras};
use crate::error::ExtractError;
use crate::facts::{Fact, Facts, Source};
use crate::kind::Kind;
use crate::limits::Limits;
use crate::outcome::{Preview, PreviewForm};
use drawing::{Drawing, LayerRules, UnitClues};

/// A project as read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// `0` for `.lbrn`, `1` for `.lbrn2`.
    pub format_version: Option<String>,
    pub section: LightburnSection,
    /// The PNG that the file carries of itself.
    pub thumbnail: Option<Vec<u8>>,
    pub drawing: Drawing,
    pub diagnostics: Diagnostics,
}

/// Reads a whole file.
///
/// # Errors
/// [`ExtractError::NotLightburn`] when there is no project in it, [`ExtractError::XmlDoctype`] when it declares a
/// document type.
pub fn read(bytes: &[u8], rules: &LayerRules, limits: &Limits) -> Result<Reading, ExtractError> {
    reader::Reader::new(limits).read(&xml::decode(bytes), rules)
}

/// Where the root element must begin.
const HEAD_BYTES: usize = 4_096;

/// Whether a file's first bytes are a project's, in any encoding.
pub(crate) fn looks_like(head: &[u8]) -> bool {
    let text = xml::decode(head.get(..HEAD_BYTES).unwrap_or(head));
    let text = text.trim_start().to_ascii_lowercase();
    text.starts_with('<') && text.contains("<lightburnproject") && !text.contains("<html")
}

/// How sure the height set for focusing is the thickness of the material.
const HEIGHT_CONFIDENCE: f64 = 0.4;

impl Reading {
    pub(crate) fn into_drawn(self) -> Drawn {
        let height = self
            .section
            .material_height_mm
            .filter(|height| *height > 0.0);
        let thickness = height.map(|height| {
            let evidence = format!("MaterialHeight {height}");
            Fact::new(height, Source::Geometry, evidence, HEIGHT_CONFIDENCE)
        });
        let notes = self.section.notes.iter().flat_map(|notes| notes.lines());
        Drawn {
            kind: Kind::Lightburn,
            format_version: self.format_version,
            clues: UnitClues {
                millimetre_writer: true,
                ..UnitClues::default()
            },
            paper_space_entities: 0,
            extras: Extras {
                notes: notes.map(str::to_owned).collect(),
                readings: thickness
                    .map(|thickness| Facts {
                        thickness_mm: Some(thickness),
                        ..Facts::default()
                    })
                    .into_iter()
                    .collect(),
                preview: self
                    .thumbnail
                    .filter(|_| self.drawing.curves.is_empty())
                    .map(|bytes| Preview {
                        form: PreviewForm::Png,
                        bytes,
                    }),
                lightburn: Some(self.section),
                ..Extras::default()
            },
            drawing: self.drawing,
            diagnostics: self.diagnostics,
        }
    }
}
