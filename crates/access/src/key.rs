//! The text of a key and its hash. Never keeps the text: only who asked for the key sees it, once.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use std::fmt;

const PREFIX: &str = "dw_";
const RANDOM_BYTES: usize = 32;
const TEXT_BYTES_MAX: usize = 128;
/// Characters at the key's end that a list shows, so that people can tell keys apart.
const HINT_CHARS: usize = 4;

/// What finds a key in the database. A key is 32 random bytes: one fast hash is enough, nobody can guess one.
pub(crate) type KeyHash = [u8; 32];

/// A key as its holder sends it.
#[derive(Clone)]
pub struct KeyText(String);

impl KeyText {
    /// A fresh key; nothing when the system gives no randomness.
    pub fn generate() -> Option<Self> {
        let mut random = [0; RANDOM_BYTES];
        SystemRandom::new().fill(&mut random).ok()?;
        Some(Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random))))
    }

    /// A key as somebody typed it; nothing when no key looks like this.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = text.len() <= TEXT_BYTES_MAX && text.starts_with(PREFIX);
        fits.then(|| Self(text.to_owned()))
    }

    /// The key in an `Authorization` header (RFC 6750, section 2.1).
    pub(crate) fn from_header(header: &str) -> Option<Self> {
        let (scheme, key) = header.trim().split_once(' ')?;
        let is_bearer = scheme.eq_ignore_ascii_case("bearer");
        is_bearer.then(|| Self::parse(key)).flatten()
    }

    /// The whole key, to be shown once.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn hash(&self) -> KeyHash {
        let mut hash = KeyHash::default();
        hash.copy_from_slice(digest(&SHA256, self.0.as_bytes()).as_ref());
        hash
    }

    pub(crate) fn hint(&self) -> String {
        let skipped = self.0.chars().count().saturating_sub(HINT_CHARS);
        self.0.chars().skip(skipped).collect()
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dw_***{}", self.hint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_hold_keys_in_one_form_only() {
        let key = KeyText::generate().unwrap();
        let accepted = [
            format!("Bearer {}", key.expose()),
            format!("bearer  {} ", key.expose()),
            format!("Bearer {}{}", " ".repeat(TEXT_BYTES_MAX), key.expose()),
        ];
        for header in accepted {
            assert_eq!(KeyText::from_header(&header).unwrap().hash(), key.hash());
        }
        for header in ["", "Bearer", "Bearer x", "Basic dw_abc", key.expose()] {
            assert!(KeyText::from_header(header).is_none(), "{header}");
        }
        let long = format!("Bearer dw_{}", "x".repeat(TEXT_BYTES_MAX));
        assert!(KeyText::from_header(&long).is_none());
        assert!(!format!("{key:?}").contains(key.expose()));
    }
}
