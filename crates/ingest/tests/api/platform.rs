//! The webhook platform's calls as tests make them.

use reqwest::Method;
use serde_json::{Value as Json, json};
use std::time::{Duration, Instant};

use crate::harness::{Answer, PATIENCE, SECRET, TestIngest, answer};

pub(crate) const BASE: &str = "/api/v1/webhooks";
pub(crate) const ALIAS: &str = "/api/v1/tenant/webhooks";

impl TestIngest {
    pub(crate) async fn call(&self, method: Method, path: &str, body: Json) -> Answer {
        let request = self.request(method, path);
        match body {
            Json::Null => answer(request).await,
            body => answer(request.json(&body)).await,
        }
    }

    pub(crate) async fn expect(&self, method: Method, path: &str, body: Json, status: u16) -> Json {
        let (got, answer) = self.call(method.clone(), path, body).await;
        assert_eq!(got, status, "{method} {path}: {answer}");
        answer
    }

    pub(crate) async fn subscribe(&self, path: &str, events: &[&str]) -> Json {
        let body = json!({
            "url": format!("{}{path}", self.endpoint.url()),
            "events": events,
            "secret": SECRET,
            "retry": {"schedule": [1], "retry_client_errors": false},
        });
        let at = format!("{BASE}/subscriptions");
        self.expect(Method::POST, &at, body, 201).await
    }

    pub(crate) async fn publish(&self, body: Json) -> Json {
        let at = format!("{BASE}/events");
        self.expect(Method::POST, &at, body, 202).await
    }

    /// The tenant's newest delivery once nothing more is done for it.
    pub(crate) async fn ended(&self, id: &str) -> Json {
        let began = Instant::now();
        loop {
            let delivery = self.ok(&format!("{BASE}/deliveries/{id}")).await;
            if delivery["state"] != "pending" {
                return delivery;
            }
            assert!(began.elapsed() < PATIENCE, "{delivery}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

pub(crate) fn text(value: &Json) -> String {
    value
        .as_str()
        .unwrap_or_else(|| unreachable!("{value}"))
        .to_owned()
}
