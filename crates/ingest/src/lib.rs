//! The ingest service: takes design files in, has them understood, and publishes what became of them. A 2xx
//! answer means that the file is on disk and in the database; everything after it is owed and will be done.

mod api;
mod error;
mod events;
mod extraction;
mod intake;
mod keys;
mod names;
mod remove;
mod routes;
mod service_state;
mod settings;
mod start;
mod storage;
mod store;
mod waiters;

pub use extraction::worker_main;
pub use keys::signing_secret;
pub use settings::{IngestSettings, SettingsFault};
pub use start::{Ingest, StartError};
