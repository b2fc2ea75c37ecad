//! Budgets of one SVG. What exceeds one is refused before it is drawn.

use serde::{Deserialize, Serialize};

/// How much markup one SVG may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SvgLimits {
    /// Elements, texts and comments as they stand in the file.
    pub nodes_max: u32,
    /// Elements within elements.
    pub depth_max: u32,
}

impl Default for SvgLimits {
    fn default() -> Self {
        Self {
            nodes_max: 1_000_000,
            depth_max: 200,
        }
    }
}
