//! How often an address may try to sign in. Holds a bounded number of addresses, whatever comes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

const WINDOW_MS: i64 = 60_000;
const ADDRESSES_MAX: usize = 10_000;

/// Failures of the last minute, by address.
#[derive(Debug)]
pub(crate) struct Limiter {
    failures_max: u32,
    failed: Mutex<HashMap<IpAddr, Failures>>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    since_ms: i64,
    count: u32,
}

impl Limiter {
    pub(crate) fn new(failures_max: u32) -> Self {
        Self {
            failures_max,
            failed: Mutex::default(),
        }
    }

    /// Counts an attempt before it is judged; answers the seconds to wait when there were too many.
    pub(crate) fn attempt(&self, address: IpAddr, now_ms: i64) -> Result<(), u64> {
        let mut failed = self.failed();
        if failed.len() >= ADDRESSES_MAX {
            failed.retain(|_, failures| now_ms - failures.since_ms < WINDOW_MS);
        }
        if failed.len() >= ADDRESSES_MAX && !failed.contains_key(&network(address)) {
            return Err(WINDOW_MS.unsigned_abs() / 1_000);
        }
        let fresh = Failures {
            since_ms: now_ms,
            count: 0,
        };
        let failures = failed.entry(network(address)).or_insert(fresh);
        if now_ms - failures.since_ms >= WINDOW_MS {
            *failures = fresh;
        }
        if failures.count >= self.failures_max {
            let wait_ms = failures.since_ms + WINDOW_MS - now_ms;
            return Err(wait_ms.unsigned_abs().div_ceil(1_000).max(1));
        }
        failures.count += 1;
        Ok(())
    }

    /// The attempt was no failure.
    pub(crate) fn succeeded(&self, address: IpAddr) {
        self.failed().remove(&network(address));
    }

    fn failed(&self) -> MutexGuard<'_, HashMap<IpAddr, Failures>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One household has a whole IPv6 /64 to choose addresses from.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_one_address_are_counted_for_a_minute() {
        let limiter = Limiter::new(2);
        let (one, neighbour, other): (IpAddr, IpAddr, IpAddr) = (
            "2001:db8::1".parse().unwrap(),
            "2001:db8::2".parse().unwrap(),
            "10.0.0.1".parse().unwrap(),
        );
        assert_eq!(limiter.attempt(one, 0), Ok(()));
        assert_eq!(limiter.attempt(neighbour, 500), Ok(()));
        assert_eq!(limiter.attempt(one, 10_000), Err(50));
        assert_eq!(limiter.attempt(other, 10_000), Ok(()));
        assert_eq!(limiter.attempt(one, 60_000), Ok(()));
        limiter.succeeded(other);
        for _ in 0..2 {
            assert_eq!(limiter.attempt(other, 11_000), Ok(()));
        }
        assert!(limiter.attempt(other, 11_000).is_err());
    }

    #[test]
    fn a_flood_of_addresses_takes_no_more_memory() {
        let limiter = Limiter::new(1);
        for bits in 0..20_000_u32 {
            let allowed = limiter.attempt(IpAddr::V4(bits.into()), 0);
            assert_eq!(allowed.is_ok(), (bits as usize) < ADDRESSES_MAX);
        }
        assert_eq!(limiter.failed().len(), ADDRESSES_MAX);
        assert_eq!(limiter.attempt("9.9.9.9".parse().unwrap(), 60_000), Ok(()));
        assert_eq!(limiter.failed().len(), 1);
    }
}
