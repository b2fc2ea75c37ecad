//! Durable writes answered per second: one transaction per write beside group commit, on SQLite and on
//! PostgreSQL, with a bare fsync beside each. It must never touch a database that it did not make.
//! Run by `cargo xtask bench commit`.
#![expect(
    clippy::print_stdout,
    reason = "a measurement speaks on its standard output"
)]

mod event;
mod lap;
mod ways;

use std::error::Error;
use std::time::Duration;

use clap::Parser;
use db::{Backend, Database, EmbeddedMigrations, Migrations, embed_migrations};
use testkit::TempDb;

use crate::lap::{Figures, Lap};
use crate::ways::Way;

const SQLITE: EmbeddedMigrations = embed_migrations!("examples/bench_commit/migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("examples/bench_commit/migrations/postgres");

/// How many callers wait for an answer at the same time.
const SUBMITTERS: [usize; 3] = [1, 8, 64];
/// The bare fsync that is measured just before each figure, to know the disk's mood.
const MOOD: Duration = Duration::from_millis(250);

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Parser)]
struct Arguments {
    /// Time for each figure, in seconds
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
}

fn main() -> Outcome<()> {
    let length = Duration::from_secs(Arguments::parse().seconds);
    println!(
        "{:<11} {:<26} {:>10} {:>9} {:>8} {:>8} {:>7} {:>9} {:>8}",
        "", "", "submitters", "writes/s", "p50 ms", "p99 ms", "× one", "fsync/s", "× fsync"
    );
    for submitters in SUBMITTERS {
        let folder = tempfile::tempdir()?;
        let mood = ways::fsync(folder.path(), 1, Lap::start(MOOD))?;
        let figures = ways::fsync(folder.path(), submitters, Lap::start(length))?;
        print(
            "disk",
            "append + fdatasync, 4 KiB",
            submitters,
            &figures,
            None,
            &mood,
        );
    }
    for backend in [Backend::Sqlite, Backend::Postgres] {
        for submitters in SUBMITTERS {
            compare(backend, submitters, length)?;
        }
    }
    println!(
        "× one: beside one transaction per write with as many submitters. fsync/s: 4 KiB appends by one \
         thread just before.\nThe files of `append + fdatasync` are one per submitter."
    );
    Ok(())
}

/// All ways of writing with one number of submitters, each on a new database.
fn compare(backend: Backend, submitters: usize, length: Duration) -> Outcome<()> {
    let name = match backend {
        Backend::Sqlite => "SQLite FULL",
        Backend::Postgres => "PostgreSQL",
    };
    let mut one = None;
    for way in [Way::OneByOne, Way::Closures, Way::Set] {
        let temp = TempDb::new(backend);
        let database = open(&temp)?;
        let mood = ways::fsync(temp.folder(), 1, Lap::start(MOOD))?;
        let figures = way.measure(&database, submitters, length)?;
        let one = one.get_or_insert(figures.per_second);
        print(name, way.name(), submitters, &figures, Some(*one), &mood);
    }
    Ok(())
}

fn open(temp: &TempDb) -> Outcome<Database> {
    let migrations = Migrations {
        sqlite: SQLITE,
        postgres: POSTGRES,
    };
    Ok(Database::open(temp.settings(), migrations)?)
}

fn print(
    database: &str,
    way: &str,
    submitters: usize,
    figures: &Figures,
    one: Option<f64>,
    mood: &Figures,
) {
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    println!(
        "{database:<11} {way:<26} {submitters:>10} {:>9.0} {:>8.2} {:>8.2} {:>7} {:>9.0} {:>8.1}",
        figures.per_second,
        ms(figures.p50),
        ms(figures.p99),
        one.map_or(String::new(), |one| format!(
            "{:.1}",
            figures.per_second / one
        )),
        mood.per_second,
        figures.per_second / mood.per_second,
    );
}
