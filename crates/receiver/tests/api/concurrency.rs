//! Many at once, in any order, on one or two receivers: the same state.

use contract::{Event, FileEventKind};
use futures_util::future::join_all;
use receiver::Receiver;
use serde_json::{Value as Json, json};
use testkit::TempDb;

use crate::harness::{TestReceiver, event, settings, snapshot};

#[tokio::test]
async fn the_same_event_fifty_times_at_once_is_one_activity() {
    for temp in TempDb::both() {
        let shop = TestReceiver::start(&temp).await;
        let processed = event(FileEventKind::Processed, 2, &snapshot(5));
        let answers = join_all((0..50).map(|_| shop.send("shop", &processed))).await;
        let first = answers
            .iter()
            .filter(|(_, body)| body.get("duplicate").is_none());
        assert_eq!(first.count(), 1);
        let same = |(status, body): &(u16, Json)| {
            *status == 200 && body["design_file_id"] == answers[0].1["design_file_id"]
        };
        assert!(answers.iter().all(same), "{answers:?}");
        assert_eq!(shop.items("/activity").await.len(), 1);
        assert_eq!(shop.items("/inbox").await[0]["duplicates"], 49);
        shop.stop().await;
    }
}

/// A SQLite file has one receiver; a database on a server may have several.
#[tokio::test]
async fn a_second_receiver_on_the_same_file_is_refused() {
    for (temp, is_shared) in TempDb::both().into_iter().zip([false, true]) {
        let shop = TestReceiver::start(&temp).await;
        let second = settings(&[
            format!("receiver.database.url={}", temp.url_text()),
            format!("data_dir={}", temp.folder().display()),
        ]);
        let opened = Receiver::start(second).await;
        assert_eq!(opened.is_ok(), is_shared);
        if let Err(refused) = opened {
            let sentence = refused.to_string();
            assert!(sentence.contains("in use by another process"), "{sentence}");
            assert!(sentence.ends_with("stop that one first"), "{sentence}");
        }
        shop.stop().await;
        let again = TestReceiver::start(&temp).await;
        again.stop().await;
    }
}

/// Forty files, each ingested, processed, corrected to another project, some deleted, some restored.
fn events() -> Vec<Event> {
    let mut events = Vec::new();
    for id in 1..=40_i64 {
        let mut facts = snapshot(id);
        events.push(event(FileEventKind::Ingested, 1, &facts));
        events.push(event(FileEventKind::Processed, 2, &facts));
        facts.project_code = Some(format!("JB-2025-11-CL0002-00{}", id % 3 + 1));
        events.push(event(FileEventKind::ReExtracted, 3, &facts));
        if id % 2 == 0 {
            events.push(event(FileEventKind::Deleted, 4, &facts));
        }
        if id % 4 == 0 {
            events.push(event(FileEventKind::Ingested, 5, &facts));
        }
    }
    events
}

/// A fixed shuffle: every event twice, far from where it was.
fn shuffled(events: &[Event]) -> Vec<&Event> {
    let count = events.len() * 2;
    (0..count)
        .map(|n| &events[(n * 7919 + 13) % events.len()])
        .collect()
}

/// All that can be read, but for what arrival gives: ids and times of receipt.
async fn state(shop: &TestReceiver) -> Json {
    let mut lists = Vec::new();
    for path in [
        "/design-files?include_deleted=true&limit=1000",
        "/activity?limit=1000",
        "/projects",
    ] {
        let mut items = shop.items(path).await;
        // Projects and clients are made when the first of their events arrives.
        let made = ["PROJECT CREATED", "CLIENT CREATED"];
        items.retain(|item| !made.iter().any(|made| item["action"] == *made));
        for item in &mut items {
            let item = item.as_object_mut().unwrap();
            for arrival in ["id", "design_file_id", "project_id", "received_at"] {
                item.remove(arrival);
            }
            if path == "/projects" {
                item.remove("created_at");
                item.remove("changed_at");
            }
        }
        if path == "/projects" {
            items.sort_by_key(|item| item["code"].to_string());
        }
        lists.push(Json::from(items));
    }
    json!(lists)
}

#[tokio::test]
async fn a_shuffled_flood_to_two_receivers_ends_as_the_orderly_run() {
    let events = events();
    let mut states = Vec::new();
    for temp in TempDb::both() {
        let shop = TestReceiver::start(&temp).await;
        for event in &events {
            assert_eq!(shop.send("makes", event).await.0, 200);
        }
        states.push(state(&shop).await);
        shop.stop().await;
    }
    for (temp, nodes) in [(TempDb::sqlite(), 1), (TempDb::postgres(), 2)] {
        let starts = (0..nodes).map(|_| TestReceiver::start(&temp));
        let shops: Vec<TestReceiver> = futures_util::future::join_all(starts).await;
        for wave in shuffled(&events).chunks(60) {
            let sent = wave
                .iter()
                .enumerate()
                .map(|(n, event)| shops[n % nodes].send("makes", event));
            let answers = join_all(sent).await;
            assert!(
                answers.iter().all(|(status, _)| *status == 200),
                "{answers:?}"
            );
        }
        states.push(state(&shops[0]).await);
        for shop in shops {
            shop.stop().await;
        }
    }
    for later in &states[1..] {
        assert_eq!(&states[0], later);
    }
    let files = states[0][0].as_array().unwrap();
    let deleted = files.iter().filter(|file| file["deleted"] == true).count();
    assert_eq!((files.len(), deleted), (40, 10));
}
