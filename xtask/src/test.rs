//! `cargo xtask test`: every stage with its time, every test, one last line with the counts. It must
//! never pass when a stage failed or a test was ignored.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use crate::apt;
use crate::conformance;
use crate::postgres::Postgres;

/// Real files to test with, if the variable is not set: kept beside the repository.
const CORPUS: &str = "../shared/corpus";

/// Tests that ran, and all that went wrong.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Counts {
    /// Adds a line such as `test result: ok. 12 passed; 0 failed; 1 ignored; …`.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for part in counts.split(';') {
            let mut words = part.split_whitespace();
            let number = words.next().and_then(|word| word.parse::<u64>().ok());
            match (number, words.next()) {
                (Some(number), Some("passed")) => self.passed += number,
                (Some(number), Some("failed")) => self.failed += number,
                (Some(number), Some("ignored")) => self.ignored += number,
                _ => {}
            }
        }
    }
}

/// Runs all stages in the workspace at `root`; `fast` leaves out format and lints. A failed stage counts
/// as one failure and does not keep the later ones from running.
pub(crate) fn run(root: &Path, fast: bool) -> ExitCode {
    let mut counts = Counts::default();
    if !fast {
        stage(&mut counts, "format", |_| {
            succeed(cargo(root).args(["fmt", "--all", "--check"]))
        });
    }
    // Tests start this very program as extraction worker.
    stage(&mut counts, "build", |_| {
        succeed(cargo(root).args(["build", "--package", "draftwire"]))
    });
    if !fast {
        stage(&mut counts, "lint", |_| {
            let mut clippy = cargo(root);
            clippy.args(["clippy", "--workspace", "--all-targets", "--"]);
            succeed(clippy.args(["-D", "warnings"]))
        });
    }
    stage(&mut counts, "programs", |_| programs());
    stage(&mut counts, "alerts", |_| alerts(root));
    stage(&mut counts, "signatures", |_| {
        let (program, offline) = (None, true);
        conformance::run(root, &conformance::Arguments { program, offline })
    });
    stage(&mut counts, "test", |counts| tests(root, counts));
    println!("{} passed, {} failed", counts.passed, counts.failed);
    if counts.failed == 0 && counts.passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn stage(counts: &mut Counts, name: &str, run: impl FnOnce(&mut Counts) -> Result<(), String>) {
    println!("== {name}");
    let started = Instant::now();
    let result = run(counts);
    let seconds = started.elapsed().as_secs_f64();
    match result {
        Ok(()) => println!("== {name}: {seconds:.1} s"),
        Err(sentence) => {
            counts.failed += 1;
            println!("== {name} failed after {seconds:.1} s: {sentence}");
        }
    }
}

/// What tests run beside our own program: package and program.
const PROGRAMS: [(&str, &str); 5] = [
    ("tesseract-ocr", "tesseract"),
    ("libheif-examples", "heif-convert"),
    ("prometheus", "promtool"),
    ("chromium", "chromium"),
    ("chromium-driver", "chromedriver"),
];

fn programs() -> Result<(), String> {
    PROGRAMS.iter().try_for_each(|(package, program)| {
        apt::ensure(package, || apt::program(program)).map(|_path| ())
    })
}

/// What Prometheus itself says of its configuration, and whether the alerts come when they should.
fn alerts(root: &Path) -> Result<(), String> {
    for arguments in [
        ["check", "config", "scrape.yml"],
        ["test", "rules", "alerts_test.yml"],
    ] {
        let mut promtool = Command::new("promtool");
        promtool.current_dir(root.join("config/prometheus"));
        succeed(promtool.args(arguments))
            .map_err(|cause| format!("promtool {}: {cause}", arguments.join(" ")))?;
    }
    Ok(())
}

fn tests(root: &Path, counts: &mut Counts) -> Result<(), String> {
    let started = Instant::now();
    let server = Postgres::start()?;
    println!(
        "== postgres ready: {:.1} s",
        started.elapsed().as_secs_f64()
    );
    let mut command = cargo(root);
    command
        .args(["test", "--workspace", "--no-fail-fast"])
        .env("DRAFTWIRE_TEST_POSTGRES_URL", server.url());
    let corpus = root.join(CORPUS);
    if std::env::var_os("DRAFTWIRE_CORPUS").is_none() && corpus.is_dir() {
        command
            .env("DRAFTWIRE_CORPUS", corpus)
            .env("DRAFTWIRE_CORPUS_REQUIRED", "1");
    }
    let before = counts.failed;
    let success = count(&mut command, counts)?;
    if counts.ignored > 0 {
        counts.failed += counts.ignored;
        println!("{} ignored tests count as failed", counts.ignored);
    }
    match success || counts.failed > before {
        true => Ok(()),
        // It did not get as far as a failing test.
        false => Err("cargo test did not succeed".to_owned()),
    }
}

/// Runs a command, showing its lines as they come and adding up its results.
fn count(command: &mut Command, counts: &mut Counts) -> Result<bool, String> {
    let failed = |error: std::io::Error| format!("cannot run cargo test: {error}");
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(failed)?;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = line.map_err(failed)?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            counts.add(&line);
        }
    }
    Ok(child.wait().map_err(failed)?.success())
}

fn cargo(root: &Path) -> Command {
    // The cargo that runs us, so that its version is the same.
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

fn succeed(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{status}")),
        Err(error) => Err(format!("cannot run {:?}: {error}", command.get_program())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_add_up_and_other_lines_do_not_count() {
        let mut counts = Counts::default();
        for line in [
            "running 3 tests",
            "test a ... ok",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.1s",
            "test result: FAILED. 5 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s",
            "test result: nonsense",
        ] {
            counts.add(line);
        }
        let expected = Counts {
            passed: 17,
            failed: 2,
            ignored: 1,
        };
        assert_eq!(counts, expected);
    }
}
