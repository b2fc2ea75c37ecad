//! Servers on real ports, in a plain tokio runtime, stopped with grace.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actix_web::{Error, HttpResponse, web};
use futures_util::stream;
use service::{Runner, ServerLimits, Settings, Shutdown, bind, serve};

const GRACE: Duration = Duration::from_secs(10);

fn limits() -> ServerLimits {
    let settings = Settings::load(None, [("", ""); 0], &["ingest.http.workers=1".to_owned()]);
    settings.unwrap().section("ingest.http").unwrap()
}

/// Starts a server with `/fast` and `/slow`, named in its answers.
fn start(name: &'static str, runner: &Runner) -> SocketAddr {
    let routes = move |routes: &mut web::ServiceConfig| {
        let slow = move || async move {
            tokio::time::sleep(Duration::from_millis(400)).await;
            format!("{name} slow")
        };
        routes
            .route(
                "/fast",
                web::get().to(move || async move { format!("{name} fast") }),
            )
            .route("/slow", web::get().to(slow));
    };
    let listener = bind("ingest", "127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = runner.shutdown().clone();
    runner.spawn(name, serve(listener, routes, limits(), GRACE, shutdown));
    address
}

fn open(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(GRACE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
    stream
}

/// Reads until `end` was seen.
fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 1024];
    while !text.ends_with(end) {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "closed early after {text:?}");
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    text
}

fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    tokio::task::spawn_blocking(work)
}

#[tokio::test]
async fn two_services_run_in_one_process_and_stop_with_idle_connections_open() {
    let runner = Runner::new(Shutdown::new());
    let (one, two) = (start("one", &runner), start("two", &runner));
    let idle = blocking(move || {
        let mut streams = Vec::new();
        for (address, name) in [(one, "one"), (two, "two")] {
            let mut stream = open(address, "/fast");
            let answer = read_until(&mut stream, &format!("{name} fast"));
            assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
            assert!(answer.contains("x-request-id: "), "{answer}");
            streams.push(stream);
        }
        streams
    });
    let idle = idle.await.unwrap();
    let started = Instant::now();
    assert!(runner.stop(GRACE).await.is_empty());
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
    drop(idle);
    for address in [one, two] {
        assert!(
            TcpStream::connect(address).is_err(),
            "{address} still listens"
        );
    }
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_server_stops() {
    let runner = Runner::new(Shutdown::new());
    let address = start("one", &runner);
    // The fast answer proves that the server is up before the slow request is sent.
    let slow = blocking(move || {
        read_until(&mut open(address, "/fast"), "one fast");
        open(address, "/slow")
    });
    let mut slow = slow.await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let answer = blocking(move || read_until(&mut slow, "one slow"));
    assert!(runner.stop(GRACE).await.is_empty());
    assert!(answer.await.unwrap().starts_with("HTTP/1.1 200 OK"));
}

const BLOCK: &[u8] = &[b'x'; 65_536];

/// Counts the answers that are being sent.
#[derive(Clone, Default)]
struct Answering(Arc<AtomicUsize>);

struct Counted(Answering);

impl Answering {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    fn one_more(&self) -> Counted {
        self.0.fetch_add(1, Ordering::SeqCst);
        Counted(self.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A server with endless answers under `/endless`.
fn start_endless(pause_seconds: u64, answering: &Answering, runner: &Runner) -> SocketAddr {
    let answering = answering.clone();
    let routes = move |routes: &mut web::ServiceConfig| {
        let answering = answering.clone();
        let endless = move || {
            let counted = answering.one_more();
            let block = move || {
                let _counted = &counted;
                Ok::<_, Error>(web::Bytes::from_static(BLOCK))
            };
            async { HttpResponse::Ok().streaming(stream::repeat_with(block)) }
        };
        routes.route("/endless", web::get().to(endless));
    };
    let listener = bind("ingest", "127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let limits = ServerLimits {
        answer_pause_seconds_max: pause_seconds,
        ..limits()
    };
    let shutdown = runner.shutdown().clone();
    let served = serve(listener, routes, limits, Duration::ZERO, shutdown);
    runner.spawn("endless", served);
    address
}

#[tokio::test]
async fn who_takes_nothing_of_an_answer_is_cut_off_and_who_takes_some_is_not() {
    const PAUSE_SECONDS: u64 = 3;
    let (runner, answering) = (Runner::new(Shutdown::new()), Answering::default());
    let address = start_endless(PAUSE_SECONDS, &answering, &runner);
    let mut silent = blocking(move || open(address, "/endless")).await.unwrap();
    let steady = blocking(move || {
        let (mut stream, began) = (open(address, "/endless"), Instant::now());
        let mut buffer = vec![0; 1 << 20];
        while began.elapsed() < Duration::from_secs(3 * PAUSE_SECONDS) {
            stream.read_exact(&mut buffer).unwrap();
            std::thread::sleep(Duration::from_millis(100));
        }
        stream
    });
    let steady = steady.await.unwrap();
    let began = Instant::now();
    while answering.count() > 1 {
        assert!(began.elapsed() < GRACE, "the silent one is still served");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(answering.count(), 1, "the steady one is served on");
    // What was under way comes yet, and then the end.
    let ended = blocking(move || std::io::copy(&mut silent, &mut std::io::sink()));
    assert!(ended.await.unwrap().is_err(), "not as if it were whole");
    drop(steady);
    runner.stop(GRACE).await;
}
