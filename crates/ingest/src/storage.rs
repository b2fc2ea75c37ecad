//! Bytes on disk: staged while they arrive, then kept under their hash. What a 2xx speaks of has been
//! fsynced, file and folder, before the transaction that names it. Never overwrites bytes that are kept.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ring::digest::{Context, SHA256, digest};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

/// The name of stored bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlobKey {
    pub(crate) sha256: [u8; 32],
    pub(crate) generation: i64,
}

/// Files below one folder.
#[derive(Clone)]
pub(crate) struct Storage {
    blobs: Arc<PathBuf>,
    staging: Arc<PathBuf>,
    next_staged: Arc<AtomicU64>,
}

/// An upload being written; removed when dropped.
pub(crate) struct Staging {
    path: StagedPath,
    file: File,
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
        Ok(Self {
            blobs: Arc::new(blobs),
            staging: Arc::new(staging),
            next_staged: Arc::default(),
        })
    }

    pub(crate) async fn stage(&self) -> io::Result<Staging> {
        let number = self.next_staged.fetch_add(1, Ordering::Relaxed);
        let path = self.staging.join(number.to_string());
        let file = File::options()
            .write(true)
            .create_new(true)
            .open(&path)
            .await?;
        Ok(Staging {
            path: StagedPath(path),
            file,
            hash: Context::new(&SHA256),
            size: 0,
            head: Vec::new(),
        })
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

    /// Where the bytes are.
    pub(crate) fn path(&self, key: BlobKey) -> PathBuf {
        let file = format!("{}-{}", hex(&key.sha256), key.generation);
        self.folder(key).join(file)
    }

    fn folder(&self, key: BlobKey) -> PathBuf {
        self.blobs.join(hex(key.sha256.split_at(1).0))
    }

    /// Removes stored bytes; bytes that are gone already are no error.
    pub(crate) async fn remove(&self, key: BlobKey) -> io::Result<()> {
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

impl Staging {
    pub(crate) async fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        let room = extract::SNIFF_BYTES.saturating_sub(self.head.len());
        self.head.extend(chunk.iter().take(room));
        self.hash.update(chunk);
        self.size += chunk.len() as u64;
        self.file.write_all(chunk).await
    }

    /// Its beginning, as far as it has arrived.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// On disk when this answers.
    pub(crate) async fn finish(mut self) -> io::Result<Staged> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.hash.finish().as_ref());
        Ok(Staged {
            path: self.path,
            sha256,
            size: self.size,
            head: self.head,
        })
    }
}

async fn blocking<T: Send + 'static>(
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
