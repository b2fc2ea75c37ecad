//! The delivery engine: an event published in the caller's transaction reaches every endpoint that asked
//! for it, at least once, whatever dies in between. Owns its tables; never sees an HTTP request of ours
//! and never holds a transaction while it talks to an endpoint.

mod address;
mod batches;
mod batching;
mod chores;
mod claim;
mod clock_steps;
mod counts;
mod deliveries;
mod dispatcher;
mod endpoint;
mod engine;
mod event_log;
mod event_types;
mod fan_out;
mod filter;
mod finish;
mod health;
mod idempotency;
mod keys;
mod metrics;
mod node;
mod operational;
mod overview;
mod page;
mod probe;
mod publish;
mod publish_rows;
mod queue_stats;
mod registry;
mod replays;
mod schedule;
mod settings;
mod slots;
mod stats;
mod subscription;
mod subscription_keys;
mod subscription_rows;
mod subscriptions;
mod transport;
mod vault;

pub use address::{AddressPolicy, Network, NetworkError};
pub use batching::Batching;
pub use deliveries::{Attempt, Delivery, DeliveryFilter, DeliveryState, RedeliverRefusal};
pub use endpoint::SubscriptionSettings;
pub use engine::{Engine, EngineError};
pub use event_log::{
    CursorError, EventFilter, LoggedEvent, ReconcileCursor, Reconciled, ReconciledEvent,
};
pub use event_types::{EventTypeEntry, EventTypeRefusal, Validation, selects_known};
pub use filter::{FILTER_BYTES_MAX, FILTER_STEPS_MAX, Filter, FilterError, Subject, Verdict};
pub use metrics::{
    AttemptStatus, DURATION_BUCKETS_S, Durations, MetricsSnapshot, RetryReason, Series,
};
pub use overview::{EndpointTrouble, HourTally};
pub use page::{Page, Paged, TOTAL_MAX};
pub use probe::{ProbeError, ProbeReport};
pub use publish::{Accepted, NewEvent, PublishRefusal, PublishRequest, Published, Publisher};
pub use queue_stats::QueueStats;
pub use registry::Tenant;
pub use replays::{PREVIEW_MAX, Replay, ReplayRefusal, ReplaySpec, ReplayState};
pub use schedule::{RetrySchedule, ScheduleError};
pub use settings::DeliverySettings;
pub use stats::{DeliveryHealth, DeliveryStats, EndpointTotals, Failure, HealthStatus, Tally};
pub use subscription::{
    Ordering, Retry, Signing, Subscription, SubscriptionError, SubscriptionFields,
    SubscriptionState,
};
pub use subscription_keys::{Revealed, ShownKey};
pub use subscriptions::{OVERLAP_DEFAULT, OVERLAP_MAX, SubscriptionRefusal, Subscriptions};
pub use transport::{HttpTransport, Outcome, OutcomeKind, Reply, Request, Transport};
pub use vault::{Vault, VaultError};
