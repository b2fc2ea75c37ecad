//! Build commands: `cargo xtask test | ci | fixtures | bench | conformance | pg`. It must never be needed to build or
//! run the services themselves.
#![expect(
    clippy::print_stdout,
    reason = "a command line tool speaks on its standard output"
)]

mod apt;
mod bench;
mod conformance;
mod fixtures;

mod postgres;
mod service_process;
mod test;
mod wire;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "xtask", about = "Build commands of draftwire")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Format, build, lint and run every test, on SQLite and on a PostgreSQL of its own
    #[command(alias = "ci")]
    Test {
        /// Leave out the format check and the lints
        #[arg(long)]
        fast: bool,
    },
    /// Write fixtures/designs anew
    Fixtures,
    /// Measure, on a release build
    Bench {
        #[command(subcommand)]
        what: bench::Bench,
    },
    /// Hold our deliveries against the Standard Webhooks libraries for Python, JavaScript and Rust
    Conformance(conformance::Arguments),
    /// Run a PostgreSQL on a free port until Ctrl-C
    Pg,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Test { fast } => return test::run(&root(), fast),
        Command::Fixtures => write_fixtures(),
        Command::Bench { what } => bench::run(&root(), what),
        Command::Conformance(arguments) => conformance::run(&root(), &arguments),
        Command::Pg => serve_postgres(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            println!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's root.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

fn write_fixtures() -> Result<(), String> {
    let written = fixtures::write(&root()).map_err(|error| error.to_string())?;
    println!("{} files written", written.len());
    Ok(())
}

fn serve_postgres() -> Result<(), String> {
    let server = postgres::Postgres::start()?;
    println!("{}", server.url());
    println!("Ctrl-C stops it and removes its data.");
    // Its supervisor stops it when this process ends, however that comes about.
    loop {
        std::thread::park();
    }
}
