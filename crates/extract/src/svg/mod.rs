//! SVG files: shapes resolved to outlines in millimetres. Opens no other file, runs no script, and loads no font.
//!
//! One file per concern: `page` (markup: size, names, words), `paths` (outlines and layers).

mod limits;
mod page;
mod paths;

pub use limits::SvgLimits;

use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::drawn::{Drawn, Extras};
use crate::error::ExtractError;
use crate::kind::Kind;
use crate::limits::Limits;
use drawing::{LayerRules, Unit, UnitClues};
use page::Page;
use paths::Paths;
use usvg::roxmltree::{self, Document, ParsingOptions};

/// Reads one SVG. A unit that somebody said is that of the coordinates as written; otherwise the page's size tells.
///
/// # Errors
/// [`ExtractError::DamagedSvg`] when it is not well-formed or has no size, [`ExtractError::SvgTooComplex`] beyond
/// [`SvgLimits`].
pub(crate) fn read(
    bytes: &[u8],
    unit: Option<Unit>,
    rules: &LayerRules,
    limits: &Limits,
) -> Result<Drawn, ExtractError> {
    let (text, _, _) = encoding_rs::UTF_8.decode(bytes);
    let options = ParsingOptions {
        // Old Illustrator files declare their namespaces as entities; the parser bounds what these may grow to.
        allow_dtd: true,
        nodes_limit: limits.svg.nodes_max,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(&text, options).map_err(refusal)?;
    if is_deeper(&document, limits.svg.depth_max) {
        return Err(ExtractError::SvgTooComplex);
    }
    let page = Page::read(&document, limits);
    let tree = usvg::Tree::from_xmltree(&document, &closed_options());
    let tree = tree.map_err(|error| match error {
        usvg::Error::ElementsLimitReached => ExtractError::SvgTooComplex,
        usvg::Error::ParsingFailed(error) => refusal(error),
        _ => ExtractError::DamagedSvg,
    })?;
    let units_per_pixel = match unit {
        Some(_) => 1.0 / page.scale.pixels_per_unit,
        None => page.scale.mm_per_pixel,
    };
    let mut paths = Paths::read(&tree, &page, units_per_pixel, rules, limits);
    let mut diagnostics = Diagnostics::new(limits.diagnostics_max);
    say(&mut diagnostics, &page, &paths);
    paths.drawing.entity_counts.clone_from(&page.entity_counts);
    Ok(Drawn {
        kind: Kind::Svg,
        format_version: None,
        drawing: paths.drawing,
        clues: UnitClues {
            header: page.scale.is_physical.then_some(Unit::Millimetre),
            pixels: !page.scale.is_physical,
            ..UnitClues::default()
        },
        paper_space_entities: 0,
        extras: Extras::default(),
        diagnostics,
    })
}

fn refusal(error: roxmltree::Error) -> ExtractError {
    match error {
        roxmltree::Error::NodesLimitReached | roxmltree::Error::EntityReferenceLoop(_) => {
            ExtractError::SvgTooComplex
        }
        _ => ExtractError::DamagedSvg,
    }
}

/// Nothing outside the file is looked at.
fn closed_options() -> usvg::Options<'static> {
    usvg::Options {
        image_href_resolver: usvg::ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        },
        ..usvg::Options::default()
    }
}

/// Whether elements nest deeper; parents stand before their children in the document's list.
fn is_deeper(document: &Document<'_>, max: u32) -> bool {
    let mut depths: Vec<u32> = Vec::new();
    for node in document.root().descendants() {
        let above = node.parent().map(|parent| parent.id().get_usize());
        let above = above.and_then(|place| depths.get(place)).copied();
        let depth = above.map_or(0, |above| above + 1);
        if depth > max {
            return true;
        }
        depths.push(depth);
    }
    false
}

fn say(diagnostics: &mut Diagnostics, page: &Page, paths: &Paths<'_>) {
    let mut warn = |code: &'static str, message: String| {
        diagnostics.push(|| Diagnostic::new(Severity::Warning, code, message));
    };
    if !page.scale.is_physical {
        let per_inch = page.scale.pixels_per_inch;
        warn(
            "pixels",
            format!("the page has no size but pixels: {per_inch} of them are taken for an inch"),
        );
    }
    if let Some(images) = page.entity_counts.get("image") {
        warn("images_skipped", format!("{images} pictures are not cut"));
    }
    if paths.clipped > 0 {
        let message = format!(
            "{} groups are clipped: their shapes are measured whole",
            paths.clipped
        );
        warn("clipped", message);
    }
    if paths.backgrounds > 0 {
        warn(
            "background",
            "a filled box as large as the page is taken for paper, not for a part".to_owned(),
        );
    }
    if paths.drawing.truncated || page.texts_omitted {
        warn("truncated", "the file holds more than is read".to_owned());
    }
}
