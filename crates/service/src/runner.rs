//! Whoever spawns it, stops it: the tasks of a service by name, joined when it stops. Nothing else
//! spawns on the runtime, and the runner must never know what a task does.

use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::Shutdown;

/// Named background tasks and the [`Shutdown`] they listen to. Clones share the tasks.
#[derive(Debug, Clone)]
pub struct Runner {
    shutdown: Shutdown,
    tasks: Arc<Mutex<Vec<Task>>>,
}

#[derive(Debug)]
struct Task {
    name: String,
    handle: JoinHandle<()>,
}

/// How a task ends: `()`, or a `Result` whose error stops the service.
pub trait Ending {
    /// The sentence to log when the task has failed.
    fn failure(self) -> Option<String>;
}

impl Ending for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl<E: Display> Ending for Result<(), E> {
    fn failure(self) -> Option<String> {
        self.err().map(|error| error.to_string())
    }
}

impl Runner {
    /// A runner without tasks.
    pub fn new(shutdown: Shutdown) -> Self {
        Self {
            shutdown,
            tasks: Arc::default(),
        }
    }

    /// The token that tasks should listen to.
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Runs `task` on the current tokio runtime. A task may end early; if it fails or panics, the
    /// whole service stops, because a service with a dead part only looks alive.
    ///
    /// Call it inside a tokio runtime.
    pub fn spawn<T>(&self, name: impl Into<String>, task: T)
    where
        T: Future<Output: Ending> + Send + 'static,
    {
        let name = name.into();
        let (shutdown, label) = (self.shutdown.clone(), name.clone());
        let watched = async move {
            let failure = match AssertUnwindSafe(task).catch_unwind().await {
                Ok(ending) => ending.failure(),
                Err(_) => Some("it panicked".to_owned()),
            };
            if let Some(failure) = failure {
                tracing::error!(task = label, "task failed, stopping: {failure}");
                shutdown.trigger();
            }
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the runner that all others spawn through"
        )]
        let handle = tokio::spawn(watched);
        let mut tasks = self.tasks();
        tasks.retain(|task| !task.handle.is_finished());
        tasks.push(Task { name, handle });
    }

    /// Triggers the shutdown and waits for all tasks, at most `grace` in all. What has not ended by
    /// then is aborted at its next await; the names of those are logged and returned.
    pub async fn stop(&self, grace: Duration) -> Vec<String> {
        self.shutdown.trigger();
        let deadline = Instant::now() + grace;
        let mut late = Vec::new();
        while let Some(mut task) = self.next() {
            if timeout_at(deadline, &mut task.handle).await.is_err() {
                tracing::warn!(task = task.name, "still running after the grace: aborted");
                task.handle.abort();
                late.push(task.name);
            }
        }
        late
    }

    /// A task to wait for; tasks spawned while stopping are found too.
    fn next(&self) -> Option<Task> {
        self.tasks().pop()
    }

    fn tasks(&self) -> MutexGuard<'_, Vec<Task>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    const GRACE: Duration = Duration::from_secs(5);

    fn runner() -> Runner {
        Runner::new(Shutdown::new())
    }

    fn boom() {
        panic!("on purpose");
    }

    #[tokio::test]
    async fn stop_waits_for_tasks_to_finish_their_work() {
        let runner = runner();
        let done = Arc::new(AtomicBool::new(false));
        let (shutdown, flag) = (runner.shutdown().clone(), done.clone());
        runner.spawn("drains", async move {
            shutdown.triggered().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            flag.store(true, Ordering::SeqCst);
        });
        assert!(runner.stop(GRACE).await.is_empty());
        assert!(done.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn stop_names_and_aborts_what_outlives_the_grace() {
        let runner = runner();
        runner.spawn("stuck", std::future::pending::<()>());
        runner.spawn("quick", async {});
        assert_eq!(runner.stop(Duration::from_millis(20)).await, ["stuck"]);
    }

    #[tokio::test]
    async fn a_failed_or_panicking_task_stops_the_service() {
        let failing = runner();
        failing.spawn("fails", async { Err::<(), _>("no luck") });
        failing.shutdown().triggered().await;

        let panicking = runner();
        panicking.spawn("panics", async { boom() });
        panicking.shutdown().triggered().await;
        assert!(panicking.stop(GRACE).await.is_empty());
    }
}
