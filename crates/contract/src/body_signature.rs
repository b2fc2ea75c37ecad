//! Signatures over the body alone, as senders older than Standard Webhooks make them. They prove no time and no id:
//! they must never be looked at when a standard header is there, nor unless the source says so.

use std::borrow::Cow;

use ring::hmac;

use crate::canonical::{PYTHON, push_canonical};
use crate::hex::{hex, sha256_hex};
use crate::json::JsonObject;
use crate::verify::{Headers, Identity, Refusal, Verified, VerifyingKey, same, single};

/// What a source accepts when none of the three standard headers is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodySignature {
    /// Nothing.
    #[default]
    Refused,
    /// `x-webhook-signature` or `x-signature`, over the body as sent.
    Accepted,
    /// The same, or over the body as Python's `json.dumps(body, sort_keys=True)` prints it.
    AcceptedSorted,
}

impl BodySignature {
    /// The identity is the SHA-256 of what was signed, so a copy with other blanks is the same event.
    pub(crate) fn verify<'b, H: Headers + ?Sized>(
        self,
        keys: &[VerifyingKey],
        headers: &H,
        body: &'b [u8],
    ) -> Result<Verified<'b>, Refusal> {
        if self == Self::Refused {
            return Err(Refusal::MissingSignature);
        }
        let value = match single(headers, "x-webhook-signature")? {
            None => single(headers, "x-signature")?,
            found => found,
        };
        let given = parse_hex(value.ok_or(Refusal::MissingSignature)?)?;
        let secrets = keys.iter().filter_map(|key| match key {
            VerifyingKey::Hmac(secret) => Some(secret.whole_key()),
            VerifyingKey::Ed25519(_) => None,
        });
        if secrets.clone().next().is_none() {
            return Err(Refusal::UnknownKey);
        }
        let signs = |text: &[u8]| secrets.clone().any(|key| signs(key, text, &given));
        let signed = if signs(body) {
            Some(Cow::Borrowed(body))
        } else if self == Self::AcceptedSorted {
            sorted(body).filter(|text| signs(text)).map(Cow::Owned)
        } else {
            None
        };
        let body = signed.ok_or(Refusal::SignatureMismatch)?;
        let identity = Identity::BodySha256(sha256_hex(&body));
        Ok(Verified {
            identity,
            timestamp_s: None,
            body,
        })
    }
}

pub(crate) fn signs(key: &hmac::Key, text: &[u8], given: &str) -> bool {
    let ours = hex(hmac::sign(key, text).as_ref());
    same(key, ours.as_bytes(), given.as_bytes())
}

/// `sha256=<hex>` or bare hex, in any case, to lower-case hex.
pub(crate) fn parse_hex(value: &str) -> Result<String, Refusal> {
    let digits = value.strip_prefix("sha256=").unwrap_or(value);
    let well_formed = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let why = "a signature over the body is `sha256=` and 64 hex digits, or the digits alone";
    well_formed
        .then(|| digits.to_ascii_lowercase())
        .ok_or(Refusal::MalformedSignature(why))
}

/// The sorted re-serialisation of a body that is a JSON object.
fn sorted(body: &[u8]) -> Option<Vec<u8>> {
    let object = JsonObject::parse(std::str::from_utf8(body).ok()?).ok()?;
    let mut text = Vec::with_capacity(body.len());
    push_canonical(&mut text, &object, PYTHON).ok()?;
    Some(text)
}
