//! The bounds of delivery, as the configuration names them.

use serde::Deserialize;

/// `[ingest.delivery]`, without its subscriptions.
#[derive(Debug, Clone, Deserialize)]
pub struct DeliverySettings {
    /// Off: events are recorded, nothing is sent until it is on again.
    pub enabled: bool,
    /// Networks to which plain http and non-public addresses are allowed, as CIDR.
    pub allow_networks: Vec<String>,
    /// One deadline over connecting, sending and reading, in seconds.
    pub attempt_timeout_seconds: u32,
    /// Most bytes of a response that are read.
    pub response_bytes_read_max: usize,
    /// Most bytes of a failed attempt's response that are kept.
    pub response_bytes_kept_max: usize,
    /// Attempts under way at once, over all endpoints.
    pub attempts_in_flight_max: usize,
    /// Attempts under way at once for one tenant; it also leaves as much free as it takes.
    pub attempts_in_flight_per_tenant_max: usize,
    /// Attempts under way at once to one endpoint, unless its subscription says otherwise.
    pub attempts_in_flight_per_endpoint_max: usize,
    /// Deliveries of one endpoint held in memory.
    pub queue_deliveries_per_endpoint_max: usize,
    /// Bytes of event data held in memory for deliveries.
    pub queue_memory_bytes_max: usize,
    /// `standard`, `quick`, `doubling` or `patient`.
    pub retry_schedule: String,
    /// Share by which a wait is made longer or shorter at random, 0 to 1.
    pub retry_jitter: f64,
    /// Longest `Retry-After` that is honoured, in seconds.
    pub retry_after_seconds_max: u32,
    /// A delivery is given up this long after it was owed, in days.
    pub delivery_age_days_max: u32,
    /// Events with their deliveries and attempts are removed after so many days.
    pub retention_days: u32,
    /// Most bytes of data and metadata of a published event.
    pub event_bytes_max: usize,
    /// Most events that one request publishes together.
    pub batch_events_max: usize,
    /// Most bytes of a request with several events, as they are rendered; one event alone may have more.
    pub batch_bytes_max: usize,
    /// Most events that a replay names by their ids.
    pub replay_event_ids_max: usize,
    /// How long other nodes leave this one's deliveries alone after its last heartbeat, in seconds.
    pub lease_seconds: u32,
    /// Name of this node; unique among the nodes that share a database.
    pub node_name: String,
}
