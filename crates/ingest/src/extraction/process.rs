//! A worker process seen from the service: started when needed, asked one file at a time, ended when it
//! takes too long, says too much or dies.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::protocol::{Answer, Request, Setup};
use crate::settings::ExtractionSettings;

/// The program whose `worker` command reads files.
#[derive(Debug, Clone)]
pub(crate) struct Program(PathBuf);

/// Why there is no such program.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    #[error("this program's own path cannot be found: {0}")]
    Own(std::io::Error),
    #[error(
        "no `draftwire` program beside {0}: run `cargo build -p draftwire` first, or name one in \
         ingest.extraction.worker_program"
    )]
    Missing(PathBuf),
}

impl Program {
    /// The configured program; else this executable when it is `draftwire`; else the `draftwire` that was
    /// built beside it, which is how tests find theirs.
    ///
    /// # Errors
    /// [`ProgramError`].
    pub(crate) fn find(configured: &str) -> Result<Self, ProgramError> {
        if !configured.is_empty() {
            return Ok(Self(PathBuf::from(configured)));
        }
        let own = std::env::current_exe().map_err(ProgramError::Own)?;
        if own.file_stem().is_some_and(|stem| stem == NAME) {
            return Ok(Self(own));
        }
        own.ancestors()
            .skip(1)
            .take(3)
            .map(|folder| folder.join(NAME))
            .find(|path| path.is_file())
            .map(Self)
            .ok_or(ProgramError::Missing(own))
    }
}

const NAME: &str = "draftwire";

/// What came of one file.
#[derive(Debug)]
pub(super) enum Verdict {
    Answered(Answer),
    Lost(Lost),
    /// No worker could be had; not the file's fault.
    NoWorker(std::io::Error),
}

/// The worker is gone, because of the file it was reading.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Lost {
    /// Memory that earlier files have left behind, or a stranger's signal.
    fn may_be_others_fault(&self) -> bool {
        [MEMORY_LIMIT, WORKER_DIED].contains(&self.code)
    }
}

const TIME_LIMIT: &str = "time_limit";
const MEMORY_LIMIT: &str = "memory_limit";
const ANSWER_TOO_LARGE: &str = "answer_too_large";
const WORKER_DIED: &str = "worker_died";

/// A place for one worker process, empty until the first file.
pub(super) struct Worker {
    program: Program,
    setup: String,
    wall: Duration,
    answer_bytes_max: usize,
    process: Option<Process>,
}

struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    files_read: u64,
}

impl Worker {
    pub(super) fn new(
        program: Program,
        setup: &Setup,
        settings: &ExtractionSettings,
    ) -> serde_json::Result<Self> {
        Ok(Self {
            program,
            setup: serde_json::to_string(setup)?,
            wall: Duration::from_secs(settings.wall_seconds_max),
            answer_bytes_max: settings.answer_bytes_max,
            process: None,
        })
    }

    /// Reads one file. A worker that was found dead, idle, is replaced without blaming the file; one that
    /// breaks down after it has read others is replaced, and the new one decides.
    pub(super) async fn read(&mut self, request: &Request) -> Verdict {
        loop {
            let mut process = match self.idle() {
                Some(process) => process,
                None => match self.start() {
                    Ok(process) => process,
                    Err(cause) => return Verdict::NoWorker(cause),
                },
            };
            let asked = process.ask(&self.setup, request, self.answer_bytes_max);
            let ended = match tokio::time::timeout(self.wall, asked).await {
                Ok(Ok(answer)) => {
                    process.files_read += 1;
                    self.process = Some(process);
                    return Verdict::Answered(answer);
                }
                Ok(Err(cause)) => cause,
                Err(_elapsed) => Ended::TooLong {
                    seconds: self.wall.as_secs(),
                },
            };
            let weary = process.files_read > 0;
            let lost = process.end(ended).await;
            if !weary || !lost.may_be_others_fault() {
                return Verdict::Lost(lost);
            }
        }
    }

    /// The process left by the file before, if it lives.
    fn idle(&mut self) -> Option<Process> {
        let mut process = self.process.take()?;
        matches!(process.child.try_wait(), Ok(None)).then_some(process)
    }

    fn start(&self) -> std::io::Result<Process> {
        let mut child = Command::new(&self.program.0)
            .arg("worker")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let missing = || std::io::Error::other("the worker has no pipes");
        Ok(Process {
            stdin: child.stdin.take().ok_or_else(missing)?,
            stdout: BufReader::new(child.stdout.take().ok_or_else(missing)?),
            child,
            files_read: 0,
        })
    }
}

/// How a worker came to its end.
enum Ended {
    TooLong { seconds: u64 },
    TooMuch { max: usize },
    Broken(String),
}

impl Process {
    async fn say(&mut self, line: &str) -> std::io::Result<()> {
        self.stdin.write_all(line.as_bytes()).await?;
        self.stdin.write_all(b"\n").await?;
        self.stdin.flush().await
    }

    async fn ask(
        &mut self,
        setup: &str,
        request: &Request,
        answer_bytes_max: usize,
    ) -> Result<Answer, Ended> {
        let broken = |cause: &dyn std::fmt::Display| Ended::Broken(cause.to_string());
        if self.files_read == 0 {
            self.say(setup).await.map_err(|e| broken(&e))?;
        }
        let line = serde_json::to_string(request).map_err(|e| broken(&e))?;
        self.say(&line).await.map_err(|e| broken(&e))?;
        let mut answer = Vec::new();
        let bound = u64::try_from(answer_bytes_max).unwrap_or(u64::MAX);
        let mut bounded = (&mut self.stdout).take(bound);
        bounded
            .read_until(b'\n', &mut answer)
            .await
            .map_err(|e| broken(&e))?;
        if answer.last() != Some(&b'\n') {
            return Err(match answer.len() >= answer_bytes_max {
                true => Ended::TooMuch {
                    max: answer_bytes_max,
                },
                false => broken(&"it closed its answer"),
            });
        }
        serde_json::from_slice(&answer).map_err(|e| broken(&e))
    }

    /// Makes sure that the process is gone and says why, from how it ended.
    async fn end(mut self, ended: Ended) -> Lost {
        drop(self.stdin);
        // One that died by itself is about to be reported; one that runs on is stopped.
        let died = tokio::time::timeout(Duration::from_millis(200), self.child.wait()).await;
        let status = match died {
            Ok(status) => status.ok(),
            Err(_running) => {
                if let Err(cause) = self.child.kill().await {
                    tracing::warn!(%cause, "a worker could not be stopped");
                }
                None
            }
        };
        let (code, message) = match (ended, status) {
            (Ended::TooLong { seconds }, _) => (
                TIME_LIMIT,
                format!(
                    "reading took longer than {seconds} s (ingest.extraction.wall_seconds_max)"
                ),
            ),
            (Ended::TooMuch { max }, _) => (
                ANSWER_TOO_LARGE,
                format!(
                    "what was found in the file fills more than {max} bytes (ingest.extraction.answer_bytes_max)"
                ),
            ),
            (Ended::Broken(_), Some(status)) if signal(&status) == Some(SIGXCPU) => (
                TIME_LIMIT,
                "reading took more processor time than ingest.extraction.cpu_seconds_max"
                    .to_owned(),
            ),
            (Ended::Broken(_), Some(status)) if signal(&status) == Some(SIGABRT) => (
                MEMORY_LIMIT,
                "reading took more memory than ingest.extraction.memory_bytes_max, or met a defect"
                    .to_owned(),
            ),
            (Ended::Broken(cause), status) => {
                tracing::error!(?status, cause, "a worker broke down");
                (
                    WORKER_DIED,
                    "the worker broke down while reading the file".to_owned(),
                )
            }
        };
        Lost { code, message }
    }
}

const SIGABRT: i32 = 6;
const SIGXCPU: i32 = 24;

fn signal(status: &std::process::ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(status)
}
