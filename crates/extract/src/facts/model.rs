//! Facts and their provenance; plain data that crosses a process boundary as JSON and must never hold a value without its evidence.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::codes::{ClientCode, ProjectCode};

/// Where a fact was read, strongest first: the order breaks ties between equally likely values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Changed by hand after the upload.
    Correction,
    /// Given with the upload.
    Caller,
    FileName,
    /// A text with a label: `Material: MS`.
    LabelledText,
    TableColumn,
    Layer,
    /// A text without a label.
    BareText,
    Geometry,
}

impl Source {
    /// Whether a person said so on purpose; such a value is never overruled by what was read.
    pub fn is_given(self) -> bool {
        matches!(self, Self::Caller | Self::Correction)
    }
}

/// One value with where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact<T> {
    pub value: T,
    pub source: Source,
    /// The very words that were read.
    pub evidence: String,
    /// The chance, 0 to 1, that the value is right.
    pub confidence: f64,
}

impl<T> Fact<T> {
    pub fn new(value: T, source: Source, evidence: impl Into<String>, confidence: f64) -> Self {
        let evidence = evidence.into();
        Self {
            value,
            source,
            evidence,
            confidence,
        }
    }
}

/// All that may be known of a design file; what nobody stated is absent, in memory and in JSON.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_code: Option<Fact<ClientCode>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project_code: Option<Fact<ProjectCode>>,
    /// Four digits that count jobs within a client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_number: Option<Fact<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part_name: Option<Fact<String>>,
    /// The table's name of the material, or the word as found when the table lacks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub material: Option<Fact<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thickness_mm: Option<Fact<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Fact<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Fact<u32>>,
    /// `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_date: Option<Fact<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub po_number: Option<Fact<String>>,
}

impl Facts {
    /// Each fact's wire name, in the order of the fields.
    pub const NAMES: [&'static str; 10] = [
        "client_code",
        "project_code",
        "job_number",
        "part_name",
        "material",
        "thickness_mm",
        "quantity",
        "version",
        "due_date",
        "po_number",
    ];

    /// Name and confidence of every fact that is present.
    pub fn confidences(&self) -> impl Iterator<Item = (&'static str, f64)> {
        fn of<T>(fact: &Option<Fact<T>>) -> Option<f64> {
            fact.as_ref().map(|fact| fact.confidence)
        }
        let all = [
            of(&self.client_code),
            of(&self.project_code),
            of(&self.job_number),
            of(&self.part_name),
            of(&self.material),
            of(&self.thickness_mm),
            of(&self.quantity),
            of(&self.version),
            of(&self.due_date),
            of(&self.po_number),
        ];
        Self::NAMES
            .into_iter()
            .zip(all)
            .filter_map(|(name, confidence)| Some((name, confidence?)))
    }

    /// The same facts from a less trusted reading: every confidence times `trust`, 0 to 1.
    pub(crate) fn trusted(self, trust: f64) -> Self {
        fn less<T>(fact: Option<Fact<T>>, trust: f64) -> Option<Fact<T>> {
            fact.map(|fact| Fact {
                confidence: (fact.confidence * trust).clamp(0.0, 1.0),
                ..fact
            })
        }
        Self {
            client_code: less(self.client_code, trust),
            project_code: less(self.project_code, trust),
            job_number: less(self.job_number, trust),
            part_name: less(self.part_name, trust),
            material: less(self.material, trust),
            thickness_mm: less(self.thickness_mm, trust),
            quantity: less(self.quantity, trust),
            version: less(self.version, trust),
            due_date: less(self.due_date, trust),
            po_number: less(self.po_number, trust),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Info,
    Warning,
}

/// Something assumed, repaired or refused while reading facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    pub severity: Severity,
    /// `snake_case`, stable.
    pub code: Cow<'static, str>,
    /// The words it is about.
    pub evidence: String,
    /// One sentence for a person.
    pub message: String,
}

impl Diagnostic {
    pub(super) fn warning(code: &'static str, evidence: &str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            code: Cow::Borrowed(code),
            evidence: evidence.to_owned(),
            message: message.into(),
        }
    }
}

/// What a name says besides the facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    pub kind: RemarkKind,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemarkKind {
    /// A file manager's mark of a copy: ` - Copy`, `(2)`.
    Copy,
    /// The drawing's revision: `Rev 1`, `Rev B`.
    Revision,
    /// A colour or coating after the material: `MS Charcol`.
    Finish,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_facts_are_left_out_of_json_and_come_back_absent() {
        let facts = Facts {
            quantity: Some(Fact::new(4, Source::FileName, "x4", 0.98)),
            ..Facts::default()
        };
        let json = serde_json::to_string(&facts).unwrap();
        assert_eq!(
            json,
            r#"{"quantity":{"value":4,"source":"file_name","evidence":"x4","confidence":0.98}}"#
        );
        assert_eq!(serde_json::from_str::<Facts>(&json).unwrap(), facts);
        assert_eq!(
            facts.confidences().collect::<Vec<_>>(),
            [("quantity", 0.98)]
        );
    }
}
