//! Programs that tests and benches need, taken from Debian when they are missing. It must never install anything
//! without the rights of root, and never anything but what it was asked for.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;

/// What `find` finds; when that is nothing and we are root, installs `package` and looks again.
pub(crate) fn ensure<T>(package: &str, find: impl Fn() -> Option<T>) -> Result<T, String> {
    if let Some(found) = find() {
        return Ok(found);
    }
    let missing = format!("the tests need the package `{package}` (Debian, Ubuntu): install it");
    if !is_root() {
        return Err(format!("{missing}, or run this as root"));
    }
    println!("installing the package `{package}`");
    let install = ["install", "-y", "--no-install-recommends", package];
    if !(apt_get(&install) || apt_get(&["update"]) && apt_get(&install)) {
        return Err(format!("{missing}; apt-get could not"));
    }
    find().ok_or(missing)
}

/// A program of this name in the search path.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn apt_get(arguments: &[&str]) -> bool {
    let mut command = Command::new("apt-get");
    let command = command.env("DEBIAN_FRONTEND", "noninteractive");
    command
        .args(arguments)
        .status()
        .is_ok_and(|status| status.success())
}
