//! A stop asked for politely, in the middle of things: what has begun to arrive is finished or refused, never half done.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use e2e::process::Process;
use serde_json::Value;

/// Until the stop has been heard.
const HEARD: Duration = Duration::from_millis(500);
const FILES: usize = 6;

/// An upload whose body comes in two halves.
struct Slow {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Slow {
    fn begin(url: &str, number: usize) -> Self {
        let address = url.trim_start_matches("http://");
        let circle = format!("0\nCIRCLE\n8\nCUT\n10\n0\n20\n0\n40\n{}\n", number + 1);
        let body = format!(
            "--b\r\ncontent-disposition: form-data; name=\"files\"; filename=\"p{number}.dxf\"\r\n\r\n\
             0\nSECTION\n2\nENTITIES\n{circle}0\nENDSEC\n0\nEOF\n\r\n--b--\r\n"
        );
        let head = format!(
            "POST /ingest?wait=0 HTTP/1.1\r\nhost: {address}\r\n\
             content-type: multipart/form-data; boundary=b\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let (first, rest) = body.as_bytes().split_at(body.len() / 2);
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(first).unwrap();
        let rest = rest.to_vec();
        Self { stream, rest }
    }

    /// The status, 0 when the connection was closed without one.
    fn end(mut self) -> u16 {
        let mut answer = Vec::new();
        if self.stream.write_all(&self.rest).is_err() {
            return 0;
        }
        // Reset, closed or complete: what came is what counts.
        drop(self.stream.read_to_end(&mut answer));
        let text = String::from_utf8_lossy(&answer);
        text.split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0)
    }
}

#[tokio::test]
async fn uploads_under_way_are_finished_and_new_ones_refused_when_it_stops() {
    let mut ingest = Process::ingest(None, &[]);
    ingest.start();
    ingest.healthy().await;
    let url = ingest.url();
    let slow: Vec<Slow> = (0..FILES).map(|number| Slow::begin(&url, number)).collect();
    tokio::time::sleep(HEARD).await;
    let rest = tokio::task::spawn_blocking(move || {
        std::thread::sleep(HEARD);
        let refused = TcpStream::connect(url.trim_start_matches("http://")).is_err();
        let threads = slow
            .into_iter()
            .map(|slow| std::thread::spawn(|| slow.end()));
        let threads: Vec<_> = threads.collect();
        let codes: Vec<u16> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        (refused, codes)
    });
    let ((status, _), rest) = tokio::join!(ingest.stop(), rest);
    assert_eq!(status.code(), Some(0));
    let (refused, codes) = rest.unwrap();
    assert!(refused, "nobody listens any more");
    let taken = codes
        .iter()
        .filter(|code| matches!(code, 200 | 202))
        .count();
    assert!(
        codes.iter().all(|code| matches!(code, 0 | 200 | 202 | 503)),
        "{codes:?}"
    );
    assert_eq!(taken, FILES, "the grace is long enough for all: {codes:?}");

    ingest.start();
    ingest.healthy().await;
    for id in 1..=taken {
        let record = settled(&ingest.url(), id).await;
        assert_eq!(record["status"], "completed", "{record}");
    }
}

/// The record once it has been read.
async fn settled(url: &str, id: usize) -> Value {
    loop {
        let answer = e2e::http::get(&format!("{url}/ingest/{id}")).await.unwrap();
        if answer.json["status"] != "processing" {
            return answer.json;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_upload_that_outlasts_the_grace_is_not_answered_with_success() {
    let mut ingest = Process::ingest(None, &[]);
    ingest.start();
    ingest.healthy().await;
    let slow = Slow::begin(&ingest.url(), 0);
    tokio::time::sleep(HEARD).await;
    let (status, took) = ingest.stop().await;
    assert_eq!(status.code(), Some(0), "{took:?}");
    let code = tokio::task::spawn_blocking(move || slow.end())
        .await
        .unwrap();
    assert!(matches!(code, 0 | 408 | 503), "{code}");
    ingest.start();
    ingest.healthy().await;
    let list = e2e::http::get(&format!("{}/files", ingest.url()))
        .await
        .unwrap();
    assert_eq!(list.json["total"], 0);
    assert_eq!(
        std::fs::read_dir(ingest.folder().join("data/files/staging"))
            .unwrap()
            .count(),
        1
    );
}
