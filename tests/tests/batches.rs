//! Batches through real processes that die: nothing is lost, nothing counts twice, and a batch that was begun comes again as
//! it was. Must never stop a service kindly.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use db::Backend;
use e2e::http::{self, items};
use e2e::pair::{nothing_is_owed, text};
use e2e::process::{Process, SECRET};
use e2e::{seed, turns};
use fastrand::Rng;
use serde_json::{Value, json};
use testkit::{ScriptedEndpoint, ScriptedReply, TempDb};

/// Events published together, and how often.
const TOGETHER: usize = 40;
const ROUNDS: usize = 8;
const EVENTS: usize = TOGETHER * ROUNDS;
/// Moments of a kill after a round.
const KILL_MS: std::ops::Range<u64> = 1..250;
/// Time for everything to arrive, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
const PLATFORM: &str = "/api/v1/webhooks";

/// Ingest with one subscription that wants batches.
struct Sender {
    ingest: Process,
    random: Rng,
    /// Dropped last.
    _database: Option<TempDb>,
}

fn database(backend: Backend) -> Option<TempDb> {
    match backend {
        Backend::Sqlite => None,
        Backend::Postgres => Some(TempDb::postgres()),
    }
}

impl Sender {
    async fn start(backend: Backend, url: &str, profile: &str) -> Self {
        let seed = seed();
        println!("seed {seed}");
        let database = database(backend);
        let mut ingest = Process::ingest(database.as_ref(), &[]);
        ingest.start();
        ingest.healthy().await;
        let sender = Self {
            ingest,
            random: Rng::with_seed(seed),
            _database: database,
        };
        let wanted = json!({
            "url": url, "events": ["*"], "profile": profile, "secret": SECRET,
            "batch": {"max_events": 9, "max_wait_ms": 30}, "max_in_flight": 2,
            "retry": {"schedule": vec![1; 20]},
        });
        sender.post("/subscriptions", &wanted).await;
        sender
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}{PLATFORM}{path}", self.ingest.url());
        let answer = http::post(&url, body).await.unwrap();
        assert!(answer.is_success(), "{path}: {}", answer.json);
        answer.json
    }

    /// Publishes a round of events; answers their ids.
    async fn publish(&self, round: usize) -> Vec<String> {
        let event = |n| json!({"type": "order.made", "data": {"order_id": format!("{round}-{n}")}});
        let events: Vec<Value> = (0..TOGETHER).map(event).collect();
        let made = self.post("/events/batch", &json!({"events": events})).await;
        let items = made["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| text(item, "id").to_owned())
            .collect()
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(self.random.u64(KILL_MS))
    }

    /// Dies, and is well again.
    async fn killed(&mut self) {
        tokio::time::sleep(self.pause()).await;
        self.ingest.kill();
        self.ingest.start();
        self.ingest.healthy().await;
    }
}

/// Ingest and receiver die in turn, whatever they are at.
async fn batches_reach_a_receiver(backend: Backend, profile: &str) {
    let _turn = turns::beside_others().await;
    let receivers = database(backend);
    let mut receiver = Process::receiver(receivers.as_ref(), &[("ours", profile)]);
    receiver.start();
    receiver.healthy().await;
    let url = format!("{}/webhooks/ours/event", receiver.url());
    let mut sender = Sender::start(backend, &url, profile).await;
    let mut published = Vec::new();
    for round in 0..ROUNDS {
        published.extend(sender.publish(round).await);
        if round % 2 == 0 {
            sender.killed().await;
        } else {
            tokio::time::sleep(sender.pause()).await;
            receiver.kill();
            receiver.start();
            receiver.healthy().await;
        }
    }
    nothing_is_owed(&sender.ingest, PATIENCE).await;
    let inbox = items(&format!("{}/inbox", receiver.url())).await;
    let mut arrived: Vec<&str> = inbox.iter().map(|event| text(event, "event_id")).collect();
    let mut wanted: Vec<&str> = published.iter().map(String::as_str).collect();
    arrived.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(arrived.len(), EVENTS);
    assert_eq!(arrived, wanted, "every event, once");
}

/// Ingest dies while the endpoint has not answered yet: between what is written down of a batch and its outcome.
async fn a_batch_that_was_begun_comes_again(backend: Backend) {
    let _turn = turns::beside_others().await;
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_with(|_| ScriptedReply::status(200).after(Duration::from_millis(300)));
    let mut sender = Sender::start(backend, endpoint.url(), "standard").await;
    let mut published = BTreeSet::new();
    for round in 0..ROUNDS {
        let before = endpoint.requests().len();
        published.extend(sender.publish(round).await);
        endpoint.wait_for(before + 1, PATIENCE).await;
        sender.killed().await;
    }
    nothing_is_owed(&sender.ingest, PATIENCE).await;
    let mut batches: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
    for request in endpoint.requests() {
        let id = request.header("webhook-id").unwrap().to_owned();
        let events: Vec<Value> = serde_json::from_slice(&request.body).unwrap();
        let members = events.iter().map(|event| text(event, "id").to_owned());
        batches.entry(id).or_default().push(members.collect());
    }
    let mut arrived = BTreeSet::new();
    for (id, attempts) in &batches {
        assert!(id.starts_with("bat_"), "{id}");
        assert!(
            attempts.windows(2).all(|two| two[0] == two[1]),
            "{id}: {attempts:?}"
        );
        for member in &attempts[0] {
            assert!(arrived.insert(member.clone()), "{member} is in two batches");
        }
    }
    assert_eq!(arrived, published);
    let again = batches
        .values()
        .filter(|attempts| attempts.len() > 1)
        .count();
    println!(
        "{backend:?}: {} batches, {again} came again as they were",
        batches.len()
    );
    assert!(again > 0, "it was killed in the middle of its work");
}

#[tokio::test]
async fn batches_reach_a_receiver_on_sqlite() {
    batches_reach_a_receiver(Backend::Sqlite, "standard").await;
}

#[tokio::test]
async fn batches_reach_a_receiver_on_postgres() {
    batches_reach_a_receiver(Backend::Postgres, "cloudevents").await;
}

#[tokio::test]
async fn a_batch_that_was_begun_comes_again_on_sqlite() {
    a_batch_that_was_begun_comes_again(Backend::Sqlite).await;
}

#[tokio::test]
async fn a_batch_that_was_begun_comes_again_on_postgres() {
    a_batch_that_was_begun_comes_again(Backend::Postgres).await;
}
