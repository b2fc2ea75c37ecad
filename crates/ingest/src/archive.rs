//! Taking an uploaded archive apart: each file in it arrives as if it had been sent alone, with its path in there as
//! provenance. Names are never paths of ours, every byte is counted while it inflates, and one bad file harms no other.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

use extract::facts::clean_name;
use extract::{Kind, SNIFF_BYTES, sniff};
use zip::ZipReadOptions;
use zip::read::{Config, ZipFileEntry};
use zip::result::ZipError;
use zip::unstable::read::ZipIterable;

use crate::intake::{Arrived, FileRefusal, Provenance};
use crate::settings::KindLimits;
use crate::storage::{Staged, Storage};

/// A file out of an archive, or what there is instead of it.
pub(crate) struct Member {
    /// The name to answer under: its path in the archive.
    pub(crate) name: String,
    pub(crate) arrived: Result<Arrived, FileRefusal>,
}

/// What an archive holds.
#[derive(Default)]
pub(crate) struct Contents {
    pub(crate) members: Vec<Member>,
    /// What was passed over, one sentence each.
    pub(crate) warnings: Vec<String>,
}

/// Passed-over files named one by one; the rest is counted.
const WARNINGS_MAX: usize = 20;
/// Inflated at a time.
const CHUNK_BYTES: usize = 64 * 1024;
/// A small file may be packed as well as it likes: the ratio counts beyond this.
const RATIO_FREE_BYTES: u64 = 1024 * 1024;

/// An archive still to be opened.
struct Open {
    staged: Staged,
    /// Its path in the archive that was sent; empty for that one.
    path: String,
    depth: u32,
}

struct Unpacking<'a> {
    storage: &'a Storage,
    limits: &'a KindLimits,
    archive_name: Arc<str>,
    contents: Contents,
    passed_over: usize,
    entries_left: usize,
    bytes_left: u64,
    waiting: VecDeque<Open>,
}

/// Takes an archive apart, with the archives in it as deep as `zip_depth_max`. Blocks.
///
/// # Errors
/// Only when nothing can be written: what is wrong with the archive is a refusal or a warning.
pub(crate) fn unpack(
    storage: &Storage,
    limits: &KindLimits,
    arrived: Arrived,
) -> io::Result<Result<Contents, FileRefusal>> {
    let mut unpacking = Unpacking {
        storage,
        limits,
        archive_name: Arc::from(arrived.clean_name.as_str()),
        contents: Contents::default(),
        passed_over: 0,
        entries_left: limits.zip_entries_max,
        bytes_left: limits.zip_inflated_bytes_max,
        waiting: VecDeque::new(),
    };
    let sent = Open {
        staged: arrived.staged,
        path: String::new(),
        depth: 0,
    };
    if let Err(refusal) = unpacking.open(&sent)? {
        return Ok(Err(refusal));
    }
    while let Some(inner) = unpacking.waiting.pop_front() {
        if let Err(refusal) = unpacking.open(&inner)? {
            unpacking.refuse(inner.path, refusal);
        }
    }
    if unpacking.contents.members.is_empty() {
        return Ok(Err(FileRefusal::EmptyArchive));
    }
    unpacking.count_passed_over();
    Ok(Ok(unpacking.contents))
}

impl Unpacking<'_> {
    fn open(&mut self, open: &Open) -> io::Result<Result<(), FileRefusal>> {
        let file = BufReader::new(File::open(open.staged.path())?);
        let archive = ZipIterable::try_new(file, Config::default());
        let Ok(mut archive) = archive else {
            return Ok(Err(FileRefusal::BrokenArchive));
        };
        let Some(left) = self.entries_left.checked_sub(archive.len()) else {
            let max = self.limits.zip_entries_max;
            return Ok(Err(FileRefusal::TooManyEntries { max }));
        };
        self.entries_left = left;
        let Ok(entries) = archive.files() else {
            return Ok(Err(FileRefusal::BrokenArchive));
        };
        while let Some(entry) = entries.next() {
            let Ok(entry) = entry else {
                return Ok(Err(FileRefusal::BrokenArchive));
            };
            let Some(path) = self.path_of(&entry, open) else {
                continue;
            };
            match self.inflate(entry, entries.reader_mut())? {
                Ok(staged) if staged.size == 0 => self.pass_over(&path, "is empty"),
                Ok(staged) => self.arrived(path, staged, open.depth),
                Err(refusal) => self.refuse(path, refusal),
            }
        }
        Ok(Ok(()))
    }

    /// The entry's path with the archives around it; `None` for what is passed over.
    fn path_of(&mut self, entry: &ZipFileEntry<'_>, open: &Open) -> Option<String> {
        if entry.is_dir() {
            return None;
        }
        let raw = entry.name_raw();
        let max = self.limits.zip_name_bytes_max;
        if raw.len() > max {
            let shown: String = String::from_utf8_lossy(raw).chars().take(64).collect();
            let why =
                format!("has a name of more than {max} bytes (ingest.limits.zip_name_bytes_max)");
            self.pass_over(&shown, &why);
            return None;
        }
        let name = entry.name().map_or_else(
            |_| String::from_utf8_lossy(raw).into_owned(),
            |name| name.into_owned(),
        );
        let inner = harmless(&name);
        if entry.is_symlink() {
            self.pass_over(&inner, "is a link");
            return None;
        }
        if is_litter(&inner) {
            self.pass_over(
                &inner,
                "is no design file but something a computer left there",
            );
            return None;
        }
        Some(match open.path.as_str() {
            "" => inner,
            outer => format!("{outer}/{inner}"),
        })
    }

    fn inflate(
        &mut self,
        entry: ZipFileEntry<'_>,
        archive: &mut BufReader<File>,
    ) -> io::Result<Result<Staged, FileRefusal>> {
        if entry.encrypted() {
            return Ok(Err(FileRefusal::Encrypted));
        }
        let packed = entry.compressed_size();
        let mut file = match entry.with_reader(archive, ZipReadOptions::new()) {
            Ok(file) => file,
            Err(ZipError::UnsupportedArchive(_)) => return Ok(Err(FileRefusal::UnknownPacking)),
            Err(_) => return Ok(Err(FileRefusal::BrokenMember)),
        };
        let ratio_max = self.limits.zip_ratio_max;
        let bytes_max = packed.saturating_mul(ratio_max).max(RATIO_FREE_BYTES);
        let mut staging = self.storage.stage_blocking()?;
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let read = match file.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => read,
                Err(_broken) => return Ok(Err(FileRefusal::BrokenMember)),
            };
            let Some(left) = self.bytes_left.checked_sub(read as u64) else {
                let max = self.limits.zip_inflated_bytes_max;
                return Ok(Err(FileRefusal::TooMuchInside { max }));
            };
            self.bytes_left = left;
            staging.write(chunk.get(..read).unwrap_or_default())?;
            if staging.size() > bytes_max {
                return Ok(Err(FileRefusal::PackedTooWell { max: ratio_max }));
            }
            let head = staging.head();
            if head.len() >= SNIFF_BYTES
                && let Some(kind) = sniff(head, "").kind
                && let Err(refusal) = self.limits.hold(kind, staging.size())
            {
                return Ok(Err(refusal));
            }
        }
        staging.finish().map(Ok)
    }

    /// A file arrives; an archive waits to be opened itself.
    fn arrived(&mut self, path: String, staged: Staged, depth: u32) {
        let kind = sniff(&staged.head, &path).kind;
        if kind == Some(Kind::Archive) {
            if depth >= self.limits.zip_depth_max {
                let max = self.limits.zip_depth_max;
                return self.refuse(path, FileRefusal::TooDeep { max });
            }
            return self.waiting.push_back(Open {
                staged,
                path,
                depth: depth + 1,
            });
        }
        let arrived = Arrived {
            clean_name: clean_name(&path),
            staged,
            archive: Some(Provenance {
                name: self.archive_name.to_string(),
                path: path.clone(),
            }),
        };
        self.contents.members.push(Member {
            name: path,
            arrived: Ok(arrived),
        });
    }

    fn refuse(&mut self, name: String, refusal: FileRefusal) {
        let arrived = Err(refusal);
        self.contents.members.push(Member { name, arrived });
    }

    fn pass_over(&mut self, path: &str, why: &str) {
        self.passed_over += 1;
        if self.contents.warnings.len() < WARNINGS_MAX {
            self.contents
                .warnings
                .push(format!("{path} {why}: passed over"));
        }
    }

    fn count_passed_over(&mut self) {
        let more = self.passed_over - self.contents.warnings.len();
        if more > 0 {
            self.contents
                .warnings
                .push(format!("{more} more were passed over"));
        }
    }
}

/// A path that leads nowhere: each part made as harmless as a file's name, those that go up or nowhere left out.
fn harmless(name: &str) -> String {
    let parts = name
        .split(['/', '\\'])
        .filter(|part| !part.is_empty() && !part.chars().all(|c| c == '.'))
        .filter(|part| !part.ends_with(':'))
        .map(clean_name);
    let path = parts.collect::<Vec<_>>().join("/");
    match path.as_str() {
        "" => clean_name(""),
        _ => path,
    }
}

/// What systems leave in archives.
fn is_litter(path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    path.split('/').any(|part| part == "__MACOSX")
        || last.starts_with("._")
        || [".DS_Store", "Thumbs.db", "desktop.ini"]
            .iter()
            .any(|litter| last.eq_ignore_ascii_case(litter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_nowhere() {
        for (name, expected) in [
            ("CL-0001/1.Projects/part.dxf", "CL-0001/1.Projects/part.dxf"),
            ("../../etc/passwd", "etc/passwd"),
            ("/etc/passwd", "etc/passwd"),
            ("C:\\Windows\\part.dxf", "Windows/part.dxf"),
            ("a/./b//part.dxf", "a/b/part.dxf"),
            ("a\u{0}b.dxf", "ab.dxf"),
            ("..", "unnamed"),
            ("", "unnamed"),
            ("CON/part.dxf", "_CON/part.dxf"),
        ] {
            assert_eq!(harmless(name), expected, "{name}");
        }
    }

    #[test]
    fn litter_is_known() {
        for (path, litter) in [
            ("__MACOSX/._part.dxf", true),
            ("a/.DS_Store", true),
            ("a/thumbs.DB", true),
            ("._part.dxf", true),
            ("part.dxf", false),
            (".part.dxf", false),
        ] {
            assert_eq!(is_litter(path), litter, "{path}");
        }
    }
}
