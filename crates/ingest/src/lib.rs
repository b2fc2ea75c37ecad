//! The ingest service: takes design files in, has them understood, and publishes what became of them. A 2xx
//! answer means that the file is on disk and in the database; everything after it is owed and will be done.

mod accept;
mod acceptance;
mod api;
mod archive;
pub mod backup;
mod completion;
mod console;
mod correct;
pub mod doctor;
mod error;
mod events;
mod extraction;
mod extraction_settings;
mod facts_settings;
mod intake;
mod keys;
mod live_rules;
mod mail;
mod metrics;
mod names;
mod previews;
mod reload;
mod remove;
mod restore;
mod routes;
mod service_state;
mod settings;
mod start;
mod storage;
mod store;
mod tenants;
mod waiters;
pub mod watch;

pub use access::{KeyDesk, KeyDeskError, KeyText, ShownKey};
pub use api::description::openapi;
pub use extraction::{
    LocalReader, LocalReaderError, ReadError, this_is_the_worker_program, worker_main,
};
pub use extraction_settings::ExtractionSettings;
pub use facts_settings::FactsFault;
pub use keys::signing_secret;
pub use mail::{MailFault, MailSection, MailSettings, TlsMode};
pub use reload::{Reloaded, Reloader};
pub use settings::{IngestSettings, SettingsFault};
pub use start::{Ingest, StartError, key_desk};
