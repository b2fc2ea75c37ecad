//! `[ingest.facts]`: how the shop's names and texts are read, over the shipped rules. Decides nothing about a file.

use std::collections::BTreeMap;

use drawing::{CutSpeed, Density, LayerRules, Sheet};
use extract::facts::{Convention, Material, Pattern, Rules, RulesError};
use serde::Deserialize;

/// The section.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct FactsSettings {
    thickness_mm_max: f64,
    loose_thickness_mm_max: f64,
    texts_read_max: usize,
    text_bytes_max: usize,
    exact_names: Vec<String>,
    names: Vec<String>,
    part_words: Vec<String>,
    feature_words: Vec<String>,
    layers: LayerRules,
    /// By code.
    materials: BTreeMap<String, MaterialSection>,
    sheet: Sheet,
    speeds: BTreeMap<String, CutSpeed>,
}

#[derive(Debug, Clone, Deserialize)]
struct MaterialSection {
    name: String,
    aliases: Vec<String>,
    /// 0: as shipped.
    density_kg_per_m3: f64,
}

/// No sheet is longer.
const SIDE_MM_MAX: f64 = 1e6;

/// Why the rules cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FactsFault {
    #[error("ingest.facts.{key}: {cause}")]
    Pattern {
        key: &'static str,
        cause: RulesError,
    },
    #[error("ingest.facts.{key} must lie between {min} and {max}")]
    Range { key: String, min: f64, max: f64 },
    #[error("ingest.facts.materials.{code}.name: a material that is not shipped needs a name")]
    Unnamed { code: String },
    #[error("ingest.facts.materials.{code}: {word:?} already names {other}")]
    Twice {
        code: String,
        word: String,
        other: String,
    },
    #[error(
        "ingest.facts.{key}: {word:?} is no material that is known: add it below ingest.facts.materials"
    )]
    UnknownMaterial { key: String, word: String },
}

impl FactsSettings {
    /// The shipped rules with the shop's own in their place.
    pub(crate) fn rules(&self, confidence_threshold: f64) -> Result<Rules, FactsFault> {
        between("thickness_mm_max", self.thickness_mm_max, 0.1, 10_000.0)?;
        between(
            "loose_thickness_mm_max",
            self.loose_thickness_mm_max,
            0.1,
            10_000.0,
        )?;
        let mut rules = Rules {
            confidence_threshold,
            thickness_mm_max: self.thickness_mm_max,
            loose_thickness_mm_max: self.loose_thickness_mm_max,
            texts_read_max: self.texts_read_max,
            text_bytes_max: self.text_bytes_max,
            conventions: self.conventions()?,
            part_words: self.part_words.clone(),
            feature_words: self.feature_words.clone(),
            layers: self.layers.clone(),
            ..Rules::default()
        };
        for (code, section) in &self.materials {
            put_material(&mut rules, code, section)?;
        }
        between("sheet.width_mm", self.sheet.width_mm, 0.0, SIDE_MM_MAX)?;
        between("sheet.height_mm", self.sheet.height_mm, 0.0, SIDE_MM_MAX)?;
        let has_area = self.sheet.width_mm > 0.0 && self.sheet.height_mm > 0.0;
        rules.shop.sheet = has_area.then_some(self.sheet);
        rules.shop.speeds = self.speeds(&rules)?;
        Ok(rules)
    }

    /// The table of speeds, each of a material that is known.
    fn speeds(&self, rules: &Rules) -> Result<Vec<CutSpeed>, FactsFault> {
        let speed = |(name, row): (&String, &CutSpeed)| {
            let key = |key: &str| format!("speeds.{name}.{key}");
            between(&key("thickness_mm"), row.thickness_mm, 0.01, 10_000.0)?;
            between(
                &key("speed_mm_per_minute"),
                row.speed_mm_per_minute,
                0.1,
                1e7,
            )?;
            between(&key("pierce_seconds"), row.pierce_seconds, 0.0, 3_600.0)?;
            let material = rules.materials.find(&row.material);
            let material = material.ok_or_else(|| FactsFault::UnknownMaterial {
                key: key("material"),
                word: row.material.clone(),
            })?;
            Ok(CutSpeed {
                material: material.name.clone(),
                ..row.clone()
            })
        };
        self.speeds.iter().map(speed).collect()
    }

    fn conventions(&self) -> Result<Vec<Convention>, FactsFault> {
        let lists = [("exact_names", &self.exact_names), ("names", &self.names)];
        let forms = lists
            .into_iter()
            .flat_map(|(key, list)| list.iter().map(move |text| (key, text)));
        let convention = |(key, text): (&'static str, &String)| {
            Ok(Convention {
                name: text.clone(),
                pattern: Pattern::parse(text)
                    .map_err(|cause| FactsFault::Pattern { key, cause })?,
                exact: key == "exact_names",
            })
        };
        forms.map(convention).collect()
    }
}

fn between(key: &str, value: f64, min: f64, max: f64) -> Result<(), FactsFault> {
    let key = key.to_owned();
    match (min..=max).contains(&value) {
        true => Ok(()),
        false => Err(FactsFault::Range { key, min, max }),
    }
}

/// Adds a material, or changes the shipped one of this code: its name where one is given, and more aliases.
fn put_material(
    rules: &mut Rules,
    code: &str,
    section: &MaterialSection,
) -> Result<(), FactsFault> {
    let materials = &mut rules.materials.0;
    let known = materials
        .iter()
        .position(|material| material.code.eq_ignore_ascii_case(code));
    let mut material = match known {
        Some(at) => materials.remove(at),
        None if section.name.trim().is_empty() => {
            let code = code.to_owned();
            return Err(FactsFault::Unnamed { code });
        }
        None => Material {
            name: String::new(),
            code: code.to_owned(),
            aliases: Vec::new(),
        },
    };
    if !section.name.trim().is_empty() {
        section.name.trim().clone_into(&mut material.name);
    }
    material.aliases.extend(section.aliases.iter().cloned());
    let words = [&material.name, &material.code];
    for word in words.into_iter().chain(&material.aliases) {
        if let Some(other) = rules.materials.find(word) {
            return Err(FactsFault::Twice {
                code: code.to_owned(),
                word: word.clone(),
                other: other.name.clone(),
            });
        }
    }
    if section.density_kg_per_m3 != 0.0 {
        let key = format!("materials.{code}.density_kg_per_m3");
        between(&key, section.density_kg_per_m3, 10.0, 30_000.0)?;
        let densities = &mut rules.shop.densities;
        densities.retain(|density| density.material != material.name);
        densities.push(Density {
            material: material.name.clone(),
            kg_per_m3: section.density_kg_per_m3,
        });
    }
    rules.materials.0.push(material);
    Ok(())
}

#[cfg(test)]
mod tests {
    use service::Settings;

    use super::*;

    fn rules(text: &str) -> Result<Rules, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("draftwire.toml");
        std::fs::write(&file, text).unwrap();
        let settings = Settings::load(Some(&file), [("", ""); 0], &[]);
        let settings = settings.map_err(|cause| cause.to_string())?;
        let section: Result<FactsSettings, _> = settings.section("ingest.facts");
        let section = section.map_err(|cause| cause.to_string())?;
        section.rules(0.7).map_err(|cause| cause.to_string())
    }

    #[test]
    fn the_shipped_settings_are_the_shipped_rules() {
        let mut shipped = Rules::default();
        for convention in &mut shipped.conventions {
            convention.name = String::from(convention.pattern.clone());
        }
        assert_eq!(rules("").unwrap(), shipped);
    }

    #[test]
    fn a_shop_adds_materials_and_names_of_its_own() {
        let text = r#"
[ingest.facts]
names = ["{part}-{quantity}-{material}"]
[ingest.facts.layers]
engrave = ["gravur*"]
[ingest.facts.materials.HDX]
name = "Hardox"
aliases = ["Hardox 450"]
density_kg_per_m3 = 7870.0
[ingest.facts.sheet]
width_mm = 3000.0
height_mm = 1500.0
[ingest.facts.speeds.hdx6]
material = "HDX"
thickness_mm = 6.0
speed_mm_per_minute = 1800.0
pierce_seconds = 1.5
[ingest.facts.materials.VAST]
aliases = ["Tread"]
"#;
        let rules = rules(text).unwrap();
        assert_eq!(rules.materials.find("hardox450").unwrap().name, "Hardox");
        assert_eq!(rules.materials.find("tread").unwrap().name, "Vastrap");
        assert_eq!(rules.materials.find("vas").unwrap().name, "Vastrap");
        assert_eq!(rules.conventions.len(), 2);
        assert_eq!(rules.shop.sheet.unwrap().width_mm, 3000.0);
        assert_eq!(rules.shop.speeds[0].material, "Hardox");
        let hardox = rules
            .shop
            .densities
            .iter()
            .find(|row| row.material == "Hardox");
        assert_eq!(hardox.unwrap().kg_per_m3, 7870.0);
        assert_eq!(
            rules.layers.operation("Gravur 1"),
            drawing::Operation::Engrave
        );
    }

    #[test]
    fn faults_name_the_key() {
        for (text, named) in [
            (
                "[ingest.facts]\nnames = [\"{job}-{colour}-{part}\"]",
                "ingest.facts.names",
            ),
            ("[ingest.facts]\nthickness_mm_max = 0.0", "thickness_mm_max"),
            ("[ingest.facts]\npart_wrds = []", "part_words"),
            (
                "[ingest.facts.layers]\ncuts = []",
                "ingest.facts.layers.cut",
            ),
            (
                "[ingest.facts.speeds.a]\nmaterial = \"Cheese\"\nthickness_mm = 1.0\nspeed_mm_per_minute = 1.0",
                "speeds.a.material",
            ),
            (
                "[ingest.facts.sheet]\nwidth_mm = -1.0",
                "ingest.facts.sheet.width_mm",
            ),
            (
                "[ingest.facts.materials.HDX]\naliases = []",
                "materials.HDX.name",
            ),
            (
                "[ingest.facts.materials.HDX]\nname = \"Inox\"",
                "already names Stainless Steel",
            ),
        ] {
            let message = rules(text).unwrap_err();
            assert!(message.contains(named), "{text}: {message}");
        }
    }
}
