//! What was skipped, assumed, repaired or refused, with its place in the file. Never more of them than the limit.

pub use drawing::Severity;
use serde::{Deserialize, Serialize};

/// Where in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A line of a text format, from 1.
    Line(u64),
    /// The nth entity, row or object, from 1.
    Entity(u64),
}

/// One remark of a reader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    pub severity: Severity,
    /// A stable word in snake_case.
    pub code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Diagnostic {
    pub fn new(severity: Severity, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity,
            code: code.into(),
            place: None,
            message: message.into(),
            hint: None,
        }
    }

    pub fn at_line(self, line: u64) -> Self {
        Self {
            place: Some(Place::Line(line)),
            ..self
        }
    }

    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

/// A list that stops growing at its limit and counts what it could not take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    max: usize,
    omitted: u64,
}

impl Diagnostics {
    pub fn new(max: usize) -> Self {
        Self {
            list: Vec::new(),
            max,
            omitted: 0,
        }
    }

    pub fn push(&mut self, diagnostic: impl FnOnce() -> Diagnostic) {
        if self.list.len() < self.max {
            self.list.push(diagnostic());
        } else {
            self.omitted += 1;
        }
    }

    /// Takes over another list, within the limit of this one.
    pub fn append(&mut self, other: Self) {
        self.omitted += other.omitted;
        for diagnostic in other.list {
            self.push(|| diagnostic);
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// The list, with one more entry that counts what was omitted.
    pub fn into_list(mut self) -> Vec<Diagnostic> {
        if self.omitted > 0 {
            let message = format!("{} more like these are not listed", self.omitted);
            self.list
                .push(Diagnostic::new(Severity::Info, "diagnostics_max", message));
        }
        self.list
    }
}
