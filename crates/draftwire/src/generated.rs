//! Secrets that the program makes for itself at the first start, kept in files only their owner may read.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use ring::rand::{SecureRandom, SystemRandom};

/// The signing secret between the two services of one machine.
pub(crate) fn signing_secret(data_dir: &Path) -> io::Result<String> {
    fs::create_dir_all(data_dir)?;
    let path = data_dir.join("webhook.secret");
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(mut file) => {
            let mut random = [0; 32];
            SystemRandom::new()
                .fill(&mut random)
                .map_err(|_unspecified| io::Error::other("the system gives no randomness"))?;
            let secret = contract::Secret::generate(random);
            file.write_all(secret.expose().as_bytes())?;
            file.sync_all()?;
            Ok(secret.expose().to_owned())
        }
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
            Ok(fs::read_to_string(&path)?.trim().to_owned())
        }
        Err(cause) => Err(cause),
    }
}
