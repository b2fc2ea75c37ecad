//! Bodies and queries as typed values, refusing with the field's name. It must never buffer more than
//! its limit.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Ready, ready};
use serde::de::DeserializeOwned;

use crate::{Code, Problem};

/// Limits of a JSON or form body, as application data; [`crate::app`] sets them from the settings.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Size in bytes.
    pub bytes_max: usize,
    /// Time for the whole body to arrive.
    pub time_max: Duration,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self {
            bytes_max: 1 << 20,
            time_max: Duration::from_secs(30),
        }
    }
}

/// A JSON body. The content type must say JSON, which also keeps foreign web pages from posting
/// through a visitor's browser. Refusals: 415, 413, 408, 400 `invalid_json`, 422 `invalid_field`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json<T>(pub T);

/// A query string. Refusal: 422 `invalid_field`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<T>(pub T);

/// A body of type `application/x-www-form-urlencoded`. Refusals: 415, 413, 408, 422 `invalid_field`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Json<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json = |kind: &str| kind == "application/json" || kind.ends_with("+json");
        let body = body(request, payload, "application/json", is_json);
        async move { Ok(Self(from_json(&body.await?)?)) }.boxed_local()
    }
}

impl<T: DeserializeOwned> FromRequest for Form<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        const FORM: &str = "application/x-www-form-urlencoded";
        let body = body(request, payload, FORM, |kind| kind == FORM);
        async move { Ok(Self(from_urlencoded(&body.await?)?)) }.boxed_local()
    }
}

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(from_urlencoded(request.query_string().as_bytes()).map(Self))
    }
}

/// The whole body, if its type is `accepted` and it keeps to the limits.
fn body(
    request: &HttpRequest,
    payload: &mut Payload,
    expected: &'static str,
    accepted: impl Fn(&str) -> bool,
) -> impl Future<Output = Result<Bytes, Problem>> + 'static {
    let fits = accepted(&request.content_type().to_ascii_lowercase());
    let given = request.headers().contains_key(CONTENT_TYPE);
    let limits = request.app_data::<BodyLimits>().copied();
    let BodyLimits {
        bytes_max,
        time_max,
    } = limits.unwrap_or_default();
    let payload = web::Payload::from_request(request, payload).into_inner();
    async move {
        if !fits {
            let verb = if given {
                "must be"
            } else {
                "is missing; it must be"
            };
            let detail = format!("the content-type header {verb} {expected}");
            return Err(Problem::new(Code::UnsupportedMediaType, detail));
        }
        let payload = payload.map_err(|error| Problem::new(Code::BadRequest, error.to_string()))?;
        let arrived = tokio::time::timeout(time_max, payload.to_bytes_limited(bytes_max)).await;
        match arrived {
            Ok(Ok(Ok(bytes))) => Ok(bytes),
            Ok(Ok(Err(error))) => Err(Problem::new(Code::BadRequest, error.to_string())),
            Ok(Err(_)) => Err(Problem::new(
                Code::BodyTooLarge,
                format!("the body may have {bytes_max} bytes (body_bytes_max)"),
            )),
            Err(_) => Err(Problem::new(
                Code::RequestTimeout,
                format!(
                    "the body did not arrive within {} s (body_seconds_max)",
                    time_max.as_secs()
                ),
            )),
        }
    }
}

/// serde would take an array for the fields of an object in their order: bodies are objects.
fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::invalid_field("body", "must be a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        match error.inner().is_data() {
            true => invalid_field(error.path().to_string(), &error.inner().to_string()),
            false => invalid_json(error.inner()),
        }
    })?;
    json.end().map_err(|error| invalid_json(&error))?;
    Ok(value)
}

fn from_urlencoded<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let pairs = serde_html_form::Deserializer::from_bytes(bytes);
    serde_path_to_error::deserialize(pairs)
        .map_err(|error| invalid_field(error.path().to_string(), &error.inner().to_string()))
}

fn invalid_json(error: &serde_json::Error) -> Problem {
    Problem::new(Code::InvalidJson, error.to_string())
}

/// serde names a missing or unknown field in its sentence only; the path ends at its parent.
fn invalid_field(path: String, message: &str) -> Problem {
    let missing = ["missing field `", "unknown field `"]
        .iter()
        .find_map(|start| message.strip_prefix(start)?.split_once('`'));
    let parent = if path == "." { "" } else { &path };
    let field = match missing {
        Some((name, _)) if parent.is_empty() => name.to_owned(),
        Some((name, _)) if parent.rsplit('.').next() != Some(name) => format!("{parent}.{name}"),
        _ if parent.is_empty() => "body".to_owned(),
        _ => path,
    };
    Problem::invalid_field(field, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Subscription {
        url: String,
        #[serde(default)]
        retry: Retry,
        #[serde(default)]
        kinds: Vec<Kind>,
        limit: Option<u32>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Retry {
        max_retries: u8,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Dxf,
        Pdf,
    }

    #[test]
    fn a_json_refusal_names_the_field_and_the_accepted_values() {
        for (json, field, says) in [
            (r#"{}"#, "url", "missing field"),
            (r#"{"url":1}"#, "url", "expected a string"),
            (r#" ["x", {}, [], 1]"#, "body", "a JSON object"),
            (
                r#"{"url":"","retry":{"max_retries":999}}"#,
                "retry.max_retries",
                "expected u8",
            ),
            (
                r#"{"url":"","retry":{}}"#,
                "retry.max_retries",
                "missing field",
            ),
            (
                r#"{"url":"","retry":{"max":1}}"#,
                "retry.max",
                "expected `max_retries`",
            ),
            (
                r#"{"url":"","colour":1}"#,
                "colour",
                "expected one of `url`",
            ),
            (
                r#"{"url":"","kinds":["dxf","xls"]}"#,
                "kinds[1]",
                "`dxf` or `pdf`",
            ),
            (r#"[]"#, "body", "a JSON object"),
        ] {
            let problem = from_json::<Subscription>(json.as_bytes()).unwrap_err();
            assert_eq!(problem.code(), Code::InvalidField, "{json}");
            let detail = problem.detail();
            assert!(
                detail.starts_with(&format!("{field}: ")),
                "{json}: {detail}"
            );
            assert!(detail.contains(says), "{json}: {detail}");
        }
        for json in ["", "{", "{\"url\":\"\"} x", "nonsense"] {
            let problem = from_json::<Subscription>(json.as_bytes()).unwrap_err();
            assert_eq!(problem.code(), Code::InvalidJson, "{json}");
        }
    }

    #[test]
    fn a_query_is_typed_takes_repeats_and_names_the_field() {
        let query: Subscription =
            from_urlencoded(b"url=a%20b&kinds=dxf&kinds=pdf&limit=7").unwrap();
        assert_eq!(query.url, "a b");
        assert_eq!(query.kinds, [Kind::Dxf, Kind::Pdf]);
        assert_eq!(query.limit, Some(7));
        for (text, field) in [
            ("url=&limit=x", "limit"),
            ("limit=1", "url"),
            ("url=&kinds=xls", "kinds[0]"),
            ("url=&colour=1", "colour"),
        ] {
            let problem = from_urlencoded::<Subscription>(text.as_bytes()).unwrap_err();
            let detail = problem.detail();
            assert!(
                detail.starts_with(&format!("{field}: ")),
                "{text}: {detail}"
            );
        }
    }
}
