//! The worker process: reads one file after another within limits it sets itself before it sees any.
//! It opens nothing but the files it is told to read, and writes nothing but its answers.

use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use extract::{Input, Mode, Outcome, Preview, PreviewForm, Severity};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::protocol::{Answer, PictureTask, PreviewFrame, ReadTask, Request, ScanFrame, Setup};
use super::protocol::{Task, Wanted};
use super::sandbox::{Programs, confine, hard, limit, try_forbidden};

/// Parsing runs on a thread with this stack, so that depth meets its limit before the stack's end.
const STACK_BYTES: usize = 64 * 1024 * 1024;
/// Where the system does not say how much is mapped.
const MAPPED_BYTES_GUESS: u64 = 512 * 1024 * 1024;
/// Standard input, output and error, and the file being read: where the system does not say what is free.
const OPEN_FILES_MAX: u64 = 4;
/// The word that makes a worker start another program in its own place.
pub(super) const RUN_COMMAND: &str = "run";

/// The word that makes a worker try what it must not be able to do, and print what it could.
const CHECK_COMMAND: &str = "check";

/// Runs `draftwire worker` until its standard input ends. With arguments `run MEMORY_BYTES CPU_SECONDS FILE PROGRAM …`
/// becomes that program, confined, with the file (or none: empty) open to it; with `check FOLDER` prints as JSON what a worker that may read the folder could do beyond it.
#[must_use]
pub fn worker_main(arguments: &[String]) -> ExitCode {
    let ended = match arguments {
        [] => serve(),
        [command, memory, cpu, file, program, rest @ ..] if command == RUN_COMMAND => {
            become_program([memory, cpu], file, program, rest)
        }
        [command, folder] if command == CHECK_COMMAND => check(Path::new(folder)),
        _ => Err(io::Error::other("unknown arguments")),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("worker: {cause}");
            ExitCode::FAILURE
        }
    }
}

/// Where programs and their data are installed; what does not exist is passed over.
const INSTALLED: [&str; 8] = [
    "/usr", "/lib", "/lib64", "/bin", "/opt", "/etc", "/nix", "/snap",
];

/// Never returns when it succeeds.
fn become_program(
    limits: [&String; 2],
    file: &str,
    program: &str,
    arguments: &[String],
) -> io::Result<()> {
    let [memory, cpu] = limits.map(|text| text.parse::<u64>().map_err(io::Error::other));
    let (memory, cpu) = (memory?, cpu?);
    let mut readable: Vec<PathBuf> = INSTALLED.iter().map(PathBuf::from).collect();
    readable.extend(Path::new(program).parent().map(Path::to_owned));
    readable.extend(std::env::var_os("TESSDATA_PREFIX").map(PathBuf::from));
    readable.extend(Some(PathBuf::from(file)).filter(|_| !file.is_empty()));
    confine(&readable, Programs::Allowed).map_err(io::Error::other)?;
    setrlimit(Resource::Cpu, hard(cpu))?;
    limit(memory).map_err(io::Error::other)?;
    Err(Command::new(program).args(arguments).exec())
}

fn check(folder: &Path) -> io::Result<()> {
    confine(&[folder.to_owned()], Programs::Refused).map_err(io::Error::other)?;
    let tried = serde_json::to_string(&try_forbidden(folder))?;
    writeln!(io::stdout(), "{tried}")
}

fn serve() -> io::Result<()> {
    let mut first = String::new();
    if io::stdin().lock().read_line(&mut first)? == 0 {
        return Ok(());
    }
    let setup: Setup = serde_json::from_str(&first)?;
    // Opened before nothing else can be.
    let status = File::open("/proc/self/status").ok();
    confine(&setup.readable, Programs::Refused).map_err(io::Error::other)?;
    let worker = std::thread::Builder::new()
        .name("extract".into())
        .stack_size(STACK_BYTES)
        .spawn(move || run(&setup, status))?;
    worker
        .join()
        .unwrap_or_else(|_panic| Err(io::Error::other("a defect met this file")))
}

fn run(setup: &Setup, status: Option<File>) -> io::Result<()> {
    let open_files_max = open_files_max(status.as_ref());
    let own_bytes = mapped_bytes(status);
    limit(own_bytes + setup.memory_bytes_max).map_err(io::Error::other)?;
    setrlimit(Resource::Nofile, hard(open_files_max))?;
    for line in io::stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        allow_memory(own_bytes + request.memory_bytes_max)?;
        allow_cpu_seconds(request.cpu_seconds_max)?;
        let (answer, frames) = perform(&request.task, setup);
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, &answer)?;
        out.write_all(b"\n")?;
        for frame in frames {
            out.write_all(&frame)?;
        }
        out.flush()?;
    }
    Ok(())
}

/// One file more than are open: its number is the lowest that is free, which the file opened last has. Whoever started
/// the service may have left it files of its own.
fn open_files_max(last: Option<&File>) -> u64 {
    let number = last.and_then(|file| u64::try_from(file.as_raw_fd()).ok());
    number.map_or(OPEN_FILES_MAX, |number| number + 1)
}

/// The addresses that the program itself has taken (proc(5), `VmSize`), its stacks included: the limit counts what
/// files take beyond them.
fn mapped_bytes(status: Option<File>) -> u64 {
    let mut text = String::new();
    let read = status.map(|mut file| file.read_to_string(&mut text));
    let size = text.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let kib = size.and_then(|size| size.trim().trim_end_matches(" kB").parse().ok());
    match (read, kib) {
        (Some(Ok(_)), Some(kib)) => 1024_u64.saturating_mul(kib),
        _ => MAPPED_BYTES_GUESS,
    }
}

/// Within what the process was given at its start.
fn allow_memory(bytes: u64) -> io::Result<()> {
    let maximum = getrlimit(Resource::As).maximum;
    let current = Some(maximum.map_or(bytes, |maximum| bytes.min(maximum)));
    Ok(setrlimit(Resource::As, Rlimit { current, maximum })?)
}

/// CPU time is counted over the life of the process, so every file moves the limit on.
fn allow_cpu_seconds(seconds: u64) -> io::Result<()> {
    let used = clock_gettime(ClockId::ProcessCPUTime).tv_sec;
    let used = u64::try_from(used).unwrap_or_default();
    let limit = Rlimit {
        current: Some(used.saturating_add(seconds).saturating_add(1)),
        maximum: getrlimit(Resource::Cpu).maximum,
    };
    Ok(setrlimit(Resource::Cpu, limit)?)
}

type Said = (Answer, Vec<Vec<u8>>);

fn perform(task: &Task, setup: &Setup) -> Said {
    match task {
        Task::Read(task) => read(task, setup),
        Task::Picture(task) => picture(task, setup),
    }
}

fn failed(code: &str, message: String) -> Said {
    let code = code.to_owned();
    (Answer::Error { code, message }, Vec::new())
}

fn unreadable(cause: &io::Error) -> Said {
    let message = format!("the stored bytes cannot be read: {cause}");
    failed("unreadable", message)
}

fn read(task: &ReadTask, setup: &Setup) -> Said {
    let bytes = match std::fs::read(&task.path) {
        Ok(bytes) => bytes,
        Err(cause) => return unreadable(&cause),
    };
    let mut input = Input::new(&task.file_name, &task.caller);
    input.mode = Mode::parse(&task.mode).unwrap_or_default();
    input.preview = task.preview;
    input.ocr = task.ocr.as_ref();
    let pixels = task.pixels.as_ref().map(|text| BASE64.decode(text));
    let Ok(pixels) = pixels.transpose() else {
        return failed(
            "worker_died",
            "the converted picture was garbled".to_owned(),
        );
    };
    input.pixels = pixels.as_deref();
    match extract::extract(&bytes, &input, &setup.rules, &setup.limits) {
        Ok(mut outcome) => {
            let scan = outcome.scan.take();
            outcome.scan = scan.and_then(|scan| match task.scan_quarters {
                0 => Some(scan),
                quarters => scan.turned(quarters),
            });
            told(outcome, setup)
        }
        Err(error) => failed(error.code(), error.to_string()),
    }
}

fn told(outcome: Outcome, setup: &Setup) -> Said {
    let Outcome {
        mut extraction,
        preview,
        scan,
    } = outcome;
    let mut fits = |what: &str, bytes: usize, max: usize| {
        let fits = bytes <= max;
        if !fits {
            extraction.diagnostics.push(too_large(what, max));
        }
        fits
    };
    let (preview_max, scan_max) = (setup.preview_bytes_max, setup.scan_bytes_max);
    let preview = preview.filter(|preview| fits("preview", preview.bytes.len(), preview_max));
    let scan = scan.filter(|scan| fits("scan", scan.png.len(), scan_max));
    let answer = Answer::Read {
        extraction: Box::new(extraction),
        preview: preview.as_ref().map(frame_of),
        scan: scan.as_ref().map(|scan| ScanFrame {
            bytes: scan.png.len(),
            dpi: scan.dpi,
        }),
    };
    let frames = preview.map(|preview| preview.bytes).into_iter();
    (answer, frames.chain(scan.map(|scan| scan.png)).collect())
}

fn too_large(what: &str, max: usize) -> extract::Diagnostic {
    let message = format!("the {what} fills more than {max} bytes and is left out");
    extract::Diagnostic::new(Severity::Info, "picture_too_large", message)
}

fn frame_of(preview: &Preview) -> PreviewFrame {
    PreviewFrame {
        form: preview.form,
        bytes: preview.bytes.len(),
    }
}

fn picture(task: &PictureTask, setup: &Setup) -> Said {
    let bytes = match std::fs::read(&task.path) {
        Ok(bytes) => bytes,
        Err(cause) => return unreadable(&cause),
    };
    let form = task.form;
    let preview = Preview { form, bytes };
    let made = match (form, task.wanted) {
        (PreviewForm::Svg, Wanted::Svg) => Ok(preview),
        (PreviewForm::Png, Wanted::Svg) => embedded(&preview.bytes),
        (_, Wanted::Png { size_px_max }) => {
            extract::png_of(&preview, size_px_max).map_err(|cause| cause.to_string())
        }
    };
    match made {
        Ok(made) if made.bytes.len() <= setup.preview_bytes_max => {
            (Answer::Picture(frame_of(&made)), vec![made.bytes])
        }
        Ok(_) => failed("picture_too_large", "the picture is too large".to_owned()),
        Err(message) => failed("no_picture", message),
    }
}

/// Pixels in an SVG, at their own size.
fn embedded(png: &[u8]) -> Result<Preview, String> {
    // PNG, section 11.2.1: signature, length and name of IHDR, width, height.
    let side = |at: usize| {
        let bytes = png.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes))
    };
    let (Some(width), Some(height)) = (side(16), side(20)) else {
        return Err("the preview is no PNG".to_owned());
    };
    let data = BASE64.encode(png);
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\"><image width=\"{width}\" height=\"{height}\" \
         href=\"data:image/png;base64,{data}\"/></svg>"
    );
    Ok(Preview {
        form: PreviewForm::Svg,
        bytes: svg.into_bytes(),
    })
}
