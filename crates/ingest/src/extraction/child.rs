//! Another program as a child of its own: confined like a worker, with bounds of memory and time, bytes on its standard
//! input and an answer on its standard output. It can read what is installed and at most one file, and write nothing.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::process::Program;
use super::worker::RUN_COMMAND;

/// A program that is installed, and what one run of it may use.
#[derive(Debug, Clone)]
pub(super) struct Confined {
    pub(super) worker: Program,
    pub(super) program: PathBuf,
    pub(super) memory_bytes_max: u64,
    pub(super) cpu_seconds_max: u64,
    pub(super) wall: Duration,
    /// What it says beyond is not heard.
    pub(super) said_bytes_max: u64,
}

/// What it said, and how it ended.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) bytes: Vec<u8>,
    pub(super) status: ExitStatus,
}

/// Why it said nothing.
#[derive(Debug)]
pub(super) enum ChildFault {
    Start(std::io::Error),
    TooLong,
    Broken(String),
}

impl ChildFault {
    /// One sentence about `what`, whose time is bounded by the setting `key`.
    pub(super) fn told(&self, what: &str, key: &str, wall: Duration) -> String {
        match self {
            Self::Start(cause) => format!("the {what} cannot be started: {cause}"),
            Self::TooLong => {
                let seconds = wall.as_secs();
                format!("the {what} took longer than {seconds} s (ingest.extraction.{key})")
            }
            Self::Broken(cause) => format!("the {what} broke down: {cause}"),
        }
    }
}

impl Confined {
    /// Runs it; only `readable` is open to it beside what is installed.
    pub(super) async fn run(
        &self,
        arguments: &[OsString],
        readable: Option<&Path>,
        input: &[u8],
    ) -> Result<Said, ChildFault> {
        let mut child = self.start(arguments, readable).map_err(ChildFault::Start)?;
        let heard = converse(&mut child, input, self.said_bytes_max);
        match tokio::time::timeout(self.wall, heard).await {
            Ok(said) => said.map_err(|cause| ChildFault::Broken(cause.to_string())),
            Err(_elapsed) => {
                end(&mut child).await;
                Err(ChildFault::TooLong)
            }
        }
    }

    fn start(&self, arguments: &[OsString], readable: Option<&Path>) -> std::io::Result<Child> {
        let mut command = Command::new(&self.worker.0);
        command
            .args(["worker", RUN_COMMAND])
            .arg(self.memory_bytes_max.to_string())
            .arg(self.cpu_seconds_max.to_string())
            .arg(readable.map_or(OsStr::new(""), Path::as_os_str))
            .arg(&self.program)
            .args(arguments);
        surroundings(&mut command);
        command.spawn()
    }
}

/// An environment of its own, pipes, and a group that can be ended as a whole.
pub(super) fn surroundings(command: &mut Command) {
    command
        .env_clear()
        // More threads only cost: pictures are read side by side.
        .env("OMP_THREAD_LIMIT", "1")
        .envs(std::env::var_os("TESSDATA_PREFIX").map(|path| ("TESSDATA_PREFIX", path)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
}

/// The configured program, else the first of the names that is in PATH.
pub(crate) fn installed(configured: &str, names: &[&str]) -> Option<PathBuf> {
    if !configured.is_empty() {
        return Some(PathBuf::from(configured)).filter(|path| path.is_file());
    }
    let paths = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&paths).collect();
    names.iter().find_map(|name| {
        let mut programs = folders.iter().map(|folder| folder.join(name));
        programs.find(|path| path.is_file())
    })
}

/// Hands the input in while the answer comes out.
async fn converse(child: &mut Child, input: &[u8], said_bytes_max: u64) -> std::io::Result<Said> {
    let missing = || std::io::Error::other("no pipes");
    let mut stdin = child.stdin.take().ok_or_else(missing)?;
    let stdout = child.stdout.take().ok_or_else(missing)?;
    let hand_in = async {
        let handed = stdin.write_all(input).await;
        drop(stdin);
        handed
    };
    let mut bytes = Vec::new();
    let mut bounded = stdout.take(said_bytes_max);
    let (handed, heard) = tokio::join!(hand_in, bounded.read_to_end(&mut bytes));
    heard?;
    drop(bounded);
    let status = child.wait().await?;
    if status.success() {
        handed?;
    }
    Ok(Said { bytes, status })
}

async fn end(child: &mut Child) {
    let group = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(group) = group.and_then(Pid::from_raw)
        && let Err(cause) = kill_process_group(group, Signal::KILL)
    {
        tracing::warn!(%cause, "a program could not be stopped");
    }
    drop(child.wait().await);
}
