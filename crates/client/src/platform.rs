//! The webhook platform's calls whose answers are handed on as the service gives them: for tools that show or pass
//! them. It must never repeat a change by itself.

use reqwest::Method;
use serde_json::Value;

use std::time::Duration;

use crate::connection::Client;
use crate::error::ClientError;
use crate::webhooks::path;

/// What a call does beside asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Adds, or has something done.
    Post,
    /// Changes what is given.
    Patch,
    Delete,
}

/// Paths are below `/api/v1/webhooks`, as in `["deliveries", "dlv_…", "retry"]`.
impl Client {
    /// Asks; asks again, a bounded number of times, when the connection fails.
    ///
    /// # Errors
    /// Those of the connection and of the service.
    pub async fn platform(
        &self,
        below: &[&str],
        query: &[(&str, String)],
    ) -> Result<Value, ClientError> {
        self.get(&path(below), &query).await
    }

    /// Changes something, once; answers null where the service answers nothing.
    ///
    /// # Errors
    /// Those of the connection, after which it may have happened all the same, and of the service.
    pub async fn change_platform(
        &self,
        change: Change,
        below: &[&str],
        body: Option<&Value>,
    ) -> Result<Value, ClientError> {
        let method = match change {
            Change::Post => Method::POST,
            Change::Patch => Method::PATCH,
            Change::Delete => Method::DELETE,
        };
        let request = self.http().request(method, self.url(&path(below)));
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let answer = self.send(request, Duration::ZERO).await?;
        match answer.body.is_empty() {
            true => answer.done().map(|()| Value::Null),
            false => answer.json(),
        }
    }

    /// What the service says of itself and of what it depends on; also when it is not ready.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn ready(&self) -> Result<Value, ClientError> {
        let request = self.http().get(self.url(&["ready"]));
        let answer = self.send(request, Duration::ZERO).await?;
        match serde_json::from_slice(&answer.body) {
            Ok(ready) => Ok(ready),
            Err(_no_answer) => answer.json(),
        }
    }
}
