//! Cut settings as they stand in a project, and the layers that come of them. Never measures.

use super::section::CutSetting;
use drawing::{Layer, LayerId, LayerRules, Operation};
use std::collections::{BTreeMap, HashMap};

/// Fields of one setting that are kept, and characters of each.
const FIELDS_MAX: usize = 64;
const FIELD_CHARS_MAX: usize = 255;
/// From here on layers are guides (LightBurn, tool layers T1 and T2).
const TOOL_INDEX: i64 = 30;

/// A setting while its fields are read.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) kind: String,
    /// Its own index when it is a sub-layer.
    pub(super) sub_layer: Option<u32>,
    pub(super) fields: Fields,
}

/// Names and values, as many as are kept.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) list: BTreeMap<String, String>,
}

impl Fields {
    pub(super) fn insert(&mut self, name: String, value: &str) {
        if self.list.len() < FIELDS_MAX && name.len() <= FIELD_CHARS_MAX {
            self.list.insert(name, short(value));
        }
    }

    fn take(&mut self, name: &str) -> Option<String> {
        self.list.remove(name)
    }

    fn number(&mut self, name: &str) -> Option<f64> {
        let number = self.take(name)?.trim().parse().ok();
        number.filter(|number: &f64| number.is_finite())
    }

    fn flag(&mut self, name: &str) -> Option<bool> {
        self.take(name).map(|value| is_true(&value))
    }
}

/// The beginning of a text, as much as is kept of names and values.
pub(super) fn short(text: &str) -> String {
    text.trim().chars().take(FIELD_CHARS_MAX).collect()
}

/// `True`, or any number but 0.
pub(super) fn is_true(value: &str) -> bool {
    let value = value.trim();
    value.eq_ignore_ascii_case("true") || value.parse().is_ok_and(|number: f64| number != 0.0)
}

impl Draft {
    /// The setting; a sub-layer has its index from the setting it stands in.
    pub(super) fn finish(self, parent_index: Option<i64>) -> CutSetting {
        let mut fields = self.fields;
        let index = fields.take("index").and_then(|value| value.parse().ok());
        let passes = fields.number("numPasses");
        let passes = passes.or_else(|| fields.number("passCount")).unwrap_or(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to what fits"
        )]
        let passes = passes.clamp(1.0, 1e6) as u32;
        CutSetting {
            index: parent_index.or(index).unwrap_or(0),
            sub_layer: self.sub_layer,
            layer: String::new(),
            name: fields.take("name").unwrap_or_default(),
            subname: fields.take("subname").filter(|name| !name.is_empty()),
            kind: self.kind,
            output: fields.flag("doOutput").unwrap_or(true),
            hidden: fields.flag("hide").unwrap_or(false),
            speed_mm_per_s: fields.number("speed"),
            power_max_percent: fields.number("maxPower"),
            power_min_percent: fields.number("minPower"),
            passes,
            frequency_hz: fields.number("frequency"),
            pulse_width_ns: fields.number("QPulseWidth"),
            interval_mm: fields.number("interval"),
            kerf_mm: fields.number("kerf"),
            tab_count: fields.number("tabCount"),
            tab_size_mm: fields.number("tabSize"),
            air_assist: fields.flag("runBlower"),
            other: fields.list,
            estimated_cut_seconds: None,
            engrave_area_mm2: None,
        }
    }
}

/// Layers by the index that shapes and settings name.
pub(super) struct Layers {
    by_index: HashMap<i64, LayerId>,
    indexes: Vec<i64>,
    layers_max: usize,
    /// Shapes and settings on layers beyond the limit, all filed under the last one.
    pub(super) refused: u64,
}

impl Layers {
    pub(super) fn new(layers_max: usize) -> Self {
        Self {
            by_index: HashMap::new(),
            indexes: Vec::new(),
            layers_max: layers_max.max(1),
            refused: 0,
        }
    }

    /// The layer of this index, made when new.
    pub(super) fn id(&mut self, index: i64) -> LayerId {
        if let Some(id) = self.by_index.get(&index) {
            return *id;
        }
        let next = LayerId(u32::try_from(self.indexes.len()).unwrap_or(u32::MAX));
        if self.indexes.len() >= self.layers_max {
            self.refused += 1;
            return LayerId(next.0.saturating_sub(1));
        }
        self.indexes.push(index);
        self.by_index.insert(index, next);
        next
    }

    /// Names and operations by the settings, which are told the names of their layers.
    pub(super) fn finish(self, settings: &mut [CutSetting], rules: &LayerRules) -> Vec<Layer> {
        let mut runs: HashMap<i64, Vec<&mut CutSetting>> = HashMap::new();
        for setting in settings {
            setting.layer = layer_name(setting.index, Some(setting));
            runs.entry(setting.index).or_default().push(setting);
        }
        let mut layer = |index: i64| {
            let mut runs = runs.remove(&index).unwrap_or_default();
            runs.retain(|run| !run.is_image());
            let name = layer_name(index, runs.first().map(|run| &**run));
            for run in &mut runs {
                run.layer.clone_from(&name);
            }
            Layer {
                operation: operation(index, &name, runs.iter().map(|run| &**run), rules),
                visible: runs.is_empty() || runs.iter().any(|run| run.output),
                name,
            }
        };
        self.indexes.into_iter().map(&mut layer).collect()
    }
}

/// `C00`, or `T1` and `T2` for guides.
fn code(index: i64) -> String {
    match index {
        TOOL_INDEX | 31 => format!("T{}", index - TOOL_INDEX + 1),
        _ => format!("C{index:02}"),
    }
}

/// The code of the colour, and the names that somebody gave it.
fn layer_name(index: i64, setting: Option<&CutSetting>) -> String {
    let code = code(index);
    let names = setting.map(|setting| [Some(&setting.name), setting.subname.as_ref()]);
    let names = names.into_iter().flatten().flatten();
    let given: Vec<&str> = names
        .map(|name| name.trim())
        .filter(|name| !name.is_empty() && *name != code)
        .collect();
    [&[code.as_str()], given.as_slice()].concat().join(" ")
}

/// What is done along the lines of a layer: the settings decide, and of lines that are followed the name may say that
/// they are marked or bent.
fn operation<'a>(
    index: i64,
    name: &str,
    mut runs: impl Iterator<Item = &'a CutSetting> + Clone,
    rules: &LayerRules,
) -> Operation {
    let named = || match rules.operation(name) {
        Operation::Ignore => Operation::Cut,
        other => other,
    };
    match runs.clone().next() {
        None if (TOOL_INDEX..TOOL_INDEX + 2).contains(&index) => Operation::Ignore,
        None => Operation::Cut,
        Some(first) if first.is_tool() => Operation::Ignore,
        Some(_) if runs.clone().any(|run| run.follows_lines() && run.output) => named(),
        Some(_) if runs.any(CutSetting::fills) => Operation::Engrave,
        Some(_) => named(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(kind: &str, fields: &[(&str, &str)]) -> CutSetting {
        let mut draft = Draft {
            kind: kind.into(),
            ..Draft::default()
        };
        for (name, value) in fields {
            draft.fields.insert((*name).into(), value);
        }
        draft.finish(None)
    }

    #[test]
    fn fields_become_figures() {
        let read = setting(
            "Cut",
            &[
                ("index", "4"),
                ("name", "Outline"),
                ("speed", "12.5"),
                ("maxPower", "80"),
                ("passCount", "3"),
                ("doOutput", "0"),
                ("hide", "1"),
                ("kerf", "nan"),
                ("runBlower", "1"),
                ("perfLen", "2"),
            ],
        );
        assert_eq!((read.index, read.passes), (4, 3));
        assert_eq!((read.output, read.hidden), (false, true));
        assert_eq!((read.speed_mm_per_s, read.kerf_mm), (Some(12.5), None));
        assert_eq!(read.air_assist, Some(true));
        assert_eq!(read.other, BTreeMap::from([("perfLen".into(), "2".into())]));
        let plain = setting("Cut", &[]);
        assert_eq!((plain.index, plain.passes, plain.output), (0, 1, true));
        assert_eq!(setting("Cut", &[("numPasses", "-4")]).passes, 1);
    }

    #[test]
    fn settings_make_layers() {
        let at = |index: &'static str, kind, name, output| {
            setting(
                kind,
                &[("index", index), ("name", name), ("doOutput", output)],
            )
        };
        let mut settings = vec![
            at("0", "Cut", "C00", "1"),
            at("1", "Scan", "Logo", "1"),
            at("2", "Cut", "Engrave lines", "1"),
            at("3", "Cut", "Frame", "0"),
            at("30", "Tool", "T1", "1"),
            at("4", "Scan", "Both", "1"),
            at("4", "Cut", "Both", "1"),
            at("5", "Offset", "", "1"),
            at("6", "Image", "Photo", "1"),
        ];
        let mut layers = Layers::new(20);
        for index in [0, 1, 2, 3, 30, 4, 5, 6, 7, 31, 0] {
            layers.id(index);
        }
        let layers = layers.finish(&mut settings, &LayerRules::default());
        let told: Vec<(&str, Operation, bool)> = layers
            .iter()
            .map(|layer| (layer.name.as_str(), layer.operation, layer.visible))
            .collect();
        assert_eq!(
            told,
            [
                ("C00", Operation::Cut, true),
                ("C01 Logo", Operation::Engrave, true),
                ("C02 Engrave lines", Operation::Engrave, true),
                ("C03 Frame", Operation::Cut, false),
                ("T1", Operation::Ignore, true),
                ("C04 Both", Operation::Cut, true),
                ("C05", Operation::Engrave, true),
                ("C06", Operation::Cut, true),
                ("C07", Operation::Cut, true),
                ("T2", Operation::Ignore, true),
            ]
        );
        assert_eq!(settings[1].layer, "C01 Logo");
        assert_eq!(settings[8].layer, "C06 Photo");
    }

    #[test]
    fn layers_beyond_the_limit_are_one() {
        let mut layers = Layers::new(2);
        let ids = [7, 8, 9, 7].map(|index| layers.id(index).0);
        assert_eq!((ids, layers.refused), ([0, 1, 1, 0], 1));
    }
}
