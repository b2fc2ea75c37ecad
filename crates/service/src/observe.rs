//! What happens around every request: an id, a span, one log line, and errors turned into problems.
//! It must never look into a body or log a query, which may carry what is private.

use std::fmt;
use std::time::Instant;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError};
use tracing::Instrument;

use crate::Problem;
use crate::request_span::RequestSpan;

/// Longest request id taken from a client.
const REQUEST_ID_BYTES_MAX: usize = 64;
/// Longest path in a log line.
const PATH_LOGGED_CHARS_MAX: usize = 256;

tokio::task_local! {
    static CURRENT: RequestId;
}

/// The id of a request: the client's `x-request-id` if it is 1 to 64 letters, digits, `-`, `_` or `.`,
/// else a new UUID. It is in every log line of the request, in its problem and in the answer's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// Header of request and answer.
    pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

    /// The id of the request that the current task is answering.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of(request: &ServiceRequest) -> Self {
        let given = request.headers().get(Self::HEADER);
        let given = given.and_then(|value| value.to_str().ok());
        match given.filter(|id| is_id(id)) {
            Some(id) => Self(id.to_owned()),
            None => Self(uuid::Uuid::new_v4().to_string()),
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=REQUEST_ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

/// The outermost middleware of every service (`actix_web::middleware::from_fn(observe)`; [`crate::app`]
/// wraps it). Log lines have the target `access`, so `log.level = "info,access=warn"` silences them.
pub async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let id = RequestId::of(&request);
    let method = request.method().clone();
    let path: String = request.path().chars().take(PATH_LOGGED_CHARS_MAX).collect();
    let span = tracing::info_span!("request", request_id = %id);
    let collected = RequestSpan::start(&request, &id);
    let answering = async {
        let answer = next.call(request).await;
        let answer = answer
            .map(|answer| as_problem(answer.map_into_boxed_body()))
            .map_err(error_as_problem);
        let status = status(&answer);
        if let Some(collected) = collected {
            let route = answer.as_ref().ok();
            let route = route.and_then(|answer| answer.request().match_pattern());
            collected.end(route, status);
        }
        log(&method, &path, status, started);
        answer
    };
    let scoped = CURRENT.scope(id.clone(), answering.instrument(span));
    let mut answer = scoped.await?;
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        answer.headers_mut().insert(RequestId::HEADER, value);
    }
    Ok(answer)
}

fn log(method: &Method, path: &str, status: StatusCode, started: Instant) {
    let ms = (started.elapsed().as_secs_f64() * 100_000.0).round() / 100.0;
    let (method, status) = (method.as_str(), status.as_u16());
    tracing::info!(target: "access", method, path, status, ms, "answered");
}

fn status(answer: &Result<ServiceResponse, Error>) -> StatusCode {
    match answer {
        Ok(answer) => answer.status(),
        Err(error) => error.as_response_error().status_code(),
    }
}

/// An error that an inner middleware returned.
fn error_as_problem(error: Error) -> Error {
    if error.as_error::<Problem>().is_some() {
        return error;
    }
    Problem::of_framework(&error).map_or(error, Error::from)
}

/// Replaces what the framework answers by itself (unknown path, wrong method, refused body or
/// parameter) by a problem; other headers, such as Allow, stay.
fn as_problem(answer: ServiceResponse) -> ServiceResponse {
    let status = answer.status();
    if !status.is_client_error() && !status.is_server_error() {
        return answer;
    }
    let problem = match answer.response().error() {
        Some(error) if error.as_error::<Problem>().is_some() => None,
        Some(error) => Problem::of_framework(error),
        None if is_empty(answer.response().body()) => Problem::of_status(status),
        None => None,
    };
    let Some(problem) = problem else {
        return answer;
    };
    let (request, old) = answer.into_parts();
    let mut new = problem.error_response();
    for (name, value) in old.headers() {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            new.headers_mut().append(name.clone(), value.clone());
        }
    }
    ServiceResponse::new(request, new)
}

fn is_empty(body: &BoxBody) -> bool {
    matches!(body.size(), BodySize::None | BodySize::Sized(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_ids_are_taken_from_clients() {
        for good in [
            "1",
            "01JAQ5Z8F3V6T2K9M4N7P1R0SX",
            "a-b_c.d",
            &"x".repeat(64),
        ] {
            assert!(is_id(good), "{good}");
        }
        for bad in ["", "a b", "a\"b", "ä", "<i>", &"x".repeat(65)] {
            assert!(!is_id(bad), "{bad}");
        }
    }
}
