//! Opening a file that has come to rest: not through a link, not while another program holds it. Blocks, but never on
//! the file itself.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

use super::scan::Stamp;

/// What became of the try.
#[derive(Debug)]
pub(super) enum Opened {
    File(File),
    /// Moved or removed since it was seen.
    Gone,
    /// It is another file by now, or grows again.
    Changed,
    /// Not now, and why.
    NotNow(String),
}

/// Opens the file at `path` below `root` if it is still what was seen.
pub(super) fn open(root: &Path, path: &Path, seen: Stamp) -> Opened {
    let file = match beneath(root, path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Opened::Gone,
        Err(cause) => return Opened::NotNow(format!("it cannot be opened: {cause}")),
    };
    match file.metadata() {
        Ok(metadata) if metadata.is_file() && Stamp::of(&metadata) == seen => {}
        Ok(_other) => return Opened::Changed,
        Err(cause) => return Opened::NotNow(format!("it cannot be looked at: {cause}")),
    }
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Opened::NotNow("another program has locked it".to_owned()),
        // Held until the file is closed; a file system without locks has none to wait for.
        Ok(()) | Err(TryLockError::Error(_)) => Opened::File(file),
    }
}

/// Below the root without any link on the way; on kernels and in containers that cannot promise that, at least the
/// file itself is none.
fn beneath(root: &Path, path: &Path) -> io::Result<File> {
    // A pipe or a device put in a file's place must not make us wait.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let folder = File::open(root)?;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    match openat2(&folder, path, flags, Mode::empty(), resolve) {
        Ok(file) => Ok(File::from(file)),
        Err(Errno::NOSYS | Errno::PERM) => {
            let file = openat(CWD, root.join(path), flags, Mode::empty());
            Ok(File::from(file?))
        }
        Err(Errno::LOOP | Errno::XDEV) => Err(io::Error::other("there is a link on the way")),
        Err(cause) => Err(cause.into()),
    }
}

/// Whether the file at `path` is still what was seen.
pub(super) fn is_still(path: &Path, seen: Stamp) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| Stamp::of(&metadata) == seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(path: &Path) -> Stamp {
        Stamp::of(&fs::metadata(path).unwrap())
    }

    #[test]
    fn only_the_file_that_was_seen_is_opened() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path();
        let path = root.join("a.dxf");
        fs::write(&path, "one").unwrap();
        let seen = stamp(&path);
        let name = Path::new("a.dxf");
        assert!(matches!(open(root, name, seen), Opened::File(_)));
        let writer = File::options().write(true).open(&path).unwrap();
        writer.lock().unwrap();
        assert!(matches!(open(root, name, seen), Opened::NotNow(why) if why.contains("locked")));
        drop(writer);
        fs::write(&path, "three").unwrap();
        assert!(matches!(open(root, name, seen), Opened::Changed));
        fs::remove_file(&path).unwrap();
        assert!(matches!(open(root, name, seen), Opened::Gone));
    }

    #[test]
    fn links_and_pipes_are_no_way_out() {
        let temp = tempfile::tempdir().unwrap();
        let (root, secret) = (temp.path().join("in"), temp.path().join("secret"));
        fs::create_dir_all(&root).unwrap();
        fs::create_dir_all(temp.path().join("other")).unwrap();
        fs::write(&secret, "s").unwrap();
        fs::write(temp.path().join("other/x"), "s").unwrap();
        std::os::unix::fs::symlink(&secret, root.join("link")).unwrap();
        std::os::unix::fs::symlink(temp.path().join("other"), root.join("dir")).unwrap();
        let seen = stamp(&secret);
        for path in ["link", "dir/x", "../secret"] {
            let opened = open(&root, Path::new(path), seen);
            assert!(matches!(opened, Opened::NotNow(_)), "{path}: {opened:?}");
        }
        let pipe = root.join("pipe");
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        assert!(matches!(
            open(&root, Path::new("pipe"), stamp(&pipe)),
            Opened::Changed
        ));
    }
}
