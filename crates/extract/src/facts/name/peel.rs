//! What stands at a name's end besides the facts: marks of copies, revisions, versions; it must never take the whole name away.

use regex::Regex;

use super::{NameReading, SEPARATORS, fact};
use crate::facts::model::{Remark, RemarkKind};
use crate::facts::pattern::patterns;

patterns! {
    COPY = r"(?i)[\s_-]+(copy(?:\s*\([0-9]{1,3}\))?)$|\s*(\([0-9]{1,3}\))$";
    REVISION = r"(?i)[\s_.-]+rev(?:ision)?[\s_.-]*([0-9]{1,3}|[A-Z])$";
    VERSION = r"(?i)[\s_.-]+(?:v|ver|version)\.?[\s_]*([0-9]{1,3})(?:\.[0-9a-z]{1,5})?$";
}

/// Takes remarks and the version off the end; what is left is never empty unless the name was.
pub(super) fn peel(name: &str, found: &mut NameReading) -> String {
    let mut text = name.trim_end_matches([' ', '_', '-']);
    while let Some(shorter) = peel_one(text, found) {
        text = shorter.trim_end();
    }
    text.to_owned()
}

fn peel_one<'t>(text: &'t str, found: &mut NameReading) -> Option<&'t str> {
    let remark = |pattern: &Regex, kind| {
        let (rest, words, _) = cut(text, pattern)?;
        Some((
            rest,
            Remark {
                kind,
                text: words.to_owned(),
            },
        ))
    };
    let copy = remark(&COPY, RemarkKind::Copy);
    if let Some((rest, remark)) = copy.or_else(|| remark(&REVISION, RemarkKind::Revision)) {
        found.remarks.push(remark);
        return Some(rest);
    }
    let (rest, digits, evidence) = cut(text, &VERSION).filter(|_| found.facts.version.is_none())?;
    let version = digits.parse().ok().filter(|version| *version > 0)?;
    found.facts.version = fact(version, evidence.trim_matches(SEPARATORS), 0.97);
    Some(rest)
}

/// What stands before the match, its first group, the whole match.
fn cut<'t>(text: &'t str, pattern: &Regex) -> Option<(&'t str, &'t str, &'t str)> {
    let captures = pattern.captures(text)?;
    let whole = captures.get(0)?;
    let words = captures.iter().skip(1).flatten().next()?;
    let rest = text
        .get(..whole.start())
        .filter(|rest| !rest.trim_matches(SEPARATORS).is_empty())?;
    Some((rest, words.as_str(), whole.as_str()))
}
