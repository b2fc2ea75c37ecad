//! Who writes much while quieter tenants are about. Such a tenant's jobs have small transactions of their own, with a
//! rest after each, so that a stranger's flood costs the others little. It must never hold up a tenant that is alone.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Two of these, this one and the one before, are what is looked at: who wrote nothing in them is not about.
const WINDOW: Duration = Duration::from_millis(250);
/// How often it is judged anew who is loud.
const JUDGED_EVERY: Duration = Duration::from_millis(5);
/// Below so many jobs in two windows nobody is loud: about 500 events a second, each published and delivered.
const LOUD_JOBS_MIN: u64 = 500;
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
    loud: Loud,
}

impl Crowd {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            window_began: now,
            judged_at: now,
            jobs: HashMap::new(),
            jobs_before: HashMap::new(),
            loud: Loud::default(),
        }
    }

    pub(crate) fn took(&mut self, tenant: i64) {
        if tenant != NOBODY {
            *self.jobs.entry(tenant).or_default() += 1;
        }
    }

    /// The tenants that are loud beside quieter ones; none where all are alike.
    pub(crate) fn loud(&mut self, now: Instant) -> &Loud {
        let age = now.duration_since(self.window_began);
        if age >= WINDOW {
            self.jobs_before = mem::take(&mut self.jobs);
            if age >= 2 * WINDOW {
                self.jobs_before.clear();
            }
            self.window_began = now;
        }
        if now.duration_since(self.judged_at) >= JUDGED_EVERY {
            self.judged_at = now;
            let loud = self.judge();
            if loud != *self.loud {
                self.loud = Arc::new(loud);
            }
        }
        &self.loud
    }

    /// Quiet is who has less than half of an equal share.
    fn judge(&self) -> HashSet<i64> {
        let mut jobs = self.jobs_before.clone();
        for (tenant, count) in &self.jobs {
            *jobs.entry(*tenant).or_default() += count;
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
            (&[(1, 9_000), (2, 9_000)], &[]),
            (&[(1, 9_000), (2, 100)], &[1]),
            (&[(1, 9_000), (2, 9_000), (3, 1)], &[1, 2]),
            (&[(1, 490), (2, 1)], &[]),
        ];
        for (jobs, expected) in cases {
            assert_eq!(loud(jobs), expected, "{jobs:?}");
        }
    }

    #[test]
    fn who_has_fallen_silent_is_forgotten() {
        let began = Instant::now();
        let mut crowd = Crowd::new(began);
        (0..9_000).for_each(|_| crowd.took(1));
        crowd.took(2);
        assert_eq!(crowd.loud(began + JUDGED_EVERY).len(), 1);
        assert_eq!(crowd.loud(began + WINDOW).len(), 1);
        assert_eq!(crowd.loud(began + 2 * WINDOW).len(), 0);
    }
}
