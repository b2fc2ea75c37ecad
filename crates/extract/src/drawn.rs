//! From a drawing as read to an Extraction: settles the unit, scales to millimetres, measures, and brings the facts
//! together. The same for every format that draws. Never parses.

use crate::Input;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::extraction::{BlockUse, DrawingSection, Extraction};
use crate::facts::{self, Facts, Hints, Review, Rules, Settled, settle};
use crate::kind::Kind;
use crate::lightburn::LightburnSection;
use crate::limits::Limits;
use crate::outcome::{Outcome, Preview, PreviewForm};
use drawing::{
    Drawing, Extents, Finding, Measures, PreviewOptions, ShopRules, UnitClues, Units, measure,
};

/// A drawing with what its format knows about it.
pub(crate) struct Drawn {
    pub(crate) kind: Kind,
    pub(crate) format_version: Option<String>,
    /// Coordinates in the file's own units.
    pub(crate) drawing: Drawing,
    /// What the file says of its unit; size and caller are filled in here.
    pub(crate) clues: UnitClues,
    pub(crate) paper_space_entities: u64,
    pub(crate) extras: Extras,
    pub(crate) diagnostics: Diagnostics,
}

/// What some formats know besides the drawing.
#[derive(Default)]
pub(crate) struct Extras {
    /// Lines that are written in the file, not on the drawing.
    pub(crate) notes: Vec<String>,
    /// Facts that properties of the file state.
    pub(crate) readings: Vec<Facts>,
    /// A picture that the file carries, for when there is nothing to draw.
    pub(crate) preview: Option<Preview>,
    pub(crate) lightburn: Option<LightburnSection>,
    pub(crate) blocks: Vec<BlockUse>,
}

/// Below this a unit is doubted.
const UNIT_CONFIDENCE_MIN: f64 = 0.7;

/// A drawing's share of an Extraction.
#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) section: Option<DrawingSection>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) needs_review: Vec<Review>,
    pub(crate) layers: Vec<String>,
    pub(crate) diagnostics: Diagnostics,
    /// In mm, for a picture of it; kept only when one is wanted.
    pub(crate) drawing: Option<Drawing>,
}

impl Drawn {
    pub(crate) fn outcome(mut self, input: &Input<'_>, rules: &Rules, limits: &Limits) -> Outcome {
        let kind = self.kind;
        let mut words = std::mem::take(&mut self.extras.notes);
        let readings = std::mem::take(&mut self.extras.readings);
        let carried = self.extras.preview.take().filter(|_| input.preview);
        let mut measured = self.measure(input, limits);
        if let Some(section) = &measured.section {
            words.extend_from_slice(&section.texts);
        }
        let layers = std::mem::take(&mut measured.layers);
        let hints = Hints {
            texts: &words,
            layers: &layers,
            readings: &readings,
            ..Hints::default()
        };
        let is_empty = measured.is_empty();
        let mut outcome = measured.outcome(kind, &hints, input, rules, limits);
        if is_empty && carried.is_some() {
            outcome.preview = carried;
        }
        outcome
    }

    /// Settles the unit, scales to millimetres and measures.
    pub(crate) fn measure(mut self, input: &Input<'_>, limits: &Limits) -> Measured {
        let units = self.settle_units(input);
        let mut measures = measure(&self.drawing, &limits.measure);
        let mut findings = std::mem::take(&mut measures.findings);
        findings.extend(unit_doubt(units));
        if measures.findings_omitted > 0 {
            let message = format!("{} more findings are not listed", measures.findings_omitted);
            self.diagnostics
                .push(|| Diagnostic::new(Severity::Info, "findings_max", message));
        }
        let mut lightburn = self.extras.lightburn;
        if let Some(lightburn) = &mut lightburn {
            lightburn.complete(&mut self.drawing, &measures, &limits.measure);
        }
        let Drawing { texts, layers, .. } = &self.drawing;
        let texts = texts.iter().map(|text| text.value.clone()).collect();
        Measured {
            needs_review: reviews(&measures, units),
            layers: layers.iter().map(|layer| layer.name.clone()).collect(),
            section: Some(DrawingSection {
                format_version: self.format_version,
                measures,
                paper_space_entities: self.paper_space_entities,
                blocks: self.extras.blocks,
                texts,
                lightburn,
                estimate: None,
                mass_kg: None,
            }),
            findings,
            diagnostics: self.diagnostics,
            drawing: input.preview.then_some(self.drawing),
        }
    }

    fn settle_units(&mut self, input: &Input<'_>) -> Units {
        let drawing = &mut self.drawing;
        let extents = Extents::around(
            drawing
                .curves
                .iter()
                .filter_map(|curve| drawing.extents(curve)),
        );
        let units = Units::settle(&UnitClues {
            caller: input.unit,
            size: extents.map(|extents| extents.size()),
            ..self.clues
        });
        if units.value.mm() != 1.0 {
            drawing.scale(units.value.mm());
        }
        drawing.units = Some(units);
        units
    }
}

impl Measured {
    /// Weighs what was said in words and judges the measures by it: the whole Extraction of a file that draws.
    pub(crate) fn outcome(
        mut self,
        kind: Kind,
        hints: &Hints<'_>,
        input: &Input<'_>,
        rules: &Rules,
        limits: &Limits,
    ) -> Outcome {
        let settled = settle(input.caller, input.file_name, hints, rules);
        for diagnostic in settled.diagnostics {
            self.diagnostics.push(|| facts_diagnostic(diagnostic));
        }
        let Settled {
            facts,
            conflicts,
            suggestions,
            confidence_score,
            mut needs_review,
            ..
        } = settled;
        needs_review.append(&mut self.needs_review);
        self.judge(&facts, &rules.shop);
        let preview = self.preview(input.file_name, limits);
        let extraction = Extraction {
            confidence_score,
            facts,
            conflicts,
            suggestions,
            needs_review,
            drawing: self.section,
            findings: self.findings,
            diagnostics: self.diagnostics.into_list(),
            ..Extraction::of(input.file_name, Some(kind))
        };
        Outcome {
            preview,
            ..Outcome::from(extraction)
        }
    }

    /// What follows from the measures once material and thickness are settled: what the shop cannot make, the time,
    /// the mass.
    fn judge(&mut self, facts: &Facts, shop: &ShopRules) {
        let Some(section) = &mut self.section else {
            return;
        };
        let thickness_mm = facts.thickness_mm.as_ref().map(|fact| fact.value);
        let measures = &section.measures;
        self.findings.extend(shop.findings(measures, thickness_mm));
        if let (Some(material), Some(thickness_mm)) = (&facts.material, thickness_mm) {
            section.estimate = shop.estimate(measures, &material.value, thickness_mm);
            section.mass_kg = shop.mass_kg(measures, &material.value, thickness_mm);
        }
    }

    fn is_empty(&self) -> bool {
        let section = self.section.as_ref();
        section.is_none_or(|section| section.measures.extents_mm.is_none())
    }

    /// The picture, when one is wanted.
    fn preview(&self, title: &str, limits: &Limits) -> Option<Preview> {
        let options = PreviewOptions {
            title,
            svg_bytes_max: limits.svg_bytes_max,
            ..PreviewOptions::default()
        };
        let svg = drawing::preview(self.drawing.as_ref()?, &self.findings, &options);
        Some(Preview {
            form: PreviewForm::Svg,
            bytes: svg.into_bytes(),
        })
    }
}

fn is_doubted(units: Units) -> bool {
    units.confidence < UNIT_CONFIDENCE_MIN
}

fn unit_doubt(units: Units) -> Option<Finding> {
    is_doubted(units).then(|| {
        let unit = serde_json::to_value(units.value).unwrap_or_default();
        let unit = unit.as_str().unwrap_or("mm");
        Finding::new(
            Severity::Warning,
            "unit_doubt",
            format!("taken to be drawn in {unit}, with little to go by"),
        )
        .hint("set the unit on export, or state it with the upload")
    })
}

/// Why a person should look at the geometry.
fn reviews(measures: &Measures, units: Units) -> Vec<Review> {
    let review = |code: &'static str, message: String| Review {
        code: code.into(),
        message,
    };
    let mut reviews = Vec::new();
    if measures.extents_mm.is_none() {
        reviews.push(review(
            "empty",
            "nothing in the drawing can be measured".into(),
        ));
    } else if is_doubted(units) {
        reviews.push(review(
            "unit_doubt",
            "the unit of the drawing is a guess".into(),
        ));
    }
    if measures.open_chains > 0 {
        reviews.push(review(
            "open_contours",
            format!("{} contours are not closed", measures.open_chains),
        ));
    }
    if !measures.measure_complete {
        reviews.push(review(
            "not_measured",
            "parts of the drawing are not measured: lengths are too short".into(),
        ));
    }
    reviews
}

fn facts_diagnostic(diagnostic: facts::Diagnostic) -> Diagnostic {
    let severity = match diagnostic.severity {
        facts::Severity::Info => Severity::Info,
        facts::Severity::Warning => Severity::Warning,
    };
    let message = format!("{} ({:?})", diagnostic.message, diagnostic.evidence);
    Diagnostic::new(severity, diagnostic.code, message)
}
