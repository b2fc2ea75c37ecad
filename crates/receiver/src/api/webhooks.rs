//! `/webhooks/{source}/…`: what senders call. Bad input is answered with a 4xx before anything is written;
//! must never answer it with a 5xx.

use std::sync::Arc;

use access::of_write;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap};
use actix_web::web::{Bytes, Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use contract::{Headers, Refusal};
use serde::Serialize;
use service::{BodyLimits, Code, Problem};

use crate::metrics::Began;
use crate::receive::{Incoming, ProjectLink, Receipt, submission};
use crate::receiver::State;
use crate::source::{Arrived, Source, kept_headers};

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

/// The answer to an array: that of each event, in order.
#[derive(Serialize)]
struct BatchAnswer {
    success: bool,
    message: String,
    events: Vec<Answer>,
}

/// What a request has brought about.
enum Received {
    One(Receipt),
    Batch(Vec<Receipt>),
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
    let began = Began::now();
    let source = find(&state, &source)?;
    let received = admitted(&state, &source, &request, payload).await;
    let outcomes = match &received {
        Ok(received) => received.receipts().iter().map(outcome).collect(),
        Err(problem) => vec![problem.code().as_str()],
    };
    let metrics = &state.metrics;
    metrics.received(&source.name, &outcomes, began.seconds());
    match received? {
        Received::One(receipt) => answered(receipt),
        Received::Batch(receipts) => all_answered(receipts),
    }
}

impl Received {
    fn receipts(&self) -> &[Receipt] {
        match self {
            Self::One(receipt) => std::slice::from_ref(receipt),
            Self::Batch(receipts) => receipts,
        }
    }
}

async fn admitted(
    state: &State,
    source: &Arc<Source>,
    request: &HttpRequest,
    payload: Payload,
) -> Result<Received, Problem> {
    if !source.admits(request.peer_addr().map(|peer| peer.ip())) {
        let detail = "requests of this source are not accepted from this address";
        return Err(Problem::new(Code::Forbidden, detail));
    }
    let body = body(source.verifier.body_bytes_max, request, payload).await?;
    let now_ms = state.clock.now_ms();
    let headers = RequestHeaders(request.headers());
    let arrived = source.accept(&headers, &body, now_ms).map_err(refused)?;
    let kept = request.headers().iter();
    let kept = kept_headers(kept.map(|(name, value)| (name.as_str(), value.as_bytes())));
    let incoming = |accepted| Incoming::new(Arc::clone(source), accepted, kept.clone(), now_ms);
    match arrived {
        Arrived::One(accepted) => write_one(state, incoming(accepted))
            .await
            .map(Received::One),
        Arrived::Batch(events) => {
            let events: Vec<Incoming> = events.into_iter().map(incoming).collect();
            let written = state.receive.submit(submission(source.tenant_id, events));
            Ok(Received::Batch(written.await.map_err(of_write)?))
        }
    }
}

/// Writes one event.
pub(super) async fn write_one(state: &State, event: Incoming) -> Result<Receipt, Problem> {
    let written = state.receive.submit(event.submission()).await;
    let receipt = written.map_err(of_write)?.pop();
    receipt.ok_or_else(|| Problem::internal("an event was not answered"))
}

/// What metrics call it.
fn outcome(receipt: &Receipt) -> &'static str {
    match receipt {
        Receipt::Applied { stale: true, .. } => "stale",
        Receipt::Applied {
            project: ProjectLink::Unknown(_),
            ..
        } => "unmatched",
        Receipt::Applied { .. } | Receipt::Handled => "applied",
        Receipt::UnknownType => "unknown",
        Receipt::Duplicate { .. } => "duplicate",
        Receipt::Refused { .. } => "failed",
    }
}

/// The answer to an event that was written.
pub(super) fn answered(receipt: Receipt) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(answer(receipt)?))
}

/// The answer to an array that was written: 422 when one of its events was refused, the others being applied
/// all the same. What the sender then repeats is a repeat.
fn all_answered(receipts: Vec<Receipt>) -> Result<HttpResponse, Problem> {
    let count = receipts.len();
    let one = |(index, receipt)| match receipt {
        Receipt::Refused { field, message } => Err(Problem::invalid_field(
            format!("[{index}].{field}"),
            message,
        )),
        receipt => answer(receipt),
    };
    let answers = receipts.into_iter().enumerate().map(one);
    Ok(HttpResponse::Ok().json(BatchAnswer {
        success: true,
        message: format!("{count} events"),
        events: answers.collect::<Result<_, _>>()?,
    }))
}

/// The answer to an event that needs no further application.
pub(super) fn was_applied(design_file_id: Option<i64>) -> HttpResponse {
    HttpResponse::Ok().json(Answer {
        success: true,
        message: "applied before; it stays as it is",
        design_file_id,
        duplicate: Some(true),
        ..Answer::default()
    })
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

fn find(state: &State, name: &str) -> Result<Arc<Source>, Problem> {
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
async fn body(bytes_max: usize, request: &HttpRequest, payload: Payload) -> Result<Bytes, Problem> {
    let too_large = || {
        let limit = "body_bytes_max of the source or of the receiver";
        Problem::new(
            Code::BodyTooLarge,
            format!("the body may have {bytes_max} bytes ({limit})"),
        )
    };
    let promised = request.headers().get(CONTENT_LENGTH);
    let promised: Option<u64> = promised.and_then(|length| length.to_str().ok()?.parse().ok());
    if promised.is_some_and(|bytes| usize::try_from(bytes).is_ok_and(|bytes| bytes > bytes_max)) {
        return Err(too_large());
    }
    let time_max = request
        .app_data::<BodyLimits>()
        .copied()
        .unwrap_or_default()
        .time_max;
    let arrived = tokio::time::timeout(time_max, payload.to_bytes_limited(bytes_max)).await;
    match arrived {
        Ok(Ok(Ok(bytes))) => Ok(bytes),
        Ok(Ok(Err(error))) => Err(Problem::new(Code::BadRequest, error.to_string())),
        Ok(Err(_too_large)) => Err(too_large()),
        Err(_elapsed) => Err(Problem::new(
            Code::RequestTimeout,
            format!("the body did not arrive within {} s", time_max.as_secs()),
        )),
    }
}

pub(super) fn refused(refusal: Refusal) -> Problem {
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
        Receipt::Handled => done("applied"),
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
