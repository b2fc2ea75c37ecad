//! How names and texts are read, as data that a shop can change in its configuration; it must never hold a rule that code repeats.

use drawing::LayerRules;
use drawing::ShopRules;
use serde::{Deserialize, Serialize};

use super::material::Materials;

/// Everything a shop may set about reading facts; what it leaves out keeps the shipped value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Below this overall confidence (0 to 1) a person should look.
    pub confidence_threshold: f64,
    /// A thickness above this is refused, in mm.
    pub thickness_mm_max: f64,
    /// A millimetre figure among other words is taken for a size when it is above this, in mm.
    pub loose_thickness_mm_max: f64,
    /// Texts and layers read for facts; the rest of a drawing's texts are passed over.
    pub texts_read_max: usize,
    /// A text longer than this, in bytes, is prose and is passed over.
    pub text_bytes_max: usize,
    pub materials: Materials,
    /// Tried in order; the first that fits a name reads it.
    pub conventions: Vec<Convention>,
    /// Words that name a part, so never an unknown material.
    pub part_words: Vec<String>,
    /// Words beside a millimetre figure or a count that make it something else: `12mm hole`, `x4 slots`.
    pub feature_words: Vec<String>,
    /// Which layer names mean which operation.
    pub layers: LayerRules,
    /// What the shop's machine, sheets and materials are like.
    pub shop: ShopRules,
}

/// A named form of file names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convention {
    pub name: String,
    pub pattern: Pattern,
    /// The name was written by a program: every field as the pattern says, no departures.
    #[serde(default)]
    pub exact: bool,
}

/// One place in a file name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Client,
    Project,
    Job,
    Part,
    Material,
    Thickness,
    Quantity,
    Version,
}

const FIELDS: [(&str, Field); 8] = [
    ("client", Field::Client),
    ("project", Field::Project),
    ("job", Field::Job),
    ("part", Field::Part),
    ("material", Field::Material),
    ("thickness", Field::Thickness),
    ("quantity", Field::Quantity),
    ("version", Field::Version),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) field: Field,
    pub(super) optional: bool,
}

/// Fields between hyphens, `?` after those that may be missing: `{job}-{part}-{material?}-{quantity}`.
///
/// Codes are taken out of a name before any form but the exact ones is tried, so only exact forms give them a place.
/// Client, project and job stand before the part, the rest after it; the part takes whatever lies between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: String,
    pub(super) head: Vec<Field>,
    pub(super) tail: Vec<Slot>,
}

/// Why a pattern is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    #[error(
        "pattern {pattern:?}: {field:?} is no field; fields are {{client}} {{project}} {{job}} {{part}} {{material}} {{thickness}} {{quantity}} {{version}}, all but {{part}} and those before it may end in `?`"
    )]
    UnknownField { pattern: String, field: String },
    #[error(
        "pattern {pattern:?}: needs {{part}} once, with client, project and job before it and the other fields after it, each at most once"
    )]
    Order { pattern: String },
}

impl Pattern {
    /// Reads a pattern, or says which field is wrong.
    pub fn parse(text: &str) -> Result<Self, RulesError> {
        let slots = text
            .split('-')
            .map(|part| slot(text, part))
            .collect::<Result<Vec<_>, _>>()?;
        let order = || RulesError::Order {
            pattern: text.to_owned(),
        };
        let repeated = |(at, slot): (usize, &Slot)| {
            slots
                .iter()
                .skip(at + 1)
                .any(|later| later.field == slot.field)
        };
        let part = slots
            .iter()
            .position(|slot| slot.field == Field::Part)
            .ok_or_else(order)?;
        let (head, tail) = slots.split_at(part);
        let names_job =
            |slot: &Slot| matches!(slot.field, Field::Client | Field::Project | Field::Job);
        let tail = tail.get(1..).unwrap_or_default();
        if slots.iter().enumerate().any(repeated)
            || !head.iter().all(names_job)
            || tail.iter().any(names_job)
        {
            return Err(order());
        }
        Ok(Self {
            text: text.to_owned(),
            head: head.iter().map(|slot| slot.field).collect(),
            tail: tail.to_vec(),
        })
    }
}

fn slot(pattern: &str, part: &str) -> Result<Slot, RulesError> {
    let inner = part
        .trim()
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    let (name, optional) = match inner.and_then(|inner| inner.strip_suffix('?')) {
        Some(name) => (Some(name), true),
        None => (inner, false),
    };
    let known = FIELDS.iter().find(|(known, _)| name == Some(known));
    match known {
        Some(&(_, field))
            if !(optional
                && matches!(
                    field,
                    Field::Part | Field::Client | Field::Project | Field::Job
                )) =>
        {
            Ok(Slot { field, optional })
        }
        _ => Err(RulesError::UnknownField {
            pattern: pattern.to_owned(),
            field: part.to_owned(),
        }),
    }
}

impl TryFrom<String> for Pattern {
    type Error = RulesError;
    fn try_from(text: String) -> Result<Self, RulesError> {
        Self::parse(&text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

/// Name, pattern, exact. Codes of client and project are found wherever they stand, so only exact forms need a place for them.
const CONVENTIONS: [(&str, &str, bool); 3] = [
    (
        "stored",
        "{client}-{project}-{part}-{material}-{thickness?}-{quantity}-{version}",
        true,
    ),
    (
        "job",
        "{job}-{part}-{material?}-{thickness?}-{quantity?}-{version?}",
        false,
    ),
    (
        "part",
        "{part}-{material}-{thickness?}-{quantity?}-{version?}",
        false,
    ),
];

const PART_WORDS: &str = "angle arm back bar base baseplate beam bend bottom box bracket brackets cap channel cleat cleats clip \
     cover disc disk door drain end face fin flange flat frame front gate gusset guard guide hinge holder left lid link lock \
     logo lower main mount outer inner pad panel piece plate plates post purlin rail rib right ring roof shelf side sign slat \
     slats spacer stair step stiffener strip support sword tab tank template test top tray upper vent wall washer wedge";

const FEATURE_WORDS: &str = "hole holes slot slots dia diameter deep wide long high gap gaps pitch centres centers radius bolt \
     bolts bend bends fold folds tooth teeth row rows drill csk od id offset spacing flange lip";

fn words(list: &str) -> Vec<String> {
    list.split_whitespace().map(str::to_owned).collect()
}

impl Default for Rules {
    fn default() -> Self {
        let convention = |(name, pattern, exact): (&str, &str, bool)| Convention {
            name: name.to_owned(),
            pattern: Pattern::parse(pattern).expect("shipped patterns are parsed by a test"),
            exact,
        };
        Self {
            confidence_threshold: 0.70,
            thickness_mm_max: 300.0,
            loose_thickness_mm_max: 25.0,
            texts_read_max: 2_000,
            text_bytes_max: 400,
            materials: Materials::default(),
            conventions: CONVENTIONS.map(convention).into(),
            part_words: words(PART_WORDS),
            feature_words: words(FEATURE_WORDS),
            shop: ShopRules::default(),
            layers: LayerRules::default(),
        }
    }
}

fn holds(list: &[String], word: &str) -> bool {
    list.iter().any(|known| known.eq_ignore_ascii_case(word))
}

impl Rules {
    pub(super) fn is_part_word(&self, word: &str) -> bool {
        holds(&self.part_words, word)
    }

    pub(super) fn is_feature_word(&self, word: &str) -> bool {
        holds(&self.feature_words, word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_rules_survive_the_way_to_another_process() {
        let rules = Rules::default();
        let json = serde_json::to_string(&rules).unwrap();
        assert_eq!(serde_json::from_str::<Rules>(&json).unwrap(), rules);
        assert_eq!(serde_json::from_str::<Rules>("{}").unwrap(), rules);
    }

    #[test]
    fn a_wrong_pattern_is_named() {
        for (pattern, expected) in [
            ("{job}-{colour}-{part}", "{colour}"),
            ("{job}-{material}", "{part} once"),
            ("{part}-{job}", "before it"),
            ("{part}-{material}-{material?}", "at most once"),
            ("{part?}", "{part?}"),
            ("", "no field"),
        ] {
            let message = Pattern::parse(pattern).unwrap_err().to_string();
            assert!(message.contains(expected), "{pattern}: {message}");
        }
    }
}
