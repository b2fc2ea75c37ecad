//! `cargo xtask bench …`: measurements on a release build. It must never be part of the tests.

mod deliver;
mod extract;

use std::path::Path;
use std::process::Command;

use clap::Subcommand;

use crate::postgres::Postgres;

/// What to measure.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Durable writes per second through the group-commit writer, on SQLite and PostgreSQL
    Commit {
        /// Passed on to the example `bench_commit` of package `db`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Events from publisher to endpoint through the real service: rates, waits, neighbours, crashes
    Deliver(deliver::Arguments),
    /// Signed events verified, deduplicated and applied by the receiver, on SQLite and PostgreSQL
    Receive {
        /// Passed on to the example `bench_receive` of package `receiver`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Design files: seconds and memory of reading made drawings and real files, beside ezdxf
    Extract(extract::Arguments),
}

/// Runs one measurement in the workspace at `root`.
pub(crate) fn run(root: &Path, what: Bench) -> Result<(), String> {
    match what {
        Bench::Commit { arguments } => example(root, "db", "bench_commit", &arguments),
        Bench::Receive { arguments } => example(root, "receiver", "bench_receive", &arguments),
        Bench::Deliver(arguments) => deliver::run(root, &arguments),
        Bench::Extract(arguments) => extract::run(root, &arguments),
    }
}

/// Runs an example of `package` with a PostgreSQL at hand.
fn example(root: &Path, package: &str, name: &str, arguments: &[String]) -> Result<(), String> {
    let server = Postgres::start()?;
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(root)
        .args([
            "run",
            "--release",
            "--package",
            package,
            "--example",
            name,
            "--",
        ])
        .args(arguments)
        .env("DRAFTWIRE_TEST_POSTGRES_URL", server.url())
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name}: {status}")),
        Err(error) => Err(format!("cannot run cargo: {error}")),
    }
}
