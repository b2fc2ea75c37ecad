//! Events published, and subscriptions managed.

use client::{Batch, Client, EventBus, NewEvent, SubscriptionFields};
use serde_json::{Value, json};
use testkit::{ScriptedEndpoint, ScriptedReply};

use crate::{answering, only};

const PUBLISHED: &str = r#"{"id": "evt_1", "sequence": 3, "deliveries": 2, "repeated": true}"#;

fn paid() -> NewEvent {
    NewEvent {
        event_type: "invoice.paid".to_owned(),
        data: [("invoice_id".to_owned(), json!("inv_1"))]
            .into_iter()
            .collect(),
        ..NewEvent::default()
    }
}

fn busy() -> ScriptedReply {
    let problem = json!({"status": 503, "code": "unavailable", "detail": "the queue is full"});
    ScriptedReply::json(503, problem.to_string())
}

#[tokio::test]
async fn an_event_is_tried_again_under_one_key() {
    let endpoint = ScriptedEndpoint::start().await;
    let done = ScriptedReply::json(202, PUBLISHED);
    endpoint.respond_in_turn([busy(), ScriptedReply::dropped(), done]);
    let bus = EventBus::new(Client::new(endpoint.url(), Some("dw_key")).unwrap());
    let published = bus.publish(&paid()).await.unwrap();
    assert_eq!((published.sequence, published.deliveries), (3, 2));
    let requests = endpoint.requests();
    assert_eq!(requests.len(), 3);
    let key = requests[0].header("idempotency-key").unwrap();
    for request in &requests {
        assert_eq!(request.path, "/api/v1/webhooks/events");
        assert_eq!(request.header("idempotency-key"), Some(key));
        assert_eq!(request.header("authorization"), Some("Bearer dw_key"));
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let expected = json!({"type": "invoice.paid", "data": {"invoice_id": "inv_1"}});
        assert_eq!(body, expected);
    }
}

#[tokio::test]
async fn a_refused_event_is_not_tried_again() {
    let problem = json!({"status": 422, "code": "invalid_field", "detail": "type: no"});
    let (endpoint, client) = answering(ScriptedReply::json(422, problem.to_string())).await;
    let refused = EventBus::new(client).publish(&paid()).await.unwrap_err();
    assert_eq!(refused.problem().unwrap().code, "invalid_field");
    only(&endpoint);
}

#[tokio::test]
async fn subscriptions_are_made_and_deleted() {
    let record = json!({
        "id": "1", "url": "https://a.example/", "events": ["*"], "profile": "standard", "state": "active",
        "batch": {"max_events": 20, "max_wait_ms": 0}, "secret": "whsec_x", "version": 1, "created_at": "2026-11-22T00:00:00.000Z",
        "updated_at": "2026-11-22T00:00:00.000Z", "something_new": 1,
    });
    let (endpoint, client) = answering(ScriptedReply::json(201, record.to_string())).await;
    let fields = SubscriptionFields {
        url: Some("https://a.example/".to_owned()),
        events: Some(vec!["*".to_owned()]),
        batch: Some(Batch {
            max_events: 20,
            max_wait_ms: 0,
        }),
        ..SubscriptionFields::default()
    };
    let made = client.subscribe(&fields).await.unwrap();
    assert_eq!(made.batch, fields.batch);
    assert_eq!(made.secret.as_deref(), Some("whsec_x"));
    let body: Value = serde_json::from_slice(&only(&endpoint).body).unwrap();
    let batch = json!({"max_events": 20, "max_wait_ms": 0});
    let expected = json!({"url": "https://a.example/", "events": ["*"], "batch": batch});
    assert_eq!(body, expected);
    endpoint.respond_in_turn([ScriptedReply::status(204)]);
    client.unsubscribe("a/b").await.unwrap();
    let request = endpoint.requests().pop().unwrap();
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("DELETE", "/api/v1/webhooks/subscriptions/a%2Fb")
    );
    endpoint.respond_in_turn([busy()]);
    let refused = client.unsubscribe("a").await.unwrap_err();
    assert_eq!(refused.problem().unwrap().status, 503);
}
