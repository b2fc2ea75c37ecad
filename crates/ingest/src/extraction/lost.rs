//! How a worker came to its end, and what its file is told. Never decides whether a file is tried again.

use std::process::ExitStatus;

/// The worker is gone, because of the file it was reading.
#[derive(Debug)]
pub(crate) struct Lost {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Lost {
    /// Memory that earlier files have left behind, or a stranger's signal.
    pub(super) fn may_be_others_fault(&self) -> bool {
        [MEMORY_LIMIT, WORKER_DIED].contains(&self.code)
    }
}

const TIME_LIMIT: &str = "time_limit";
const MEMORY_LIMIT: &str = "memory_limit";
const ANSWER_TOO_LARGE: &str = "answer_too_large";
const WORKER_DIED: &str = "worker_died";

/// How a worker came to its end.
pub(super) enum Ended {
    TooLong { seconds: u64 },
    TooMuch { max: usize },
    Broken(String),
}

impl Ended {
    pub(super) fn broken(cause: &dyn std::fmt::Display) -> Self {
        Self::Broken(cause.to_string())
    }

    /// What the file is told; `status` is that of a worker which died by itself.
    pub(super) fn told(self, status: Option<ExitStatus>) -> Lost {
        let (code, message) = match (self, status) {
            (Self::TooLong { seconds }, _) => (
                TIME_LIMIT,
                format!(
                    "reading took longer than {seconds} s (ingest.extraction.wall_seconds_max)"
                ),
            ),
            (Self::TooMuch { max }, _) => (
                ANSWER_TOO_LARGE,
                format!(
                    "what was found in the file fills more than {max} bytes (ingest.extraction.answer_bytes_max)"
                ),
            ),
            (Self::Broken(_), Some(status)) if signal(&status) == Some(SIGXCPU) => (
                TIME_LIMIT,
                "reading took more processor time than ingest.extraction.cpu_seconds_max"
                    .to_owned(),
            ),
            (Self::Broken(_), Some(status)) if signal(&status) == Some(SIGABRT) => (
                MEMORY_LIMIT,
                "reading took more memory than ingest.extraction.memory_bytes_max, or met a defect"
                    .to_owned(),
            ),
            (Self::Broken(cause), status) => {
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

fn signal(status: &ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(status)
}
