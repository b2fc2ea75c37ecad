//! `draftwire watch`: a folder here, a service anywhere. The folder is looked after by the same code as in the service; what
//! is remembered of it lies in this process, for the service knows an upload that it has seen.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use client::{Client, ClientError, UploadOptions, UploadResult};
use extract::facts::Rules;
use ingest::watch::{
    Desk, End, Entry, Folder, FolderSection, Handed, Later, Ready, WatchSection, WatchStatus, watch,
};
use service::{Settings, Shutdown, stop_on_signal, telemetry};

use crate::cli::SettingsArgs;
use crate::connect::ServiceArgs;
use crate::report::line;

/// How often `--once` looks whether there is anything left.
const LOOK_EVERY: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  draftwire watch ~/Outbox --to https://files.example.com --key dw_…
  draftwire watch /srv/inbox --layout '{client}/{project}' --done ../done --once

Paces, limits and names that are passed over are those of [ingest.watch] in the settings. Files are moved to done or failed; \
beside a failed one stands why. With --leave they stay, and are sent again when this starts again: the service knows them, and makes \
no new record.

Exit code with --once: 0 when every file was read, 1 when one has failed.")]
pub(crate) struct WatchArgs {
    /// The folder
    folder: PathBuf,
    /// The ingest service
    #[arg(
        long = "to",
        default_value = "http://127.0.0.1:8081",
        env = "DRAFTWIRE_URL",
        value_name = "URL"
    )]
    to: String,
    /// A key with the scopes upload and read, where the service asks for one
    #[arg(long, env = "DRAFTWIRE_KEY", hide_env_values = true)]
    key: Option<String>,
    /// Client of files whose folders do not say, as in CL0001
    #[arg(long)]
    client: Option<String>,
    /// Project of such files
    #[arg(long)]
    project: Option<String>,
    /// What the folders say: names, or one step for each level, as in {client}/{project}
    #[arg(long)]
    layout: Option<String>,
    /// Where files go that have been read, from the folder
    #[arg(long)]
    done: Option<PathBuf>,
    /// Where files go that were refused or cannot be read
    #[arg(long)]
    failed: Option<PathBuf>,
    /// Leave files where they are
    #[arg(long, conflicts_with_all = ["done", "failed"])]
    leave: bool,
    /// Look by the clock, without change events
    #[arg(long)]
    poll: bool,
    /// End when nothing is left to do
    #[arg(long)]
    once: bool,
    /// Print what became of each file as JSON, one a line
    #[arg(long)]
    json: bool,
}

const NAME: &str = "this";

pub(crate) async fn run(args: &WatchArgs, settings: &SettingsArgs) -> anyhow::Result<ExitCode> {
    let settings = settings.load(&args.overrides())?;
    drop(telemetry::init(&settings.section("log")?)?);
    let folder = folder(&settings)?;
    let service = ServiceArgs {
        url: args.to.clone(),
        key: args.key.clone(),
    };
    let client = service.client()?;
    client.health().await?;
    if !folder.root.is_dir() {
        bail!("{} is no folder", folder.root.display());
    }
    let desk = RemoteDesk {
        client,
        json: args.json,
    };
    let (status, stopping) = (WatchStatus::default(), Shutdown::new());
    let watching = watch(
        folder,
        desk,
        Arc::new(Rules::default()),
        status.clone(),
        stopping.clone(),
    );
    let once = async {
        match args.once {
            true => until_idle(&status, &stopping).await,
            false => stopping.triggered().await,
        }
        stopping.trigger();
    };
    let ((), (), signals) = tokio::join!(watching, once, stop_on_signal(stopping.clone()));
    signals?;
    let failed = status
        .of(NAME)
        .is_some_and(|folder| folder.failed_total > 0);
    Ok(ExitCode::from(u8::from(args.once && failed)))
}

impl WatchArgs {
    /// As settings of one folder.
    fn overrides(&self) -> Vec<String> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let given = [
            ("path", Some(self.folder.display().to_string())),
            ("client_code", self.client.clone()),
            ("project_code", self.project.clone()),
            ("layout", self.layout.clone()),
            ("done", path(&self.done)),
            ("failed", path(&self.failed)),
            ("poll", self.poll.then(|| "true".to_owned())),
            ("after", self.leave.then(|| "leave".to_owned())),
        ];
        let given = given
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)));
        let overrides =
            given.map(|(key, value)| format!("ingest.watch.folders.{NAME}.{key}={value}"));
        overrides.collect()
    }
}

/// This one only, whatever folders the settings name beside it.
fn folder(settings: &Settings) -> anyhow::Result<Folder> {
    let mut section: WatchSection = settings.section("ingest.watch")?;
    section
        .folders
        .retain(|name, _: &mut FolderSection| name == NAME);
    // No data of a service lie here.
    let folders =
        section.folders(&std::env::temp_dir().join("draftwire-watch-keeps-nothing-here"))?;
    let folder = folders.into_iter().next();
    folder.ok_or_else(|| anyhow::anyhow!("no folder is named"))
}

async fn until_idle(status: &WatchStatus, stopping: &Shutdown) {
    loop {
        let idle = status.of(NAME).is_some_and(|folder| {
            folder.state != "starting" && folder.waiting == 0 && folder.taken == 0
        });
        if idle {
            return;
        }
        tokio::select! {
            () = stopping.triggered() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Hands files to a service over HTTP.
struct RemoteDesk {
    client: Client,
    json: bool,
}

impl Desk for RemoteDesk {
    async fn hand_in(&self, ready: Ready) -> Handed {
        let options = UploadOptions {
            client_code: ready.place.client_code.clone(),
            project_code: ready.place.project_code.clone(),
            override_metadata: ready.place.override_metadata(),
            wait_seconds: Some(0),
            ..UploadOptions::default()
        };
        let results = match self.client.upload(&[&ready.path], &options).await {
            Ok(results) => results,
            Err(error) => return of_error(&error),
        };
        for result in &results {
            if let Err(cause) = self.show(&ready.shown, result) {
                tracing::warn!(%cause, "nobody reads what is printed");
            }
        }
        handed(&results)
    }

    async fn ended(&self, ids: &[i64]) -> Result<End, Later> {
        let mut reasons = Vec::new();
        for id in ids {
            let record = match self.client.record(*id).await {
                Ok(record) => record,
                // Deleted meanwhile: there is nothing more to say of it.
                Err(ClientError::Problem(problem)) if problem.status == 404 => continue,
                Err(error) => return Err(error.to_string()),
            };
            match record.status {
                client::FileStatus::Processing => return Ok(End::NotYet),
                client::FileStatus::Failed => {
                    let name = record.original_filename.unwrap_or_default();
                    let why = record.error_message.unwrap_or_default();
                    reasons.push(format!("{name}: {why}"));
                }
                _ => {}
            }
        }
        Ok(match reasons.is_empty() {
            true => End::Done,
            false => End::Failed(reasons.join("\n")),
        })
    }

    async fn recall(&self) -> Result<Vec<Entry>, Later> {
        Ok(Vec::new())
    }

    async fn remember(&self, _entry: &Entry) -> Result<(), Later> {
        Ok(())
    }

    async fn forget(&self, _paths: Vec<PathBuf>) -> Result<(), Later> {
        Ok(())
    }
}

impl RemoteDesk {
    fn show(&self, path: &str, result: &UploadResult) -> anyhow::Result<()> {
        if self.json {
            return Ok(line(serde_json::to_string(result)?)?);
        }
        let said = match (&result.error, result.ingest_id) {
            (Some(error), _) => error.clone(),
            (None, Some(id)) if result.duplicate => format!("known already as #{id}"),
            (None, id) => id.map_or_else(String::new, |id| format!("taken in as #{id}")),
        };
        Ok(line(format!("{path}: {said}"))?)
    }
}

fn handed(results: &[UploadResult]) -> Handed {
    let ids: Vec<i64> = results
        .iter()
        .filter_map(|result| result.ingest_id)
        .collect();
    let refused = results.iter().filter(|result| result.ingest_id.is_none());
    let why = |result: &UploadResult| result.error.clone().unwrap_or_default();
    if ids.is_empty() {
        let refused: Vec<String> = refused.map(why).collect();
        return Handed::Refused(refused.join("\n"));
    }
    let refused = refused.map(|result| format!("{}: {}", result.filename, why(result)));
    Handed::Taken {
        ids,
        refused: refused.collect(),
    }
}

/// A refusal of the request as a whole concerns the file only when it says so; everything else may pass.
fn of_error(error: &ClientError) -> Handed {
    match error {
        ClientError::Problem(problem) if matches!(problem.status, 413 | 415 | 422) => {
            Handed::Refused(problem.detail.clone())
        }
        other => Handed::NotNow(other.to_string()),
    }
}
