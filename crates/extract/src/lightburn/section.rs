//! What only LightBurn knows of a project, as it stands in an Extraction: machine, cut settings, notes. Never geometry,
//! but for what a cut setting does along it.

use drawing::{Drawing, Layer, LayerId, LayerMeasure, MeasureLimits, Measures, Operation, measure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A LightBurn project's own data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LightburnSection {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_name: Option<String>,
    /// As set for focusing; most projects say 0, which means nothing was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub material_height_mm: Option<f64>,
    /// The machine's axis runs the other way; coordinates are as in the file all the same.
    pub mirror_x: bool,
    pub mirror_y: bool,
    /// In the order of the file, each followed by its sub-layers.
    pub cut_settings: Vec<CutSetting>,
    /// Shapes at any depth, groups among them.
    pub shape_count: u64,
    pub shape_types: Vec<String>,
    /// Boxes of all pictures, which are engraved.
    #[serde(skip_serializing_if = "is_zero")]
    pub bitmap_area_mm2: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// Whether the file carries a picture of itself.
    pub thumbnail: bool,
    /// The counters of texts that change from piece to piece, by LightBurn's own names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub variable_text: BTreeMap<String, String>,
    /// How LightBurn plans the job (order, origin), by its own names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub preferences: BTreeMap<String, String>,
    /// An estimate: that of all cut settings together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_cut_seconds: Option<f64>,
}

/// How the shapes of one colour are worked, or one of several such runs over them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CutSetting {
    /// The number by which shapes name it: 0 to 29, and 30 and 31 for guides that are never worked.
    pub index: i64,
    /// From 1 for another run over the same shapes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_layer: Option<u32>,
    /// The name of the drawing's layer it belongs to; pictures lie on none.
    pub layer: String,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subname: Option<String>,
    /// `Cut` (along lines), `Scan` (filled), `Scan+Cut`, `Offset` (filled along the outline), `Image`, `Tool`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether the laser fires.
    pub output: bool,
    /// Not shown in the editor; it is worked all the same.
    pub hidden: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed_mm_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_max_percent: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_min_percent: Option<f64>,
    pub passes: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_hz: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pulse_width_ns: Option<f64>,
    /// Between the lines of a filling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_mm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kerf_mm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tab_count: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tab_size_mm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub air_assist: Option<bool>,
    /// All that LightBurn says besides, by its own names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub other: BTreeMap<String, String>,
    /// An estimate: length / speed × passes, without piercing, turning and moves between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_cut_seconds: Option<f64>,
    /// What is filled, holes left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engrave_area_mm2: Option<f64>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

/// Layers whose filled area is measured: as many as LightBurn has.
const FILLED_LAYERS_MAX: usize = 32;

/// An estimate beyond this, some thirty years, comes of a speed that is none.
const SECONDS_MAX: f64 = 1e9;

impl CutSetting {
    /// Whether the laser follows the lines.
    pub fn follows_lines(&self) -> bool {
        matches!(self.kind.as_str(), "Cut" | "Scan+Cut")
    }

    /// Whether the laser fills what the lines enclose.
    pub fn fills(&self) -> bool {
        matches!(self.kind.as_str(), "Scan" | "Scan+Cut" | "Offset")
    }

    pub fn is_tool(&self) -> bool {
        self.kind == "Tool"
    }

    /// For pictures; it works no lines.
    pub fn is_image(&self) -> bool {
        self.kind == "Image"
    }

    fn estimate(&self, layer: &LayerMeasure) -> Option<f64> {
        let speed = self.speed_mm_per_s.filter(|speed| *speed > 0.0)?;
        let works = self.output && layer.visible && self.follows_lines();
        let seconds = (layer.length_mm / speed * f64::from(self.passes) * 1e3).round() / 1e3;
        (works && seconds <= SECONDS_MAX).then_some(seconds)
    }
}

impl LightburnSection {
    /// Adds what follows from the measures: times along lines and filled areas.
    pub(crate) fn complete(
        &mut self,
        drawing: &mut Drawing,
        measures: &Measures,
        limits: &MeasureLimits,
    ) {
        let mut areas = BTreeMap::new();
        for setting in &mut self.cut_settings {
            let mut layers = (0_u32..).zip(&measures.layers);
            let named = layers.find(|(_, layer)| layer.name == setting.layer);
            let Some((id, layer)) = named.filter(|_| !setting.is_image()) else {
                continue;
            };
            setting.estimated_cut_seconds = setting.estimate(layer);
            if setting.fills() && (areas.contains_key(&id) || areas.len() < FILLED_LAYERS_MAX) {
                let area = areas
                    .entry(id)
                    .or_insert_with(|| filled_area(drawing, LayerId(id), limits));
                setting.engrave_area_mm2 = Some(*area);
            }
        }
        let seconds = self
            .cut_settings
            .iter()
            .filter_map(|setting| setting.estimated_cut_seconds);
        self.estimated_cut_seconds = seconds.reduce(|all, one| all + one);
    }
}

/// The area inside a layer's closed contours, counted even and odd.
fn filled_area(drawing: &mut Drawing, layer: LayerId, limits: &MeasureLimits) -> f64 {
    let on_it = drawing.curves.iter().filter(|curve| curve.layer == layer);
    let alone = Drawing {
        layers: vec![Layer {
            name: String::new(),
            visible: true,
            operation: Operation::Cut,
        }],
        curves: on_it
            .map(|curve| drawing::Curve {
                layer: LayerId(0),
                ..*curve
            })
            .collect(),
        ellipses: std::mem::take(&mut drawing.ellipses),
        vertices: std::mem::take(&mut drawing.vertices),
        pieces: std::mem::take(&mut drawing.pieces),
        ..Drawing::default()
    };
    let area = measure(&alone, limits).net_area_mm2;
    drawing.ellipses = alone.ellipses;
    drawing.vertices = alone.vertices;
    drawing.pieces = alone.pieces;
    area
}
