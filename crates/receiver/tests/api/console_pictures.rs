//! Pictures on pages: asked of the sender that the settings name, only of the very same file, not twice, and never of an
//! address that came with an event.

use contract::{FileEventKind, FileSnapshot};
use reqwest::Method;
use serde_json::json;
use testkit::{Browser, ScriptedEndpoint, ScriptedReply, TempDb};

use crate::harness::{PROJECT, TestReceiver, event, snapshot};

const SAME: &str = "aa";
const PNG: &[u8] = b"\x89PNG of a bracket";

/// Answers of a sender that has file 1 as it was sent, another file 2, and a picture of each.
fn play(sender: &ScriptedEndpoint) {
    sender.respond_with(|request| {
        let path = request.path.split('?').next().unwrap_or_default();
        match path {
            "/ingest/1" | "/ingest/3" => {
                let record = json!({"id": 1, "status": "completed", "sha256": SAME});
                ScriptedReply::json(200, record.to_string())
            }
            "/ingest/2" => {
                let record = json!({"id": 2, "status": "completed", "sha256": "bb"});
                ScriptedReply::json(200, record.to_string())
            }
            "/files/3/preview.png" => ScriptedReply::status(404),
            path if path.ends_with("/preview.png") => ScriptedReply::status(200).body(PNG),
            _ => ScriptedReply::status(500),
        }
    });
}

/// The same file four times, the last from a source whose sender cannot be asked.
async fn received(shop: &TestReceiver, elsewhere: &str) {
    for (source, id) in [("shop", 1), ("shop", 2), ("shop", 3), ("makes", 4)] {
        let file = FileSnapshot {
            sha256: Some(SAME.to_owned()),
            part_name: Some(format!("Part {id}")),
            original_filename: Some(format!("part {id}.dxf")),
            preview_url: Some(format!("{}/picture.png", elsewhere)),
            download_url: Some(format!("{}/file", elsewhere)),
            ..snapshot(id)
        };
        let sent = shop
            .send(source, &event(FileEventKind::Processed, 1, &file))
            .await;
        assert_eq!(sent.0, 200, "{}", sent.1);
    }
}

#[tokio::test]
async fn pictures_come_from_the_named_sender_and_only_of_the_same_file() {
    let temp = TempDb::sqlite();
    let (sender, elsewhere) = (
        ScriptedEndpoint::start().await,
        ScriptedEndpoint::start().await,
    );
    play(&sender);
    let extra = [
        format!("sources.shop.reconcile_url={}", sender.url()),
        "sources.shop.reconcile_key=dw_of-the-sender".to_owned(),
    ];
    let extra: Vec<&str> = extra.iter().map(String::as_str).collect();
    let shop = TestReceiver::start_with(&temp, &extra).await;
    shop.make_project().await;
    received(&shop, elsewhere.url()).await;
    let browser = Browser::new(&shop);
    let page = browser.open(&format!("/console/projects/{PROJECT}")).await;
    assert_eq!(
        page.texts("#parts img").len(),
        3,
        "the other source has no sender to ask"
    );

    let files = shop.items("/design-files").await;
    for (number, kind) in [
        (1, "image/png"),
        (2, "image/svg+xml"),
        (3, "image/svg+xml"),
        (4, "image/svg+xml"),
    ] {
        let file = files
            .iter()
            .find(|file| file["ingest_id"] == number)
            .unwrap();
        for _ in 0..3 {
            let path = format!("/console/design-files/{}/picture.png", file["id"]);
            let answer = browser.ask(browser.request(Method::GET, &path)).await;
            assert_eq!(
                (answer.status().as_u16(), &answer.headers()["content-type"]),
                (200, &kind.parse().unwrap()),
                "{number}"
            );
            assert_eq!(answer.bytes().await.unwrap() == PNG, kind == "image/png");
        }
        let odd = format!("/console/design-files/{}/picture.png?size=9999", file["id"]);
        assert_eq!(browser.open(&odd).await.status, 422);
    }
    let asked = sender.requests();
    let paths: Vec<&str> = asked.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/ingest/1",
            "/files/1/preview.png?size=128",
            "/ingest/2",
            "/ingest/3",
            "/files/3/preview.png?size=128"
        ]
    );
    assert!(
        asked
            .iter()
            .all(|request| request.header("authorization") == Some("Bearer dw_of-the-sender"))
    );
    assert!(
        elsewhere.requests().is_empty(),
        "an address of an event was asked"
    );
    shop.stop().await;
}
