//! The receiver's state is a function of the set of events: real signed deliveries, recorded once, reach the
//! same answers in any order and number. Must never sign anything: what is replayed is what was sent.

use std::time::Duration;

use e2e::designs::{Design, fixtures, folder};
use e2e::http::{self, http, items, upload};
use e2e::load::ingest_id;
use e2e::pair::number;
use e2e::process::{Process, Subscription};
use e2e::{seed, turns};
use fastrand::Rng;
use serde_json::{Value, json};
use testkit::{RecordedRequest, ScriptedEndpoint};
use tokio::task::JoinSet;

/// Sources of the receiver, each with the profile of its envelopes.
const SOURCES: [(&str, &str); 2] = [("draftwire", "standard"), ("module-n", "module-n")];
const PERMUTATIONS: usize = 5;
/// Most times that one delivery is sent.
const REPEATS_MAX: usize = 3;
/// Requests under way at once.
const AT_ONCE: usize = 4;
const CLIENT: &str = "CL0001";
const PROJECT: &str = "JB-2025-10-CL0001-001";
/// What receivers number or date for themselves.
const OWN_FIELDS: [&str; 6] = [
    "id",
    "design_file_id",
    "project_id",
    "received_at",
    "created_at",
    "changed_at",
];

#[tokio::test]
async fn order_and_repeats_make_no_difference() {
    let _turn = turns::beside_others().await;
    let seed = seed();
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    let deliveries = record().await;
    let expected = replayed(&deliveries, 0).await;
    assert_eq!(
        expected["/activity"].as_array().unwrap().len(),
        deliveries.len()
    );
    assert_eq!(
        expected["/projects"][0]["design_files"],
        json!(SOURCES.len())
    );
    for _ in 0..PERMUTATIONS {
        let mut shuffled = Vec::new();
        for delivery in &deliveries {
            let repeats = random.usize(1..=REPEATS_MAX);
            shuffled.extend(std::iter::repeat_n(delivery.clone(), repeats));
        }
        random.shuffle(&mut shuffled);
        let project_at = random.usize(..=shuffled.len());
        let found = replayed(&shuffled, project_at).await;
        for (path, expected) in expected.as_object().unwrap() {
            assert_eq!(
                found[path],
                *expected,
                "{path} after {} requests",
                shuffled.len()
            );
        }
    }
    println!(
        "{} deliveries, {PERMUTATIONS} orders, the same answers",
        deliveries.len()
    );
}

/// What a real ingest service sends about files that come, are read again, fail and go.
async fn record() -> Vec<RecordedRequest> {
    let endpoint = ScriptedEndpoint::start().await;
    let urls = SOURCES.map(|(name, _)| format!("{}/webhooks/{name}/event", endpoint.url()));
    let subscriptions: Vec<Subscription<'_>> = SOURCES
        .iter()
        .zip(&urls)
        .map(|((name, profile), url)| Subscription {
            name,
            url,
            profile,
            retry_schedule: "1, 1",
        })
        .collect();
    let mut ingest = Process::ingest(None, &subscriptions);
    ingest.start();
    ingest.healthy().await;
    let base = ingest.url();
    let mut ids = Vec::new();
    let mut designs = folder(&fixtures("good"));
    designs.push(Design::new("notes.txt", "five brackets, please"));
    for design in &designs {
        let answer = upload(&http(), &base, design, None).await.unwrap();
        ids.push(ingest_id(&answer));
    }
    let [first, second, third, fourth, ..] = ids.as_slice() else {
        unreachable!("there are more samples");
    };
    for id in [first, second] {
        let url = format!("{base}/files/{id}/re-extract");
        assert_eq!(http::post(&url, &json!({})).await.unwrap().status, 202);
        until_read(&base, *id).await;
    }
    for (id, hard) in [(second, false), (third, false), (fourth, true)] {
        let url = format!("{base}/files/{id}?hard_delete={hard}");
        assert!(http::delete(&url).await.unwrap().is_success());
    }
    let events = 2 * designs.len() + 2 + 3;
    endpoint
        .wait_for(events * SOURCES.len(), Duration::from_secs(30))
        .await
}

async fn until_read(base: &str, id: i64) {
    let url = format!("{base}/ingest/{id}");
    for _ in 0..1000 {
        let record = http::get(&url).await.unwrap().json;
        if record["status"] == "completed" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    unreachable!("file {id} is not read again");
}

/// Sends `deliveries` to a fresh receiver, the project being created before the one at `project_at`; what it
/// answers then, without what is its own.
async fn replayed(deliveries: &[RecordedRequest], project_at: usize) -> Value {
    let mut receiver = Process::receiver(None, &SOURCES);
    receiver.start();
    receiver.healthy().await;
    let base = receiver.url();
    let (before, after) = deliveries.split_at(project_at);
    send(&base, before).await;
    create_project(&base).await;
    send(&base, after).await;
    let mut answers = json!({});
    for path in [
        "/design-files?include_deleted=true",
        "/projects",
        "/activity",
        "/unmatched",
    ] {
        let mut list = items(&format!("{base}{path}")).await;
        // What is done here has the time at which it is done.
        let here = ["PROJECT CREATED", "CLIENT CREATED"];
        list.retain(|item| !here.iter().any(|here| item["action"] == *here));
        list.iter_mut().for_each(forget_own);
        list.sort_by_key(Value::to_string);
        answers[path] = json!(list);
    }
    answers
}

fn forget_own(item: &mut Value) {
    let ours = item.as_object_mut().unwrap();
    let linked = ours.get("project_id").is_some_and(Value::is_i64);
    // A design file's creation is the sender's to date, a project's is the receiver's.
    let created_at = ours
        .get("ingest_id")
        .and_then(|_| ours.get("created_at"))
        .cloned();
    for field in OWN_FIELDS {
        ours.remove(field);
    }
    ours.insert("linked".to_owned(), json!(linked));
    ours.insert("created_at".to_owned(), json!(created_at));
}

async fn create_project(base: &str) {
    for (path, body) in [
        ("clients", json!({"code": CLIENT, "name": "Acme"})),
        ("projects", json!({"code": PROJECT})),
    ] {
        let answer = http::post(&format!("{base}/{path}"), &body).await.unwrap();
        assert_eq!(answer.status, 201, "{path}: {}", answer.json);
    }
}

/// Several at once, each answered 200.
async fn send(base: &str, deliveries: &[RecordedRequest]) {
    let http = http();
    let mut sending = JoinSet::new();
    for delivery in deliveries {
        if sending.len() >= AT_ONCE {
            sending.join_next().await.unwrap().unwrap();
        }
        let mut request = http.post(format!("{base}{}", delivery.path));
        for (name, value) in &delivery.headers {
            if name.starts_with("webhook-") || name.starts_with("x-") || name == "content-type" {
                request = request.header(name, value);
            }
        }
        let request = request.body(delivery.body.clone());
        sending.spawn(async move {
            let answer = request.send().await.unwrap();
            let (status, text) = (answer.status(), answer.text().await.unwrap());
            assert_eq!(status, 200, "{text}");
            let answer: Value = serde_json::from_str(&text).unwrap();
            assert!(number(&answer, "design_file_id") > 0, "{text}");
        });
    }
    while let Some(sent) = sending.join_next().await {
        sent.unwrap();
    }
}
