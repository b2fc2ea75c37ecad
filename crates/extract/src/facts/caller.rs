//! What a person gave on purpose: form fields, `override_metadata`, corrections by hand; it must refuse what it cannot take at its word.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::codes::{ClientCode, CodeError, ProjectCode};
use super::figure::{QUANTITY_MAX, measure, millimetre_word};
use super::model::{Fact, Facts, Source};
use super::rules::Rules;

/// Characters of a given text.
const TEXT_CHARS_MAX: usize = 200;
/// Bytes of `override_metadata`.
const OVERRIDE_BYTES_MAX: usize = 64 * 1_024;

/// Why given facts are refused; each names the field and what is accepted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FactError {
    #[error(
        "override_metadata is not a JSON object of at most {OVERRIDE_BYTES_MAX} bytes: {detail}"
    )]
    NotAnObject { detail: String },
    #[error("{name:?} is no fact; accepted are {}", Facts::NAMES.join(", "))]
    UnknownFact { name: String },
    #[error("{name}: {given} is not accepted; give {accepted}")]
    Invalid {
        name: &'static str,
        given: String,
        accepted: String,
    },
    #[error("{name}: {source}")]
    Code {
        name: &'static str,
        source: CodeError,
    },
    #[error(
        "the form field {name} says {form}, override_metadata.{name} says {overriding}: give one of them"
    )]
    Contradiction {
        name: &'static str,
        form: String,
        overriding: String,
    },
}

/// Facts as given, each with confidence 1 and source `caller` or `correction`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallerFacts(Facts);

impl CallerFacts {
    /// Reads the form fields and the JSON object of an upload; blank fields and `null` say nothing.
    ///
    /// Materials are kept under the table's name when the table knows them.
    pub fn parse(
        client_code: Option<&str>,
        project_code: Option<&str>,
        override_metadata: Option<&str>,
        rules: &Rules,
    ) -> Result<Self, FactError> {
        let given = object(override_metadata.unwrap_or_default())?;
        let mut facts = read_object(&given, rules)?;
        let form = |field: Option<&str>| {
            field
                .map(str::trim)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        if let Some(text) = form(client_code) {
            let code = code("client_code", &text, ClientCode::parse)?;
            facts.client_code = agree("client_code", facts.client_code, code)?;
        }
        if let Some(text) = form(project_code) {
            let code = code("project_code", &text, ProjectCode::parse)?;
            facts.project_code = agree("project_code", facts.project_code, code)?;
        }
        Ok(Self(facts))
    }

    pub fn facts(&self) -> &Facts {
        &self.0
    }

    /// These facts with later corrections laid over them: the last word of a person holds.
    pub fn corrected_by(&self, corrections: &Self) -> Self {
        fn over<T: Clone>(earlier: &Option<Fact<T>>, later: &Option<Fact<T>>) -> Option<Fact<T>> {
            let corrected = later.clone().map(|fact| Fact {
                source: Source::Correction,
                ..fact
            });
            corrected.or_else(|| earlier.clone())
        }
        let (earlier, later) = (&self.0, &corrections.0);
        Self(Facts {
            client_code: over(&earlier.client_code, &later.client_code),
            project_code: over(&earlier.project_code, &later.project_code),
            job_number: over(&earlier.job_number, &later.job_number),
            part_name: over(&earlier.part_name, &later.part_name),
            material: over(&earlier.material, &later.material),
            thickness_mm: over(&earlier.thickness_mm, &later.thickness_mm),
            quantity: over(&earlier.quantity, &later.quantity),
            version: over(&earlier.version, &later.version),
            due_date: over(&earlier.due_date, &later.due_date),
            po_number: over(&earlier.po_number, &later.po_number),
        })
    }

    /// A stable text of all given values, equal exactly when two callers gave the same: `{"material":"Mild Steel","quantity":4}`.
    pub fn canonical(&self) -> String {
        let facts = serde_json::to_value(&self.0).unwrap_or_default();
        let values: std::collections::BTreeMap<&str, &Value> = facts
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(name, fact)| Some((name.as_str(), fact.get("value")?)))
            .collect();
        serde_json::to_string(&values).unwrap_or_default()
    }
}

fn object(text: &str) -> Result<Map<String, Value>, FactError> {
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    let refuse = |detail: String| FactError::NotAnObject { detail };
    if text.len() > OVERRIDE_BYTES_MAX {
        return Err(refuse(format!("{} bytes", text.len())));
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(given)) => Ok(given),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err(refuse("another JSON value".to_owned())),
        Err(error) => Err(refuse(error.to_string())),
    }
}

fn read_object(given: &Map<String, Value>, rules: &Rules) -> Result<Facts, FactError> {
    let mut facts = Facts::default();
    for (name, value) in given {
        match name.as_str() {
            "client_code" => {
                facts.client_code = read_code("client_code", value, ClientCode::parse)?
            }
            "project_code" => {
                facts.project_code = read_code("project_code", value, ProjectCode::parse)?
            }
            "job_number" => facts.job_number = job_number(value)?,
            "part_name" => facts.part_name = text("part_name", value)?,
            "material" => facts.material = material(value, rules)?,
            "thickness_mm" => facts.thickness_mm = thickness(value, rules.thickness_mm_max)?,
            "quantity" => facts.quantity = count("quantity", value, QUANTITY_MAX)?,
            "version" => facts.version = count("version", value, u32::MAX)?,
            "due_date" => facts.due_date = date(value)?,
            "po_number" => facts.po_number = text("po_number", value)?,
            _ => return Err(FactError::UnknownFact { name: name.clone() }),
        }
    }
    Ok(facts)
}

type Given<T> = Result<Option<Fact<T>>, FactError>;

fn given<T>(value: T, evidence: &str) -> Option<Fact<T>> {
    Some(Fact::new(value, Source::Caller, evidence, 1.0))
}

fn refuse(name: &'static str, value: &Value, accepted: impl Into<String>) -> FactError {
    let given = value.to_string().chars().take(TEXT_CHARS_MAX).collect();
    FactError::Invalid {
        name,
        given,
        accepted: accepted.into(),
    }
}

fn code<T>(
    name: &'static str,
    text: &str,
    parse: fn(&str) -> Result<T, CodeError>,
) -> Result<Fact<T>, FactError> {
    let code = parse(text).map_err(|source| FactError::Code { name, source })?;
    Ok(Fact::new(code, Source::Caller, text, 1.0))
}

fn agree<T: PartialEq + ToString>(
    name: &'static str,
    overriding: Option<Fact<T>>,
    form: Fact<T>,
) -> Given<T> {
    match overriding {
        Some(other) if other.value != form.value => Err(FactError::Contradiction {
            name,
            form: form.value.to_string(),
            overriding: other.value.to_string(),
        }),
        _ => Ok(Some(form)),
    }
}

fn text(name: &'static str, value: &Value) -> Given<String> {
    let accepted =
        || format!("a text of at most {TEXT_CHARS_MAX} characters without control characters");
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return Err(refuse(name, value, accepted())),
    };
    if text.chars().count() > TEXT_CHARS_MAX || text.chars().any(char::is_control) {
        return Err(refuse(name, value, accepted()));
    }
    Ok(given(text.clone(), &text).filter(|fact| !fact.value.is_empty()))
}

fn read_code<T>(
    name: &'static str,
    value: &Value,
    parse: fn(&str) -> Result<T, CodeError>,
) -> Given<T> {
    text(name, value)?
        .map(|fact| code(name, &fact.value, parse))
        .transpose()
}

fn material(value: &Value, rules: &Rules) -> Given<String> {
    let fact = text("material", value)?;
    let known = |word: &str| {
        rules
            .materials
            .find(word)
            .map(|material| material.name.clone())
    };
    Ok(fact.map(|fact| Fact {
        value: known(&fact.value).unwrap_or(fact.value),
        ..fact
    }))
}

fn thickness(value: &Value, mm_max: f64) -> Given<f64> {
    let number = match value {
        Value::Null => return Ok(None),
        Value::Number(number) => number.as_f64(),
        Value::String(text) if text.trim().is_empty() => return Ok(None),
        Value::String(text) => {
            let written = millimetre_word(text.trim()).or_else(|| measure(text.trim()));
            written
                .filter(|measure| !measure.restored)
                .map(|measure| measure.mm)
        }
        _ => None,
    };
    let accepted = format!("millimetres above 0, at most {mm_max}");
    let mm = number.filter(|mm| mm.is_finite() && *mm > 0.0 && *mm <= mm_max);
    let mm = mm.ok_or_else(|| refuse("thickness_mm", value, accepted))?;
    Ok(given(mm, &mm.to_string()))
}

fn count(name: &'static str, value: &Value, max: u32) -> Given<u32> {
    let digits = match value {
        Value::Null => return Ok(None),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.trim().is_empty() => return Ok(None),
        Value::String(text) => text.trim().to_owned(),
        _ => String::new(),
    };
    let whole = digits.strip_suffix(".0").unwrap_or(&digits).parse().ok();
    let count = whole.filter(|count| (1..=max).contains(count));
    let count =
        count.ok_or_else(|| refuse(name, value, format!("a whole number from 1 to {max}")))?;
    Ok(given(count, &digits))
}

fn job_number(value: &Value) -> Given<String> {
    let fact = text("job_number", value)?;
    let digits = |fact: &Fact<String>| {
        fact.value.len() == 4 && fact.value.bytes().all(|b| b.is_ascii_digit())
    };
    match fact {
        Some(fact) if !digits(&fact) => {
            Err(refuse("job_number", value, "four digits like \"0005\""))
        }
        fact => Ok(fact),
    }
}

fn date(value: &Value) -> Given<String> {
    let fact = text("due_date", value)?;
    match fact {
        Some(fact) if !is_date(&fact.value) => {
            Err(refuse("due_date", value, "a date like \"2025-10-31\""))
        }
        fact => Ok(fact),
    }
}

/// Whether a text is a day of the calendar, `YYYY-MM-DD`.
pub(super) fn is_date(text: &str) -> bool {
    let widths = text.split('-').map(str::len).eq([4, 2, 2]);
    let mut numbers = text.split('-').map(|part| {
        part.parse::<u32>()
            .ok()
            .filter(|_| part.bytes().all(|b| b.is_ascii_digit()))
    });
    let mut next = || numbers.next().flatten();
    let (Some(year), Some(month), Some(day)) = (next(), next(), next()) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    widths && (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(metadata: &str) -> Result<CallerFacts, FactError> {
        CallerFacts::parse(None, None, Some(metadata), &Rules::default())
    }

    #[test]
    fn what_is_given_is_taken_and_normalised() {
        let metadata = r#"{"part_name":" Bracket ","material":"ms","thickness_mm":"5 mm","quantity":"14","version":2.0,
            "client_code":"cl 0001","job_number":"0005","due_date":"2024-02-29","po_number":4500123,"project_code":null}"#;
        let caller = CallerFacts::parse(
            Some("CL-0001"),
            Some(" "),
            Some(metadata),
            &Rules::default(),
        )
        .unwrap();
        let expected = r#"{"client_code":"CL0001","due_date":"2024-02-29","job_number":"0005","material":"Mild Steel","part_name":"Bracket","po_number":"4500123","quantity":14,"thickness_mm":5.0,"version":2}"#;
        assert_eq!(caller.canonical(), expected);
        assert!(
            caller
                .facts()
                .confidences()
                .all(|(_, confidence)| confidence == 1.0)
        );
        assert_eq!(caller.facts().material.as_ref().unwrap().evidence, "ms");
    }

    #[test]
    fn nothing_given_is_nothing() {
        for metadata in [
            "",
            " ",
            "{}",
            "null",
            r#"{"part_name":"","quantity":null,"thickness_mm":" "}"#,
        ] {
            assert_eq!(
                parse(metadata).unwrap(),
                CallerFacts::default(),
                "{metadata}"
            );
        }
        assert_eq!(CallerFacts::default().canonical(), "{}");
    }

    #[test]
    fn refusals_name_the_field_and_what_is_accepted() {
        for (metadata, named) in [
            (r#"{"colour":"red"}"#, "part_name, material, thickness_mm"),
            (r#"{"thickness_mm":0}"#, "thickness_mm: 0"),
            (r#"{"thickness_mm":-1}"#, "above 0"),
            (r#"{"thickness_mm":1e300}"#, "at most 300"),
            (r#"{"thickness_mm":"053"}"#, "thickness_mm"),
            (r#"{"quantity":0}"#, "1 to 1000000"),
            (r#"{"quantity":1.5}"#, "whole number"),
            (r#"{"quantity":1000001}"#, "quantity"),
            (r#"{"version":0}"#, "version"),
            (r#"{"part_name":"a\u0000b"}"#, "control characters"),
            (r#"{"part_name":["a"]}"#, "part_name"),
            (r#"{"client_code":"ACME"}"#, "CL0001"),
            (r#"{"project_code":"JB-1"}"#, "JB-2025-10-CL0001-001"),
            (r#"{"job_number":"5"}"#, "four digits"),
            (r#"{"due_date":"2025-02-29"}"#, "2025-10-31"),
            ("[1]", "JSON object"),
            ("{", "JSON object"),
        ] {
            let message = parse(metadata).unwrap_err().to_string();
            assert!(message.contains(named), "{metadata}: {message}");
        }
        assert!(parse(&format!(r#"{{"part_name":"{}"}}"#, "a".repeat(201))).is_err());
    }

    #[test]
    fn a_form_field_against_the_override_is_an_error_naming_both() {
        let metadata = Some(r#"{"client_code":"CL0002"}"#);
        let error =
            CallerFacts::parse(Some("CL0001"), None, metadata, &Rules::default()).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("CL0001") && message.contains("CL0002"),
            "{message}"
        );
        assert!(CallerFacts::parse(Some("cl-0002"), None, metadata, &Rules::default()).is_ok());
    }

    #[test]
    fn a_correction_outlives_what_was_given_before() {
        let first = parse(r#"{"quantity":5,"material":"MS"}"#).unwrap();
        let corrected = first.corrected_by(&parse(r#"{"quantity":6}"#).unwrap());
        assert_eq!(
            corrected.canonical(),
            r#"{"material":"Mild Steel","quantity":6}"#
        );
        assert_eq!(
            corrected.facts().quantity.as_ref().unwrap().source,
            Source::Correction
        );
        assert_eq!(
            corrected.facts().material.as_ref().unwrap().source,
            Source::Caller
        );
    }
}
