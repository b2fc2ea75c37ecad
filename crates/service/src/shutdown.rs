//! The one signal to stop: told to every part, waited for by every part. It must never stop anything
//! itself.

use tokio::sync::watch;

/// A token that is triggered once and stays so. Clones share it.
#[derive(Debug, Clone)]
pub struct Shutdown {
    sender: watch::Sender<bool>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// A token that is not triggered.
    pub fn new() -> Self {
        let (sender, _) = watch::channel(false);
        Self { sender }
    }

    /// Asks everything to stop.
    pub fn trigger(&self) {
        self.sender.send_replace(true);
    }

    /// Whether [`Shutdown::trigger`] was called.
    pub fn is_triggered(&self) -> bool {
        *self.sender.borrow()
    }

    /// Waits until the token is triggered; at once if it was. Safe to drop and wait again.
    pub async fn triggered(&self) {
        let mut receiver = self.sender.subscribe();
        // The sender lives in `self`, so the channel cannot be closed meanwhile.
        if receiver.wait_for(|triggered| *triggered).await.is_err() {
            tracing::error!("the shutdown channel was closed while waiting on it");
        }
    }
}

/// Triggers `shutdown` at the first Ctrl-C or SIGTERM; ends then, or when something else triggered it.
///
/// # Errors
/// When the system refuses to report signals.
pub async fn stop_on_signal(shutdown: Shutdown) -> std::io::Result<()> {
    let name = tokio::select! {
        name = signal() => name?,
        () = shutdown.triggered() => return Ok(()),
    };
    tracing::info!("{name} received: stopping");
    shutdown.trigger();
    Ok(())
}

#[cfg(unix)]
async fn signal() -> std::io::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result.map(|()| "Ctrl-C"),
        _ = terminate.recv() => Ok("SIGTERM"),
    }
}

#[cfg(not(unix))]
async fn signal() -> std::io::Result<&'static str> {
    tokio::signal::ctrl_c().await.map(|()| "Ctrl-C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_clone_hears_the_trigger_before_and_after() {
        let shutdown = Shutdown::new();
        let other = shutdown.clone();
        assert!(!other.is_triggered());
        let ((), ()) = tokio::join!(other.triggered(), async { shutdown.trigger() });
        assert!(other.is_triggered());
        other.triggered().await;
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn sigterm_triggers_the_shutdown() {
        let shutdown = Shutdown::new();
        // Polled in this order: the signal is awaited before it is sent.
        let (listening, ()) = tokio::join!(stop_on_signal(shutdown.clone()), async {
            let id = std::process::id().to_string();
            let sent = std::process::Command::new("kill").arg(id).status();
            assert!(sent.unwrap().success());
        });
        listening.unwrap();
        assert!(shutdown.is_triggered());
    }
}
