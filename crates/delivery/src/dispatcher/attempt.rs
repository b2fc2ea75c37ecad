//! One attempt: render, sign, send, judge, and write down what came of it. The delivery's room in memory is
//! given back only when that has been committed.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use contract::{DeliveryId, USER_AGENT, render, signed_headers};
use db::{Clock, Submission};
use futures_util::FutureExt;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT as AGENT};
use ring::rand::{SecureRandom, SystemRandom};

use super::{Context, Work};
use crate::finish::{Ended, Next};
use crate::transport::{Outcome, OutcomeKind, Request};

/// What the loop needs to know of an attempt that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) endpoint_id: i64,
    pub(super) delivery_id: i64,
    pub(super) claim: i64,
    /// When the table wants it tried again.
    pub(super) due_at_ms: Option<i64>,
}

/// Waits between tries to write an outcome down, while the database cannot take it.
const WRITE_WAIT: Duration = Duration::from_millis(200);
const WRITE_WAIT_MAX: Duration = Duration::from_secs(5);

pub(super) async fn attempt(context: Arc<Context>, work: Work) -> Done {
    let started_at_ms = context.clock.now_ms();
    let started = Instant::now();
    // A panic of one delivery's must cost neither its room nor its turn.
    let sent = AssertUnwindSafe(send(&context, &work, started_at_ms)).catch_unwind();
    let outcome = match sent.await {
        Ok(outcome) => outcome,
        Err(_panic) => Outcome {
            retryable: true,
            ..Outcome::unsendable("the attempt panicked".to_owned())
        },
    };
    let duration_ms = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
    let next = next(&context, &work, &outcome, started_at_ms + duration_ms);
    write_down(&context, &work, started_at_ms, duration_ms, outcome, next).await;
    let Work {
        endpoint,
        delivery_id,
        claim,
        slot,
        ..
    } = work;
    drop(slot);
    Done {
        endpoint_id: endpoint.id,
        delivery_id,
        claim,
        due_at_ms: match next {
            Next::Retry { due_at_ms } => Some(due_at_ms),
            Next::Delivered | Next::Dead => None,
        },
    }
}

async fn send(context: &Context, work: &Work, started_at_ms: i64) -> Outcome {
    match request(work, started_at_ms) {
        Ok(request) => {
            let reply = context.transport.send(request).await;
            reply.outcome(work.endpoint.retry_client_errors)
        }
        Err(message) => Outcome::unsendable(message),
    }
}

fn request(work: &Work, attempt_ms: i64) -> Result<Request, String> {
    let endpoint = &work.endpoint;
    let body = render(work.profile, &work.event, &endpoint.uuid).map_err(|e| e.to_string())?;
    // The endpoint's own headers first: ours replace them, never the other way round.
    let mut headers = endpoint.headers.clone();
    headers.insert(AGENT, HeaderValue::from_static(USER_AGENT));
    let content_type = HeaderValue::from_static(work.profile.content_type());
    headers.insert(CONTENT_TYPE, content_type);
    let signed = signed_headers(
        work.profile,
        &work.event,
        &endpoint.uuid,
        attempt_ms,
        &endpoint.signer,
        &body,
    );
    add(&mut headers, signed)?;
    Ok(Request {
        url: endpoint.url.clone(),
        headers,
        body: Bytes::from(body),
        timeout: endpoint.timeout,
    })
}

fn add(headers: &mut HeaderMap, signed: Vec<(&'static str, String)>) -> Result<(), String> {
    for (name, value) in signed {
        let value = HeaderValue::try_from(value).map_err(|e| format!("{name}: {e}"))?;
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok(())
}

fn next(context: &Context, work: &Work, outcome: &Outcome, now_ms: i64) -> Next {
    if outcome.kind == OutcomeKind::Delivered {
        return Next::Delivered;
    }
    if !outcome.retryable {
        return Next::Dead;
    }
    let attempt = u32::try_from(work.attempts + 1).unwrap_or(u32::MAX);
    let asked = outcome
        .retry_after
        .map(|asked| asked.min(context.retry_after_max));
    let wait =
        work.endpoint
            .schedule
            .wait_after(attempt, context.retry_jitter, random_share(), asked);
    match wait {
        Some(wait) => Next::Retry {
            due_at_ms: now_ms + i64::try_from(wait.as_millis()).unwrap_or(i64::MAX / 2),
        },
        None => Next::Dead,
    }
}

/// A number from 0 to 1.
fn random_share() -> f64 {
    let mut bytes = [0; 4];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX),
        Err(_unspecified) => 0.5,
    }
}

/// Until it is committed, or the process stops: then the delivery is still owed and is sent again.
async fn write_down(
    context: &Context,
    work: &Work,
    started_at_ms: i64,
    duration_ms: i64,
    outcome: Outcome,
    next: Next,
) {
    let mut wait = WRITE_WAIT;
    loop {
        let ended = Ended {
            delivery_id: work.delivery_id,
            claim: work.claim,
            attempts: work.attempts + 1,
            started_at_ms,
            duration_ms,
            outcome: outcome.clone(),
            next,
        };
        let submission = Submission {
            tenant: work.endpoint.tenant_id,
            key: work.delivery_id.unsigned_abs(),
            bytes: 256 + outcome.body.len(),
            item: ended,
        };
        match context.finish.submit(submission).await {
            Ok(()) => return report(work, &outcome, next),
            Err(error) => {
                tracing::warn!(%error, "an attempt's outcome could not be written yet");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(WRITE_WAIT_MAX);
            }
        }
    }
}

fn report(work: &Work, outcome: &Outcome, next: Next) {
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
