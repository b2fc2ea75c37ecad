//! What a sender owes, compared with what has arrived: the walk over everything owed, and asking for some of it again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::connection::Client;
use crate::error::ClientError;

const PLATFORM: [&str; 3] = ["api", "v1", "webhooks"];
/// Most events that are asked for again in one call.
pub const REPLAYED_EVENTS_MAX: usize = 1_000;

/// An event that is owed to a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwedEvent {
    pub id: String,
    #[serde(rename = "type")]
    pub event_type: String,
    pub subject: Option<String>,
    pub sequence: Option<i64>,
    /// RFC 3339; `None` when the event itself is no longer on record.
    pub timestamp: Option<String>,
}

/// A part of everything that is owed, in the order in which it was committed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OwedPage {
    /// The subscription's id.
    pub subscription: String,
    pub items: Vec<OwedEvent>,
    /// Where the next part begins.
    pub next_cursor: String,
    /// Whether there is nothing more at present.
    pub complete: bool,
}

/// What became of asking for events again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Replayed {
    /// Deliveries that are under way again.
    #[serde(default)]
    pub queued: u64,
    /// Ids of which the sender owes nothing.
    #[serde(default)]
    pub missing: Vec<String>,
}

impl Client {
    /// What a subscription, given by id or name, is owed behind a cursor. Without a subscription the tenant must have
    /// only one; without a cursor the walk begins anew.
    ///
    /// # Errors
    /// [`ClientError::Problem`] for an unknown subscription or cursor, and those of the connection.
    pub async fn owed(
        &self,
        subscription: Option<&str>,
        since: Option<&str>,
        limit: u32,
    ) -> Result<OwedPage, ClientError> {
        #[derive(Serialize)]
        struct Asked<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            subscription: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            since: Option<&'a str>,
            limit: u32,
        }
        let asked = Asked {
            subscription,
            since,
            limit,
        };
        let [a, b, c] = PLATFORM;
        self.get(&[a, b, c, "reconcile"], &asked).await
    }

    /// Asks for events to be delivered again to a subscription, given by id; at most [`REPLAYED_EVENTS_MAX`].
    ///
    /// # Errors
    /// [`ClientError::Problem`] when the service refuses, and those of the connection.
    pub async fn replay_events(
        &self,
        subscription: &str,
        event_ids: &[String],
    ) -> Result<Replayed, ClientError> {
        #[derive(Serialize)]
        struct Asked<'a> {
            subscription: &'a str,
            event_ids: &'a [String],
        }
        let [a, b, c] = PLATFORM;
        let request = self.http().post(self.url(&[a, b, c, "replays"]));
        let request = request.json(&Asked {
            subscription,
            event_ids,
        });
        self.send(request, Duration::ZERO).await?.json()
    }
}
