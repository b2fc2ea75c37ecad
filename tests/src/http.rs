//! Questions to a service as any program would ask them. Must never repeat a request by itself.

use std::time::Duration;

use reqwest::multipart::{Form, Part};
use serde_json::Value;

use crate::designs::Design;

/// Most items that a page may have.
const PAGE_ITEMS: usize = 1000;
/// Time for any answer; longer than the service waits for an extraction.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

/// A client that follows nothing, uses no proxy and asks once.
pub fn http() -> reqwest::Client {
    // Another test may have installed the same provider before.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(ANSWER_TIME_MAX)
        .build()
        .expect("a client can be made")
}

/// A complete answer; JSON is null when the body is none.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub json: Value,
}

impl Answer {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    async fn of(response: reqwest::Response) -> reqwest::Result<Self> {
        let status = response.status().as_u16();
        let bytes = response.bytes().await?;
        let json = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(Self { status, json })
    }
}

/// Asks for JSON.
///
/// # Errors
/// When there is no complete answer.
pub async fn get(url: &str) -> reqwest::Result<Answer> {
    Answer::of(http().get(url).send().await?).await
}

/// Sends JSON.
///
/// # Errors
/// When there is no complete answer.
pub async fn post(url: &str, body: &Value) -> reqwest::Result<Answer> {
    let request = http().post(url).header("content-type", "application/json");
    Answer::of(request.body(body.to_string()).send().await?).await
}

/// Deletes.
///
/// # Errors
/// When there is no complete answer.
pub async fn delete(url: &str) -> reqwest::Result<Answer> {
    Answer::of(http().delete(url).send().await?).await
}

/// Every item of a list, page after page; `url` may have a query. Fails the test when there is no answer.
pub async fn items(url: &str) -> Vec<Value> {
    let joint = if url.contains('?') { '&' } else { '?' };
    let mut all = Vec::new();
    loop {
        let page = format!("{url}{joint}limit={PAGE_ITEMS}&offset={}", all.len());
        let answer = get(&page).await.expect("the service answers");
        assert_eq!(answer.status, 200, "{page}: {}", answer.json);
        let items = answer.json.get("items").and_then(Value::as_array);
        let items = items.expect("a list has items").clone();
        let last = items.len() < PAGE_ITEMS;
        all.extend(items);
        if last {
            return all;
        }
    }
}

/// Uploads one design to the ingest service at `base`; `wait` in seconds as the call's parameter.
///
/// # Errors
/// When there is no complete answer.
pub async fn upload(
    http: &reqwest::Client,
    base: &str,
    design: &Design,
    wait: Option<u64>,
) -> reqwest::Result<Answer> {
    let query = wait.map_or(String::new(), |seconds| format!("?wait={seconds}"));
    let part = Part::bytes(design.bytes.clone()).file_name(design.name.clone());
    let form = Form::new().part("files", part);
    let request = http.post(format!("{base}/ingest{query}")).multipart(form);
    Answer::of(request.send().await?).await
}
