//! Secrets at rest: sealed with AES-256-GCM under one key that is kept outside the database.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

/// Seals and opens the secrets of endpoints.
pub struct Vault {
    key: LessSafeKey,
    random: SystemRandom,
}

/// Why a secret could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    #[error("the key for secrets must be 32 bytes")]
    Key,
    #[error("the system gives no randomness")]
    Random,
    #[error(
        "a stored secret cannot be opened with this key: put back the key file that belongs to this database"
    )]
    Sealed,
}

impl Vault {
    /// With a key of 32 bytes.
    ///
    /// # Errors
    /// [`VaultError::Key`] on another length.
    pub fn new(key: &[u8]) -> Result<Self, VaultError> {
        let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_length| VaultError::Key)?;
        Ok(Self {
            key: LessSafeKey::new(key),
            random: SystemRandom::new(),
        })
    }

    /// Nonce, ciphertext and tag of `text`, bound to `owner`: it opens for no other.
    pub(crate) fn seal(&self, owner: i64, text: &str) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0; NONCE_LEN];
        self.random
            .fill(&mut nonce)
            .map_err(|_unspecified| VaultError::Random)?;
        let mut sealed = text.as_bytes().to_vec();
        let aad = Aad::from(owner.to_be_bytes());
        let unique = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(unique, aad, &mut sealed)
            .map_err(|_unspecified| VaultError::Sealed)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    pub(crate) fn open(&self, owner: i64, sealed: &[u8]) -> Result<String, VaultError> {
        let (nonce, rest) = sealed
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(VaultError::Sealed)?;
        let mut rest = rest.to_vec();
        let aad = Aad::from(owner.to_be_bytes());
        let unique = Nonce::assume_unique_for_key(*nonce);
        let text = self
            .key
            .open_in_place(unique, aad, &mut rest)
            .map_err(|_unspecified| VaultError::Sealed)?;
        String::from_utf8(text.to_vec()).map_err(|_not_text| VaultError::Sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_with_its_key_for_its_owner_only() {
        let vault = Vault::new(&[7; 32]).unwrap();
        let sealed = vault.seal(5, "whsec_abc").unwrap();
        assert_eq!(vault.open(5, &sealed).unwrap(), "whsec_abc");
        assert_eq!(vault.open(6, &sealed), Err(VaultError::Sealed));
        let other = Vault::new(&[8; 32]).unwrap();
        assert_eq!(other.open(5, &sealed), Err(VaultError::Sealed));
        assert_eq!(vault.open(5, &sealed[..20]), Err(VaultError::Sealed));
        assert_ne!(vault.seal(5, "whsec_abc").unwrap(), sealed);
        assert!(Vault::new(b"short").is_err());
    }
}
