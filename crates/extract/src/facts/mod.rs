//! What a shop needs to know of a design file, read from what people wrote: the caller's words, the file's name, texts and layers.
//!
//! Pure: text in, facts with source, evidence and confidence out. It must never fail on odd input, never fill in what
//! nobody stated, and never settle a contradiction in silence.

mod caller;
mod clean;
mod codes;
mod figure;
mod material;
mod model;
mod name;
mod pattern;
mod rules;
mod settle;
mod stored_name;
mod text;
mod words;

pub use caller::{CallerFacts, FactError};
pub use clean::clean_name;
pub use codes::{ClientCode, CodeError, ProjectCode, ProjectSuggestion, suggest_project};
pub use material::{Material, Materials};
pub use model::{Diagnostic, Fact, Facts, Remark, RemarkKind, Severity, Source};
pub use name::{NameReading, read_name};
pub use rules::{Convention, Pattern, Rules, RulesError};
pub use settle::{Conflict, Hints, Review, Rival, Settled, settle};
pub use stored_name::{StoredNameParts, part_slug, stored_name};
pub(crate) use text::read_texts;
