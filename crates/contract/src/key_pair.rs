//! ed25519 keys: `whsk_` private, `whpk_` public. Must never print a private key.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::secret::{BASE64, SecretError};

/// A private key with its public key: signs `v1a` tokens. Debug shows the public key only.
#[derive(Clone)]
pub struct KeyPair {
    seed: [u8; 32],
    pair: Arc<Ed25519KeyPair>,
}

impl KeyPair {
    /// `whsk_` and, in base64, the 32 bytes of the seed and the 32 of the public key.
    ///
    /// # Errors
    /// [`SecretError::PrivateKey`], also when the two halves do not belong together.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let bytes = text
            .strip_prefix("whsk_")
            .and_then(|encoded| BASE64.decode(encoded).ok());
        let halves = bytes
            .as_deref()
            .and_then(|bytes| bytes.split_first_chunk::<32>());
        let (seed, public) = halves.ok_or(SecretError::PrivateKey)?;
        let pair = Ed25519KeyPair::from_seed_and_public_key(seed, public);
        let pair = pair.map_err(|_mismatch| SecretError::PrivateKey)?;
        Ok(Self {
            seed: *seed,
            pair: Arc::new(pair),
        })
    }

    /// A new key from 32 random bytes.
    #[must_use]
    pub fn generate(random: [u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&random).expect("a seed is any 32 bytes");
        Self {
            seed: random,
            pair: Arc::new(pair),
        }
    }

    /// The whole private key as `whsk_…`, for storing it encrypted.
    #[must_use]
    pub fn expose(&self) -> String {
        let public = self.pair.public_key().as_ref();
        format!(
            "whsk_{}",
            BASE64.encode([self.seed.as_slice(), public].concat())
        )
    }

    /// The public key, for verifiers.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        let bytes = self.pair.public_key().as_ref().try_into();
        PublicKey(bytes.expect("an ed25519 public key has 32 bytes"))
    }

    /// The signature, 64 bytes.
    pub(crate) fn sign(&self, signed_bytes: &[u8]) -> impl AsRef<[u8]> + use<> {
        self.pair.sign(signed_bytes)
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({})", self.public_key())
    }
}

/// A public key, `whpk_…`: verifies `v1a` tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// `whpk_` and 32 bytes in base64.
    ///
    /// # Errors
    /// [`SecretError::PublicKey`].
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let bytes = text
            .strip_prefix("whpk_")
            .and_then(|encoded| BASE64.decode(encoded).ok());
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(SecretError::PublicKey)
    }

    /// The 32 bytes, as a JWK of kind `OKP` wants them.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether the signature over these bytes is this key's.
    pub(crate) fn verifies(&self, signed_bytes: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0)
            .verify(signed_bytes, signature)
            .is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "whpk_{}", BASE64.encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lead_back_to_their_text() {
        let pair = KeyPair::generate([9; 32]);
        let same = KeyPair::parse(&pair.expose()).unwrap();
        assert_eq!(same.public_key(), pair.public_key());
        assert_eq!(
            PublicKey::parse(&pair.public_key().to_string()),
            Ok(pair.public_key())
        );
        assert_eq!(
            format!("{pair:?}"),
            format!("KeyPair({})", pair.public_key())
        );
    }

    #[test]
    fn only_keys_are_parsed() {
        let pair = KeyPair::generate([9; 32]);
        let other = KeyPair::generate([8; 32]);
        let mixed = [pair.seed, other.public_key().0].concat();
        for text in [
            "",
            "whsk_",
            "whsk_AAAA",
            &format!("whsk_{}", BASE64.encode(mixed)),
        ] {
            assert!(
                matches!(KeyPair::parse(text), Err(SecretError::PrivateKey)),
                "{text}"
            );
        }
        assert_eq!(PublicKey::parse("whpk_AAAA"), Err(SecretError::PublicKey));
        assert_eq!(
            PublicKey::parse(&pair.expose()),
            Err(SecretError::PublicKey)
        );
    }
}
