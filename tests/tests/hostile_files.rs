//! Every hostile file through the real worker, confined and limited as in the service: each gets the answer that was
//! judged right for it, in time and memory. Must never raise a limit for one file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use e2e::hostile::{Row, rows};
use e2e::process::program;
use e2e::turns;
use serde_json::Value;

/// Processor time for one file. Memory is the worker's default: 1 GiB.
const CPU_SECONDS_MAX: u64 = 5;
/// How much slower than a release our own crates are in a build with checks.
const DEBUG_SLOWDOWN: u64 = 4;
/// Processes side by side, each with a share of the files.
const SHARES: usize = 2;

/// What one file was answered, and after how long.
struct Answered {
    answer: Value,
    took: Duration,
}

fn cpu_seconds_max() -> u64 {
    match cfg!(debug_assertions) {
        true => CPU_SECONDS_MAX * DEBUG_SLOWDOWN,
        false => CPU_SECONDS_MAX,
    }
}

/// Reads a folder's files by the program's own command; answers by file name.
fn read(folder: &Path, previews: &Path) -> BTreeMap<String, Answered> {
    let cpu = format!("ingest.extraction.cpu_seconds_max={}", cpu_seconds_max());
    let mut command = Command::new(program());
    command.current_dir(folder);
    command.args(["--set", &cpu, "--set", "ingest.extraction.ocr=false"]);
    // A busy machine gives less than a processor.
    command.args(["--set", "ingest.extraction.wall_seconds_max=600"]);
    command
        .args(["extract", "--json", "--preview"])
        .arg(previews);
    let child = command.arg(folder).stdout(Stdio::piped()).spawn();
    let mut child = child.expect("the program starts");
    let output = child.stdout.take().expect("it has an output");
    let (mut answers, mut last) = (BTreeMap::new(), Instant::now());
    for line in BufReader::new(output).lines() {
        let answer: Value = serde_json::from_str(&line.expect("lines of text")).expect("JSON");
        let path = PathBuf::from(answer["file"].as_str().expect("a file's name"));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let took = last.elapsed();
        last = Instant::now();
        answers.insert(name.into_owned(), Answered { answer, took });
    }
    child.wait().expect("an own process can be waited for");
    answers
}

/// What an Extraction's JSON says: whether it was read, and all codes of it.
fn said(extraction: &Value) -> (String, BTreeSet<String>) {
    let answer = match extraction["error"]["code"].as_str() {
        Some(code) => format!("failed {code}"),
        None => "read".to_owned(),
    };
    let lists = ["diagnostics", "findings", "needs_review"];
    let entries = lists.iter().filter_map(|list| extraction[*list].as_array());
    let codes = entries
        .flatten()
        .filter_map(|entry| Some(entry["code"].as_str()?.to_owned()));
    (answer, codes.collect())
}

/// What is wrong with a file's answer; prints what it was.
fn judge(row: &Row, answered: Option<&Answered>) -> Option<String> {
    let Some(Answered { answer, took }) = answered else {
        return Some(format!("{}: no answer", row.file));
    };
    let (answer, codes) = said(answer);
    let right = answer == row.answer && row.said.is_subset(&codes);
    let codes = codes.into_iter().collect::<Vec<_>>().join(" ");
    println!("{took:>8.2?}  {}\t{answer}\t{codes}", row.file);
    (!right).then(|| {
        format!(
            "{}: {answer} ({codes}), not {} ({:?})",
            row.file, row.answer, row.said
        )
    })
}

#[tokio::test]
async fn every_hostile_file_is_answered_as_judged_within_the_limits() {
    let _turn = turns::beside_others().await;
    let rows: Vec<Row> = rows().into_iter().filter(|row| !row.is_archive()).collect();
    let place = tempfile::tempdir().unwrap();
    let folders: Vec<PathBuf> = (0..SHARES)
        .map(|share| place.path().join(share.to_string()))
        .collect();
    for (row, folder) in rows.iter().zip(folders.iter().cycle()) {
        let design = row.design();
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join(design.name), design.bytes).unwrap();
    }
    let previews = place.path().join("previews");
    let shares: Vec<_> = folders
        .into_iter()
        .map(|folder| {
            let previews = previews.clone();
            tokio::task::spawn_blocking(move || read(&folder, &previews))
        })
        .collect();
    let mut answers = BTreeMap::new();
    for share in shares {
        answers.extend(share.await.unwrap());
    }
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|row| judge(row, answers.get(row.file.trim_end_matches(".gz"))))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
