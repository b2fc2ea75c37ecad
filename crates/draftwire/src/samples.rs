//! The sample files that an empty installation takes in, so that there is something to see.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

macro_rules! samples {
    ($($name:literal,)*) => {
        &[$(($name, include_bytes!(concat!("../../../fixtures/designs/good/", $name)).as_slice()),)*]
    };
}

const SAMPLES: &[(&str, &[u8])] = samples![
    "0003-Ring-SS-2mm-x12.dxf",
    "0005-VA2601-VAS-4mm-x1.dxf",
    "0008-Base plate 4 holes-MS-10mm-x6.dxf",
    "0009-Cover plate-Al-3mm-x4.dxf",
    "0010-Vent panel-Galv-1.2mm-x20.dxf",
    "0012-Gusset-Galv-3mm-x8.dxf",
    "0014-Shim set-SS-0.5mm-x5.dxf",
    "CL0001-JB-2025-10-CL0001-001-BracketLeft-MS-5mm-x14-v1.dxf",
    "CL0002-JB-2025-10-CL0002-003-Flange-MS-12mm-x2-v3.dxf",
    "Purlin_cleats_x170_6mm.dxf",
];

/// Writes the samples into `folder`; answers their paths.
pub(crate) fn write(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::create_dir_all(folder)?;
    SAMPLES
        .iter()
        .map(|(name, bytes)| {
            let path = folder.join(name);
            fs::write(&path, bytes).map(|()| path)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_good_fixture_is_a_sample() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/designs/good");
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "truth.json")
            .collect();
        files.sort();
        let names: Vec<_> = SAMPLES.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, files);
    }
}
