//! Whether anybody answers at an address. It must never send anything that could be taken for an event.

use std::time::{Duration, UNIX_EPOCH};

use crate::error::ClientError;

const TIME_MAX: Duration = Duration::from_secs(5);

/// Somebody who answered, whatever they said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    pub status: u16,
    /// The time there, Unix milliseconds, to the second; if it was told.
    pub date_ms: Option<i64>,
}

/// Asks with HEAD and without following redirects.
///
/// # Errors
/// [`ClientError::Unreachable`], [`ClientError::Broken`], [`ClientError::Timeout`], [`ClientError::Setup`].
pub async fn reach(url: &str) -> Result<Reached, ClientError> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(TIME_MAX)
        .build()
        .map_err(|error| ClientError::Setup(error.to_string()))?;
    let answer = http.head(url).send().await;
    let answer =
        answer.map_err(|error| ClientError::of_transport(url, TIME_MAX.as_secs(), &error))?;
    let date = answer
        .headers()
        .get("date")
        .and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
    let date_ms = date.and_then(|date| date.duration_since(UNIX_EPOCH).ok());
    Ok(Reached {
        status: answer.status().as_u16(),
        date_ms: date_ms.and_then(|date| i64::try_from(date.as_millis()).ok()),
    })
}
