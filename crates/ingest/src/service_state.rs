//! What every request handler works with.

use std::sync::Arc;

use console::Live;
use db::{Clock, Database, Writer};
use delivery::{DeliverySettings, Subscriptions};
use service::Shutdown;
use tokio::sync::Notify;

use crate::events::FileEvents;
use crate::extraction::{Pictures, Queue, Sandbox};
use crate::live_rules::LiveRules;
use crate::metrics::TableSizes;
use crate::settings::{KindLimits, UploadLimits};
use crate::storage::Storage;
use crate::waiters::Waiters;

/// Shared by all handlers and workers.
pub(crate) struct ServiceState {
    pub(crate) database: Database,
    pub(crate) writer: Writer,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) storage: Storage,
    pub(crate) events: FileEvents,
    pub(crate) subscriptions: Subscriptions,
    /// What holds where a subscription says nothing.
    pub(crate) delivery: DeliverySettings,
    pub(crate) queue: Queue,
    pub(crate) pictures: Pictures,
    /// What the kernel keeps from workers.
    pub(crate) sandbox: Sandbox,
    pub(crate) waiters: Waiters,
    /// Tells open pages what has changed.
    pub(crate) live: Live,
    /// Rung when bytes have been marked for removal.
    pub(crate) removals: Notify,
    pub(crate) sizes: TableSizes,
    /// Triggered as soon as the service is told to stop: nobody waits any longer.
    pub(crate) stopping: Shutdown,
    /// How names and texts are read.
    pub(crate) rules: LiveRules,
    pub(crate) uploads: UploadLimits,
    pub(crate) limits: KindLimits,
    pub(crate) node_id: i64,
    /// The configuration in force, secrets masked.
    pub(crate) printed_settings: String,
}

/// Jobs of one file are written in the order they come in.
pub(crate) fn file_key(file_id: i64) -> u64 {
    file_id.unsigned_abs()
}
