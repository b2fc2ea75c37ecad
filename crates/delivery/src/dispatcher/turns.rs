//! Whose turn it is: tenants in rotation, within a tenant its endpoints in rotation, within an endpoint
//! first come first served, and never more under way to one endpoint or for one tenant than it may have. An item is
//! open until it has been answered, and under way until it is over; the two may be told in either order.

use std::collections::{BTreeSet, HashMap, VecDeque};

/// How many of an endpoint's items may be under way for each that may be open: so many have been answered, and wait for
/// the database.
const UNDER_WAY_FOR_OPEN: usize = 4;

/// Most attempts under way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InFlightMax {
    pub(crate) all: usize,
    pub(crate) tenant: usize,
}

/// Queues of `T` by tenant and endpoint.
#[derive(Debug)]
pub(crate) struct Turns<T> {
    lanes: HashMap<i64, Lane<T>>,
    tenants: HashMap<i64, VecDeque<i64>>,
    rotation: VecDeque<i64>,
    queued: usize,
    max: InFlightMax,
    in_flight: usize,
    tenants_in_flight: HashMap<i64, usize>,
    /// Tenants whose turn it was while they had as much under way as they may.
    waiting: BTreeSet<i64>,
}

#[derive(Debug)]
struct Lane<T> {
    tenant_id: i64,
    queue: VecDeque<T>,
    open: usize,
    open_max: usize,
    in_flight: usize,
    /// Whether it stands in its tenant's rotation.
    ready: bool,
    /// Whether it must not, until it is released.
    held: bool,
}

impl<T> Turns<T> {
    pub(crate) fn new(max: InFlightMax) -> Self {
        Self {
            lanes: HashMap::new(),
            tenants: HashMap::new(),
            rotation: VecDeque::new(),
            queued: 0,
            max,
            in_flight: 0,
            tenants_in_flight: HashMap::new(),
            waiting: BTreeSet::new(),
        }
    }

    pub(crate) fn push(&mut self, tenant_id: i64, endpoint_id: i64, open_max: usize, item: T) {
        let lane = self.lanes.entry(endpoint_id).or_insert_with(|| Lane {
            tenant_id,
            queue: VecDeque::new(),
            open: 0,
            open_max: 1,
            in_flight: 0,
            ready: false,
            held: false,
        });
        lane.open_max = open_max.max(1);
        lane.queue.push_back(item);
        self.queued += 1;
        self.make_ready(endpoint_id);
    }

    /// The next item; its endpoint counts one more open and under way.
    pub(crate) fn next(&mut self) -> Option<T> {
        loop {
            if self.in_flight >= self.max.all {
                return None;
            }
            let tenant_id = self.rotation.pop_front()?;
            if !self.may_have_more(tenant_id) {
                self.waiting.insert(tenant_id);
                continue;
            }
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
            if lane.held {
                continue;
            }
            if let Some(item) = lane.queue.pop_front() {
                lane.open += 1;
                lane.in_flight += 1;
                self.queued -= 1;
                self.in_flight += 1;
                *self.tenants_in_flight.entry(tenant_id).or_default() += 1;
                self.make_ready(endpoint_id);
                return Some(item);
            }
        }
    }

    /// A tenant leaves as much free for others as it takes, and never takes more than its share.
    fn may_have_more(&self, tenant_id: i64) -> bool {
        let own = self
            .tenants_in_flight
            .get(&tenant_id)
            .copied()
            .unwrap_or_default();
        own < self.max.tenant.max(1)
            && (own == 0 || own < self.max.all.saturating_sub(self.in_flight))
    }

    /// The item that was just given cannot go now: it is first in line when its endpoint is released.
    pub(crate) fn put_back(&mut self, endpoint_id: i64, item: T) {
        if let Some(lane) = self.lanes.get_mut(&endpoint_id) {
            lane.queue.push_front(item);
            lane.held = true;
            self.queued += 1;
            self.unsent(endpoint_id);
        }
    }

    /// The item that was just given does not go at all.
    pub(crate) fn unsent(&mut self, endpoint_id: i64) {
        self.answered(endpoint_id);
        self.ended(endpoint_id);
    }

    /// One of this endpoint's items is no longer open.
    pub(crate) fn answered(&mut self, endpoint_id: i64) {
        if let Some(lane) = self.lanes.get_mut(&endpoint_id) {
            lane.open = lane.open.saturating_sub(1);
            self.make_ready(endpoint_id);
            self.forget_if_idle(endpoint_id);
        }
    }

    /// An endpoint that was held up may go on.
    pub(crate) fn release(&mut self, endpoint_id: i64) {
        if let Some(lane) = self.lanes.get_mut(&endpoint_id) {
            lane.held = false;
            self.make_ready(endpoint_id);
        }
    }

    /// One of this endpoint's items is no longer under way.
    pub(crate) fn ended(&mut self, endpoint_id: i64) {
        if let Some(lane) = self.lanes.get_mut(&endpoint_id) {
            lane.in_flight = lane.in_flight.saturating_sub(1);
            self.in_flight = self.in_flight.saturating_sub(1);
            if let Some(own) = self.tenants_in_flight.get_mut(&lane.tenant_id) {
                *own -= 1;
                if *own == 0 {
                    self.tenants_in_flight.remove(&lane.tenant_id);
                }
            }
            self.rotation.extend(std::mem::take(&mut self.waiting));
            self.make_ready(endpoint_id);
            self.forget_if_idle(endpoint_id);
        }
    }

    fn forget_if_idle(&mut self, endpoint_id: i64) {
        let is_idle = |lane: &Lane<T>| lane.open + lane.in_flight == 0 && lane.queue.is_empty();
        if self.lanes.get(&endpoint_id).is_some_and(is_idle) {
            self.lanes.remove(&endpoint_id);
        }
    }

    /// How many of this endpoint's items wait here.
    pub(crate) fn queued_of(&self, endpoint_id: i64) -> usize {
        self.lanes
            .get(&endpoint_id)
            .map_or(0, |lane| lane.queue.len())
    }

    /// What is next at each endpoint that is not held up.
    pub(crate) fn heads(&self) -> impl Iterator<Item = &T> {
        let lanes = self.lanes.values().filter(|lane| !lane.held);
        lanes.filter_map(|lane| lane.queue.front())
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
        let is_full = lane.open >= lane.open_max
            || lane.in_flight >= lane.open_max.saturating_mul(UNDER_WAY_FOR_OPEN);
        if lane.ready || lane.held || lane.queue.is_empty() || is_full {
            return;
        }
        lane.ready = true;
        let endpoints = self.tenants.entry(lane.tenant_id).or_default();
        if endpoints.is_empty() && !self.waiting.contains(&lane.tenant_id) {
            self.rotation.push_back(lane.tenant_id);
        }
        endpoints.push_back(endpoint_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns<T>() -> Turns<T> {
        Turns::new(InFlightMax {
            all: 1_000,
            tenant: 1_000,
        })
    }

    #[test]
    fn a_tenant_leaves_room_for_others() {
        let mut turns = Turns::new(InFlightMax { all: 16, tenant: 6 });
        for tenant in [1, 2, 3] {
            for n in 0..100 {
                turns.push(tenant, tenant * 10, 100, (tenant, n));
            }
            let started = std::iter::from_fn(|| turns.next()).count();
            // Six by its share; then as much as is left free.
            assert_eq!(started, [6, 5, 3][usize::try_from(tenant).unwrap() - 1]);
        }
        turns.unsent(10);
        let next: Vec<_> = std::iter::from_fn(|| turns.next()).collect();
        assert_eq!(
            next.len(),
            0,
            "two are free, and everybody has more than that"
        );
        for _ in 0..5 {
            turns.unsent(10);
        }
        assert!(turns.next().is_some());
    }

    #[test]
    fn who_is_held_up_keeps_order_and_gives_way() {
        let mut turns = turns();
        turns.push(1, 10, 4, "first");
        turns.push(1, 10, 4, "second");
        turns.push(1, 11, 4, "other");
        let first = turns.next().unwrap();
        turns.put_back(10, first);
        assert_eq!((turns.next(), turns.next()), (Some("other"), None));
        assert_eq!(turns.queued(), 2);
        turns.release(10);
        assert_eq!(
            (turns.next(), turns.next()),
            (Some("first"), Some("second"))
        );
    }

    #[test]
    fn tenants_and_endpoints_take_turns() {
        let mut turns = turns();
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
        let mut turns = turns();
        for n in 0..5 {
            turns.push(1, 10, 2, n);
        }
        assert_eq!(
            (turns.next(), turns.next(), turns.next()),
            (Some(0), Some(1), None)
        );
        assert_eq!(turns.queued_of(10), 3);
        turns.unsent(10);
        assert_eq!((turns.next(), turns.next()), (Some(2), None));
        assert_eq!(turns.clear(), [3, 4]);
        turns.unsent(10);
        turns.unsent(10);
        assert_eq!(
            (turns.next(), turns.queued(), turns.lanes.len()),
            (None, 0, 0)
        );
    }

    #[test]
    fn what_waits_for_the_database_makes_room_up_to_a_bound() {
        let mut turns = turns();
        for n in 0..9 {
            turns.push(1, 10, 1, n);
        }
        for n in 0..4 {
            assert_eq!((turns.next(), turns.next()), (Some(n), None));
            turns.answered(10);
        }
        assert_eq!(turns.next(), None, "four are not yet written down");
        // Told late that it was answered, if at all.
        turns.ended(10);
        assert_eq!((turns.next(), turns.next()), (Some(4), None));
        turns.ended(10);
        turns.answered(10);
        assert_eq!(turns.next(), Some(5));
        turns.clear();
        turns.answered(10);
        (0..4).for_each(|_| turns.ended(10));
        assert_eq!(turns.lanes.len(), 0);
    }

    /// Whatever is pushed comes out once, in order per endpoint.
    #[test]
    fn nothing_is_lost_or_doubled() {
        let mut turns = turns();
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
                turns.unsent(under_way.pop_front().unwrap());
            }
        }
        while turns.queued() > 0 {
            while let Some((endpoint, n)) = turns.next() {
                seen.entry(endpoint).or_default().push(n);
                under_way.push_back(endpoint);
            }
            turns.unsent(under_way.pop_front().unwrap());
        }
        assert_eq!(seen.values().map(Vec::len).sum::<usize>(), 1_000);
        assert!(seen.values().all(|order| order.is_sorted()));
    }
}
