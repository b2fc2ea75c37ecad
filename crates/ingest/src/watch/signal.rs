//! The signal that something changed in a folder. It is only ever a hint to look sooner: a folder without events is
//! looked at by the clock, and so is every other, less often.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::EventKind;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use rustix::fs::statfs;
use tokio::sync::Notify;

use super::scan::is_aside;
use super::settings::Folder;

/// File systems whose changes are made elsewhere, unseen by this kernel: NFS, SMB, CIFS, FUSE, 9P, VirtualBox, Ceph,
/// AFS, Lustre (`statfs(2)`, and the headers of those not listed there).
const REMOTE: [u64; 11] = [
    0x6969,
    0x517b,
    0xff53_4d42,
    0xfe53_4d42,
    0x6573_5546,
    0x0102_1997,
    0x786f_4256,
    0x00c3_6400,
    0x5346_414f,
    0x6b41_4653,
    0x0bd0_0bd0,
];

/// How a folder tells of changes.
pub(super) enum Signal {
    Events {
        /// Tells as long as it lives.
        _watcher: RecommendedWatcher,
        /// Which folder it hears: another one may be mounted over it.
        root: Root,
    },
    /// It does not.
    Polling,
}

/// A folder's identity.
pub(super) type Root = (u64, u64);

impl Signal {
    /// Listens, where that is possible and wanted; `changed` is rung.
    pub(super) fn listen(folder: &Folder, root: Root, changed: &Arc<Notify>) -> Self {
        if folder.poll || is_remote(&folder.root) {
            return Self::Polling;
        }
        match watcher(folder, changed) {
            Ok(watcher) => Self::Events {
                _watcher: watcher,
                root,
            },
            Err(cause) => {
                tracing::warn!(folder = folder.name, %cause, "no change events, so the folder is polled");
                Self::Polling
            }
        }
    }

    /// Whether it still hears the folder that is there now.
    pub(super) fn hears(&self, now: Root) -> bool {
        match self {
            Self::Events { root, .. } => *root == now,
            Self::Polling => true,
        }
    }

    pub(super) fn is_polling(&self) -> bool {
        matches!(self, Self::Polling)
    }
}

fn watcher(folder: &Folder, changed: &Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let (changed, own) = (Arc::clone(changed), folder.clone());
    let hear = move |event: notify::Result<notify::Event>| {
        let concerns = event.is_ok_and(|event| concerns(&own, &event.kind, &event.paths));
        if concerns {
            changed.notify_one();
        }
    };
    let config = notify::Config::default().with_follow_symlinks(false);
    let mut watcher = RecommendedWatcher::new(hear, config)?;
    let mode = match folder.subfolders {
        true => RecursiveMode::Recursive,
        false => RecursiveMode::NonRecursive,
    };
    watcher.watch(&folder.root, mode)?;
    Ok(watcher)
}

/// Reading a file is no change, and neither is what we put away ourselves.
fn concerns(folder: &Folder, kind: &EventKind, paths: &[PathBuf]) -> bool {
    let aside = |path: &PathBuf| is_aside(folder, path.strip_prefix(&folder.root).unwrap_or(path));
    !matches!(kind, EventKind::Access(_)) && (paths.is_empty() || !paths.iter().all(aside))
}

/// Unknown is taken for local: the timer looks there anyway.
fn is_remote(path: &Path) -> bool {
    let kind = statfs(path).map(|found| u64::try_from(found.f_type).unwrap_or_default());
    kind.is_ok_and(|kind| REMOTE.contains(&kind))
}
