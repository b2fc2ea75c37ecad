//! A delivery as lists show it, in one line.

use console::{Duration, Time};
use delivery::{Delivery, DeliveryState};

use super::endpoints::Endpoints;

/// A line of a list.
pub(super) struct DeliveryLine {
    pub(super) id: String,
    pub(super) event_id: String,
    pub(super) event_type: String,
    pub(super) subject: String,
    /// The batch that it goes in.
    pub(super) batch: Option<String>,
    pub(super) subscription_id: String,
    /// What its endpoint is called.
    pub(super) endpoint: String,
    pub(super) word: &'static str,
    pub(super) look: &'static str,
    pub(super) attempts: i64,
    pub(super) due: Option<Time>,
    pub(super) created: Time,
    pub(super) finished: Option<Time>,
    /// What the last attempt brought.
    pub(super) outcome: String,
    pub(super) took: Option<Duration>,
    /// Whether it can be sent again.
    pub(super) is_over: bool,
}

impl DeliveryLine {
    pub(super) fn of(delivery: &Delivery, endpoints: &Endpoints) -> Self {
        let (word, look) = match delivery.state {
            DeliveryState::Delivered => ("delivered", "good"),
            DeliveryState::Dead => ("dead", "bad"),
            DeliveryState::Pending if delivery.attempts > 0 => ("retrying", "warn"),
            DeliveryState::Pending => ("waiting", "info"),
        };
        let outcome = match (delivery.status_code, &delivery.error) {
            (Some(status), None) => format!("status {status}"),
            (Some(status), Some(error)) if error.is_empty() => format!("status {status}"),
            (Some(status), Some(error)) => format!("status {status}: {error}"),
            (None, Some(error)) => error.clone(),
            (None, None) => String::new(),
        };
        Self {
            id: delivery.id.to_string(),
            event_id: delivery.event_id.to_string(),
            event_type: delivery.event_type.clone(),
            subject: delivery.subject.clone(),
            batch: delivery.batch_id.map(|id| id.to_string()),
            subscription_id: delivery.subscription_id.clone(),
            endpoint: endpoints.name(&delivery.subscription_id).to_owned(),
            word,
            look,
            attempts: delivery.attempts,
            due: delivery.due_at_ms.map(Time),
            created: Time(delivery.created_at_ms),
            finished: delivery.finished_at_ms.map(Time),
            outcome,
            took: delivery.duration_ms.map(Duration),
            is_over: delivery.state != DeliveryState::Pending,
        }
    }
}
