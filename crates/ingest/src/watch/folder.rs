//! One watched folder from its first look to the end: look, wait until files rest, hand them in, put them away. The
//! look is the truth; events only make it come sooner. It must never lose a file, nor take the same one twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use extract::facts::Rules;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use service::Shutdown;
use tokio::sync::Notify;

use super::desk::{Desk, End, Entry, Handed, Ready, Stage};
use super::open::{Opened, open};
use super::put_away::{Taken, put_away};
use super::resting::Resting;
use super::scan::{Found, Look, look};
use super::settings::Folder;
use super::signal::{Root, Signal};
use super::status::WatchStatus;

/// Events come in crowds: a look waits for the end of one, and takes at most a fifth of the time.
const GATHER: Duration = Duration::from_millis(100);
const LOOK_SHARE: u32 = 4;
/// How often files that are being read are asked after, and how many at once.
const ASK_AFTER: Duration = Duration::from_millis(200);
const ASKED_MAX: usize = 256;
/// Wait after the desk could not be asked, or a file could not be put away.
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// Watches `folder` until told to stop; `rules` read the folders' names.
pub async fn watch<D: Desk>(
    folder: Folder,
    desk: D,
    rules: Arc<Rules>,
    status: WatchStatus,
    stopping: Shutdown,
) {
    let changed = Arc::new(Notify::new());
    let Some(entries) = recall(&folder, &desk, &stopping).await else {
        return;
    };
    let mut watching = Watching {
        folder: Arc::new(folder),
        desk,
        rules,
        status,
        changed: Arc::clone(&changed),
        signal: None,
        resting: Resting::default(),
        entries,
        asked: None,
        trouble: None,
        looked_at: Instant::now(),
        look_took: Duration::ZERO,
        ask_at: Instant::now(),
        said: None,
    };
    loop {
        watching.look().await;
        let look_at = loop {
            watching.hand_in(&stopping).await;
            watching.put_away(&stopping).await;
            watching.tell();
            let (look_at, wake_at) = watching.next();
            tokio::select! {
                () = stopping.triggered() => return,
                () = changed.notified() => break Instant::now(),
                () = tokio::time::sleep_until(wake_at.into()) => {}
            }
            if look_at <= Instant::now() {
                break look_at;
            }
        };
        let earliest = look_at + GATHER.max(watching.look_took * LOOK_SHARE);
        tokio::select! {
            () = stopping.triggered() => return,
            () = tokio::time::sleep_until(earliest.into()) => {}
        }
    }
}

/// What was remembered before; `None` when told to stop before it could be asked for.
async fn recall<D: Desk>(
    folder: &Folder,
    desk: &D,
    stopping: &Shutdown,
) -> Option<BTreeMap<PathBuf, Entry>> {
    loop {
        match desk.recall().await {
            Ok(entries) => {
                let by_path = entries.into_iter().map(|entry| (entry.path.clone(), entry));
                return Some(by_path.collect());
            }
            Err(cause) => tracing::warn!(
                folder = folder.name,
                cause,
                "a watched folder waits to begin"
            ),
        }
        tokio::select! {
            () = stopping.triggered() => return None,
            () = tokio::time::sleep(TRY_AGAIN) => {}
        }
    }
}

struct Watching<D> {
    folder: Arc<Folder>,
    desk: D,
    rules: Arc<Rules>,
    status: WatchStatus,
    changed: Arc<Notify>,
    signal: Option<Signal>,
    resting: Resting,
    /// Taken in, and still in the folder.
    entries: BTreeMap<PathBuf, Entry>,
    /// The last one asked after: the next in order comes next.
    asked: Option<PathBuf>,
    /// Why the last look was not whole; said when it changes.
    trouble: Option<String>,
    looked_at: Instant,
    look_took: Duration,
    ask_at: Instant,
    /// The last trouble with putting away.
    said: Option<String>,
}

impl<D: Desk> Watching<D> {
    /// Looks through the folder and takes note of what is new, what is gone, and how it tells of changes.
    async fn look(&mut self) {
        let began = Instant::now();
        let folder = Arc::clone(&self.folder);
        let (changed, hears) = (Arc::clone(&self.changed), self.signal.take());
        // Events first, then the look: nothing can come between unseen.
        let looked = blocking(move || {
            let metadata = fs::metadata(&folder.root)?;
            let root: Root = (metadata.dev(), metadata.ino());
            let signal = hears.filter(|signal| signal.hears(root));
            let signal = signal.unwrap_or_else(|| Signal::listen(&folder, root, &changed));
            look(&folder).map(|look| (look, signal))
        });
        let (state, trouble) = match looked.await {
            Ok((look, signal)) => {
                let polling = signal.is_polling();
                let name = &self.folder.name;
                self.status.change(name, |status| {
                    status.signal = if polling { "polling" } else { "events" };
                });
                self.signal = Some(signal);
                let trouble = look.incomplete.clone();
                self.note(look).await;
                (
                    if trouble.is_some() {
                        "incomplete"
                    } else {
                        "watching"
                    },
                    trouble,
                )
            }
            Err(cause) => ("unreachable", Some(cause.to_string())),
        };
        self.status
            .change(&self.folder.name, |status| status.state = state);
        if self.trouble != trouble {
            let (folder, path) = (&self.folder.name, self.folder.root.display());
            match &trouble {
                Some(cause) => tracing::warn!(folder, %path, cause, "a watched folder is {state}"),
                None => tracing::info!(folder, %path, "a watched folder is whole again"),
            }
        }
        self.trouble = trouble;
        self.looked_at = Instant::now();
        self.look_took = began.elapsed();
    }

    async fn note(&mut self, look: Look) {
        let mut gone: BTreeSet<PathBuf> = match look.incomplete {
            None => self.entries.keys().cloned().collect(),
            Some(_) => BTreeSet::new(),
        };
        let mut fresh = Vec::with_capacity(look.files.len());
        for found in look.files {
            match self.entries.get(&found.path) {
                Some(entry) if entry.stamp == found.stamp => {
                    gone.remove(&found.path);
                }
                Some(_) => {
                    gone.insert(found.path.clone());
                    fresh.push(found);
                }
                None => fresh.push(found),
            }
        }
        self.resting
            .see(fresh, self.folder.pace.settle, Instant::now());
        self.forget(gone.into_iter().collect()).await;
    }

    async fn forget(&mut self, paths: Vec<PathBuf>) {
        if paths.is_empty() {
            return;
        }
        match self.desk.forget(paths.clone()).await {
            Ok(()) => self.entries.retain(|path, _| !paths.contains(path)),
            // They are found gone at the next look.
            Err(cause) => tracing::warn!(
                folder = self.folder.name,
                cause,
                "moved files could not be forgotten"
            ),
        }
    }

    /// Hands in what has come to rest, several at once.
    async fn hand_in(&mut self, stopping: &Shutdown) {
        let due = self
            .resting
            .due(Instant::now(), self.folder.pace.files_at_once_max);
        let mut handing = FuturesUnordered::new();
        for found in due {
            handing.push(hand_in(&self.folder, &self.desk, &self.rules, found));
        }
        let mut handed = Vec::new();
        while let Some(one) = handing.next().await {
            handed.push(one);
        }
        drop(handing);
        for (found, outcome) in handed {
            if stopping.is_triggered() {
                return;
            }
            self.handed(found, outcome).await;
        }
    }

    async fn handed(&mut self, found: Found, outcome: Outcome) {
        let (folder, path) = (self.folder.name.clone(), found.path.display().to_string());
        let (stage, ids, refused) = match outcome {
            Outcome::Gone => return self.resting.remove(&found.path),
            // The next look sees what it is now.
            Outcome::Changed => return self.changed.notify_one(),
            Outcome::NotNow(cause) => {
                if self.resting.put_off(&found.path, &cause, Instant::now()) {
                    tracing::warn!(folder, path, cause, "a watched file waits");
                }
                return;
            }
            Outcome::Taken { ids, refused } => {
                tracing::info!(folder, path, ?ids, "a watched file is taken in");
                (Stage::Taken, ids, refused)
            }
            Outcome::Refused(reason) => {
                tracing::warn!(folder, path, reason, "a watched file is refused");
                (Stage::Taken, Vec::new(), vec![reason])
            }
        };
        let entry = Entry {
            path: found.path,
            stamp: found.stamp,
            stage,
            ids,
            refused,
        };
        if let Err(cause) = self.desk.remember(&entry).await {
            // Handed in again it is known: nothing happens twice.
            self.resting.put_off(&entry.path, &cause, Instant::now());
            return;
        }
        self.resting.remove(&entry.path);
        self.entries.insert(entry.path.clone(), entry);
    }

    /// Asks after files that are being read, and puts away those that have been.
    async fn put_away(&mut self, stopping: &Shutdown) {
        if self.ask_at > Instant::now() {
            return;
        }
        self.ask_at = Instant::now() + ASK_AFTER;
        let taken = |entry: &&Entry| entry.stage == Stage::Taken;
        let (asked, all) = (self.asked.take(), &self.entries);
        let after = all
            .values()
            .filter(|entry| asked.as_ref().is_none_or(|last| entry.path > *last));
        let batch: Vec<Entry> = after.filter(taken).take(ASKED_MAX).cloned().collect();
        // A batch that is not full was the last one: the next begins anew.
        self.asked = batch.get(ASKED_MAX - 1).map(|entry| entry.path.clone());
        let mut put = Vec::new();
        for entry in batch {
            if stopping.is_triggered() {
                break;
            }
            let end = match entry.ids.as_slice() {
                [] => Ok(End::Done),
                ids => self.desk.ended(ids).await,
            };
            match end {
                Ok(End::NotYet) => continue,
                Ok(end) => put.extend(self.put_away_one(entry, end).await),
                Err(cause) => {
                    self.troubled("watched files cannot be asked after", &cause);
                    break;
                }
            }
        }
        self.forget(put).await;
    }

    /// Answers the path when it can be forgotten.
    async fn put_away_one(&mut self, entry: Entry, end: End) -> Option<PathBuf> {
        let reason = reason(&entry, &end);
        let Some((done, failed)) = self.folder.put_away.clone() else {
            self.leave(entry, reason.as_deref()).await;
            return None;
        };
        let (folder, path, stamp) = (Arc::clone(&self.folder), entry.path.clone(), entry.stamp);
        let why = reason.clone();
        let moved = blocking(move || {
            let file = Taken {
                root: &folder.root,
                path: &path,
                stamp,
            };
            let to = if why.is_some() { &failed } else { &done };
            put_away(file, to, why.as_deref())
        });
        match moved.await {
            Ok(None) => {
                self.changed.notify_one();
                Some(entry.path)
            }
            Ok(Some(_place)) => {
                self.said = None;
                self.count(reason.is_some());
                Some(entry.path)
            }
            Err(cause) => {
                self.troubled("watched files cannot be put away yet", &cause.to_string());
                None
            }
        }
    }

    async fn leave(&mut self, mut entry: Entry, reason: Option<&str>) {
        entry.stage = match reason {
            None => Stage::Done,
            Some(reason) => {
                let (folder, path) = (&self.folder.name, entry.path.display());
                tracing::warn!(folder, %path, reason, "a watched file has failed");
                Stage::Failed
            }
        };
        if self.desk.remember(&entry).await.is_ok() {
            self.count(reason.is_some());
            self.entries.insert(entry.path.clone(), entry);
        }
    }

    fn count(&self, failed: bool) {
        self.status
            .change(&self.folder.name, |status| match failed {
                true => status.failed_total += 1,
                false => status.done_total += 1,
            });
    }

    fn tell(&self) {
        let taken = self
            .entries
            .values()
            .filter(|entry| entry.stage == Stage::Taken);
        let (waiting, taken) = (self.resting.len(), taken.count());
        self.status.change(&self.folder.name, |status| {
            (status.waiting, status.taken) = (waiting, taken);
        });
    }

    /// When to look again, and when to do anything at all. A file's rest needs no look: opening it finds it changed.
    fn next(&self) -> (Instant, Instant) {
        let pace = &self.folder.pace;
        let heard = self
            .signal
            .as_ref()
            .is_some_and(|signal| !signal.is_polling());
        let look_at = self.looked_at + if heard { pace.rescan } else { pace.poll };
        let busy = self
            .entries
            .values()
            .any(|entry| entry.stage == Stage::Taken);
        let ask_at = busy.then_some(self.ask_at);
        let wake_at = [ask_at, self.resting.next_due()]
            .into_iter()
            .flatten()
            .min();
        (
            look_at,
            wake_at.map_or(look_at, |wake_at| wake_at.min(look_at)),
        )
    }

    /// A trouble is said once, until it is another one.
    fn troubled(&mut self, what: &str, cause: &str) {
        self.ask_at = Instant::now() + TRY_AGAIN;
        let said = format!("{what}: {cause}");
        if self.said.as_ref() != Some(&said) {
            tracing::warn!(folder = self.folder.name, cause, "{what}");
            self.said = Some(said);
        }
    }
}

/// What became of one file.
enum Outcome {
    Taken { ids: Vec<i64>, refused: Vec<String> },
    Refused(String),
    NotNow(String),
    Gone,
    Changed,
}

async fn hand_in<D: Desk>(
    folder: &Arc<Folder>,
    desk: &D,
    rules: &Rules,
    found: Found,
) -> (Found, Outcome) {
    let (own, path, stamp) = (Arc::clone(folder), found.path.clone(), found.stamp);
    let opened = blocking(move || Ok(open(&own.root, &path, stamp))).await;
    let file = match opened {
        Ok(Opened::File(file)) => file,
        Ok(Opened::Gone) => return (found, Outcome::Gone),
        Ok(Opened::Changed) => return (found, Outcome::Changed),
        Ok(Opened::NotNow(why)) => return (found, Outcome::NotNow(why)),
        Err(cause) => return (found, Outcome::NotNow(cause.to_string())),
    };
    let folders = folders(&found.path);
    let name = found.path.file_name().unwrap_or_default().to_string_lossy();
    let shown = folders.iter().map(String::as_str).chain([&*name]);
    let ready = Ready {
        path: folder.root.join(&found.path),
        shown: shown.collect::<Vec<_>>().join("/"),
        file,
        stamp,
        place: folder.layout.read(&folders, rules).or(&folder.given),
    };
    let outcome = match desk.hand_in(ready).await {
        Handed::Taken { ids, refused } => Outcome::Taken { ids, refused },
        Handed::Refused(reason) => Outcome::Refused(reason),
        Handed::NotNow(cause) => Outcome::NotNow(cause),
    };
    (found, outcome)
}

/// Names of the folders above a file, outermost first.
fn folders(path: &Path) -> Vec<String> {
    let above = path.parent().into_iter().flat_map(Path::components);
    above
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect()
}

/// Why a file has failed, for the person who finds it; `None` when it has not.
fn reason(entry: &Entry, end: &End) -> Option<String> {
    let mut sentences = entry.refused.clone();
    if let End::Failed(why) = end {
        sentences.push(why.clone());
    }
    if sentences.is_empty() {
        return None;
    }
    if !entry.ids.is_empty() {
        let ids: Vec<String> = entry.ids.iter().map(ToString::to_string).collect();
        sentences.push(format!("On record as {}.", ids.join(", ")));
    }
    Some(sentences.join("\n"))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    crate::storage::blocking(work).await
}
