//! The webhook platform: events published, subscriptions managed. An event is never published twice: every repetition
//! carries the key of the first attempt.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::connection::{Answer, Client};
use crate::error::ClientError;
use crate::model::Page;

const PLATFORM: [&str; 3] = ["api", "v1", "webhooks"];
/// Waits before an event is published again whose fate is not known. The service remembers keys for 24 hours.
const PUBLISH_WAITS: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_secs(2),
    Duration::from_secs(5),
];

/// An event to be published.
#[derive(Debug, Clone, Default, Serialize)]
pub struct NewEvent {
    /// As in `invoice.paid`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The facts.
    pub data: Map<String, Value>,
    /// What it is about, as in `invoice/inv_123`. `None`: read from the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it happened, RFC 3339. `None`: now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
}

/// What became of it: it is recorded, with everything that is owed because of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Published {
    pub id: String,
    pub sequence: i64,
    /// How many subscriptions it is owed to.
    pub deliveries: u64,
    /// An earlier attempt had succeeded, unheard.
    #[serde(default)]
    pub repeated: bool,
    /// How its data depart from the schema of its type, where that is not refused.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// Publishes events of an application.
///
/// ```no_run
/// # async fn example() -> Result<(), client::ClientError> {
/// use client::{Client, EventBus, NewEvent};
///
/// let bus = EventBus::new(Client::new("http://127.0.0.1:8081", None)?);
/// let event = NewEvent {
///     event_type: "invoice.paid".into(),
///     data: [("invoice_id".into(), "inv_123".into())].into_iter().collect(),
///     ..NewEvent::default()
/// };
/// let published = bus.publish(&event).await?;
/// println!("{} is owed to {} subscriptions", published.id, published.deliveries);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct EventBus {
    client: Client,
}

impl EventBus {
    /// Publishes through `client`, whose key needs the scope `publish`.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Publishes an event; tries again, a bounded number of times, when the service is busy or its answer is lost.
    ///
    /// # Errors
    /// [`ClientError::Problem`] when the event is refused, and those of the connection when it stays unknown whether
    /// the event was taken.
    pub async fn publish(&self, event: &NewEvent) -> Result<Published, ClientError> {
        let key = Uuid::new_v4().to_string();
        for wait in PUBLISH_WAITS {
            match self.publish_as(event, &key).await {
                Err(error) if may_pass(&error) => tokio::time::sleep(wait).await,
                answer => return answer,
            }
        }
        self.publish_as(event, &key).await
    }

    /// Publishes once, under the caller's own key: the same event under it, within 24 hours, is published once.
    ///
    /// # Errors
    /// As [`EventBus::publish`].
    pub async fn publish_as(&self, event: &NewEvent, key: &str) -> Result<Published, ClientError> {
        let url = self.client.url(&path(&["events"]));
        let request = self.client.http().post(url).json(event);
        let request = request.header("idempotency-key", key);
        self.client.send(request, Duration::ZERO).await?.json()
    }
}

/// Whether the same call may do better later.
fn may_pass(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { .. }
        | ClientError::Broken { .. }
        | ClientError::Timeout { .. } => true,
        ClientError::Problem(problem) => matches!(problem.status, 429 | 503),
        _ => false,
    }
}

/// A subscription to be made, or what is to change of one; `None` changes nothing.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SubscriptionFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Event types or patterns: `file.processed`, `file.*`, `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
    /// CEL over `event`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<String, String>>,
    /// `standard`, `module-n`, `resource`, `canonical` or `cloudevents`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Only when it is made; the service makes one when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// `hmac`, `ed25519` or `both`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_active: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<Batch>,
}

/// Several events in one request, for the profiles `standard` and `cloudevents`: a JSON array with a `webhook-id` of its
/// own, the same at every attempt. Receivers tell repeats by the events' ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Most events of one request, 2 to 100.
    pub max_events: u32,
    /// Longest wait for more after the first, 0 to 60,000 ms.
    pub max_wait_ms: u32,
}

/// A subscription as the service has it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Subscription {
    pub id: String,
    pub url: String,
    pub events: Vec<String>,
    pub profile: String,
    /// `active`, `paused` or `disabled`.
    pub state: String,
    #[serde(default)]
    pub batch: Option<Batch>,
    #[serde(default)]
    pub disabled_reason: Option<String>,
    /// In the clear, only when it was just made or rotated.
    #[serde(default)]
    pub secret: Option<String>,
    #[serde(default)]
    pub public_key: Option<String>,
    pub version: i64,
    pub created_at: String,
    pub updated_at: String,
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Probe {
    pub success: bool,
    pub status_code: Option<u16>,
    pub response_time_ms: u64,
    pub error: Option<String>,
}

/// Changes are sent once; after [`ClientError::Broken`] or [`ClientError::Timeout`] look before you repeat one. They need
/// the scope `manage`.
impl Client {
    /// Subscribes; the answer shows the secret, this once.
    ///
    /// # Errors
    /// [`ClientError::Problem`] `conflict` when there is one with the same url and events, `invalid_field` naming the
    /// field, and those of the connection.
    pub async fn subscribe(
        &self,
        fields: &SubscriptionFields,
    ) -> Result<Subscription, ClientError> {
        let path = ["subscriptions"];
        self.command(Method::POST, &path, Some(fields))
            .await?
            .json()
    }

    /// The tenant's subscriptions, oldest first; `offset` of them are passed over.
    ///
    /// # Errors
    /// Those of the connection and of the service.
    pub async fn subscriptions(&self, offset: u32) -> Result<Page<Subscription>, ClientError> {
        self.get(&path(&["subscriptions"]), &[("offset", offset)])
            .await
    }

    /// One subscription.
    ///
    /// # Errors
    /// [`ClientError::Problem`] `not_found`, and those of the connection.
    pub async fn subscription(&self, id: &str) -> Result<Subscription, ClientError> {
        self.get(&path(&["subscriptions", id]), &()).await
    }

    /// Changes what is given.
    ///
    /// # Errors
    /// As [`Client::subscribe`], and `not_found`.
    pub async fn change_subscription(
        &self,
        id: &str,
        fields: &SubscriptionFields,
    ) -> Result<Subscription, ClientError> {
        let path = ["subscriptions", id];
        self.command(Method::PATCH, &path, Some(fields))
            .await?
            .json()
    }

    /// Deletes a subscription; what it is still owed is dead.
    ///
    /// # Errors
    /// [`ClientError::Problem`] `not_found`, and those of the connection.
    pub async fn unsubscribe(&self, id: &str) -> Result<(), ClientError> {
        let path = ["subscriptions", id];
        self.command(Method::DELETE, &path, NOTHING).await?.done()
    }

    /// A new secret, shown this once, beside which the old one signs for a day.
    ///
    /// # Errors
    /// [`ClientError::Problem`] `not_found`, and those of the connection.
    pub async fn rotate_secret(&self, id: &str) -> Result<Subscription, ClientError> {
        let path = ["subscriptions", id, "rotate-secret"];
        self.command(Method::POST, &path, NOTHING).await?.json()
    }

    /// Has a test event sent to the endpoint now.
    ///
    /// # Errors
    /// [`ClientError::Problem`] `not_found`, and those of the connection. An endpoint that refuses is no error.
    pub async fn test_subscription(&self, id: &str) -> Result<Probe, ClientError> {
        let path = ["subscriptions", id, "test"];
        self.command(Method::POST, &path, NOTHING).await?.json()
    }

    async fn command(
        &self,
        method: Method,
        rest: &[&str],
        body: Option<&impl Serialize>,
    ) -> Result<Answer, ClientError> {
        let request = self.http().request(method, self.url(&path(rest)));
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        self.send(request, Duration::ZERO).await
    }
}

const NOTHING: Option<&()> = None;

pub(crate) fn path<'p>(rest: &[&'p str]) -> Vec<&'p str> {
    PLATFORM.iter().chain(rest).copied().collect()
}
