//! Requests and answers: address, key, deadlines, bounds, and the few repetitions that are safe. Knows no
//! resource of either service.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Request, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{ClientError, Problem};

/// Time for a connection to be made.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Time for the complete answer to a question, unless set otherwise.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
/// Largest answer read.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// As much of an unexplained error's body is kept.
const ERROR_CHARS_KEPT: usize = 200;
/// Waits before a question is asked again after its connection failed.
const RETRY_WAITS: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

/// A client of one service. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    answer_time_max: Duration,
}

impl Client {
    /// A client of the service at `base_url`, which may have a path; `key` is sent with every request.
    ///
    /// Redirects are not followed, and no proxy is used.
    ///
    /// # Errors
    /// [`ClientError::BaseUrl`], [`ClientError::Key`], [`ClientError::Setup`].
    pub fn new(base_url: &str, key: Option<&str>) -> Result<Self, ClientError> {
        let base = base(base_url).ok_or_else(|| ClientError::BaseUrl(masked(base_url)))?;
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            headers.insert(AUTHORIZATION, bearer(key)?);
        }
        // Another part of the process may have chosen a provider already; ours is the same.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tcp_nodelay(true)
            .connect_timeout(CONNECT_TIME_MAX)
            .default_headers(headers)
            .build()
            .map_err(|error| ClientError::Setup(error.to_string()))?;
        Ok(Self {
            http,
            base,
            answer_time_max: ANSWER_TIME_MAX,
        })
    }

    /// Sets the time for a complete answer, which is 30 s by default. An upload has this beyond the time
    /// for its bytes and for the extraction it waits for.
    #[must_use]
    pub fn with_answer_time_max(self, answer_time_max: Duration) -> Self {
        Self {
            answer_time_max,
            ..self
        }
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// The address of a resource.
    pub(crate) fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        // http and https addresses always have a path.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// Asks; asks again, a bounded number of times, when the connection fails: a question changes nothing.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &impl Serialize,
    ) -> Result<T, ClientError> {
        let ask = async || {
            let request = self.http.get(self.url(path)).query(query);
            self.send(request, Duration::ZERO).await?.json()
        };
        for wait in RETRY_WAITS {
            match ask().await {
                Err(ClientError::Unreachable { .. } | ClientError::Broken { .. }) => {
                    tokio::time::sleep(wait).await;
                }
                answer => return answer,
            }
        }
        ask().await
    }

    /// Sends once and reads the answer, both within the time for an answer and `extra_time`.
    pub(crate) async fn send(
        &self,
        request: reqwest::RequestBuilder,
        extra_time: Duration,
    ) -> Result<Answer, ClientError> {
        let time_max = self.answer_time_max + extra_time;
        let request = request
            .timeout(time_max)
            .build()
            .map_err(|error| ClientError::Setup(error.to_string()))?;
        let url = shown(&request);
        let broken = |error| ClientError::of_transport(&url, time_max.as_secs(), &error);
        let response = self.http.execute(request).await.map_err(broken)?;
        let status = response.status();
        match read(response).await.map_err(broken)? {
            Some(body) => Ok(Answer { url, status, body }),
            None => Err(ClientError::Answer {
                url,
                cause: format!("an answer larger than {ANSWER_BYTES_MAX} bytes"),
            }),
        }
    }
}

/// A complete answer, of whatever status.
pub(crate) struct Answer {
    url: String,
    status: StatusCode,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// What a success says; the refusal otherwise.
    pub(crate) fn json<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        if !self.status.is_success() {
            return Err(self.refusal());
        }
        serde_json::from_slice(&self.body).map_err(|error| ClientError::Answer {
            url: self.url,
            cause: error.to_string(),
        })
    }

    /// The bytes of a success; the refusal otherwise.
    pub(crate) fn bytes(self) -> Result<Vec<u8>, ClientError> {
        match self.status.is_success() {
            true => Ok(self.body),
            false => Err(self.refusal()),
        }
    }

    /// Whether it was a success, whatever it says.
    pub(crate) fn done(self) -> Result<(), ClientError> {
        match self.status.is_success() {
            true => Ok(()),
            false => Err(self.refusal()),
        }
    }

    fn refusal(self) -> ClientError {
        let status = self.status.as_u16();
        match serde_json::from_slice::<Problem>(&self.body) {
            Ok(problem) => ClientError::Problem(Problem { status, ..problem }),
            Err(_no_problem) => ClientError::Status {
                url: self.url,
                status,
                body: String::from_utf8_lossy(&self.body)
                    .chars()
                    .take(ERROR_CHARS_KEPT)
                    .collect(),
            },
        }
    }
}

fn base(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let usable = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    usable.then_some(url)
}

/// What stands before an `@` may be a password.
fn masked(text: &str) -> String {
    text.rsplit_once('@')
        .map_or_else(|| text.to_owned(), |(_, rest)| format!("…@{rest}"))
}

fn bearer(key: &str) -> Result<HeaderValue, ClientError> {
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ClientError::Key);
    }
    let value = HeaderValue::try_from(format!("Bearer {key}"));
    let mut value = value.map_err(|_unusable| ClientError::Key)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The address without its query.
fn shown(request: &Request) -> String {
    let mut url = request.url().clone();
    url.set_query(None);
    url.to_string()
}

/// The whole body; none when it is too large.
async fn read(mut response: Response) -> reqwest::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}
