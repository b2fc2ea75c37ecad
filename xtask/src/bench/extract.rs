//! `cargo xtask bench extract`: how quickly design files are read, and with how much memory, beside ezdxf in the same
//! run. Every figure of memory comes from a process of its own. It must never download anything but that one package.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;

/// The reader that others are measured by.
const EZDXF: &str = "ezdxf==1.4.5";
/// Runs of ours, of which the median counts; the reference runs once, it is slow enough not to waver.
const RUNS: usize = 5;
/// A child that takes longer is ended and has no figure.
const CHILD_TIME_MAX: Duration = Duration::from_secs(600);
const LOOK_EVERY: Duration = Duration::from_millis(5);
const MIB: f64 = 1_048_576.0;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Entities of the drawings that are made and measured
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 50_000, 300_000])]
    entities: Vec<u32>,
    /// Folder of real files; else DRAFTWIRE_CORPUS, else beside the workspace
    #[arg(long)]
    corpus: Option<PathBuf>,
    /// Measure ours alone: no Python, nothing is downloaded
    #[arg(long)]
    without_ezdxf: bool,
}

/// Builds, makes drawings, measures and prints.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<(), String> {
    let example = build(root)?;
    let folder = target(root).join("bench-extract");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let python = match arguments.without_ezdxf {
        true => None,
        false => Some(ezdxf(&folder)?),
    };
    println!("drawings: read + extents, contours, cut length, holes (ezdxf: read + extents);");
    println!("entity counts and extents must be equal; floors are 30 times faster and 300 MiB\n");
    println!(
        "entities   MiB |  ours s   MiB/s  peak MiB (file in it) | ezdxf s  peak MiB | times faster  memory"
    );
    for entities in &arguments.entities {
        let file = folder.join(format!("{entities}.dxf"));
        fs::write(&file, drawing(*entities))
            .map_err(|error| format!("{}: {error}", file.display()))?;
        println!("{}", line(*entities, &example, python.as_deref(), &file)?);
    }
    match corpus(root, arguments) {
        Some(corpus) => real_files(&example, &corpus),
        None => {
            println!("\nno real files: --corpus names their folder");
            Ok(())
        }
    }
}

fn build(root: &Path) -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .current_dir(root)
        .args([
            "build",
            "--release",
            "--package",
            "extract",
            "--example",
            "bench_extract",
        ])
        .status();
    if !built.is_ok_and(|status| status.success()) {
        return Err("the example bench_extract could not be built".to_owned());
    }
    Ok(target(root).join("release/examples/bench_extract"))
}

fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// One drawing's figures, ours and theirs.
fn line(
    entities: u32,
    example: &Path,
    python: Option<&Path>,
    file: &Path,
) -> Result<String, String> {
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let mut command = Command::new(example);
        command.arg("measure").arg(file);
        runs.push(figures(command)?);
    }
    let ours = |name: &str| {
        median(
            runs.iter()
                .filter_map(|run| run.get(name).copied())
                .collect(),
        )
    };
    let (mib, seconds, peak) = (ours("bytes") / MIB, ours("s"), ours("peak_mib"));
    let loaded = ours("loaded_mib");
    let mut text = format!(
        "{entities:>8} {mib:>5.1} | {seconds:>7.4} {:>7.0} {peak:>9.1} {loaded:>13.1} ",
        mib / seconds
    );
    let Some(python) = python else {
        return Ok(text);
    };
    let mut command = Command::new(python);
    command.arg("-c").arg(REFERENCE).arg(file);
    let theirs = match figures(command) {
        Ok(theirs) => theirs,
        Err(sentence) => return Ok(format!("{text}| {sentence}")),
    };
    let of = |name: &str| theirs.get(name).copied().unwrap_or(f64::NAN);
    let counted = |figures: &BTreeMap<String, f64>| -> BTreeMap<String, f64> {
        let counts = figures.iter().filter(|(name, _)| name.starts_with(COUNT));
        counts.map(|(name, count)| (name.clone(), *count)).collect()
    };
    let (own, reference) = (runs.first().map(counted), counted(&theirs));
    if own.as_ref() != Some(&reference) {
        return Err(format!("entities: ours {own:?}, theirs {reference:?}"));
    }
    for side in ["width", "height"] {
        if (of(side) - ours(side)).abs() > 0.01 {
            return Err(format!("{side}: ours {}, theirs {}", ours(side), of(side)));
        }
    }
    let (slow, large) = (of("s"), of("peak_mib"));
    write!(
        text,
        "| {slow:>7.3} {large:>9.1} | {:>12.0} {:>6.1} %",
        slow / seconds,
        100.0 * peak / large
    )
    .map_err(|error| error.to_string())?;
    Ok(text)
}

/// What names of counts of a type of entity begin with.
const COUNT: &str = "n_";

/// Reads and takes the extents, as a shop's script would; the counts are not timed.
const REFERENCE: &str = "
import collections, resource, sys, time
import ezdxf
from ezdxf import bbox
start = time.perf_counter()
space = ezdxf.readfile(sys.argv[1]).modelspace()
box = bbox.extents(space)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
counts = collections.Counter(entity.dxftype() for entity in space)
counts = ' '.join(f'n_{name}={count}' for name, count in counts.items())
print(f's={seconds} peak_mib={peak} width={box.size.x} height={box.size.y} {counts}')
";

/// A Python with the reference in it, in a folder of its own below `folder`.
fn ezdxf(folder: &Path) -> Result<PathBuf, String> {
    let place = folder.join("python");
    let python = place.join("bin/python");
    let works = |arguments: &[&str], program: &Path| {
        let mut command = Command::new(program);
        let command = command.args(arguments).stdout(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let version = "import ezdxf; assert ezdxf.__version__ == '1.4.5'";
    if python.is_file() && works(&["-c", version], &python) {
        return Ok(python);
    }
    let shown = place.display().to_string();
    if works(&["-m", "venv", &shown], Path::new("python3"))
        && works(&["-m", "pip", "install", "--quiet", EZDXF], &python)
    {
        return Ok(python);
    }
    Err(format!(
        "{EZDXF} could not be installed in {shown}: install python3 and its venv, or say --without-ezdxf"
    ))
}

fn corpus(root: &Path, arguments: &Arguments) -> Option<PathBuf> {
    let given = arguments.corpus.clone();
    let named = || std::env::var_os("DRAFTWIRE_CORPUS").map(PathBuf::from);
    let beside = || Some(root.parent()?.join("shared/corpus"));
    given
        .or_else(named)
        .or_else(beside)
        .filter(|path| path.is_dir())
}

/// Files of each kind: all readings of a kind in one process, whose peak is that of its largest.
fn real_files(example: &Path, corpus: &Path) -> Result<(), String> {
    println!("\nreal files: bytes to Extraction, the quickest of up to 20 readings each\n");
    println!("kind      files     MiB   MiB/s   p50 ms   p99 ms  worst ms  peak MiB");
    let mut kinds: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for folder in sorted(corpus)? {
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        for file in sorted(&folder).unwrap_or_default() {
            let ending = file
                .extension()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let kind = if name == "shop" {
                format!("{name} {ending}")
            } else {
                name.clone()
            };
            if ending != "jsonl" {
                kinds.entry(kind).or_default().push(file);
            }
        }
    }
    for (kind, files) in kinds {
        let mut command = Command::new(example);
        command.arg("extract").args(&files);
        let runs = all_figures(command)?;
        let all = |name: &str| -> Vec<f64> {
            runs.iter()
                .filter_map(|run| run.get(name).copied())
                .collect()
        };
        let (mib, seconds) = (all("bytes").iter().sum::<f64>() / MIB, all("s"));
        let rate = mib / seconds.iter().sum::<f64>();
        let at = |share: usize| 1e3 * rank(seconds.clone(), share);
        println!(
            "{kind:<10} {:>4} {mib:>7.2} {rate:>7.1} {:>8.3} {:>8.2} {:>9.2} {:>9.1}",
            files.len(),
            at(50),
            at(99),
            at(100),
            rank(all("peak_mib"), 100)
        );
    }
    Ok(())
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    Ok(paths)
}

fn median(values: Vec<f64>) -> f64 {
    rank(values, 50)
}

/// The value that this share in hundred of all do not exceed.
fn rank(mut values: Vec<f64>, share: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() * share).div_ceil(100).saturating_sub(1);
    values.get(place).copied().unwrap_or(f64::NAN)
}

fn figures(command: Command) -> Result<BTreeMap<String, f64>, String> {
    all_figures(command)?
        .pop()
        .ok_or_else(|| "no figures".to_owned())
}

/// Runs a child to its end, or ends it; reads the `name=value` pairs of its lines.
fn all_figures(mut command: Command) -> Result<Vec<BTreeMap<String, f64>>, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |error: std::io::Error| format!("{name}: {error}");
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(failed)?;
    let began = Instant::now();
    let status = loop {
        match child.try_wait().map_err(failed)? {
            Some(status) => break status,
            None if began.elapsed() > CHILD_TIME_MAX => {
                child.kill().and_then(|()| child.wait()).map_err(failed)?;
                return Err(format!("longer than {} s", CHILD_TIME_MAX.as_secs()));
            }
            None => std::thread::sleep(LOOK_EVERY),
        }
    };
    let mut said = String::new();
    if let Some(mut output) = child.stdout.take() {
        output.read_to_string(&mut said).map_err(failed)?;
    }
    if !status.success() {
        return Err(format!("{name}: {status}: {}", said.trim()));
    }
    let pair = |word: &str| {
        let (name, value) = word.split_once('=')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    Ok(said
        .lines()
        .map(|line| line.split_whitespace().filter_map(pair).collect())
        .collect())
}

/// Plates of a rounded outline, holes and lines in a grid, as a CAD program of 2000 writes them.
fn drawing(entities: u32) -> String {
    let mut text = String::from(
        "  0\nSECTION\n  2\nHEADER\n  9\n$ACADVER\n  1\nAC1015\n  9\n$INSUNITS\n 70\n4\n  0\nENDSEC\n  0\nSECTION\n  2\nENTITIES\n",
    );
    for number in 0..entities {
        let (plate, part) = (number / 8, number % 8);
        let (x, y) = (
            f64::from(plate % 200) * 120.0,
            f64::from(plate / 200) * 70.0,
        );
        let handle = format!(
            "  5\n{:X}\n330\n1F\n100\nAcDbEntity\n  8\nCUT\n100\n",
            number + 256
        );
        let step = f64::from(part) * 10.0;
        text += &match part {
            0 => format!(
                "  0\nLWPOLYLINE\n{handle}AcDbPolyline\n 90\n5\n 70\n1\n 43\n0.0\n{}",
                outline(x, y)
            ),
            1..4 => format!(
                "  0\nCIRCLE\n{handle}AcDbCircle\n 10\n{:.6}\n 20\n{:.6}\n 30\n0.0\n 40\n3.25\n",
                x + 10.0 + step,
                y + 15.0
            ),
            4 => format!(
                "  0\nARC\n{handle}AcDbCircle\n 10\n{:.6}\n 20\n{:.6}\n 30\n0.0\n 40\n6.125\n100\nAcDbArc\n 50\n0.0\n 51\n180.0\n",
                x + 50.0,
                y + 35.0
            ),
            _ => format!(
                "  0\nLINE\n{handle}AcDbLine\n 10\n{:.6}\n 20\n{:.6}\n 30\n0.0\n 11\n{:.6}\n 21\n{:.6}\n 31\n0.0\n",
                x + step,
                y + 45.123_456,
                x + step + 10.0,
                y + 45.123_456
            ),
        };
    }
    text + "  0\nENDSEC\n  0\nEOF\n"
}

/// A plate with one round corner.
fn outline(x: f64, y: f64) -> String {
    [
        (0.0, 0.0, 0.0),
        (100.0, 0.0, 0.0),
        (100.0, 40.0, 0.414_213_562_373),
        (90.0, 50.0, 0.0),
        (0.0, 50.0, 0.0),
    ]
    .map(|(dx, dy, bulge)| format!(" 10\n{:.6}\n 20\n{:.6}\n 42\n{bulge}\n", x + dx, y + dy))
    .concat()
}
