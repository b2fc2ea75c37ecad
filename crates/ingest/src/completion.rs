//! From what is known of a file to its row: names, version, confidence, and which facts differ from before.

use db::{DbError, Tx};
use extract::facts::{CallerFacts, Facts, Hints, Review, Rules, settle};
use extract::{Extraction, Kind};

use crate::acceptance::Acceptance;
use crate::names::Names;
use crate::service_state::ServiceState;
use crate::store::{self, Completion, FileRow};

/// What is known of a file, whoever said it.
pub(crate) struct Known<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) confidence_score: f64,
    pub(crate) needs_review: &'a [Review],
}

impl<'a> From<&'a Extraction> for Known<'a> {
    fn from(extraction: &'a Extraction) -> Self {
        Self {
            facts: &extraction.facts,
            confidence_score: extraction.confidence_score,
            needs_review: &extraction.needs_review,
        }
    }
}

/// The row's new columns. A file that moves to another place takes a version that is free there.
pub(crate) fn completion(
    tx: &mut Tx<'_>,
    state: &ServiceState,
    before: &FileRow,
    known: &Known<'_>,
) -> Result<Completion, DbError> {
    let kind = Kind::parse(&before.kind)
        .ok_or_else(|| DbError::defect(format!("file {} is of no known kind", before.id)))?;
    let rules = state.rules.now();
    let names = Names::of(known.facts, &before.clean_name, kind, &rules);
    let project_code = names.project_code();
    let same_place =
        project_code == before.project_code.as_deref() && names.base_name() == before.base_name;
    let version = if same_place {
        before.version
    } else {
        store::free_version(
            tx.conn(),
            before.tenant_id,
            project_code,
            names.base_name(),
            names.stated_version(),
            before.id,
        )?
    };
    Ok(Completion {
        known: names.known(version),
        confidence_score: known.confidence_score,
        needs_review: review_json(known.needs_review)?,
    })
}

fn review_json(reviews: &[Review]) -> Result<Option<String>, DbError> {
    if reviews.is_empty() {
        return Ok(None);
    }
    let text = serde_json::to_string(reviews);
    text.map(Some)
        .map_err(|cause| DbError::defect(cause.to_string()))
}

/// Names of the facts that differ, as the events call them.
pub(crate) fn changed(before: &FileRow, after: &FileRow) -> Vec<String> {
    let differs = [
        ("client_code", before.client_code != after.client_code),
        ("project_code", before.project_code != after.project_code),
        ("part_name", before.part_name != after.part_name),
        ("material", before.material != after.material),
        ("thickness_mm", before.thickness_mm != after.thickness_mm),
        ("quantity", before.quantity != after.quantity),
        ("version", before.version != after.version),
    ];
    differs
        .into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Reviews that follow from facts: they are judged again with the corrected ones. All others are the format's.
const OF_FACTS: [&str; 5] = [
    "low_confidence",
    "conflict",
    "no_project",
    "unknown_material",
    "not_stated",
];

/// The extraction with what a person corrected in place of what was read.
fn corrected(mut extraction: Extraction, corrections: &CallerFacts, rules: &Rules) -> Extraction {
    let given = CallerFacts::default().corrected_by(corrections);
    let read = std::mem::take(&mut extraction.facts);
    let hints = Hints {
        readings: std::slice::from_ref(&read),
        ..Hints::default()
    };
    // The name has been read already.
    let settled = settle(&given, "", &hints, rules);
    let is_corrected = |name: &str| {
        let mut given = given.facts().confidences();
        given.any(|(given, _)| given == name)
    };
    extraction
        .conflicts
        .retain(|conflict| !is_corrected(&conflict.fact));
    let open = extraction
        .conflicts
        .iter()
        .map(|conflict| conflict.fact.to_string());
    let open: Vec<String> = open.collect();
    extraction
        .needs_review
        .retain(|review| match &*review.code {
            "conflict" => open
                .iter()
                .any(|fact| review.message.starts_with(fact.as_str())),
            code => !OF_FACTS.contains(&code),
        });
    extraction.needs_review.splice(0..0, settled.needs_review);
    extraction.conflicts.extend(settled.conflicts);
    extraction.suggestions = settled.suggestions;
    extraction.confidence_score = settled.confidence_score;
    extraction.facts = settled.facts;
    extraction
}

/// The row's corrections, as they were given.
pub(crate) fn corrections_of(row: &FileRow, rules: &Rules) -> Option<CallerFacts> {
    let text = row.corrections.as_deref()?;
    CallerFacts::parse(None, None, Some(text), rules).ok()
}

/// A stored extraction as it holds now, with the corrections of its row and without the reasons that were accepted.
pub(crate) fn understood(
    row: &FileRow,
    text: &str,
    rules: &Rules,
) -> serde_json::Result<Extraction> {
    Ok(overlaid(serde_json::from_str(text)?, row, rules))
}

/// What was read, with what people have said of it.
pub(crate) fn overlaid(extraction: Extraction, row: &FileRow, rules: &Rules) -> Extraction {
    let mut extraction = match corrections_of(row, rules) {
        Some(corrections) => corrected(extraction, &corrections, rules),
        None => extraction,
    };
    if let Some(acceptance) = Acceptance::of(row) {
        acceptance.leave_open(&mut extraction.needs_review);
    }
    extraction
}
