//! Verification of a received request over its raw bytes. Must never parse the body before its signature stands,
//! nor answer bad input with anything but a [`Refusal`].

use std::borrow::Cow;

use base64::Engine as _;
use ring::hmac;

use crate::body_signature::BodySignature;
use crate::hex::sha256_hex;
use crate::key_pair::PublicKey;
use crate::secret::{BASE64, Secret};
use crate::sign::SignedBytes;

/// Longest `webhook-id`, bytes.
pub const WEBHOOK_ID_BYTES_MAX: usize = 256;
/// Most tokens in one `webhook-signature`.
pub const SIGNATURE_TOKENS_MAX: usize = 16;
/// Most digits of `webhook-timestamp`.
const TIMESTAMP_DIGITS_MAX: usize = 12;

/// Why a request is refused; each has its own code and HTTP status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No signature, or not all of its headers.
    #[error("the request is not signed: send webhook-id, webhook-timestamp and webhook-signature")]
    MissingSignature,
    /// A signature header that cannot be read.
    #[error("{0}")]
    MalformedSignature(&'static str),
    /// Signed, but with a kind of key that this source has none of.
    #[error("this source has no key of the kind that the request is signed with")]
    UnknownKey,
    /// No token matches.
    #[error(
        "the signature does not match: it must be over the very bytes sent, with this source's secret"
    )]
    SignatureMismatch,
    /// Signed too long ago.
    #[error("the timestamp is {age_s} s old; {tolerance_s} s are tolerated")]
    TimestampTooOld {
        /// Seconds.
        age_s: i64,
        /// Seconds.
        tolerance_s: u32,
    },
    /// Signed in the future.
    #[error("the timestamp is {ahead_s} s in the future; {tolerance_s} s are tolerated")]
    TimestampInFuture {
        /// Seconds.
        ahead_s: i64,
        /// Seconds.
        tolerance_s: u32,
    },
    /// Longer than the source's limit.
    #[error("the body has {bytes} bytes; {bytes_max} are accepted")]
    BodyTooLarge {
        /// Bytes.
        bytes: usize,
        /// Bytes.
        bytes_max: usize,
    },
    /// Verified, but not an envelope of the source's profile.
    #[error("the body is no event of this profile: {0}")]
    MalformedBody(String),
}

impl Refusal {
    /// Stable, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::MissingSignature => "missing_signature",
            Self::MalformedSignature(_) => "malformed_signature",
            Self::UnknownKey => "unknown_key",
            Self::SignatureMismatch => "signature_mismatch",
            Self::TimestampTooOld { .. } => "timestamp_too_old",
            Self::TimestampInFuture { .. } => "timestamp_in_future",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::MalformedBody(_) => "malformed_body",
        }
    }

    /// The HTTP status; never a 5xx.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::MissingSignature
            | Self::UnknownKey
            | Self::SignatureMismatch
            | Self::TimestampTooOld { .. }
            | Self::TimestampInFuture { .. } => 401,
            Self::MalformedSignature(_) | Self::MalformedBody(_) => 400,
            Self::BodyTooLarge { .. } => 413,
        }
    }
}

/// The headers of a received request.
pub trait Headers {
    /// All values of a header, as bytes; `name` is lower case, the match ignores case.
    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]>;
}

impl<N: AsRef<str>, V: AsRef<[u8]>> Headers for [(N, V)] {
    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let is = move |header: &&(N, V)| header.0.as_ref().eq_ignore_ascii_case(name);
        self.iter().filter(is).map(|(_, value)| value.as_ref())
    }
}

/// A key that a source's requests may be signed with.
#[derive(Debug, Clone)]
pub enum VerifyingKey {
    /// For `v1` tokens and signatures over the body alone.
    Hmac(Secret),
    /// For `v1a` tokens.
    Ed25519(PublicKey),
}

/// Verifies the requests of one source.
#[derive(Debug, Clone)]
pub struct Verifier {
    /// Any of them may have signed.
    pub keys: Vec<VerifyingKey>,
    /// How far the timestamp may be from now, both ways, seconds.
    pub tolerance_seconds: u32,
    /// Longest body, bytes.
    pub body_bytes_max: usize,
    /// Whether a signature over the body alone is enough when none of the three standard headers is there.
    pub body_signature: BodySignature,
}

/// What tells this event from others of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// The sender's `webhook-id`.
    EventId(String),
    /// The SHA-256 of what was signed, 64 hex characters: the sender gave no signed id.
    BodySha256(String),
}

impl Identity {
    /// The idempotency key.
    #[must_use]
    pub fn dedupe_key(&self) -> &str {
        match self {
            Self::EventId(key) | Self::BodySha256(key) => key,
        }
    }
}

/// A request whose signature stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<'b> {
    /// What to deduplicate by.
    pub identity: Identity,
    /// When the attempt was signed, Unix seconds; `None` when only the body was signed.
    pub timestamp_s: Option<i64>,
    /// The bytes that were signed: parse these and no others.
    pub body: Cow<'b, [u8]>,
}

impl Verifier {
    /// `now_s` is Unix seconds. With any of the three standard headers present all three must be, and must verify.
    ///
    /// # Errors
    /// [`Refusal`], every variant but `MalformedBody`.
    pub fn verify<'b, H: Headers + ?Sized>(
        &self,
        headers: &H,
        body: &'b [u8],
        now_s: i64,
    ) -> Result<Verified<'b>, Refusal> {
        let (bytes, bytes_max) = (body.len(), self.body_bytes_max);
        if bytes > bytes_max {
            return Err(Refusal::BodyTooLarge { bytes, bytes_max });
        }
        let id = single(headers, "webhook-id")?;
        let timestamp = single(headers, "webhook-timestamp")?;
        let signature = single(headers, "webhook-signature")?;
        match (id, timestamp, signature) {
            (Some(id), Some(timestamp), Some(signature)) => {
                let timestamp_s = parse_timestamp(timestamp)?;
                let signed = SignedBytes {
                    id: check_id(id)?,
                    timestamp,
                    body,
                };
                age_within(self.tolerance_seconds, timestamp_s, now_s)?;
                self.check_tokens(signed, signature)?;
                let identity = Identity::EventId(id.to_owned());
                Ok(Verified {
                    identity,
                    timestamp_s: Some(timestamp_s),
                    body: Cow::Borrowed(body),
                })
            }
            (None, None, None) => self.body_signature.verify(&self.keys, headers, body),
            _ => Err(Refusal::MissingSignature),
        }
    }

    fn check_tokens(&self, signed: SignedBytes<'_>, signature: &str) -> Result<(), Refusal> {
        let tokens = Tokens::parse(signature)?;
        let mut judged = false;
        let mut ed25519_bytes = None;
        for key in &self.keys {
            let matches = match key {
                VerifyingKey::Hmac(_) if tokens.v1.is_empty() => continue,
                VerifyingKey::Ed25519(_) if tokens.v1a.is_empty() => continue,
                VerifyingKey::Hmac(secret) => {
                    let tag = signed.hmac(secret.signing_key());
                    tokens
                        .v1
                        .iter()
                        .any(|token| same(secret.signing_key(), tag.as_ref(), token))
                }
                VerifyingKey::Ed25519(public) => {
                    let bytes = ed25519_bytes.get_or_insert_with(|| signed.joined());
                    tokens.v1a.iter().any(|token| public.verifies(bytes, token))
                }
            };
            if matches {
                return Ok(());
            }
            judged = true;
        }
        Err(if judged {
            Refusal::SignatureMismatch
        } else {
            Refusal::UnknownKey
        })
    }
}

/// Whether a signed time is near enough to now, both in Unix seconds.
pub(crate) fn age_within(tolerance_s: u32, timestamp_s: i64, now_s: i64) -> Result<(), Refusal> {
    let age_s = now_s.saturating_sub(timestamp_s);
    if age_s > i64::from(tolerance_s) {
        return Err(Refusal::TimestampTooOld { age_s, tolerance_s });
    }
    if age_s < -i64::from(tolerance_s) {
        return Err(Refusal::TimestampInFuture {
            ahead_s: age_s.saturating_neg(),
            tolerance_s,
        });
    }
    Ok(())
}

/// The idempotency key of a body that came without a signed id: its SHA-256, 64 lower-case hex characters.
#[must_use]
pub fn dedupe_key(body: &[u8]) -> String {
    sha256_hex(body)
}

/// Compares in constant time, whatever the lengths: equal texts have equal tags, and ring compares tags so.
pub(crate) fn same(key: &hmac::Key, ours: &[u8], theirs: &[u8]) -> bool {
    hmac::verify(key, ours, hmac::sign(key, theirs).as_ref()).is_ok()
}

/// The one value of a header, or none.
pub(crate) fn single<'h, H: Headers + ?Sized>(
    headers: &'h H,
    name: &'h str,
) -> Result<Option<&'h str>, Refusal> {
    let mut values = headers.values(name);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Refusal::MalformedSignature(
            "a signature header is there twice",
        ));
    }
    let text = std::str::from_utf8(value)
        .ok()
        .filter(|text| text.is_ascii());
    text.map(Some).ok_or(Refusal::MalformedSignature(
        "a signature header is not ASCII",
    ))
}

/// A full stop would let bytes move between id, timestamp and body under one signature.
fn check_id(id: &str) -> Result<&str, Refusal> {
    let well_formed = (1..=WEBHOOK_ID_BYTES_MAX).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'.');
    let why = "webhook-id is 1 to 256 visible ASCII characters without a full stop";
    well_formed
        .then_some(id)
        .ok_or(Refusal::MalformedSignature(why))
}

pub(crate) fn parse_timestamp(text: &str) -> Result<i64, Refusal> {
    let well_formed = (1..=TIMESTAMP_DIGITS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = if well_formed { text.parse().ok() } else { None };
    seconds.ok_or(Refusal::MalformedSignature(
        "webhook-timestamp is Unix seconds in digits",
    ))
}

/// The decoded tokens of the versions we know.
struct Tokens {
    v1: Vec<Vec<u8>>,
    v1a: Vec<Vec<u8>>,
}

impl Tokens {
    /// Unknown versions are skipped; when nothing remains the header is malformed.
    fn parse(signature: &str) -> Result<Self, Refusal> {
        let mut tokens = Self {
            v1: Vec::new(),
            v1a: Vec::new(),
        };
        for (n, token) in signature
            .split(' ')
            .filter(|token| !token.is_empty())
            .enumerate()
        {
            if n >= SIGNATURE_TOKENS_MAX {
                return Err(Refusal::MalformedSignature(
                    "webhook-signature holds more than 16 tokens",
                ));
            }
            let (version, encoded) = token.split_once(',').unwrap_or((token, ""));
            let of_version = match version {
                "v1" => &mut tokens.v1,
                "v1a" => &mut tokens.v1a,
                _ => continue,
            };
            of_version.extend(
                BASE64
                    .decode(encoded)
                    .ok()
                    .filter(|bytes| !bytes.is_empty()),
            );
        }
        if tokens.v1.is_empty() && tokens.v1a.is_empty() {
            return Err(Refusal::MalformedSignature(
                "webhook-signature holds no v1 or v1a token",
            ));
        }
        Ok(tokens)
    }
}
