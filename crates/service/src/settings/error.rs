//! What can be wrong with settings, said so that the reader can mend it. It must never show a value,
//! because the value may be a secret.

use std::fmt;
use std::path::PathBuf;

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The configuration file cannot be read.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The configuration file is not TOML.
    #[error("{} is not valid TOML, line {line}: {detail}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What the parser expected.
        detail: String,
    },
    /// Unknown keys and wrong types, from all layers.
    #[error("{}", sentences(.0))]
    Invalid(Vec<Fault>),
    /// A value does not have the shape that its owner asks for.
    #[error("{key} (in {layer}): {detail}")]
    Section {
        /// Dotted key.
        key: String,
        /// Where it was given.
        layer: String,
        /// What was expected.
        detail: String,
    },
    /// The layers cannot be put together.
    #[error("the settings cannot be merged: {0}")]
    Merge(#[from] config::ConfigError),
    /// Two settings exclude each other; for the owners of sections to report.
    #[error("{first} and {second} contradict each other: {reason}")]
    Contradiction {
        /// Dotted key.
        first: String,
        /// Dotted key.
        second: String,
        /// Why, and what to change.
        reason: String,
    },
}

/// One thing wrong in one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// No such setting exists.
    Unknown {
        /// Dotted key as given.
        key: String,
        /// Where it was given.
        layer: String,
        /// The existing key that is spelled most alike.
        nearest: String,
    },
    /// The value has the wrong type.
    Type {
        /// Dotted key.
        key: String,
        /// Where it was given.
        layer: String,
        /// What the value has to be.
        expected: &'static str,
    },
    /// Neither key nor value: a flag without `=`, or text that is not UTF-8.
    Malformed {
        /// Where it was given.
        layer: String,
        /// What was expected.
        expected: &'static str,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown {
                key,
                layer,
                nearest,
            } => write!(
                f,
                "there is no setting {key} (in {layer}); did you mean {nearest}?"
            ),
            Self::Type {
                key,
                layer,
                expected,
            } => write!(f, "{key} must be {expected} (in {layer})"),
            Self::Malformed { layer, expected } => write!(f, "{layer} must be {expected}"),
        }
    }
}

fn sentences(faults: &[Fault]) -> String {
    let lines: Vec<String> = faults.iter().map(Fault::to_string).collect();
    lines.join("\n")
}
