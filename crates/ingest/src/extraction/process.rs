//! A worker process seen from the service: started when needed, asked one file at a time, ended when it
//! takes too long, says too much or dies.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use extract::{Outcome, Preview, Scan};

use super::lost::{Ended, Lost};
use super::protocol::{Answer, PreviewFrame, Request, ScanFrame, Setup, Task};
use crate::extraction_settings::ExtractionSettings;

/// The program whose `worker` command reads files.
#[derive(Debug, Clone)]
pub(crate) struct Program(pub(super) PathBuf);

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
    /// The configured program; else this executable when it has said that it is one, whatever its name; else the
    /// `draftwire` that was built beside it, which is how tests find theirs.
    ///
    /// # Errors
    /// [`ProgramError`].
    pub(crate) fn find(configured: &str) -> Result<Self, ProgramError> {
        if !configured.is_empty() {
            return Ok(Self(PathBuf::from(configured)));
        }
        let own = std::env::current_exe().map_err(ProgramError::Own)?;
        if IS_WORKER.load(Ordering::Relaxed) {
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

static IS_WORKER: AtomicBool = AtomicBool::new(false);

/// Says that this program has the command `worker` (see [`crate::worker_main`]): files are then read by itself, never by
/// another version that happens to lie beside it.
pub fn this_is_the_worker_program() {
    IS_WORKER.store(true, Ordering::Relaxed);
}

/// What came of one task.
#[derive(Debug)]
pub(super) enum Verdict {
    Answered(Reply),
    Lost(Lost),
    /// No worker could be had; not the file's fault.
    NoWorker(std::io::Error),
}

/// A worker's answer with its pictures.
#[derive(Debug)]
pub(super) enum Reply {
    Outcome(Box<Outcome>),
    Picture(Preview),
    Error { code: String, message: String },
}

/// What one task may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) memory_bytes_max: u64,
    pub(crate) cpu_seconds_max: u64,
    pub(crate) wall_seconds_max: u64,
}

/// A place for one worker process, empty until the first file.
pub(super) struct Worker {
    program: Program,
    setup: String,
    bounds: AnswerBounds,
    process: Option<Process>,
}

/// How much a worker may say.
#[derive(Debug, Clone, Copy)]
struct AnswerBounds {
    line_bytes_max: usize,
    preview_bytes_max: usize,
    scan_bytes_max: usize,
}

struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    /// The only tenant whose files it has seen.
    tenant_id: i64,
    tasks_done: u64,
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
            bounds: AnswerBounds {
                line_bytes_max: settings.answer_bytes_max,
                preview_bytes_max: setup.preview_bytes_max,
                scan_bytes_max: setup.scan_bytes_max,
            },
            process: None,
        })
    }

    /// Performs one task on a tenant's file. A worker that was found dead, idle, is replaced without blaming the file,
    /// and so is one that has seen another tenant's files; one that breaks down after it has read others is replaced,
    /// and the new one decides.
    pub(super) async fn perform(&mut self, tenant_id: i64, task: Task, budget: Budget) -> Verdict {
        let request = Request {
            memory_bytes_max: budget.memory_bytes_max,
            cpu_seconds_max: budget.cpu_seconds_max,
            task,
        };
        let seconds = budget.wall_seconds_max;
        loop {
            let mut process = match self.idle(tenant_id) {
                Some(process) => process,
                None => match self.start(tenant_id) {
                    Ok(process) => process,
                    Err(cause) => return Verdict::NoWorker(cause),
                },
            };
            let asked = process.ask(&self.setup, &request, self.bounds);
            let ended = match tokio::time::timeout(Duration::from_secs(seconds), asked).await {
                Ok(Ok(reply)) => {
                    process.tasks_done += 1;
                    self.process = Some(process);
                    return Verdict::Answered(reply);
                }
                Ok(Err(ended)) => ended,
                Err(_elapsed) => Ended::TooLong { seconds },
            };
            let weary = process.tasks_done > 0;
            let lost = process.end(ended).await;
            if !weary || !lost.may_be_others_fault() {
                return Verdict::Lost(lost);
            }
        }
    }

    /// The process left by the file before, if it lives and that file was this tenant's. Any other ends when dropped.
    fn idle(&mut self, tenant_id: i64) -> Option<Process> {
        let mut process = self.process.take()?;
        let fit = process.tenant_id == tenant_id && matches!(process.child.try_wait(), Ok(None));
        fit.then_some(process)
    }

    fn start(&self, tenant_id: i64) -> std::io::Result<Process> {
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
            tenant_id,
            tasks_done: 0,
        })
    }
}

impl Process {
    async fn say(&mut self, line: &str) -> Result<(), Ended> {
        let said = async {
            self.stdin.write_all(line.as_bytes()).await?;
            self.stdin.write_all(b"\n").await?;
            self.stdin.flush().await
        };
        said.await.map_err(|cause| Ended::broken(&cause))
    }

    async fn ask(
        &mut self,
        setup: &str,
        request: &Request,
        bounds: AnswerBounds,
    ) -> Result<Reply, Ended> {
        if self.tasks_done == 0 {
            self.say(setup).await?;
        }
        let line = serde_json::to_string(request).map_err(|cause| Ended::broken(&cause))?;
        self.say(&line).await?;
        match self.answer(bounds.line_bytes_max).await? {
            Answer::Read {
                extraction,
                preview,
                scan,
            } => {
                let preview = match preview {
                    Some(frame) => Some(self.preview(frame, bounds).await?),
                    None => None,
                };
                let scan = match scan {
                    Some(ScanFrame { bytes, dpi }) => Some(Scan {
                        png: self.frame(bytes, bounds.scan_bytes_max).await?,
                        dpi,
                    }),
                    None => None,
                };
                let extraction = *extraction;
                Ok(Reply::Outcome(Box::new(Outcome {
                    extraction,
                    preview,
                    scan,
                })))
            }
            Answer::Picture(frame) => Ok(Reply::Picture(self.preview(frame, bounds).await?)),
            Answer::Error { code, message } => Ok(Reply::Error { code, message }),
        }
    }

    async fn answer(&mut self, max: usize) -> Result<Answer, Ended> {
        let mut answer = Vec::new();
        let bound = u64::try_from(max).unwrap_or(u64::MAX);
        let mut bounded = (&mut self.stdout).take(bound);
        let read = bounded.read_until(b'\n', &mut answer).await;
        read.map_err(|cause| Ended::broken(&cause))?;
        if answer.last() != Some(&b'\n') {
            return Err(match answer.len() >= max {
                true => Ended::TooMuch { max },
                false => Ended::broken(&"it closed its answer"),
            });
        }
        serde_json::from_slice(&answer).map_err(|cause| Ended::broken(&cause))
    }

    async fn preview(
        &mut self,
        frame: PreviewFrame,
        bounds: AnswerBounds,
    ) -> Result<Preview, Ended> {
        let PreviewFrame { form, bytes } = frame;
        let bytes = self.frame(bytes, bounds.preview_bytes_max).await?;
        Ok(Preview { form, bytes })
    }

    async fn frame(&mut self, bytes: usize, max: usize) -> Result<Vec<u8>, Ended> {
        if bytes > max {
            return Err(Ended::broken(&"it announced more than it may say"));
        }
        let mut frame = vec![0; bytes];
        let read = self.stdout.read_exact(&mut frame).await;
        read.map_err(|cause| Ended::broken(&cause))?;
        Ok(frame)
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
        ended.told(status)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use service::Settings;

    use super::*;
    use crate::extraction::protocol::PictureTask;
    use crate::extraction::protocol::Wanted;

    /// Says its process id for whatever it is asked, and dies of the word in its second task.
    const SCRIPT: &str = "#!/bin/sh\nread setup\nwhile read task; do case $task in *deadly*) exit 1;; esac\n\
        echo '{\"error\":{\"code\":\"'$$'\",\"message\":\"\"}}'\ndone\n";

    fn worker(folder: &std::path::Path) -> Worker {
        let path = folder.join("worker.sh");
        std::fs::write(&path, SCRIPT).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let settings = Settings::load(None, [("", ""); 0], &[]).unwrap();
        let settings = settings.section("ingest.extraction").unwrap();
        let setup = Setup {
            memory_bytes_max: 1,
            readable: Vec::new(),
            preview_bytes_max: 1,
            scan_bytes_max: 1,
            limits: extract::Limits::default(),
            rules: extract::facts::Rules::default(),
        };
        Worker::new(Program(path), &setup, &settings).unwrap()
    }

    const BUDGET: Budget = Budget {
        memory_bytes_max: 1,
        cpu_seconds_max: 1,
        wall_seconds_max: 30,
    };

    /// The process that answered.
    async fn ask(worker: &mut Worker, tenant_id: i64, path: &str) -> Result<String, &'static str> {
        let task = Task::Picture(PictureTask {
            path: path.into(),
            form: extract::PreviewForm::Svg,
            wanted: Wanted::Svg,
        });
        match worker.perform(tenant_id, task, BUDGET).await {
            Verdict::Answered(Reply::Error { code, .. }) => Ok(code),
            Verdict::Lost(lost) => Err(lost.code),
            other => unreachable!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_real_worker_can_do_nothing_but_read_what_is_stored() {
        let folder = tempfile::tempdir().unwrap();
        let program = Program::find("").unwrap();
        let mut command = Command::new(&program.0);
        command.args(["worker", "check"]).arg(folder.path());
        let output = command.env_clear().output().await.unwrap();
        let could: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let refused = |what: &str| assert_eq!(could[what], false, "{what}: {could}");
        refused("opened_socket");
        refused("ran_program");
        let sandbox = crate::extraction::Sandbox::of_this_kernel(folder.path());
        if sandbox.landlock_abi.is_some() {
            refused("opened_other_file");
            refused("wrote_file");
        } else {
            eprintln!("this kernel has no Landlock: files were not tested");
        }
    }

    #[tokio::test]
    async fn no_process_sees_the_files_of_two_tenants() {
        let folder = tempfile::tempdir().unwrap();
        let mut worker = worker(folder.path());
        let first = ask(&mut worker, 1, "a").await.unwrap();
        assert_eq!(ask(&mut worker, 1, "b").await.unwrap(), first);
        let second = ask(&mut worker, 2, "c").await.unwrap();
        assert_ne!(second, first);
        assert_ne!(ask(&mut worker, 1, "d").await.unwrap(), second);
        // A death is a file's own, and the next process answers as the one before.
        assert_eq!(ask(&mut worker, 1, "deadly").await, Err("worker_died"));
        let after = ask(&mut worker, 1, "e").await.unwrap();
        assert_eq!(ask(&mut worker, 1, "f").await.unwrap(), after);
    }
}
