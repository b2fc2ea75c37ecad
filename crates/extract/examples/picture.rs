//! Reads one picture: prints what is known of it, milliseconds and peak memory, and writes `FOLDER/preview.png` and
//! `FOLDER/scan.png` when a folder is named. With `FOLDER/words.tsv` there (from `tesseract`), facts of its words too. For the
//! bench; never part of a service.

use extract::{Input, Limits, Ocr, facts, tesseract_arguments};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

#[expect(clippy::print_stdout, reason = "its output is what it is for")]
fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(path) = arguments.next() else {
        println!("usage: picture FILE [FOLDER]");
        return ExitCode::FAILURE;
    };
    let folder = arguments.next();
    match read(&path, folder.as_deref().map(Path::new)) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{path}: {error} (peak {:.1} MiB)", peak_mib());
            ExitCode::FAILURE
        }
    }
}

fn read(path: &str, folder: Option<&Path>) -> Result<String, Box<dyn std::error::Error>> {
    let bytes = std::fs::read(path)?;
    let (loaded, limits) = (peak_mib(), Limits::default());
    let (caller, rules) = (facts::CallerFacts::default(), facts::Rules::default());
    let words = folder.and_then(|folder| std::fs::read_to_string(folder.join("words.tsv")).ok());
    let ocr = words.map(|tsv| Ocr::from_tesseract_tsv(&tsv, &limits));
    let input = Input {
        preview: true,
        ocr: ocr.as_ref(),
        ..Input::new(path, &caller)
    };
    let start = Instant::now();
    let outcome = extract::extract(&bytes, &input, &rules, &limits)?;
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    let mut said = serde_json::to_string(&outcome.extraction)?;
    said += &format!(
        "\n{milliseconds:.1} ms, peak {loaded:.1} MiB loaded, {:.1} read",
        peak_mib()
    );
    if let Some(preview) = outcome.preview {
        said += &format!("\npreview {} bytes", preview.bytes.len());
        folder.map_or(Ok(()), |folder| {
            std::fs::write(folder.join("preview.png"), &preview.bytes)
        })?;
    }
    if let Some(scan) = outcome.scan {
        let arguments = tesseract_arguments(&["eng".to_owned()], scan.dpi, extract::PSM_AUTO);
        said += &format!(
            "\nscan {} bytes: tesseract {}",
            scan.png.len(),
            arguments.join(" ")
        );
        folder.map_or(Ok(()), |folder| {
            std::fs::write(folder.join("scan.png"), &scan.png)?;
            (1..4).try_for_each(|quarters| {
                let turned = scan.turned(quarters).unwrap_or_else(|| scan.clone());
                std::fs::write(folder.join(format!("scan{quarters}.png")), turned.png)
            })
        })?;
    }
    Ok(said)
}

/// The most memory this process ever held (`VmHWM`); 0 where the system does not tell.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}
