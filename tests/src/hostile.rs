//! The hostile files of `fixtures/designs/hostile` with what each must be answered. Must never read a file as a service
//! would.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;

use flate2::read::GzDecoder;

use crate::designs::{Design, fixtures};

/// A row of `fixtures/designs/hostile.tsv`: a file, and its judged answer.
#[derive(Debug, Clone)]
pub struct Row {
    /// As it is kept; long files are packed and end in `.gz`.
    pub file: String,
    /// `read`, or `failed` and a code; of an archive, what became of its files.
    pub answer: String,
    /// Codes that must be among what is said of it: diagnostics, findings, reasons for review.
    pub said: BTreeSet<String>,
}

impl Row {
    /// The file as it is meant to be read.
    pub fn design(&self) -> Design {
        let kept = Design::read(&fixtures("hostile").join(&self.file));
        let Some(name) = self.file.strip_suffix(".gz") else {
            return kept;
        };
        let mut bytes = Vec::new();
        let unpacked = GzDecoder::new(kept.bytes.as_slice()).read_to_end(&mut bytes);
        unpacked.expect("it was packed by us");
        Design::new(name, bytes)
    }

    /// Whether it is an archive, which ingest takes apart and no worker reads.
    pub fn is_archive(&self) -> bool {
        self.file.trim_end_matches(".gz").ends_with(".zip")
    }
}

/// All rows, by file. Fails the test when a file has no row or a row no file.
pub fn rows() -> Vec<Row> {
    let folder = fixtures("hostile");
    let table = fs::read_to_string(folder.with_extension("tsv")).expect("a committed table");
    let rows: Vec<Row> = table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(row)
        .collect();
    let entries = fs::read_dir(folder).expect("a committed folder");
    let kept: BTreeSet<String> = entries
        .map(|entry| entry.expect("an entry can be read").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    let listed: BTreeSet<String> = rows.iter().map(|row| row.file.clone()).collect();
    let alone: Vec<&String> = kept.symmetric_difference(&listed).collect();
    assert!(
        alone.is_empty(),
        "rows or files that stand alone: {alone:?}"
    );
    assert_eq!(rows.len(), listed.len(), "a file has two rows");
    rows
}

fn row(line: &str) -> Row {
    let mut fields = line.split('\t').map(str::to_owned);
    let mut field = || fields.next().unwrap_or_default();
    Row {
        file: field(),
        answer: field(),
        said: field().split_whitespace().map(str::to_owned).collect(),
    }
}
