//! When to try again: the waits after each failed attempt, with jitter.

use std::time::Duration;

/// The waits after a failed attempt; when they are used up the delivery is dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySchedule {
    waits: Vec<Duration>,
}

/// Why a schedule was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    #[error(
        "retry schedule `{0}` is not known: use standard, quick, doubling, patient, or waits in seconds \
         as in `5, 60, 3600`"
    )]
    Unknown(String),
    #[error(
        "a schedule has at most {} waits of at most 7 days",
        RetrySchedule::WAITS_MAX
    )]
    TooLong,
}

impl RetrySchedule {
    /// Most waits in a schedule.
    pub const WAITS_MAX: usize = 20;
    const WAIT_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

    /// One of the four presets.
    ///
    /// # Errors
    /// [`ScheduleError::Unknown`].
    pub fn preset(name: &str) -> Result<Self, ScheduleError> {
        let seconds: &[u64] = match name {
            "standard" => &[5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400],
            "quick" => &[1, 2],
            "doubling" => &[5, 10],
            "patient" => &[300, 3_600, 21_600],
            other => return Err(ScheduleError::Unknown(other.to_owned())),
        };
        Self::explicit(seconds.iter().copied().map(Duration::from_secs).collect())
    }

    /// Whether a preset tries again after a 4xx other than 408, 425 and 429: only `standard` does, so that
    /// a mistyped secret or a proxy's 404 during a deploy kills no event.
    pub fn preset_retries_client_errors(name: &str) -> bool {
        name == "standard"
    }

    /// A preset's name, or waits in seconds as in `5, 60, 3600`.
    ///
    /// # Errors
    /// [`ScheduleError`].
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        let waits: Result<Vec<u64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
        match waits {
            Ok(waits) => Self::explicit(waits.into_iter().map(Duration::from_secs).collect()),
            Err(_not_numbers) => Self::preset(text),
        }
    }

    /// Any waits within the bounds.
    ///
    /// # Errors
    /// [`ScheduleError::TooLong`].
    pub fn explicit(waits: Vec<Duration>) -> Result<Self, ScheduleError> {
        if waits.len() > Self::WAITS_MAX || waits.iter().any(|wait| *wait > Self::WAIT_MAX) {
            return Err(ScheduleError::TooLong);
        }
        Ok(Self { waits })
    }

    /// With so many waits: cut off, or with the last one again and again.
    #[must_use]
    pub(crate) fn with_retries(mut self, count: usize) -> Self {
        let last = self.waits.last().copied().unwrap_or_default();
        self.waits.resize(count.min(Self::WAITS_MAX), last);
        self
    }

    /// The waits, in order.
    pub fn waits(&self) -> &[Duration] {
        &self.waits
    }

    /// How long to wait after failed attempt number `attempt` (from 1); `None` when it was the last.
    ///
    /// `jitter` is the share by which waits differ, `random` is drawn from 0 to 1. `asked`, what the
    /// endpoint asked for, makes the wait longer, never shorter.
    pub fn wait_after(
        &self,
        attempt: u32,
        jitter: f64,
        random: f64,
        asked: Option<Duration>,
    ) -> Option<Duration> {
        let index = usize::try_from(attempt.checked_sub(1)?).ok()?;
        let wait = self.waits.get(index)?;
        let jitter = if jitter.is_nan() {
            0.0
        } else {
            jitter.clamp(0.0, 1.0)
        };
        let factor = 1.0 + jitter * (2.0 * random.clamp(0.0, 1.0) - 1.0);
        Some(wait.mul_f64(factor).max(asked.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_follow_the_preset_and_end() {
        let schedule = RetrySchedule::preset("doubling").unwrap();
        let wait = |attempt| schedule.wait_after(attempt, 0.0, 0.5, None);
        assert_eq!(wait(1), Some(Duration::from_secs(5)));
        assert_eq!(wait(2), Some(Duration::from_secs(10)));
        assert_eq!(wait(3), None);
        assert_eq!(wait(0), None);
        assert_eq!(schedule.wait_after(1, f64::NAN, 0.0, None), wait(1));
        assert!(RetrySchedule::parse("often").is_err());
        assert!(RetrySchedule::parse("5, 700000").is_err());
        let explicit = RetrySchedule::parse("5, 60").unwrap();
        assert_eq!(
            explicit.waits(),
            [Duration::from_secs(5), Duration::from_secs(60)]
        );
    }

    #[test]
    fn jitter_stays_within_its_share_and_the_endpoint_may_ask_for_more() {
        let schedule = RetrySchedule::preset("standard").unwrap();
        let wait = |random, asked| schedule.wait_after(2, 0.2, random, asked).unwrap();
        assert_eq!(wait(0.0, None), Duration::from_secs(240));
        assert_eq!(wait(1.0, None), Duration::from_secs(360));
        let hour = Duration::from_secs(3600);
        assert_eq!(wait(0.0, Some(hour)), hour);
        assert_eq!(
            wait(0.5, Some(Duration::from_secs(1))),
            Duration::from_secs(300)
        );
    }
}
