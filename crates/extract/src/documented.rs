//! From a document as read to an Outcome: brings its words, table columns and drawing together into facts. The same for
//! every format that writes. Never parses.

use crate::Input;
use crate::diagnostic::Diagnostics;
use crate::document::{Document, PartLine};
use crate::drawn::Drawn;
use crate::extraction::Extraction;
use crate::facts::{Facts, Hints, Review, Rules};
use crate::kind::Kind;
use crate::limits::Limits;
use crate::outcome::{Outcome, Preview, Scan};

/// A document with what its format knows about it.
pub(crate) struct Documented {
    pub(crate) kind: Kind,
    pub(crate) document: Document,
    /// Lines of text that may state facts, in reading order.
    pub(crate) texts: Vec<String>,
    /// Facts that columns, fields or properties state, each with its own source and evidence.
    pub(crate) readings: Vec<Facts>,
    /// The first ones, and how many there are beyond.
    pub(crate) part_lines: Vec<PartLine>,
    pub(crate) part_lines_beyond: u64,
    /// The outline that the document draws.
    pub(crate) drawing: Option<Drawn>,
    /// Reasons of the format why a person should look.
    pub(crate) needs_review: Vec<Review>,
    pub(crate) preview: Option<Preview>,
    pub(crate) scan: Option<Scan>,
    pub(crate) diagnostics: Diagnostics,
}

impl Documented {
    pub(crate) fn new(kind: Kind, document: Document, diagnostics: Diagnostics) -> Self {
        Self {
            kind,
            document,
            texts: Vec::new(),
            readings: Vec::new(),
            part_lines: Vec::new(),
            part_lines_beyond: 0,
            drawing: None,
            needs_review: Vec::new(),
            preview: None,
            scan: None,
            diagnostics,
        }
    }

    pub(crate) fn outcome(mut self, input: &Input<'_>, rules: &Rules, limits: &Limits) -> Outcome {
        let every = |states: fn(&PartLine) -> bool| {
            !self.part_lines.is_empty() && self.part_lines.iter().all(states)
        };
        let hints = Hints {
            texts: &self.texts,
            readings: &self.readings,
            lines_state_material: every(|line| line.material.is_some()),
            lines_state_thickness: every(|line| line.thickness_mm.is_some()),
            ..Hints::default()
        };
        let measured = self.drawing.map(|drawn| drawn.measure(input, limits));
        let mut measured = measured.unwrap_or_default();
        self.diagnostics.append(measured.diagnostics);
        measured.diagnostics = self.diagnostics;
        self.needs_review.append(&mut measured.needs_review);
        measured.needs_review = self.needs_review;
        let drawn = measured.outcome(self.kind, &hints, input, rules, limits);
        let kept = u64::try_from(self.part_lines.len()).unwrap_or(u64::MAX);
        let part_lines_total = kept.saturating_add(self.part_lines_beyond);
        self.part_lines.truncate(limits.part_lines_max);
        Outcome {
            extraction: Extraction {
                document: Some(self.document),
                part_lines: self.part_lines,
                part_lines_total,
                ..drawn.extraction
            },
            preview: self.preview.or(drawn.preview),
            scan: self.scan,
        }
    }
}
