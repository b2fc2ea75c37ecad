//! One value for each fact out of all that was said; what disagrees is listed, and it must never be settled in silence.
//!
//! What a person gave on purpose holds. Otherwise the likeliest reading holds (ties go to the stronger source: file name,
//! labelled text, layer, bare text). Independent sources that agree make a value likelier, `1 - (1 - p)(1 - q)`; one that
//! disagrees makes it less likely, `p(1 - q) / (1 - pq)`, the chance of the one given that they are not both right.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::caller::CallerFacts;
use super::codes::{ClientCode, ProjectCode, ProjectSuggestion, suggest_project};
use super::model::{Diagnostic, Fact, Facts, Remark, Source};
use super::name::read_name;
use super::rules::Rules;
use super::stored_name::part_slug;
use super::text::{read_layers, read_texts};

/// What the file itself says in words.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hints<'a> {
    pub texts: &'a [String],
    pub layers: &'a [String],
    /// What columns, fields or properties state, each with its own source.
    pub readings: &'a [Facts],
    /// Whether each line of a list of parts states its own material, so that the file need not.
    pub lines_state_material: bool,
    /// The same of the thickness.
    pub lines_state_thickness: bool,
}

/// One of the values said for a fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rival {
    pub value: String,
    pub source: Source,
    pub evidence: String,
    pub confidence: f64,
}

/// A fact on which sources disagree; the first value is the one that holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conflict {
    pub fact: Cow<'static, str>,
    pub values: Vec<Rival>,
}

/// Why a person should look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// `low_confidence`, `conflict`, `no_project`, `unknown_material`, `not_stated`, or a reason of the geometry.
    pub code: Cow<'static, str>,
    /// One sentence for a person.
    pub message: String,
}

/// The facts of a file and how far they can be trusted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Settled {
    pub facts: Facts,
    pub conflicts: Vec<Conflict>,
    /// The chance that all facts found are right: the product of their confidences; 0 when nothing was found.
    pub confidence_score: f64,
    pub needs_review: Vec<Review>,
    pub suggestions: Vec<ProjectSuggestion>,
    pub diagnostics: Vec<Diagnostic>,
    pub remarks: Vec<Remark>,
}

/// Weighs what the caller gave, the name, the texts and the layers say.
pub fn settle(caller: &CallerFacts, file_name: &str, hints: &Hints<'_>, rules: &Rules) -> Settled {
    let name = read_name(file_name, rules);
    let mut readings = vec![caller.facts().clone(), name.facts];
    readings.extend(read_texts(hints.texts, rules));
    readings.extend(read_layers(hints.layers, rules));
    readings.extend_from_slice(hints.readings);
    let mut conflicts = Vec::new();
    let facts = settle_all(readings, &mut conflicts);
    let mut diagnostics = name.diagnostics;
    diagnostics.extend(unknown_material(&facts, rules));
    let suggestions = suggest(&facts);
    let confidence_score = score(&facts);
    let needs_review = reviews(
        &facts,
        &conflicts,
        confidence_score,
        &suggestions,
        hints,
        rules,
    );
    Settled {
        facts,
        conflicts,
        confidence_score,
        needs_review,
        suggestions,
        diagnostics,
        remarks: name.remarks,
    }
}

fn settle_all(readings: Vec<Facts>, conflicts: &mut Vec<Conflict>) -> Facts {
    let mut said = Said::default();
    for facts in readings {
        // A project's code names its client.
        let client = facts.project_code.as_ref().and_then(|project| {
            let code = project.value.client()?;
            Some(Fact::new(
                code,
                project.source,
                project.evidence.clone(),
                project.confidence,
            ))
        });
        said.client_code
            .extend(facts.client_code.into_iter().chain(client));
        said.project_code.extend(facts.project_code);
        said.job_number.extend(facts.job_number);
        said.part_name.extend(facts.part_name);
        said.material.extend(facts.material);
        said.thickness_mm.extend(facts.thickness_mm);
        said.quantity.extend(facts.quantity);
        said.version.extend(facts.version);
        said.due_date.extend(facts.due_date);
        said.po_number.extend(facts.po_number);
    }
    Facts {
        client_code: settle_one(
            "client_code",
            said.client_code,
            ToString::to_string,
            conflicts,
        ),
        project_code: settle_one(
            "project_code",
            said.project_code,
            ToString::to_string,
            conflicts,
        ),
        job_number: settle_one("job_number", said.job_number, String::clone, conflicts),
        part_name: settle_one(
            "part_name",
            said.part_name,
            |part| part_slug(part).to_lowercase(),
            conflicts,
        ),
        material: settle_one(
            "material",
            said.material,
            |name| name.to_lowercase(),
            conflicts,
        ),
        thickness_mm: settle_one("thickness_mm", said.thickness_mm, f64::to_string, conflicts),
        quantity: settle_one("quantity", said.quantity, u32::to_string, conflicts),
        version: settle_one("version", said.version, u32::to_string, conflicts),
        due_date: settle_one("due_date", said.due_date, String::clone, conflicts),
        po_number: settle_one("po_number", said.po_number, String::clone, conflicts),
    }
}

/// Everything said for each fact.
#[derive(Default)]
struct Said {
    client_code: Vec<Fact<ClientCode>>,
    project_code: Vec<Fact<ProjectCode>>,
    job_number: Vec<Fact<String>>,
    part_name: Vec<Fact<String>>,
    material: Vec<Fact<String>>,
    thickness_mm: Vec<Fact<f64>>,
    quantity: Vec<Fact<u32>>,
    version: Vec<Fact<u32>>,
    due_date: Vec<Fact<String>>,
    po_number: Vec<Fact<String>>,
}

/// Values listed in a conflict beside the one that holds, likeliest first.
const RIVALS_MAX: usize = 8;

/// The value that holds; two values are the same when their keys are.
fn settle_one<T: ToString>(
    name: &'static str,
    mut said: Vec<Fact<T>>,
    key: impl Fn(&T) -> String,
    conflicts: &mut Vec<Conflict>,
) -> Option<Fact<T>> {
    said.sort_by(|a, b| {
        let given = b.source.is_given().cmp(&a.source.is_given());
        given
            .then(b.confidence.total_cmp(&a.confidence))
            .then(a.source.cmp(&b.source))
    });
    // Of what one source repeats, the likeliest counts.
    let mut heard = Vec::new();
    said.retain(|fact| {
        let again = (fact.source, key(&fact.value));
        let new = !heard.contains(&again);
        if new {
            heard.push(again);
        }
        new
    });
    let mut said = said.into_iter();
    let mut holds = said.next()?;
    let (agreeing, rivals): (Vec<_>, Vec<_>) =
        said.partition(|fact| key(&fact.value) == key(&holds.value));
    let rival = rivals
        .iter()
        .map(|fact| fact.confidence)
        .fold(0.0, f64::max);
    let values = std::iter::once(&holds)
        .chain(rivals.iter().take(RIVALS_MAX))
        .map(rival_of)
        .collect();
    if !holds.source.is_given() {
        let p = agreeing.iter().fold(holds.confidence, |p, fact| {
            1.0 - (1.0 - p) * (1.0 - fact.confidence)
        });
        holds.confidence = rounded(p * (1.0 - rival) / (1.0 - p * rival));
    }
    if !rivals.is_empty() {
        conflicts.push(Conflict {
            fact: Cow::Borrowed(name),
            values,
        });
    }
    Some(holds)
}

fn rival_of<T: ToString>(fact: &Fact<T>) -> Rival {
    Rival {
        value: fact.value.to_string(),
        source: fact.source,
        evidence: fact.evidence.clone(),
        confidence: fact.confidence,
    }
}

fn rounded(confidence: f64) -> f64 {
    (confidence * 1_000.0).round() / 1_000.0
}

fn score(facts: &Facts) -> f64 {
    let mut confidences = facts
        .confidences()
        .map(|(_, confidence)| confidence)
        .peekable();
    match confidences.peek() {
        Some(_) => rounded(confidences.product()),
        None => 0.0,
    }
}

fn unknown_material(facts: &Facts, rules: &Rules) -> Option<Diagnostic> {
    let fact = facts
        .material
        .as_ref()
        .filter(|fact| rules.materials.find(&fact.value).is_none())?;
    let message = format!(
        "{} is not in the table of materials: it is kept as it stands",
        fact.value
    );
    Some(Diagnostic::warning(
        "unknown_material",
        &fact.evidence,
        message,
    ))
}

fn suggest(facts: &Facts) -> Vec<ProjectSuggestion> {
    let client = facts
        .client_code
        .as_ref()
        .filter(|_| facts.project_code.is_none());
    let pair = client.zip(facts.job_number.as_ref());
    pair.and_then(|(client, job)| suggest_project(&client.value, &job.value, None))
        .into_iter()
        .collect()
}

fn reviews(
    facts: &Facts,
    conflicts: &[Conflict],
    score: f64,
    suggestions: &[ProjectSuggestion],
    hints: &Hints<'_>,
    rules: &Rules,
) -> Vec<Review> {
    let mut reviews = Vec::new();
    let mut review = |code: &'static str, message: String| {
        reviews.push(Review {
            code: Cow::Borrowed(code),
            message,
        })
    };
    if score < rules.confidence_threshold {
        let weakest = facts.confidences().min_by(|a, b| a.1.total_cmp(&b.1));
        let weakest = weakest.map_or("nothing was found".to_owned(), |(name, _)| {
            format!("{name} is the least certain")
        });
        review(
            "low_confidence",
            format!("the facts are right with a chance of {score}: {weakest}"),
        );
    }
    for conflict in conflicts.iter().filter(|conflict| is_open(conflict)) {
        let values: Vec<_> = conflict
            .values
            .iter()
            .map(|rival| rival.value.as_str())
            .collect();
        review(
            "conflict",
            format!("{} is said to be {}", conflict.fact, values.join(" and ")),
        );
    }
    if facts.project_code.is_none() {
        let hint = suggestions
            .first()
            .map(|suggestion| format!("; {}", suggestion.message));
        review(
            "no_project",
            format!("no project is known{}", hint.unwrap_or_default()),
        );
    }
    if let Some(diagnostic) = unknown_material(facts, rules) {
        review("unknown_material", diagnostic.message);
    }
    let unstated = [
        (
            "material",
            facts.material.is_none() && !hints.lines_state_material,
        ),
        (
            "thickness_mm",
            facts.thickness_mm.is_none() && !hints.lines_state_thickness,
        ),
    ];
    let unstated: Vec<_> = unstated
        .into_iter()
        .filter(|(_, absent)| *absent)
        .map(|(name, _)| name)
        .collect();
    if !unstated.is_empty() {
        review(
            "not_stated",
            format!("nothing states {}", unstated.join(" and ")),
        );
    }
    reviews
}

/// Whether a conflict still needs a person: not when somebody has given the value on purpose and only readings differ.
fn is_open(conflict: &Conflict) -> bool {
    let mut given = conflict.values.iter().map(|rival| rival.source.is_given());
    !given.next().unwrap_or(false) || given.any(|given| given)
}

#[cfg(test)]
mod tests;
