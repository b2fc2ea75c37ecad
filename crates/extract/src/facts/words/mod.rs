//! Reading loose words: each word is classed by its form and its neighbours, the best of each class wins.
//!
//! `x170`, `x 2`, `4 off` are quantities, `t10`, `5mm`, `5 mm thk` thicknesses, `MS` a material, `v2` a version. It must never
//! take a size (`1200x600`, `140mm x 140mm`), a hole (`4x18`, `12mm holes`) or a thread (`M6x20`) for any of them.

mod thickness;

use super::figure::{millimetre_word, quantity, quantity_word};
use super::model::{Diagnostic, Fact, Facts, Source};
use super::pattern::{first_group, patterns};
use super::rules::Rules;

/// What loose words say, and what is left when the words that said it are taken out.
pub(crate) struct WordReading {
    pub(crate) facts: Facts,
    pub(crate) rest: String,
    pub(crate) revision: Option<String>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Reads material, thickness, quantity and version; the part's name is for the reader of `rest` to judge.
pub(crate) fn read_words(text: &str, source: Source, rules: &Rules) -> WordReading {
    let mut reader = Reader {
        tokens: tokens(text),
        source,
        rules,
        facts: Facts::default(),
        diagnostics: Vec::new(),
    };
    reader.take_quantity();
    reader.take_material();
    reader.take_thickness();
    reader.take_version();
    let revision = reader.take_revision();
    WordReading {
        rest: reader.rest(),
        facts: reader.facts,
        revision,
        diagnostics: reader.diagnostics,
    }
}

patterns! {
    TOKEN = r"[^\s_\-;()\[\]+]+";
    NUMBER = r"^([0-9]{1,4}(?:[.,][0-9]{1,4})?)$";
    SIZE = r"(?i)[0-9](?:mm)?x[0-9]";
    VERSION = r"(?i)^(?:v|ver|version)\.?([0-9]{1,3})(?:\.\w{1,5})?$";
    REVISION = r"(?i)^rev(?:ision)?\.?([0-9]{1,3}|[a-z])$";
}

struct Token<'t> {
    text: &'t str,
    /// The separators before it.
    gap: &'t str,
    used: bool,
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut end = 0;
    let mut tokens = Vec::new();
    for found in TOKEN.find_iter(text) {
        let word = found.as_str().trim_matches([',', '.', ':']);
        if !word.is_empty() {
            let gap = text.get(end..found.start()).unwrap_or_default();
            tokens.push(Token {
                text: word,
                gap,
                used: false,
            });
            end = found.end();
        }
    }
    tokens
}

struct Reader<'t, 'r> {
    tokens: Vec<Token<'t>>,
    source: Source,
    rules: &'r Rules,
    facts: Facts,
    diagnostics: Vec<Diagnostic>,
}

/// A value read from some neighbouring words.
struct Hit<T> {
    value: T,
    at: usize,
    words: usize,
    confidence: f64,
}

impl Reader<'_, '_> {
    /// The word at a place; beyond either end an empty one.
    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.text)
    }

    fn before(&self, at: usize) -> &str {
        at.checked_sub(1).map_or("", |at| self.word(at))
    }

    fn is(&self, at: usize, words: &[&str]) -> bool {
        words
            .iter()
            .any(|word| self.word(at).eq_ignore_ascii_case(word))
    }

    fn used(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| token.used)
    }

    /// Whether a word beside these ones has already been understood.
    fn beside_used(&self, at: usize, words: usize) -> bool {
        self.used(at + words) || at.checked_sub(1).is_some_and(|at| self.used(at))
    }

    fn collect<T>(&self, hit_at: impl Fn(&Self, usize) -> Option<Hit<T>>) -> Vec<Hit<T>> {
        (0..self.tokens.len())
            .filter(|&at| !self.used(at))
            .filter_map(|at| hit_at(self, at))
            .collect()
    }

    fn fact<T>(&mut self, hit: Hit<T>) -> Fact<T> {
        let taken = self.tokens.iter_mut().skip(hit.at).take(hit.words);
        let evidence = taken.map(|token| {
            token.used = true;
            token.text
        });
        let evidence = evidence.collect::<Vec<_>>().join(" ");
        Fact::new(hit.value, self.source, evidence, hit.confidence)
    }

    fn ambiguous(&mut self, code: &'static str, what: &str) {
        let text = self
            .tokens
            .iter()
            .map(|token| token.text)
            .collect::<Vec<_>>()
            .join(" ");
        let message = format!("more than one {what} is written here: check which one holds");
        self.diagnostics
            .push(Diagnostic::warning(code, &text, message));
    }

    fn take_quantity(&mut self) {
        let mut hits = self.collect(Self::quantity_at);
        let Some(mut last) = hits.pop() else { return };
        if hits.iter().any(|hit| hit.value != last.value) {
            last.confidence = 0.6;
            self.ambiguous("quantity_ambiguous", "quantity");
        }
        self.facts.quantity = Some(self.fact(last));
    }

    fn quantity_at(&self, at: usize) -> Option<Hit<u32>> {
        let (word, next) = (self.word(at), self.word(at + 1));
        let hit = |value, words| {
            Some(Hit {
                value,
                at,
                words,
                confidence: 0.95,
            })
        };
        if self.is(at, &["qty", "quantity"]) {
            return hit(quantity(next)?, 2);
        }
        if self.is(at + 1, &["off", "pcs", "pc", "ea", "nos"]) {
            return hit(quantity(word)?, 2);
        }
        let bare_x = word.eq_ignore_ascii_case("x");
        let (value, words) = match bare_x {
            true => (quantity(next)?, 2),
            false => (quantity_word(word)?, 1),
        };
        let first = at == 0 && (bare_x || word.starts_with('X') || self.tokens.len() == 1);
        let of_feature =
            self.rules.is_feature_word(self.word(at + words)) || self.is(at + words, &["mm", "x"]);
        (!first && !of_feature && !self.continues_size(at, words, bare_x)).then_some(())?;
        hit(value, words)
    }

    /// Whether `x 20` after these words is a side of a size: `100 x 20`, `100x50 x 20`, `140mm x 140`.
    fn continues_size(&self, at: usize, words: usize, apart: bool) -> bool {
        let before = self.before(at);
        let sheet = millimetre_word(before).is_some_and(|side| {
            side.mm > self.rules.loose_thickness_mm_max || at + words < self.tokens.len()
        });
        NUMBER.is_match(before) || apart && (SIZE.is_match(before) || sheet)
    }

    fn take_material(&mut self) {
        let mut hits = self.collect(Self::material_at);
        let two = hits
            .iter()
            .any(|hit| hits.first().is_some_and(|first| first.value != hit.value));
        let chosen = hits
            .iter()
            .position(|hit| self.beside_measure(hit.at, hit.words))
            .filter(|_| two);
        let Some(mut hit) = hits.drain(chosen.unwrap_or_default()..).next() else {
            return;
        };
        if two {
            hit.confidence = 0.6;
            self.ambiguous("material_ambiguous", "material");
        }
        self.facts.material = Some(self.fact(hit));
    }

    fn material_at(&self, at: usize) -> Option<Hit<String>> {
        let pair = format!("{} {}", self.word(at), self.word(at + 1));
        let materials = &self.rules.materials;
        let (material, words) = materials
            .find_among_words(&pair)
            .filter(|_| !self.word(at + 1).is_empty())
            .map(|material| (material, 2))
            .or_else(|| Some((materials.find_among_words(self.word(at))?, 1)))?;
        let (value, confidence) = (material.name.clone(), 0.92);
        Some(Hit {
            value,
            at,
            words,
            confidence,
        })
    }

    fn beside_measure(&self, at: usize, words: usize) -> bool {
        let measured =
            millimetre_word(self.word(at + words)).or_else(|| millimetre_word(self.before(at)));
        measured.is_some() || self.beside_used(at, words)
    }

    fn take_version(&mut self) {
        let hits = self.collect(|reader, at| {
            let written = first_group(&VERSION, reader.word(at)).map(|digits| (digits, 1));
            let spelled = reader
                .is(at, &["version", "ver"])
                .then(|| reader.word(at + 1).split('.').next().unwrap_or_default());
            let (digits, words) = written.or_else(|| Some((spelled?, 2)))?;
            let value = digits
                .parse()
                .ok()
                .filter(|version| (1..1_000).contains(version) && at > 0)?;
            Some(Hit {
                value,
                at,
                words,
                confidence: 0.95,
            })
        });
        if let Some(hit) = hits.into_iter().next_back() {
            self.facts.version = Some(self.fact(hit));
        }
    }

    fn take_revision(&mut self) -> Option<String> {
        let hits = self.collect(|reader, at| {
            let written = first_group(&REVISION, reader.word(at)).map(|text| (text, 1));
            let next = reader.word(at + 1);
            let spelled = reader.is(at, &["rev", "revision"]) && (1..=3).contains(&next.len());
            let (value, words) = written.or_else(|| spelled.then_some((next, 2)))?;
            Some(Hit {
                value: value.to_owned(),
                at,
                words,
                confidence: 0.95,
            })
        });
        hits.into_iter().next_back().map(|hit| self.fact(hit).value)
    }

    /// The words not understood, with the separators that stood before them.
    fn rest(&self) -> String {
        let mut rest = String::new();
        for token in self.tokens.iter().filter(|token| !token.used) {
            let gap = if rest.is_empty() { "" } else { token.gap };
            rest.push_str(gap);
            rest.push_str(token.text);
        }
        if rest.contains('(') && !rest.contains(')') {
            rest.push(')');
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text | what is left | material | thickness in mm | quantity; `-` stands for nothing.
    const LOOSE: &str = "\
Purlin_cleats_x170_6mm | Purlin_cleats | - | 6 | 170
Slant_5mm_x_2 | Slant | - | 5 | 2
plate t10 4x18 on160 | plate 4x18 on160 | - | 10 | -
T8 mount | T8 mount | - | - | -
plate T8 | plate | - | 8 | -
plate t=5 | plate | - | 5 | -
plate 5 mm thk | plate | - | 5 | -
plate thk 5 | plate | - | 5 | -
plate 1,5mm | plate | - | 1.5 | -
sheet 1200x600 | sheet 1200x600 | - | - | -
sheet 1200 x 600 | sheet 1200 x 600 | - | - | -
sheet 100 x 200 x 3 | sheet 100 x 200 x 3 | - | - | -
bracket 140mm x 140mm | bracket 140mm x 140mm | - | - | -
bolt M6x20 | bolt M6x20 | - | - | -
max 5 | max 5 | - | - | -
plate 12mm holes | plate 12mm holes | - | - | -
plate x4 holes | plate x4 holes | - | - | -
plate 3mm 12mm hole | plate 12mm hole | - | 3 | -
plate 4 off | plate | - | - | 4
plate 4pcs MS | plate | Mild Steel | - | 4
plate Qty 4 | plate | - | - | 4
mild steel plate 3mm | plate | Mild Steel | 3 | -
Plate (left) 5mm | Plate (left) | - | 5 | -
Bracket (MS) 5mm | Bracket | Mild Steel | 5 | -
100mm garden 1.2mm Galv | 100mm garden | Galvanized Steel | 1.2 | -
20mm rod 3mm MS | 20mm rod | Mild Steel | 3 | -
X100 mount | X100 mount | - | - | -
evaluation value | evaluation value | - | - | -
Other plate | Other plate | - | - | -
Alpine_White_0.53_AZ200_x20 | Alpine_White_0.53_AZ200 | - | - | 20
plate 3mm 5mm | plate 3mm 5mm | - | - | -
plate x0 | plate x0 | - | - | -
";

    #[test]
    fn loose_words_are_classed_by_form_and_neighbours() {
        for row in LOOSE.lines() {
            let columns: Vec<_> = row.split(" | ").collect();
            let (text, expected) = columns.split_first().unwrap();
            let read = read_words(text, Source::FileName, &Rules::default());
            let facts = read.facts;
            let read = [
                Some(read.rest),
                facts.material.map(|fact| fact.value),
                facts.thickness_mm.map(|fact| fact.value.to_string()),
                facts.quantity.map(|fact| fact.value.to_string()),
            ];
            assert_eq!(
                read.map(|value| value.unwrap_or("-".to_owned())),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_said_twice_differently_is_reported() {
        let codes = |text: &str| {
            let read = read_words(text, Source::FileName, &Rules::default());
            read.diagnostics
                .into_iter()
                .map(|d| d.code.into_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(codes("plate 3mm 5mm"), ["thickness_ambiguous"]);
        assert_eq!(codes("plate x3 x5"), ["quantity_ambiguous"]);
        assert_eq!(codes("Copper sign MS 3mm"), ["material_ambiguous"]);
        assert_eq!(codes("plate 3mm MS x3"), Vec::<String>::new());
    }
}
