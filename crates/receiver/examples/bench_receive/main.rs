//! Signed events verified, deduplicated, applied and answered after their commit, per second, on SQLite and on
//! PostgreSQL, over real connections; beside them the same server doing nothing but reading the body. It must never
//! touch a database that it did not make. Run by `cargo xtask bench receive`.
#![expect(
    clippy::print_stdout,
    reason = "a measurement speaks on its standard output"
)]

mod load;
mod requests;

use std::error::Error;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::{self, Bytes};
use clap::Parser;
use contract::Profile;
use receiver::{Receiver, ReceiverSettings, SourceSettings};
use service::{Runner, SecretText, ServerLimits, Settings, Shutdown};
use testkit::TempDb;

use crate::load::{Figures, Pace};
use crate::requests::SECRET;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const GRACE: Duration = Duration::from_secs(10);
/// The steady rate of the last rows, events/s.
const STEADY: u64 = 500;

#[derive(Parser)]
struct Arguments {
    /// Time for each figure, in seconds
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=30))]
    seconds: u64,
    /// Connections that each wait for an answer before the next request
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=512))]
    connections: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    println!(
        "{:<22} {:>11} {:>10} {:>8} {:>8}",
        "", "connections", "events/s", "p50 ms", "p99 ms"
    );
    let connections = usize::try_from(arguments.connections)?;
    let length = Duration::from_secs(arguments.seconds);
    for (pace, connections) in [(Pace::Full, connections), (Pace::PerSecond(STEADY), 16)] {
        measure("reads the body only", None, (pace, connections), length).await?;
        for (name, temp) in ["SQLite FULL", "PostgreSQL"]
            .into_iter()
            .zip(TempDb::both())
        {
            measure(name, Some(&temp), (pace, connections), length).await?;
        }
    }
    println!("Client and server share this machine's processors.");
    Ok(())
}

/// One figure, on a server of its own; without a database the bare one.
async fn measure(
    name: &str,
    temp: Option<&TempDb>,
    (pace, connections): (Pace, usize),
    length: Duration,
) -> Outcome<()> {
    let runner = Runner::new(Shutdown::new());
    let address = match temp {
        None => bare(&runner)?,
        Some(temp) => receiver(&runner, temp).await?,
    };
    let figures = load::run(address, connections, pace, length).await?;
    runner.stop(GRACE).await;
    print(name, pace, connections, &figures);
    Ok(())
}

fn bare(runner: &Runner) -> Outcome<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let routes = |routes: &mut web::ServiceConfig| {
        let read = |body: Bytes| async move {
            HttpResponse::Ok().json(serde_json::json!({"bytes": body.len()}))
        };
        routes.service(web::resource("/webhooks/{source}/event").post(read));
    };
    let settings = Settings::load(None, [("", ""); 0], &[])?;
    let limits: ServerLimits = settings.section("receiver.http")?;
    let shutdown = runner.shutdown().clone();
    runner.spawn(
        "bare",
        service::serve(listener, routes, limits, GRACE, shutdown),
    );
    Ok(address)
}

async fn receiver(runner: &Runner, temp: &TempDb) -> Outcome<SocketAddr> {
    let overrides = [
        "receiver.listen=127.0.0.1:0".to_owned(),
        format!("data_dir={}", temp.folder().display()),
        format!("receiver.database.url={}", temp.url_text()),
    ];
    let settings = Settings::load(None, [("", ""); 0], &overrides)?;
    let mut settings = ReceiverSettings::load(&settings)?;
    let source = SourceSettings::signed(Profile::Standard, SecretText::from(SECRET.to_owned()));
    settings.sources.insert("bench".to_owned(), source);
    let listener = settings.bind()?;
    let address = listener.local_addr()?;
    let service = Receiver::start(settings).await?;
    let shutdown = runner.shutdown().clone();
    runner.spawn("receiver", service.serve(listener, shutdown));
    Ok(address)
}

fn print(name: &str, pace: Pace, connections: usize, figures: &Figures) {
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let name = match pace {
        Pace::Full => name.to_owned(),
        Pace::PerSecond(rate) => format!("{name}, {rate}/s"),
    };
    println!(
        "{name:<22} {connections:>11} {:>10.0} {:>8.2} {:>8.2}",
        figures.per_second,
        ms(figures.p50),
        ms(figures.p99)
    );
}
