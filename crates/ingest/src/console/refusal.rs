//! Why a form was refused: what concerns a field is told beside it, the rest above the form. Judges nothing itself.

use service::Problem;

/// Names that the API has for what is one field of a form.
const OTHER_NAMES: [(&str, &str); 8] = [
    ("target_url", "url"),
    ("retry_schedule", "schedule"),
    ("retry.schedule", "schedule"),
    ("retry.preset", "schedule"),
    ("retry.max_retries", "max_retries"),
    ("batch", "batch_max_events"),
    ("batch.max_events", "batch_max_events"),
    ("batch.max_wait_ms", "batch_max_wait_ms"),
];

/// A refusal, empty before anything was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) above: Option<String>,
    beside: Vec<(String, String)>,
}

impl Refusal {
    pub(super) fn of(problem: &Problem) -> Self {
        let beside = problem.errors().iter().map(|error| {
            let other = OTHER_NAMES.iter().find(|(name, _)| *name == error.field);
            let name = other.map_or(error.field.as_str(), |(_, name)| name);
            // `events[2]` stands in the field of them all.
            let name = name.split('[').next().unwrap_or_default();
            (name.to_owned(), error.message.clone())
        });
        let beside: Vec<_> = beside.collect();
        let above = match beside.as_slice() {
            [] => problem.detail().to_owned(),
            _ => "Nothing was saved yet: see the field in red".to_owned(),
        };
        Self {
            above: Some(above),
            beside,
        }
    }

    /// What is wrong with a field.
    pub(super) fn beside(&self, name: &str) -> Option<&str> {
        let found = self.beside.iter().find(|(field, _)| field == name);
        found.map(|(_, message)| message.as_str())
    }
}
