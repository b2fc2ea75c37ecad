//! Which files of a folder have come to rest. Pure: looks and times come in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::scan::{Found, Stamp};

/// An empty file is mostly one whose copy is about to begin: it rests this many times as long.
const EMPTY_TIMES: u32 = 10;
/// Waits after a file could not be taken: doubled each time, up to the second.
const WAIT_FIRST: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Files that are not taken yet.
#[derive(Debug, Default)]
pub(super) struct Resting(BTreeMap<PathBuf, File>);

#[derive(Debug, Clone)]
struct File {
    stamp: Stamp,
    /// When it may be tried.
    due: Instant,
    tries: u32,
    /// Why it could not be taken last.
    trouble: Option<String>,
}

impl Resting {
    /// Takes note of a look: what is new or has changed begins to rest.
    pub(super) fn see(&mut self, found: Vec<Found>, settle: Duration, now: Instant) {
        let before = std::mem::take(&mut self.0);
        let mut before = before
            .into_iter()
            .collect::<std::collections::HashMap<_, _>>();
        for Found { path, stamp } in found {
            let known = before.remove(&path).filter(|file| file.stamp == stamp);
            let begin = || {
                let times = if stamp.size == 0 { EMPTY_TIMES } else { 1 };
                File {
                    stamp,
                    due: now + settle * times,
                    tries: 0,
                    trouble: None,
                }
            };
            self.0.insert(path, known.unwrap_or_else(begin));
        }
    }

    /// Files that have come to rest, at most so many.
    pub(super) fn due(&self, now: Instant, max: usize) -> Vec<Found> {
        let due = self.0.iter().filter(|(_, file)| file.due <= now);
        due.take(max)
            .map(|(path, file)| Found {
                path: path.clone(),
                stamp: file.stamp,
            })
            .collect()
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.0.values().map(|file| file.due).min()
    }

    pub(super) fn remove(&mut self, path: &Path) {
        self.0.remove(path);
    }

    /// Puts a file off; answers whether the trouble is a new one, to be said.
    pub(super) fn put_off(&mut self, path: &Path, trouble: &str, now: Instant) -> bool {
        let Some(file) = self.0.get_mut(path) else {
            return false;
        };
        let wait = WAIT_FIRST.saturating_mul(2_u32.saturating_pow(file.tries));
        file.tries = file.tries.saturating_add(1);
        file.due = now + wait.min(WAIT_MAX);
        let new = file.trouble.as_deref() != Some(trouble);
        file.trouble = Some(trouble.to_owned());
        new
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, size: u64) -> Found {
        Found {
            path: name.into(),
            stamp: Stamp {
                size,
                modified_ns: 0,
            },
        }
    }

    #[test]
    fn a_file_is_due_when_it_has_not_changed_for_a_time() {
        let (mut resting, start) = (Resting::default(), Instant::now());
        let settle = Duration::from_secs(2);
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let names = |resting: &Resting, seconds| {
            let due = resting.due(at(seconds), 10).into_iter();
            due.map(|file| file.path.display().to_string())
                .collect::<Vec<_>>()
        };
        resting.see(
            vec![found("a", 1), found("b", 1), found("empty", 0)],
            settle,
            at(0),
        );
        assert_eq!(names(&resting, 1), [""; 0]);
        resting.see(
            vec![found("a", 1), found("b", 2), found("empty", 0)],
            settle,
            at(1),
        );
        assert_eq!(names(&resting, 2), ["a"]);
        assert_eq!(names(&resting, 3), ["a", "b"], "b grew at 1");
        assert_eq!(names(&resting, 20), ["a", "b", "empty"]);
        assert_eq!(resting.due(at(20), 1).len(), 1);
        // What is gone rests no more.
        resting.see(vec![found("b", 2)], settle, at(21));
        assert_eq!(names(&resting, 21), ["b"]);
    }

    #[test]
    fn trouble_is_said_once_and_tried_less_and_less_often() {
        let (mut resting, start) = (Resting::default(), Instant::now());
        resting.see(vec![found("a", 1)], Duration::ZERO, start);
        assert!(resting.put_off(Path::new("a"), "locked", start));
        assert!(!resting.put_off(Path::new("a"), "locked", start));
        assert!(resting.put_off(Path::new("a"), "busy", start));
        assert_eq!(resting.next_due(), Some(start + Duration::from_secs(4)));
        for _ in 0..50 {
            resting.put_off(Path::new("a"), "busy", start);
        }
        assert_eq!(resting.next_due(), Some(start + WAIT_MAX));
        // Changed, it is another file.
        resting.see(vec![found("a", 2)], Duration::ZERO, start);
        assert_eq!(resting.next_due(), Some(start));
        assert!(!resting.put_off(Path::new("gone"), "busy", start));
    }
}
