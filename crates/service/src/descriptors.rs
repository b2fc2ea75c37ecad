//! How many files and connections the process may have open. Must never raise what its administrator has set as
//! the highest limit.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The part of all descriptors that connections may take, as a fraction: the rest is for files, databases and
/// outgoing connections.
const SHARE: (u64, u64) = (4, 5);

/// Raises the process's limit of descriptors to the highest that it may have, and answers it.
pub(crate) fn raise() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let limit = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised,
        Err(_it_stays) => limit,
    };
    limit.current.unwrap_or(u64::MAX)
}

/// Connections that each of `workers` may hold: what is wanted, as far as `descriptors` suffice for so many servers.
pub(crate) fn connections(
    wanted: usize,
    workers: usize,
    (descriptors, servers): (u64, u64),
) -> usize {
    let share = descriptors / SHARE.1 * SHARE.0 / servers.max(1);
    let share = usize::try_from(share).unwrap_or(usize::MAX);
    wanted.min(share / workers.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_the_rest() {
        for (wanted, workers, descriptors, expected) in [
            (10_000, 2, (1_048_576, 1), 10_000),
            (10_000, 2, (20_000, 1), 8_000),
            (10_000, 2, (20_000, 2), 4_000),
            (10_000, 2, (1_024, 2), 204),
            (50, 4, (u64::MAX, 0), 50),
            (50, 4, (0, 1), 1),
        ] {
            assert_eq!(connections(wanted, workers, descriptors), expected);
        }
    }

    #[test]
    fn the_limit_is_raised_once_and_for_all() {
        assert_eq!(raise(), raise());
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
