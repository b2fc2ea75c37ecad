//! Client codes, project codes and job numbers; it must never split a project code at its own hyphens.

use std::fmt;
use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

/// Why a text is no code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is no {what}: write it like {example}")]
pub struct CodeError {
    pub what: &'static str,
    pub given: String,
    pub example: &'static str,
}

/// A client of the shop: `CL` and four digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientCode(String);

/// A project: kind (`JB`, `PR`, `PO`), year, month, client, number within the client, as `JB-2025-10-CL0001-001`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectCode(String);

const CLIENT: &str = r"CL[-_ ]?([0-9]{4})";
const PROJECT: &str =
    r"(JB|PR|PO)[-_ ]?([0-9]{4})[-_ ](0[1-9]|1[0-2])[-_ ]CL[-_ ]?([0-9]{4})[-_ ]([0-9]{3})";

fn pattern(prefix: &str, body: &str, suffix: &str) -> Regex {
    Regex::new(&format!("(?i){prefix}{body}{suffix}"))
        .expect("a constant pattern that the tests compile")
}

static CLIENT_WHOLE: LazyLock<Regex> = LazyLock::new(|| pattern("^", CLIENT, "$"));
static PROJECT_WHOLE: LazyLock<Regex> = LazyLock::new(|| pattern("^", PROJECT, "$"));
static CLIENT_INSIDE: LazyLock<Regex> =
    LazyLock::new(|| pattern("(?:^|[^A-Z0-9])(", CLIENT, ")(?:$|[^A-Z0-9])"));
static PROJECT_INSIDE: LazyLock<Regex> =
    LazyLock::new(|| pattern("(?:^|[^A-Z0-9])(", PROJECT, ")(?:$|[^A-Z0-9])"));

fn group<'t>(captures: &regex::Captures<'t>, index: usize) -> &'t str {
    captures.get(index).map_or("", |found| found.as_str())
}

impl ClientCode {
    /// Accepts `CL0001`, `CL-0001`, `cl 0001`.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let captures = CLIENT_WHOLE
            .captures(text.trim())
            .ok_or_else(|| CodeError {
                what: "client code",
                given: text.to_owned(),
                example: "CL0001",
            })?;
        Ok(Self(format!("CL{}", group(&captures, 1))))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ProjectCode {
    /// Accepts blanks or underscores for the hyphens, any letter case, and a hyphen inside the client code.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let captures = PROJECT_WHOLE
            .captures(text.trim())
            .ok_or_else(|| CodeError {
                what: "project code",
                given: text.to_owned(),
                example: "JB-2025-10-CL0001-001",
            })?;
        let [kind, year, month, client, number] =
            [1, 2, 3, 4, 5].map(|index| group(&captures, index));
        let kind = kind.to_ascii_uppercase();
        Ok(Self(format!("{kind}-{year}-{month}-CL{client}-{number}")))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The client whose project it is.
    pub fn client(&self) -> Option<ClientCode> {
        self.0
            .split('-')
            .nth(3)
            .and_then(|code| ClientCode::parse(code).ok())
    }
}

macro_rules! text_code {
    ($code:ident) => {
        impl fmt::Display for $code {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl From<$code> for String {
            fn from(code: $code) -> Self {
                code.0
            }
        }
        impl TryFrom<String> for $code {
            type Error = CodeError;
            fn try_from(text: String) -> Result<Self, CodeError> {
                Self::parse(&text)
            }
        }
    };
}
text_code!(ClientCode);
text_code!(ProjectCode);

/// The first project code inside a text, with the words it was read from.
pub(super) fn find_project(text: &str) -> Option<(ProjectCode, &str)> {
    let captures = PROJECT_INSIDE.captures(text)?;
    let found = group(&captures, 1);
    Some((ProjectCode::parse(found).ok()?, found))
}

/// The first client code inside a text, with the words it was read from.
pub(super) fn find_client(text: &str) -> Option<(ClientCode, &str)> {
    let captures = CLIENT_INSIDE.captures(text)?;
    let found = group(&captures, 1);
    Some((ClientCode::parse(found).ok()?, found))
}

/// Placeholders in stored names for codes that are not known.
pub(super) const UNKNOWN_CLIENT: &str = "UNKNOWN";
pub(super) const NO_PROJECT: &str = "NOPROJECT";

/// The client code (or its placeholder) at the head of a name, and what follows its hyphen.
pub(super) fn split_client(text: &str) -> Option<(Option<ClientCode>, &str)> {
    if let Some(rest) = text
        .strip_prefix(UNKNOWN_CLIENT)
        .and_then(|rest| rest.strip_prefix('-'))
    {
        return Some((None, rest));
    }
    let (code, rest) = text.split_once('-')?;
    Some((Some(ClientCode::parse(code).ok()?), rest))
}

/// The project code (or its placeholder) at the head of a name, and what follows its hyphen.
pub(super) fn split_project(text: &str) -> Option<(Option<ProjectCode>, &str)> {
    if let Some(rest) = text
        .strip_prefix(NO_PROJECT)
        .and_then(|rest| rest.strip_prefix('-'))
    {
        return Some((None, rest));
    }
    let (end, _) = text.match_indices('-').nth(4)?;
    let (code, rest) = text.split_at_checked(end)?;
    Some((
        Some(ProjectCode::parse(code).ok()?),
        rest.strip_prefix('-')?,
    ))
}

/// A project that a job number points to: never a fact, a person or a list of known projects must confirm it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProjectSuggestion {
    /// A whole project code when year and month are known, else the end that it must have: `CL0001-005`.
    pub project_code_or_ending: String,
    /// The chance, 0 to 1, that it is right.
    pub confidence: f64,
    /// One sentence for a person.
    pub message: String,
}

/// Measured on a real shop's folders: 14 of 17 job numbers equalled the project's number.
const JOB_NUMBER_IS_PROJECT_NUMBER: f64 = 14.0 / 17.0;

/// Which project a client's job number points to; `None` when the number has no place in a project code (0, or above 999).
pub fn suggest_project(
    client: &ClientCode,
    job_number: &str,
    year_month: Option<(u16, u8)>,
) -> Option<ProjectSuggestion> {
    let number: u16 = job_number
        .parse()
        .ok()
        .filter(|number| (1..=999).contains(number))?;
    let ending = format!("{client}-{number:03}");
    let project_code_or_ending = match year_month {
        Some((year, month)) => format!("JB-{year:04}-{month:02}-{ending}"),
        None => ending,
    };
    let message = format!(
        "job number {job_number} of client {client} suggests project {project_code_or_ending}"
    );
    Some(ProjectSuggestion {
        project_code_or_ending,
        confidence: JOB_NUMBER_IS_PROJECT_NUMBER,
        message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_normalised() {
        for given in ["CL0001", "CL-0001", "cl 0001", " Cl_0001 "] {
            assert_eq!(ClientCode::parse(given).unwrap().as_str(), "CL0001");
        }
        for given in [
            "JB-2025-10-CL0001-001",
            "jb 2025 10 cl0001 001",
            "JB-2025-10-CL-0001-001",
            "JB2025-10-CL0001-001",
        ] {
            let code = ProjectCode::parse(given).unwrap();
            assert_eq!(code.as_str(), "JB-2025-10-CL0001-001");
            assert_eq!(code.client().unwrap().as_str(), "CL0001");
        }
    }

    #[test]
    fn what_is_no_code_is_refused_with_an_example() {
        for given in ["", "CL001", "CL00001", "XX0001", "CL000a"] {
            assert!(
                ClientCode::parse(given)
                    .unwrap_err()
                    .to_string()
                    .contains("CL0001")
            );
        }
        for given in [
            "",
            "JB-2025-13-CL0001-001",
            "AB-2025-10-CL0001-001",
            "JB-2025-10-CL0001-01",
        ] {
            assert!(ProjectCode::parse(given).is_err(), "{given}");
        }
    }

    #[test]
    fn codes_are_found_inside_a_text_but_not_inside_a_longer_word() {
        let (code, words) = find_project("see pr-2024-02-cl0077-123, rev 2").unwrap();
        assert_eq!(
            (code.as_str(), words),
            ("PR-2024-02-CL0077-123", "pr-2024-02-cl0077-123")
        );
        assert_eq!(find_client("for CL 0042.").unwrap().0.as_str(), "CL0042");
        assert!(find_client("VCL00421").is_none());
        assert!(find_project("JB-2025-10-CL0001-0012").is_none());
    }

    #[test]
    fn a_job_number_suggests_and_says_how_sure_it_is() {
        let client = ClientCode::parse("CL0002").unwrap();
        let whole = suggest_project(&client, "0004", Some((2025, 10))).unwrap();
        assert_eq!(whole.project_code_or_ending, "JB-2025-10-CL0002-004");
        assert!(whole.confidence < 0.9);
        let ending = suggest_project(&client, "0004", None).unwrap();
        assert_eq!(ending.project_code_or_ending, "CL0002-004");
        assert!(suggest_project(&client, "1234", None).is_none());
    }
}
