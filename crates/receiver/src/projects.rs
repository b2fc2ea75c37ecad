//! What may be said of a project: its states, its dates, and what activity tells of it. Must never write.

use contract::ClientCode;
use jiff::civil::Date;
use serde_json::json;

use crate::facts::InvalidFact;
use crate::store::projects::ProjectFields;

/// The states of a project in the order in which it goes through them, by their numbers in the database.
const STATUSES: [(i16, &str); 7] = [
    (1, "Request"),
    (2, "Quote & Approval"),
    (3, "Approved"),
    (4, "Queued"),
    (5, "In Progress"),
    (6, "Completed"),
    (7, "Cancelled"),
];

/// The names of all states.
pub(crate) fn status_names() -> [&'static str; 7] {
    STATUSES.map(|(_, name)| name)
}

pub(crate) fn status_name(number: i16) -> &'static str {
    let found = STATUSES.into_iter().find(|(one, _)| *one == number);
    found.map_or("Request", |(_, name)| name)
}

/// The number of a state, whatever the case.
pub(crate) fn status(field: &str, name: &str) -> Result<i16, InvalidFact> {
    let found = STATUSES
        .into_iter()
        .find(|(_, one)| one.eq_ignore_ascii_case(name.trim()));
    found.map(|(number, _)| number).ok_or_else(|| InvalidFact {
        field: field.to_owned(),
        message: format!("use one of {}", STATUSES.map(|(_, name)| name).join(", ")),
    })
}

/// A day as `2026-01-31`.
pub(crate) fn day(field: &str, text: &str) -> Result<String, InvalidFact> {
    let parsed: Result<Date, _> = text.trim().parse();
    let is_plain = |date: &Date| date.to_string() == text.trim() && date.year() > 0;
    parsed
        .ok()
        .filter(is_plain)
        .map(|date| date.to_string())
        .ok_or_else(|| InvalidFact {
            field: field.to_owned(),
            message: "use a day like 2026-01-31".to_owned(),
        })
}

/// What activity tells of a project, as JSON.
pub(crate) fn shown(client_code: Option<&ClientCode>, fields: &ProjectFields) -> String {
    json!({
        "client_code": client_code.map(ClientCode::as_str),
        "name": fields.name,
        "status": status_name(fields.status),
        "due_date": fields.due_date,
        "material": fields.material,
        "thickness_mm": fields.thickness_mm,
        "notes": fields.notes,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_days_are_read_strictly() {
        for (number, name) in STATUSES {
            assert_eq!(status("status", &name.to_uppercase()).unwrap(), number);
            assert_eq!(status_name(number), name);
        }
        assert!(
            status("status", "Done")
                .unwrap_err()
                .message
                .contains("In Progress")
        );
        assert_eq!(day("due_date", "2026-02-28").unwrap(), "2026-02-28");
        for text in [
            "",
            "2026-02-29",
            "28.02.2026",
            "2026-2-3",
            "2026-02-28T10:00:00Z",
            "-000001-01-01",
        ] {
            assert!(day("due_date", text).is_err(), "{text}");
        }
    }
}
