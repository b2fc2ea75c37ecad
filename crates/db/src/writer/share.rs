//! How much of a transaction's room a lane's jobs get, so that whoever comes meanwhile does not wait long, and how long
//! loud tenants' work then rests.

use std::time::Duration;

use super::Lane;
use super::queue::Whose;
use crate::conn::Backend;

/// Bulk work gets one part in so many. SQLite writes row by row; on PostgreSQL the trips to the server are what takes
/// the time, however many rows they carry. A loud tenant gets as much for what it waits for itself.
const fn bulk_share(backend: Backend) -> usize {
    match backend {
        Backend::Sqlite => 16,
        Backend::Postgres => 4,
    }
}

/// Bulk work beside quiet tenants: a few rows.
const BULK_SHARE_BESIDE_QUIET: usize = 128;

/// Rests in the time that the transaction took.
const RESTS: u32 = 6;

/// A disk that stalls is no reason to rest long.
const REST_MAX: Duration = Duration::from_millis(20);

/// One part in how many of a transaction's room.
pub(crate) fn share(backend: Backend, lane: Lane, whose: Whose) -> usize {
    match (lane, whose) {
        (Lane::Bulk, Whose::Everyones) => bulk_share(backend),
        (Lane::Bulk, Whose::Quiet | Whose::Loud) => BULK_SHARE_BESIDE_QUIET,
        (_, Whose::Loud) => bulk_share(backend),
        (_, Whose::Everyones | Whose::Quiet) => 1,
    }
}

/// How long loud tenants' work rests after a transaction of so many jobs. One that was full rests less, lest a tenant
/// that steadily publishes much falls behind; bulk work alone never is.
pub(crate) fn rest(backend: Backend, jobs: usize, rows_max: usize, took: Duration) -> Duration {
    let is_full = jobs >= rows_max / bulk_share(backend);
    let times = if is_full { 1 } else { RESTS };
    (times * took).min(REST_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loud_rest_unless_they_fall_behind() {
        let took = Duration::from_millis(1);
        for (backend, jobs, took, rested_ms) in [
            (Backend::Sqlite, 1, took, 6),
            (Backend::Sqlite, 31, took, 6),
            (Backend::Sqlite, 32, took, 1),
            (Backend::Postgres, 127, took, 6),
            (Backend::Postgres, 128, took, 1),
            (Backend::Postgres, 1, 100 * took, 20),
        ] {
            let rested = rest(backend, jobs, 512, took);
            assert_eq!(rested.as_millis(), rested_ms, "{backend:?} {jobs}");
        }
    }
}
