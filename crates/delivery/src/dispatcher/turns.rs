//! Whose turn it is: tenants in rotation, within a tenant its endpoints in rotation, within an endpoint
//! first come first served, and never more under way to one endpoint than it may have.

use std::collections::{HashMap, VecDeque};

/// Queues of `T` by tenant and endpoint.
#[derive(Debug)]
pub(crate) struct Turns<T> {
    lanes: HashMap<i64, Lane<T>>,
    tenants: HashMap<i64, VecDeque<i64>>,
    rotation: VecDeque<i64>,
    queued: usize,
}

#[derive(Debug)]
struct Lane<T> {
    tenant_id: i64,
    queue: VecDeque<T>,
    in_flight: usize,
    in_flight_max: usize,
    /// Whether it stands in its tenant's rotation.
    ready: bool,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self {
            lanes: HashMap::new(),
            tenants: HashMap::new(),
            rotation: VecDeque::new(),
            queued: 0,
        }
    }
}

impl<T> Turns<T> {
    pub(crate) fn push(&mut self, tenant_id: i64, endpoint_id: i64, in_flight_max: usize, item: T) {
        let lane = self.lanes.entry(endpoint_id).or_insert_with(|| Lane {
            tenant_id,
            queue: VecDeque::new(),
            in_flight: 0,
            in_flight_max: 1,
            ready: false,
        });
        lane.in_flight_max = in_flight_max.max(1);
        lane.queue.push_back(item);
        self.queued += 1;
        self.make_ready(endpoint_id);
    }

    /// The next item; its endpoint counts one more under way.
    pub(crate) fn next(&mut self) -> Option<T> {
        loop {
            let tenant_id = self.rotation.pop_front()?;
            let Some(endpoints) = self.tenants.get_mut(&tenant_id) else {
                continue;
            };
            let endpoint_id = endpoints.pop_front();
            if endpoints.is_empty() {
                self.tenants.remove(&tenant_id);
            } else {
                self.rotation.push_back(tenant_id);
            }
            let Some(endpoint_id) = endpoint_id else {
                continue;
            };
            let Some(lane) = self.lanes.get_mut(&endpoint_id) else {
                continue;
            };
            lane.ready = false;
            if let Some(item) = lane.queue.pop_front() {
                lane.in_flight += 1;
                self.queued -= 1;
                self.make_ready(endpoint_id);
                return Some(item);
            }
        }
    }

    /// One of this endpoint's items is no longer under way.
    pub(crate) fn ended(&mut self, endpoint_id: i64) {
        if let Some(lane) = self.lanes.get_mut(&endpoint_id) {
            lane.in_flight = lane.in_flight.saturating_sub(1);
            if lane.in_flight == 0 && lane.queue.is_empty() {
                self.lanes.remove(&endpoint_id);
            } else {
                self.make_ready(endpoint_id);
            }
        }
    }

    /// How many of this endpoint's items wait here.
    pub(crate) fn queued_of(&self, endpoint_id: i64) -> usize {
        self.lanes
            .get(&endpoint_id)
            .map_or(0, |lane| lane.queue.len())
    }

    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    /// All that waits, in no particular order; it waits here no more.
    pub(crate) fn clear(&mut self) -> Vec<T> {
        self.queued = 0;
        let lanes = self.lanes.values_mut();
        lanes.flat_map(|lane| lane.queue.drain(..)).collect()
    }

    fn make_ready(&mut self, endpoint_id: i64) {
        let Some(lane) = self.lanes.get_mut(&endpoint_id) else {
            return;
        };
        if lane.ready || lane.queue.is_empty() || lane.in_flight >= lane.in_flight_max {
            return;
        }
        lane.ready = true;
        let endpoints = self.tenants.entry(lane.tenant_id).or_default();
        if endpoints.is_empty() {
            self.rotation.push_back(lane.tenant_id);
        }
        endpoints.push_back(endpoint_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_and_endpoints_take_turns() {
        let mut turns = Turns::default();
        for n in 0..50 {
            turns.push(1, 10, 100, (10, n));
        }
        turns.push(1, 11, 100, (11, 0));
        turns.push(2, 20, 100, (20, 0));
        turns.push(2, 20, 100, (20, 1));
        let order: Vec<_> = std::iter::from_fn(|| turns.next()).take(6).collect();
        assert_eq!(
            order,
            [(10, 0), (20, 0), (11, 0), (20, 1), (10, 1), (10, 2)]
        );
        assert_eq!(turns.queued(), 47);
    }

    #[test]
    fn an_endpoint_never_has_more_under_way_than_it_may() {
        let mut turns = Turns::default();
        for n in 0..5 {
            turns.push(1, 10, 2, n);
        }
        assert_eq!(
            (turns.next(), turns.next(), turns.next()),
            (Some(0), Some(1), None)
        );
        assert_eq!(turns.queued_of(10), 3);
        turns.ended(10);
        assert_eq!((turns.next(), turns.next()), (Some(2), None));
        assert_eq!(turns.clear(), [3, 4]);
        turns.ended(10);
        turns.ended(10);
        assert_eq!(
            (turns.next(), turns.queued(), turns.lanes.len()),
            (None, 0, 0)
        );
    }

    /// Whatever is pushed comes out once, in order per endpoint.
    #[test]
    fn nothing_is_lost_or_doubled() {
        let mut turns = Turns::default();
        let mut seen: HashMap<i64, Vec<i64>> = HashMap::new();
        let mut under_way = VecDeque::new();
        for n in 0..1_000 {
            turns.push(
                n % 3,
                100 + n % 7 * 3 + n % 3,
                2,
                (100 + n % 7 * 3 + n % 3, n),
            );
            if n % 2 == 0
                && let Some((endpoint, n)) = turns.next()
            {
                seen.entry(endpoint).or_default().push(n);
                under_way.push_back(endpoint);
            }
            if under_way.len() > 5 {
                turns.ended(under_way.pop_front().unwrap());
            }
        }
        while turns.queued() > 0 {
            while let Some((endpoint, n)) = turns.next() {
                seen.entry(endpoint).or_default().push(n);
                under_way.push_back(endpoint);
            }
            turns.ended(under_way.pop_front().unwrap());
        }
        assert_eq!(seen.values().map(Vec::len).sum::<usize>(), 1_000);
        assert!(seen.values().all(|order| order.is_sorted()));
    }
}
