//! What is to be said of a project's reading, and what was left out of its drawing. Never read by the program itself.

use super::frame::Frame;
use super::pen::Defect;
use super::section::CutSetting;
use super::xml::Ending;
use crate::diagnostic::{Diagnostic, Diagnostics, Place, Severity};
use crate::limits::Limits;
use drawing::Drawing;
use std::collections::BTreeMap;

pub(super) struct Remarks {
    diagnostics: Diagnostics,
    not_measured: BTreeMap<String, u64>,
    vertices_max: usize,
    layers_max: usize,
    over_limit: bool,
    pub(super) settings_omitted: u64,
    pub(super) layers_refused: u64,
}

fn at_shape(
    severity: Severity,
    code: &'static str,
    frame: &Frame,
    message: impl Into<String>,
) -> Diagnostic {
    Diagnostic {
        place: Some(Place::Entity(u64::from(frame.number))),
        ..Diagnostic::new(severity, code, message)
    }
}

impl Remarks {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            diagnostics: Diagnostics::new(limits.diagnostics_max),
            not_measured: BTreeMap::new(),
            vertices_max: limits.vertices_max,
            layers_max: limits.layers_max,
            over_limit: false,
            settings_omitted: 0,
            layers_refused: 0,
        }
    }

    /// A shape of which nothing, or not all, is in the drawing.
    fn left_out(&mut self, code: &'static str, frame: &Frame, reason: &str) {
        let name = if frame.name.is_empty() {
            "shape"
        } else {
            &frame.name
        };
        let message = format!("{name} not measured, or only in part: {reason}");
        self.diagnostics
            .push(|| at_shape(Severity::Warning, code, frame, message));
        *self.not_measured.entry(name.to_owned()).or_default() += 1;
    }

    pub(super) fn bad_transform(&mut self, frame: &Frame) {
        self.left_out(
            "bad_transform",
            frame,
            "its transform, or that of a group around it, cannot be read",
        );
    }

    pub(super) fn late_transform(&mut self, frame: &Frame) {
        self.left_out(
            "late_transform",
            frame,
            "the group's transform stands after its shapes and was not applied to them",
        );
    }

    /// A path whose lists are not there, or a shape of an unknown type.
    pub(super) fn no_outline(&mut self, frame: &Frame) {
        if frame.corners_id.is_some() || frame.pieces_id.is_some() {
            let reason = "it shares a list of corners or pieces that no shape before it gives";
            self.left_out("missing_list", frame, reason);
        } else {
            self.left_out(
                "no_outline",
                frame,
                "it gives no outline that is understood",
            );
        }
    }

    /// What came of drawing a shape.
    pub(super) fn drawn(&mut self, frame: &Frame, drawn: Result<(), Defect>) {
        match drawn {
            Ok(()) => {}
            Err(Defect::OverLimit) => self.over_limit = true,
            Err(Defect::Degenerate) => {
                let message = format!("{} without extent left out", frame.name);
                self.diagnostics
                    .push(|| at_shape(Severity::Info, "degenerate", frame, message));
            }
            Err(Defect::BadFigure) => {
                self.left_out(
                    "bad_figure",
                    frame,
                    "a size or coordinate is no sound number",
                );
            }
            Err(Defect::MissingCorner) => {
                self.left_out(
                    "missing_corner",
                    frame,
                    "a piece names a corner that is not there",
                );
            }
        }
        if frame.damaged && drawn.is_ok() {
            self.left_out(
                "damaged_list",
                frame,
                "its list of corners or pieces is damaged",
            );
        }
    }

    /// What is not known of a polygon.
    pub(super) fn polygon(&mut self, frame: &Frame) {
        match &frame.odd {
            Some(name) => {
                let reason = format!("it is taken for a regular one, but says {name:?} as well");
                self.left_out("polygon_form", frame, &reason);
            }
            None => self.diagnostics.push(|| {
                let message = "a polygon is taken to have a corner at the top";
                at_shape(Severity::Info, "polygon_corner", frame, message)
            }),
        }
    }

    /// Texts that carry no outline: their length depends on a font that is not here.
    pub(super) fn bare_texts(&mut self, count: u64, is_cut: bool) {
        if is_cut {
            *self.not_measured.entry("Text".into()).or_default() += count;
        }
        let message = format!("{count} texts carry no outline: their length is not known");
        let severity = if is_cut {
            Severity::Warning
        } else {
            Severity::Info
        };
        self.diagnostics.push(|| {
            Diagnostic::new(severity, "text_without_outline", message)
                .hint("convert texts to paths in LightBurn, or save the project there again")
        });
    }

    pub(super) fn bad_thumbnail(&mut self) {
        self.diagnostics.push(|| {
            let message = "the picture in the file is no PNG, or is too large";
            Diagnostic::new(Severity::Info, "thumbnail_unreadable", message)
        });
    }

    /// Layers that nobody sees in the editor, and that are worked.
    pub(super) fn hidden(&mut self, settings: &[CutSetting]) {
        let hidden = settings
            .iter()
            .filter(|setting| setting.hidden && setting.output && !setting.is_tool());
        for setting in hidden {
            let message = format!(
                "layer {} is hidden in the editor but switched on: it counts",
                setting.layer
            );
            self.diagnostics
                .push(|| Diagnostic::new(Severity::Warning, "hidden_layer", message));
        }
    }

    /// A list that held more than may be read.
    pub(super) fn cut(&mut self, cut: bool) {
        self.over_limit |= cut;
    }

    fn ending(&mut self, ending: &Ending) -> bool {
        let (code, line, message) = match ending {
            Ending::Complete | Ending::Doctype => return false,
            Ending::Broken { line, reason } => (
                "xml_broken",
                Some(*line),
                format!("the file is damaged or cut off, what follows is not read: {reason}"),
            ),
            Ending::OverLimit(name) => (
                *name,
                None,
                format!("the file holds more than {name} allows: the rest is not read"),
            ),
        };
        self.diagnostics.push(|| {
            let diagnostic = Diagnostic::new(Severity::Error, code, message)
                .hint("save the project again, or upload it again");
            match line {
                Some(line) => diagnostic.at_line(line),
                None => diagnostic,
            }
        });
        true
    }

    /// Says the rest, and tells the drawing what it lacks.
    pub(super) fn finish(mut self, ending: &Ending, drawing: &mut Drawing) -> Diagnostics {
        drawing.truncated |= self.ending(ending) || self.over_limit;
        if self.over_limit {
            let message = format!(
                "the corners and pieces take more room than {} plain corners: the rest is not read",
                self.vertices_max
            );
            self.diagnostics
                .push(|| Diagnostic::new(Severity::Error, "vertices_max", message));
        }
        if self.layers_refused > 0 {
            let message = format!(
                "more than {} layers: the rest counts as one",
                self.layers_max
            );
            self.diagnostics
                .push(|| Diagnostic::new(Severity::Warning, "layers_max", message));
        }
        if self.settings_omitted > 0 {
            let message = format!("{} more cut settings are not listed", self.settings_omitted);
            self.diagnostics
                .push(|| Diagnostic::new(Severity::Warning, "layers_listed_max", message));
        }
        drawing.not_measured = self.not_measured;
        self.diagnostics
    }
}
