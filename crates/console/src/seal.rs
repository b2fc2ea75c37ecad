//! What a browser keeps for us and can neither read nor change: AES-256-GCM, as ring offers it. Each purpose has a name,
//! so that what was sealed for one opens for no other.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

/// Longest text that is opened.
const SEALED_BYTES_MAX: usize = 4_096;

/// Seals and opens with keys made of the service's own.
pub(crate) struct Sealer {
    key: LessSafeKey,
    tokens: hmac::Key,
    random: SystemRandom,
}

impl Sealer {
    /// `secret` is what only this service knows, at least 32 bytes; `None` if the cipher refuses what is made of it.
    pub(crate) fn new(secret: &[u8], service: &str) -> Option<Self> {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let made = |use_: &str| hmac::sign(&secret, format!("console {service} {use_}").as_bytes());
        let key = UnboundKey::new(&AES_256_GCM, made("cookies").as_ref()).ok()?;
        Some(Self {
            key: LessSafeKey::new(key),
            tokens: hmac::Key::new(hmac::HMAC_SHA256, made("tokens").as_ref()),
            random: SystemRandom::new(),
        })
    }

    /// Fresh randomness; `None` when the system gives none.
    pub(crate) fn random<const N: usize>(&self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes).ok()?;
        Some(bytes)
    }

    /// The text for a cookie; `None` when the system gives no randomness.
    pub(crate) fn seal(&self, purpose: &str, plain: &[u8]) -> Option<String> {
        let nonce: [u8; NONCE_LEN] = self.random()?;
        let mut sealed = plain.to_vec();
        let unique = Nonce::assume_unique_for_key(nonce);
        let aad = Aad::from(purpose.as_bytes());
        self.key
            .seal_in_place_append_tag(unique, aad, &mut sealed)
            .ok()?;
        Some(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// What was sealed for this purpose; `None` for anything else.
    pub(crate) fn open(&self, purpose: &str, text: &str) -> Option<Vec<u8>> {
        if text.len() > SEALED_BYTES_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = sealed.to_vec();
        let unique = Nonce::assume_unique_for_key(*nonce);
        let aad = Aad::from(purpose.as_bytes());
        let plain = self.key.open_in_place(unique, aad, &mut sealed).ok()?;
        Some(plain.to_vec())
    }

    /// The token that forms of a session carry.
    pub(crate) fn token(&self, session: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.tokens, session))
    }

    /// Whether this is that token, in a time that does not tell how much of it is right.
    pub(crate) fn is_token(&self, session: &[u8], text: &str) -> bool {
        let tag = URL_SAFE_NO_PAD.decode(text.trim());
        tag.is_ok_and(|tag| hmac::verify(&self.tokens, session, &tag).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_for_its_purpose_and_service_only() {
        let sealer = Sealer::new(&[1; 32], "ingest").unwrap();
        let text = sealer.seal("session", b"who").unwrap();
        assert_eq!(sealer.open("session", &text).unwrap(), b"who");
        assert_ne!(sealer.seal("session", b"who").unwrap(), text);
        assert!(sealer.open("flash", &text).is_none());
        for other in [
            Sealer::new(&[1; 32], "receiver"),
            Sealer::new(&[2; 32], "ingest"),
        ] {
            assert!(other.unwrap().open("session", &text).is_none());
        }
        let cut: String = text.chars().skip(1).collect();
        let short: String = text.chars().take(20).collect();
        for broken in ["", "x", &cut, &short, &"A".repeat(9_000)] {
            assert!(sealer.open("session", broken).is_none());
        }
        let token = sealer.token(b"one");
        assert!(sealer.is_token(b"one", &token));
        assert!(!sealer.is_token(b"two", &token));
        assert!(!sealer.is_token(b"one", ""));
    }
}
