//! What a person has accepted of a file, as its row keeps it: the reasons to look that were seen, and the facts that were
//! confirmed by it. Holds for these reasons only: another one asks again.

use extract::facts::Review;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::store::FileRow;

/// An acceptance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Acceptance {
    /// Unix milliseconds, UTC.
    pub(crate) at_ms: i64,
    /// The name of the key it was done with; `None` where keys are not asked for.
    pub(crate) by: Option<String>,
    pub(crate) reasons: Vec<Review>,
    /// Facts that nobody had corrected before, with their values.
    confirmed: Map<String, Value>,
}

impl Acceptance {
    pub(crate) fn of(row: &FileRow) -> Option<Self> {
        serde_json::from_str(row.accepted.as_deref()?).ok()
    }

    /// Now, by somebody; what was accepted before holds on.
    pub(crate) fn renewed(earlier: Option<Self>, at_ms: i64, by: Option<String>) -> Self {
        Self {
            at_ms,
            by,
            ..earlier.unwrap_or_default()
        }
    }

    /// Accepts what the row asks to look at.
    pub(crate) fn accept_reasons(&mut self, row: &FileRow) {
        let asked = row.needs_review.as_deref();
        let asked: Option<Vec<Review>> = asked.and_then(|text| serde_json::from_str(text).ok());
        for review in asked.unwrap_or_default() {
            if !self.reasons.contains(&review) {
                self.reasons.push(review);
            }
        }
    }

    /// Remembers which facts became corrections only by this.
    pub(crate) fn confirm(&mut self, before: Option<&str>, after: Option<&str>) {
        let (before, after) = (facts(before), facts(after));
        let new = after
            .into_iter()
            .filter(|(name, _)| !before.contains_key(name));
        self.confirmed.extend(new);
    }

    /// Whether a fact is as it was read and was accepted so.
    pub(crate) fn confirms(&self, name: &str, corrections: &Map<String, Value>) -> bool {
        let confirmed = self.confirmed.get(name);
        confirmed.is_some() && confirmed == corrections.get(name)
    }

    /// The corrections without those that only this made; what was corrected since stays.
    pub(crate) fn withdrawn_from(&self, corrections: Option<&str>) -> Option<String> {
        let all = facts(corrections);
        let own = all.iter().filter(|(name, _)| !self.confirms(name, &all));
        let own: Map<String, Value> = own.map(|(n, v)| (n.clone(), v.clone())).collect();
        (!own.is_empty()).then(|| Value::Object(own).to_string())
    }

    /// Leaves the reasons that nobody has accepted.
    pub(crate) fn leave_open(&self, reviews: &mut Vec<Review>) {
        reviews.retain(|review| !self.reasons.contains(review));
    }
}

/// Facts as a row keeps them.
pub(crate) fn facts(text: Option<&str>) -> Map<String, Value> {
    let facts = text.and_then(|text| serde_json::from_str(text).ok());
    facts.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_merely_confirmed_is_withdrawn() {
        let mut accepted = Acceptance::default();
        let before = r#"{"material":"Mild Steel"}"#;
        let after = r#"{"material":"Mild Steel","quantity":3,"thickness_mm":2.0}"#;
        accepted.confirm(Some(before), Some(after));
        assert_eq!(
            accepted.withdrawn_from(Some(after)).as_deref(),
            Some(before)
        );
        let since = r#"{"material":"Mild Steel","quantity":7,"thickness_mm":2.0}"#;
        assert_eq!(
            accepted.withdrawn_from(Some(since)).unwrap(),
            r#"{"material":"Mild Steel","quantity":7}"#
        );
        assert!(accepted.confirms("thickness_mm", &facts(Some(since))));
        assert!(!accepted.confirms("quantity", &facts(Some(since))));
        assert_eq!(
            accepted.withdrawn_from(Some(r#"{"quantity":3}"#)),
            None,
            "nothing is corrected any more"
        );
    }
}
