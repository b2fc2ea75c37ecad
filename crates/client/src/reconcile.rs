//! What a sender owes, compared with what has arrived: the walk over everything owed, and asking for some of it again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::connection::Client;
use crate::error::ClientError;

const PLATFORM: [&str; 3] = ["api", "v1", "webhooks"];
/// Most events that are asked for again in one call.
pub const REPLAYED_EVENTS_MAX: usize = 1_000;

/// Time that a receiver may take to compare, beyond that for any answer.
const RECONCILE_TIME_MAX: Duration = Duration::from_secs(60);

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
    /// The subscription's id; `None` when everything of the tenant was asked for.
    pub subscription: Option<String>,
    pub items: Vec<OwedEvent>,
    /// Where the next part begins.
    pub next_cursor: String,
    /// Whether there is nothing more at present.
    pub complete: bool,
}

/// What became of asking for events again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Replayed {
    /// Deliveries that are to be made again; they are under way little by little.
    #[serde(default)]
    pub expected: u64,
    /// Ids of which the sender owes nothing.
    #[serde(default)]
    pub missing: Vec<String>,
}

impl Client {
    /// What a subscription, given by id or name, is owed behind a cursor; without a subscription everything of the
    /// tenant. Without a cursor the walk begins anew.
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

    /// Asks for events to be delivered again, at most [`REPLAYED_EVENTS_MAX`]: to a subscription, given by id, or to
    /// all that had them.
    ///
    /// # Errors
    /// [`ClientError::Problem`] when the service refuses, and those of the connection.
    pub async fn replay_events(
        &self,
        subscription: Option<&str>,
        event_ids: &[String],
    ) -> Result<Replayed, ClientError> {
        #[derive(Serialize)]
        struct Asked<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            subscription: Option<&'a str>,
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

/// What a receiver found when it compared a source with what its sender owes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciled {
    pub source: String,
    /// Events looked at.
    pub checked: u64,
    /// How many of them never arrived.
    pub missing_total: u64,
    /// The first of them.
    pub missing: Vec<OwedEvent>,
    /// Deliveries that the sender makes again.
    pub asked: u64,
    /// How many the sender cannot deliver any more.
    pub lost: u64,
    /// Whether it came to the end of what is owed.
    pub complete: bool,
    /// Why it ended early.
    pub error: Option<String>,
}

impl Client {
    /// Has a receiver compare a source with what its sender owes, and ask for what is missing unless it is only to
    /// look; from the first event on record, or from where it ended last. Repeating it is safe.
    ///
    /// # Errors
    /// [`ClientError::Problem`] for an unknown source, or one whose sender cannot be asked; those of the connection.
    pub async fn reconcile(
        &self,
        source: &str,
        from_start: bool,
        ask: bool,
    ) -> Result<Reconciled, ClientError> {
        #[derive(Serialize)]
        struct Run<'a> {
            source: &'a str,
            from_start: bool,
            ask: bool,
        }
        let request = self.http().post(self.url(&["reconcile"]));
        let request = request.json(&Run {
            source,
            from_start,
            ask,
        });
        self.send(request, RECONCILE_TIME_MAX).await?.json()
    }
}
