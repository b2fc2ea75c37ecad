//! Crowds of connections that say nothing, little or slowly: those who have something to say are answered all the
//! same. Must never open more than this process may.

use std::time::{Duration, Instant};

use e2e::process::{Process, SECRET};
use e2e::turns;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use standardwebhooks::Webhook;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The most that is opened, where there are descriptors for it.
const CROWD_MAX: u64 = 10_000;
/// Connections opened at once, so that none has to wait for a second try.
const OPENED_AT_ONCE: usize = 500;
const EVENTS: usize = 300;
/// Time for any answer or closing, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// For a receiver that is not measured, but kept busy by thousands.
const P99_MAX: Duration = Duration::from_millis(500);
/// When silent connections are closed, and idle ones.
const HEAD_SECONDS: u64 = 12;
const KEEP_ALIVE_SECONDS: u64 = 15;

/// Raises this process's limit of descriptors as far as it may, which is far for a superuser; the connections to
/// open at one service, which inherits it.
fn crowd() -> usize {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let raised = |maximum: Option<u64>| {
        let limit = Rlimit {
            current: maximum,
            maximum,
        };
        setrlimit(Resource::Nofile, limit).is_ok()
    };
    let enough = maximum.map(|maximum| maximum.max(CROWD_MAX * 3));
    let is_enough = raised(enough) || raised(maximum);
    assert!(is_enough, "it may always have what it may have");
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    // The service gives four fifths to connections; some are left for those who have something to say.
    usize::try_from(CROWD_MAX.min(descriptors / 5 * 4 * 9 / 10)).unwrap()
}

/// A connection, and what it has said.
async fn open(address: String, said: &'static str) -> TcpStream {
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(said.as_bytes()).await.unwrap();
    stream
}

const GET: &str = "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
/// What the connections of a crowd say: nothing, half a head, a request of which they never read the answer.
const SAID: [&str; 3] = ["", "GET /health HTTP/1.1\r\nhost: loc", GET];

async fn opened(address: &str, count: usize) -> Vec<TcpStream> {
    let mut crowd = Vec::with_capacity(count);
    while crowd.len() < count {
        let some = OPENED_AT_ONCE.min(count - crowd.len());
        let mut opening = JoinSet::new();
        for number in 0..some {
            opening.spawn(open(address.to_owned(), SAID[number % SAID.len()]));
        }
        crowd.extend(opening.join_all().await);
    }
    crowd
}

/// Sends a signed event on a connection of its own, as a sender does that comes anew.
async fn event(receiver: &Process, number: usize) -> Duration {
    let id = format!("evt_{number}_{}", fastrand::u64(..));
    let body = r#"{"type": "order.made", "timestamp": "2026-01-01T00:00:00Z", "data": {}}"#;
    let now = jiff::Timestamp::now().as_second();
    let signer = Webhook::new(SECRET).unwrap();
    let signature = signer.sign(&id, now, body.as_bytes()).unwrap();
    let request = format!(
        "POST /webhooks/shop/event HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nwebhook-id: {id}\r\nwebhook-timestamp: {now}\r\n\
         webhook-signature: {signature}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let began = Instant::now();
    let mut stream = TcpStream::connect(address(receiver)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    began.elapsed()
}

fn address(service: &Process) -> String {
    service.url().trim_start_matches("http://").to_owned()
}

/// The 50th and the 99th of 100, one event after the other.
async fn percentiles(receiver: &Process) -> [Duration; 2] {
    let mut times = Vec::with_capacity(EVENTS);
    for number in 0..EVENTS {
        times.push(event(receiver, number).await);
    }
    times.sort_unstable();
    [50, 99].map(|percent| times[EVENTS * percent / 100])
}

/// Resident memory of the service, MiB.
fn memory_mib(service: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    kib / 1024
}

#[tokio::test]
async fn a_crowd_that_says_nothing_keeps_nobody_from_being_answered() {
    let _turn = turns::alone().await;
    let count = crowd();
    let mut receiver = Process::receiver(None, &[("shop", "standard")]);
    receiver.add_settings(&format!(
        "[receiver.http]\nhead_seconds_max = {HEAD_SECONDS}\nkeep_alive_seconds = {KEEP_ALIVE_SECONDS}\n"
    ));
    receiver.start();
    receiver.healthy().await;
    let (quiet, small) = (percentiles(&receiver).await, memory_mib(&receiver));
    let began = Instant::now();
    let crowd = opened(&address(&receiver), count).await;
    let opening = began.elapsed();
    let (crowded, large) = (percentiles(&receiver).await, memory_mib(&receiver));
    let still_open = began.elapsed() < Duration::from_secs(HEAD_SECONDS);
    println!(
        "{count} connections, opened in {opening:.1?}: p50 and p99 of a signed event {crowded:.1?}, \
         {quiet:.1?} without them; {large} MiB, {small} without"
    );
    assert!(crowded[1] < P99_MAX, "{crowded:?}");
    println!("the crowd was there to the end: {still_open}");
    closed(crowd, began).await;
    event(&receiver, 0).await;
}

/// Reads every connection to its end, which the service makes.
async fn closed(crowd: Vec<TcpStream>, began: Instant) {
    let mut closing = JoinSet::new();
    for mut stream in crowd {
        closing.spawn(async move {
            let mut rest = Vec::new();
            // Whatever comes: an answer, a refusal, nothing.
            drop(stream.read_to_end(&mut rest).await);
        });
    }
    let all = tokio::time::timeout(PATIENCE, closing.join_all()).await;
    assert!(all.is_ok(), "idle connections are closed");
    println!(
        "the last was closed {:.1?} after the first was opened",
        began.elapsed()
    );
}

/// Asks on an open connection; whether there is an answer in time.
async fn asks(stream: &mut TcpStream, time_max: Duration) -> bool {
    stream.write_all(GET.as_bytes()).await.unwrap();
    hears(stream, time_max).await
}

async fn hears(stream: &mut TcpStream, time_max: Duration) -> bool {
    let mut answer = [0; 4096];
    let read = tokio::time::timeout(time_max, stream.read(&mut answer)).await;
    matches!(read, Ok(Ok(bytes)) if answer[..bytes].starts_with(b"HTTP/1.1 200 OK"))
}

#[tokio::test]
async fn beyond_the_limit_newcomers_wait_and_those_who_are_in_go_on() {
    const INSIDE: usize = 40;
    const WAITING: usize = 10;
    let _turn = turns::beside_others().await;
    let mut receiver = Process::receiver(None, &[]);
    receiver.add_settings("[receiver.http]\nworkers = 1\nconnections_per_worker_max = 40\n");
    receiver.start();
    receiver.healthy().await;
    let log = receiver.log();
    assert!(log.contains("connections_max=40"), "{log}");
    let mut inside = Vec::new();
    let began = Instant::now();
    while inside.len() < INSIDE {
        let mut stream = open(address(&receiver), "").await;
        // A place may still be taken by who asked whether it is well.
        if asks(&mut stream, PATIENCE).await {
            inside.push(stream);
        }
        assert!(began.elapsed() < PATIENCE, "{} are in", inside.len());
    }
    let mut waiting = Vec::new();
    for _ in 0..WAITING {
        waiting.push(open(address(&receiver), GET).await);
    }
    for stream in &mut waiting {
        assert!(
            !hears(stream, Duration::from_millis(50)).await,
            "it has to wait"
        );
    }
    for stream in &mut inside {
        assert!(asks(stream, PATIENCE).await, "who is in goes on");
    }
    drop(inside);
    for stream in &mut waiting {
        assert!(hears(stream, PATIENCE).await, "there is room now");
    }
}
