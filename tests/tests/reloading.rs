//! Settings changed while a service runs: what is safe takes effect, the rest is refused by its keys, nothing is half done.

use std::fs;
use std::time::{Duration, Instant};

use e2e::process::{Process, run};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);

/// A service and the settings it was started with.
struct Changing {
    ingest: Process,
    first: String,
}

impl Changing {
    async fn start() -> Self {
        let mut ingest = Process::ingest(None, &[]);
        let first = fs::read_to_string(ingest.folder().join("draftwire.toml")).unwrap();
        ingest.start();
        ingest.healthy().await;
        Self { ingest, first }
    }

    /// Writes the first settings with a replacement and an addition, as editors do: whole.
    fn change(&self, from: &str, to: &str, more: &str) {
        let text = format!("{}\n{more}\n", self.first.replace(from, to));
        let draft = self.ingest.folder().join("draft");
        fs::write(&draft, text).unwrap();
        fs::rename(draft, self.ingest.folder().join("draftwire.toml")).unwrap();
    }

    async fn details(&self) -> Value {
        let ready = e2e::http::get(&format!("{}/ready", self.ingest.url()))
            .await
            .unwrap();
        ready.json["details"].clone()
    }

    async fn until(&self, what: &str, is: impl Fn(&Value) -> bool) {
        let began = Instant::now();
        loop {
            let details = self.details().await;
            if is(&details) {
                return;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{what}: {details}\n{}",
                self.ingest.log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn material_of(&self, name: &str, number: u32) -> Value {
        let circle = format!("0\nCIRCLE\n8\nCUT\n10\n0\n20\n0\n40\n{number}\n");
        let path = self.ingest.folder().join(name);
        fs::write(
            &path,
            format!("0\nSECTION\n2\nENTITIES\n{circle}0\nENDSEC\n0\nEOF\n"),
        )
        .unwrap();
        let (url, folder) = (self.ingest.url(), self.ingest.folder().to_owned());
        let path = path.display().to_string();
        let send = move || {
            run(
                &["upload", &path, "--wait", "--json", "--url", &url],
                &folder,
            )
        };
        let sent = tokio::task::spawn_blocking(send).await.unwrap();
        let sent: Value = serde_json::from_str(sent.output.trim()).unwrap();
        sent["metadata"]["material"].clone()
    }
}

const HARDOX: &str = "[ingest.facts.materials.HDX]\nname = \"Hardox\"\naliases = [\"HX450\"]\n";

#[tokio::test]
async fn safe_changes_take_effect_and_others_are_refused_by_name() {
    let shop = Changing::start().await;
    assert_eq!(
        shop.details().await["settings"],
        json!({"state": "in effect"})
    );
    assert_ne!(shop.material_of("a-HX450-5mm-x1.dxf", 1).await, "Hardox");
    let inbox = shop.ingest.folder().join("inbox");
    fs::create_dir(&inbox).unwrap();
    let watch = format!(
        "[ingest.watch]\nsettle_ms = 100\n[ingest.watch.folders.office]\npath = {inbox:?}\n"
    );
    shop.change(
        "info,access=warn",
        "debug,access=warn",
        &format!("{HARDOX}{watch}"),
    );
    shop.until("the folder", |details| {
        details["watch"]["office"]["state"] == "watching"
    })
    .await;
    assert_eq!(shop.material_of("b-HX450-5mm-x1.dxf", 2).await, "Hardox");
    fs::copy(
        shop.ingest.folder().join("b-HX450-5mm-x1.dxf"),
        inbox.join("c.dxf"),
    )
    .unwrap();
    let done = inbox.join("done/c.dxf");
    shop.until("the file", |_| done.exists()).await;
    assert_eq!(
        shop.details().await["settings"],
        json!({"state": "in effect"})
    );

    // Part of it is safe, part of it is not, and nothing of a value is told.
    shop.change("grace_seconds = 5", "grace_seconds = 6", HARDOX);
    shop.until("the refusal", |details| {
        details["settings"]["reason"] == "needs a restart: shutdown.grace_seconds"
    })
    .await;
    shop.until("the folder is let go", |details| {
        details["watch"] == json!({})
    })
    .await;
    // Wrong, and mended.
    shop.change("[ingest]", "[ingest]\nlisen = \"x\"", "");
    shop.until("the fault", |details| {
        details["settings"]["reason"] == "the settings file is wrong: see the log"
    })
    .await;
    shop.change(
        "[ingest]",
        "[ingest]",
        "[ingest.facts.materials.HDX]\naliases = [\"x\"]",
    );
    shop.until("the contradiction", |_| {
        shop.ingest.log().contains("HDX.name")
    })
    .await;
    shop.change("[ingest]", "[ingest]", "");
    shop.until("peace", |details| {
        details["settings"]["state"] == "in effect"
    })
    .await;
    assert_ne!(shop.material_of("d-HX450-5mm-x1.dxf", 3).await, "Hardox");
    let log = fs::read_to_string(shop.ingest.folder().join("log.txt")).unwrap();
    assert!(
        log.contains("ingest.lisen") && log.contains("log.level"),
        "{log}"
    );
}
