//! The receiver: verifies webhooks, records each event once and keeps design files, whatever the order of
//! arrival. It must never know how files are ingested or events delivered.

mod api;
mod apply;
mod chores;
mod console;
mod description;
mod error;
mod facts;
mod metrics;
mod order;
mod parts;
mod projects;
mod receive;
mod receiver;
mod reconcile;
mod routes;
mod settings;
mod source;
mod sources;
mod store;

pub use apply::{Apply, NewEvent};
pub use console::pages;
pub use db::{Clock, Conn, DbError, SystemClock, sql};
pub use description::openapi;
pub use error::StartError;
pub use receiver::{Receiver, key_desk};
pub use settings::{ReceiverSection, ReceiverSettings, SourceSettings};
pub use source::UnknownProject;
