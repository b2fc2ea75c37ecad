//! The worker process: reads one file after another within limits it sets itself before it sees any.
//! It opens nothing but the file it is told to read, and writes nothing but its answers.

use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use extract::{Input, Limits, Mode, facts::Rules};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::protocol::{Answer, Request, Setup};

/// Parsing runs on a thread with this stack, so that depth meets its limit before the stack's end.
const STACK_BYTES: usize = 64 * 1024 * 1024;
/// Where the system does not say how much is mapped.
const MAPPED_BYTES_GUESS: u64 = 512 * 1024 * 1024;
/// Standard input, output and error, and the file being read.
const OPEN_FILES_MAX: u64 = 4;

/// Runs `draftwire worker` until its standard input ends.
#[must_use]
pub fn worker_main() -> ExitCode {
    let worker = std::thread::Builder::new()
        .name("extract".into())
        .stack_size(STACK_BYTES)
        .spawn(run);
    match worker.map(std::thread::JoinHandle::join) {
        Ok(Ok(Ok(()))) => ExitCode::SUCCESS,
        Ok(Ok(Err(cause))) => {
            eprintln!("worker: {cause}");
            ExitCode::FAILURE
        }
        Ok(Err(_panic)) => ExitCode::FAILURE,
        Err(cause) => {
            eprintln!("worker: no thread: {cause}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let mut lines = io::stdin().lock().lines();
    let Some(first) = lines.next() else {
        return Ok(());
    };
    let setup: Setup = serde_json::from_str(&first?)?;
    confine(&setup)?;
    for line in lines {
        let request: Request = serde_json::from_str(&line?)?;
        allow_cpu_seconds(setup.cpu_seconds_max)?;
        let answer = read(&request, &setup.rules, &setup.limits);
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, &answer)?;
        out.write_all(b"\n")?;
        out.flush()?;
    }
    Ok(())
}

/// For the whole life of the process.
fn confine(setup: &Setup) -> io::Result<()> {
    let hard = |most: u64| Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    setrlimit(Resource::As, hard(mapped_bytes() + setup.memory_bytes_max))?;
    setrlimit(Resource::Fsize, hard(0))?;
    setrlimit(Resource::Nofile, hard(OPEN_FILES_MAX))?;
    setrlimit(Resource::Core, hard(0))?;
    Ok(())
}

/// The addresses that the program itself has taken (proc(5), `VmSize`), its stacks included: the limit counts what
/// files take beyond them.
fn mapped_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let kib = size.and_then(|size| size.trim().trim_end_matches(" kB").parse().ok());
    kib.map_or(MAPPED_BYTES_GUESS, |kib: u64| kib * 1024)
}

/// CPU time is counted over the life of the process, so every file moves the limit on.
fn allow_cpu_seconds(seconds: u64) -> io::Result<()> {
    let used = clock_gettime(ClockId::ProcessCPUTime).tv_sec;
    let used = u64::try_from(used).unwrap_or_default();
    let limit = Rlimit {
        current: Some(used + seconds + 1),
        maximum: getrlimit(Resource::Cpu).maximum,
    };
    Ok(setrlimit(Resource::Cpu, limit)?)
}

fn read(request: &Request, rules: &Rules, limits: &Limits) -> Answer {
    let bytes = match std::fs::read(&request.path) {
        Ok(bytes) => bytes,
        Err(cause) => {
            return Answer::Error {
                code: "unreadable".into(),
                message: format!("the stored bytes cannot be read: {cause}"),
            };
        }
    };
    let mut input = Input::new(&request.file_name, &request.caller);
    input.mode = Mode::parse(&request.mode).unwrap_or_default();
    match extract::extract(&bytes, &input, rules, limits) {
        Ok(outcome) => Answer::Extraction(Box::new(outcome.extraction)),
        Err(error) => Answer::Error {
            code: error.code().into(),
            message: error.to_string(),
        },
    }
}
