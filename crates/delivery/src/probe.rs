//! Probes: a test delivery that its user waits for. Rendered, signed and sent like any other, and never stored.

use std::time::Instant;

use contract::{Event, EventId, EventType, JsonObject};
use db::DbError;
use ring::rand::SecureRandom;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::dispatcher::{Command, build_request};
use crate::publish::Publisher;
use crate::registry::Tenant;
use crate::transport::{OutcomeKind, Reply};

/// What was sent and what came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeReport {
    pub success: bool,
    pub status_code: Option<u16>,
    pub response_time_ms: u64,
    pub error: Option<String>,
    pub url: String,
    /// As sent; the values of the endpoint's own headers are shown as `***`.
    pub headers: Vec<(String, String)>,
    /// The exact bytes sent.
    pub body: Vec<u8>,
    /// The beginning of what a failing endpoint answered.
    pub response: Vec<u8>,
}

/// Why nothing was sent.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProbeError {
    #[error("there is no such subscription, or it is disabled")]
    NotFound,
    #[error("nothing is sent from this process")]
    NotSending,
    #[error("the probe cannot be made: {0}")]
    Request(String),
}

impl Publisher {
    /// Sends `webhook.test` with `{"test": true}` to one endpoint, paused or not, and waits for its answer at most
    /// as long as for any attempt's. Says nothing of the endpoint's health.
    ///
    /// # Errors
    /// [`ProbeError`] when nothing was sent.
    pub async fn probe(&self, tenant: &Tenant, id: Uuid) -> Result<ProbeReport, ProbeError> {
        let inner = &self.inner;
        let snapshot = inner.registry.cached();
        let uuid = id.to_string();
        let of_tenant = snapshot.of_tenant(tenant.id).iter();
        let endpoint = of_tenant.into_iter().find(|endpoint| endpoint.uuid == uuid);
        let endpoint = endpoint.ok_or(ProbeError::NotFound)?;
        let now_ms = inner.clock.now_ms();
        let event = self.probe_event(tenant, &uuid, now_ms)?;
        let request = build_request(endpoint.profile, endpoint, &event, now_ms);
        let request = request.map_err(ProbeError::Request)?;
        let headers = request.headers.iter().map(|(name, value)| {
            let shown = if value.is_sensitive() {
                "***"
            } else {
                value.to_str().unwrap_or("***")
            };
            (name.to_string(), shown.to_owned())
        });
        let mut report = ProbeReport {
            success: false,
            status_code: None,
            response_time_ms: 0,
            error: None,
            url: request.url.to_string(),
            headers: headers.collect(),
            body: request.body.to_vec(),
            response: Vec::new(),
        };
        let (sender, answer) = oneshot::channel();
        let began = Instant::now();
        inner.inbox.put(Command::Probe(request, sender));
        let reply = answer.await.map_err(|_closed| ProbeError::NotSending)?;
        report.response_time_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        report.take(reply);
        Ok(report)
    }

    fn probe_event(&self, tenant: &Tenant, uuid: &str, now_ms: i64) -> Result<Event, ProbeError> {
        let mut random = [0; 10];
        let filled = self.inner.random.fill(&mut random);
        filled.map_err(|_unspecified| ProbeError::Request("no randomness".into()))?;
        let data = JsonObject::parse(r#"{"test":true}"#);
        Ok(Event {
            id: EventId::new(u64::try_from(now_ms).unwrap_or_default(), random),
            event_type: EventType::PROBE,
            timestamp_ms: now_ms,
            tenant: tenant.name.to_string(),
            subject: format!("endpoint/{uuid}"),
            sequence: 1,
            origin: self.inner.origin.clone(),
            data: data.map_err(|e| ProbeError::Request(e.to_string()))?,
            metadata: None,
        })
    }

    /// Reads the subscriptions again if they have changed; [`Publisher::probe`] then knows the newest.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn refresh(&self, conn: &mut db::Conn) -> Result<(), DbError> {
        let inner = &self.inner;
        inner.registry.current(conn, inner.clock.now_ms()).map(drop)
    }
}

impl ProbeReport {
    fn take(&mut self, reply: Reply) {
        match reply {
            Reply::Answered { status, body, .. } => {
                self.success = (200..300).contains(&status);
                self.status_code = Some(status);
                self.response = body;
                self.error = (!self.success).then(|| format!("it answered {status}"));
            }
            Reply::Failed { kind, message } => {
                self.error = Some(match kind {
                    OutcomeKind::Timeout => format!("timeout: {message}"),
                    _ => message,
                });
            }
        }
    }
}
