//! Writes `fixtures/designs`: parts as a shop would send them with figures worked out by hand, broken files, hostile
//! files. The same bytes every time; those of names in `.gz` once they are unpacked. Never asks our own reader what is
//! right.

mod broken;
mod dxf;
mod good;
mod hostile;
mod pack;

use flate2::{Compression, write::GzEncoder};

use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes every file below `root` (the repository); answers their paths.
///
/// # Errors
/// When a folder or file cannot be written.
pub(crate) fn write(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for (name, bytes) in all() {
        let path = root.join("fixtures/designs").join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, as_kept(&path, bytes)?)?;
        paths.push(path);
    }
    Ok(paths)
}

/// What stands in the folder: the bytes, packed where the name says so.
fn as_kept(path: &Path, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    if path.extension().is_none_or(|extension| extension != "gz") {
        return Ok(bytes);
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&bytes)?;
    packed.finish()
}

/// Every file: its path below `fixtures/designs`, its bytes before they are packed.
fn all() -> Vec<(String, Vec<u8>)> {
    let parts = good::parts();
    let truth = (
        "good/truth.json".to_owned(),
        good::truth(&parts).into_bytes(),
    );
    let drawn = parts.iter().map(|part| {
        (
            format!("good/{}", part.file),
            part.drawing.dxf().into_bytes(),
        )
    });
    drawn
        .chain([truth])
        .chain(broken::broken())
        .chain(hostile::hostile())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use std::collections::BTreeSet;
    use std::io::Read;

    /// Bytes of all files as they are kept: they are downloaded with the sources.
    const KEPT_BYTES_MAX: usize = 3_200_000;

    #[test]
    fn the_committed_files_are_what_the_generator_writes() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/designs");
        let (mut total, mut made) = (0, BTreeSet::new());
        for (name, bytes) in all() {
            let kept = std::fs::read(folder.join(&name)).unwrap_or_default();
            total += kept.len();
            let mut committed = Vec::new();
            // Another version of the library may pack otherwise: what comes out again counts.
            match name.strip_suffix(".gz") {
                Some(_) => drop(GzDecoder::new(kept.as_slice()).read_to_end(&mut committed)),
                None => committed = kept,
            }
            assert!(
                committed == bytes,
                "{name} differs: run `cargo xtask fixtures`"
            );
            assert!(made.insert(name.clone()), "{name} is made twice");
        }
        assert!(total < KEPT_BYTES_MAX, "{total} bytes");
        for kind in ["good", "broken", "hostile"] {
            for entry in std::fs::read_dir(folder.join(kind)).unwrap() {
                let name = format!("{kind}/{}", entry.unwrap().file_name().display());
                assert!(made.contains(&name), "{name} is not made by the generator");
            }
        }
    }
}
