//! The receiver: verifies webhooks, records each event once and keeps design files, whatever the order of
//! arrival. It must never know how files are ingested or events delivered.

mod api;
mod error;
mod facts;
mod order;
mod receive;
mod receiver;
mod routes;
mod settings;
mod source;
mod store;

pub use error::StartError;
pub use receiver::{Receiver, run};
pub use settings::{ReceiverSection, ReceiverSettings, SourceSettings, UnknownProject};
