//! The commands of the program, run as people and scripts run them: what they print, and how they end.

mod platform;
mod upkeep;

use std::fs;
use std::path::Path;

use e2e::process::{Ended, Process, free_port, run};
use serde_json::{Value, json};

struct Shop {
    ingest: Process,
    url: String,
}

impl Shop {
    async fn start() -> Self {
        let mut ingest = Process::ingest(None, &[]);
        ingest.start();
        ingest.healthy().await;
        let url = ingest.url();
        Self { ingest, url }
    }

    /// A command to this service; blocks.
    async fn run(&self, arguments: &[&str]) -> Ended {
        let at = if arguments[0] == "watch" {
            "--to"
        } else {
            "--url"
        };
        let arguments = [arguments, &[at, &self.url]].concat();
        ran(&arguments, self.ingest.folder()).await
    }

    /// The JSON lines of a command that must do well.
    async fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let ended = self.run(&[arguments, &["--json"]].concat()).await;
        assert_eq!(ended.status.code(), Some(0), "{arguments:?}: {ended:?}");
        lines(&ended.output)
    }

    fn part(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.ingest.folder().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }
}

/// Off this thread, which may have an endpoint to serve.
async fn ran(arguments: &[&str], folder: &Path) -> Ended {
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let folder = folder.to_owned();
    let run = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        run(&arguments, &folder)
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn lines(output: &str) -> Vec<Value> {
    let lines = output.lines().map(serde_json::from_str);
    lines
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| unreachable!("{error}: {output}"))
}

fn disc(diameter_mm: u32) -> Vec<u8> {
    let circle = format!("0\nCIRCLE\n8\nCUT\n10\n0\n20\n0\n40\n{diameter_mm}\n");
    format!("0\nSECTION\n2\nENTITIES\n{circle}0\nENDSEC\n0\nEOF\n").into_bytes()
}

#[track_caller]
fn assert_code(ended: &Ended, code: i32) {
    assert_eq!(ended.status.code(), Some(code), "{ended:?}");
}

#[tokio::test]
async fn files_are_sent_and_what_became_of_them_is_said() {
    let shop = Shop::start().await;
    let part = shop.part("0005-Bracket-MS-5mm-x4.dxf", &disc(10));
    let ended = shop.run(&["upload", &part, "--wait"]).await;
    assert_code(&ended, 0);
    assert!(
        ended
            .output
            .contains("#1 0005-Bracket-MS-5mm-x4.dxf: Bracket, Mild Steel, 5 mm, x4"),
        "{ended:?}"
    );
    let bad = shop.part("bad.dxf", &[0, 1, 2, 3]);
    let sent = shop.run(&["upload", &part, &bad, "--wait", "--json"]).await;
    assert_code(&sent, 1);
    let sent = lines(&sent.output);
    assert_eq!(
        (&sent[0]["duplicate"], &sent[1]["error_code"]),
        (&json!(true), &json!("unsupported_kind"))
    );
    let missing = shop.run(&["upload", "no such file.dxf"]).await;
    assert_code(&missing, 1);
    assert!(missing.errors.contains("no such file.dxf"), "{missing:?}");
    let away = format!("http://127.0.0.1:{}", free_port());
    for arguments in [
        &["upload", &part][..],
        &["deliveries", "list"],
        &["tail"],
        &["watch", "."],
    ] {
        let at = if arguments[0] == "watch" {
            "--to"
        } else {
            "--url"
        };
        let ended = ran(&[arguments, &[at, &away]].concat(), shop.ingest.folder()).await;
        assert_code(&ended, 3);
        assert!(ended.errors.contains("cannot reach"), "{ended:?}");
    }
    assert_code(&ran(&["upload"], shop.ingest.folder()).await, 2);
}

#[tokio::test]
async fn a_folder_here_is_sent_to_a_service_there() {
    let shop = Shop::start().await;
    shop.part("out/CL0001/a.dxf", &disc(1));
    shop.part("out/bad.dxf", &[0, 1, 2, 3]);
    shop.part("out/~$a.xlsx", b"x");
    let once = [
        "watch",
        "out",
        "--layout",
        "{client}",
        "--once",
        "--json",
        "--set",
        "ingest.watch.settle_ms=200",
    ];
    let ended = shop.run(&once).await;
    assert_code(&ended, 1);
    assert_eq!(lines(&ended.output).len(), 2);
    let out = shop.ingest.folder().join("out");
    assert!(out.join("done/CL0001/a.dxf").is_file() && out.join("~$a.xlsx").is_file());
    let reason = fs::read_to_string(out.join("failed/bad.dxf.reason.txt")).unwrap();
    assert!(reason.contains("whatever its name says"), "{reason}");
    fs::rename(out.join("done/CL0001/a.dxf"), out.join("CL0001/a.dxf")).unwrap();
    let ended = shop.run(&once).await;
    assert_code(&ended, 0);
    let sent = lines(&ended.output);
    assert_eq!(
        (&sent[0]["duplicate"], &sent[0]["metadata"]["client_code"]),
        (&json!(true), &json!("CL0001"))
    );
}
