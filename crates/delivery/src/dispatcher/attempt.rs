//! One attempt: render, sign, send, judge, and write down what came of it. The delivery's room in memory is
//! given back only when that has been committed.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use contract::{
    DeliveryId, Event, JsonObject, Profile, USER_AGENT, is_operational, render, signed_headers,
};
use db::{Clock, SetJob, Submission, Submitter};
use futures_util::FutureExt;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT as AGENT};
use ring::rand::{SecureRandom, SystemRandom};

use super::spans::AttemptSpan;
use super::{Answered, Command, Context, Work};
use crate::endpoint::Endpoint;
use crate::finish::{About, Ended, Next};
use crate::metrics::{AttemptStatus, Counted};
use crate::transport::{Outcome, OutcomeKind, Request};

/// What the loop needs to know of an attempt that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) endpoint_id: i64,
    pub(super) delivery_id: i64,
    pub(super) claim: i64,
    /// The other members of its batch, with their claims.
    pub(super) others: Vec<(i64, i64)>,
    /// When the table wants it tried again.
    pub(super) due_at_ms: Option<i64>,
}

/// Waits between tries to write an outcome down, while the database cannot take it.
pub(super) const WRITE_WAIT: Duration = Duration::from_millis(200);
const WRITE_WAIT_MAX: Duration = Duration::from_secs(5);

pub(super) async fn attempt(context: Arc<Context>, work: Work, is_trial: bool) -> Done {
    let started_at_ms = context.clock.now_ms();
    let started = Instant::now();
    // A panic of one delivery's must cost neither its room nor its turn.
    let sent = AssertUnwindSafe(send(&context, &work, started_at_ms)).catch_unwind();
    let outcome = sent.await.unwrap_or_else(|_panic| panicked());
    let duration_ms = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
    let next = next(&context, &work, &outcome, started_at_ms + duration_ms);
    count(&context, &work, &outcome, next, started.elapsed());
    context.answered(Answered {
        endpoint_id: work.endpoint.id,
        succeeded: next == Next::Delivered,
        is_trial,
        counts: !is_operational(&work.event.event_type),
    });
    write_down(&context, &work, started_at_ms, duration_ms, outcome, next).await;
    // Before the loop looks for room.
    drop(work.slot);
    Done {
        endpoint_id: work.endpoint.id,
        delivery_id: work.delivery_id,
        claim: work.claim,
        others: Vec::new(),
        due_at_ms: next.due_at_ms(),
    }
}

impl Context {
    pub(super) fn answered(&self, answered: Answered) {
        let inbox = &self.publisher.inner.inbox;
        inbox.put(Command::Answered(answered));
    }
}

pub(super) fn panicked() -> Outcome {
    Outcome {
        retryable: true,
        ..Outcome::unsendable("the attempt panicked".to_owned())
    }
}

pub(super) fn count(context: &Context, work: &Work, outcome: &Outcome, next: Next, took: Duration) {
    let (status, reason) = match next {
        Next::Delivered => (AttemptStatus::Delivered, None),
        Next::Dead if outcome.retryable => (AttemptStatus::Abandoned, None),
        Next::Dead => (AttemptStatus::Failed, None),
        Next::Retry { .. } => (AttemptStatus::Retrying, Some(outcome.retry_reason())),
    };
    context.publisher.inner.metrics.attempt(&Counted {
        tenant_id: work.endpoint.tenant_id,
        event_type: work.event.event_type.as_str(),
        status,
        duration_s: took.as_secs_f64(),
        retry: reason,
        http_status: outcome.status,
    });
}

async fn send(context: &Context, work: &Work, started_at_ms: i64) -> Outcome {
    let request = build_request(work.profile, &work.endpoint, &work.event, started_at_ms);
    hand_over(context, &work.endpoint, std::iter::once(work), request).await
}

/// Sends what was built for these deliveries, and says to whoever collects traces what came of it.
pub(super) async fn hand_over<'w>(
    context: &Context,
    endpoint: &Endpoint,
    works: impl Iterator<Item = &'w Work> + Clone,
    request: Result<Request, String>,
) -> Outcome {
    let span = AttemptSpan::start(works);
    let outcome = match request {
        Ok(mut request) => {
            if let Some(span) = &span {
                span.name_in(&mut request.headers);
            }
            let reply = context.transport.send(request).await;
            reply.outcome(endpoint.retry_client_errors)
        }
        Err(message) => Outcome::unsendable(message),
    };
    if let Some(span) = span {
        span.end(&outcome);
    }
    outcome
}

/// What is sent for an event: rendered, signed, with the endpoint's own headers.
pub(crate) fn build_request(
    profile: Profile,
    endpoint: &Endpoint,
    event: &Event,
    attempt_ms: i64,
) -> Result<Request, String> {
    let body = render(profile, event, &endpoint.uuid).map_err(|e| e.to_string())?;
    let signer = endpoint.signer(attempt_ms);
    let signed = signed_headers(profile, event, &endpoint.uuid, attempt_ms, &signer, &body);
    let mut request = request(endpoint, profile.content_type(), signed, body)?;
    if let Some(parent) = event.metadata.as_ref().and_then(trace_parent) {
        request.headers.insert("traceparent", parent);
    }
    Ok(request)
}

/// A body on its way to an endpoint, with the headers that were signed for it.
pub(super) fn request(
    endpoint: &Endpoint,
    content_type: &'static str,
    signed: Vec<(&'static str, String)>,
    body: Vec<u8>,
) -> Result<Request, String> {
    // The endpoint's own headers first: ours replace them, never the other way round.
    let mut headers = endpoint.headers.clone();
    headers.insert(AGENT, HeaderValue::from_static(USER_AGENT));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    add(&mut headers, signed)?;
    Ok(Request {
        url: endpoint.url.clone(),
        headers,
        body: Bytes::from(body),
        timeout: endpoint.timeout,
    })
}

/// The publisher's `traceparent` (W3C Trace Context section 3.2: four fields of lower-case hex).
pub(super) fn trace_parent(metadata: &JsonObject) -> Option<HeaderValue> {
    const LENGTHS: [usize; 4] = [2, 32, 16, 2];
    let text: String = serde_json::from_str(metadata.member("traceparent")?).ok()?;
    let fields: Vec<&str> = text.split('-').collect();
    let is_hex = |field: &str| {
        field
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let fits = fields.len() == LENGTHS.len()
        && fields
            .iter()
            .zip(LENGTHS)
            .all(|(field, length)| field.len() == length && is_hex(field));
    fits.then(|| HeaderValue::try_from(text).ok()).flatten()
}

fn add(headers: &mut HeaderMap, signed: Vec<(&'static str, String)>) -> Result<(), String> {
    for (name, value) in signed {
        let value = HeaderValue::try_from(value).map_err(|e| format!("{name}: {e}"))?;
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok(())
}

pub(super) fn next(context: &Context, work: &Work, outcome: &Outcome, now_ms: i64) -> Next {
    if outcome.kind == OutcomeKind::Delivered {
        return Next::Delivered;
    }
    if !outcome.retryable {
        return Next::Dead;
    }
    let attempt = u32::try_from(work.attempts - work.attempts_before + 1).unwrap_or(u32::MAX);
    let asked = outcome
        .retry_after
        .map(|asked| asked.min(context.retry_after_max));
    let wait =
        work.endpoint
            .schedule
            .wait_after(attempt, context.retry_jitter, random_share(), asked);
    let Some(wait) = wait else {
        return Next::Dead;
    };
    let due_at_ms = now_ms + millis(wait);
    let owed_at_ms = i64::try_from(contract::row_key_ms(work.delivery_id)).unwrap_or_default();
    // A redelivery by hand has its full schedule.
    let is_old = due_at_ms - owed_at_ms > millis(context.delivery_age_max);
    let is_patient = now_ms < context.patient_until_ms.load(Ordering::Relaxed);
    if work.attempts_before == 0 && is_old && !is_patient {
        return Next::Dead;
    }
    Next::Retry { due_at_ms }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

/// A number from 0 to 1.
fn random_share() -> f64 {
    let mut bytes = [0; 4];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX),
        Err(_unspecified) => 0.5,
    }
}

async fn write_down(
    context: &Context,
    work: &Work,
    started_at_ms: i64,
    duration_ms: i64,
    outcome: Outcome,
    next: Next,
) {
    let submission = || Submission {
        tenant: work.endpoint.tenant_id,
        // Where order matters, with the publishers of its subject.
        key: work.order_key.unwrap_or(work.delivery_id).unsigned_abs(),
        bytes: 256 + outcome.body.len(),
        item: ended(work, started_at_ms, duration_ms, outcome.clone(), next),
    };
    until_committed(&context.finish, submission).await;
    report(work, &outcome, next);
}

/// Until it is committed, or the process stops: then the delivery is still owed and is sent again.
pub(super) async fn until_committed<S: SetJob<Output = ()>>(
    finish: &Submitter<S>,
    submission: impl Fn() -> Submission<S::Item>,
) {
    let mut wait = WRITE_WAIT;
    while let Err(error) = finish.submit(submission()).await {
        tracing::warn!(%error, "an outcome could not be written yet");
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(WRITE_WAIT_MAX);
    }
}

pub(super) fn ended(
    work: &Work,
    started_at_ms: i64,
    duration_ms: i64,
    outcome: Outcome,
    next: Next,
) -> Ended {
    Ended {
        delivery_id: work.delivery_id,
        claim: work.claim,
        attempts: work.attempts + 1,
        started_at_ms,
        duration_ms,
        outcome,
        next,
        about: Some(About {
            endpoint: Arc::clone(&work.endpoint),
            event: Arc::clone(&work.event),
            order_key: work.order_key,
        }),
    }
}

pub(super) fn report(work: &Work, outcome: &Outcome, next: Next) {
    let delivery = DeliveryId(work.delivery_id);
    let endpoint = work.endpoint.uuid.as_str();
    let (kind, status) = (outcome.kind, outcome.status);
    match next {
        Next::Dead => tracing::warn!(%delivery, endpoint, ?kind, status, "a delivery is dead"),
        Next::Retry { due_at_ms } => {
            tracing::debug!(%delivery, endpoint, ?kind, status, due_at_ms, "will be tried again");
        }
        Next::Delivered => {}
    }
}
