//! `kill -9` in the middle of what the webhook platform does by itself: replays, wide fan-out, keyed publishing,
//! watched folders. What was answered or begun comes to its end, once. Must never stop a service kindly.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use db::Backend;
use e2e::designs::Design;
use e2e::http::{self, http, items};
use e2e::pair::{nothing_is_owed, text};
use e2e::process::Process;
use e2e::{seed, turns};
use fastrand::Rng;
use serde_json::{Value, json};
use testkit::{ScriptedEndpoint, TempDb};
use tokio::sync::watch;

/// Time for what was interrupted to come to its end, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// Moments of a kill after a start.
const KILL_MS: std::ops::Range<u64> = 60..500;
/// Attempts of one endpoint that may be under way when ingest dies: as many may be made twice.
const IN_FLIGHT_MAX: usize = 16;
const PLATFORM: &str = "/api/v1/webhooks";

/// Ingest alone, with nobody subscribed, and where its deliveries may go.
struct Platform {
    ingest: Process,
    endpoint: ScriptedEndpoint,
    random: Rng,
    /// Dropped last.
    _database: Option<TempDb>,
}

impl Platform {
    async fn start(backend: Backend) -> Self {
        let seed = seed();
        println!("seed {seed}");
        let database = match backend {
            Backend::Sqlite => None,
            Backend::Postgres => Some(TempDb::postgres()),
        };
        let mut ingest = Process::ingest(database.as_ref(), &[]);
        ingest.start();
        ingest.healthy().await;
        Self {
            ingest,
            endpoint: ScriptedEndpoint::start().await,
            random: Rng::with_seed(seed),
            _database: database,
        }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{PLATFORM}{path}", self.ingest.url())
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let answer = http::post(&self.at(path), body).await.unwrap();
        assert!(answer.is_success(), "{path}: {}", answer.json);
        answer.json
    }

    async fn get(&self, path: &str) -> Value {
        http::get(&self.at(path)).await.unwrap().json
    }

    /// A subscription to everything, at a path of its own; retried soon, and for longer than the test takes.
    async fn subscribe(&self, path: &str) -> String {
        let url = format!("{}{path}", self.endpoint.url());
        let retry = json!({"schedule": vec![1; 20]});
        let wanted = json!({"url": url, "events": ["*"], "retry": retry});
        text(&self.post("/subscriptions", &wanted).await, "id").to_owned()
    }

    /// Dies at a random moment, and is well again.
    async fn killed(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.random.u64(KILL_MS))).await;
        self.ingest.kill();
        self.ingest.start();
        self.ingest.healthy().await;
    }

    /// How often each event came to each path.
    fn arrived(&self) -> BTreeMap<(String, String), usize> {
        let mut arrived = BTreeMap::new();
        for request in self.endpoint.requests() {
            let id = request.header("webhook-id").unwrap().to_owned();
            *arrived.entry((request.path, id)).or_default() += 1;
        }
        arrived
    }
}

/// An event of a subject of its own.
fn order(number: usize) -> Value {
    json!({"type": "order.made", "data": {"order_id": number.to_string()}})
}

async fn a_killed_replay_sends_everything(backend: Backend) {
    const EVENTS: usize = 400;
    const KILLS: usize = 5;
    let _turn = turns::beside_others().await;
    let mut platform = Platform::start(backend).await;
    let events: Vec<Value> = (0..EVENTS).map(order).collect();
    let made = platform
        .post("/events/batch", &json!({"events": events}))
        .await;
    // Nobody wanted them then.
    let subscription = platform.subscribe("/late").await;
    let wanted =
        json!({"since": "2020-01-01", "subscription": subscription, "rate_per_second": 100});
    let job = platform.post("/replays", &wanted).await;
    let job = format!("/replays/{}", text(&job, "id"));
    let mut running = 0;
    for _ in 0..KILLS {
        running += usize::from(platform.get(&job).await["state"] == "running");
        platform.killed().await;
    }
    assert!(running > 1, "it was killed in the middle of its work");
    let began = Instant::now();
    let ended = loop {
        let replay = platform.get(&job).await;
        if replay["state"] != "running" {
            break replay;
        }
        assert!(began.elapsed() < PATIENCE, "{replay}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    nothing_is_owed(&platform.ingest, PATIENCE).await;
    let counts = (
        &ended["state"],
        &ended["queued"],
        &ended["progress_percent"],
    );
    let expected = (&json!("completed"), &json!(EVENTS), &json!(100));
    assert_eq!(counts, expected, "{ended}");
    let deliveries = platform
        .get(&format!("/deliveries?endpoint={subscription}&limit=1"))
        .await;
    assert_eq!(deliveries["total"], json!(EVENTS), "{made}");
    let arrived = platform.arrived();
    assert_eq!(arrived.len(), EVENTS, "every event came");
    let twice = arrived.values().sum::<usize>() - EVENTS;
    println!(
        "{backend:?}: a replay of {EVENTS} events, killed {running} times while it ran, {twice} came twice"
    );
    assert!(twice <= KILLS * IN_FLIGHT_MAX, "{twice}");
}

async fn a_killed_fan_out_reaches_every_endpoint(backend: Backend) {
    const ENDPOINTS: usize = 300;
    const EVENTS: usize = 5;
    let _turn = turns::beside_others().await;
    let mut platform = Platform::start(backend).await;
    for number in 0..ENDPOINTS {
        platform.subscribe(&format!("/{number}")).await;
    }
    let mut unfinished = 0;
    for number in 0..EVENTS {
        platform.post("/events", &order(number)).await;
        // At once, then later and later.
        tokio::time::sleep(Duration::from_millis(20 * number as u64)).await;
        unfinished += usize::from(platform.endpoint.requests().len() < ENDPOINTS * (number + 1));
        platform.ingest.kill();
        platform.ingest.start();
        platform.ingest.healthy().await;
    }
    assert!(
        unfinished > 0,
        "it was killed before the last endpoint had it"
    );
    let began = Instant::now();
    while platform.arrived().len() < ENDPOINTS * EVENTS {
        let arrived = platform.arrived().len();
        assert!(began.elapsed() < PATIENCE, "{arrived}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    nothing_is_owed(&platform.ingest, PATIENCE).await;
    let arrived = platform.arrived();
    assert_eq!(arrived.len(), ENDPOINTS * EVENTS);
    let deliveries = platform.get("/deliveries?limit=1").await;
    assert_eq!(deliveries["total"], json!(ENDPOINTS * EVENTS));
    println!(
        "{backend:?}: {EVENTS} events to {ENDPOINTS} endpoints, killed after each, {unfinished} times before its end"
    );
}

/// Asks until there is an answer; what it says.
async fn asked(http: &reqwest::Client, url: &str, key: &str, body: &Value) -> Value {
    let began = Instant::now();
    loop {
        let request = http.post(url).header("idempotency-key", key);
        let request = request
            .header("content-type", "application/json")
            .body(body.to_string());
        if let Ok(answer) = request.send().await
            && answer.status().is_success()
            && let Ok(bytes) = answer.bytes().await
        {
            return serde_json::from_slice(&bytes).unwrap();
        }
        assert!(began.elapsed() < PATIENCE, "no answer for {key}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The ids in the answer to an event or to a batch.
fn ids(answer: &Value) -> Vec<String> {
    let all = answer["items"].as_array();
    let all = all.cloned().unwrap_or_else(|| vec![answer.clone()]);
    all.iter().map(|one| text(one, "id").to_owned()).collect()
}

async fn a_key_publishes_once_whenever_the_service_dies(backend: Backend) {
    const KILLS: usize = 8;
    const BATCH: usize = 5;
    let _turn = turns::beside_others().await;
    let mut platform = Platform::start(backend).await;
    platform.subscribe("/all").await;
    let (over, mut kills_over) = watch::channel(false);
    let (one, many) = (platform.at("/events"), platform.at("/events/batch"));
    let publishing = async {
        let (http, mut answers) = (http(), Vec::new());
        for number in 0.. {
            let is_batch = number % 3 == 0;
            let body = match is_batch {
                true => {
                    json!({"events": (0..BATCH).map(|n| order(number * 10 + n)).collect::<Vec<_>>()})
                }
                false => order(number * 10),
            };
            let url = if is_batch { &many } else { &one };
            let key = format!("key-{number}");
            let first = ids(&asked(&http, url, &key, &body).await);
            answers.push((url.clone(), key, body, first));
            if *kills_over.borrow_and_update() {
                break;
            }
        }
        answers
    };
    let killing = async {
        for _ in 0..KILLS {
            let pause = platform.random.u64(KILL_MS);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            platform.ingest.kill();
            platform.ingest.start();
        }
        over.send_replace(true);
    };
    let (answers, ()) = tokio::join!(publishing, killing);
    platform.ingest.healthy().await;
    let http = http();
    for (url, key, body, first) in &answers {
        assert_eq!(ids(&asked(&http, url, key, body).await), *first, "{key}");
    }
    let published: Vec<String> = answers.into_iter().flat_map(|(.., ids)| ids).collect();
    let log = items(&platform.at("/event-log")).await;
    let logged: BTreeSet<&str> = log.iter().map(|event| text(event, "id")).collect();
    assert_eq!(
        log.len(),
        published.len(),
        "one event for each key and place"
    );
    assert!(published.iter().all(|id| logged.contains(id.as_str())));
    nothing_is_owed(&platform.ingest, PATIENCE).await;
    let arrived = platform.arrived();
    assert_eq!(arrived.len(), published.len());
    println!(
        "{backend:?}: {} keyed events, killed {KILLS} times, each once",
        published.len()
    );
}

async fn a_watched_folder_is_emptied_once(backend: Backend) {
    const FILES: usize = 60;
    const KILLS: usize = 8;
    let _turn = turns::beside_others().await;
    let mut platform = Platform::start(backend).await;
    let folder = platform.ingest.folder().join("in");
    std::fs::create_dir(&folder).unwrap();
    let watch =
        format!("[ingest.watch]\nsettle_ms = 100\n[ingest.watch.folders.in]\npath = {folder:?}\n");
    platform.ingest.add_settings(&watch);
    platform.subscribe("/all").await;
    for number in 0..FILES {
        if number % (FILES / KILLS) == 0 {
            platform.killed().await;
        }
        let design = Design::numbered(number);
        std::fs::write(folder.join(&design.name), &design.bytes).unwrap();
    }
    let began = Instant::now();
    let records = loop {
        let records = items(&format!("{}/files", platform.ingest.url())).await;
        let done = std::fs::read_dir(folder.join("done")).map_or(0, Iterator::count);
        let read = records.iter().filter(|file| file["status"] == "completed");
        if read.count() == FILES && done == FILES {
            break records;
        }
        let known = records.len();
        assert!(began.elapsed() < PATIENCE, "{known} files, {done} put away");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let names: BTreeSet<&str> = records
        .iter()
        .map(|file| text(file, "original_filename"))
        .collect();
    assert_eq!(
        (records.len(), names.len()),
        (FILES, FILES),
        "each was taken in once"
    );
    let left = std::fs::read_dir(&folder).unwrap().filter_map(Result::ok);
    let left: Vec<_> = left.filter(|entry| entry.path().is_file()).collect();
    assert!(left.is_empty(), "{left:?}");
    nothing_is_owed(&platform.ingest, PATIENCE).await;
    // Each was told to have come, and to have been read.
    assert_eq!(platform.arrived().len(), 2 * FILES);
}

macro_rules! on_both_databases {
    ($($case:ident: $sqlite:ident, $postgres:ident;)+) => {$(
        #[tokio::test]
        async fn $sqlite() {
            $case(Backend::Sqlite).await;
        }

        #[tokio::test]
        async fn $postgres() {
            $case(Backend::Postgres).await;
        }
    )+};
}

on_both_databases! {
    a_killed_replay_sends_everything: replays_on_sqlite, replays_on_postgres;
    a_killed_fan_out_reaches_every_endpoint: fan_out_on_sqlite, fan_out_on_postgres;
    a_key_publishes_once_whenever_the_service_dies: keys_on_sqlite, keys_on_postgres;
    a_watched_folder_is_emptied_once: watching_on_sqlite, watching_on_postgres;
}
