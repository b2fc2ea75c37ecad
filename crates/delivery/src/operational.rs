//! Events about deliveries themselves, published in the transaction that made them true. Attempts to deliver
//! them never cause another one.

use contract::{DeliveryId, Event, EventType, JsonObject};
use db::{DbError, Tx};
use serde_json::{Value, json};

use crate::endpoint::Endpoint;
use crate::publish::{Inner, NewEvent};
use crate::transport::Outcome;

/// What is to be told.
pub(crate) enum News<'a> {
    Disabled {
        reason: &'a str,
    },
    Failing {
        since_ms: i64,
        reason: &'a str,
    },
    Recovered {
        since_ms: i64,
    },
    Dead {
        delivery_id: i64,
        event: &'a Event,
        attempts: i64,
        outcome: &'a Outcome,
    },
}

impl News<'_> {
    const fn event_type(&self) -> &'static str {
        match self {
            Self::Disabled { .. } => "endpoint.disabled",
            Self::Failing { .. } => "endpoint.failing",
            Self::Recovered { .. } => "endpoint.recovered",
            Self::Dead { .. } => "delivery.dead",
        }
    }

    fn data(&self, endpoint: &Endpoint) -> Value {
        let mut data = match self {
            Self::Disabled { reason } => json!({ "reason": reason }),
            Self::Failing { since_ms, reason } => json!({
                "failing_since": contract::format_ms(*since_ms),
                "reason": reason,
            }),
            Self::Recovered { since_ms } => json!({
                "failing_since": contract::format_ms(*since_ms),
            }),
            Self::Dead {
                delivery_id,
                event,
                attempts,
                outcome,
            } => json!({
                "delivery_id": DeliveryId(*delivery_id).to_string(),
                "event_id": event.id.to_string(),
                "event_type": event.event_type.as_str(),
                "event_subject": event.subject,
                "attempts": attempts,
                "status_code": outcome.status,
                "error": outcome.message,
            }),
        };
        if let Value::Object(members) = &mut data {
            members.insert("endpoint_id".into(), endpoint.uuid.clone().into());
            // The query may carry a token.
            let mut url = endpoint.url.clone();
            url.set_query(None);
            members.insert("url".into(), url.as_str().into());
        }
        data
    }
}

/// Publishes news of endpoints.
pub(crate) fn tell(
    inner: &Inner,
    tx: &mut Tx<'_>,
    news: &[(&Endpoint, News<'_>)],
) -> Result<(), DbError> {
    let now_ms = inner.clock.now_ms();
    let snapshot = inner.registry.cached();
    let mut prepared = Vec::with_capacity(news.len());
    for (endpoint, news) in news {
        let Some(tenant) = snapshot.tenant(endpoint.tenant_id) else {
            continue;
        };
        let defect = |cause: String| DbError::defect(format!("{}: {cause}", news.event_type()));
        let new = NewEvent {
            tenant: tenant.clone(),
            event_type: EventType::parse(news.event_type()).map_err(|e| defect(e.to_string()))?,
            subject: Some(format!("endpoint/{}", endpoint.uuid)),
            timestamp_ms: now_ms,
            data: JsonObject::of(&news.data(endpoint)).map_err(|e| defect(e.to_string()))?,
            metadata: None,
        };
        prepared.push(inner.prepare(new, None)?);
    }
    let prepared: Vec<_> = prepared.iter().collect();
    if !prepared.is_empty() {
        let snapshot = inner.registry.current(tx.conn(), now_ms)?;
        inner.publish(tx, &snapshot, &prepared)?;
    }
    Ok(())
}
