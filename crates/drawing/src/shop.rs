//! What a shop knows beside the drawing: its sheets, its machine's speeds, what its materials weigh. Plain data and the
//! sums made of it. Never guesses: without a material, a thickness or a row that fits there is no answer.

use crate::finding::{Finding, Severity};
use crate::part::rounded;
use crate::point::Extents;
use crate::report::{ContourMeasure, Measures, Role};
use serde::{Deserialize, Serialize};

/// A shop's own figures; what it leaves out keeps the shipped value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShopRules {
    /// The largest sheet; without one no part is too large.
    pub sheet: Option<Sheet>,
    /// How fast the machine cuts; ships empty, for it depends on the machine.
    pub speeds: Vec<CutSpeed>,
    pub densities: Vec<Density>,
}

/// A sheet of material, in mm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sheet {
    pub width_mm: f64,
    pub height_mm: f64,
}

/// How one material of one thickness is cut.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CutSpeed {
    pub material: String,
    pub thickness_mm: f64,
    pub speed_mm_per_minute: f64,
    pub pierce_seconds: f64,
}

/// What a material weighs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Density {
    pub material: String,
    pub kg_per_m3: f64,
}

/// How long cutting takes, by a row of the shop's table: an estimate, without travel between contours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    pub cut_seconds: f64,
    pub pierce_seconds: f64,
    /// Both together.
    pub total_seconds: f64,
    /// The row it was made with.
    pub by: CutSpeed,
}

/// A speed is taken for thicknesses this near to its own, as a part of them.
const THICKNESS_SLACK: f64 = 0.1;
/// A hole may be this much smaller than the thickness, in mm, before it counts as smaller: rounded figures are.
const HOLE_SLACK_MM: f64 = 1e-3;

/// Nominal densities in kg/m³: EN 1991-1-1 table A.4 (aluminium, brass, copper, steel, zinc), EN 10088-1 (stainless,
/// 1.4301).
const DENSITIES: [(&str, f64); 9] = [
    ("Aluminum", 2_700.0),
    ("Brass", 8_500.0),
    ("Carbon Steel", 7_850.0),
    ("Copper", 8_900.0),
    ("Galvanized Steel", 7_850.0),
    ("Mild Steel", 7_850.0),
    ("Stainless Steel", 7_900.0),
    ("Vastrap", 7_850.0),
    ("Zinc", 7_200.0),
];

impl Default for ShopRules {
    fn default() -> Self {
        let density = |(material, kg_per_m3): (&str, f64)| Density {
            material: material.to_owned(),
            kg_per_m3,
        };
        Self {
            sheet: None,
            speeds: Vec::new(),
            densities: DENSITIES.map(density).into(),
        }
    }
}

impl ShopRules {
    /// The time to cut everything once; nothing when no row of the table fits.
    pub fn estimate(
        &self,
        measures: &Measures,
        material: &str,
        thickness_mm: f64,
    ) -> Option<Estimate> {
        let off = |row: &CutSpeed| (row.thickness_mm - thickness_mm).abs();
        let fits = |row: &&CutSpeed| {
            same(&row.material, material)
                && off(row) <= THICKNESS_SLACK * thickness_mm
                && row.speed_mm_per_minute > 0.0
        };
        let rows = self.speeds.iter().filter(fits);
        let by = rows.min_by(|a, b| off(a).total_cmp(&off(b)))?;
        if measures.cut_length_mm <= 0.0 {
            return None;
        }
        let cut_seconds = measures.cut_length_mm / by.speed_mm_per_minute * 60.0;
        let pierce_seconds = measures.pierces as f64 * by.pierce_seconds;
        Some(Estimate {
            cut_seconds: rounded(cut_seconds, 10.0),
            pierce_seconds: rounded(pierce_seconds, 10.0),
            total_seconds: rounded(cut_seconds + pierce_seconds, 10.0),
            by: by.clone(),
        })
    }

    /// The mass of all parts, cut once, in kg; nothing when the material's density is not known or no outline is closed.
    pub fn mass_kg(&self, measures: &Measures, material: &str, thickness_mm: f64) -> Option<f64> {
        let mut densities = self.densities.iter();
        let density = densities.find(|density| same(&density.material, material))?;
        let volume_m3 = measures.net_area_mm2 * thickness_mm * 1e-9;
        (volume_m3 > 0.0).then(|| rounded(volume_m3 * density.kg_per_m3, 1e4))
    }

    /// What cannot be made of the shop's sheets, or not well in this thickness.
    pub fn findings(&self, measures: &Measures, thickness_mm: Option<f64>) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self
            .sheet
            .and_then(|sheet| sheet.beyond(measures))
            .into_iter()
            .collect();
        if let Some(thickness_mm) = thickness_mm {
            findings.extend(small_holes(measures, thickness_mm));
        }
        findings
    }
}

impl Sheet {
    /// The largest part that fits in neither direction; the whole drawing when no part is known.
    fn beyond(self, measures: &Measures) -> Option<Finding> {
        let parts = measures.parts.iter().map(|part| part.extents_mm);
        let whole = measures
            .extents_mm
            .filter(|_| measures.parts_total == 0)
            .into_iter();
        let largest = parts
            .chain(whole)
            .filter(|extents| !self.holds(*extents))
            .max_by(|a, b| a.area().total_cmp(&b.area()))?;
        let (width, height) = largest.rounded_size();
        let message = format!(
            "{width} × {height} mm do not fit on a sheet of {} × {} mm",
            self.width_mm, self.height_mm
        );
        Some(
            Finding::new(Severity::Error, "beyond_sheet", message)
                .hint("check the unit of the drawing, or divide the part")
                .at(largest.center())
                .measuring(rounded(largest.size(), 1e6)),
        )
    }

    fn holds(self, extents: Extents) -> bool {
        let sorted = |a: f64, b: f64| (a.min(b), a.max(b));
        let (part, sheet) = (
            sorted(extents.width(), extents.height()),
            sorted(self.width_mm, self.height_mm),
        );
        part.0 <= sheet.0 && part.1 <= sheet.1
    }
}

/// One finding for each diameter below the thickness.
fn small_holes(measures: &Measures, thickness_mm: f64) -> impl Iterator<Item = Finding> {
    let small = move |diameter: f64| diameter < thickness_mm - HOLE_SLACK_MM;
    let groups = measures
        .holes
        .iter()
        .filter(move |group| small(group.diameter_mm));
    groups.map(move |group| {
        let diameter = group.diameter_mm;
        let is_one = |contour: &&ContourMeasure| {
            let own = contour.diameter_mm;
            contour.role == Role::Hole && own.is_some_and(|own| (own - diameter).abs() < 1e-3)
        };
        let message = format!(
            "{} holes of {diameter} mm in {thickness_mm} mm material",
            group.count
        );
        let finding = Finding::new(Severity::Warning, "small_hole", message)
            .hint("make the hole larger than the material is thick, or mark and drill it")
            .measuring(diameter);
        match measures.contours.iter().find(is_one) {
            Some(hole) => finding.at(hole.extents_mm.center()),
            None => finding,
        }
    })
}

fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arc::Arc;
    use crate::layer::{Layer, Operation};
    use crate::measure::{MeasureLimits, measure};
    use crate::model::{Curve, Drawing, LayerId, Shape};
    use crate::point::Point;

    /// A disc of 100 mm with a hole of 4 mm.
    fn disc() -> Measures {
        let layer = Layer {
            name: "0".into(),
            visible: true,
            operation: Operation::Cut,
        };
        let circle = |radius| Curve {
            shape: Shape::Arc(Arc::circle(Point::new(50.0, 0.0), radius)),
            layer: LayerId(0),
            origin: 1,
        };
        let disc = Drawing {
            layers: vec![layer],
            curves: vec![circle(50.0), circle(2.0)],
            ..Drawing::default()
        };
        measure(&disc, &MeasureLimits::default())
    }

    #[test]
    fn times_and_masses_need_a_row_that_fits() {
        let row = |material: &str, thickness_mm: f64, speed_mm_per_minute: f64| CutSpeed {
            material: material.into(),
            thickness_mm,
            speed_mm_per_minute,
            pierce_seconds: 0.5,
        };
        let rules = ShopRules {
            speeds: vec![
                row("Mild Steel", 5.0, 2000.0),
                row("Mild Steel", 6.0, 1500.0),
                row("Brass", 5.0, 0.0),
            ],
            ..ShopRules::default()
        };
        let estimate = rules.estimate(&disc(), "mild steel", 6.1).unwrap();
        assert_eq!(estimate.by, rules.speeds[1]);
        // 104π mm at 25 mm/s, two pierces.
        assert_eq!((estimate.cut_seconds, estimate.pierce_seconds), (13.1, 1.0));
        assert_eq!(estimate.total_seconds, 14.1);
        for (material, thickness_mm) in [("Mild Steel", 8.0), ("Brass", 5.0), ("Copper", 5.0)] {
            assert!(rules.estimate(&disc(), material, thickness_mm).is_none());
        }
        assert_eq!(rules.mass_kg(&disc(), "Mild Steel", 5.0), Some(0.3078));
        assert_eq!(rules.mass_kg(&disc(), "Other", 5.0), None);
        assert_eq!(rules.mass_kg(&Measures::default(), "Brass", 5.0), None);
    }

    #[test]
    fn what_a_shop_cannot_make_is_found() {
        let sheet = |width_mm, height_mm| ShopRules {
            sheet: Some(Sheet {
                width_mm,
                height_mm,
            }),
            ..ShopRules::default()
        };
        let cases = [
            (ShopRules::default(), None, vec![]),
            (ShopRules::default(), Some(4.0), vec![]),
            (ShopRules::default(), Some(5.0), vec![("small_hole", 4.0)]),
            (sheet(100.0, 300.0), Some(3.0), vec![]),
            (sheet(90.0, 300.0), None, vec![("beyond_sheet", 100.0)]),
        ];
        for (rules, thickness_mm, expected) in cases {
            let found = rules.findings(&disc(), thickness_mm);
            let words: Vec<_> = found
                .iter()
                .map(|finding| (finding.code.as_str(), finding.measure_mm.unwrap()))
                .collect();
            assert_eq!(words, expected);
            let center = Some(Point::new(50.0, 0.0));
            assert!(found.iter().all(|finding| finding.place == center));
        }
    }

    #[test]
    fn rules_survive_the_way_to_another_process() {
        let json = serde_json::to_string(&ShopRules::default()).unwrap();
        assert_eq!(
            serde_json::from_str::<ShopRules>(&json).unwrap(),
            ShopRules::default()
        );
    }
}
