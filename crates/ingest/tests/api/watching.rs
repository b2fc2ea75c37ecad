//! Watched folders: what lies there is taken in once, whatever happens meanwhile, and put away with its reason.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use testkit::TempDb;

use crate::archives::packed;
use crate::harness::{PATIENCE, TestIngest, disc};
use crate::restarts::{Program, batch};
use crate::workers::script;

/// A folder to be watched, and its settings.
struct Inbox {
    root: PathBuf,
    sets: Vec<String>,
}

impl Inbox {
    fn new(temp: &TempDb, more: &[&str]) -> Self {
        let root = temp.folder().join("inbox");
        fs::create_dir_all(&root).unwrap();
        let mut sets = vec![
            format!("ingest.watch.folders.in.path={}", root.display()),
            "ingest.watch.settle_ms=200".to_owned(),
            "ingest.watch.poll_ms=100".to_owned(),
        ];
        sets.extend(more.iter().map(|set| format!("ingest.watch.{set}")));
        Self { root, sets }
    }

    async fn start(&self, temp: &TempDb) -> TestIngest {
        let sets: Vec<&str> = self.sets.iter().map(String::as_str).collect();
        TestIngest::start_with(temp, &sets).await
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    async fn until(&self, what: &str, is: impl Fn() -> bool) {
        let began = Instant::now();
        while !is() {
            assert!(
                began.elapsed() < PATIENCE * 2,
                "{what}: {:?}",
                below(&self.root)
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn until_there(&self, path: &str) {
        self.until(path, || self.has(path)).await;
    }
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        match path.is_dir() && !path.is_symlink() {
            true => files.extend(below(&path)),
            false => files.push(path),
        }
    }
    files
}

async fn files(ingest: &TestIngest) -> Vec<Json> {
    let list = ingest.ok("/files?limit=1000").await;
    let mut files = list["items"].as_array().unwrap().clone();
    files.sort_by_key(|file| file["original_filename"].to_string());
    files
}

#[tokio::test]
async fn files_are_taken_in_by_their_place_and_put_away_with_their_reason() {
    for temp in TempDb::both() {
        let inbox = Inbox::new(&temp, &["folders.in.client_code=CL0009"]);
        inbox.put("CL-0003/1.Projects/0005-Roof/a.dxf", &disc(1));
        inbox.put("JB-2025-10-CL0001-001/b.dxf", &disc(2));
        let ingest = inbox.start(&temp).await;
        inbox.put("c.dxf", &disc(3));
        inbox.put("sub/no kind.bin", &[0, 1, 2, 3]);
        inbox.put("broken.pdf", b"%PDF-1.7\nnothing follows");
        for path in [
            "done/CL-0003/1.Projects/0005-Roof/a.dxf",
            "done/JB-2025-10-CL0001-001/b.dxf",
            "done/c.dxf",
            "failed/sub/no kind.bin",
            "failed/broken.pdf",
        ] {
            inbox.until_there(path).await;
        }
        let reason = |name: &str| fs::read_to_string(inbox.root.join("failed").join(name)).unwrap();
        assert!(reason("sub/no kind.bin.reason.txt").contains("whatever its name says"));
        let broken = reason("broken.pdf.reason.txt");
        assert!(
            broken.contains("broken.pdf: ") && broken.contains("On record as "),
            "{broken}"
        );
        let seen: Vec<Json> = files(&ingest)
            .await
            .iter()
            .map(|file| {
                json!([
                    file["original_filename"],
                    file["client_code"],
                    file["project_code"],
                    file["status"]
                ])
            })
            .collect();
        assert_eq!(
            json!(seen),
            json!([
                ["a.dxf", "CL0003", null, "completed"],
                ["b.dxf", "CL0009", "JB-2025-10-CL0001-001", "completed"],
                ["broken.pdf", "CL0009", null, "failed"],
                ["c.dxf", "CL0009", null, "completed"],
            ])
        );
        // Names that are taken over there are not overwritten.
        inbox.put("c.dxf", &disc(4));
        inbox.until_there("done/c (2).dxf").await;
        assert_eq!(fs::read(inbox.root.join("done/c.dxf")).unwrap(), disc(3));
        let ready = ingest.ok("/ready").await;
        let watch = &ready["details"]["watch"]["in"];
        assert_eq!(
            (
                &watch["state"],
                &watch["signal"],
                &watch["done_total"],
                &watch["failed_total"]
            ),
            (&json!("watching"), &json!("events"), &json!(4), &json!(2)),
            "{ready}"
        );
        ingest.stop().await;
    }
}

#[tokio::test]
async fn what_is_not_complete_waits() {
    let temp = TempDb::sqlite();
    let inbox = Inbox::new(&temp, &["folders.in.done=../done"]);
    let outside = temp.folder().join("outside.dxf");
    fs::write(&outside, disc(99)).unwrap();
    symlink(&outside, inbox.root.join("link.dxf")).unwrap();
    symlink(temp.folder(), inbox.root.join("folder")).unwrap();
    let locked = inbox.root.join("locked.dxf");
    inbox.put("locked.dxf", &disc(5));
    let lock = File::options().write(true).open(&locked).unwrap();
    lock.lock().unwrap();
    for name in ["~$list.xlsx", ".hidden.dxf", "e.dxf.part", "f.CRDOWNLOAD"] {
        inbox.put(name, &disc(6));
    }
    let ingest = inbox.start(&temp).await;
    // A copy that takes its time.
    let bytes = disc(7);
    let mut copy = File::create(inbox.root.join("slow.dxf")).unwrap();
    for piece in bytes.chunks(bytes.len() / 8) {
        copy.write_all(piece).unwrap();
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert!(files(&ingest).await.is_empty());
    }
    drop(copy);
    let done = temp.folder().join("done");
    inbox
        .until("the copy", || done.join("slow.dxf").exists())
        .await;
    assert!(inbox.has("locked.dxf"), "it is locked");
    drop(lock);
    fs::rename(inbox.root.join("e.dxf.part"), inbox.root.join("e.dxf")).unwrap();
    inbox
        .until("the renamed", || done.join("e.dxf").exists())
        .await;
    inbox
        .until("the unlocked", || done.join("locked.dxf").exists())
        .await;
    let names: Vec<Json> = files(&ingest)
        .await
        .iter()
        .map(|file| file["original_filename"].clone())
        .collect();
    assert_eq!(json!(names), json!(["e.dxf", "locked.dxf", "slow.dxf"]));
    let slow = files(&ingest).await[2]["id"].as_i64().unwrap();
    assert_eq!(ingest.content(slow).await, (200, bytes));
    for name in [
        "~$list.xlsx",
        ".hidden.dxf",
        "f.CRDOWNLOAD",
        "link.dxf",
        "folder",
    ] {
        assert!(
            inbox.root.join(name).is_symlink() || inbox.has(name),
            "{name} stays"
        );
    }
    ingest.stop().await;
}

#[tokio::test]
async fn a_thousand_files_at_once_are_all_taken_in_once() {
    const COUNT: u32 = 1000;
    for temp in TempDb::both() {
        let inbox = Inbox::new(&temp, &[]);
        let ingest = inbox.start(&temp).await;
        for number in 1..=COUNT {
            inbox.put(&format!("part-{number:04}.dxf"), &disc(number));
        }
        let done = inbox.root.join("done");
        inbox
            .until("all", || below(&done).len() == COUNT as usize)
            .await;
        let list = ingest.ok("/files?limit=1").await;
        assert_eq!(
            (&list["total"], below(&inbox.root).len()),
            (&json!(COUNT), COUNT as usize)
        );
        ingest.stop().await;
    }
}

#[tokio::test]
async fn killed_between_taking_in_and_moving_it_only_moves_after_the_restart() {
    // Killed after the ledger knew of it, and before.
    for remembered in [true, false] {
        for temp in TempDb::both() {
            killed(&temp, remembered).await;
        }
    }
}

async fn killed(temp: &TempDb, remembered: bool) {
    let hangs = script(temp, "/bin/sleep 100");
    let inbox = Inbox::new(temp, &[]);
    inbox.put("a.dxf", &disc(1));
    inbox.put("gone.dxf", &disc(2));
    inbox.put("newer.dxf", &disc(3));
    let mut sets = inbox.sets.clone();
    sets.push(hangs);
    let mut program = Program::start_with(temp, &sets);
    drop(rustls::crypto::ring::default_provider().install_default());
    let http = reqwest::Client::new();
    let began = Instant::now();
    loop {
        let answer = http
            .get(format!("{}/ready", program.base))
            .send()
            .await
            .unwrap();
        let ready: Json = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        if ready["details"]["watch"]["in"]["taken"] == 3 {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{ready}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    program.kill();
    if !remembered {
        batch(temp, "DELETE FROM watch_ledger");
    }
    assert!(inbox.has("a.dxf"), "it was not read yet");
    fs::remove_file(inbox.root.join("gone.dxf")).unwrap();
    inbox.put("newer.dxf", &disc(30));
    let ingest = inbox.start(temp).await;
    inbox.until_there("done/a.dxf").await;
    inbox.until_there("done/newer.dxf").await;
    let names: Vec<Json> = files(&ingest)
        .await
        .iter()
        .map(|file| file["original_filename"].clone())
        .collect();
    assert_eq!(
        json!(names),
        json!(["a.dxf", "gone.dxf", "newer.dxf", "newer.dxf"])
    );
    assert_eq!(
        fs::read(inbox.root.join("done/newer.dxf")).unwrap(),
        disc(30)
    );
    ingest.stop().await;
}

#[tokio::test]
async fn what_is_left_in_place_is_remembered_until_it_changes() {
    for temp in TempDb::both() {
        let inbox = Inbox::new(&temp, &["folders.in.after=leave", "folders.in.poll=true"]);
        inbox.put("a.dxf", &disc(1));
        inbox.put("no kind.bin", &[0, 1, 2, 3]);
        for _ in 0..2 {
            let ingest = inbox.start(&temp).await;
            let count = async || files(&ingest).await.len();
            let began = Instant::now();
            while count().await < 1
                || ingest.ok("/ready").await["details"]["watch"]["in"]["waiting"] != 0
            {
                assert!(began.elapsed() < PATIENCE);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            assert_eq!(count().await, 1);
            ingest.stop().await;
        }
        assert!(inbox.has("a.dxf") && inbox.has("no kind.bin"));
        assert_eq!(below(&inbox.root).len(), 2, "nothing is written there");
        let ingest = inbox.start(&temp).await;
        inbox.put("a.dxf", &disc(11));
        let began = Instant::now();
        while files(&ingest).await.len() < 2 {
            assert!(began.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(ingest.settled(2).await["version"], 2);
        ingest.stop().await;
    }
}

#[tokio::test]
async fn a_folder_that_is_away_is_waited_for() {
    let temp = TempDb::sqlite();
    let inbox = Inbox::new(&temp, &["rescan_seconds=1"]);
    fs::remove_dir(&inbox.root).unwrap();
    let ingest = inbox.start(&temp).await;
    let state = async || ingest.ok("/ready").await["details"]["watch"]["in"]["state"].clone();
    let began = Instant::now();
    while state().await != "unreachable" {
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Twice: another folder of the same name is heard, too.
    for number in 1..=2 {
        inbox.put("a.dxf", &disc(number));
        inbox.until_there("done/a.dxf").await;
        fs::rename(&inbox.root, temp.folder().join(format!("before-{number}"))).unwrap();
    }
    assert_eq!(files(&ingest).await.len(), 2);
    ingest.stop().await;
}

#[tokio::test]
async fn an_archive_is_taken_apart_and_fails_with_what_is_bad_in_it() {
    let temp = TempDb::sqlite();
    let inbox = Inbox::new(&temp, &[]);
    let ingest = inbox.start(&temp).await;
    inbox.put(
        "good.zip",
        &packed(&[("x/a.dxf", &disc(1)), ("b.dxf", &disc(2))]),
    );
    inbox.put(
        "mixed.zip",
        &packed(&[("c.dxf", &disc(3)), ("d.bin", &[0_u8, 1, 2, 3][..])]),
    );
    inbox.until_there("done/good.zip").await;
    inbox.until_there("failed/mixed.zip").await;
    assert_eq!(files(&ingest).await.len(), 3);
    let reason = fs::read_to_string(inbox.root.join("failed/mixed.zip.reason.txt")).unwrap();
    assert!(
        reason.contains("d.bin: the content is no DXF") && reason.contains("On record as "),
        "{reason}"
    );
    ingest.stop().await;
}
