//! One HTTP request to one endpoint: resolved, vetted, sent, read up to a bound, all before one deadline.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use db::{Clock, SystemClock};
use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};

use crate::address::AddressPolicy;
use crate::metrics::RetryReason;
use crate::settings::DeliverySettings;

/// What an endpoint answered, or why it did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    Answered {
        status: u16,
        /// The wait it asked for.
        retry_after: Option<Duration>,
        /// The beginning of the body; empty on success.
        body: Vec<u8>,
    },
    Failed {
        kind: OutcomeKind,
        message: String,
    },
}

/// How an attempt ended, as recorded with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeKind {
    Delivered = 1,
    Status = 2,
    Timeout = 3,
    Connection = 4,
    RefusedAddress = 5,
    BrokenResponse = 6,
    Unsendable = 7,
}

/// An attempt's end and what it means for its delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub kind: OutcomeKind,
    pub status: Option<u16>,
    pub message: Option<String>,
    /// The beginning of what a failing endpoint answered.
    pub body: Bytes,
    pub retry_after: Option<Duration>,
    /// False when trying again is known to be useless.
    pub retryable: bool,
}

impl Outcome {
    /// Why it is tried again, in the words of the metrics.
    pub(crate) fn retry_reason(&self) -> RetryReason {
        match (self.kind, self.status) {
            (OutcomeKind::Timeout, _) => RetryReason::Timeout,
            (_, Some(429)) => RetryReason::RateLimited,
            (_, Some(500..)) => RetryReason::ServerError,
            (_, Some(_)) => RetryReason::ClientError,
            (_, None) => RetryReason::ConnectionError,
        }
    }

    /// Damaged data does not mend by waiting.
    pub(crate) fn unsendable(message: String) -> Self {
        Self {
            kind: OutcomeKind::Unsendable,
            status: None,
            message: Some(message),
            body: Bytes::new(),
            retry_after: None,
            retryable: false,
        }
    }
}

/// Longest message of a failure that is kept.
const MESSAGE_CHARS_MAX: usize = 500;

/// A request ready to be sent.
#[derive(Debug, Clone)]
pub struct Request {
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub timeout: Duration,
}

/// Sends requests. Behind a trait, so that another client can take reqwest's place.
pub trait Transport: Send + Sync + 'static {
    /// Never fails: a failure is a [`Reply`].
    fn send(&self, request: Request) -> BoxFuture<'_, Reply>;
}

/// reqwest, without redirects and without a proxy. One client for each scheme, because without TLS fewer
/// addresses are permitted and a resolver does not know for which scheme it is asked.
pub struct HttpTransport {
    https: Client,
    http: Client,
    policy: AddressPolicy,
    read_max: usize,
    kept_max: usize,
}

impl HttpTransport {
    /// # Errors
    /// When the system's certificates or resolver cannot be used.
    pub fn new(policy: AddressPolicy, settings: &DeliverySettings) -> reqwest::Result<Self> {
        // Another part of the process may have chosen a provider already; ours is the same.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = |tls| {
            let policy = policy.clone();
            Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .tcp_nodelay(true)
                .http1_only()
                .dns_resolver(Arc::new(Vetted { policy, tls }))
                .build()
        };
        Ok(Self {
            https: client(true)?,
            http: client(false)?,
            policy,
            read_max: settings.response_bytes_read_max,
            kept_max: settings.response_bytes_kept_max,
        })
    }

    async fn attempt(&self, request: Request) -> Reply {
        let tls = request.url.scheme() == "https";
        if let Some(refused) = self.refuse(&request.url, tls) {
            return refused;
        }
        let client = if tls { &self.https } else { &self.http };
        let sent = client
            .post(request.url)
            .headers(request.headers)
            .body(request.body)
            .send()
            .await;
        match sent {
            Ok(response) => self.read(response).await,
            Err(error) => failed(&error),
        }
    }

    /// Reads the answer up to the bound; what lies beyond it changes nothing. A success that breaks off was
    /// perhaps not the endpoint's own word, so it does not count; a failure is one, broken off or not.
    async fn read(&self, mut response: Response) -> Reply {
        let status = response.status();
        let retry_after = retry_after(response.headers());
        let keep = if status.is_success() {
            0
        } else {
            self.kept_max
        };
        let mut body = Vec::new();
        let mut read = 0;
        while read <= self.read_max {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    read += chunk.len();
                    let room = keep.saturating_sub(body.len());
                    body.extend(chunk.iter().take(room));
                }
                Ok(None) => break,
                Err(error) if status.is_success() => return failed(&error),
                Err(_broken) => break,
            }
        }
        Reply::Answered {
            status: status.as_u16(),
            retry_after,
            body,
        }
    }

    /// A literal address is not resolved, so it is judged here.
    fn refuse(&self, url: &Url, tls: bool) -> Option<Reply> {
        let host = url.host_str().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse();
        let address = literal.ok()?;
        (!self.policy.permits(address, tls)).then(|| Reply::Failed {
            kind: OutcomeKind::RefusedAddress,
            message: Forbidden(address).to_string(),
        })
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: Request) -> BoxFuture<'_, Reply> {
        let timeout = request.timeout;
        Box::pin(async move {
            tokio::time::timeout(timeout, self.attempt(request))
                .await
                .unwrap_or_else(|_elapsed| Reply::Failed {
                    kind: OutcomeKind::Timeout,
                    message: format!("no complete answer within {} ms", timeout.as_millis()),
                })
        })
    }
}

/// Resolves names, and answers nothing at all when any address is forbidden.
struct Vetted {
    policy: AddressPolicy,
    tls: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("{0} is neither a public address reached by https nor in ingest.delivery.allow_networks")]
struct Forbidden(IpAddr);

impl Resolve for Vetted {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, tls) = (self.policy.clone(), self.tls);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.collect();
            match found.iter().find(|a| !policy.permits(a.ip(), tls)) {
                Some(forbidden) => Err(Box::new(Forbidden(forbidden.ip())) as _),
                None => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}

fn failed(error: &reqwest::Error) -> Reply {
    let mut message = String::new();
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    let mut kind = if error.is_connect() {
        OutcomeKind::Connection
    } else {
        OutcomeKind::BrokenResponse
    };
    while let Some(error) = cause {
        if error.is::<Forbidden>() {
            kind = OutcomeKind::RefusedAddress;
        }
        // The outermost message repeats the URL, which may carry credentials.
        if error.downcast_ref::<reqwest::Error>().is_none() {
            message = error.to_string();
        }
        cause = error.source();
    }
    if message.is_empty() {
        message = "the request could not be sent".to_owned();
    }
    // It may quote the other side: kept short, and fit for a text column.
    message.retain(|c| !c.is_control());
    let message = message.chars().take(MESSAGE_CHARS_MAX).collect();
    Reply::Failed { kind, message }
}

/// Seconds, or an HTTP date (RFC 9110 section 10.2.3). A date is judged against the response's own `Date`,
/// if it has one.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = http_date_ms(value)?;
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    let now = date.and_then(http_date_ms);
    let now = now.unwrap_or_else(|| SystemClock.now_ms());
    u64::try_from(until - now).ok().map(Duration::from_millis)
}

fn http_date_ms(text: &str) -> Option<i64> {
    let date = httpdate::parse_http_date(text).ok()?;
    let since = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

impl Reply {
    /// What the reply means; `retry_client_errors` decides about the 3xx and 4xx that no rule names.
    pub fn outcome(self, retry_client_errors: bool) -> Outcome {
        match self {
            Self::Answered {
                status,
                retry_after,
                body,
            } => {
                let success = StatusCode::from_u16(status).is_ok_and(|s| s.is_success());
                let retryable = match status {
                    410 => false,
                    408 | 425 | 429 | 500.. => true,
                    _ => retry_client_errors,
                };
                Outcome {
                    kind: if success {
                        OutcomeKind::Delivered
                    } else {
                        OutcomeKind::Status
                    },
                    status: Some(status),
                    message: None,
                    body: Bytes::from(body),
                    retry_after,
                    retryable,
                }
            }
            Self::Failed { kind, message } => Outcome {
                kind,
                status: None,
                message: Some(message),
                body: Bytes::new(),
                retry_after: None,
                retryable: true,
            },
        }
    }
}
