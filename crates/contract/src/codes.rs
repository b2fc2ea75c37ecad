//! Client and project codes as the shop writes them, brought to one spelling. Must never invent a code.

use std::fmt;

/// Longest text read as a code, bytes.
const CODE_BYTES_MAX: usize = 64;

/// A text that is no code; the sentence says the accepted form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// No client code.
    #[error("a client code is `CL` and at least four digits, like CL0001")]
    Client,
    /// No project code.
    #[error(
        "a project code is JB, PR or PO, the year, the month, the client and a number of at least three digits, \
         like JB-2025-10-CL0001-001"
    )]
    Project,
}

/// A client of the shop: `CL0001`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientCode(String);

impl ClientCode {
    /// Accepts any case and a hyphen, underscore or blank before the digits: `CL-0001`, `cl0001`.
    ///
    /// # Errors
    /// [`CodeError::Client`].
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let code = groups(text, &["CL"]).concat();
        let digits = code.strip_prefix("CL").ok_or(CodeError::Client)?;
        let well_formed = text.len() <= CODE_BYTES_MAX && is_number(digits, 4..=8);
        well_formed.then_some(Self(code)).ok_or(CodeError::Client)
    }

    /// The code in its one spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A project (job, quote or order) of the shop: `JB-2025-10-CL0001-001`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectCode(String);

impl ProjectCode {
    /// Accepts any case, and blanks or underscores for the hyphens; the first hyphen may be missing.
    ///
    /// # Errors
    /// [`CodeError::Project`].
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        if text.len() > CODE_BYTES_MAX {
            return Err(CodeError::Project);
        }
        let groups = groups(text, &["JB", "PR", "PO"]);
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let [
            kind @ ("JB" | "PR" | "PO"),
            year,
            month,
            client @ ..,
            number,
        ] = groups.as_slice()
        else {
            return Err(CodeError::Project);
        };
        let client = client.concat();
        let well_formed = is_number(year, 4..=4)
            && is_number(month, 2..=2)
            && ("01"..="12").contains(month)
            && !client.is_empty()
            && client.bytes().all(|b| b.is_ascii_alphanumeric())
            && is_number(number, 3..=6);
        let code = [kind, *year, *month, &client, *number].join("-");
        well_formed.then_some(Self(code)).ok_or(CodeError::Project)
    }

    /// The code in its one spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProjectCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The upper-cased groups between hyphens, underscores and blanks; a known beginning glued to the next group is cut off.
fn groups(text: &str, beginnings: &[&str]) -> Vec<String> {
    let upper = text.trim().to_ascii_uppercase();
    let (beginning, rest) = beginnings
        .iter()
        .find_map(|beginning| Some((*beginning, upper.strip_prefix(beginning)?)))
        .unwrap_or(("", &upper));
    std::iter::once(beginning)
        .chain(rest.split(['-', '_', ' ']))
        .filter(|group| !group.is_empty())
        .map(str::to_owned)
        .collect()
}

fn is_number(text: &str, digits: std::ops::RangeInclusive<usize>) -> bool {
    digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_codes_have_one_spelling() {
        for text in ["CL0001", "CL-0001", "cl0001", "cl 0001", " CL_0001 "] {
            assert_eq!(
                ClientCode::parse(text).unwrap().as_str(),
                "CL0001",
                "{text}"
            );
        }
        for text in [
            "", "CL", "CL001", "0001", "CL00O1", "CLé001", "XCL0001", "CL0001x",
        ] {
            assert_eq!(ClientCode::parse(text), Err(CodeError::Client), "{text}");
        }
    }

    #[test]
    fn project_codes_have_one_spelling() {
        for text in [
            "JB-2025-10-CL0001-001",
            "jb-2025-10-cl0001-001",
            "JB 2025 10 CL0001 001",
            "JB2025-10-CL-0001-001",
            "JB_2025_10_CL0001_001",
        ] {
            assert_eq!(
                ProjectCode::parse(text).unwrap().as_str(),
                "JB-2025-10-CL0001-001",
                "{text}"
            );
        }
        assert!(ProjectCode::parse("PO-2025-01-ACME-1234").is_ok());
        for text in [
            "",
            "JB",
            "JB-2025-13-CL0001-001",
            "JB-2025-00-CL0001-001",
            "JB-25-10-CL0001-001",
            "XX-2025-10-CL0001-001",
            "JB-2025-10-CL0001",
            "JB-2025-10-001",
            "JB-2025-10-CL0001-01",
            "JB-2025-10-CLé-001",
        ] {
            assert_eq!(ProjectCode::parse(text), Err(CodeError::Project), "{text}");
        }
    }
}
