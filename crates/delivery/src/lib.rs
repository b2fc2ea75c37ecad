//! The delivery engine: an event published in the caller's transaction reaches every endpoint that asked
//! for it, at least once, whatever dies in between. Owns its tables; never sees an HTTP request of ours
//! and never holds a transaction while it talks to an endpoint.

mod address;
mod claim;
mod dispatcher;
mod endpoint;
mod engine;
mod finish;
mod keys;
mod node;
mod publish;
mod publish_rows;
mod queue_stats;
mod registry;
mod schedule;
mod settings;
mod slots;
mod transport;
mod vault;

pub use address::{AddressPolicy, Network, NetworkError};
pub use endpoint::{Endpoint, SubscriptionError, SubscriptionSettings};
pub use engine::{Engine, EngineError, Tenant};
pub use publish::{NewEvent, Published, Publisher};
pub use queue_stats::QueueStats;
pub use schedule::{RetrySchedule, ScheduleError};
pub use settings::DeliverySettings;
pub use transport::{HttpTransport, Outcome, OutcomeKind, Reply, Request, Transport};
pub use vault::{Vault, VaultError};
