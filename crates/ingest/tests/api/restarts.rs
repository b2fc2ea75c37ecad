//! What was answered with 2xx is finished, whatever becomes of the service meanwhile.

use std::fs::File;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, SqliteConnection};
use ingest::Ingest;
use serde_json::json;
use testkit::TempDb;

use crate::harness::{PATIENCE, TestIngest, disc, form, id_of, settings};
use crate::workers::script;

#[tokio::test]
async fn a_service_stopped_in_the_middle_finishes_after_its_restart() {
    for temp in TempDb::both() {
        let hangs = script(&temp, "/bin/sleep 100");
        let ingest = TestIngest::start_with(&temp, &[&hangs]).await;
        let (status, body) = ingest
            .send(
                "?wait=0",
                form(
                    &[
                        ("a.dxf", &disc(1)),
                        ("b.dxf", &disc(2)),
                        ("c.dxf", &disc(3)),
                    ],
                    &[],
                ),
            )
            .await;
        assert_eq!(status, 202);
        let ids: Vec<i64> = body.as_array().unwrap().iter().map(id_of).collect();
        // However often it is stopped: stopping is no crash.
        let mut endpoint = ingest.stop().await;
        for _ in 0..4 {
            let ingest = TestIngest::start_to(
                &temp,
                &[&hangs, "ingest.extraction.crashes_max=1"],
                endpoint,
            )
            .await;
            assert_eq!(ingest.record(ids[0]).await["status"], "processing");
            endpoint = ingest.stop().await;
        }
        let ingest =
            TestIngest::start_to(&temp, &["ingest.extraction.crashes_max=1"], endpoint).await;
        for id in ids {
            assert_eq!(ingest.settled(id).await["status"], "completed");
        }
        ingest.events(6).await;
        ingest.stop().await;
    }
}

#[tokio::test]
async fn an_upload_that_waits_is_answered_when_the_service_stops() {
    let temp = TempDb::sqlite();
    let hangs = script(
        &temp,
        "read setup; read file; : > \"${0%/*}/begun\"; /bin/sleep 100",
    );
    let ingest = TestIngest::start_with(&temp, &[&hangs]).await;
    let request = ingest.request(reqwest::Method::POST, "/ingest");
    let upload = crate::harness::answer(request.multipart(form(&[("a.dxf", &disc(1))], &[])));
    let begun = temp.folder().join("begun");
    let stopped = async {
        while !begun.exists() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        ingest.stop().await
    };
    let ((status, body), _) = tokio::join!(upload, stopped);
    assert_eq!((status, &body[0]["status"]), (202, &json!("processing")));
}

/// The program itself, on the address it logs.
pub(crate) struct Program {
    child: Child,
    pub(crate) base: String,
}

impl Program {
    fn start(temp: &TempDb, worker: &str) -> Self {
        Self::start_with(temp, &[worker.to_owned()])
    }

    pub(crate) fn start_with(temp: &TempDb, sets: &[String]) -> Self {
        let program = std::env::current_exe().unwrap();
        let program = program.ancestors().nth(2).unwrap().join("draftwire");
        let log = temp.folder().join("log");
        let mut child = Command::new(program)
            .arg("ingest")
            .args(sets.iter().flat_map(|set| ["--set", set]))
            .args([
                "--set",
                &format!("data_dir={}", temp.folder().join("data").display()),
            ])
            .args(["--set", "ingest.listen=127.0.0.1:0"])
            .args(["--set", &format!("ingest.database.url={}", temp.url_text())])
            .current_dir(temp.folder())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let began = Instant::now();
        loop {
            let text = std::fs::read_to_string(&log).unwrap();
            let line = text
                .lines()
                .find_map(|line| line.split_once("listening on "));
            // One that takes up a deadly file may be gone before it listens.
            if line.is_some() || child.try_wait().unwrap().is_some() {
                let base = line
                    .map(|(_, base)| base.trim().to_owned())
                    .unwrap_or_default();
                return Self { child, base };
            }
            assert!(began.elapsed() < PATIENCE, "{text}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A worker that kills its parent, the service, whenever it is given a file.
const ASSASSIN: &str = "read setup; read file; kill -9 $PPID";

#[tokio::test]
async fn a_file_that_kills_the_service_again_and_again_fails_and_the_others_do_not() {
    drop(rustls::crypto::ring::default_provider().install_default());
    for temp in TempDb::both() {
        let worker = script(&temp, ASSASSIN);
        let mut program = Program::start(&temp, &worker);
        let http = reqwest::Client::new();
        let request = http.post(format!("{}/ingest?wait=0", program.base));
        // The answer comes after the commit, the shot after the answer or before it.
        let answer = request
            .multipart(form(&[("a.dxf", &disc(1))], &[]))
            .send()
            .await;
        assert!(answer.is_ok_and(|answer| answer.status() == 202) || program.child.wait().is_ok());
        assert!(!program.child.wait().unwrap().success());
        // One more upload that nobody begins.
        insert_copy(&temp);
        for _ in 0..3 {
            let mut program = Program::start(&temp, &worker);
            assert!(
                !program.child.wait().unwrap().success(),
                "the file is tried again"
            );
        }
        let ingest = TestIngest::start(&temp).await;
        let record = ingest.settled(1).await;
        assert_eq!(
            (&record["status"], &record["error_code"]),
            (&json!("failed"), &json!("crashed")),
            "{record}"
        );
        assert!(
            record["error_message"]
                .as_str()
                .unwrap()
                .contains("crashes_max")
        );
        assert_eq!(
            ingest.settled(2).await["status"],
            "completed",
            "it waited behind the other"
        );
        ingest.stop().await;
    }
}

/// A second file waits behind the first.
fn insert_copy(temp: &TempDb) {
    let columns = "tenant_id, identity, clean_name, stored_name, kind, mime_type, mode, size_bytes, sha256, \
                   generation, state, caller_facts, base_name, version, search, task, created_at_ms, updated_at_ms";
    let values = columns
        .replace("identity,", "sha256,")
        .replace("version,", "2,");
    batch(
        temp,
        &format!("INSERT INTO files ({columns}) SELECT {values} FROM files WHERE id = 1"),
    );
}

pub(crate) fn batch(temp: &TempDb, text: &str) {
    match temp.url() {
        db::DatabaseUrl::Sqlite(path) => {
            let path = path.to_str().unwrap();
            let mut conn = SqliteConnection::establish(path).unwrap();
            let patient = format!("PRAGMA busy_timeout = 10000; {text}");
            conn.batch_execute(&patient).unwrap();
        }
        db::DatabaseUrl::Postgres(url) => {
            PgConnection::establish(url)
                .unwrap()
                .batch_execute(text)
                .unwrap();
        }
    }
}

#[tokio::test]
async fn a_row_that_memory_has_lost_is_found_again() {
    let [sqlite, postgres] = TempDb::both();
    tokio::join!(finds_a_lost_row(&sqlite), finds_a_lost_row(&postgres));
}

async fn finds_a_lost_row(temp: &TempDb) {
    let ingest = TestIngest::start(temp).await;
    let id = id_of(&ingest.upload("a.dxf", &disc(1)).await);
    // As after a commit whose answer was lost: owned by this process, which does not know of it.
    batch(
        temp,
        "UPDATE files SET state = 1, claim = claim + 1, owner = (SELECT max(id) FROM nodes)",
    );
    assert_eq!(ingest.settled(id).await["status"], "completed");
    ingest.stop().await;
}

#[tokio::test]
async fn what_an_upload_left_half_written_is_cleared_at_the_start() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    ingest.upload("a.dxf", &disc(1)).await;
    ingest.stop().await;
    let staging = temp.folder().join("data/files/staging");
    let node = std::fs::read_dir(&staging)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    std::fs::write(node.join("7"), b"half").unwrap();
    let ingest = TestIngest::start(&temp).await;
    assert_eq!(ingest.staged(), 0);
    assert_eq!(ingest.content(1).await, (200, disc(1)));
    ingest.stop().await;
}

#[tokio::test]
async fn a_second_service_of_the_same_name_on_the_same_database_is_refused() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        let second = Ingest::start(settings(&temp, "127.0.0.1:0", &[])).await;
        let sentence = second.err().unwrap().to_string();
        assert!(sentence.contains("in use by another process"), "{sentence}");
        assert!(sentence.contains("stop that one first"), "{sentence}");
        assert!(!sentence.contains("postgres:postgres"), "{sentence}");
        ingest.upload("a.dxf", &disc(1)).await;
        ingest.stop().await;
    }
}
