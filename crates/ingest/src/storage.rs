//! Bytes on disk: staged while they arrive, then kept under their hash. What a 2xx speaks of has been
//! fsynced, file and folder, before the transaction that names it. Never overwrites bytes that are kept.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use extract::Preview;
use ring::digest::{Context, SHA256, digest};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use crate::previews::Previews;

/// The name of stored bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlobKey {
    pub(crate) sha256: [u8; 32],
    pub(crate) generation: i64,
}

/// Files below one folder.
#[derive(Clone)]
pub(crate) struct Storage {
    root: Arc<PathBuf>,
    blobs: Arc<PathBuf>,
    staging: Arc<PathBuf>,
    previews: Previews,
    next_staged: Arc<AtomicU64>,
}

/// An upload being written; removed when dropped. The file is tokio's or, where threads may block, the standard one.
pub(crate) struct Staging<F = File> {
    path: StagedPath,
    file: F,
    hash: Context,
    size: u64,
    head: Vec<u8>,
}

/// An upload that is complete and on disk, not yet under its hash; removed when dropped.
pub(crate) struct Staged {
    path: StagedPath,
    pub(crate) sha256: [u8; 32],
    pub(crate) size: u64,
    /// Its beginning, enough to tell its kind.
    pub(crate) head: Vec<u8>,
}

struct StagedPath(PathBuf);

impl Drop for StagedPath {
    fn drop(&mut self) {
        if let Err(cause) = std::fs::remove_file(&self.0)
            && cause.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.0.display(), %cause, "a staged upload stays behind");
        }
    }
}

impl Storage {
    /// Makes the folders; removes what an earlier run of this node left half uploaded. The caller holds the
    /// node's lock, so that nobody writes there.
    pub(crate) fn open(root: &Path, node_name: &str) -> io::Result<Self> {
        let blobs = root.join("blobs");
        for first_byte in 0..=u8::MAX {
            std::fs::create_dir_all(blobs.join(hex(&[first_byte])))?;
        }
        // Nodes may share the root, and a node's name may not be fit for a path.
        let node = hex(digest(&SHA256, node_name.as_bytes()).as_ref());
        let staging = root.join("staging").join(node);
        std::fs::create_dir_all(&staging)?;
        for entry in std::fs::read_dir(&staging)? {
            std::fs::remove_file(entry?.path())?;
        }
        for folder in [&blobs, root] {
            std::fs::File::open(folder)?.sync_all()?;
        }
        let staging = Arc::new(staging);
        Ok(Self {
            root: Arc::new(std::path::absolute(root)?),
            blobs: Arc::new(blobs),
            previews: Previews::open(root, Arc::clone(&staging))?,
            staging,
            next_staged: Arc::default(),
        })
    }

    pub(crate) async fn stage(&self) -> io::Result<Staging> {
        let path = self.next_path();
        let mut options = File::options();
        let file = options.write(true).create_new(true).open(&path).await?;
        Ok(Staging::new(path, file))
    }

    /// For threads that may block.
    pub(crate) fn stage_blocking(&self) -> io::Result<Staging<std::fs::File>> {
        let path = self.next_path();
        let file = std::fs::File::create_new(&path)?;
        Ok(Staging::new(path, file))
    }

    fn next_path(&self) -> PathBuf {
        let number = self.next_staged.fetch_add(1, Ordering::Relaxed);
        self.staging.join(number.to_string())
    }

    /// Puts staged bytes under their name. Bytes that are there already are the same ones, but whoever put
    /// them there may not have come to the fsync of the folder yet.
    pub(crate) async fn keep(&self, staged: &Staged, key: BlobKey) -> io::Result<()> {
        let (from, folder, to) = (staged.path.0.clone(), self.folder(key), self.path(key));
        blocking(move || {
            match std::fs::hard_link(&from, &to) {
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
                linked => linked?,
            }
            std::fs::File::open(folder)?.sync_all()
        })
        .await
    }

    /// The folder below which everything lies.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn previews(&self) -> &Previews {
        &self.previews
    }

    /// Keeps a picture of stored bytes, unless they have gone meanwhile.
    pub(crate) async fn keep_preview(&self, key: BlobKey, preview: &Preview) -> io::Result<()> {
        self.previews.put_original(key, preview).await?;
        match tokio::fs::try_exists(self.path(key)).await? {
            true => Ok(()),
            false => self.previews.remove(key).await,
        }
    }

    /// Where the bytes are.
    pub(crate) fn path(&self, key: BlobKey) -> PathBuf {
        let file = format!("{}-{}", hex(&key.sha256), key.generation);
        self.folder(key).join(file)
    }

    fn folder(&self, key: BlobKey) -> PathBuf {
        self.blobs.join(hex(key.sha256.split_at(1).0))
    }

    /// Removes stored bytes and their pictures; what is gone already is no error.
    pub(crate) async fn remove(&self, key: BlobKey) -> io::Result<()> {
        self.previews.remove(key).await?;
        let path = self.path(key);
        blocking(move || match std::fs::remove_file(path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        })
        .await
    }

    /// Whether files can be written now.
    pub(crate) async fn probe(&self) -> io::Result<()> {
        let mut staging = self.stage().await?;
        staging.write(b"ready?").await?;
        staging.finish().await.map(drop)
    }
}

impl<F> Staging<F> {
    fn new(path: PathBuf, file: F) -> Self {
        Self {
            path: StagedPath(path),
            file,
            hash: Context::new(&SHA256),
            size: 0,
            head: Vec::new(),
        }
    }

    fn count(&mut self, chunk: &[u8]) {
        let room = extract::SNIFF_BYTES.saturating_sub(self.head.len());
        self.head.extend(chunk.iter().take(room));
        self.hash.update(chunk);
        self.size += chunk.len() as u64;
    }

    /// Its beginning, as far as it has arrived.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    fn staged(self) -> Staged {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.hash.finish().as_ref());
        Staged {
            path: self.path,
            sha256,
            size: self.size,
            head: self.head,
        }
    }
}

impl Staging {
    pub(crate) async fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.count(chunk);
        self.file.write_all(chunk).await
    }

    /// On disk when this answers.
    pub(crate) async fn finish(mut self) -> io::Result<Staged> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        Ok(self.staged())
    }
}

impl Staging<std::fs::File> {
    pub(crate) fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.count(chunk);
        self.file.write_all(chunk)
    }

    /// On disk when this answers.
    pub(crate) fn finish(self) -> io::Result<Staged> {
        self.file.sync_all()?;
        Ok(self.staged())
    }
}

impl Staged {
    pub(crate) fn path(&self) -> &Path {
        &self.path.0
    }
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from_digit(nibble.into(), 16).unwrap_or('0'));
            }
            text
        })
}
