//! Errors as the client sees them: `application/problem+json` (RFC 9457), and the one table from code
//! to status. It must never show the cause of a 5xx; that is logged here, once.

use std::error::Error;
use std::fmt;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde::Serialize;

use crate::RequestId;

/// Seconds after which a client may try again when nothing better is known.
const RETRY_AFTER_SECONDS: u64 = 1;

macro_rules! codes {
    ($($name:ident = $status:literal, $text:literal, $title:literal;)*) => {
        /// What went wrong, for programs. The one table of codes, statuses and titles.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = concat!("`", $text, "`, ", $status, ": ", $title)] $name,)*
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The HTTP status.
            pub fn status(self) -> StatusCode {
                let status = match self { $(Self::$name => $status,)* };
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }

            /// The word in `code` and at the end of `type`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The sentence in `title`, the same for every problem of this code.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

codes! {
    BadRequest = 400, "bad_request", "The request is malformed";
    InvalidJson = 400, "invalid_json", "The body is not valid JSON";
    MalformedBody = 400, "malformed_body", "The body is not what its signature promises";
    MalformedSignature = 400, "malformed_signature", "The signature cannot be read";
    Unauthorized = 401, "unauthorized", "A valid key is required";
    MissingSignature = 401, "missing_signature", "The request is not signed";
    UnknownKey = 401, "unknown_key", "No key for this signature is known";
    SignatureMismatch = 401, "signature_mismatch", "The signature does not match";
    TimestampTooOld = 401, "timestamp_too_old", "The signature is too old";
    TimestampInFuture = 401, "timestamp_in_future", "The signature is from the future";
    Forbidden = 403, "forbidden", "The key does not allow this";
    NotFound = 404, "not_found", "There is no such thing here";
    MethodNotAllowed = 405, "method_not_allowed", "This method is not offered here";
    RequestTimeout = 408, "request_timeout", "The request took too long to arrive";
    Conflict = 409, "conflict", "The request contradicts the present state";
    Gone = 410, "gone", "It was here and is no more";
    PreconditionFailed = 412, "precondition_failed", "It is not as the request expects";
    BodyTooLarge = 413, "body_too_large", "The body is too large";
    FileTooLarge = 413, "file_too_large", "The file is too large";
    UnsupportedMediaType = 415, "unsupported_media_type", "This content type is not accepted";
    UnsupportedKind = 415, "unsupported_kind", "This kind of file is not accepted";
    RangeNotSatisfiable = 416, "range_not_satisfiable", "The range lies outside the content";
    Misdirected = 421, "misdirected", "This service does not answer to that name";
    InvalidField = 422, "invalid_field", "A field has an unusable value";
    TooManyRequests = 429, "too_many_requests", "Too many requests";
    Internal = 500, "internal", "Something unexpected happened";
    Unavailable = 503, "unavailable", "The service cannot take this now";
    OutcomeUnknown = 503, "outcome_unknown", "Whether it was done is not known";
}

impl Code {
    /// The first code with `status`, which is the general one.
    pub fn of_status(status: StatusCode) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.status() == status)
    }
}

/// One field that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Dotted path of the field, `retry.max_retries` or `events[2]`.
    pub field: String,
    /// What is wrong and which values are accepted.
    pub message: String,
}

/// An error answer. Made inside a request it carries that request's id.
#[derive(Debug, Clone)]
pub struct Problem {
    code: Code,
    detail: String,
    request_id: Option<RequestId>,
    retry_after_seconds: Option<u64>,
    errors: Vec<FieldError>,
}

impl Problem {
    /// A problem with a sentence for the client. For a 5xx use [`Problem::internal`] or
    /// [`Problem::unavailable`], which log the cause.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let busy = matches!(code.status().as_u16(), 429 | 503);
        Self {
            code,
            detail: detail.into(),
            request_id: RequestId::current(),
            retry_after_seconds: busy.then_some(RETRY_AFTER_SECONDS),
            errors: Vec::new(),
        }
    }

    /// 404: `what` ("file 12") does not exist, or belongs to somebody else.
    pub fn not_found(what: impl fmt::Display) -> Self {
        Self::new(Code::NotFound, format!("{what} does not exist"))
    }

    /// 409: what is in the way.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(Code::Conflict, detail)
    }

    /// 422: `message` says what is wrong with `field` and which values are accepted.
    pub fn invalid_field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let (field, message) = (field.into(), message.into());
        Self::new(Code::InvalidField, format!("{field}: {message}")).with_field(field, message)
    }

    /// 500: the cause goes to the log, the client gets the request id to ask about.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        tracing::error!("internal error: {}", chain(cause.into().as_ref()));
        Self::new(
            Code::Internal,
            "The cause is in the service's log under this request id.",
        )
    }

    /// 503 with Retry-After: `detail` is for the client, `cause` for the log.
    pub fn unavailable(
        detail: impl Into<String>,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        tracing::warn!("unavailable: {}", chain(cause.into().as_ref()));
        Self::new(Code::Unavailable, detail)
    }

    /// The problem for a bare `status`, if the table has one.
    pub(crate) fn of_status(status: StatusCode) -> Option<Self> {
        Code::of_status(status).map(|code| Self::new(code, code.title()))
    }

    /// The problem for an error that the framework, not our code, has made.
    pub(crate) fn of_framework(error: &actix_web::Error) -> Option<Self> {
        let status = error.as_response_error().status_code();
        if status.is_server_error() {
            return Some(Self::internal(error.to_string()));
        }
        Code::of_status(status).map(|code| Self::new(code, error.to_string()))
    }

    /// Names a field; may be called for several.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        self.errors.push(FieldError {
            field: field.into(),
            message: message.into(),
        });
        self
    }

    /// Sets the Retry-After header, in seconds; 429 and 503 have it anyway.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// What went wrong, for programs.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The sentence for the client.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The fields that cannot be used, when it is about fields.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    fn body(&self) -> Body<'_> {
        Body {
            r#type: format!("urn:draftwire:problem:{}", self.code.as_str()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: &self.detail,
            code: self.code.as_str(),
            request_id: self.request_id.as_ref().map(RequestId::as_str),
            errors: &self.errors,
        }
    }
}

/// The wire form.
#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl Error for Problem {}

impl From<std::convert::Infallible> for Problem {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponseBuilder::new(self.code.status());
        answer.content_type("application/problem+json");
        if let Some(id) = &self.request_id {
            answer.insert_header((RequestId::HEADER, id.as_str()));
        }
        if let Some(seconds) = self.retry_after_seconds {
            answer.insert_header((header::RETRY_AFTER, seconds));
        }
        if self.code.status() == StatusCode::UNAUTHORIZED {
            answer.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        // Strings and numbers only: this cannot fail, and an empty body would still be an answer.
        answer.body(serde_json::to_vec(&self.body()).unwrap_or_default())
    }
}

/// An error and everything that caused it, in one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::to_bytes;

    async fn answer(problem: &Problem) -> (HttpResponse<()>, serde_json::Value) {
        let (head, body) = problem.error_response().into_parts();
        let body = to_bytes(body).await.unwrap();
        (head, serde_json::from_slice(&body).unwrap())
    }

    #[test]
    fn codes_are_distinct_and_statuses_are_errors() {
        for (at, code) in Code::ALL.iter().enumerate() {
            assert!((400..600).contains(&code.status().as_u16()), "{code:?}");
            let later = &Code::ALL[at + 1..];
            assert!(later.iter().all(|other| other.as_str() != code.as_str()));
        }
        assert_eq!(
            Code::of_status(StatusCode::BAD_REQUEST),
            Some(Code::BadRequest)
        );
        assert_eq!(Code::of_status(StatusCode::IM_A_TEAPOT), None);
    }

    #[actix_web::test]
    async fn a_field_problem_has_every_member() {
        let problem = Problem::invalid_field("mode", "use one of AUTO, dxf");
        let (head, body) = answer(&problem).await;
        assert_eq!(head.status(), 422);
        assert_eq!(
            head.headers().get("content-type").unwrap(),
            "application/problem+json"
        );
        let expected = serde_json::json!({
            "type": "urn:draftwire:problem:invalid_field",
            "title": "A field has an unusable value",
            "status": 422,
            "detail": "mode: use one of AUTO, dxf",
            "code": "invalid_field",
            "errors": [{"field": "mode", "message": "use one of AUTO, dxf"}],
        });
        assert_eq!(body, expected);
    }

    #[actix_web::test]
    async fn the_cause_of_a_5xx_is_not_shown_and_503_says_when_to_come_back() {
        let (head, body) = answer(&Problem::internal("password=hunter2")).await;
        assert_eq!(head.status(), 500);
        assert!(!body.to_string().contains("hunter2"), "{body}");

        let busy = Problem::unavailable("The queue is full.", "queue full");
        let (head, _) = answer(&busy).await;
        assert_eq!(head.headers().get("retry-after").unwrap(), "1");
        let (head, _) = answer(&busy.with_retry_after(7)).await;
        assert_eq!(head.headers().get("retry-after").unwrap(), "7");
    }

    #[test]
    fn the_log_gets_the_whole_chain_of_causes() {
        let inner = std::io::Error::other("disk full");
        let outer = std::io::Error::other(crate::SettingsError::Read {
            path: "x.toml".into(),
            source: inner,
        });
        assert!(chain(&outer).ends_with("disk full"));
    }
}
