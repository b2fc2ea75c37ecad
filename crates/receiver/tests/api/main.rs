//! The receiver over HTTP, on both databases.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what the tests' own functions unwrap is as certain as in the tests"
)]

mod binary_mode;
mod changes;
mod concurrency;
mod console;
mod console_doors;
mod console_pictures;
mod console_sources;
mod handler;
mod harness;
mod keys;
mod monitoring;
mod reconcile;
mod records;
mod refusals;
mod settings;
mod sources;
mod strange;
mod webhooks;
