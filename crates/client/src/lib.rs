//! A typed HTTP client of both services: uploads design files to ingest, asks ingest and receiver what
//! became of them. It must never send anything twice that is not safe to repeat.
//!
//! ```no_run
//! # async fn example() -> Result<(), client::ClientError> {
//! use client::{Client, UploadOptions};
//!
//! let ingest = Client::new("http://127.0.0.1:8081", None)?;
//! let options = UploadOptions {
//!     project_code: Some("JB-2025-10-CL0001-001".into()),
//!     ..UploadOptions::default()
//! };
//! for result in ingest.upload(&["bracket.dxf"], &options).await? {
//!     println!("{}: {:?}", result.filename, result.status);
//! }
//! # Ok(())
//! # }
//! ```

mod connection;
mod error;
mod event_log;
mod ingest;
mod model;
mod platform;
mod reach;
mod receiver;
mod reconcile;
mod upload;
mod webhooks;

pub use connection::Client;
pub use error::{ClientError, FieldError, Problem};
pub use event_log::{EventTail, ForwardError, Forwarded, Forwarder, LoggedEvent};
pub use model::{
    Cursor, DesignFile, DesignFileQuery, FileFacts, FileQuery, FileRecord, Health, Mode, Page,
    Project, QueueStats, UploadOptions, UploadResult,
};
pub use platform::Change;
pub use reach::{Reached, reach};
pub use reconcile::{OwedEvent, OwedPage, REPLAYED_EVENTS_MAX, Reconciled, Replayed};
pub use webhooks::{Batch, EventBus, NewEvent, Probe, Published, Subscription, SubscriptionFields};

/// Where a design file stands.
pub use contract::FileStatus;
