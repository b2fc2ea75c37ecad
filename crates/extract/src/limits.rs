//! Budgets of one extraction. Each has a name; what exceeds one is left out and said so, or refused.

use crate::image::ImageLimits;
use crate::package::PackageLimits;
use crate::pdf::PdfLimits;
use crate::sheet::SheetLimits;
use crate::svg::SvgLimits;
use drawing::MeasureLimits;
use serde::{Deserialize, Serialize};

/// How much one file may hold and how much may be said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    pub entities_max: u64,
    pub vertices_max: usize,
    /// Pieces of paths: what splines and squeezed bulges become.
    pub pieces_max: usize,
    pub layers_max: usize,
    /// Block definitions of a DXF.
    pub blocks_max: usize,
    /// Blocks named in an Extraction.
    pub blocks_listed_max: usize,
    /// How deep blocks may stand in blocks.
    pub insert_depth_max: usize,
    /// Curves, texts and copies of blocks that all INSERTs of a DXF may come to.
    pub exploded_max: u64,
    /// Texts kept.
    pub texts_max: usize,
    /// Bytes of all texts kept.
    pub text_bytes_max: usize,
    /// Words kept of what was read off pixels.
    pub ocr_words_max: usize,
    /// Lines of a list of parts kept; the rest is counted.
    pub part_lines_max: usize,
    /// Tables listed, and rows of each; lines of parts are read from all of them.
    pub tables_max: usize,
    pub table_rows_max: usize,
    /// Elements within elements of an XML file.
    pub xml_depth_max: usize,
    /// Tags, texts and comments of an XML file.
    pub xml_nodes_max: u64,
    /// Attributes read of one element.
    pub xml_attributes_max: usize,
    /// Bytes of a picture that a file carries of itself.
    pub thumbnail_bytes_max: usize,
    /// Diagnostics listed; the rest is counted.
    pub diagnostics_max: usize,
    pub package: PackageLimits,
    pub sheet: SheetLimits,
    pub image: ImageLimits,
    pub svg: SvgLimits,
    /// Bytes of a picture drawn as SVG; what is larger is drawn more coarsely.
    pub svg_bytes_max: usize,
    pub measure: MeasureLimits,
    pub pdf: PdfLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entities_max: 3_000_000,
            vertices_max: 10_000_000,
            pieces_max: 1_000_000,
            layers_max: 100_000,
            blocks_max: 100_000,
            blocks_listed_max: 1_000,
            insert_depth_max: 32,
            exploded_max: 1_000_000,
            texts_max: 5_000,
            text_bytes_max: 1024 * 1024,
            ocr_words_max: 20_000,
            part_lines_max: 10_000,
            tables_max: 100,
            table_rows_max: 100,
            xml_depth_max: 100_000,
            xml_nodes_max: 50_000_000,
            xml_attributes_max: 256,
            thumbnail_bytes_max: 4 * 1024 * 1024,
            diagnostics_max: 200,
            package: PackageLimits::default(),
            sheet: SheetLimits::default(),
            image: ImageLimits::default(),
            svg: SvgLimits::default(),
            svg_bytes_max: 2 * 1024 * 1024,
            measure: MeasureLimits::default(),
            pdf: PdfLimits::default(),
        }
    }
}
