//! A receiver that was away for longer than its sender tries: what it never got is found and sent again.

use std::time::{Duration, Instant};

use db::Backend;
use e2e::designs::Design;
use e2e::http::{self, items, upload};
use e2e::pair::Pair;
use e2e::process::{Process, SECRET, run};
use e2e::turns;
use serde_json::json;

/// Time for a delivery to be given up.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_receiver_that_was_away_is_made_whole() {
    let _turn = turns::beside_others().await;
    for backend in [Backend::Sqlite, Backend::Postgres] {
        made_whole(backend).await;
    }
}

async fn made_whole(backend: Backend) {
    // One attempt, and one more: then a delivery is dead.
    let mut pair = Pair::start(backend, "1").await;
    ask_back(&pair.receiver, &pair.ingest.url());
    restart(&mut pair.receiver).await;
    let ingest = pair.ingest.url();
    send(&ingest, 1).await;
    assert_eq!(pair.settled(1).await.len(), 1);

    pair.receiver.stop().await;
    send(&ingest, 2).await;
    given_up(&ingest, 2).await;
    pair.receiver.start();
    pair.receiver.healthy().await;
    assert_eq!(pair.design_files().await.len(), 1);

    let url = pair.receiver.url();
    let ended = run(
        &["reconcile", "draftwire", "--url", &url],
        pair.receiver.folder(),
    );
    let told = format!("{}{}", ended.output, ended.errors);
    assert!(ended.status.success(), "{told}");
    assert!(told.contains("2 never arrived, 2 sent again"), "{told}");
    assert!(
        told.contains("file.processed") && told.contains("nothing is missing"),
        "{told}"
    );
    assert_eq!(pair.settled(2).await.len(), 2);
    let reports = items(&format!("{url}/reconcile/report")).await;
    assert_eq!(
        (reports.len(), &reports[0]["missing_total"]),
        (1, &json!(0))
    );
}

async fn send(ingest: &str, number: usize) {
    let design = Design::numbered(number);
    let answer = upload(&http::http(), ingest, &design, None).await.unwrap();
    assert!(answer.is_success(), "{}", answer.json);
}

/// Tells the receiver's settings where its sender answers.
fn ask_back(receiver: &Process, ingest: &str) {
    let path = receiver.folder().join("draftwire.toml");
    let settings = std::fs::read_to_string(&path).unwrap();
    let source = format!(
        "[sources.draftwire]\nreconcile_url = {ingest:?}\nreconcile_subscription = \"receiver\"\n"
    );
    let settings = settings.replace("[sources.draftwire]\n", &source);
    assert!(settings.contains(ingest) && settings.contains(SECRET));
    std::fs::write(path, settings).unwrap();
}

async fn restart(receiver: &mut Process) {
    receiver.stop().await;
    receiver.start();
    receiver.healthy().await;
}

async fn given_up(ingest: &str, deliveries: usize) {
    let began = Instant::now();
    let url = format!("{ingest}/api/v1/webhooks/dead-letters");
    while began.elapsed() < PATIENCE {
        if items(&url).await.len() >= deliveries {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let queue = http::get(&format!("{ingest}/webhooks/queue/stats")).await;
    unreachable!("not given up in time: {queue:?}");
}
