//! Writes `fixtures/designs`: parts as a shop would send them with figures worked out by hand, broken files, hostile
//! files. The same bytes every time. Never asks our own reader what is right.

mod bad;
mod dxf;
mod good;

use std::io;
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
        std::fs::write(&path, bytes)?;
        paths.push(path);
    }
    Ok(paths)
}

/// Every file: its path below `fixtures/designs`, its bytes.
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
        .chain(bad::broken())
        .chain(bad::hostile())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_committed_files_are_what_the_generator_writes() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/designs");
        let mut total = 0;
        for (name, bytes) in all() {
            let committed = std::fs::read(folder.join(&name)).unwrap_or_default();
            assert!(
                committed == bytes,
                "{name} differs: run `cargo xtask fixtures`"
            );
            total += bytes.len();
        }
        assert!(total < 400_000, "{total} bytes");
        let made: BTreeSet<String> = all().into_iter().map(|(name, _)| name).collect();
        for kind in ["good", "broken", "hostile"] {
            for entry in std::fs::read_dir(folder.join(kind)).unwrap() {
                let name = format!("{kind}/{}", entry.unwrap().file_name().display());
                assert!(made.contains(&name), "{name} is not made by the generator");
            }
        }
    }
}
