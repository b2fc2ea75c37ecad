//! One HTTP request to one endpoint: resolved, vetted, sent, read up to a bound, all before one deadline.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, StatusCode, Url};

use crate::address::AddressPolicy;
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
    pub body: Vec<u8>,
    pub retry_after: Option<Duration>,
    /// False when trying again is known to be useless.
    pub retryable: bool,
}

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

/// reqwest, without redirects and without a proxy.
pub struct HttpTransport {
    client: Client,
    policy: Arc<AddressPolicy>,
    read_max: usize,
    kept_max: usize,
}

impl HttpTransport {
    /// # Errors
    /// When the system's certificates or resolver cannot be used.
    pub fn new(policy: AddressPolicy, settings: &DeliverySettings) -> reqwest::Result<Self> {
        // Another part of the process may have chosen a provider already; ours is the same.
        drop(rustls::crypto::ring::default_provider().install_default());
        let policy = Arc::new(policy);
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tcp_nodelay(true)
            .http1_only()
            .pool_max_idle_per_host(settings.attempts_in_flight_per_endpoint_max)
            .dns_resolver(Arc::new(Vetted(Arc::clone(&policy))))
            .build()?;
        Ok(Self {
            client,
            policy,
            read_max: settings.response_bytes_read_max,
            kept_max: settings.response_bytes_kept_max,
        })
    }

    async fn attempt(&self, request: Request) -> Reply {
        if let Some(refused) = self.refuse(&request.url) {
            return refused;
        }
        let sent = self
            .client
            .post(request.url)
            .headers(request.headers)
            .body(request.body)
            .send()
            .await;
        let mut response = match sent {
            Ok(response) => response,
            Err(error) => return failed(&error),
        };
        let status = response.status();
        let retry_after = retry_after(response.headers());
        let keep = if status.is_success() { 0 } else { self.kept_max };
        let mut body = Vec::new();
        let mut read = 0;
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    read += chunk.len();
                    let room = keep.saturating_sub(body.len());
                    body.extend(chunk.iter().take(room));
                    if read > self.read_max {
                        break;
                    }
                }
                Ok(None) => break,
                // The status has been heard: what breaks afterwards does not change it.
                Err(_broken) => break,
            }
        }
        Reply::Answered {
            status: status.as_u16(),
            retry_after,
            body,
        }
    }

    /// A literal address is not resolved, so it is judged here; and without TLS there must be an allowed
    /// address to go to.
    fn refuse(&self, url: &Url) -> Option<Reply> {
        let tls = url.scheme() == "https";
        let host = url.host_str().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse();
        let permitted = match literal {
            Ok(address) => self.policy.permits(address, tls),
            Err(_name) => tls || host == "localhost",
        };
        (!permitted).then(|| refused_address(host))
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
struct Vetted(Arc<AddressPolicy>);

#[derive(Debug, thiserror::Error)]
#[error("it resolves to the forbidden address {0}")]
struct Forbidden(std::net::IpAddr);

impl Resolve for Vetted {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.0);
        Box::pin(async move {
            let host = name.as_str();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            // Without TLS only `localhost` comes this far.
            let tls = host != "localhost";
            match found.iter().find(|a| !policy.permits(a.ip(), tls)) {
                Some(forbidden) => Err(Box::new(Forbidden(forbidden.ip())) as _),
                None => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}

fn refused_address(host: &str) -> Reply {
    Reply::Failed {
        kind: OutcomeKind::RefusedAddress,
        message: format!(
            "{host} is not a public https address and not in ingest.delivery.allow_networks"
        ),
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
    Reply::Failed { kind, message }
}

/// Seconds, or an HTTP date (RFC 9110 section 10.2.3). A date is judged against the response's own `Date`.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = http_date_ms(value)?;
    let date = headers.get(reqwest::header::DATE)?.to_str().ok()?;
    let now = http_date_ms(date)?;
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
                    body,
                    retry_after,
                    retryable,
                }
            }
            Self::Failed { kind, message } => Outcome {
                kind,
                status: None,
                message: Some(message),
                body: Vec::new(),
                retry_after: None,
                retryable: true,
            },
        }
    }
}
