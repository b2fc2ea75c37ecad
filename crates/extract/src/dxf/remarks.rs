//! Diagnostics placed in the file: by line in a text, by record in a binary. Never more of them than the limit.

use crate::diagnostic::{Diagnostic, Diagnostics, Place, Severity};

pub(super) struct Remarks {
    pub(super) list: Diagnostics,
    is_binary: bool,
}

impl Remarks {
    pub(super) fn new(diagnostics_max: usize, is_binary: bool) -> Self {
        Self {
            list: Diagnostics::new(diagnostics_max),
            is_binary,
        }
    }

    pub(super) fn at(
        &mut self,
        severity: Severity,
        code: &'static str,
        line: u32,
        message: impl Into<String>,
    ) {
        let place = if self.is_binary {
            Place::Entity(u64::from(line))
        } else {
            Place::Line(u64::from(line))
        };
        self.list.push(|| Diagnostic {
            place: Some(place),
            ..Diagnostic::new(severity, code, message)
        });
    }

    /// A remark on the file as a whole.
    pub(super) fn whole(&mut self, severity: Severity, code: &'static str, message: String) {
        self.list.push(|| Diagnostic::new(severity, code, message));
    }
}
