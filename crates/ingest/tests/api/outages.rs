//! A database that is full, or gone: nothing is answered 2xx that is not recorded, and all goes on by itself.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use reqwest::Method;
use serde_json::{Value as Json, json};
use testkit::{ScriptedEndpoint, TempDb};

use crate::harness::{PATIENCE, TestIngest};
use crate::platform::{BASE, text};

/// Publishes one event of this size; answers its id, or the 503 with `Retry-After` that it must be otherwise.
async fn publish(ingest: &TestIngest, bytes: usize) -> Option<String> {
    let event = json!({"type": "order.paid", "data": {"padding": "x".repeat(bytes)}});
    let request = ingest.request(Method::POST, &format!("{BASE}/events"));
    let answer = request.json(&event).send().await.unwrap();
    let (status, retry) = (
        answer.status().as_u16(),
        answer.headers().get("retry-after").cloned(),
    );
    let body: Json = answer.json().await.unwrap();
    match status {
        202 => Some(text(&body["id"])),
        503 => {
            assert!(retry.is_some(), "{body}");
            None
        }
        _ => unreachable!("{status}: {body}"),
    }
}

/// Asks until one is accepted.
async fn recovered(ingest: &TestIngest) -> String {
    let began = Instant::now();
    loop {
        if let Some(id) = publish(ingest, 50_000).await {
            return id;
        }
        assert!(began.elapsed() < PATIENCE, "it does not recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Whatever was accepted arrives, and nothing else.
async fn arrived(endpoint: &ScriptedEndpoint, accepted: &[String]) {
    let began = Instant::now();
    loop {
        let requests = endpoint.requests();
        let ids: Vec<&str> = requests
            .iter()
            .filter_map(|r| r.header("webhook-id"))
            .collect();
        if accepted.iter().all(|id| ids.contains(&id.as_str())) {
            return;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "{} of {}",
            ids.len(),
            accepted.len()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start_with(&temp, &["ingest.database.sqlite_bytes_max=3000000"]).await;
    let mut accepted = vec![publish(&ingest, 50_000).await.unwrap()];
    let url = temp.url_text();
    let mut other = SqliteConnection::establish(url.strip_prefix("sqlite://").unwrap()).unwrap();
    let fill = "PRAGMA busy_timeout = 10000; CREATE TABLE filler AS SELECT zeroblob(4000000) AS x";
    other.batch_execute(fill).unwrap();
    let (mut refused, began) = (0, Instant::now());
    while refused < 5 {
        match publish(&ingest, 50_000).await {
            Some(id) => accepted.push(id),
            None => refused += 1,
        }
        assert!(began.elapsed() < PATIENCE, "it is never full");
    }
    let (status, ready) = ingest.get("/health").await;
    assert_eq!(status, 200, "the process answers all the same: {ready}");
    other.batch_execute("DROP TABLE filler").unwrap();
    accepted.push(recovered(&ingest).await);
    arrived(&ingest.endpoint, &accepted).await;
    ingest.stop().await;
}

/// What stands between the service and its server, and can be cut.
struct Line {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    is_cut: bool,
    streams: Vec<TcpStream>,
}

impl Line {
    fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let mut state = shared.lock().unwrap();
                if state.is_cut {
                    continue;
                }
                let Ok(server) = TcpStream::connect(&server) else {
                    continue;
                };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    state.streams.push(from.try_clone().unwrap());
                    pump(from.try_clone().unwrap(), to.try_clone().unwrap());
                }
            }
        });
        Self { port, state }
    }

    fn cut(&self, is_cut: bool) {
        let mut state = self.state.lock().unwrap();
        state.is_cut = is_cut;
        for stream in state.streams.drain(..) {
            // It may have ended by itself.
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream) {
    std::thread::spawn(move || {
        let mut bytes = [0; 8_192];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        drop(to.shutdown(Shutdown::Both));
    });
}

#[tokio::test]
async fn a_stopped_database_refuses_and_recovers() {
    let temp = TempDb::postgres();
    let url = temp.url_text();
    let (before, rest) = url.split_once('@').unwrap();
    let (server, name) = rest.split_once('/').unwrap();
    let line = Line::to(server.to_owned());
    let through = format!(
        "ingest.database.url={before}@127.0.0.1:{}/{name}",
        line.port
    );
    let settings = [
        through.as_str(),
        "ingest.database.connect_timeout_seconds=2",
    ];
    let ingest = TestIngest::start_with(&temp, &settings).await;
    let mut accepted = vec![publish(&ingest, 100).await.unwrap()];
    for _ in 0..2 {
        line.cut(true);
        for _ in 0..3 {
            assert_eq!(publish(&ingest, 100).await, None);
        }
        let (status, _) = ingest.get(&format!("{BASE}/deliveries")).await;
        assert_eq!(status, 503, "reads, too");
        line.cut(false);
        accepted.push(recovered(&ingest).await);
    }
    arrived(&ingest.endpoint, &accepted).await;
    ingest.stop().await;
}
