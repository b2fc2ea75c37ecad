//! Forms as the JSON API takes them: what a person leaves empty is null, and a refusal comes back beside what was typed.

use actix_web::HttpResponse;
use actix_web::http::header::ETAG;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use service::{Code, Json, Problem};

/// Why a form was not done, to be shown on it.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    /// The field at fault; empty when it is none.
    pub(super) field: String,
    pub(super) text: String,
    pub(super) code: Code,
}

impl Refusal {
    /// # Errors
    /// The problem itself when it is not the visitor's.
    pub(super) fn of(problem: Problem) -> Result<Self, Problem> {
        if !problem.code().status().is_client_error() || problem.code() == Code::NotFound {
            return Err(problem);
        }
        let (field, text) = match problem.errors() {
            [error, ..] => (error.field.as_str(), error.message.as_str()),
            [] => ("", problem.detail()),
        };
        Ok(Self {
            // A form holds what stands below `options` in a body beside the rest.
            field: field.strip_prefix("options.").unwrap_or(field).to_owned(),
            text: text.to_owned(),
            code: problem.code(),
        })
    }

    /// Whether it is about this field.
    pub(super) fn is_on(&self, field: &str) -> bool {
        self.field == field
    }
}

/// What is wrong with a field of a form that may have been refused; empty when nothing is.
pub(super) fn wrong<'r>(refusal: &'r Option<Refusal>, field: &str) -> &'r str {
    let refusal = refusal.as_ref().filter(|refusal| refusal.is_on(field));
    refusal.map_or("", |refusal| &refusal.text)
}

/// The fields of a body, each as a text or, left empty, as null.
pub(super) fn texts<const N: usize>(fields: [(&str, &str); N]) -> Map<String, Value> {
    let value = |text: &str| match text.trim() {
        "" => Value::Null,
        text => json!(text),
    };
    let fields = fields.into_iter();
    fields
        .map(|(name, text)| (name.to_owned(), value(text)))
        .collect()
}

/// A number as people write it, with a comma or a point; null when nothing is written.
///
/// # Errors
/// 422 naming the field.
pub(super) fn number(field: &str, text: &str) -> Result<Value, Problem> {
    let text = text
        .trim()
        .trim_end_matches("mm")
        .trim_end()
        .replace(',', ".");
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let number: Result<f64, _> = text.parse();
    let number = number.ok().filter(|number| number.is_finite());
    let number =
        number.ok_or_else(|| Problem::invalid_field(field, "give a number, such as 1.5"))?;
    Ok(json!(number))
}

/// A body as a handler takes it.
///
/// # Errors
/// 422 when it is no such body.
pub(super) fn body<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<Json<T>, Problem> {
    let body = serde_json::from_value(Value::Object(fields));
    let body = body.map_err(|cause| Problem::invalid_field("body", cause.to_string()))?;
    Ok(Json(body))
}

/// Which revision an answer shows.
pub(super) fn tag_of(answer: &HttpResponse) -> String {
    let tag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
    tag.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_its_field_and_faults_of_ours_stay_problems() {
        let refusal = Refusal::of(Problem::invalid_field("due_date", "use a day")).unwrap();
        let shown = Some(refusal.clone());
        assert_eq!(
            (wrong(&shown, "due_date"), wrong(&shown, "name")),
            ("use a day", "")
        );
        let conflict = Refusal::of(Problem::conflict("taken: yes")).unwrap();
        assert_eq!(
            (conflict.field.as_str(), conflict.text.as_str()),
            ("", "taken: yes")
        );
        assert!(Refusal::of(Problem::internal("x")).is_err());
        assert!(Refusal::of(Problem::not_found("it")).is_err());
        assert_eq!(wrong(&None, "name"), "");
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, expected) in [
            ("", Some(Value::Null)),
            (" 1,5 mm", Some(json!(1.5))),
            ("3", Some(json!(3.0))),
            ("thick", None),
            ("NaN", None),
        ] {
            assert_eq!(number("thickness_mm", text).ok(), expected, "{text}");
        }
        let fields = texts([("a", " x "), ("b", " ")]);
        assert_eq!(Value::Object(fields), json!({"a": "x", "b": null}));
    }
}
