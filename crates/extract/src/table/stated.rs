//! What titles, headings between lines and a sheet's name say for all lines below them: material, thickness, unit.
//! It must never choose between two materials or two thicknesses in one title.

use super::meaning;
use crate::facts::{Facts, Rules, Source, read_texts, read_words};

/// A value with the words it was read from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Heard<T> {
    pub(super) value: T,
    pub(super) title: String,
}

/// What holds for the lines to come.
#[derive(Clone, Debug, Default)]
pub(super) struct Stated {
    pub(super) material: Option<Heard<String>>,
    pub(super) thickness_mm: Option<Heard<f64>>,
    /// Millimetres of the unit that sizes are said to be in.
    pub(super) unit_mm: Option<f64>,
}

/// A longer title is prose.
const TITLE_BYTES_MAX: usize = 160;
/// Words of a title that speaks of the sheet's unit.
const OF_UNITS: [&str; 8] = [
    "dimensions",
    "sizes",
    "units",
    "measurements",
    "lengths",
    "afmetings",
    "mate",
    "maße",
];

impl Stated {
    /// Takes in a title; says whether it stated anything.
    pub(super) fn hear(&mut self, title: &str, rules: &Rules) -> bool {
        if title.len() > TITLE_BYTES_MAX {
            return false;
        }
        let words = meaning::words(title);
        if words.iter().any(|word| OF_UNITS.contains(&word.as_str())) {
            self.unit_mm = words
                .iter()
                .find_map(|word| said_unit(word))
                .or(self.unit_mm);
        }
        let facts = stated(title, rules);
        let heard = facts.material.is_some() || facts.thickness_mm.is_some();
        if let Some(material) = facts.material {
            // Another material from here on: a thickness said together with the former one has ended.
            let together = self.material.as_ref().map(|heard| &heard.title);
            if together.is_some()
                && together == self.thickness_mm.as_ref().map(|heard| &heard.title)
            {
                self.thickness_mm = None;
            }
            self.material = Some(Heard {
                value: material.value,
                title: title.to_owned(),
            });
        }
        if let Some(thickness) = facts.thickness_mm {
            self.thickness_mm = Some(Heard {
                value: thickness.value,
                title: title.to_owned(),
            });
        }
        heard
    }
}

/// `in` alone is an English word.
fn said_unit(word: &str) -> Option<f64> {
    meaning::unit_mm(word).filter(|_| word != "in")
}

/// Material and thickness after labels, or else among few words that leave no choice.
fn stated(title: &str, rules: &Rules) -> Facts {
    let labelled = read_texts(&[title.to_owned()], rules);
    let is_labelled = |facts: &Facts| {
        let material = facts.material.as_ref().map(|fact| fact.source);
        let thickness = facts.thickness_mm.as_ref().map(|fact| fact.source);
        material.or(thickness) == Some(Source::LabelledText)
    };
    if let Some(facts) = labelled.into_iter().find(is_labelled) {
        return facts;
    }
    let read = read_words(title, Source::BareText, rules);
    match read.diagnostics.is_empty() {
        true => read.facts,
        false => Facts::default(),
    }
}
