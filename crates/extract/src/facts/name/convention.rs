//! Reading a name by a convention, from both ends towards the part; it must never accept a guess where a place was promised.

use super::{NameReading, SEPARATORS, fact, names_something};
use crate::facts::codes::{split_client, split_project};
use crate::facts::figure::{self, Measure, millimetre_word, quantity_word};
use crate::facts::model::{Diagnostic, Remark, RemarkKind, Source};
use crate::facts::pattern::{first_group, patterns};
use crate::facts::rules::{Convention, Field, Rules};
use crate::facts::stored_name::{NO_PART, UNKNOWN_MATERIAL};
use crate::facts::words::read_words;

patterns! {
    JOB = r"^([0-9]{4})\s*-";
    LOOSE_JOB = r"^(0[0-9]{3})[\s_]+";
    DATE = r"^(?:19|20)[0-9][0-9]-[0-9][0-9]-[0-9][0-9]";
    GLUED_QUANTITY = r"(?i)(-\s*[0-9]+(?:[.,][0-9]+)?\s*mm)[\s_]*x([0-9]{1,7})$|(mm|[0-9])\.x([0-9]{1,7})$";
    NO_MILLIMETRES = r"(?i)^0+(?:[.,]0+)?\s*mm$";
    DECIMAL = r"^[0-9]{1,2}[.,][0-9]{1,3}$";
    INTEGER = r"^[0-9]{1,3}$";
    WORD = r"^[A-Za-z]{2,12}$";
    EXACT_VERSION = r"^v([0-9]{1,9})$";
    EXACT_QUANTITY = r"^x([0-9]{1,7})$";
    VERSION = r"(?i)^v([0-9]{1,3})$";
}

/// Reads a name that a program wrote: every place as promised, or not at all.
pub(super) fn read_exact(form: &Convention, text: &str, rules: &Rules) -> Option<NameReading> {
    let mut walk = Walk::new(text, form, rules);
    walk.take_head()?;
    walk.take_tail()?;
    let part = walk.segments.join("-");
    if part != NO_PART {
        walk.reading.facts.part_name = fact(part.clone(), &part, 0.97);
    }
    (!part.is_empty()).then_some(walk.reading)
}

/// Reads a name that a person wrote, with the departures people make. `anchored`: the name also held a client or project code.
pub(super) fn read(
    form: &Convention,
    text: &str,
    anchored: bool,
    rules: &Rules,
) -> Option<NameReading> {
    let text = GLUED_QUANTITY.replace(text, "$1$3-x$2$4");
    [true, false].into_iter().find_map(|unitless| {
        let mut walk = Walk::new(&text, form, rules);
        walk.unitless = unitless;
        walk.anchored = anchored;
        walk.take_head()?;
        walk.take_tail()?;
        walk.unitless_is_justified().then_some(())?;
        walk.take_part()
    })
}

/// A job number before blanks or underscores, and what follows it.
pub(super) fn loose_job(text: &str) -> (Option<&str>, &str) {
    let found = LOOSE_JOB.captures(text).and_then(|captures| {
        let job = captures.get(1)?.as_str();
        Some((Some(job), text.get(captures.get(0)?.end()..)?))
    });
    found.unwrap_or((None, text))
}

/// What the thickness place held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Untaken,
    Blank,
    /// `0`: the name ends at its decimal point.
    Cut,
    Millimetres,
    Decimal,
    Integer,
}

struct Walk<'t, 'r> {
    form: &'r Convention,
    rules: &'r Rules,
    rest: &'t str,
    /// What lies between hyphens and is not read yet.
    segments: Vec<&'t str>,
    place: Place,
    known_material: bool,
    /// Whether a figure without `mm` may be the thickness.
    unitless: bool,
    anchored: bool,
    reading: NameReading,
}

impl<'t, 'r> Walk<'t, 'r> {
    fn new(text: &'t str, form: &'r Convention, rules: &'r Rules) -> Self {
        let reading = NameReading {
            convention: Some(form.name.clone()),
            ..NameReading::default()
        };
        Self {
            form,
            rules,
            rest: text,
            segments: Vec::new(),
            place: Place::Untaken,
            known_material: false,
            unitless: false,
            anchored: false,
            reading,
        }
    }

    fn take_head(&mut self) -> Option<()> {
        for field in &self.form.pattern.head {
            let facts = &mut self.reading.facts;
            let rest = match field {
                Field::Client => {
                    let (code, rest) = split_client(self.rest)?;
                    facts.client_code =
                        code.and_then(|code| fact(code.clone(), code.as_str(), 0.99));
                    rest
                }
                Field::Project => {
                    let (code, rest) = split_project(self.rest)?;
                    facts.project_code =
                        code.and_then(|code| fact(code.clone(), code.as_str(), 0.99));
                    rest
                }
                _ => {
                    let found = JOB
                        .captures(self.rest)
                        .filter(|_| !DATE.is_match(self.rest))?;
                    let job = found.get(1)?.as_str();
                    facts.job_number = fact(job.to_owned(), job, 0.97);
                    self.anchored = true;
                    self.rest.get(found.get(0)?.end()..)?
                }
            };
            self.rest = rest;
        }
        self.segments = self.rest.split('-').collect();
        Some(())
    }

    /// Reads the places after the part from the right; one segment always stays for the part.
    fn take_tail(&mut self) -> Option<()> {
        for slot in self.form.pattern.tail.iter().rev() {
            let last = self
                .segments
                .last()
                .copied()
                .filter(|_| self.segments.len() > 1);
            let taken = last.is_some_and(|segment| self.take(slot.field, segment).is_some());
            if taken {
                self.segments.pop();
            } else if !slot.optional {
                return None;
            }
        }
        Some(())
    }

    fn take(&mut self, field: Field, segment: &str) -> Option<()> {
        let word = segment.trim();
        match field {
            Field::Version => self.take_version(word),
            Field::Quantity => self.take_quantity(word),
            Field::Thickness => self.take_thickness(word),
            Field::Material => self.take_material(word),
            Field::Client | Field::Project | Field::Job | Field::Part => None,
        }
    }

    fn take_version(&mut self, word: &str) -> Option<()> {
        let pattern = if self.form.exact {
            &EXACT_VERSION
        } else {
            &VERSION
        };
        let version = first_group(pattern, word)?
            .parse()
            .ok()
            .filter(|version| *version > 0)?;
        self.reading.facts.version = fact(version, word, 0.99);
        Some(())
    }

    fn take_quantity(&mut self, word: &str) -> Option<()> {
        let plain = !self.form.exact || EXACT_QUANTITY.is_match(word);
        self.reading.facts.quantity = fact(quantity_word(word).filter(|_| plain)?, word, 0.99);
        Some(())
    }

    fn take_thickness(&mut self, word: &str) -> Option<()> {
        if let Some(measure) = millimetre_word(word) {
            self.place = Place::Millimetres;
            self.state_thickness(measure, word, 0.99);
            return Some(());
        }
        let people = !self.form.exact;
        if people && NO_MILLIMETRES.is_match(word) {
            self.place = Place::Millimetres;
            self.refuse_thickness(word);
            return Some(());
        }
        let last = self.reading.facts.quantity.is_none() && self.reading.facts.version.is_none();
        let (place, confidence) = match word {
            "" if people => (Place::Blank, 0.0),
            "0" if people && last => (Place::Cut, 0.0),
            _ if people && self.unitless && DECIMAL.is_match(word) => (Place::Decimal, 0.92),
            _ if people && self.unitless && INTEGER.is_match(word) => (Place::Integer, 0.75),
            _ => return None,
        };
        self.place = place;
        if place == Place::Cut {
            let message =
                "the name ends at the decimal point of its thickness: the thickness is not known";
            self.reading.diagnostics.push(Diagnostic::warning(
                "name_cut_at_decimal_point",
                self.rest,
                message,
            ));
        } else if place != Place::Blank {
            self.state_thickness(figure::measure(word)?, word, confidence);
        }
        Some(())
    }

    fn refuse_thickness(&mut self, word: &str) {
        let mm_max = self.rules.thickness_mm_max;
        let message =
            format!("{word} is no thickness: above 0 and at most {mm_max} mm is accepted");
        self.reading
            .diagnostics
            .push(Diagnostic::warning("thickness_refused", word, message));
    }

    fn state_thickness(&mut self, measure: Measure, word: &str, confidence: f64) {
        if measure.mm > self.rules.thickness_mm_max {
            return self.refuse_thickness(word);
        }
        let confidence = if measure.restored {
            figure::RESTORED_CONFIDENCE
        } else {
            confidence
        };
        if measure.restored {
            self.reading
                .diagnostics
                .push(figure::restored(word, measure.mm));
        }
        self.reading.facts.thickness_mm = fact(measure.mm, word, confidence);
    }

    fn take_material(&mut self, word: &str) -> Option<()> {
        if word == UNKNOWN_MATERIAL {
            return Some(());
        }
        if self.form.exact {
            return self.state_material(word, word);
        }
        if word.is_empty() {
            return (self.place == Place::Blank).then_some(());
        }
        self.state_material(word, word)
            .or_else(|| self.take_finished_material(word))
            .or_else(|| self.take_unknown_material(word))
    }

    fn state_material(&mut self, name: &str, evidence: &str) -> Option<()> {
        let material = self.rules.materials.find(name)?;
        self.reading.facts.material = fact(material.name.clone(), evidence, 0.99);
        self.known_material = true;
        Some(())
    }

    /// `MS Charcol`: a material and its colour.
    fn take_finished_material(&mut self, words: &str) -> Option<()> {
        let (first, finish) = words.split_once(' ')?;
        let finish = finish.trim();
        let plain = finish
            .split(' ')
            .all(|word| WORD.is_match(word) && !self.rules.is_part_word(word));
        self.rules
            .materials
            .find_among_words(first)
            .filter(|_| plain)?;
        self.state_material(first, words)?;
        self.reading.remarks.push(Remark {
            kind: RemarkKind::Finish,
            text: finish.to_owned(),
        });
        Some(())
    }

    /// A word the table lacks, where everything around it says that it must be the material: kept, with little trust.
    fn take_unknown_material(&mut self, word: &str) -> Option<()> {
        let counted = self.reading.facts.quantity.is_some();
        let placed = match self.place {
            Place::Millimetres | Place::Cut => self.anchored || counted,
            Place::Decimal => counted,
            Place::Untaken | Place::Blank | Place::Integer => false,
        };
        (placed && WORD.is_match(word) && !self.rules.is_part_word(word)).then_some(())?;
        self.reading.facts.material = fact(word.to_owned(), word, UNKNOWN_MATERIAL_CONFIDENCE);
        Some(())
    }

    /// A figure without unit is a thickness only beside a material.
    fn unitless_is_justified(&self) -> bool {
        match self.place {
            Place::Decimal => self.reading.facts.material.is_some(),
            Place::Integer => self.known_material,
            _ => true,
        }
    }

    fn take_part(mut self) -> Option<NameReading> {
        let facts = &self.reading.facts;
        let tail_read =
            facts.material.is_some() || facts.quantity.is_some() || self.place != Place::Untaken;
        let part = match tail_read {
            true => {
                self.take_strays();
                self.segments.join("-")
            }
            false => self.read_words_of_part(),
        };
        let part = part.trim_matches(SEPARATORS);
        let mut inside = NameReading::default();
        let part = super::peel::peel(part, &mut inside);
        let facts = &mut self.reading.facts;
        facts.version = facts.version.take().or(inside.facts.version);
        self.reading.remarks.append(&mut inside.remarks);
        if names_something(&part) || !part.is_empty() && tail_read {
            facts.part_name = fact(part.clone(), &part, 0.97);
        }
        (!part.is_empty()).then_some(self.reading)
    }

    /// Whole segments out of their place: `Plate-x2-MS-4mm`.
    fn take_strays(&mut self) {
        let mut at = 0;
        while self.segments.len() > 1 && at < self.segments.len() {
            let word = self.segments.get(at).copied().unwrap_or_default().trim();
            match self.take_stray(word) {
                Some(()) => {
                    self.segments.remove(at);
                }
                None => at += 1,
            }
        }
    }

    fn take_stray(&mut self, word: &str) -> Option<()> {
        let facts = &mut self.reading.facts;
        if let Some(quantity) = quantity_word(word).filter(|_| facts.quantity.is_none()) {
            facts.quantity = fact(quantity, word, 0.93);
            return Some(());
        }
        let material = self.rules.materials.find_among_words(word);
        if let Some(material) = material.filter(|_| facts.material.is_none()) {
            facts.material = fact(material.name.clone(), word, 0.93);
            return Some(());
        }
        let loose = self.rules.loose_thickness_mm_max;
        let measure =
            millimetre_word(word).filter(|measure| measure.mm <= loose && !measure.restored)?;
        (self.place == Place::Untaken && facts.thickness_mm.is_none()).then_some(())?;
        facts.thickness_mm = fact(measure.mm, word, 0.93);
        Some(())
    }

    /// The part's place holds the whole name: `0005-Plate MS 3mm x2`.
    fn read_words_of_part(&mut self) -> String {
        let words = read_words(&self.segments.join("-"), Source::FileName, self.rules);
        let facts = &mut self.reading.facts;
        facts.material = words.facts.material;
        facts.thickness_mm = words.facts.thickness_mm;
        facts.quantity = words.facts.quantity;
        facts.version = facts.version.take().or(words.facts.version);
        self.reading.diagnostics.extend(words.diagnostics);
        let revision = words.revision.map(|text| Remark {
            kind: RemarkKind::Revision,
            text,
        });
        self.reading.remarks.extend(revision);
        words.rest
    }
}

/// How sure a material is that the table does not know.
const UNKNOWN_MATERIAL_CONFIDENCE: f64 = 0.4;
