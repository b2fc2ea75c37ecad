//! When an endpoint is left alone: it fails too often, or it wants no more than so many attempts a second. Knows
//! neither time nor endpoints; both come in.

/// Attempts in the window before their failures say anything, and the share that opens the breaker, percent.
const ATTEMPTS_MIN: u32 = 10;
const FAILING_PERCENT: u32 = 70;
/// The window: 10 slots of 30 seconds.
const SLOTS: usize = 10;
const SLOT_MS: i64 = 30_000;
/// First time to stay open, and the longest.
const OPEN_MS: i64 = 30_000;
const OPEN_MS_MAX: i64 = 30 * 60_000;

/// Whether an attempt may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Go {
    Now {
        is_trial: bool,
    },
    NotBefore(i64),
    /// The endpoint's trial is under way.
    AfterTrial,
}

/// The breaker has opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) until_ms: i64,
    /// How often in a row.
    pub(super) times: i64,
}

/// Opens when most attempts of the last five minutes failed; then one trial decides.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    slots: [Slot; SLOTS],
    open: Option<Opened>,
    in_trial: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    number: i64,
    attempts: u32,
    failures: u32,
}

impl Breaker {
    pub(super) fn ask(&mut self, now_ms: i64) -> Go {
        match self.open {
            None => Go::Now { is_trial: false },
            Some(_) if self.in_trial => Go::AfterTrial,
            Some(open) if now_ms < open.until_ms => Go::NotBefore(open.until_ms),
            Some(_) => {
                self.in_trial = true;
                Go::Now { is_trial: true }
            }
        }
    }

    /// An attempt has ended. Those that began before the breaker opened decide nothing any more.
    pub(super) fn ended(&mut self, succeeded: bool, is_trial: bool, now_ms: i64) -> Option<Opened> {
        if is_trial {
            self.in_trial = false;
            let before = self.open.map_or(0, |open| open.times);
            if succeeded {
                *self = Self::default();
                return None;
            }
            return Some(self.open_for(before + 1, now_ms));
        }
        if self.open.is_some() {
            return None;
        }
        let number = now_ms.div_euclid(SLOT_MS);
        let index = usize::try_from(number.rem_euclid(10)).unwrap_or_default();
        if let Some(slot) = self.slots.get_mut(index) {
            if slot.number != number {
                *slot = Slot {
                    number,
                    ..Slot::default()
                };
            }
            slot.attempts += 1;
            slot.failures += u32::from(!succeeded);
        }
        let recent = self.slots.iter().filter(|slot| slot.number > number - 10);
        let (attempts, failures) =
            recent.fold((0, 0), |(a, f), s| (a + s.attempts, f + s.failures));
        let opens =
            !succeeded && attempts >= ATTEMPTS_MIN && failures * 100 >= attempts * FAILING_PERCENT;
        opens.then(|| self.open_for(1, now_ms))
    }

    /// The trial came to nothing: it never ended, or never began.
    pub(super) fn abandon_trial(&mut self) {
        self.in_trial = false;
    }

    /// Another node's breaker, or that of an earlier run, is open.
    pub(super) fn learn(&mut self, open: Opened) {
        if self.open.is_none_or(|own| own.until_ms < open.until_ms) && !self.in_trial {
            self.open = Some(open);
        }
    }

    pub(super) fn open(&self) -> Option<Opened> {
        self.open
    }

    fn open_for(&mut self, times: i64, now_ms: i64) -> Opened {
        let doublings = u32::try_from(times - 1).unwrap_or_default().min(16);
        let opened = Opened {
            until_ms: now_ms + (OPEN_MS << doublings).min(OPEN_MS_MAX),
            times,
        };
        *self = Self {
            open: Some(opened),
            ..Self::default()
        };
        opened
    }
}

/// Spaces attempts out, with bursts of what a second allows (the generic cell rate algorithm).
#[derive(Debug, Default)]
pub(super) struct Bucket {
    /// When the next attempt would be due if they were evenly spaced, microseconds.
    next_us: i64,
}

impl Bucket {
    /// Takes a token, or says from when on there is one. `rate`: attempts in 1,000 seconds.
    pub(super) fn take(&mut self, rate: i64, now_ms: i64) -> Result<(), i64> {
        let now_us = now_ms.saturating_mul(1_000);
        let every_us = 1_000_000_000 / rate.max(1);
        // A second's worth at once; at least one.
        let burst_us = (1_000_000 - every_us).max(0);
        let next_us = self.next_us.max(now_us);
        if next_us - burst_us > now_us {
            return Err((next_us - burst_us).div_euclid(1_000) + 1);
        }
        self.next_us = next_us + every_us;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Go = Go::Now { is_trial: false };
    const TRIAL: Go = Go::Now { is_trial: true };

    #[test]
    fn it_opens_on_most_of_ten_failing_and_not_before() {
        for (failures, successes, opens) in
            [(9, 0, false), (10, 0, true), (7, 3, true), (6, 4, false)]
        {
            let mut breaker = Breaker::default();
            for _ in 0..successes {
                assert_eq!(breaker.ended(true, false, 1_000), None);
            }
            let opened = (0..failures)
                .filter_map(|_| breaker.ended(false, false, 1_000))
                .count();
            assert_eq!(
                opened,
                usize::from(opens),
                "{failures} of {}",
                failures + successes
            );
        }
    }

    #[test]
    fn failures_are_forgotten_after_five_minutes() {
        let mut breaker = Breaker::default();
        for n in 0..30 {
            // Never more than nine in five minutes.
            assert_eq!(breaker.ended(false, false, n * 35_000), None, "{n}");
        }
        assert_eq!(breaker.ask(0), FREE);
    }

    #[test]
    fn one_trial_decides_and_the_wait_doubles() {
        let mut breaker = Breaker::default();
        let mut opened = (0..10)
            .find_map(|_| breaker.ended(false, false, 0))
            .unwrap();
        let mut waits = Vec::new();
        let mut now = 0;
        for _ in 0..8 {
            waits.push((opened.until_ms - now) / 1_000);
            assert_eq!(
                breaker.ask(opened.until_ms - 1),
                Go::NotBefore(opened.until_ms)
            );
            now = opened.until_ms;
            assert_eq!(
                (breaker.ask(now), breaker.ask(now)),
                (TRIAL, Go::AfterTrial)
            );
            // A straggler of before decides nothing.
            assert_eq!(breaker.ended(true, false, now), None);
            assert_eq!(breaker.ask(now), Go::AfterTrial);
            opened = breaker.ended(false, true, now).unwrap();
        }
        assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1_800, 1_800]);
        now = opened.until_ms;
        assert_eq!(breaker.ask(now), TRIAL);
        assert_eq!(breaker.ended(true, true, now), None);
        assert_eq!(
            (breaker.ask(now), breaker.ended(false, false, now)),
            (FREE, None)
        );
    }

    #[test]
    fn what_is_learnt_from_the_table_holds() {
        let mut breaker = Breaker::default();
        breaker.learn(Opened {
            until_ms: 500,
            times: 3,
        });
        assert_eq!(breaker.ask(400), Go::NotBefore(500));
        assert_eq!(breaker.ask(500), TRIAL);
        assert_eq!(breaker.ended(false, true, 500).unwrap().times, 4);
        breaker.abandon_trial();
    }

    #[test]
    fn a_rate_is_kept_and_a_second_may_come_at_once() {
        let started = |rate: i64, seconds: i64| {
            let mut bucket = Bucket::default();
            let mut now = 1_000_000;
            let mut count = 0;
            while now < 1_000_000 + seconds * 1_000 {
                match bucket.take(rate, now) {
                    Ok(()) => count += 1,
                    Err(at) => {
                        assert!(at > now);
                        now = at;
                    }
                }
            }
            count
        };
        assert!(
            (109..=111).contains(&started(10_000, 10)),
            "{}",
            started(10_000, 10)
        );
        assert_eq!(started(100, 100), 10, "one every ten seconds");
        assert_eq!(started(1_000, 10), 10);
    }
}
