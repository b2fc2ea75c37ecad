//! Reads and measures one DXF file: prints seconds, speed and peak memory. For the bench; never part of a service.

use drawing::{LayerRules, MeasureLimits, Units, measure};
use extract::{Input, Limits, dxf, facts};
use std::process::ExitCode;
use std::time::Instant;

#[expect(clippy::print_stdout, reason = "its output is what it is for")]
fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        println!("usage: measure FILE.dxf");
        return ExitCode::FAILURE;
    };
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            println!("{path}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (loaded, limits) = (peak_mib(), Limits::default());
    let start = Instant::now();
    let reading = match dxf::read(&bytes, &LayerRules::default(), &limits) {
        Ok(reading) => reading,
        Err(error) => {
            println!("{path}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let read = start.elapsed().as_secs_f64();
    let read_peak = peak_mib();
    let measures = measure(&reading.drawing, &MeasureLimits::default());
    let measured = start.elapsed().as_secs_f64();
    let measured_peak = peak_mib();
    drop(reading);
    let (caller, rules) = (facts::CallerFacts::default(), facts::Rules::default());
    let whole = Instant::now();
    let extraction = extract::extract(&bytes, &Input::new(&path, &caller), &rules, &limits);
    let whole = whole.elapsed().as_secs_f64();
    let mib = bytes.len() as f64 / 1_048_576.0;
    let entities: u64 = measures.entity_counts.values().sum();
    println!("file      {mib:.1} MiB, {entities} entities");
    println!("read      {read:.4} s, {:.0} MiB/s", mib / read);
    println!("measure   {:.4} s", measured - read);
    println!("both      {measured:.4} s");
    println!("extract   {whole:.4} s, ok {}", extraction.is_ok());
    println!(
        "peak MiB  {loaded:.1} loaded, {read_peak:.1} read, {measured_peak:.1} measured, {:.1} extracted again",
        peak_mib()
    );
    println!(
        "cut {} mm, contours {}, open {}, parts {}, hole kinds {}, units {:?}",
        measures.cut_length_mm,
        measures.contours_total,
        measures.open_chains,
        measures.parts_total,
        measures.holes.len(),
        extraction
            .ok()
            .and_then(|done| done.extraction.drawing?.measures.units)
            .map(|units: Units| units.value),
    );
    ExitCode::SUCCESS
}

/// The most memory this process ever held (`VmHWM`); 0 where the system does not tell.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}
