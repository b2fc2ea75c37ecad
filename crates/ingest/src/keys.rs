//! Keys that the service makes for itself at the first start, in files that only their owner may read.

use std::fs::{self, OpenOptions};
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
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    match options.write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            let mut random = [0; KEY_BYTES];
            SystemRandom::new()
                .fill(&mut random)
                .map_err(|_unspecified| io::Error::other("the system gives no randomness"))?;
            let bytes = make(random);
            file.write_all(&bytes)?;
            file.sync_all()?;
            Ok(bytes)
        }
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => fs::read(path),
        Err(cause) => Err(cause),
    }
}
