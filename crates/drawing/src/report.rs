//! The measures of a drawing as they go over the wire. Never computes: `measure` fills them in.

use crate::finding::Finding;
use crate::layer::Operation;
use crate::point::Extents;
use crate::units::Units;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything measured. Lengths in mm, areas in mm². Lists are cut at a limit; the totals beside them are not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measures {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<Units>,
    /// Around what is cut; around everything visible when nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extents_mm: Option<Extents>,
    /// Model-space entities by type as they stand in the file: an insert counts once.
    pub entity_counts: BTreeMap<String, u64>,
    pub layers: Vec<LayerMeasure>,
    /// All that is cut, as drawn: a line drawn twice counts twice.
    pub cut_length_mm: f64,
    /// One for each closed contour and each open chain.
    pub pierces: u64,
    /// Circles that bound holes, smallest first.
    pub holes: Vec<HoleGroup>,
    /// The tree of closed contours; parents are places in this list.
    pub contours: Vec<ContourMeasure>,
    pub contours_total: u64,
    pub open_chains: u64,
    /// Outer contours with their holes; equal ones counted together.
    pub parts: Vec<PartMeasure>,
    pub parts_total: u64,
    /// Material inside all parts.
    pub net_area_mm2: f64,
    /// The upright boxes of all parts.
    pub gross_area_mm2: f64,
    /// Within which ends were joined.
    pub join_tolerance_mm: f64,
    /// False when something with a length was not measured: lengths are then too short.
    pub measure_complete: bool,
    /// Entities that have a length but were not measured, by type.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub not_measured: BTreeMap<String, u64>,
    #[serde(skip)]
    pub findings: Vec<Finding>,
    /// Findings beyond the limit.
    #[serde(skip)]
    pub findings_omitted: u64,
}

/// A layer's share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerMeasure {
    pub name: String,
    pub operation: Operation,
    pub visible: bool,
    /// Curves on it.
    pub curves: u64,
    /// All curves on it, cut or not.
    pub length_mm: f64,
    pub cut_length_mm: f64,
}

/// Holes of one diameter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HoleGroup {
    pub diameter_mm: f64,
    pub count: u64,
    /// Drawn as polygons of many equal sides; the diameter is that of their corners.
    #[serde(default, skip_serializing_if = "is_false")]
    pub polygon: bool,
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

/// What a contour bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Outer,
    Hole,
    /// An outer contour inside a hole.
    Island,
    /// Drawn over another contour.
    Repeat,
}

/// A closed contour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContourMeasure {
    pub role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u64>,
    pub extents_mm: Extents,
    pub length_mm: f64,
    pub area_mm2: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diameter_mm: Option<f64>,
}

/// Equal parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartMeasure {
    pub count: u64,
    /// Of the first of them.
    pub extents_mm: Extents,
    pub width_mm: f64,
    pub height_mm: f64,
    /// Of one: its outer contour and its holes.
    pub cut_length_mm: f64,
    pub pierces: u64,
    pub holes: Vec<HoleGroup>,
    pub net_area_mm2: f64,
    pub gross_area_mm2: f64,
}
