//! Arrays of events to a receiver that dies: each is written as a whole or not at all, and each event once. Must never
//! take anything but 200 for an answer.

use std::time::{Duration, Instant};

use db::Backend;
use e2e::http::{self, http, items};
use e2e::pair::{number, text};
use e2e::process::{Process, SECRET};
use e2e::{seed, turns};
use fastrand::Rng;
use standardwebhooks::Webhook;
use testkit::TempDb;
use tokio::sync::watch;

/// Events of an array, a number that shows in every count.
const EVENTS: i64 = 7;
const KILLS: usize = 8;
/// Moments of a kill after a start.
const KILL_MS: std::ops::Range<u64> = 60..400;
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends one array until it is answered.
async fn send(http: &reqwest::Client, url: &str, array: usize) {
    let event = |n: i64| {
        format!(
            r#"{{"id":"evt_{array}_{n}","type":"order.made","timestamp":"2026-01-01T00:00:00Z","data":{{}}}}"#
        )
    };
    let events: Vec<String> = (0..EVENTS).map(event).collect();
    let body = format!("[{}]", events.join(","));
    let began = Instant::now();
    loop {
        let (id, now) = (format!("bat_{array}"), jiff::Timestamp::now().as_second());
        let signer = Webhook::new(SECRET).unwrap();
        let signature = signer.sign(&id, now, body.as_bytes()).unwrap();
        let request = http
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", now)
            .header("webhook-signature", signature);
        let answer = request.body(body.clone()).send().await;
        if answer.is_ok_and(|answer| answer.status() == 200) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "array {array} is not answered");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn arrays_are_whole(backend: Backend) {
    let _turn = turns::beside_others().await;
    let seed = seed();
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    let database = match backend {
        Backend::Sqlite => None,
        Backend::Postgres => Some(TempDb::postgres()),
    };
    let mut receiver = Process::receiver(database.as_ref(), &[("shop", "standard")]);
    receiver.start();
    receiver.healthy().await;
    let (inbox, url) = (
        format!("{}/inbox", receiver.url()),
        format!("{}/webhooks/shop/event", receiver.url()),
    );
    let (over, mut kills_over) = watch::channel(false);
    let sending = async {
        let http = http();
        let mut sent = 0;
        while !*kills_over.borrow_and_update() {
            send(&http, &url, sent).await;
            sent += 1;
        }
        sent
    };
    let killing = async {
        for _ in 0..KILLS {
            tokio::time::sleep(Duration::from_millis(random.u64(KILL_MS))).await;
            receiver.kill();
            receiver.start();
            receiver.healthy().await;
            let seen = http::get(&format!("{inbox}?limit=1")).await.unwrap().json;
            assert_eq!(number(&seen, "total") % EVENTS, 0, "{seen}");
        }
        over.send_replace(true);
    };
    let (sent, ()) = tokio::join!(sending, killing);
    let events = items(&inbox).await;
    let mut ids: Vec<&str> = events.iter().map(|event| text(event, "event_id")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(events.len(), sent * usize::try_from(EVENTS).unwrap());
    assert_eq!(ids.len(), events.len(), "each event once");
    println!("{backend:?}: {sent} arrays of {EVENTS}, receiver killed {KILLS} times");
}

#[tokio::test]
async fn arrays_are_written_whole_on_sqlite() {
    arrays_are_whole(Backend::Sqlite).await;
}

#[tokio::test]
async fn arrays_are_written_whole_on_postgres() {
    arrays_are_whole(Backend::Postgres).await;
}
