//! A copy of everything that the service would miss: SQLite databases as of one moment, the stored files, the
//! generated keys; and the way back. A backup is whole or it is none; what is there is never overwritten unasked.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use db::{DatabaseSettings, DatabaseUrl, DbError, NodeLock, snapshot};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use crate::settings::IngestSettings;
use crate::storage::hex;

const MANIFEST: &str = "manifest.json";
/// What the services generate below `data_dir`; without them sealed secrets stay sealed.
const KEYS: [&str; 3] = ["ingest.key", "receiver.key", "webhook.secret"];
const FORMAT: u32 = 1;
const CHUNK_BYTES: usize = 256 * 1024;

/// Why there is no backup, or why it was not brought back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{path}: {cause}")]
    Io { path: String, cause: io::Error },
    #[error("the database cannot be copied: {0}")]
    Database(#[from] DbError),
    #[error("{0} is not empty: name a new folder, or an empty one")]
    NotEmpty(String),
    #[error("{0} has data in it: stop the service and add --force to replace them")]
    HasData(String),
    #[error("{0} is no backup: there is no manifest.json that this version understands")]
    NoBackup(String),
    #[error(
        "the backup is damaged: {} of its files are missing or differ, as {first}; nothing was brought back",
        count
    )]
    Damaged { count: usize, first: String },
    #[error("{0}")]
    InUse(String),
}

/// What lies in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    /// Version of the program that made it.
    pub version: String,
    /// RFC 3339.
    pub created_at: String,
    /// Bytes of all files.
    pub bytes: u64,
    pub files: Vec<Kept>,
    /// Databases that are not in it, for they are on a server.
    pub servers: Vec<String>,
    /// Stored files that no longer are what was stored: the disk has lost them. They are in it all the same.
    pub spoiled: Vec<String>,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Below the backup, with `/` between folders.
    pub path: String,
    pub bytes: u64,
    pub sha256: String,
}

/// What a backup is made of, and where it goes back to.
#[derive(Debug, Clone)]
pub struct Holdings {
    pub data_dir: PathBuf,
    /// Folder of the stored files.
    files: PathBuf,
    /// Names in the backup, and the databases.
    databases: Vec<(&'static str, DatabaseSettings)>,
    node: String,
}

impl Holdings {
    /// Those of both services; `receiver_url` is `receiver.database.url`.
    ///
    /// # Errors
    /// When that is no address of a database.
    pub fn of(settings: &IngestSettings, receiver_url: &str) -> Result<Self, db::UrlError> {
        let data_dir = settings.data_dir.clone();
        let receiver = DatabaseUrl::parse(receiver_url, &data_dir.join("receiver.sqlite3"))?;
        Ok(Self {
            files: settings.files_dir.clone(),
            databases: vec![
                ("ingest.sqlite3", settings.database.clone()),
                ("receiver.sqlite3", DatabaseSettings::new(receiver)),
            ],
            node: settings.delivery.node_name.clone(),
            data_dir,
        })
    }

    /// Makes a backup in `to`, which must not exist or be empty, while the services run or not. Databases first: every
    /// file that they speak of is there by then. Blocks.
    ///
    /// # Errors
    /// [`BackupError`]; what was written so far stays, without a manifest.
    pub fn back_up(&self, to: &Path, created_at: String) -> Result<Manifest, BackupError> {
        if has_entries(to)? {
            return Err(BackupError::NotEmpty(to.display().to_string()));
        }
        make(to)?;
        let mut manifest = Manifest {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            created_at,
            bytes: 0,
            files: Vec::new(),
            servers: Vec::new(),
            spoiled: Vec::new(),
        };
        for (name, database) in &self.databases {
            match &database.url {
                DatabaseUrl::Postgres(_) => manifest.servers.push(database.url.to_string()),
                // A service that never ran here has none.
                DatabaseUrl::Sqlite(path) if !path.exists() => {}
                DatabaseUrl::Sqlite(_) => {
                    snapshot(database, &to.join(name))?;
                    manifest.files.push(keep_in_place(to, name)?);
                }
            }
        }
        for key in KEYS.iter().filter(|key| self.data_dir.join(key).exists()) {
            manifest.files.push(copy(&self.data_dir, to, key)?);
        }
        for blob in self.blobs()? {
            let name = format!("files/{blob}");
            match copy_as(&self.files.join(&blob), to, &name) {
                // Removed for good since it was listed.
                Err(BackupError::Io { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {}
                kept => {
                    let kept = kept?;
                    // A stored file's name begins with its hash.
                    if !blob
                        .rsplit('/')
                        .next()
                        .is_some_and(|name| name.starts_with(&kept.sha256))
                    {
                        manifest.spoiled.push(kept.path.clone());
                    }
                    manifest.files.push(kept);
                }
            }
        }
        manifest.bytes = manifest.files.iter().map(|file| file.bytes).sum();
        let text = serde_json::to_vec_pretty(&manifest).map_err(io::Error::other);
        let path = to.join(MANIFEST);
        let write = |text: Vec<u8>| write_synced(&path, &text);
        text.and_then(write).map_err(at(&path))?;
        Ok(manifest)
    }

    /// Names below the files' folder, as `blobs/ab/ab12…-1`.
    fn blobs(&self) -> Result<Vec<String>, BackupError> {
        let mut found = Vec::new();
        let blobs = self.files.join("blobs");
        if !blobs.exists() {
            return Ok(found);
        }
        for folder in names(&blobs)? {
            for name in names(&blobs.join(&folder))? {
                found.push(format!("blobs/{folder}/{name}"));
            }
        }
        Ok(found)
    }

    /// Brings a backup back. Everything in it is checked before anything is written; with `force` what is there is
    /// replaced, else there must be nothing. The services must not run. Blocks.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn restore(&self, from: &Path, force: bool) -> Result<Manifest, BackupError> {
        let no_backup = || BackupError::NoBackup(from.display().to_string());
        let text = fs::read(from.join(MANIFEST)).map_err(|_unreadable| no_backup())?;
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|_other| no_backup())?;
        if manifest.format != FORMAT {
            return Err(no_backup());
        }
        check(from, &manifest)?;
        let _lock = self.unused(force)?;
        for file in &manifest.files {
            let target = self.target(&file.path).ok_or_else(no_backup)?;
            if let Some(folder) = target.parent() {
                make(folder)?;
            }
            let draft = target.with_extension("restored");
            copy_over(&from.join(&file.path), &draft).map_err(at(&draft))?;
            remove_beside(&target)?;
            fs::rename(&draft, &target).map_err(at(&target))?;
        }
        Ok(manifest)
    }

    /// Where a file of the backup belongs; `None` for what is none of ours.
    fn target(&self, path: &str) -> Option<PathBuf> {
        let plain = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !plain {
            return None;
        }
        if let Some(rest) = path.strip_prefix("files/blobs/") {
            return Some(self.files.join("blobs").join(rest));
        }
        if KEYS.contains(&path) {
            return Some(self.data_dir.join(path));
        }
        let (_, database) = self.databases.iter().find(|(name, _)| *name == path)?;
        match &database.url {
            DatabaseUrl::Sqlite(file) => Some(file.clone()),
            // The settings have moved on to a server: the file lies where it used to.
            DatabaseUrl::Postgres(_) => Some(self.data_dir.join(path)),
        }
    }

    /// Nothing is there, or it may be replaced and no service uses it; the lock keeps services from starting.
    fn unused(&self, force: bool) -> Result<Vec<NodeLock>, BackupError> {
        let mut locks = Vec::new();
        let mut holds = !self.blobs()?.is_empty();
        for (_, database) in &self.databases {
            if let DatabaseUrl::Sqlite(path) = &database.url
                && path.exists()
            {
                holds = true;
                let lock = NodeLock::of(database, &self.node);
                locks.push(lock.map_err(|cause| BackupError::InUse(cause.to_string()))?);
            }
        }
        match holds && !force {
            true => Err(BackupError::HasData(self.data_dir.display().to_string())),
            false => Ok(locks),
        }
    }
}

/// What SQLite keeps beside a database belongs to the one that is replaced.
fn remove_beside(target: &Path) -> Result<(), BackupError> {
    for end in ["-wal", "-shm"] {
        let mut path = target.as_os_str().to_owned();
        path.push(end);
        match fs::remove_file(&path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                return Err(at(Path::new(&path))(cause));
            }
            _ => {}
        }
    }
    Ok(())
}

fn check(from: &Path, manifest: &Manifest) -> Result<(), BackupError> {
    let differs = |file: &&Kept| {
        let found = hash(&from.join(&file.path));
        !matches!(found, Ok((bytes, sha256)) if bytes == file.bytes && sha256 == file.sha256)
    };
    let mut damaged = manifest.files.iter().filter(differs);
    match damaged.next() {
        None => Ok(()),
        Some(first) => Err(BackupError::Damaged {
            first: first.path.clone(),
            count: 1 + damaged.count(),
        }),
    }
}

fn keep_in_place(folder: &Path, name: &str) -> Result<Kept, BackupError> {
    let path = folder.join(name);
    File::open(&path)
        .and_then(|file| file.sync_all())
        .map_err(at(&path))?;
    let (bytes, sha256) = hash(&path).map_err(at(&path))?;
    Ok(Kept {
        path: name.to_owned(),
        bytes,
        sha256,
    })
}

fn copy(from: &Path, to: &Path, name: &str) -> Result<Kept, BackupError> {
    copy_as(&from.join(name), to, name)
}

fn copy_as(from: &Path, to: &Path, name: &str) -> Result<Kept, BackupError> {
    let target = to.join(name);
    if let Some(folder) = target.parent() {
        make(folder)?;
    }
    copy_over(from, &target).map_err(at(from))?;
    keep_in_place(to, name)
}

/// With its mode, which keeps keys to their owner, and on disk.
fn copy_over(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    File::open(to)?.sync_all()
}

fn hash(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut context, mut bytes) = (Context::new(&SHA256), 0);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return Ok((bytes, hex(context.finish().as_ref())));
        }
        bytes += read as u64;
        context.update(chunk.get(..read).unwrap_or_default());
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A folder that only its owner may enter: keys lie in it.
fn make(folder: &Path) -> Result<(), BackupError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder);
    made.map_err(at(folder))
}

fn names(folder: &Path) -> Result<Vec<String>, BackupError> {
    let entries = fs::read_dir(folder).map_err(at(folder))?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(at(folder))?.file_name();
        // All of ours are.
        names.extend(name.into_string().ok());
    }
    names.sort();
    Ok(names)
}

fn has_entries(folder: &Path) -> Result<bool, BackupError> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(at(folder)(cause)),
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> BackupError + use<> {
    let path = path.display().to_string();
    move |cause| BackupError::Io {
        path: path.clone(),
        cause,
    }
}
