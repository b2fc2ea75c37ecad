//! Secrets of sources at rest: sealed with AES-256-GCM under a key that is kept outside the database.
//! Must never replace a key file: what it has sealed would be lost.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

const KEY_BYTES: usize = 32;

/// Seals and opens secrets.
pub(crate) struct Vault(LessSafeKey);

/// Why a secret could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VaultError {
    #[error("the system gives no randomness")]
    Random,
    #[error(
        "a stored secret cannot be opened with this key: put back the key file that belongs to this database"
    )]
    Sealed,
}

impl Vault {
    /// With the key in `path`; a missing one is made from fresh randomness, for its owner's eyes only.
    ///
    /// # Errors
    /// When the file can be neither read nor made, or does not hold 32 bytes.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let key = match fs::read(path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => made(path)?,
            read => read?,
        };
        let key = UnboundKey::new(&AES_256_GCM, &key)
            .map_err(|_length| io::Error::other("it does not hold 32 bytes"))?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Nonce, ciphertext and tag of `text`, bound to `owner`: it opens for no other.
    pub(crate) fn seal(&self, owner: i64, text: &str) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0; NONCE_LEN];
        random(&mut nonce).map_err(|_none| VaultError::Random)?;
        let mut sealed = text.as_bytes().to_vec();
        let unique = Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_in_place_append_tag(unique, Aad::from(owner.to_be_bytes()), &mut sealed)
            .map_err(|_unspecified| VaultError::Sealed)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    pub(crate) fn unseal(&self, owner: i64, sealed: &[u8]) -> Result<String, VaultError> {
        let split = sealed.split_first_chunk::<NONCE_LEN>();
        let (nonce, rest) = split.ok_or(VaultError::Sealed)?;
        let mut rest = rest.to_vec();
        let unique = Nonce::assume_unique_for_key(*nonce);
        let text = self
            .0
            .open_in_place(unique, Aad::from(owner.to_be_bytes()), &mut rest)
            .map_err(|_unspecified| VaultError::Sealed)?;
        String::from_utf8(text.to_vec()).map_err(|_not_text| VaultError::Sealed)
    }
}

/// Fresh bytes from the system.
pub(crate) fn random(bytes: &mut [u8]) -> io::Result<()> {
    let filled = SystemRandom::new().fill(bytes);
    filled.map_err(|_unspecified| io::Error::other("the system gives no randomness"))
}

/// Whole or not at all, and of two that start at once the first wins.
fn made(path: &Path) -> io::Result<Vec<u8>> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut key = [0; KEY_BYTES];
    random(&mut key)?;
    let mut name = [0; 8];
    random(&mut name)?;
    let draft = path.with_extension(format!("draft-{:016x}", u64::from_be_bytes(name)));
    let mut file = owned(&draft)?;
    file.write_all(&key)?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => return Err(cause),
        _ => File::open(folder)?.sync_all()?,
    }
    fs::read(path)
}

#[cfg(unix)]
fn owned(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

#[cfg(not(unix))]
fn owned(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_with_its_key_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/receiver.key");
        let vault = Vault::open(&path).unwrap();
        let sealed = vault.seal(5, "whsec_abc").unwrap();
        assert_ne!(vault.seal(5, "whsec_abc").unwrap(), sealed);
        let again = Vault::open(&path).unwrap();
        assert_eq!(again.unseal(5, &sealed).unwrap(), "whsec_abc");
        assert_eq!(again.unseal(6, &sealed), Err(VaultError::Sealed));
        assert_eq!(again.unseal(5, &sealed[..20]), Err(VaultError::Sealed));
        let other = Vault::open(&folder.path().join("other.key")).unwrap();
        assert_eq!(other.unseal(5, &sealed), Err(VaultError::Sealed));
        fs::write(folder.path().join("short.key"), "short").unwrap();
        assert!(Vault::open(&folder.path().join("short.key")).is_err());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
