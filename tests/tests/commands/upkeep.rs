//! Backup, doctor, settings, and what is printed for shells, from the command line.

use std::fs;

use e2e::http::post;
use e2e::process::{Process, free_port};
use serde_json::{Value, json};
use tempfile::tempdir;
use testkit::ScriptedEndpoint;

use super::{Shop, assert_code, disc, lines, ran};

#[tokio::test]
async fn a_backup_of_a_running_service_comes_back_whole() {
    let mut shop = Shop::start().await;
    let parts: Vec<String> = (1..=5)
        .map(|number| shop.part(&format!("p{number}.dxf"), &disc(number)))
        .collect();
    let mut arguments = vec!["upload", "--wait"];
    arguments.extend(parts.iter().map(String::as_str));
    assert_code(&shop.run(&arguments).await, 0);
    let folder = shop.ingest.folder().to_owned();
    let backup = ran(&["backup", "saved", "--json"], &folder).await;
    assert_code(&backup, 0);
    // The database, the key and five files.
    assert_eq!(lines(&backup.output)[0]["files"], 7);
    let twice = ran(&["backup", "saved"], &folder).await;
    assert_code(&twice, 1);
    assert!(twice.errors.contains("not empty"), "{twice:?}");

    let force = ["restore", "saved", "--force"];
    let used = ran(&force, &folder).await;
    assert_code(&used, 1);
    assert!(
        used.errors.contains("in use by another process"),
        "{used:?}"
    );
    let later = shop.part("later.dxf", &disc(9));
    assert_code(&shop.run(&["upload", &later]).await, 0);
    shop.ingest.stop().await;
    let unasked = ran(&["restore", "saved"], &folder).await;
    assert_code(&unasked, 1);
    assert!(unasked.errors.contains("--force"), "{unasked:?}");
    // To another place first: nothing of the old one is needed.
    let other = tempdir().unwrap();
    let set = format!("data_dir={}", other.path().join("data").display());
    assert_code(&ran(&["restore", "saved", "--set", &set], &folder).await, 0);
    assert_code(&ran(&force, &folder).await, 0);
    shop.ingest.start();
    shop.ingest.healthy().await;
    let get = async |path: String| {
        let request = e2e::http::http().get(format!("{}{path}", shop.url));
        request.send().await.unwrap()
    };
    for number in 1..=5 {
        let content = get(format!("/files/{number}/content")).await;
        assert_eq!(content.bytes().await.unwrap(), disc(number));
    }
    assert_eq!(
        get("/files/6".to_owned()).await.status(),
        404,
        "it came after the backup"
    );
}

/// Sends an event signed with `secret`; answers the status.
async fn signed(receiver: &Process, secret: &str) -> u16 {
    let (id, body) = (
        "evt_1",
        br#"{"type": "order.made", "timestamp": "2026-01-01T00:00:00Z", "data": {}}"#,
    );
    let now = jiff::Timestamp::now().as_second();
    let signer = standardwebhooks::Webhook::new(secret).unwrap();
    let signature = signer.sign(id, now, body).unwrap();
    let url = format!("{}/webhooks/partner/event", receiver.url());
    let request = e2e::http::http()
        .post(url)
        .header("content-type", "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", now)
        .header("webhook-signature", signature)
        .body(body.to_vec());
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_receiver_comes_back_with_the_keys_of_its_sources() {
    let mut receiver = Process::receiver(None, &[]);
    receiver.start();
    receiver.healthy().await;
    let sources = format!("{}/api/v1/sources", receiver.url());
    let made = post(&sources, &json!({"name": "partner"})).await.unwrap();
    let secret = made.json["secret"].as_str().unwrap().to_owned();
    assert_eq!(signed(&receiver, &secret).await, 200);
    let folder = receiver.folder().to_owned();
    assert_code(&ran(&["backup", "saved"], &folder).await, 0);
    let elsewhere = format!("receiver.listen=127.0.0.1:{}", free_port());
    for arguments in [
        &["restore", "saved", "--force"][..],
        &["receiver", "--set", &elsewhere],
    ] {
        let used = ran(arguments, &folder).await;
        assert_code(&used, 1);
        let says = "receiver.sqlite3 is in use by another process";
        assert!(used.errors.contains(says), "{used:?}");
        assert!(used.errors.contains("stop that one first"), "{used:?}");
    }
    receiver.stop().await;
    fs::remove_dir_all(folder.join("data")).unwrap();
    assert_code(&ran(&["restore", "saved"], &folder).await, 0);
    receiver.start();
    receiver.healthy().await;
    assert_eq!(signed(&receiver, &secret).await, 200);
}

#[tokio::test]
async fn a_damaged_backup_is_refused_before_anything_is_written() {
    let shop = Shop::start().await;
    let part = shop.part("a.dxf", &disc(1));
    assert_code(&shop.run(&["upload", &part, "--wait"]).await, 0);
    let folder = shop.ingest.folder();
    let first = |folder: &std::path::Path| {
        fs::read_dir(folder)
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path()
    };
    assert_code(&ran(&["backup", "saved"], folder).await, 0);
    let blob = first(&first(&folder.join("saved/files/blobs")));
    fs::write(blob, b"rot").unwrap();
    let other = tempdir().unwrap();
    let data = other.path().join("data");
    let set = format!("data_dir={}", data.display());
    let damaged = ran(&["restore", "saved", "--set", &set], folder).await;
    assert_code(&damaged, 1);
    assert!(
        damaged.errors.contains("damaged: 1 of its files"),
        "{damaged:?}"
    );
    assert!(!data.exists(), "nothing is written");
    let none = ran(&["restore", "data", "--set", &set], folder).await;
    assert!(none.errors.contains("is no backup"), "{none:?}");
}

#[tokio::test]
async fn the_doctor_finds_what_is_missing_and_says_how_to_mend_it() {
    let shop = Shop::start().await;
    let endpoint = ScriptedEndpoint::start().await;
    shop.json(&["subscriptions", "create", endpoint.url()])
        .await;
    let away = format!("http://127.0.0.1:{}/", free_port());
    shop.json(&["subscriptions", "create", &away]).await;
    let folder = shop.ingest.folder();
    let port = format!("receiver.listen=127.0.0.1:{}", free_port());
    let well = ran(&["doctor", "--json", "--set", &port], folder).await;
    assert_code(&well, 0);
    let findings = lines(&well.output);
    let of = |name: &str| -> Vec<&Value> {
        findings
            .iter()
            .filter(|finding| finding["name"] == name)
            .collect()
    };
    for name in [
        "settings",
        "database",
        "migrations",
        "storage",
        "ingest port",
        "receiver port",
        "receiver database",
    ] {
        assert_eq!(of(name)[0]["verdict"], "ok", "{}", of(name)[0]);
    }
    assert!(
        of("ingest port")[0]["detail"]
            .as_str()
            .unwrap()
            .contains("answers")
    );
    let endpoints: Vec<&Value> = of("endpoint")
        .iter()
        .map(|finding| &finding["verdict"])
        .collect();
    assert_eq!(endpoints, ["ok", "warning"]);

    let taken = format!(
        "receiver.listen={}",
        endpoint.url().trim_start_matches("http://")
    );
    let nobody = "ingest.database.url=postgres://nobody@127.0.0.1:1/none";
    let ill = ran(
        &["doctor", "--offline", "--set", &taken, "--set", nobody],
        folder,
    )
    .await;
    assert_code(&ill, 1);
    for part in [
        "broken   database",
        "broken   receiver port",
        "→ Stop the program that listens",
    ] {
        assert!(ill.output.contains(part), "{part} is not in {}", ill.output);
    }
    let wrong = ran(&["doctor", "--set", "ingest.lisen=x"], folder).await;
    assert_code(&wrong, 1);
    assert!(wrong.output.contains("broken   settings"), "{wrong:?}");
}

#[tokio::test]
async fn the_doctor_looks_at_the_receiver_too() {
    let folder = tempdir().unwrap();
    let silent = [
        "sources.erp.secrets=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw not_after=2026-01-01",
        "receiver.database.url=postgres://nobody@127.0.0.1:1/none",
    ];
    let [silent, nobody] = silent.map(|set| ["--set", set]);
    let ill = ran(
        &[&["doctor", "--offline"], &silent[..], &nobody].concat(),
        folder.path(),
    )
    .await;
    assert_code(&ill, 1);
    for part in [
        "broken   receiver database",
        "receiver.database.url",
        "erp: none of its keys",
    ] {
        assert!(ill.output.contains(part), "{part} is not in {}", ill.output);
    }
}

const OLD: &str = "MODULE_N_PORT=9001\nWEBHOOK_SECRET=shared-secret-1\nLOG_FILE=x.log\n\
                   LASER_OS_WEBHOOK_URL=http://127.0.0.1:8080/webhooks/module-n/event\n";

#[tokio::test]
async fn settings_are_taken_over_shown_and_checked() {
    let folder = tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("old.env"), OLD).unwrap();
    let import = ["config", "import", "old.env", "--output", "draftwire.toml"];
    let imported = ran(&import, here).await;
    assert_code(&imported, 0);
    assert!(imported.errors.contains("LOG_FILE"), "{imported:?}");
    assert_code(&ran(&["config", "check"], here).await, 0);
    let shown = ran(&["config", "show", "--json"], here).await;
    let shown = &lines(&shown.output)[0];
    assert_eq!(shown["ingest"]["listen"], "127.0.0.1:9001");
    let subscription = &shown["ingest"]["delivery"]["subscriptions"]["laser-os"];
    assert_eq!(subscription["secret"], "***");
    assert_code(&ran(&import, here).await, 1);
    let circle = "[ingest.watch.folders.in]\npath = \"data\"\n";
    fs::write(here.join("draftwire.toml"), circle).unwrap();
    let wrong = ran(&["config", "check"], here).await;
    assert_code(&wrong, 1);
    assert!(
        wrong.errors.contains("ingest.watch.folders.in.path"),
        "{wrong:?}"
    );
}

#[tokio::test]
async fn settings_that_are_shipped_are_right() {
    let folder = tempdir().unwrap();
    for example in ["ingest.example.toml", "receiver.example.toml"] {
        let path = e2e::designs::root().join("config").join(example);
        let check = ["config", "check", "--config", path.to_str().unwrap()];
        assert_code(&ran(&check, folder.path()).await, 0);
    }
}

#[tokio::test]
async fn completions_manuals_and_keys_are_printed() {
    let folder = tempdir().unwrap();
    let here = folder.path();
    for shell in ["bash", "fish", "zsh"] {
        let ended = ran(&["completions", shell], here).await;
        assert!(ended.output.contains("dead-letters"), "{shell}");
    }
    assert!(ran(&["man"], here).await.output.contains(".TH draftwire"));
    assert_code(&ran(&["man", "pages"], here).await, 0);
    assert!(here.join("pages/draftwire-upload.1").is_file());
    let create = [
        "keys",
        "create",
        "--name",
        "erp",
        "--scopes",
        "upload,read",
        "--json",
    ];
    let key = ran(&create, here).await;
    assert!(
        lines(&key.output)[0]["key"]
            .as_str()
            .unwrap()
            .starts_with("dw_")
    );
    let keys = ran(&["keys", "list", "--json"], here).await;
    assert_eq!(lines(&keys.output)[0]["scopes"], json!(["upload", "read"]));
}

/// What the command says with each key, and the receiver to each.
#[tokio::test]
async fn a_lost_key_of_the_receiver_is_replaced_at_the_machine() {
    let mut receiver = Process::receiver(None, &[]);
    let settings = receiver.folder().join("draftwire.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let text = text.replacen("[receiver]\n", "[receiver]\nauth = true\n", 1);
    fs::write(&settings, text).unwrap();
    receiver.start();
    receiver.healthy().await;
    let first = receiver.output();
    let says = "draftwire keys --service receiver create";
    assert!(first.contains("dw_") && first.contains(says), "{first}");
    let folder = receiver.folder().to_owned();
    let keys = async |arguments: &[&str]| {
        let ended = ran(
            &[&["keys", "--service", "receiver"], arguments].concat(),
            &folder,
        )
        .await;
        assert_code(&ended, 0);
        ended.output
    };
    let made = keys(&["create", "--name", "office", "--scopes", "admin"]).await;
    let key = made.trim();
    let asked = async || {
        let url = format!("{}/projects", receiver.url());
        let request = e2e::http::http().get(url).bearer_auth(key);
        request.send().await.unwrap().status().as_u16()
    };
    until(async || asked().await == 200).await;
    let listed = lines(&keys(&["list", "--json"]).await);
    let names: Vec<&Value> = listed.iter().map(|key| &key["name"]).collect();
    assert_eq!(names, ["first", "office"]);
    let id = listed[1]["id"].to_string();
    keys(&["revoke", &id]).await;
    until(async || asked().await == 401).await;
    let twice = ["keys", "revoke", "--service", "receiver", &id];
    let twice = ran(&twice, &folder).await;
    assert_code(&twice, 1);
    assert!(twice.errors.contains("revoked already"), "{twice:?}");
    // Ingest's are others.
    let others = ran(&["keys", "list"], &folder).await;
    assert!(!others.output.contains("first"), "{others:?}");
}

/// Other processes' keys are heard of within seconds.
async fn until(holds: impl AsyncFn() -> bool) {
    for _ in 0..200 {
        if holds().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    unreachable!("the service did not hear of it");
}
