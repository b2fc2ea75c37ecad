//! Pictures of stored files, kept beside them: derived data that can be made again at any time, so nothing is fsynced.
//! Goes with the bytes it shows.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use extract::{Preview, PreviewForm};

use crate::extraction::Wanted;
use crate::storage::{BlobKey, blocking, hex};

/// Raised when pictures are drawn differently: older ones are then made again.
const RENDERER: u32 = 1;

/// Sizes in which PNGs are kept, in pixels of the longer side: what is asked for is rounded up to one of them, so that
/// nobody fills the disk with sizes.
pub(crate) const SIZES_PX: [u32; 4] = [128, 256, 512, 1024];

/// The previews of one storage.
#[derive(Clone)]
pub(crate) struct Previews {
    folder: Arc<PathBuf>,
    /// Where a picture lies until it is whole.
    staging: Arc<PathBuf>,
    next_draft: Arc<AtomicU64>,
}

impl Previews {
    pub(crate) fn open(root: &Path, staging: Arc<PathBuf>) -> io::Result<Self> {
        let folder = root.join("previews");
        std::fs::create_dir_all(&folder)?;
        Ok(Self {
            folder: Arc::new(folder),
            staging,
            next_draft: Arc::default(),
        })
    }

    /// The picture as the extraction made it.
    pub(crate) async fn original(&self, key: BlobKey) -> Option<(PathBuf, PreviewForm)> {
        for form in [PreviewForm::Svg, PreviewForm::Png] {
            let path = self.path(key, original_suffix(form));
            if is_there(&path).await {
                return Some((path, form));
            }
        }
        None
    }

    pub(crate) async fn put_original(&self, key: BlobKey, preview: &Preview) -> io::Result<()> {
        self.write(
            self.path(key, original_suffix(preview.form)),
            &preview.bytes,
        )
        .await
    }

    /// The picture in this form, if it is kept.
    pub(crate) async fn find(&self, key: BlobKey, wanted: Wanted) -> Option<PathBuf> {
        for suffix in suffixes(wanted) {
            let path = self.path(key, &suffix);
            if is_there(&path).await {
                return Some(path);
            }
        }
        None
    }

    pub(crate) async fn put(&self, key: BlobKey, wanted: Wanted, bytes: &[u8]) -> io::Result<()> {
        let suffix = suffixes(wanted).pop().unwrap_or_default();
        self.write(self.path(key, &suffix), bytes).await
    }

    /// Forgets all pictures of these bytes.
    pub(crate) async fn remove(&self, key: BlobKey) -> io::Result<()> {
        let sizes = SIZES_PX.map(|size_px_max| Wanted::Png { size_px_max });
        let mut all: Vec<String> = sizes.into_iter().flat_map(suffixes).collect();
        all.extend(suffixes(Wanted::Svg));
        all.push(original_suffix(PreviewForm::Png).to_owned());
        for suffix in all {
            match tokio::fs::remove_file(self.path(key, &suffix)).await {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
                _ => {}
            }
        }
        Ok(())
    }

    fn path(&self, key: BlobKey, suffix: &str) -> PathBuf {
        let name = hex(&key.sha256);
        let first_byte = hex(key.sha256.split_at(1).0);
        let file = format!("{name}-{}-r{RENDERER}.{suffix}", key.generation);
        self.folder.join(first_byte).join(file)
    }

    /// Whole or not at all.
    async fn write(&self, path: PathBuf, bytes: &[u8]) -> io::Result<()> {
        let number = self.next_draft.fetch_add(1, Ordering::Relaxed);
        let draft = self.staging.join(format!("preview-{number}"));
        let bytes = bytes.to_vec();
        // In one piece, so that nobody who stops waiting leaves half of it behind.
        blocking(move || {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(&draft, bytes)?;
            std::fs::rename(&draft, &path)
        })
        .await
    }
}

const fn original_suffix(form: PreviewForm) -> &'static str {
    match form {
        PreviewForm::Svg => "svg",
        PreviewForm::Png => "png",
    }
}

/// Where a wanted picture may lie; what is made goes to the last of them.
fn suffixes(wanted: Wanted) -> Vec<String> {
    match wanted {
        // Pixels in an SVG stand apart from drawings: these are their own original.
        Wanted::Svg => vec!["svg".to_owned(), "pixels.svg".to_owned()],
        Wanted::Png { size_px_max } => vec![format!("{size_px_max}.png")],
    }
}

async fn is_there(path: &Path) -> bool {
    tokio::fs::try_exists(path).await.unwrap_or(false)
}
