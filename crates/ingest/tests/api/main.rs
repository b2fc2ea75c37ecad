//! The ingest service as its clients see it: real ports, real worker processes, both databases. Never looks
//! inside the service but for its stored files and, where a crash is staged, its tables.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what the tests' own functions unwrap is as certain as in the tests"
)]

mod accepting;
mod again;
mod archives;
mod browser;
mod console;
mod console_files;
mod console_platform;
mod corrections;
mod doors;
mod events;
mod harness;
mod keys;
mod lists;
mod mail;
mod metrics;
mod monitoring;
mod outages;
mod pictures;
mod platform;
mod platform_refusals;
mod publishing;
mod refusals;
mod removal;
mod replaying;
mod restarts;
mod sameness;
mod subscriptions;
mod uploads;
mod watching;
mod workers;
