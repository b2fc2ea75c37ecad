//! How many events a second go from publish to delivered, on each database, with everything on:
//! `cargo run --release -p delivery --example throughput [events] [publishers] [in flight] [writers]`.
//! PostgreSQL is measured when `DRAFTWIRE_TEST_POSTGRES_URL` names a server.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a measurement prints, and may stop at what should not be"
)]

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use contract::{EventType, JsonObject};
use db::{Backend, Database, EmbeddedMigrations, Migrations};
use db::{Writer, WriterSettings, embed_migrations, sql};
use delivery::{DeliverySettings, Engine, NewEvent, SubscriptionSettings, Vault};
use diesel::sql_types::BigInt;
use testkit::TempDb;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/ingest/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/ingest/postgres");
const DATA_BYTES: usize = 990;

/// When each event was handed in and when it arrived, in microseconds since the start.
struct Times {
    start: Instant,
    sent: Vec<AtomicU64>,
    arrived: Vec<AtomicU64>,
    signals: Vec<Notify>,
    count: AtomicUsize,
}

impl Times {
    fn new(events: usize) -> Arc<Self> {
        let stamps = || {
            std::iter::repeat_with(AtomicU64::default)
                .take(events)
                .collect()
        };
        Arc::new(Self {
            start: Instant::now(),
            sent: stamps(),
            arrived: stamps(),
            signals: std::iter::repeat_with(Notify::new).take(events).collect(),
            count: AtomicUsize::default(),
        })
    }

    fn now_us(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    fn percentile_ms(&self, events: std::ops::Range<usize>, percent: usize) -> f64 {
        let mut waits: Vec<u64> = events
            .map(|n| {
                let (sent, arrived) = (&self.sent[n], &self.arrived[n]);
                arrived.load(Ordering::Relaxed) - sent.load(Ordering::Relaxed)
            })
            .collect();
        waits.sort_unstable();
        waits[(waits.len() - 1) * percent / 100] as f64 / 1_000.0
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|text| text.parse::<usize>().unwrap());
    let events = arguments.next().unwrap_or(20_000);
    let publishers = arguments.next().unwrap_or(64);
    let in_flight = arguments.next().unwrap_or(64);
    let writers = arguments.next().unwrap_or(2);
    for backend in [Backend::Sqlite, Backend::Postgres] {
        if backend == Backend::Postgres && std::env::var("DRAFTWIRE_TEST_POSTGRES_URL").is_err() {
            println!("postgres: no server is named");
            continue;
        }
        measure(backend, events, publishers, in_flight, writers).await;
    }
}

async fn measure(
    backend: Backend,
    events: usize,
    publishers: usize,
    in_flight: usize,
    writers: usize,
) {
    let temp = TempDb::new(backend);
    println!(
        "{backend:?}: fsync of 4 KiB beside it: {:.2} ms",
        fsync_ms(temp.folder())
    );
    let migrations = Migrations {
        sqlite: SQLITE,
        postgres: POSTGRES,
    };
    let database = Database::open(temp.settings(), migrations).unwrap();
    let threads = WriterSettings {
        threads: writers,
        ..WriterSettings::default()
    };
    let writer = Writer::start(&database, threads).unwrap();
    let times = Times::new(events + events / 4);
    let sink = sink(Arc::clone(&times));
    let (vault, settings) = (Vault::new(&[7; 32]).unwrap(), settings(in_flight));
    let engine = Engine::start(&database, &writer, vault, &settings, vec![to(sink)]);
    let engine = engine.await.unwrap();

    let (cpu, began, commits) = (cpu_seconds(), Instant::now(), writer.stats().commits);
    publish(&engine, &times, 0..events, publishers, false).await;
    let accepted = began.elapsed().as_secs_f64();
    while times.count.load(Ordering::Relaxed) < events || delivered(&database) < events as i64 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let all = began.elapsed().as_secs_f64();
    println!(
        "{backend:?}: {events} events, {publishers} publishers, {in_flight} in flight: accepted {:.0}/s, \
         delivered {:.0}/s, {:.3} CPU s per 1,000, {:.0} jobs a commit",
        events as f64 / accepted,
        events as f64 / all,
        (cpu_seconds() - cpu) * 1_000.0 / events as f64,
        2.0 * events as f64 / (writer.stats().commits - commits) as f64,
    );

    let began = Instant::now();
    let closed = events..events + events / 4;
    publish(&engine, &times, closed.clone(), publishers, true).await;
    println!(
        "{backend:?}: each publisher waiting for the arrival: {:.0}/s, end to end p50 {:.2} ms, p99 {:.2} ms",
        closed.len() as f64 / began.elapsed().as_secs_f64(),
        times.percentile_ms(closed.clone(), 50),
        times.percentile_ms(closed, 99),
    );
    engine.stop(Duration::from_secs(5));
    drop(engine);
    writer.stop();
}

async fn publish(
    engine: &Engine,
    times: &Arc<Times>,
    events: std::ops::Range<usize>,
    publishers: usize,
    wait: bool,
) {
    let next = AtomicUsize::new(events.start);
    let one = || async {
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= events.end {
                return;
            }
            let event = event(engine, n);
            times.sent[n].store(times.now_us(), Ordering::Relaxed);
            engine.publisher().submit(event).await.unwrap();
            if wait {
                times.signals[n].notified().await;
            }
        }
    };
    futures_util::future::join_all((0..publishers).map(|_| one())).await;
}

fn event(engine: &Engine, n: usize) -> NewEvent {
    let mut data = format!(r#"{{"n":{n},"note_id":{n},"padding":""#);
    data.push_str(&"x".repeat(DATA_BYTES - data.len() - 2));
    data.push_str("\"}");
    NewEvent {
        tenant: engine.default_tenant().clone(),
        event_type: EventType::parse("note.made").unwrap(),
        subject: None,
        timestamp_ms: engine.clock().now_ms(),
        data: JsonObject::parse(&data).unwrap(),
        metadata: None,
    }
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn delivered(database: &Database) -> i64 {
    let count = "SELECT count(*) AS count FROM deliveries WHERE state = 2";
    let read = database
        .reads()
        .run_blocking(|conn| conn.one::<Count>(sql(count)));
    read.unwrap().count
}

/// A server on a thread of its own that notes what arrives and answers 200.
fn sink(times: Arc<Times>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(answer(stream, Arc::clone(&times)));
            }
        });
    });
    address
}

async fn answer(mut stream: tokio::net::TcpStream, times: Arc<Times>) -> std::io::Result<()> {
    let mut request = Vec::with_capacity(8_192);
    while stream.read_buf(&mut request).await? > 0 {
        // All of it has come when the body, about as long as its data, has been closed.
        if !request.ends_with(b"\"metadata\":null}") {
            continue;
        }
        let text = String::from_utf8_lossy(&request);
        let (_, rest) = text.split_once(r#""data":{"n":"#).unwrap();
        let n: usize = rest.split(',').next().unwrap().parse().unwrap();
        times.arrived[n].store(times.now_us(), Ordering::Relaxed);
        times.signals[n].notify_one();
        times.count.fetch_add(1, Ordering::Relaxed);
        request.clear();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await?;
    }
    Ok(())
}

fn settings(in_flight: usize) -> DeliverySettings {
    DeliverySettings {
        enabled: true,
        allow_networks: vec!["127.0.0.0/8".into()],
        attempt_timeout_seconds: 15,
        response_bytes_read_max: 65_536,
        response_bytes_kept_max: 16_384,
        attempts_in_flight_max: 4_096,
        attempts_in_flight_per_tenant_max: 2_048,
        attempts_in_flight_per_endpoint_max: in_flight,
        queue_deliveries_per_endpoint_max: 1_000,
        queue_memory_bytes_max: 64 << 20,
        retry_schedule: "standard".into(),
        retry_jitter: 0.2,
        retry_after_seconds_max: 86_400,
        delivery_age_days_max: 14,
        retention_days: 90,
        event_bytes_max: 262_144,
        lease_seconds: 30,
        node_name: "throughput".into(),
    }
}

fn to(sink: SocketAddr) -> SubscriptionSettings {
    SubscriptionSettings {
        name: "sink".into(),
        url: format!("http://{sink}/hook"),
        events: vec!["*".into()],
        profile: "standard".into(),
        secrets: vec!["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()],
        timeout_seconds: 0,
        retry_schedule: String::new(),
        is_active: true,
        headers: Default::default(),
    }
}

/// The mean of 100: the disk's mood is the largest noise.
fn fsync_ms(folder: &std::path::Path) -> f64 {
    let mut file = std::fs::File::create(folder.join("fsync")).unwrap();
    let began = Instant::now();
    for _ in 0..100 {
        file.write_all(&[0; 4_096]).unwrap();
        file.sync_data().unwrap();
    }
    began.elapsed().as_secs_f64() * 10.0
}

/// Of this process, user and system.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(") ").next().unwrap();
    let ticks = after_name.split(' ').skip(11).take(2);
    ticks
        .map(|ticks| ticks.parse::<f64>().unwrap())
        .sum::<f64>()
        / 100.0
}
