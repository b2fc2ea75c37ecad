//! Several events in one request, as an endpoint's owner wants it. Must never be in force for a profile whose requests
//! hold one event.

use std::time::Duration;

use contract::Profile;

use crate::subscription::SubscriptionError;

/// Fewest and most events of a batch, and the longest wait for more, in milliseconds.
pub(crate) const EVENTS_MIN: u32 = 2;
pub(crate) const EVENTS_MAX: u32 = 100;
pub(crate) const WAIT_MS_MAX: u32 = 60_000;

/// Several events in one request. An endpoint that wants order gets the heads of its subjects together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    /// Most events of one request, 2 to 100.
    pub max_events: u32,
    /// Longest wait for more after the first, 0 to 60,000 ms.
    pub max_wait_ms: u32,
}

/// As many as may be, without a wait that anybody would notice.
impl Default for Batching {
    fn default() -> Self {
        Self {
            max_events: EVENTS_MAX,
            max_wait_ms: 1_000,
        }
    }
}

/// How far a batch is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) events: usize,
    /// Of rendered events; one alone may have more.
    pub(crate) bytes: usize,
    /// Longest wait for more after the first.
    pub(crate) wait: Duration,
}

impl Batching {
    pub(crate) fn check(self, profile: Profile) -> Result<(), SubscriptionError> {
        if profile.batch_content_type().is_none() {
            return Err(SubscriptionError::Batch(profile));
        }
        if !(EVENTS_MIN..=EVENTS_MAX).contains(&self.max_events) {
            return Err(SubscriptionError::BatchEvents(self.max_events));
        }
        if self.max_wait_ms > WAIT_MS_MAX {
            return Err(SubscriptionError::BatchWait(self.max_wait_ms));
        }
        Ok(())
    }

    pub(crate) fn bounds(self, bytes: usize) -> Bounds {
        Bounds {
            events: usize::try_from(self.max_events).unwrap_or(usize::MAX),
            bytes,
            wait: Duration::from_millis(self.max_wait_ms.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_and_profiles_are_checked() {
        const STANDARD: Profile = Profile::Standard;
        for (max_events, max_wait_ms, profile, begins) in [
            (2, 0, STANDARD, None),
            (100, 60_000, Profile::CloudEvents, None),
            (1, 0, STANDARD, Some("batch.max_events: ")),
            (101, 0, STANDARD, Some("batch.max_events: ")),
            (2, 60_001, STANDARD, Some("batch.max_wait_ms: ")),
            (2, 0, Profile::ModuleN, Some("batch: ")),
            (2, 0, Profile::Resource, Some("batch: ")),
            (2, 0, Profile::Canonical, Some("batch: ")),
        ] {
            let batch = Batching {
                max_events,
                max_wait_ms,
            };
            let refused = batch.check(profile).err().map(|error| error.to_string());
            let fits = match (&refused, begins) {
                (Some(refused), Some(begins)) => refused.starts_with(begins),
                (refused, begins) => refused.is_none() && begins.is_none(),
            };
            assert!(fits, "{refused:?} {begins:?}");
        }
    }
}
