//! Who writes much while quieter tenants are about. Such a tenant's jobs have small transactions of their own, with a
//! rest after each, so that a stranger's flood costs the others little. It must never hold up a tenant that is alone.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Two of these, this one and the one before, tell how much a tenant writes: a flood is known for one in some ten
/// milliseconds.
const WINDOW: Duration = Duration::from_millis(50);
/// Who has written something within this time is about.
const ABOUT: Duration = Duration::from_millis(500);
/// How often it is judged anew who is loud.
const JUDGED_EVERY: Duration = Duration::from_millis(5);
/// Below so many jobs in two windows nobody is loud: about 500 events a second, each published and delivered.
const LOUD_JOBS_MIN: u64 = 100;
/// So long a tenant that was held back is taken to be as loud as it was, and at least so loud: about as much as a writer
/// can do.
const HELD_BACK: Duration = Duration::from_millis(250);
const HELD_BACK_JOBS_MIN: u64 = 1_000;
/// The engine's own work is nobody's.
const NOBODY: i64 = 0;

/// Tenants that are loud.
pub(crate) type Loud = Arc<HashSet<i64>>;

#[derive(Debug)]
pub(crate) struct Crowd {
    window_began: Instant,
    judged_at: Instant,
    jobs: HashMap<i64, u64>,
    jobs_before: HashMap<i64, u64>,
    /// Who is about, and when it was last seen.
    about: HashMap<i64, Instant>,
    loud: Loud,
    held_back: HashMap<i64, HeldBack>,
}

/// A loud tenant that could write more than it may: what it does write no longer says how loud it is.
#[derive(Debug, Clone, Copy)]
struct HeldBack {
    last: Instant,
    /// Its most jobs in two windows.
    jobs: u64,
}

impl Crowd {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            window_began: now,
            judged_at: now,
            jobs: HashMap::new(),
            jobs_before: HashMap::new(),
            about: HashMap::new(),
            loud: Loud::default(),
            held_back: HashMap::new(),
        }
    }

    pub(crate) fn took(&mut self, tenant: i64) {
        if tenant != NOBODY {
            *self.jobs.entry(tenant).or_default() += 1;
        }
    }

    /// A loud tenant has had its portion, and more of it waits.
    pub(crate) fn held_back(&mut self, tenant: i64, now: Instant) {
        let jobs = self.jobs_of(tenant).max(HELD_BACK_JOBS_MIN);
        let held = HeldBack { last: now, jobs };
        let held = self.held_back.entry(tenant).or_insert(held);
        held.last = now;
        held.jobs = held.jobs.max(jobs);
    }

    /// The tenants that are loud beside quieter ones; none where all are alike.
    pub(crate) fn loud(&mut self, now: Instant) -> &Loud {
        let age = now.duration_since(self.window_began);
        if age >= WINDOW {
            // Who wrote before the writer stood idle has not been about since.
            let seen = self.window_began;
            self.about
                .extend(self.jobs.keys().map(|tenant| (*tenant, seen)));
            self.about
                .retain(|_, seen| now.duration_since(*seen) < ABOUT);
            self.jobs_before = mem::take(&mut self.jobs);
            if age >= 2 * WINDOW {
                self.jobs_before.clear();
            }
            self.window_began = now;
        }
        if now.duration_since(self.judged_at) >= JUDGED_EVERY {
            self.judged_at = now;
            self.held_back
                .retain(|_, held| now.duration_since(held.last) < HELD_BACK);
            let loud = self.judge();
            if loud != *self.loud {
                self.loud = Arc::new(loud);
            }
        }
        &self.loud
    }

    fn jobs_of(&self, tenant: i64) -> u64 {
        let windows = [&self.jobs, &self.jobs_before];
        windows.iter().filter_map(|jobs| jobs.get(&tenant)).sum()
    }

    /// Quiet is who is about and has less than half of an equal share.
    fn judge(&self) -> HashSet<i64> {
        let mut jobs: HashMap<i64, u64> = self.about.keys().map(|tenant| (*tenant, 0)).collect();
        for tenant in self.jobs.keys().chain(self.jobs_before.keys()) {
            jobs.insert(*tenant, self.jobs_of(*tenant));
        }
        for (tenant, held) in &self.held_back {
            let count = jobs.entry(*tenant).or_default();
            *count = held.jobs.max(*count);
        }
        let half_share = jobs.values().sum::<u64>() / (2 * jobs.len() as u64).max(1);
        if jobs.values().all(|count| *count >= half_share) {
            return HashSet::new();
        }
        let loud = |(_, count): &(i64, u64)| *count >= half_share.max(LOUD_JOBS_MIN);
        jobs.into_iter()
            .filter(loud)
            .map(|(tenant, _)| tenant)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who is loud after these have had so many jobs taken.
    fn loud(jobs: &[(i64, u64)]) -> Vec<i64> {
        let began = Instant::now();
        let mut crowd = Crowd::new(began);
        for (tenant, count) in jobs {
            (0..*count).for_each(|_| crowd.took(*tenant));
        }
        let mut loud: Vec<i64> = crowd.loud(began + JUDGED_EVERY).iter().copied().collect();
        loud.sort_unstable();
        loud
    }

    #[test]
    fn only_who_stands_out_is_loud() {
        type Case = (&'static [(i64, u64)], &'static [i64]);
        let cases: [Case; 7] = [
            (&[], &[]),
            (&[(1, 90_000)], &[]),
            (&[(NOBODY, 1), (1, 90_000)], &[]),
            (&[(1, 900), (2, 900)], &[]),
            (&[(1, 900), (2, 10)], &[1]),
            (&[(1, 900), (2, 900), (3, 1)], &[1, 2]),
            (&[(1, 90), (2, 1)], &[]),
        ];
        for (jobs, expected) in cases {
            assert_eq!(loud(jobs), expected, "{jobs:?}");
        }
    }

    #[test]
    fn who_has_not_written_for_a_while_is_not_about() {
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let mut crowd = Crowd::new(began);
        crowd.took(2);
        for ms in (5..1_000).step_by(5) {
            (0..50).for_each(|_| crowd.took(1));
            let is_loud = crowd.loud(at(ms)).contains(&1);
            assert_eq!(is_loud, (10..500).contains(&ms), "{ms}");
        }
        crowd.took(2);
        let later = |ms: u64| at(60_000 + ms);
        assert!(crowd.loud(later(0)).is_empty());
        (0..900).for_each(|_| crowd.took(1));
        assert!(crowd.loud(later(5)).is_empty(), "nobody else for a minute");
    }

    #[test]
    fn who_is_held_back_stays_loud() {
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let mut crowd = Crowd::new(began);
        (0..900).for_each(|_| crowd.took(1));
        (0..20).for_each(|_| crowd.took(2));
        assert!(crowd.loud(at(5)).contains(&1));
        // From now on it writes less than the other.
        for ms in (10..2_000).step_by(10) {
            crowd.took(1);
            crowd.held_back(1, at(ms));
            (0..2).for_each(|_| crowd.took(2));
            assert!(crowd.loud(at(ms)).contains(&1), "{ms}");
        }
        // It has nothing left to write.
        crowd.took(2);
        assert!(crowd.loud(at(2_300)).is_empty());
    }
}
