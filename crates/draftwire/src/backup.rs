//! `draftwire backup` and `draftwire restore`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ingest::IngestSettings;
use ingest::backup::{Holdings, Manifest};
use serde_json::json;

use crate::cli::SettingsArgs;
use crate::report::line;
use crate::time::{now_ms, rfc3339};

#[derive(Debug, Args)]
#[command(
    after_help = "The services may run meanwhile. SQLite databases are copied as of one moment; databases on PostgreSQL are not: use \
pg_dump, before this command, so that every file they speak of is there.

Keep the backup as safe as the data: the keys in it open the secrets in it.

Exit code 0 when all is in it, 1 when not, or when a stored file is no longer what was stored."
)]
pub(crate) struct BackupArgs {
    /// A new or empty folder
    folder: PathBuf,
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Stop the services before. Everything in the backup is checked before anything is written; what was made later \
than the backup and is not in it stays on the disk."
)]
pub(crate) struct RestoreArgs {
    /// A folder made by `draftwire backup`
    folder: PathBuf,
    /// Replace the data that are there
    #[arg(long)]
    force: bool,
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn backup(args: &BackupArgs, settings: &SettingsArgs) -> anyhow::Result<ExitCode> {
    let (holdings, folder) = (holdings(settings)?, args.folder.clone());
    let work = move || holdings.back_up(&folder, rfc3339(now_ms()));
    let manifest = tokio::task::spawn_blocking(work).await??;
    for server in &manifest.servers {
        eprintln!("draftwire: {server} is not in the backup: copy it with pg_dump");
    }
    for spoiled in &manifest.spoiled {
        eprintln!("draftwire: {spoiled} is no longer what was stored");
    }
    told(&manifest, "are in the backup", args.json)?;
    Ok(ExitCode::from(u8::from(!manifest.spoiled.is_empty())))
}

pub(crate) async fn restore(
    args: &RestoreArgs,
    settings: &SettingsArgs,
) -> anyhow::Result<ExitCode> {
    let (holdings, folder, force) = (holdings(settings)?, args.folder.clone(), args.force);
    let work = move || holdings.restore(&folder, force);
    let manifest = tokio::task::spawn_blocking(work).await??;
    for server in &manifest.servers {
        eprintln!("draftwire: {server} was not in the backup: bring it back with pg_restore");
    }
    told(&manifest, "are back", args.json)?;
    Ok(ExitCode::SUCCESS)
}

fn holdings(settings: &SettingsArgs) -> anyhow::Result<Holdings> {
    let settings = settings.load(&[])?;
    let receiver: String = settings.section("receiver.database.url")?;
    Ok(Holdings::of(&IngestSettings::read(&settings)?, &receiver)?)
}

fn told(manifest: &Manifest, what: &str, json: bool) -> anyhow::Result<()> {
    let (files, bytes) = (manifest.files.len(), manifest.bytes);
    if json {
        let shown = json!({
            "created_at": manifest.created_at,
            "files": files,
            "bytes": bytes,
            "not_included": manifest.servers,
            "spoiled": manifest.spoiled,
        });
        return Ok(line(shown.to_string())?);
    }
    line(format!(
        "{files} files with {bytes} bytes {what}, as of {}",
        manifest.created_at
    ))?;
    Ok(())
}
