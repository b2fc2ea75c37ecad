//! The `[ingest.watch]` section, judged as a whole: folders that would feed each other or the service's own files
//! are refused before anything is watched. Whether a folder is there is found out later, again and again.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use extract::facts::{ClientCode, ProjectCode};
use serde::Deserialize;

use super::layout::{Layout, LayoutFault, Place};
use super::pattern::Patterns;

/// The section as it is written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct WatchSection {
    pub rescan_seconds: u64,
    pub poll_ms: u64,
    pub settle_ms: u64,
    pub files_at_once_max: usize,
    pub entries_max: usize,
    pub depth_max: usize,
    pub ignore: Vec<String>,
    pub folders: BTreeMap<String, FolderSection>,
}

/// One folder as it is written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderSection {
    pub path: PathBuf,
    pub tenant: String,
    pub layout: String,
    pub client_code: String,
    pub project_code: String,
    pub subfolders: bool,
    pub poll: bool,
    pub after: After,
    pub done: PathBuf,
    pub failed: PathBuf,
}

/// What becomes of a file that has been taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum After {
    /// It is moved to the folder of what is done, or of what has failed.
    Move,
    /// It stays, and is not taken again until it changes.
    Leave,
}

/// Why the folders cannot be watched as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WatchFault {
    #[error("ingest.watch.folders.{folder}.{key}: {cause}")]
    Folder {
        folder: String,
        key: &'static str,
        cause: String,
    },
    #[error("ingest.watch.{key} must be at least 1")]
    Zero { key: &'static str },
    #[error(
        "ingest.watch.folders.{one} and ingest.watch.folders.{other} overlap: a file would be taken in twice"
    )]
    Overlap { one: String, other: String },
}

/// Bounds and paces of all folders.
#[derive(Debug, Clone, PartialEq)]
pub struct Pace {
    /// A full look, whatever events say.
    pub rescan: Duration,
    /// A look where there are no events.
    pub poll: Duration,
    /// For so long a file's size and time must not change.
    pub settle: Duration,
    pub files_at_once_max: usize,
    pub entries_max: usize,
    pub depth_max: usize,
}

/// A folder to be watched.
#[derive(Debug, Clone, PartialEq)]
pub struct Folder {
    pub name: String,
    /// Absolute.
    pub root: PathBuf,
    pub tenant: String,
    pub layout: Layout,
    /// What holds where the layout says nothing.
    pub given: Place,
    pub subfolders: bool,
    pub poll: bool,
    /// Where files go that are done with and that have failed, absolute; `None`: they stay.
    pub put_away: Option<(PathBuf, PathBuf)>,
    pub ignore: Patterns,
    pub pace: Pace,
}

impl WatchSection {
    /// The folders, none of which holds another, or `data_dir`.
    ///
    /// # Errors
    /// [`WatchFault`] names the key.
    pub fn folders(&self, data_dir: &Path) -> Result<Vec<Folder>, WatchFault> {
        for (key, value) in [
            ("rescan_seconds", self.rescan_seconds),
            ("poll_ms", self.poll_ms),
            ("files_at_once_max", self.files_at_once_max as u64),
            ("entries_max", self.entries_max as u64),
            ("depth_max", self.depth_max as u64),
        ] {
            if value == 0 {
                return Err(WatchFault::Zero { key });
            }
        }
        let folder =
            |(name, section): (&String, &FolderSection)| self.folder(name, section, data_dir);
        let folders: Vec<Folder> = self.folders.iter().map(folder).collect::<Result<_, _>>()?;
        for (at, one) in folders.iter().enumerate() {
            if let Some(other) = folders
                .iter()
                .skip(at + 1)
                .find(|other| overlap(&one.root, &other.root))
            {
                return Err(WatchFault::Overlap {
                    one: one.name.clone(),
                    other: other.name.clone(),
                });
            }
        }
        Ok(folders)
    }

    fn folder(
        &self,
        name: &str,
        section: &FolderSection,
        data_dir: &Path,
    ) -> Result<Folder, WatchFault> {
        let fault = |key: &'static str, cause: String| WatchFault::Folder {
            folder: name.to_owned(),
            key,
            cause,
        };
        if section.path.as_os_str().is_empty() {
            return Err(fault("path", "name the folder to watch".to_owned()));
        }
        let root = plain(&section.path);
        let data_dir = plain(data_dir);
        if overlap(&root, &data_dir) {
            let data_dir = data_dir.display();
            return Err(fault(
                "path",
                format!("the service's own files are in {data_dir}: watch another folder"),
            ));
        }
        let given = Place {
            client_code: code(&section.client_code, |text| {
                ClientCode::parse(text).map(String::from)
            })
            .map_err(|cause| fault("client_code", cause))?,
            project_code: code(&section.project_code, |text| {
                ProjectCode::parse(text).map(String::from)
            })
            .map_err(|cause| fault("project_code", cause))?,
            job_number: None,
        };
        Ok(Folder {
            name: name.to_owned(),
            tenant: section.tenant.trim().to_owned(),
            layout: Layout::parse(&section.layout)
                .map_err(|cause: LayoutFault| fault("layout", cause.to_string()))?,
            given,
            subfolders: section.subfolders,
            poll: section.poll,
            put_away: match section.after {
                After::Leave => None,
                After::Move => Some((
                    aside(&root, &section.done).map_err(|cause| fault("done", cause))?,
                    aside(&root, &section.failed).map_err(|cause| fault("failed", cause))?,
                )),
            },
            ignore: Patterns::new(&self.ignore),
            pace: self.pace(),
            root,
        })
    }

    fn pace(&self) -> Pace {
        Pace {
            rescan: Duration::from_secs(self.rescan_seconds),
            poll: Duration::from_millis(self.poll_ms),
            settle: Duration::from_millis(self.settle_ms),
            files_at_once_max: self.files_at_once_max,
            entries_max: self.entries_max,
            depth_max: self.depth_max,
        }
    }
}

fn code(
    text: &str,
    parse: impl Fn(&str) -> Result<String, extract::facts::CodeError>,
) -> Result<Option<String>, String> {
    match text.trim() {
        "" => Ok(None),
        text => parse(text).map(Some).map_err(|cause| cause.to_string()),
    }
}

/// Where files are put away: below the watched folder, or beside it.
fn aside(root: &Path, folder: &Path) -> Result<PathBuf, String> {
    let aside = plain(&root.join(folder));
    match root.starts_with(&aside) {
        true => Err("files put there would be taken in again: name another folder".to_owned()),
        false => Ok(aside),
    }
}

fn overlap(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// Absolute, without `.` and `..`; links are not looked at.
fn plain(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_no_folder| path.to_owned());
    let mut plain = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(folders: &[(&str, &str)]) -> WatchSection {
        let folders = folders.iter().map(|(name, path)| {
            let folder = FolderSection {
                path: path.into(),
                tenant: "default".into(),
                layout: "names".into(),
                client_code: String::new(),
                project_code: String::new(),
                subfolders: true,
                poll: false,
                after: After::Move,
                done: "done".into(),
                failed: "../failed".into(),
            };
            ((*name).to_owned(), folder)
        });
        WatchSection {
            rescan_seconds: 30,
            poll_ms: 2000,
            settle_ms: 0,
            files_at_once_max: 1,
            entries_max: 1,
            depth_max: 1,
            ignore: Vec::new(),
            folders: folders.collect(),
        }
    }

    #[test]
    fn folders_are_made_plain_and_have_places_beside() {
        let folders = section(&[("in", "/shop/./x/../in")])
            .folders(Path::new("/data"))
            .unwrap();
        assert_eq!(folders[0].root, Path::new("/shop/in"));
        let (done, failed) = folders[0].put_away.clone().unwrap();
        assert_eq!(
            (done, failed),
            ("/shop/in/done".into(), "/shop/failed".into())
        );
    }

    #[test]
    fn what_would_go_in_circles_is_refused_by_its_key() {
        let broken = |change: &dyn Fn(&mut FolderSection)| {
            let mut section = section(&[("in", "/shop/in")]);
            change(section.folders.get_mut("in").unwrap());
            section.folders(Path::new("/data")).unwrap_err().to_string()
        };
        for (error, says) in [
            (
                broken(&|folder| folder.path = PathBuf::new()),
                "folders.in.path: name the folder",
            ),
            (
                broken(&|folder| folder.path = "/data/files".into()),
                "the service's own files",
            ),
            (
                broken(&|folder| folder.path = "/".into()),
                "the service's own files",
            ),
            (
                broken(&|folder| folder.done = ".".into()),
                "folders.in.done: files put there",
            ),
            (
                broken(&|folder| folder.failed = "..".into()),
                "folders.in.failed: files put there",
            ),
            (
                broken(&|folder| folder.layout = "{x}".into()),
                "folders.in.layout",
            ),
            (broken(&|folder| folder.client_code = "X".into()), "CL0001"),
            (
                broken(&|folder| folder.project_code = "X".into()),
                "JB-2025",
            ),
        ] {
            assert!(error.contains(says), "{error:?} does not say {says:?}");
        }
        let overlapping = section(&[("a", "/shop/in"), ("b", "/shop/in/b"), ("c", "/shop/c")]);
        let error = overlapping
            .folders(Path::new("/data"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("folders.a and ingest.watch.folders.b overlap"),
            "{error}"
        );
    }
}
