//! Batches: the part of the loop in which deliveries are collected, their membership is written down, and they take
//! their turn as one. An endpoint that is busy or held up goes on collecting: what waits grows into larger batches, not
//! into more of them.

use std::collections::HashMap;
use std::sync::Arc;

use contract::{BatchId, rendered_bytes};
use db::{Clock, Lane};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::time::Instant;

use super::collecting::Collecting;
use super::looks::Look;
use super::sending::Sending;
use super::work_loop::WorkLoop;
use super::{Context, Work};
use crate::batches;
use crate::batching::Bounds;

/// What is on its way into a batch.
#[derive(Debug, Default)]
pub(super) struct Batches {
    pub(super) collecting: Collecting<Work>,
    /// How many batches of an endpoint are being written down.
    joining: HashMap<i64, usize>,
}

/// A batch that has been written down, or as much of it as is still ours.
pub(super) struct Joined {
    endpoint_id: i64,
    sending: Option<Sending>,
    /// Taken away meanwhile, with their claims.
    lost: Vec<(i64, i64)>,
}

impl Work {
    /// How it is collected. What has been tried goes as it went: alone, or in the batch it was in.
    fn collected(&self) -> Option<Bounds> {
        let is_fresh = self.attempts == 0 && self.profile.batch_content_type().is_some();
        self.endpoint.batch.filter(|_| is_fresh)
    }
}

impl WorkLoop {
    /// A delivery that is now ours.
    pub(super) fn push(&mut self, work: Work) {
        self.held.insert((work.delivery_id, work.claim));
        let Some(bounds) = work.collected() else {
            return self.queue(Sending::one(work));
        };
        let like = (work.profile, rendered_bytes(&work.event));
        let collecting = &mut self.batches.collecting;
        let full = collecting.add(work.endpoint.id, work, like, bounds, Instant::now());
        for members in full.into_iter().flatten() {
            self.join(members);
        }
    }

    /// The members of a batch that has been sent before.
    pub(super) fn push_batch(&mut self, id: BatchId, members: Vec<Work>) {
        if let Some(sending) = Sending::batch(id, members) {
            self.held.extend(sending.held());
            self.queue(sending);
        }
    }

    fn queue(&mut self, sending: Sending) {
        let endpoint = Arc::clone(&sending.first.endpoint);
        self.turns.push(
            endpoint.tenant_id,
            endpoint.id,
            endpoint.in_flight_max,
            sending,
        );
    }

    /// Waits that have ended.
    pub(super) fn end_waits(&mut self) {
        while let Some(endpoint_id) = self.batches.collecting.ended(Instant::now()) {
            self.end_wait(endpoint_id);
        }
    }

    /// Makes a batch of what has waited long enough, unless another one of this endpoint is still waiting for its turn.
    pub(super) fn end_wait(&mut self, endpoint_id: i64) {
        let batches = &mut self.batches;
        if batches.collecting.count() == 0 {
            return;
        }
        let has_ended = batches.collecting.has_ended(endpoint_id, Instant::now());
        if !has_ended
            || batches.joining.contains_key(&endpoint_id)
            || self.turns.queued_of(endpoint_id) > 0
        {
            return;
        }
        if let Some(members) = batches.collecting.take(endpoint_id) {
            self.join(members);
        }
    }

    fn join(&mut self, members: Vec<Work>) {
        if let Some(first) = members.first() {
            let endpoint_id = first.endpoint.id;
            *self.batches.joining.entry(endpoint_id).or_default() += 1;
            let context = Arc::clone(&self.context);
            self.looks.spawn(join(context, endpoint_id, members));
        }
    }

    pub(super) fn joined(&mut self, joined: Joined) {
        let joining = &mut self.batches.joining;
        if let Some(count) = joining.get_mut(&joined.endpoint_id) {
            *count -= 1;
            if *count == 0 {
                joining.remove(&joined.endpoint_id);
            }
        }
        for held in &joined.lost {
            self.held.remove(held);
        }
        match joined.sending {
            Some(sending) => self.queue(sending),
            None => self.end_wait(joined.endpoint_id),
        }
    }

    /// All that is collected is no longer ours.
    pub(super) fn forget_collected(&mut self) {
        for work in self.batches.collecting.clear() {
            self.held.remove(&(work.delivery_id, work.claim));
        }
    }

    /// Batches that were being written down have come to nothing.
    pub(super) fn abandon_joins(&mut self) {
        self.batches.joining.clear();
    }
}

/// Writes down who goes together, again and again until the database takes it: nothing is sent before.
async fn join(context: Arc<Context>, endpoint_id: i64, mut members: Vec<Work>) -> Look {
    members.sort_by_key(|work| work.delivery_id);
    let held: Arc<[(i64, i64)]> = members
        .iter()
        .map(|work| (work.delivery_id, work.claim))
        .collect();
    let tenant_id = members.first().map_or(0, |work| work.endpoint.tenant_id);
    let owner = context.publisher.inner.node_id;
    let ms = u64::try_from(context.clock.now_ms()).unwrap_or_default();
    let joined = loop {
        let mut random = [0; 10];
        if SystemRandom::new().fill(&mut random).is_ok() {
            let (id, held) = (BatchId::new(ms, random), Arc::clone(&held));
            let written = context
                .in_whole_tx(Lane::Outcomes, tenant_id, "write down a batch", move |tx| {
                    batches::join(tx.conn(), owner, id, &held)
                })
                .await;
            if let Some(joined) = written {
                break (id, joined);
            }
        }
        tokio::time::sleep(super::attempt::WRITE_WAIT).await;
    };
    let (id, joined) = joined;
    let lost = held.iter().copied();
    let lost = lost.filter(|(delivery_id, _)| !joined.contains(delivery_id));
    let lost = lost.collect();
    members.retain(|work| joined.contains(&work.delivery_id));
    Look::Joined(Joined {
        endpoint_id,
        sending: Sending::batch(id, members),
        lost,
    })
}
