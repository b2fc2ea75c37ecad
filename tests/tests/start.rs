//! One command in an empty folder: what it says, what it makes, how it ends, and what it refuses.

use std::path::{Path, PathBuf};
use std::time::Duration;

use client::{Client, DesignFileQuery, FileQuery};
use e2e::http::{get, http, items, post};
use e2e::process::{Process, free_port, run};
use e2e::turns;
use serde_json::json;
use tempfile::tempdir;

const SAMPLES: u64 = 10;
/// Time for the samples to be taken in and known.
const SUMMARY_TIME_MAX: Duration = Duration::from_secs(20);
const STOP_TIME_MAX: Duration = Duration::from_secs(10);
/// A second start, with everything there, on a busy machine and in a debug build.
const SECOND_START_MAX: Duration = Duration::from_secs(3);

struct Both {
    process: Process,
    receiver_url: String,
    ingest: Client,
    receiver: Client,
}

impl Both {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(more: &[&str]) -> Self {
        let (ingest, receiver) = (free_port(), free_port());
        let addresses = [
            format!("ingest.listen=127.0.0.1:{ingest}"),
            format!("receiver.listen=127.0.0.1:{receiver}"),
        ];
        let more = more.iter().map(ToString::to_string);
        let settings = addresses.into_iter().chain(more);
        let arguments: Vec<String> = settings
            .flat_map(|setting| ["--set".to_owned(), setting])
            .collect();
        let client = |port| Client::new(&format!("http://127.0.0.1:{port}"), None).unwrap();
        Self {
            receiver_url: format!("http://127.0.0.1:{receiver}"),
            process: Process::new(arguments, ingest, tempdir().unwrap()),
            ingest: client(ingest),
            receiver: client(receiver),
        }
    }

    /// Waits for the last line of the `count`th summary.
    async fn summary(&self, count: usize) -> String {
        let waited = async {
            loop {
                let output = self.process.output();
                if output.matches("Ctrl-C stops both.").count() >= count {
                    return output;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let output = tokio::time::timeout(SUMMARY_TIME_MAX, waited).await;
        output.expect("the summary comes")
    }

    /// Files at ingest, design files at the receiver.
    async fn counts(&self) -> (u64, u64) {
        let files = self.ingest.files(&FileQuery::default()).await.unwrap();
        let known = self
            .receiver
            .design_files(&DesignFileQuery::default())
            .await
            .unwrap();
        (files.total, known.total)
    }

    async fn stop(&mut self) {
        let (status, time) = self.process.stop().await;
        assert_eq!(status.code(), Some(0), "{}", self.process.log());
        assert!(time < STOP_TIME_MAX, "{time:?}");
        println!("stopped within {time:.0?}");
    }
}

#[tokio::test]
async fn one_command_starts_everything_and_a_second_start_repeats_nothing() {
    let _turn = turns::alone().await;
    let mut both = Both::new();
    both.process.start();
    println!(
        "first start: healthy after {:.0?}",
        both.process.healthy().await
    );
    let output = both.summary(1).await;
    assert!(output.contains("Ingested the bundled samples"), "{output}");
    assert!(
        output.contains("10 files") && output.contains("10 design files"),
        "{output}"
    );
    assert!(output.contains("curl -F files=@part.dxf"), "{output}");
    assert_eq!(both.counts().await, (SAMPLES, SAMPLES));
    both.stop().await;

    both.process.start();
    let healthy = both.process.healthy().await;
    println!("second start: healthy after {healthy:.0?}");
    assert!(healthy < SECOND_START_MAX);
    let output = both.summary(2).await;
    assert_eq!(
        output.matches("Ingested the bundled samples").count(),
        1,
        "{output}"
    );
    assert_eq!(both.counts().await, (SAMPLES, SAMPLES));
    let deliveries = both.ingest.queue_stats().await.unwrap();
    assert_eq!((deliveries.completed, deliveries.pending), (2 * SAMPLES, 0));
    both.stop().await;
}

#[tokio::test]
async fn a_project_prints_with_its_pictures() {
    let _turn = turns::beside_others().await;
    let mut both = Both::new();
    both.process.start();
    both.summary(1).await;
    let (url, code) = (both.receiver_url.clone(), "JB-2025-10-CL0001-001");
    for (path, body) in [
        (
            "clients",
            json!({"code": "CL0001", "name": "Harbour Steel"}),
        ),
        (
            "projects",
            json!({"code": code, "name": "Roof", "due_date": "2026-12-01"}),
        ),
    ] {
        let answer = post(&format!("{url}/{path}"), &body).await.unwrap();
        assert!(answer.is_success(), "{answer:?}");
    }
    let sheet = format!("{url}/projects/{code}/job-sheet.pdf");
    let sheet = http().get(sheet).send().await.unwrap();
    let pdf = sheet.error_for_status().unwrap().bytes().await.unwrap();
    assert!(
        pdf.windows(6).any(|word| word == b"/Image"),
        "the picture was asked of the sender"
    );
    let folder = both.process.folder();
    std::fs::write(folder.join("sheet.pdf"), &pdf).unwrap();
    let ended = run(&["extract", "--json", "sheet.pdf"], folder);
    for words in [
        code,
        "Harbour Steel",
        "2026-12-01",
        "BracketLeft",
        "Mild Steel",
        "14 pieces",
    ] {
        assert!(ended.output.contains(words), "{words}: {}", ended.output);
    }
    both.stop().await;
}

#[tokio::test]
async fn the_receiver_asks_an_ingest_that_asks_for_keys() {
    let _turn = turns::beside_others().await;
    let mut both = Both::with(&["ingest.auth=true", "receiver.reconcile_minutes=0"]);
    both.process.start();
    let output = both.summary(1).await;
    let key = output.split("shown this once: ").nth(1).unwrap();
    let key = key.split_whitespace().next().unwrap().to_owned();
    let (url, ingest) = (both.receiver_url.clone(), both.process.url());
    for _ in 0..2 {
        let files = items(&format!("{url}/design-files?q=BracketLeft")).await;
        let picture = format!("{url}/console/design-files/{}/picture.png", files[0]["id"]);
        let picture = http().get(picture).send().await.unwrap();
        assert_eq!(picture.headers()["content-type"], "image/png");
        let whole = json!({"source": "draftwire", "from_start": true});
        let compared = post(&format!("{url}/reconcile"), &whole).await;
        let compared = compared.unwrap().json;
        assert_eq!(
            (&compared["complete"], &compared["error"]),
            (&json!(true), &json!(null)),
            "{compared}"
        );
        assert_eq!(compared["missing_total"], 0);

        // What it asks with opens nothing to others, is in no list and nowhere on the disk.
        assert_eq!(get(&format!("{ingest}/files")).await.unwrap().status, 401);
        let keys = http()
            .get(format!("{ingest}/api/v1/keys"))
            .bearer_auth(&key);
        let keys: serde_json::Value = keys.send().await.unwrap().json().await.unwrap();
        assert_eq!(keys["total"], 1, "{keys}");
        both.stop().await;
        for (path, bytes) in files_below(both.process.folder()) {
            let is_key = |word: &[u8]| {
                let is_of_key = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
                word.starts_with(b"dw_") && word.iter().all(is_of_key)
            };
            // The length of a key; longer words hold one too.
            let holds_key = bytes.windows(46).any(is_key);
            assert!(!holds_key, "a key is in {}", path.display());
        }
        both.process.start();
        both.process.healthy().await;
    }
    let said = both.process.output() + &both.process.log();
    assert_eq!(said.matches("dw_").count(), said.matches(&key).count());
    both.stop().await;
}

/// Every file below a folder of data with its bytes.
fn files_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut folders = vec![folder.join("data")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push((path.clone(), std::fs::read(path).unwrap())),
            }
        }
    }
    assert!(files.len() > 2, "{files:?}");
    files
}

#[tokio::test]
async fn a_folder_and_a_port_belong_to_one_process() {
    let _turn = turns::beside_others().await;
    let mut both = Both::new();
    both.process.start();
    both.summary(1).await;
    let folder = both.process.folder();
    let address = both.process.url().replace("http://", "");
    let same_port = format!("ingest.listen={address}");
    refused(&["--set", &same_port], folder, &[&address, "ingest.listen"]);
    let other_ports = [
        "--set",
        "ingest.listen=127.0.0.1:0",
        "--set",
        "receiver.listen=127.0.0.1:0",
    ];
    refused(&other_ports, folder, &["in use by another process", "node"]);
    assert_eq!(both.counts().await, (SAMPLES, SAMPLES));
    both.stop().await;
}

#[tokio::test]
async fn a_port_that_others_can_reach_needs_auth() {
    let _turn = turns::beside_others().await;
    let folder = tempdir().unwrap();
    let open = |section| format!("{section}.listen=0.0.0.0:{}", free_port());
    let near = |section| format!("{section}.listen=127.0.0.1:{}", free_port());
    let says = |section| [format!("{section}.auth = true"), "127.0.0.1".to_owned()];
    for section in ["ingest", "receiver"] {
        let [auth, loopback] = says(section);
        refused(
            &["--set", &open(section), section],
            folder.path(),
            &[&auth, &loopback],
        );
    }
    let arguments = ["--set", &open("ingest"), "--set", &near("receiver")];
    refused(&arguments, folder.path(), &[&says("ingest")[0]]);
    let arguments = ["--set", &near("ingest"), "--set", &open("receiver")];
    refused(&arguments, folder.path(), &[&says("receiver")[0]]);
}

#[test]
fn a_mistyped_key_is_named_with_the_nearest() {
    let folder = tempdir().unwrap();
    let wrong = ["--set", "ingest.lisen=127.0.0.1:0", "ingest"];
    refused(&wrong, folder.path(), &["ingest.lisen", "ingest.listen"]);
    std::fs::write(
        folder.path().join("draftwire.toml"),
        "[receiver]\nlissten = \"x\"\n",
    )
    .unwrap();
    let said = ["draftwire.toml", "receiver.lissten", "receiver.listen"];
    refused(&["receiver"], folder.path(), &said);
    refused(&[], folder.path(), &said);
}

/// Refused at once, with one sentence that names all of `said`.
#[track_caller]
fn refused(arguments: &[&str], folder: &Path, said: &[&str]) {
    let ended = run(arguments, folder);
    assert_eq!(ended.status.code(), Some(1), "{arguments:?}: {ended:?}");
    let sentence = ended
        .errors
        .lines()
        .find(|line| line.starts_with("draftwire: "));
    let sentence = sentence.unwrap_or_else(|| unreachable!("no sentence: {ended:?}"));
    for part in said {
        assert!(sentence.contains(part), "{part:?} is not in {sentence:?}");
    }
}

#[test]
fn printed_settings_show_no_secret() {
    let folder = tempdir().unwrap();
    let secrets = [
        "ingest.encryption_key=veiled1",
        "receiver.database.url=postgres://someone:veiled2@127.0.0.1/parts",
        "ingest.database.url=postgres://someone:veiled3@127.0.0.1/files",
        "sources.shop.secrets=veiled4-of-shop,veiled5-of-shop",
        "ingest.delivery.subscriptions.shop.secret=veiled6-of-shop",
        "ingest.delivery.subscriptions.shop.headers.authorization=veiled7",
    ];
    let mut arguments = vec!["--print-config"];
    arguments.extend(secrets.iter().flat_map(|secret| ["--set", secret]));
    let ended = run(&arguments, folder.path());
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(!ended.output.contains("veiled"), "{}", ended.output);
    let shown = [
        "[ingest.database]",
        "someone",
        "[sources.shop]",
        "grace_seconds",
    ];
    for part in shown {
        assert!(ended.output.contains(part), "{part} in {}", ended.output);
    }
}
