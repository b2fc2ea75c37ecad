//! The settings file, read again whenever it changes while a service runs.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use ingest::Reloader;
use service::telemetry::LevelHandle;
use service::{Settings, Shutdown};

use crate::cli::SettingsArgs;

/// How often the file is looked at. A file that is still being written is read again when it has changed again.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a service was started with.
pub(crate) struct Running<'a> {
    pub(crate) args: &'a SettingsArgs,
    /// As given to [`SettingsArgs::load`].
    pub(crate) more: &'a [String],
    pub(crate) settings: Settings,
    pub(crate) level: LevelHandle,
}

/// Follows the file until told to stop.
pub(crate) async fn follow(running: Running<'_>, reloader: Reloader, shutdown: &Shutdown) {
    let (started, mut last) = (running.settings.clone(), running.settings.clone());
    let mut seen = stamp(running.args);
    loop {
        tokio::select! {
            () = shutdown.triggered() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let now = stamp(running.args);
        if now == seen {
            continue;
        }
        seen = now;
        match running.args.load(running.more) {
            Err(cause) => reloader.refuse(&cause),
            Ok(new) => {
                if take_up(&running, &reloader, (&started, &last), &new) {
                    last = new;
                }
            }
        }
    }
}

/// Whether the new settings are the last ones now.
fn take_up(
    running: &Running<'_>,
    reloader: &Reloader,
    (started, last): (&Settings, &Settings),
    new: &Settings,
) -> bool {
    match reloader.apply(started, last, new) {
        Ok(reloaded) => {
            if reloaded.applied.iter().any(|key| key == "log.level") {
                set_level(running, new);
            }
            if !reloaded.applied.is_empty() {
                let keys = reloaded.applied.join(", ");
                tracing::info!(keys, "changed settings are in effect");
            }
            if !reloaded.refused.is_empty() {
                let keys = reloaded.refused.join(", ");
                tracing::warn!(
                    keys,
                    "changed settings need a restart; those before stay in effect"
                );
            }
            true
        }
        Err(cause) => {
            tracing::error!(%cause, "changed settings are refused; those before stay in effect");
            reloader.refuse_wrong();
            false
        }
    }
}

fn set_level(running: &Running<'_>, new: &Settings) {
    let level = new
        .section::<String>("log.level")
        .map_err(|cause| cause.to_string());
    let set = level.and_then(|level| running.level.set(&level).map_err(|cause| cause.to_string()));
    if let Err(cause) = set {
        tracing::error!(cause, "log.level stays as it was");
    }
}

/// Tells one state of the file from another; `None` when there is none.
fn stamp(args: &SettingsArgs) -> Option<(u64, i64, i64, u64)> {
    let of = |metadata: Metadata| {
        (
            metadata.ino(),
            metadata.mtime(),
            metadata.mtime_nsec(),
            metadata.len(),
        )
    };
    std::fs::metadata(args.file()).ok().map(of)
}
