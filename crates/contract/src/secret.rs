//! Shared secrets (HMAC-SHA256), parsed once with their keys ready. Must never print a secret whole.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ring::hmac;

/// What marks a secret whose key is given in base64.
const PREFIX: &str = "whsec_";
/// Fewest characters of a secret without the prefix.
const SECRET_CHARS_MIN: usize = 8;
/// Longest secret, bytes.
const SECRET_BYTES_MAX: usize = 256;

/// Base64 as senders write it: with or without padding.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A text that is no secret or key; it never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Not `whsec_` and 16 to 64 bytes in base64.
    #[error("after `whsec_` a secret holds 16 to 64 bytes in base64")]
    Key,
    /// Too short or too long.
    #[error(
        "a secret without `whsec_` has at least {SECRET_CHARS_MIN} characters and at most {SECRET_BYTES_MAX} bytes"
    )]
    Length,
    /// Not a private key.
    #[error("a private key is `whsk_` and 64 bytes in base64: the ed25519 seed and its public key")]
    PrivateKey,
    /// Not a public key.
    #[error("a public key is `whpk_` and 32 bytes in base64")]
    PublicKey,
}

/// A shared secret. Debug shows it masked.
#[derive(Clone)]
pub struct Secret {
    text: Arc<str>,
    keys: Arc<Keys>,
}

struct Keys {
    /// From the decoded key: signs id, timestamp and body.
    signing: hmac::Key,
    /// From the whole text as shown to the user, prefix included: signs the body alone.
    whole: hmac::Key,
}

impl Secret {
    /// `whsec_` and a base64 key of 16 to 64 bytes, or any text of at least 8 characters, which keys with its bytes.
    ///
    /// # Errors
    /// [`SecretError`] saying the accepted form.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        if text.len() > SECRET_BYTES_MAX || text.chars().count() < SECRET_CHARS_MIN {
            return Err(SecretError::Length);
        }
        let key = match text.strip_prefix(PREFIX) {
            Some(encoded) => BASE64
                .decode(encoded)
                .map_err(|_not_base64| SecretError::Key)?,
            None => text.as_bytes().to_vec(),
        };
        if text.starts_with(PREFIX) && !(16..=64).contains(&key.len()) {
            return Err(SecretError::Key);
        }
        Ok(Self::new(text, &key))
    }

    /// A new secret from 32 random bytes.
    #[must_use]
    pub fn generate(random: [u8; 32]) -> Self {
        Self::new(&format!("{PREFIX}{}", BASE64.encode(random)), &random)
    }

    /// The whole secret, for showing it once and for storing it encrypted.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// `***` and the last four characters.
    #[must_use]
    pub fn masked(&self) -> String {
        let shown = self.text.chars().count().saturating_sub(4);
        format!("***{}", self.text.chars().skip(shown).collect::<String>())
    }

    /// Signs id, timestamp and body.
    pub(crate) fn signing_key(&self) -> &hmac::Key {
        &self.keys.signing
    }

    /// Signs the body alone.
    pub(crate) fn whole_key(&self) -> &hmac::Key {
        &self.keys.whole
    }

    fn new(text: &str, key: &[u8]) -> Self {
        let signing = hmac::Key::new(hmac::HMAC_SHA256, key);
        let whole = hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes());
        Self {
            text: text.into(),
            keys: Arc::new(Keys { signing, whole }),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_when_printed() {
        let secret = Secret::generate([1; 32]);
        assert_eq!(
            secret.expose(),
            "whsec_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
        );
        assert_eq!(format!("{secret:?}"), "Secret(***AQE=)");
        assert_eq!(Secret::parse("pässwörter").unwrap().masked(), "***rter");
    }

    #[test]
    fn only_secrets_are_parsed() {
        let encoded = |bytes: usize| format!("{PREFIX}{}", BASE64.encode(vec![7; bytes]));
        for text in [
            encoded(16),
            encoded(64),
            encoded(17).replace('=', ""),
            "eight888".to_owned(),
        ] {
            assert!(Secret::parse(&text).is_ok(), "{text}");
        }
        for text in [
            encoded(15),
            encoded(65),
            "whsec_!!!!!!!!!!!!!!!!!!!!!!!!".to_owned(),
        ] {
            assert!(
                matches!(Secret::parse(&text), Err(SecretError::Key)),
                "{text}"
            );
        }
        for text in [String::new(), "seven77".to_owned(), "x".repeat(257)] {
            assert!(
                matches!(Secret::parse(&text), Err(SecretError::Length)),
                "{text}"
            );
        }
    }
}
