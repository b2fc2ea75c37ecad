//! Which of the figures among loose words is the thickness; it must never choose between two that are equally good.

use super::{Hit, NUMBER, Reader};
use crate::facts::figure::{Measure, RESTORED_CONFIDENCE, measure, millimetre_word, restored};
use crate::facts::pattern::{first_group, patterns};

patterns! {
    THICKNESS = r"^(?:t|[Tt][=:]|(?i:thk|thick|thickness)[=:]?)([0-9]{1,3}(?:[.,][0-9]{1,3})?)(?i:mm)?$";
    CAPITAL_THICKNESS = r"^T([0-9]{1,2}(?:\.[0-9]{1,3})?)(?i:mm)?$";
}

/// How sure a thickness is that is written `T5`, which may as well be a part's own number.
const CAPITAL_CONFIDENCE: f64 = 0.65;

impl Reader<'_, '_> {
    pub(super) fn take_thickness(&mut self) {
        let labelled = self.collect(Self::labelled_thickness_at);
        let hits = match labelled.is_empty() {
            true => self.collect(Self::loose_thickness_at),
            false => labelled,
        };
        let Some(first) = hits.first().map(|hit| hit.value.mm) else {
            return;
        };
        let two = hits.iter().any(|hit| hit.value.mm != first);
        let mut beside = hits
            .iter()
            .filter(|hit| !two || self.beside_used(hit.at, hit.words));
        let chosen = beside
            .next()
            .map(|hit| (hit.at, hit.words, hit.value, hit.confidence));
        let Some((at, words, value, confidence)) =
            chosen.filter(|_| beside.all(|hit| hit.value.mm == first || !two))
        else {
            return self.ambiguous("thickness_ambiguous", "thickness");
        };
        let confidence = if two { confidence.min(0.8) } else { confidence };
        let mut fact = self.fact(Hit {
            value: value.mm,
            at,
            words,
            confidence,
        });
        if value.restored {
            self.diagnostics.push(restored(&fact.evidence, value.mm));
            fact.confidence = RESTORED_CONFIDENCE;
        }
        self.facts.thickness_mm = Some(fact);
    }

    /// A figure, its unit if any, and how many words that took.
    fn figure_at(&self, at: usize) -> Option<(Measure, usize)> {
        if let Some(value) = millimetre_word(self.word(at)) {
            return Some((value, 1));
        }
        let value = measure(first_group(&NUMBER, self.word(at))?)?;
        Some((value, if self.is(at + 1, &["mm"]) { 2 } else { 1 }))
    }

    fn labelled_thickness_at(&self, at: usize) -> Option<Hit<Measure>> {
        let (value, words, confidence) = self.labelled_thickness(at)?;
        let thin = value.mm <= self.rules.thickness_mm_max;
        thin.then_some(Hit {
            value,
            at,
            words,
            confidence,
        })
    }

    fn labelled_thickness(&self, at: usize) -> Option<(Measure, usize, f64)> {
        if let Some(value) = first_group(&THICKNESS, self.word(at)).and_then(measure) {
            return Some((value, 1, 0.95));
        }
        if self.is(at, &["thk", "thick", "thickness", "t="]) {
            let (value, words) = self.figure_at(at + 1)?;
            return Some((value, words + 1, 0.95));
        }
        match self.figure_at(at) {
            Some((value, words)) => {
                self.is(at + words, &["thk", "thick"])
                    .then_some((value, words + 1, 0.95))
            }
            None => {
                let value = measure(first_group(&CAPITAL_THICKNESS, self.word(at))?)?;
                (at > 0).then_some((value, 1, CAPITAL_CONFIDENCE))
            }
        }
    }

    fn loose_thickness_at(&self, at: usize) -> Option<Hit<Measure>> {
        let (value, words) = self.figure_at(at)?;
        let unit = words == 2 || millimetre_word(self.word(at)).is_some();
        let of_feature =
            |word: &str| self.rules.is_feature_word(word) || word.eq_ignore_ascii_case("x");
        let next = self.tokens.get(at + words).filter(|token| !token.used);
        let size = value.mm > self.rules.loose_thickness_mm_max
            || next.is_some_and(|token| of_feature(token.text))
            || of_feature(self.before(at));
        // A figure that opens the name may be the part's own measure: `20mm spacer`.
        let opens = at == 0 && next.is_some();
        let confidence = if opens { 0.65 } else { 0.92 };
        (unit && !size).then_some(Hit {
            value,
            at,
            words,
            confidence,
        })
    }
}
