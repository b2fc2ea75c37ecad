//! Handlers, one file a noun. They turn requests into calls and rows into answers; they hold no SQL.

mod answer;
pub(crate) mod corrections;
pub(crate) mod description;
pub(crate) mod download;
pub(crate) mod extract;
mod extracted;
pub(crate) mod files;
pub(crate) mod ingest;
pub(crate) mod metrics;
mod multipart;
pub(crate) mod part_lines;
pub(crate) mod platform;
pub(crate) mod previews;
pub(crate) mod service_card;
pub(crate) mod webhooks;
