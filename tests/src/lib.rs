//! What the end-to-end tests stand on: both services as processes of their own, on real ports, with settings
//! files, databases and data folders of their own. Must never call a service other than through its command
//! line, its signals and HTTP.

pub mod chromium;
pub mod designs;
pub mod effects;
pub mod hostile;
pub mod http;
pub mod load;
pub mod pair;
pub mod process;
pub mod shifted_clock;
pub mod turns;

/// The seed of a test's randomness: `DRAFTWIRE_TEST_SEED`, else a new one. Tests print it.
pub fn seed() -> u64 {
    let given = std::env::var("DRAFTWIRE_TEST_SEED").ok();
    given
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| fastrand::u64(..))
}
