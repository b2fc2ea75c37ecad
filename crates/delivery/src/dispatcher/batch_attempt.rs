//! One attempt of a batch: one body, one signature, one answer, which is the outcome of every member. The members' ends
//! are written in one transaction, so that a batch is never half over.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use contract::{Event, is_operational, render_batch, signed_batch_headers};
use db::{Clock, Submission};
use futures_util::FutureExt;

use super::attempt::{self, Done};
use super::sending::Sending;
use super::{Answered, Context, Work};
use crate::finish::Next;
use crate::transport::{Outcome, OutcomeKind, Request};

/// What a member's end weighs in a transaction beyond the answer: as much as fills one with some hundred rows.
const MEMBER_BYTES: usize = 2_048;

pub(super) async fn attempt_batch(context: Arc<Context>, sending: Sending, is_trial: bool) -> Done {
    let started_at_ms = context.clock.now_ms();
    let started = Instant::now();
    let sent = AssertUnwindSafe(send(&context, &sending, started_at_ms)).catch_unwind();
    let outcome = sent.await.unwrap_or_else(|_panic| attempt::panicked());
    let duration_ms = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
    let ends = ends(&context, &sending, &outcome, started_at_ms + duration_ms);
    for (work, next) in &ends {
        attempt::count(&context, work, &outcome, *next, started.elapsed());
    }
    let first = &sending.first;
    context.answered(Answered {
        endpoint_id: first.endpoint.id,
        succeeded: outcome.kind == OutcomeKind::Delivered,
        is_trial,
        counts: !sending.works().all(is_news),
    });
    write_down(&context, &ends, started_at_ms, duration_ms, &outcome).await;
    let due_at_ms = ends.iter().find_map(|(_, next)| next.due_at_ms());
    Done {
        endpoint_id: first.endpoint.id,
        delivery_id: first.delivery_id,
        claim: first.claim,
        others: sending.held().skip(1).collect(),
        due_at_ms,
    }
}

/// News about deliveries say nothing of an endpoint's health.
fn is_news(work: &Work) -> bool {
    is_operational(&work.event.event_type)
}

async fn send(context: &Context, sending: &Sending, started_at_ms: i64) -> Outcome {
    let request = build_request(sending, started_at_ms);
    attempt::hand_over(context, &sending.first.endpoint, sending.works(), request).await
}

fn build_request(sending: &Sending, attempt_ms: i64) -> Result<Request, String> {
    let (profile, endpoint) = (sending.first.profile, &*sending.first.endpoint);
    let id = sending.batch.as_ref().map(|batch| batch.id);
    let id = id.ok_or("it is no batch")?;
    let events: Vec<&Event> = sending.works().map(|work| &*work.event).collect();
    let body = render_batch(profile, &events, &endpoint.uuid).map_err(|e| e.to_string())?;
    let signer = endpoint.signer(attempt_ms);
    let signed = signed_batch_headers(profile, id, attempt_ms, &signer, &body);
    let content_type = profile.batch_content_type().unwrap_or_default();
    attempt::request(endpoint, content_type, signed, body)
}

/// What becomes of each member. Those that are tried again are due together.
fn ends<'a>(
    context: &Context,
    sending: &'a Sending,
    outcome: &Outcome,
    now_ms: i64,
) -> Vec<(&'a Work, Next)> {
    let mut together = None;
    let end = |work: &'a Work| {
        let next = attempt::next(context, work, outcome, now_ms);
        let next = next.due_at_ms().map_or(next, |due_at_ms| Next::Retry {
            due_at_ms: *together.get_or_insert(due_at_ms),
        });
        (work, next)
    };
    sending.works().map(end).collect()
}

async fn write_down(
    context: &Context,
    ends: &[(&Work, Next)],
    started_at_ms: i64,
    duration_ms: i64,
    outcome: &Outcome,
) {
    let Some((first, next)) = ends.first() else {
        return;
    };
    let ended = |(work, next): &(&Work, Next)| {
        attempt::ended(work, started_at_ms, duration_ms, outcome.clone(), *next)
    };
    let submission = || Submission {
        tenant: first.endpoint.tenant_id,
        key: first.delivery_id.unsigned_abs(),
        bytes: ends.len() * (MEMBER_BYTES + outcome.body.len()),
        item: ends.iter().map(ended).collect(),
    };
    attempt::until_committed(&context.finish_batch, submission).await;
    attempt::report(first, outcome, *next);
}
