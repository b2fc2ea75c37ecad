//! Keys that the service makes for itself at the first start, in files that only their owner may read.
//! Never replaces one: what it has sealed or signed would be lost.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use contract::Secret;
use ring::rand::{SecureRandom, SystemRandom};

const KEY_BYTES: usize = 32;

/// The key that seals secrets in the database: 32 bytes in `path`.
pub(crate) fn encryption_key(path: &Path) -> io::Result<Vec<u8>> {
    kept(path, |random| random.to_vec())
}

/// The signing secret between two services of one machine, in `webhook.secret` below `data_dir`.
///
/// # Errors
/// When the file can be neither read nor made.
pub fn signing_secret(data_dir: &Path) -> io::Result<String> {
    let make = |random| Secret::generate(random).expose().as_bytes().to_vec();
    let bytes = kept(&data_dir.join("webhook.secret"), make)?;
    let text = String::from_utf8(bytes).map_err(io::Error::other)?;
    Ok(text.trim().to_owned())
}

/// What the file holds; a missing one is made from fresh randomness.
fn kept(path: &Path, make: impl FnOnce([u8; KEY_BYTES]) -> Vec<u8>) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
        read => return read,
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut random = [0; KEY_BYTES];
    SystemRandom::new()
        .fill(&mut random)
        .map_err(|_unspecified| io::Error::other("the system gives no randomness"))?;
    // Whole or not at all, and the first of two that start at once wins.
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    write_secret(&draft, &make(random))?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => return Err(cause),
        _ => File::open(folder)?.sync_all()?,
    }
    fs::read(path)
}

fn write_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/ingest.key");
        let key = encryption_key(&path).unwrap();
        assert_eq!(key.len(), KEY_BYTES);
        assert_eq!(encryption_key(&path).unwrap(), key);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        let secret = signing_secret(folder.path()).unwrap();
        assert!(Secret::parse(&secret).is_ok());
        assert_eq!(signing_secret(folder.path()).unwrap(), secret);
    }
}
