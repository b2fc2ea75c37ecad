//! Handlers, one file a noun. They turn requests into calls and rows into answers; they hold no SQL.

mod answer;
pub(crate) mod extract;
pub(crate) mod files;
pub(crate) mod ingest;
mod multipart;
pub(crate) mod platform;
pub(crate) mod service_card;
