//! What can go wrong between us and a service, each with what to do about it. Never holds a key.

use std::io;
use std::path::PathBuf;

use serde::Deserialize;

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The base address cannot be used.
    #[error(
        "`{0}` is not the address of a service: give http:// or https:// with a host, without user, \
         password or query, like http://127.0.0.1:8081"
    )]
    BaseUrl(String),
    /// The key has characters that no key has.
    #[error("the key is unusable: a key is visible ASCII without blanks, and begins with dw_")]
    Key,
    /// The HTTP client cannot be set up.
    #[error("cannot set up TLS: {0}. Check the system's root certificates")]
    Setup(String),
    /// A file to upload cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    File { path: PathBuf, cause: io::Error },
    /// Nobody answers there.
    #[error("cannot reach {url}: {cause}. Check that the service runs and listens at this address")]
    Unreachable { url: String, cause: String },
    /// The connection broke before the answer was complete.
    #[error(
        "{url} broke off: {cause}. Check the service's log; what was sent may have been taken all the same"
    )]
    Broken { url: String, cause: String },
    /// No complete answer came in time.
    #[error(
        "no complete answer from {url} within {seconds} s. Check the service's load and log; what was sent \
         may have been taken all the same"
    )]
    Timeout { url: String, seconds: u64 },
    /// The service says why it refuses.
    #[error("{0}")]
    Problem(Problem),
    /// An error status that no service of ours explains so.
    #[error(
        "{url} answered {status}. Check that this is the service's address, not a proxy's: {body}"
    )]
    Status {
        url: String,
        status: u16,
        /// Its beginning.
        body: String,
    },
    /// A success that cannot be read.
    #[error(
        "{url} answered what this client does not understand: {cause}. Check that both are of the same version"
    )]
    Answer { url: String, cause: String },
}

impl ClientError {
    /// What the service said, if it said why.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }

    pub(crate) fn of_transport(url: &str, seconds: u64, error: &reqwest::Error) -> Self {
        let url = url.to_owned();
        if error.is_timeout() {
            return Self::Timeout { url, seconds };
        }
        let cause = innermost(error);
        if error.is_connect() {
            Self::Unreachable { url, cause }
        } else {
            Self::Broken { url, cause }
        }
    }
}

/// A service's refusal (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, thiserror::Error)]
#[error("{detail} ({status} {code}{})", asked(request_id.as_deref()))]
pub struct Problem {
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// What went wrong, for programs: `not_found`, `invalid_field`, …
    pub code: String,
    /// What went wrong, for people.
    pub detail: String,
    /// The request's id in the service's log.
    #[serde(default)]
    pub request_id: Option<String>,
    /// The fields that cannot be used.
    #[serde(default)]
    pub errors: Vec<FieldError>,
}

/// One unusable field.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FieldError {
    /// Its dotted path.
    pub field: String,
    /// What is wrong and what is accepted.
    pub message: String,
}

fn asked(request_id: Option<&str>) -> String {
    request_id.map_or(String::new(), |id| format!(", request {id}"))
}

/// The outer messages repeat the address.
fn innermost(error: &reqwest::Error) -> String {
    let outermost: &dyn std::error::Error = error;
    std::iter::successors(Some(outermost), |error| error.source())
        .last()
        .map_or(String::new(), ToString::to_string)
}
