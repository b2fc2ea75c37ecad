//! Workers that hang, die, chatter or eat memory cost their file and nothing else.

use std::os::unix::fs::PermissionsExt;

use futures_util::future::join_all;
use serde_json::json;
use testkit::TempDb;

use crate::harness::{TestIngest, disc, form, id_of};

/// The setting that makes this shell script the worker.
pub(crate) fn script(temp: &TempDb, lines: &str) -> String {
    let path = temp.folder().join("worker.sh");
    std::fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("ingest.extraction.worker_program={}", path.display())
}

/// A drawing with so many circles in a square, each its own part.
pub(crate) fn grid(circles: u32) -> Vec<u8> {
    use std::fmt::Write;
    let side = circles.isqrt();
    let mut text = String::from("0\nSECTION\n2\nENTITIES\n");
    for n in 0..circles {
        let (x, y) = (n % side * 10, n / side * 10);
        write!(
            text,
            "0\nCIRCLE\n8\nCUT\n10\n{x}.5\n20\n{y}.25\n40\n3.{n}\n"
        )
        .unwrap();
    }
    text.push_str("0\nENDSEC\n0\nEOF\n");
    text.into_bytes()
}

#[tokio::test]
async fn a_misbehaving_worker_fails_its_file_with_the_right_reason() {
    let cases = [
        ("exit 1", "worker_died"),
        ("read setup; read file; exit 0", "worker_died"),
        ("read setup; read file; kill -9 $$", "worker_died"),
        ("read setup; read file; kill -ABRT $$", "memory_limit"),
        ("read setup; read file; kill -XCPU $$", "time_limit"),
        ("read setup; read file; /bin/sleep 100", "time_limit"),
        ("/bin/sleep 100", "time_limit"),
        (
            "read setup; read file; echo nonsense; /bin/sleep 100",
            "worker_died",
        ),
        (
            "read setup; read file; echo '{\"extraction\":{}}'",
            "worker_died",
        ),
        ("/usr/bin/yes x | /usr/bin/tr -d '\\n'", "answer_too_large"),
        ("/usr/bin/yes", "worker_died"),
    ];
    join_all(cases.map(|(lines, code)| fails_its_files(lines, code))).await;
}

async fn fails_its_files(lines: &str, code: &str) {
    let temp = TempDb::sqlite();
    let script = script(&temp, lines);
    let bounds = [
        script.as_str(),
        "ingest.extraction.wall_seconds_max=2",
        "ingest.extraction.answer_bytes_max=100000",
    ];
    let ingest = TestIngest::start_with(&temp, &bounds).await;
    for number in 1..=2 {
        let result = ingest.upload(&format!("{number}.dxf"), &disc(number)).await;
        let found = (&result["status"], &result["error_code"]);
        assert_eq!(found, (&json!("failed"), &json!(code)), "{lines}");
        assert!(result["error"].as_str().unwrap().len() > 20);
        assert_eq!(ingest.content(id_of(&result)).await, (200, disc(number)));
    }
    let events = ingest.events(4).await;
    assert_eq!(events[1]["data"]["error"]["code"], code);
    ingest.stop().await;
}

#[tokio::test]
async fn a_worker_that_fails_after_other_files_is_not_held_against_the_next() {
    let temp = TempDb::sqlite();
    // Every process reads one file well and dies of its second.
    let answer = r#"{"error":{"code":"not_dxf","message":"said by the first"}}"#;
    let script = script(
        &temp,
        &format!("read setup; read file; echo '{answer}'; read file; exit 1"),
    );
    let ingest = TestIngest::start_with(&temp, &[&script]).await;
    for number in 1..=3 {
        let result = ingest.upload(&format!("{number}.dxf"), &disc(number)).await;
        assert_eq!(result["error_code"], "not_dxf", "{result}");
    }
    ingest.stop().await;
}

#[tokio::test]
async fn real_limits_stop_real_files_and_the_next_one_is_read() {
    let temp = TempDb::sqlite();
    let bounds = [
        "ingest.extraction.memory_bytes_max=67108864",
        "ingest.extraction.cpu_seconds_max=10",
    ];
    let ingest = TestIngest::start_with(&temp, &bounds).await;
    let before = ingest.upload("before.dxf", &disc(1)).await;
    assert_eq!(before["status"], "completed", "{before}");
    let large = grid(450_000);
    let result = ingest.upload("large.dxf", &large).await;
    assert_eq!(
        (&result["status"], &result["error_code"]),
        (&json!("failed"), &json!("memory_limit")),
        "{}",
        result["error"]
    );
    let after = ingest.upload("after.dxf", &disc(2)).await;
    assert_eq!(after["status"], "completed", "{after}");
    ingest.stop().await;
}

#[tokio::test]
async fn processor_time_is_counted_for_each_file() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start_with(&temp, &["ingest.extraction.cpu_seconds_max=0"]).await;
    let result = ingest.upload("large.dxf", &grid(400_000)).await;
    assert_eq!(
        (&result["status"], &result["error_code"]),
        (&json!("failed"), &json!("time_limit")),
        "{}",
        result["error"]
    );
    let after = ingest.upload("after.dxf", &disc(2)).await;
    assert_eq!(after["status"], "completed", "{after}");
    ingest.stop().await;
}

#[tokio::test]
async fn more_files_than_seats_are_all_read() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start_with(&temp, &["ingest.extraction.queue_files_max=1"]).await;
        let discs: Vec<Vec<u8>> = (1..=40).map(disc).collect();
        let names: Vec<String> = (1..=40).map(|n| format!("{n}.dxf")).collect();
        let files: Vec<(&str, &[u8])> = names
            .iter()
            .map(String::as_str)
            .zip(discs.iter().map(Vec::as_slice))
            .collect();
        let (status, body) = ingest.send("?wait=0", form(&files, &[])).await;
        assert!([200, 202].contains(&status), "{body}");
        for result in body.as_array().unwrap() {
            let record = ingest.settled(id_of(result)).await;
            assert_eq!(record["status"], "completed", "{record}");
        }
        ingest.events(80).await;
        ingest.stop().await;
    }
}
