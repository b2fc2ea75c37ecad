//! Reads files and prints, for each, what it took: `name=value` pairs on a line. For `cargo xtask bench extract`, which
//! runs it in a process of its own for each figure of memory; never part of a service.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use drawing::{LayerRules, MeasureLimits, measure};
use extract::{ExtractError, Input, Limits, dxf, extract, facts};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Readings of each file, and time spent on one.
const RUNS_MAX: u32 = 20;
const FILE_TIME_MAX: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.split_first() {
        Some((how, files)) if how == "measure" => files.iter().try_for_each(|file| measured(file)),
        Some((how, files)) if how == "extract" => files.iter().try_for_each(|file| extracted(file)),
        _ => Err("usage: bench_extract measure|extract FILE…".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            println!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

fn bytes_of(path: &str) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{path}: {error}"))
}

/// Reads a DXF once and measures it: extents, contours, cut length, holes.
fn measured(path: &str) -> Result<(), String> {
    let bytes = bytes_of(path)?;
    let loaded = peak_mib();
    let start = Instant::now();
    let reading = dxf::read(&bytes, &LayerRules::default(), &Limits::default())
        .map_err(|error| format!("{path}: {error}"))?;
    let read = start.elapsed().as_secs_f64();
    let measures = measure(&reading.drawing, &MeasureLimits::default());
    let whole = start.elapsed().as_secs_f64();
    let (width, height) = measures
        .extents_mm
        .map_or((f64::NAN, f64::NAN), |extents| extents.rounded_size());
    let counts = reading.drawing.entity_counts.iter();
    let counts: String = counts
        .map(|(name, count)| format!(" n_{name}={count}"))
        .collect();
    println!(
        "bytes={} read_s={read} s={whole} loaded_mib={loaded} peak_mib={} width={width} height={height}{counts}",
        bytes.len(),
        peak_mib()
    );
    Ok(())
}

/// Makes an Extraction of each file as often as there is time for; prints the quickest.
fn extracted(path: &str) -> Result<(), String> {
    let bytes = bytes_of(path)?;
    let name = path.rsplit('/').next().unwrap_or(path);
    let (began, mut best, mut runs) = (Instant::now(), f64::INFINITY, 0);
    while runs == 0 || (runs < RUNS_MAX && began.elapsed() < FILE_TIME_MAX) {
        let start = Instant::now();
        // A refusal is an answer too, and takes its time.
        drop(once(&bytes, name));
        best = best.min(start.elapsed().as_secs_f64());
        runs += 1;
    }
    println!("bytes={} s={best} peak_mib={}", bytes.len(), peak_mib());
    Ok(())
}

fn once(bytes: &[u8], name: &str) -> Result<extract::Outcome, ExtractError> {
    let (caller, rules) = (facts::CallerFacts::default(), facts::Rules::default());
    extract(
        bytes,
        &Input::new(name, &caller),
        &rules,
        &Limits::default(),
    )
}

/// The most memory this process ever held (`VmHWM`), in MiB; 0 where the system does not tell.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}
