//! Wall clocks that leap by hours and days while services run, and are set right again: what is due is sent, what
//! is under way ends, nothing is given up for it. Must never depend on the machine's own clock being set.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use e2e::http;
use e2e::pair::{number, text};
use e2e::process::Process;
use e2e::shifted_clock::{ProgramClock, ServerClock};
use e2e::turns;
use serde_json::{Value, json};
use testkit::{RecordedRequest, ScriptedEndpoint, ScriptedReply, TempDb};

/// Time for a leap to be noticed and what it makes due to be sent, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);
/// Nodes say this often, by a third of it, that they live; each time they learn what time it is.
const LEASE: &str = "[ingest.delivery]\nlease_seconds = 3\n";
const HOUR_S: i64 = 3600;
const DAY_S: i64 = 24 * HOUR_S;

/// Answers 500 to the first attempt of events whose type ends in `.late`, to the first two of those in `.later`, and
/// slowly to those in `.slow`.
fn script(endpoint: &ScriptedEndpoint) {
    let mut tried: BTreeMap<String, usize> = BTreeMap::new();
    endpoint.respond_with(move |request| {
        let id = id(request);
        let times = tried.entry(id).or_default();
        *times += 1;
        match request.header("x-webhook-event-type") {
            Some(name) if name.ends_with(".late") && *times == 1 => ScriptedReply::status(500),
            Some(name) if name.ends_with(".later") && *times <= 2 => ScriptedReply::status(500),
            Some(name) if name.ends_with(".slow") => {
                ScriptedReply::status(200).after(Duration::from_secs(4))
            }
            _ => ScriptedReply::status(200),
        }
    });
}

fn id(request: &RecordedRequest) -> String {
    request.header("webhook-id").unwrap().to_owned()
}

/// Publishes an event; its id.
async fn publish(ingest: &Process, event_type: &str) -> String {
    let url = format!("{}/api/v1/webhooks/events", ingest.url());
    let answer = http::post(&url, &json!({"type": event_type, "data": {}})).await;
    let answer = answer.unwrap();
    assert_eq!(answer.status, 202, "{}", answer.json);
    text(&answer.json, "id").to_owned()
}

async fn subscribe(ingest: &Process, endpoint: &ScriptedEndpoint, schedule: &[i64]) {
    let url = format!("{}/api/v1/webhooks/subscriptions", ingest.url());
    let wanted = json!({"url": endpoint.url(), "events": ["*"], "retry": {"schedule": schedule}});
    let answer = http::post(&url, &wanted).await.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.json);
}

async fn stats(ingest: &Process) -> Value {
    let url = format!("{}/webhooks/queue/stats", ingest.url());
    http::get(&url).await.unwrap().json
}

/// Waits until an event has come so often.
async fn came(endpoint: &ScriptedEndpoint, event: &str, times: usize) {
    let began = Instant::now();
    loop {
        let requests = endpoint.requests();
        let found = requests
            .iter()
            .filter(|request| id(request) == event)
            .count();
        if found >= times {
            return;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "{event} came {found} of {times} times"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until everything was delivered; nothing was given up.
async fn all_delivered(ingest: &Process) {
    let began = Instant::now();
    loop {
        let stats = stats(ingest).await;
        assert_eq!(number(&stats, "failed"), 0, "{stats}");
        if number(&stats, "pending") + number(&stats, "processing") == 0 {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{stats}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A node that is told of leaps by `set`, in seconds ahead of the right time.
async fn leaps(ingest: &Process, set: impl Fn(i64)) {
    let endpoint = ScriptedEndpoint::start().await;
    script(&endpoint);
    subscribe(ingest, &endpoint, &[HOUR_S, HOUR_S]).await;
    let late = publish(ingest, "order.late").await;
    came(&endpoint, &late, 1).await;
    let slow = publish(ingest, "order.slow").await;
    came(&endpoint, &slow, 1).await;

    set(2 * HOUR_S);
    came(&endpoint, &late, 2).await;
    let after_hours = publish(ingest, "order.made").await;
    came(&endpoint, &after_hours, 1).await;
    all_delivered(ingest).await;

    // Beyond the age at which deliveries are given up, with one that waits.
    let waiting = publish(ingest, "order.late").await;
    let failing = publish(ingest, "order.later").await;
    came(&endpoint, &waiting, 1).await;
    came(&endpoint, &failing, 1).await;
    set(30 * DAY_S);
    came(&endpoint, &waiting, 2).await;
    came(&endpoint, &failing, 2).await;
    set(30 * DAY_S + 2 * HOUR_S);
    came(&endpoint, &failing, 3).await;
    let after_days = publish(ingest, "order.made").await;
    came(&endpoint, &after_days, 1).await;
    all_delivered(ingest).await;

    set(0);
    let set_right = publish(ingest, "order.made").await;
    came(&endpoint, &set_right, 1).await;
    all_delivered(ingest).await;
    for (event, times) in [
        (&late, 2),
        (&slow, 1),
        (&after_hours, 1),
        (&waiting, 2),
        (&failing, 3),
        (&after_days, 1),
        (&set_right, 1),
    ] {
        let requests = endpoint.requests();
        let found = requests.iter().filter(|request| id(request) == *event);
        assert_eq!(found.count(), times, "{event}");
    }
}

#[tokio::test]
async fn a_leap_of_the_machine_s_clock_loses_and_doubles_nothing() {
    let _turn = turns::beside_others().await;
    let mut ingest = Process::ingest(None, &[]);
    ingest.add_settings(LEASE);
    let clock = ProgramClock::of(&mut ingest);
    ingest.start();
    ingest.healthy().await;
    leaps(&ingest, |seconds| clock.set(seconds)).await;
    assert!(ingest.log().contains("leapt ahead"), "{}", ingest.log());
}

#[tokio::test]
async fn a_leap_of_the_server_s_clock_loses_and_doubles_nothing() {
    let _turn = turns::beside_others().await;
    let database = TempDb::postgres();
    let clock = ServerClock::of(&database);
    let mut ingest = Process::ingest(Some(&database), &[]);
    ingest.add_settings(LEASE);
    ingest.start();
    ingest.healthy().await;
    leaps(&ingest, |seconds| clock.set(seconds)).await;
    assert!(ingest.log().contains("leapt ahead"), "{}", ingest.log());
}

/// Each takes the other for dead for a moment, for their leases are of the old time.
#[tokio::test]
async fn two_nodes_go_on_after_a_leap() {
    const EVENTS: usize = 40;
    let _turn = turns::beside_others().await;
    let database = TempDb::postgres();
    let clock = ServerClock::of(&database);
    let mut nodes: Vec<Process> = Vec::new();
    for name in ["one", "two"] {
        let mut node = Process::ingest(Some(&database), &[]);
        node.add_settings(&format!("{LEASE}node_name = {name:?}\n"));
        if let Some(first) = nodes.first() {
            // They share the secrets in the database.
            let key = |node: &Process| node.folder().join("data/ingest.key");
            fs::create_dir(node.folder().join("data")).unwrap();
            fs::copy(key(first), key(&node)).unwrap();
        }
        node.start();
        node.healthy().await;
        nodes.push(node);
    }
    let endpoint = ScriptedEndpoint::start().await;
    script(&endpoint);
    subscribe(&nodes[0], &endpoint, &[HOUR_S, HOUR_S]).await;
    // Until both know of the subscription.
    let known = publish(&nodes[1], "order.made").await;
    came(&endpoint, &known, 1).await;
    let mut events = Vec::new();
    for number in 0..EVENTS {
        // As many that are taken at once: an endpoint that only fails is left alone.
        publish(&nodes[number % 2], "order.made").await;
        events.push(publish(&nodes[number % 2], "order.late").await);
    }
    for event in &events {
        came(&endpoint, event, 1).await;
    }
    clock.set(2 * HOUR_S);
    for node in &nodes {
        for _ in 0..EVENTS / 4 {
            publish(node, "order.made").await;
        }
    }
    for event in &events {
        came(&endpoint, event, 2).await;
    }
    all_delivered(&nodes[0]).await;
    let attempts = endpoint.requests().len();
    let least = 1 + 3 * EVENTS + EVENTS / 2;
    println!("{attempts} attempts of at least {least} with two nodes over a leap of two hours");
    assert!(attempts <= least + 2 * 16, "{attempts}");
    for node in &mut nodes {
        node.healthy().await;
    }
}
