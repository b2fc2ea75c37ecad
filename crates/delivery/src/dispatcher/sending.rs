//! What has one turn and one request: a delivery, or several that share it.

use std::iter;
use std::sync::Arc;

use contract::BatchId;

use super::Work;
use crate::endpoint::Endpoint;

/// A request to be made, with one delivery or a batch.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) first: Work,
    pub(super) batch: Option<Box<Batch>>,
}

/// What makes a batch of it; its members are written down before they get here.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) id: BatchId,
    /// Behind the first, in the order in which they were made; of the same endpoint and profile.
    pub(super) others: Vec<Work>,
}

impl Sending {
    pub(super) fn one(work: Work) -> Self {
        Self {
            first: work,
            batch: None,
        }
    }

    /// `None` without members.
    pub(super) fn batch(id: BatchId, members: Vec<Work>) -> Option<Self> {
        let mut members = members.into_iter();
        let first = members.next()?;
        let others = members.collect();
        Some(Self {
            first,
            batch: Some(Box::new(Batch { id, others })),
        })
    }

    pub(super) fn works(&self) -> impl Iterator<Item = &Work> + Clone {
        let others = self.batch.iter().flat_map(|batch| &batch.others);
        iter::once(&self.first).chain(others)
    }

    /// Its deliveries with their claims.
    pub(super) fn held(&self) -> impl Iterator<Item = (i64, i64)> {
        self.works().map(|work| (work.delivery_id, work.claim))
    }

    /// The endpoint as it is now.
    pub(super) fn go_to(&mut self, endpoint: &Arc<Endpoint>) {
        let others = self.batch.iter_mut().flat_map(|batch| &mut batch.others);
        for work in iter::once(&mut self.first).chain(others) {
            work.endpoint = Arc::clone(endpoint);
        }
    }
}
