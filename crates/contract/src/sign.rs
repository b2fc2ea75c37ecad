//! Signing: the tokens of `webhook-signature` and the older signature over the body alone. Must never copy the body
//! for HMAC; ed25519 needs it in one piece.

use base64::Engine as _;
use ring::hmac;

use crate::hex::hex;
use crate::key_pair::KeyPair;
use crate::secret::{BASE64, Secret};

/// A live key of an endpoint.
#[derive(Debug, Clone)]
pub enum SigningKey {
    /// Gives a `v1` token, and the signature over the body alone.
    Hmac(Secret),
    /// Gives a `v1a` token.
    Ed25519(KeyPair),
}

/// Signs the deliveries of one endpoint; built once per version of the endpoint.
#[derive(Debug, Clone)]
pub struct Signer {
    keys: Vec<SigningKey>,
}

impl Signer {
    /// With the live keys, newest first.
    #[must_use]
    pub fn new(keys: Vec<SigningKey>) -> Self {
        Self { keys }
    }

    /// The value of `webhook-signature`: one token per live key, newest first, over id, attempt time in Unix seconds
    /// and body.
    #[must_use]
    pub fn sign(&self, id: &str, attempt_s: i64, body: &[u8]) -> String {
        let timestamp = attempt_s.to_string();
        let signed = SignedBytes {
            id,
            timestamp: &timestamp,
            body,
        };
        let mut value = String::with_capacity(52 * self.keys.len());
        for key in &self.keys {
            value.push_str(if value.is_empty() { "" } else { " " });
            match key {
                SigningKey::Hmac(secret) => {
                    value.push_str("v1,");
                    BASE64.encode_string(signed.hmac(secret.signing_key()), &mut value);
                }
                SigningKey::Ed25519(pair) => {
                    value.push_str("v1a,");
                    BASE64.encode_string(pair.sign(&signed.joined()), &mut value);
                }
            }
        }
        value
    }

    /// The lower-case hex HMAC-SHA256 over the body alone, keyed with the whole text of the newest secret; `None` when
    /// the endpoint has ed25519 keys only.
    #[must_use]
    pub fn body_hex(&self, body: &[u8]) -> Option<String> {
        let newest = self.keys.iter().find_map(|key| match key {
            SigningKey::Hmac(secret) => Some(secret),
            SigningKey::Ed25519(_) => None,
        });
        newest.map(|secret| hex(hmac::sign(secret.whole_key(), body).as_ref()))
    }
}

/// `<id>.<timestamp>.<body>`, kept in its pieces.
#[derive(Clone, Copy)]
pub(crate) struct SignedBytes<'a> {
    pub(crate) id: &'a str,
    pub(crate) timestamp: &'a str,
    pub(crate) body: &'a [u8],
}

impl SignedBytes<'_> {
    pub(crate) fn hmac(&self, key: &hmac::Key) -> hmac::Tag {
        let mut context = hmac::Context::with_key(key);
        for piece in self.pieces() {
            context.update(piece);
        }
        context.sign()
    }

    pub(crate) fn joined(&self) -> Vec<u8> {
        self.pieces().concat()
    }

    fn pieces(&self) -> [&[u8]; 5] {
        [
            self.id.as_bytes(),
            b".",
            self.timestamp.as_bytes(),
            b".",
            self.body,
        ]
    }
}
