//! `cargo xtask bench deliver`: events through the real ingest service, from a publisher's request to the endpoint, on
//! SQLite and PostgreSQL: how many, how soon, at what cost; beside a slow endpoint, a backlog and a flooding tenant; and
//! through `kill -9`, where one lost event fails it. Publishers, endpoint, service and database share this machine.

mod board;
mod crash;

mod neighbours;
mod publish;

mod sink;

use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use crate::postgres::Postgres;
use crate::service_process::{Service, Spent};
use board::Board;
use publish::{Load, Refused};
use sink::Sink;

const EVENT_TYPE: &str = "bench.note";
/// What an endpoint has under way that says nothing else.
const IN_FLIGHT: u32 = 16;
/// Events before a measurement, so that connections are open.
const WARM_UP: usize = 500;
/// Time for what was accepted to arrive.
const ARRIVAL_TIME_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Time for the last outcomes to be written.
const WRITING: Duration = Duration::from_millis(500);

#[derive(Args)]
pub(crate) struct Arguments {
    /// What to measure
    #[arg(long, value_delimiter = ',', default_values = ["flat-out", "rates", "slow", "flood", "backlog", "crash"])]
    runs: Vec<Run>,
    /// On which databases
    #[arg(long, value_delimiter = ',', default_values = ["sqlite", "postgres"])]
    databases: Vec<Under>,
    /// Events that are published as fast as it goes
    #[arg(long, default_value_t = 20_000)]
    events: usize,
    /// Connections of the publisher
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Requests open to the endpoint at once, when events are published as fast as it goes; 16 otherwise
    #[arg(long, default_value_t = 64)]
    in_flight: u32,
    /// Events a second of the runs at a rate
    #[arg(long, value_delimiter = ',', default_values_t = [475, 1_000, 5_000])]
    rates: Vec<u32>,
    /// Length of everything that runs at a rate
    #[arg(long, default_value_t = 6)]
    seconds: u32,
    /// Events of the flooding tenant
    #[arg(long, default_value_t = 20_000)]
    flood: usize,
    /// Deliveries that wait while another endpoint is measured
    #[arg(long, default_value_t = 100_000)]
    backlog: usize,
    /// How often the service is killed
    #[arg(long, default_value_t = 8)]
    kills: u32,
    /// A `draftwire` to measure, instead of a release build of this one
    #[arg(long)]
    program: Option<PathBuf>,
    /// Settings of the service that differ from their defaults, as in ingest.database.writers=4
    #[arg(long)]
    set: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Run {
    FlatOut,
    Rates,
    Slow,
    Flood,
    Backlog,
    Crash,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Under {
    Sqlite,
    Postgres,
}

/// A service with an endpoint that notes what arrives.
struct Scene {
    board: Arc<Board>,
    sink: Sink,
    service: Service,
    label: &'static str,
}

/// Builds, measures and prints.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<(), String> {
    let program = match &arguments.program {
        Some(program) => program.clone(),
        None => build(root)?,
    };
    let folder = root.join("target/bench-deliver");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut lost = 0;
    for under in &arguments.databases {
        println!("fsync of 4 KiB: {:.2} ms", fsync_ms(&folder)?);
        let start = |events: usize, settings: &[&str]| {
            Scene::start(&program, &folder, *under, arguments, events, settings)
        };
        if arguments.runs.contains(&Run::FlatOut) {
            flat_out(&start(WARM_UP + arguments.events, &[])?, arguments)?;
        }
        if arguments.runs.contains(&Run::Rates) {
            for rate in &arguments.rates {
                let events = usize_of(rate * arguments.seconds);
                at_rate(&start(WARM_UP + events, &[])?, arguments, *rate)?;
            }
        }
        if arguments.runs.contains(&Run::Slow) {
            let scene = start(neighbours::events(arguments), &[])?;
            neighbours::slow(&scene, arguments)?;
        }
        if arguments.runs.contains(&Run::Flood) {
            let events = neighbours::events(arguments) + arguments.flood;
            neighbours::flood(&start(events, &["ingest.auth=true"])?, arguments)?;
        }
        if arguments.runs.contains(&Run::Backlog) {
            let events = neighbours::events(arguments) + arguments.backlog;
            neighbours::backlog(&start(events, &[])?, arguments)?;
        }
        if arguments.runs.contains(&Run::Crash) {
            lost += crash::run(start(crash::events(arguments), &[])?, arguments)?;
        }
    }
    match lost {
        0 => Ok(()),
        lost => Err(format!("{lost} accepted events were lost")),
    }
}

fn build(root: &Path) -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .current_dir(root)
        .args(["build", "--release", "--package", "draftwire"])
        .status();
    match built {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(format!("cargo build: {status}")),
        Err(error) => return Err(format!("cannot run cargo: {error}")),
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| root.join("target"));
    Ok(target.join("release/draftwire"))
}

impl Scene {
    fn start(
        program: &Path,
        folder: &Path,
        under: Under,
        arguments: &Arguments,
        events: usize,
        settings: &[&str],
    ) -> Result<Self, String> {
        let mut all = arguments.set.clone();
        all.extend(settings.iter().map(ToString::to_string));
        let (label, postgres) = match under {
            Under::Sqlite => ("sqlite", None),
            Under::Postgres => ("postgres", Some(Postgres::start_settled()?)),
        };
        let board = Arc::new(Board::new(events));
        let sink = Sink::start(Arc::clone(&board)).map_err(|error| error.to_string())?;
        let service = Service::start(program, &folder.join(label), postgres, &all)?;
        Ok(Self {
            board,
            sink,
            service,
            label,
        })
    }

    /// Publishes these events; fails when some were not accepted.
    fn publish(&self, events: Range<usize>, connections: usize, rate: f64) -> Result<(), String> {
        let (stop, refused) = (AtomicBool::new(false), Refused::default());
        self.load("", connections, rate, &stop)
            .run(events.clone(), &refused);
        match self.board.tally(events.clone()).accepted {
            accepted if accepted == events.len() => Ok(()),
            accepted => Err(format!(
                "{accepted} of {} were accepted: {refused:?}",
                events.len()
            )),
        }
    }

    fn load<'a>(
        &'a self,
        key: &'a str,
        connections: usize,
        rate: f64,
        stop: &'a AtomicBool,
    ) -> Load<'a> {
        Load {
            board: &self.board,
            address: self.service.address,
            key,
            event_type: EVENT_TYPE,
            connections,
            rate,
            stop,
        }
    }

    /// Waits until everything accepted has arrived.
    fn settle(&self, events: Range<usize>) -> Result<(), String> {
        let deadline = Instant::now() + ARRIVAL_TIME_MAX;
        while self.board.tally(events.clone()).lost > 0 {
            if Instant::now() > deadline {
                let lost = self.board.tally(events).lost;
                return Err(format!("{lost} events have not arrived in time"));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    fn warm_up(&self, in_flight: u32) -> Result<(), String> {
        let url = self.sink.url("/note");
        self.service.subscribe("", &url, EVENT_TYPE, in_flight)?;
        self.publish(0..WARM_UP, 16, 0.0)?;
        self.settle(0..WARM_UP)
    }
}

/// As many as go through.
fn flat_out(scene: &Scene, arguments: &Arguments) -> Result<(), String> {
    scene.warm_up(arguments.in_flight)?;
    let events = WARM_UP..WARM_UP + arguments.events;
    let (before, bytes) = (scene.service.spent(), scene.service.database_bytes());
    let began = Instant::now();
    scene.publish(events.clone(), arguments.connections, 0.0)?;
    let accepted_s = began.elapsed().as_secs_f64();
    scene.settle(events.clone())?;
    let delivered_s = began.elapsed().as_secs_f64();
    std::thread::sleep(WRITING);
    let count = events.len() as f64;
    println!(
        "{}: {} events from {} connections, {} attempts at once: accepted {:.0}/s, delivered {:.0}/s",
        scene.label,
        events.len(),
        arguments.connections,
        arguments.in_flight,
        count / accepted_s,
        count / delivered_s
    );
    print_waits(scene, &events);
    print_spent(scene, before, count);
    if let (Some(before), Some(after)) = (bytes, scene.service.database_bytes()) {
        let each = (after - before) / count;
        println!("  database {each:.0} bytes for an event of 970");
    }
    Ok(())
}

/// So many a second.
fn at_rate(scene: &Scene, arguments: &Arguments, rate: u32) -> Result<(), String> {
    scene.warm_up(IN_FLIGHT)?;
    let events = WARM_UP..WARM_UP + usize_of(rate * arguments.seconds);
    let before = scene.service.spent();
    scene.publish(events.clone(), arguments.connections, f64::from(rate))?;
    scene.settle(events.clone())?;
    std::thread::sleep(WRITING);
    println!("{}: {rate}/s for {} s", scene.label, arguments.seconds);
    print_waits(scene, &events);
    print_spent(scene, before, events.len() as f64);
    Ok(())
}

fn print_waits(scene: &Scene, events: &Range<usize>) {
    for (what, waits) in [
        ("accept    ", scene.board.until_accepted(events.clone())),
        ("end to end", scene.board.until_arrived(events.clone())),
    ] {
        let [p50, p95, p99] = [50, 95, 99].map(|percent| waits.percentile_ms(percent));
        println!("  {what} p50 {p50:.2}, p95 {p95:.2}, p99 {p99:.2} ms");
    }
}

fn print_spent(scene: &Scene, before: Spent, events: f64) {
    let spent = scene.service.spent();
    println!(
        "  {:.3} CPU s per 1,000 with the database, at most {:.0} MiB in the service",
        (spent.cpu_s - before.cpu_s) * 1_000.0 / events,
        spent.memory_mib
    );
}

/// The mean of 100: the disk's mood is the largest noise.
fn fsync_ms(folder: &Path) -> Result<f64, String> {
    let path = folder.join("fsync");
    let timed = || -> std::io::Result<f64> {
        let mut file = std::fs::File::create(&path)?;
        let began = Instant::now();
        for _ in 0..100 {
            file.write_all(&[0; 4_096])?;
            file.sync_data()?;
        }
        let elapsed = began.elapsed();
        std::fs::remove_file(&path)?;
        Ok(elapsed.as_secs_f64() * 10.0)
    };
    timed().map_err(|error| format!("{}: {error}", path.display()))
}

fn usize_of(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
