//! The event log followed from outside, and its events sent on as a delivery would be. It must never skip an event that
//! was committed later than its neighbours, nor send our key anywhere but to the service.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use contract::{
    Event, EventId, EventType, JsonObject, Profile, Secret, Signer, SigningKey, USER_AGENT, render,
    signed_headers,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::connection::Client;
use crate::error::ClientError;
use crate::model::{Cursor, Page};
use crate::webhooks::path;

/// Events asked for at once, and most pages of them in one look.
const PAGE_EVENTS: u32 = 200;
const PAGES_MAX: usize = 50;
/// Ids remembered, so that no event comes twice.
const REMEMBERED_MAX: usize = 20_000;
/// Time for the endpoint to answer.
const FORWARD_TIME_MAX: Duration = Duration::from_secs(15);
/// As much of its answer is read and kept.
const ANSWER_CHARS_KEPT: usize = 500;

/// An event as it was published, its data byte for byte.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoggedEvent {
    pub id: String,
    #[serde(rename = "type")]
    pub event_type: String,
    pub timestamp: String,
    pub recorded_at: String,
    pub tenant_id: String,
    pub origin: String,
    pub subject: String,
    pub sequence: i64,
    pub data: Option<Box<RawValue>>,
    pub metadata: Option<Box<RawValue>>,
    /// What it is owed to, when one event was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliveries: Option<Vec<Value>>,
}

impl Client {
    /// One event with its deliveries.
    ///
    /// # Errors
    /// [`ClientError::Problem`] `not_found`, and those of the connection.
    pub async fn logged_event(&self, id: &str) -> Result<LoggedEvent, ClientError> {
        self.get(&path(&["event-log", id]), &()).await
    }
}

/// The events of a tenant as they come.
#[derive(Debug)]
pub struct EventTail {
    client: Client,
    /// RFC 3339: nothing older is looked at.
    since: String,
    event_type: Option<String>,
    seen: HashSet<String>,
    in_order: VecDeque<String>,
}

impl EventTail {
    /// Events recorded from `since` (RFC 3339) on; of one type, if given.
    pub fn new(client: Client, since: String, event_type: Option<String>) -> Self {
        Self {
            client,
            since,
            event_type,
            seen: HashSet::new(),
            in_order: VecDeque::new(),
        }
    }

    /// Those that are new since the last call, oldest first.
    ///
    /// # Errors
    /// Those of the connection and of the service.
    pub async fn next(&mut self) -> Result<Vec<LoggedEvent>, ClientError> {
        let mut fresh = Vec::new();
        let mut cursor: Option<Cursor> = None;
        for _ in 0..PAGES_MAX {
            let page = self.page(cursor.as_ref()).await?;
            let events = page.items.into_iter();
            let before = fresh.len();
            let length = events.len();
            fresh.extend(events.filter(|event| !self.seen.contains(&event.id)));
            // A page with something known: what is older was seen, too.
            let whole = fresh.len() - before == length;
            match page.next_cursor {
                Some(next) if whole && length > 0 => cursor = Some(next),
                _ => break,
            }
        }
        fresh.reverse();
        for event in &fresh {
            self.remember(&event.id);
        }
        Ok(fresh)
    }

    async fn page(&self, cursor: Option<&Cursor>) -> Result<Page<LoggedEvent>, ClientError> {
        let mut query = vec![
            ("limit", PAGE_EVENTS.to_string()),
            ("since", self.since.clone()),
        ];
        query.extend(self.event_type.clone().map(|name| ("type", name)));
        query.extend(cursor.map(|cursor| {
            let text = match cursor {
                Cursor::Number(number) => number.to_string(),
                Cursor::Text(text) => text.clone(),
            };
            ("cursor", text)
        }));
        self.client.get(&path(&["event-log"]), &query).await
    }

    fn remember(&mut self, id: &str) {
        if self.seen.insert(id.to_owned()) {
            self.in_order.push_back(id.to_owned());
        }
        if self.in_order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.seen.remove(&oldest);
        }
    }
}

/// Why an event cannot be sent on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardError {
    #[error("--profile: `{0}` is none: there are {names}", names = profile_names())]
    Profile(String),
    #[error("--secret: {0}")]
    Secret(#[from] contract::SecretError),
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(String),
    #[error("the event cannot be shown: {0}")]
    Event(String),
    #[error("{0}")]
    Unreachable(String),
}

fn profile_names() -> String {
    let names: Vec<&str> = Profile::ALL.iter().map(|profile| profile.name()).collect();
    names.join(", ")
}

/// Sends events to an endpoint on the developer's machine, formed and signed like deliveries.
#[derive(Debug)]
pub struct Forwarder {
    http: reqwest::Client,
    url: String,
    profile: Profile,
    secret: Secret,
}

/// What an endpoint answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarded {
    pub status: u16,
    /// The beginning of its answer.
    pub body: String,
}

impl Forwarder {
    /// To `url`; without a secret one is made.
    ///
    /// # Errors
    /// [`ForwardError::Profile`], [`ForwardError::Secret`], [`ForwardError::Setup`].
    pub fn new(url: &str, profile: &str, secret: Option<&str>) -> Result<Self, ForwardError> {
        let found = Profile::ALL
            .into_iter()
            .find(|known| known.name() == profile);
        let profile = found.ok_or_else(|| ForwardError::Profile(profile.to_owned()))?;
        let secret = match secret {
            Some(text) => Secret::parse(text)?,
            None => Secret::generate(random()),
        };
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(FORWARD_TIME_MAX)
            .build()
            .map_err(|error| ForwardError::Setup(error.to_string()))?;
        Ok(Self {
            http,
            url: url.to_owned(),
            profile,
            secret,
        })
    }

    /// The secret to verify with.
    pub fn secret(&self) -> &str {
        self.secret.expose()
    }

    /// Sends one event, once; `now_ms` is the time of the attempt, Unix milliseconds.
    ///
    /// # Errors
    /// [`ForwardError::Event`], [`ForwardError::Unreachable`].
    pub async fn forward(
        &self,
        event: &LoggedEvent,
        now_ms: i64,
    ) -> Result<Forwarded, ForwardError> {
        let event = of_log(event).map_err(ForwardError::Event)?;
        const ENDPOINT: &str = "draftwire-listen";
        let body = render(self.profile, &event, ENDPOINT);
        let body = body.map_err(|cause| ForwardError::Event(cause.to_string()))?;
        let signer = Signer::new(vec![SigningKey::Hmac(self.secret.clone())]);
        let signed = signed_headers(self.profile, &event, ENDPOINT, now_ms, &signer, &body);
        let request = self.http.post(&self.url).header("user-agent", USER_AGENT);
        let request = request.header("content-type", self.profile.content_type());
        let request = signed.into_iter().fold(request, |request, (name, value)| {
            request.header(name, value)
        });
        let unreachable = |error: reqwest::Error| {
            ForwardError::Unreachable(ClientError::of_transport(&self.url, 15, &error).to_string())
        };
        let mut answer = request.body(body).send().await.map_err(unreachable)?;
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        while body.len() < ANSWER_CHARS_KEPT
            && let Some(chunk) = answer.chunk().await.map_err(unreachable)?
        {
            body.extend_from_slice(&chunk);
        }
        let body = String::from_utf8_lossy(&body)
            .chars()
            .take(ANSWER_CHARS_KEPT)
            .collect();
        Ok(Forwarded { status, body })
    }
}

/// Two random ids: 244 random bits.
fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    let (left, right) = bytes.split_at_mut(16);
    left.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
    right.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
    bytes
}

fn of_log(event: &LoggedEvent) -> Result<Event, String> {
    let said = |cause: &dyn std::error::Error| cause.to_string();
    let object = |raw: &RawValue| JsonObject::parse(raw.get()).map_err(|cause| said(&cause));
    let data = event.data.as_deref().ok_or("its data are gone")?;
    Ok(Event {
        id: EventId::parse(&event.id).map_err(|cause| said(&cause))?,
        event_type: EventType::parse(&event.event_type).map_err(|cause| said(&cause))?,
        timestamp_ms: contract::parse_ms(&event.timestamp).map_err(|cause| said(&cause))?,
        tenant: event.tenant_id.clone(),
        subject: event.subject.clone(),
        sequence: event.sequence,
        origin: event.origin.clone(),
        data: object(data)?,
        metadata: event.metadata.as_deref().map(object).transpose()?,
    })
}
