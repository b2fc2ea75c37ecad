//! Reading a file's name as a person reads it; it must never state a fact that the name does not, nor split a code at its hyphens.
//!
//! Four steps, the first that fits wins: forms written by a program are read exactly; remarks (copy, revision, version) come off
//! the end and client and project codes out of the middle; the configured conventions read what stands between hyphens, from
//! both ends towards the part; whatever remains is read as loose words.

mod convention;
mod peel;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::codes;
use super::model::{Diagnostic, Fact, Facts, Remark, RemarkKind, Source};
use super::rules::Rules;
use super::words::read_words;

/// What a file's name says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NameReading {
    pub facts: Facts,
    /// The convention that read it; `words` when no convention fits but some word was understood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub convention: Option<String>,
    pub diagnostics: Vec<Diagnostic>,
    pub remarks: Vec<Remark>,
}

/// Longer names are read as far as this, in bytes.
const NAME_BYTES_MAX: usize = 4_096;
/// How sure a part's name is that is merely all there is.
const BARE_STEM_CONFIDENCE: f64 = 0.6;

pub(super) fn fact<T>(value: T, evidence: &str, confidence: f64) -> Option<Fact<T>> {
    Some(Fact::new(
        value,
        Source::FileName,
        evidence.trim(),
        confidence,
    ))
}

/// How sure a code is that a folder bears.
const FOLDER_CONFIDENCE: f64 = 0.95;

/// Reads the facts of a file's name, with or without folders and extension. Of folders only codes of client and
/// project are read, where the name itself has none.
pub fn read_name(file_name: &str, rules: &Rules) -> NameReading {
    let mut reading = read_stem(&stem(file_name), rules);
    add_codes_of_folders(file_name, &mut reading.facts);
    reading
}

/// The innermost folder with a code decides.
fn add_codes_of_folders(file_name: &str, facts: &mut Facts) {
    let end = file_name.floor_char_boundary(NAME_BYTES_MAX);
    let path = file_name.get(..end).unwrap_or_default();
    for folder in path.rsplit(['/', '\\']).skip(1) {
        if facts.project_code.is_none() {
            let found = codes::find_project(folder);
            facts.project_code =
                found.and_then(|(code, words)| fact(code, words, FOLDER_CONFIDENCE));
        }
        // The client that a project's code names is not said again.
        if facts.client_code.is_none() && facts.project_code.is_none() {
            let found = codes::find_client(folder);
            facts.client_code =
                found.and_then(|(code, words)| fact(code, words, FOLDER_CONFIDENCE));
        }
    }
}

fn read_stem(stem: &str, rules: &Rules) -> NameReading {
    let written_by_program = |exact: bool| {
        rules
            .conventions
            .iter()
            .filter(move |form| form.exact == exact)
    };
    if let Some(reading) =
        written_by_program(true).find_map(|form| convention::read_exact(form, stem, rules))
    {
        return reading;
    }
    let mut found = NameReading::default();
    let text = take_codes(stem, &mut found.facts);
    let text = peel::peel(&text, &mut found);
    let anchored = found.facts.client_code.is_some() || found.facts.project_code.is_some();
    let mut reading = written_by_program(false)
        .find_map(|form| convention::read(form, &text, anchored, rules))
        .unwrap_or_else(|| read_loose(&text, &found, rules));
    let facts = &mut reading.facts;
    facts.client_code = found.facts.client_code;
    facts.project_code = found.facts.project_code;
    facts.version = found.facts.version.or(facts.version.take());
    reading.remarks.extend(found.remarks);
    reading
}

/// The name without folders and extension, composed, with plain hyphens and blanks.
fn stem(file_name: &str) -> String {
    let end = file_name.floor_char_boundary(NAME_BYTES_MAX);
    let name = file_name.get(..end).unwrap_or_default();
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = match name.rsplit_once('.') {
        Some((stem, extension)) if is_extension(extension) => stem,
        _ => name,
    };
    let plain = |c: char| match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        c if c.is_whitespace() || c.is_control() => ' ',
        c => c,
    };
    stem.nfc().map(plain).collect::<String>().trim().to_owned()
}

/// Whether what follows the last point is an extension and not a quantity (`.x2`) or the end of a number.
fn is_extension(text: &str) -> bool {
    let letters = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric());
    let counted = text
        .strip_prefix(['x', 'X'])
        .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
    letters && !counted && text.len() <= 16
}

/// Takes client and project codes out of a name, wherever they stand.
fn take_codes(text: &str, facts: &mut Facts) -> String {
    let mut text = text.to_owned();
    if let Some((code, words)) = codes::find_project(&text) {
        facts.project_code = fact(code, words, 0.99);
        text = without(&text, words);
    }
    if let Some((code, words)) = codes::find_client(&text) {
        facts.client_code = fact(code, words, 0.99);
        text = without(&text, words);
    }
    text
}

const SEPARATORS: [char; 4] = [' ', '-', '_', '.'];

fn without(text: &str, words: &str) -> String {
    let (before, after) = text.split_once(words).unwrap_or((text, ""));
    let separator = after
        .chars()
        .next()
        .filter(|c| SEPARATORS.contains(c))
        .unwrap_or('-');
    let (before, after) = (
        before.trim_end_matches(SEPARATORS),
        after.trim_start_matches(SEPARATORS),
    );
    match before.is_empty() || after.is_empty() {
        true => format!("{before}{after}"),
        false => format!("{before}{separator}{after}"),
    }
}

fn read_loose(text: &str, found: &NameReading, rules: &Rules) -> NameReading {
    let (job, text) = convention::loose_job(text);
    let words = read_words(text, Source::FileName, rules);
    let mut facts = words.facts;
    facts.job_number = job.and_then(|job| fact(job.to_owned(), job, 0.8));
    let understood = facts.confidences().next().is_some()
        || words.revision.is_some()
        || found.facts.confidences().next().is_some()
        || !found.remarks.is_empty();
    let part = words.rest.trim_matches(SEPARATORS);
    if names_something(part) {
        let confidence = if understood {
            0.93
        } else {
            BARE_STEM_CONFIDENCE
        };
        facts.part_name = fact(part.to_owned(), part, confidence);
    }
    let revision = words.revision.map(|text| Remark {
        kind: RemarkKind::Revision,
        text,
    });
    NameReading {
        facts,
        convention: understood.then(|| "words".to_owned()),
        diagnostics: words.diagnostics,
        remarks: revision.into_iter().collect(),
    }
}

/// Whether a text could name a part: some word of it is neither a number nor a machine's hexadecimal.
fn names_something(text: &str) -> bool {
    let hexadecimal = |word: &str| word.len() >= 8 && word.bytes().all(|b| b.is_ascii_hexdigit());
    text.split(SEPARATORS)
        .any(|word| word.chars().any(char::is_alphabetic) && !hexadecimal(word))
}

#[cfg(test)]
mod tests;
