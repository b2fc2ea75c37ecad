//! `/webhooks/{source}/…`: what senders call. Bad input is answered with a 4xx before anything is written;
//! must never answer it with a 5xx.

use std::sync::Arc;

use actix_web::http::header::HeaderMap;
use actix_web::web::{Bytes, Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use contract::{Headers, Refusal};
use serde::Serialize;
use service::{BodyLimits, Code, Problem};

use super::not_written;
use crate::receive::{Incoming, ProjectLink, Receipt};
use crate::receiver::State;
use crate::source::Source;

#[derive(Debug, Default, PartialEq, Serialize)]
struct Answer {
    success: bool,
    message: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    design_file_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate: Option<bool>,
}

#[derive(Serialize)]
struct SourceHealth {
    status: &'static str,
    service: &'static str,
    endpoint: String,
}

/// `POST /webhooks/{source}/event`: verify, record, apply; answered after the commit.
pub(crate) async fn receive(
    state: Data<State>,
    source: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let source = find(&state, &source)?;
    let body = body(&state, &request, payload).await?;
    let now_ms = state.clock.now_ms();
    let headers = RequestHeaders(request.headers());
    let accepted = source
        .accept(&headers, &body, now_ms.div_euclid(1000))
        .map_err(refused)?;
    let incoming = Incoming::new(source, accepted, now_ms);
    let written = state.receive.submit(incoming.submission()).await;
    let receipt = written.map_err(|error| not_written(error, |never| match never {}))?;
    Ok(HttpResponse::Ok().json(answer(receipt)?))
}

/// `GET /webhooks/{source}/health`.
pub(crate) async fn health(
    state: Data<State>,
    source: Path<String>,
) -> Result<HttpResponse, Problem> {
    let source = find(&state, &source)?;
    Ok(HttpResponse::Ok().json(SourceHealth {
        status: "healthy",
        service: "draftwire receiver",
        endpoint: format!("/webhooks/{}/event", source.name),
    }))
}

fn find<'s>(state: &'s State, name: &str) -> Result<&'s Arc<Source>, Problem> {
    let source = state.sources.find(name);
    source.ok_or_else(|| Problem::not_found("a source of this name"))
}

struct RequestHeaders<'r>(&'r HeaderMap);

impl Headers for RequestHeaders<'_> {
    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.0.get_all(name).map(|value| value.as_bytes())
    }
}

/// The raw body, whatever its content type.
async fn body(state: &State, request: &HttpRequest, payload: Payload) -> Result<Bytes, Problem> {
    let bytes_max = state.body_bytes_max;
    let time_max = request
        .app_data::<BodyLimits>()
        .copied()
        .unwrap_or_default()
        .time_max;
    let arrived = tokio::time::timeout(time_max, payload.to_bytes_limited(bytes_max)).await;
    match arrived {
        Ok(Ok(Ok(bytes))) => Ok(bytes),
        Ok(Ok(Err(error))) => Err(Problem::new(Code::BadRequest, error.to_string())),
        Ok(Err(_too_large)) => Err(Problem::new(
            Code::BodyTooLarge,
            format!("the body may have {bytes_max} bytes (receiver.body_bytes_max)"),
        )),
        Err(_elapsed) => Err(Problem::new(
            Code::RequestTimeout,
            format!("the body did not arrive within {} s", time_max.as_secs()),
        )),
    }
}

fn refused(refusal: Refusal) -> Problem {
    let code = match refusal {
        Refusal::MissingSignature => Code::MissingSignature,
        Refusal::MalformedSignature(_) => Code::MalformedSignature,
        Refusal::UnknownKey => Code::UnknownKey,
        Refusal::SignatureMismatch => Code::SignatureMismatch,
        Refusal::TimestampTooOld { .. } => Code::TimestampTooOld,
        Refusal::TimestampInFuture { .. } => Code::TimestampInFuture,
        Refusal::BodyTooLarge { .. } => Code::BodyTooLarge,
        Refusal::MalformedBody(_) => Code::MalformedBody,
    };
    Problem::new(code, refusal.to_string())
}

fn answer(receipt: Receipt) -> Result<Answer, Problem> {
    let done = |message| Answer {
        success: true,
        message,
        ..Answer::default()
    };
    Ok(match receipt {
        Receipt::Applied {
            design_file_id,
            project,
            stale,
        } => {
            let (project_id, warning) = match project {
                ProjectLink::NoCode => (None, None),
                ProjectLink::Known(id) => (Some(id), None),
                ProjectLink::Unknown(code) => (None, Some(unmatched(&code))),
            };
            let message = if stale {
                "recorded; a newer event was applied before"
            } else {
                "applied"
            };
            Answer {
                design_file_id: Some(design_file_id),
                project_id,
                warning,
                ..done(message)
            }
        }
        Receipt::UnknownType => done("recorded; events of this type are not applied"),
        Receipt::Duplicate {
            design_file_id,
            project_id,
        } => Answer {
            design_file_id,
            project_id,
            duplicate: Some(true),
            ..done("received before")
        },
        Receipt::Refused { field, message } => return Err(Problem::invalid_field(field, message)),
    })
}

fn unmatched(code: &str) -> String {
    format!("there is no project {code}; the file is kept, and linked once the project is created")
}
