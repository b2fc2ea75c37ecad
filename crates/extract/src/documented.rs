//! From a document as read to an Outcome: brings its words, table columns and drawing together into facts. The same for
//! every format that writes. Never parses.

use crate::Input;
use crate::diagnostic::Diagnostics;
use crate::document::{Document, PartLine};
use crate::drawn::{Drawn, Measured, facts_diagnostic};
use crate::extraction::Extraction;
use crate::facts::{Facts, Hints, Review, Rules, Settled, settle};
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
    pub(crate) part_lines: Vec<PartLine>,
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
            drawing: None,
            needs_review: Vec::new(),
            preview: None,
            scan: None,
            diagnostics,
        }
    }

    pub(crate) fn outcome(mut self, input: &Input<'_>, rules: &Rules, limits: &Limits) -> Outcome {
        let hints = Hints {
            texts: &self.texts,
            readings: &self.readings,
            ..Hints::default()
        };
        let settled = settle(input.caller, input.file_name, &hints, rules);
        for diagnostic in settled.diagnostics {
            self.diagnostics.push(|| facts_diagnostic(diagnostic));
        }
        let Settled {
            facts,
            conflicts,
            suggestions,
            confidence_score,
            mut needs_review,
            ..
        } = settled;
        needs_review.append(&mut self.needs_review);
        let measured = self.drawing.map(|drawn| drawn.measure(input, limits));
        let mut measured = measured.unwrap_or_default();
        measured.judge(&facts, &rules.shop);
        let Measured {
            section, findings, ..
        } = measured;
        let part_lines_total = u64::try_from(self.part_lines.len()).unwrap_or(u64::MAX);
        self.part_lines.truncate(limits.part_lines_max);
        let extraction = Extraction {
            confidence_score,
            facts,
            conflicts,
            suggestions,
            needs_review,
            drawing: section,
            document: Some(self.document),
            part_lines: self.part_lines,
            part_lines_total,
            findings,
            diagnostics: self.diagnostics.into_list(),
            ..Extraction::of(input.file_name, Some(self.kind))
        };
        Outcome {
            extraction,
            preview: self.preview,
            scan: self.scan,
        }
    }
}
