//! One look through a watched folder: which files lie there, with size and time. Links are never followed, and
//! what cannot be looked at makes the look incomplete, so that nothing is taken for gone. Blocks.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::put_away::is_reason;
use super::settings::Folder;

/// What tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub size: u64,
    /// Nanoseconds since 1970, by whichever clock: only compared for being equal.
    pub modified_ns: i64,
}

impl Stamp {
    pub fn of(metadata: &Metadata) -> Self {
        let seconds = metadata.mtime().saturating_mul(1_000_000_000);
        Self {
            size: metadata.len(),
            modified_ns: seconds.saturating_add(metadata.mtime_nsec()),
        }
    }
}

/// A file below the folder, by its path from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
}

/// What one look found.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub(super) files: Vec<Found>,
    /// Why some files may be missing from it.
    pub(super) incomplete: Option<String>,
}

/// Looks through the folder, breadth first, as far as its bounds allow.
///
/// # Errors
/// When the folder itself cannot be looked at: it is away, for now or for good.
pub(super) fn look(folder: &Folder) -> io::Result<Look> {
    let mut look = Look::default();
    let mut entries_left = folder.pace.entries_max;
    let mut level = vec![PathBuf::new()];
    for depth in 0..=folder.pace.depth_max {
        let mut below = Vec::new();
        for path in level {
            match entries(folder, &path, &mut entries_left) {
                Ok(entries) => sort_in(folder, entries, &mut look, &mut below),
                Err(cause) if path.as_os_str().is_empty() => return Err(cause),
                // Gone since it was listed.
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
                Err(cause) => look.incomplete = Some(format!("{}: {cause}", path.display())),
            }
        }
        if entries_left == 0 {
            let max = folder.pace.entries_max;
            look.incomplete = Some(format!(
                "more than {max} files and folders (ingest.watch.entries_max)"
            ));
        }
        if below.is_empty() || !folder.subfolders || entries_left == 0 {
            return Ok(look);
        }
        if depth == folder.pace.depth_max {
            let max = folder.pace.depth_max;
            look.incomplete = Some(format!(
                "folders more than {max} deep (ingest.watch.depth_max)"
            ));
        }
        level = below;
    }
    Ok(look)
}

fn entries(
    folder: &Folder,
    path: &Path,
    entries_left: &mut usize,
) -> io::Result<Vec<(PathBuf, Metadata)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder.root.join(path))? {
        let Some(left) = entries_left.checked_sub(1) else {
            return Ok(found);
        };
        *entries_left = left;
        let entry = entry?;
        // Of the entry itself, not of what it may point to.
        match entry.metadata() {
            Ok(metadata) => found.push((path.join(entry.file_name()), metadata)),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(found)
}

fn sort_in(
    folder: &Folder,
    entries: Vec<(PathBuf, Metadata)>,
    look: &mut Look,
    below: &mut Vec<PathBuf>,
) {
    for (path, metadata) in entries {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if folder.ignore.fit(&name) {
            continue;
        }
        if metadata.is_dir() && !is_aside(folder, &path) {
            below.push(path);
        } else if metadata.is_file() && !is_reason(&name) {
            let stamp = Stamp::of(&metadata);
            look.files.push(Found { path, stamp });
        }
    }
}

/// Whether a folder, by its path from the watched one, is where files are put away.
pub(super) fn is_aside(folder: &Folder, path: &Path) -> bool {
    let path = folder.root.join(path);
    folder
        .put_away
        .as_ref()
        .is_some_and(|(done, failed)| path.starts_with(done) || path.starts_with(failed))
}
