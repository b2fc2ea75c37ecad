//! Moving a file that is done with, or has failed, out of the watched folder. Nothing is ever overwritten, and what
//! is no longer the file that was taken in stays where it is. Blocks.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::scan::Stamp;

/// End of the name of the text beside a failed file that says why.
const REASON: &str = ".reason.txt";
/// Names tried for one file, as in `part (2).dxf`.
const NAMES_MAX: u32 = 10_000;

pub(super) fn is_reason(name: &str) -> bool {
    name.ends_with(REASON)
}

/// Where a file is, and what it was when it was taken in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken<'a> {
    pub(super) root: &'a Path,
    /// From the root.
    pub(super) path: &'a Path,
    pub(super) stamp: Stamp,
}

/// Moves the file below `to`, with its folders, and writes `reason` beside it if there is one; answers its new
/// place. `None` when it is gone, or another file by now.
///
/// # Errors
/// When it cannot be moved now.
pub(super) fn put_away(
    file: Taken<'_>,
    to: &Path,
    reason: Option<&str>,
) -> io::Result<Option<PathBuf>> {
    let from = file.root.join(file.path);
    let is_same = || match fs::symlink_metadata(&from) {
        Ok(metadata) => Ok(metadata.is_file() && Stamp::of(&metadata) == file.stamp),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(cause),
    };
    if !is_same()? {
        return Ok(None);
    }
    let folder = folder_below(to, file.path)?;
    for number in 1..=NAMES_MAX {
        let target = folder.join(numbered(file.path, number));
        if fs::symlink_metadata(&target).is_ok() {
            continue;
        }
        // Before the move: a failed file without its reason would tell nobody anything.
        if let Some(reason) = reason {
            write_reason(&target, reason)?;
        }
        match move_to(&from, &target) {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
            Err(cause) if cause.kind() == io::ErrorKind::NotFound && !is_same()? => {
                return Ok(None);
            }
            moved => return moved.map(|()| Some(target)),
        }
    }
    Err(io::Error::other(format!(
        "{NAMES_MAX} files of this name have been put there"
    )))
}

/// The same folders below `to` as the file has now. A link among them would lead elsewhere: then it is `to` itself.
fn folder_below(to: &Path, path: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(to)?;
    let top = to.canonicalize()?;
    let mut folder = top.clone();
    for part in path.parent().into_iter().flat_map(Path::components) {
        let below = folder.join(part);
        match fs::create_dir(&below) {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        if !fs::symlink_metadata(&below)?.is_dir() {
            return Ok(top);
        }
        folder = below;
    }
    Ok(folder)
}

/// `part.dxf`, `part (2).dxf`, …
fn numbered(path: &Path, number: u32) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    if number == 1 {
        return PathBuf::from(name);
    }
    let name = Path::new(name);
    let mut text = name.file_stem().unwrap_or_default().to_os_string();
    text.push(format!(" ({number})"));
    if let Some(extension) = name.extension() {
        text.push(".");
        text.push(extension);
    }
    PathBuf::from(text)
}

fn write_reason(target: &Path, reason: &str) -> io::Result<()> {
    let mut path = target.as_os_str().to_os_string();
    path.push(REASON);
    // Of an earlier try; or a link, which must not be written through.
    match fs::remove_file(&path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    let mut file = File::create_new(path)?;
    writeln!(file, "{reason}")?;
    file.sync_all()
}

fn move_to(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::XDEV) => copy_over(from, to),
        // A file system without this kind of move, as many network drives are: a link does not replace either.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => match fs::hard_link(from, to) {
            Ok(()) => fs::remove_file(from),
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Err(cause),
            Err(_no_links) => copy_over(from, to),
        },
        Err(cause) => Err(cause.into()),
    }
}

/// To another file system: the copy is complete and on disk before the file goes.
fn copy_over(from: &Path, to: &Path) -> io::Result<()> {
    let mut target = File::create_new(to)?;
    let mut options = File::options();
    let opened = options.read(true).custom_flags(libc::O_NOFOLLOW).open(from);
    let copied = opened.and_then(|mut file| {
        io::copy(&mut file, &mut target)?;
        target.sync_all()
    });
    if copied.is_err() {
        fs::remove_file(to)?;
    }
    copied.and_then(|()| fs::remove_file(from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(path: &Path) -> Stamp {
        Stamp::of(&fs::metadata(path).unwrap())
    }

    #[test]
    fn names_that_are_taken_get_numbers_and_folders_are_kept() {
        let temp = tempfile::tempdir().unwrap();
        let (root, done) = (temp.path().join("in"), temp.path().join("in/done"));
        fs::create_dir_all(root.join("CL0001/a")).unwrap();
        let path = Path::new("CL0001/a/part.x.dxf");
        let mut places = Vec::new();
        for number in 1..=3 {
            let from = root.join(path);
            fs::write(&from, "x".repeat(number)).unwrap();
            let file = Taken {
                root: &root,
                path,
                stamp: stamp(&from),
            };
            let reason = (number == 2).then_some("too small");
            places.push(put_away(file, &done, reason).unwrap().unwrap());
            assert!(!from.exists());
        }
        let below = done.canonicalize().unwrap().join("CL0001/a");
        let names = ["part.x.dxf", "part.x (2).dxf", "part.x (3).dxf"];
        assert_eq!(places, names.map(|name| below.join(name)));
        assert_eq!(fs::read(below.join("part.x (2).dxf")).unwrap(), b"xx");
        let reason = fs::read_to_string(below.join("part.x (2).dxf.reason.txt")).unwrap();
        assert_eq!(reason, "too small\n");
        assert!(is_reason("part.x (2).dxf.reason.txt"));
    }

    #[test]
    fn another_file_of_the_name_stays_and_links_lead_nowhere() {
        let temp = tempfile::tempdir().unwrap();
        let (root, done, elsewhere) = (
            temp.path().join("in"),
            temp.path().join("done"),
            temp.path().join("elsewhere"),
        );
        for folder in [&root.join("sub"), &done, &elsewhere] {
            fs::create_dir_all(folder).unwrap();
        }
        let (from, path) = (root.join("sub/a.dxf"), Path::new("sub/a.dxf"));
        fs::write(&from, "old").unwrap();
        let file = Taken {
            root: &root,
            path,
            stamp: stamp(&from),
        };
        fs::write(&from, "newer").unwrap();
        assert_eq!(put_away(file, &done, None).unwrap(), None);
        assert!(from.exists());

        std::os::unix::fs::symlink(&elsewhere, done.join("sub")).unwrap();
        let secret = temp.path().join("secret");
        fs::write(&secret, "kept").unwrap();
        std::os::unix::fs::symlink(&secret, done.join("a.dxf.reason.txt")).unwrap();
        let file = Taken {
            stamp: stamp(&from),
            ..file
        };
        let place = put_away(file, &done, Some("why")).unwrap().unwrap();
        assert_eq!(fs::read(&secret).unwrap(), b"kept");
        assert_eq!(place, done.canonicalize().unwrap().join("a.dxf"));
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
        fs::remove_file(done.join("a.dxf")).unwrap();
        assert_eq!(put_away(file, &done, None).unwrap(), None, "it is gone");
    }
}
