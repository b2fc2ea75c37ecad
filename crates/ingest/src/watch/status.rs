//! How each watched folder fares, for `/ready`: states and counts, neither paths nor causes, which go to the log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// One folder's state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FolderStatus {
    /// `starting`, `watching`, `incomplete` (a bound or a folder kept us from seeing everything), or `unreachable`.
    pub state: &'static str,
    /// `events` or `polling`.
    pub signal: &'static str,
    /// Files that have not come to rest yet, or cannot be taken now.
    pub waiting: usize,
    /// Files taken in that are still being read, or still to be put away.
    pub taken: usize,
    /// Since the start.
    pub done_total: u64,
    pub failed_total: u64,
}

/// All folders by name. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct WatchStatus(Arc<Mutex<BTreeMap<String, FolderStatus>>>);

impl WatchStatus {
    pub(super) fn change(&self, folder: &str, change: impl FnOnce(&mut FolderStatus)) {
        let mut folders = self.folders();
        let begin = || FolderStatus {
            state: "starting",
            signal: "polling",
            ..FolderStatus::default()
        };
        change(folders.entry(folder.to_owned()).or_insert_with(begin));
    }

    /// Forgets folders that are watched no longer.
    pub(super) fn keep(&self, names: &[String]) {
        self.folders().retain(|name, _| names.contains(name));
    }

    /// As JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::to_value(&*self.folders()).unwrap_or_default()
    }

    /// A folder's state now.
    pub fn of(&self, folder: &str) -> Option<FolderStatus> {
        self.folders().get(folder).cloned()
    }

    fn folders(&self) -> MutexGuard<'_, BTreeMap<String, FolderStatus>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
