//! What comes out of a file, as it crosses the process boundary and as it goes into events. Absent sections are left
//! out, and a key means the same whatever the format. Never computes measures or facts.

use crate::diagnostic::Diagnostic;
use crate::document::{Document, PartLine};
use crate::error::ExtractError;
use crate::facts::{Conflict, Facts, ProjectSuggestion, Review};
use crate::kind::Kind;
use crate::lightburn::LightburnSection;
use drawing::{Estimate, Finding, HoleGroup, Measures, Severity};
use serde::{Deserialize, Serialize};

/// One file's outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extraction {
    /// The file's name as given.
    pub file: String,
    /// None when the content fits no kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// The chance, 0 to 1, that the facts are right.
    pub confidence_score: f64,
    pub facts: Facts,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Conflict>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suggestions: Vec<ProjectSuggestion>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs_review: Vec<Review>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawing: Option<DrawingSection>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Document>,
    /// The lines of a list of parts, cut at a limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub part_lines: Vec<PartLine>,
    /// All of them, listed or not.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub part_lines_total: u64,
    #[serde(default)]
    pub findings: Vec<Finding>,
    #[serde(default)]
    pub diagnostics: Vec<Diagnostic>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorSection>,
}

/// A drawing: its measures and what is written on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrawingSection {
    /// The format's version, such as AC1015.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format_version: Option<String>,
    #[serde(flatten)]
    pub measures: Measures,
    /// Entities on sheets of paper.
    pub paper_space_entities: u64,
    /// Blocks that the file defines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<BlockUse>,
    pub texts: Vec<String>,
    /// What only LightBurn knows of its projects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lightburn: Option<LightburnSection>,
    /// How long cutting takes, when material and thickness are known and the shop's table has a row for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Estimate>,
    /// Of all parts, cut once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mass_kg: Option<f64>,
}

/// A block and how often it stands in the drawing, copies in arrays and in other blocks included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockUse {
    pub name: String,
    pub inserts: u64,
}

/// Why there is nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorSection {
    pub code: String,
    pub message: String,
}

/// What events carry: enough for a shop to act without asking again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub width_mm: Option<f64>,
    pub height_mm: Option<f64>,
    pub cut_length_mm: Option<f64>,
    pub pierces: Option<u64>,
    pub holes: Vec<HoleGroup>,
    pub parts: Option<u64>,
    pub layers: Vec<String>,
    pub findings: Vec<FindingWord>,
    pub needs_review: Vec<String>,
    /// The first lines of a list of parts.
    pub part_lines: Vec<PartLine>,
    pub part_lines_total: u64,
}

/// A finding without its story; equal ones are listed once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingWord {
    pub code: String,
    pub severity: Severity,
}

/// Layer names in a summary.
const LAYERS_MAX: usize = 100;
/// Part lines in a summary.
const PART_LINES_MAX: usize = 100;

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Extraction {
    /// One that says nothing yet.
    pub(crate) fn of(file: &str, kind: Option<Kind>) -> Self {
        Self {
            file: file.to_owned(),
            kind,
            confidence_score: 0.0,
            facts: Facts::default(),
            conflicts: Vec::new(),
            suggestions: Vec::new(),
            needs_review: Vec::new(),
            drawing: None,
            document: None,
            part_lines: Vec::new(),
            part_lines_total: 0,
            findings: Vec::new(),
            diagnostics: Vec::new(),
            error: None,
        }
    }

    /// The outcome of a file that could not be read.
    pub fn failed(file: &str, kind: Option<Kind>, error: &ExtractError) -> Self {
        Self::refused(file, kind, error.code().to_owned(), error.to_string())
    }

    /// The outcome of a file whose reading ended for another reason, such as a limit of time.
    pub fn refused(file: &str, kind: Option<Kind>, code: String, message: String) -> Self {
        Self {
            error: Some(ErrorSection { code, message }),
            ..Self::of(file, kind)
        }
    }

    /// The short form that events carry.
    pub fn summary(&self) -> Summary {
        let needs_review = self
            .needs_review
            .iter()
            .map(|review| review.code.to_string())
            .collect();
        let mut summary = Summary {
            needs_review,
            findings: self.finding_words(),
            part_lines: self
                .part_lines
                .iter()
                .take(PART_LINES_MAX)
                .cloned()
                .collect(),
            part_lines_total: self.part_lines_total,
            ..Summary::default()
        };
        let Some(DrawingSection { measures, .. }) = &self.drawing else {
            return summary;
        };
        summary.width_mm = measures.extents_mm.map(|extents| extents.rounded_size().0);
        summary.height_mm = measures.extents_mm.map(|extents| extents.rounded_size().1);
        summary.cut_length_mm = Some(measures.cut_length_mm);
        summary.pierces = Some(measures.pierces);
        summary.holes.clone_from(&measures.holes);
        summary.parts = Some(measures.parts_total);
        summary.layers = measures
            .layers
            .iter()
            .take(LAYERS_MAX)
            .map(|layer| layer.name.clone())
            .collect();
        summary
    }

    fn finding_words(&self) -> Vec<FindingWord> {
        let mut words: Vec<FindingWord> = Vec::new();
        for finding in &self.findings {
            let word = FindingWord {
                code: finding.code.clone(),
                severity: finding.severity,
            };
            if !words.contains(&word) {
                words.push(word);
            }
        }
        words
    }
}
