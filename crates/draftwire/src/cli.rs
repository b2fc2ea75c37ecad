//! The command line and what its help teaches.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use service::{Settings, SettingsError};

use crate::backup::{BackupArgs, RestoreArgs};
use crate::config::ConfigCommand;
use crate::connect::ServiceArgs;
use crate::deliveries::{DeadLettersCommand, DeliveriesCommand, ReplayCommand};
use crate::doctor::DoctorArgs;
use crate::generate::{CompletionsArgs, ManArgs};
use crate::publish::PublishArgs;
use crate::reconcile::ReconcileArgs;
use crate::subscriptions::SubscriptionsCommand;
use crate::tail::{ListenArgs, TailArgs};
use crate::watch::WatchArgs;

/// Design-file intake and lossless webhooks for fabrication shops.
///
/// Without a command both services start in this process, on this machine only, with everything they need
/// below ./data: ingest takes files in, works out part, material, thickness and quantity, measures the
/// geometry and sends signed webhooks; the receiver keeps the design files it is told of.
#[derive(Debug, Parser)]
#[command(name = "draftwire", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

const EXAMPLES: &str = "Examples:
  draftwire                                    both services, on this machine
  draftwire upload part.dxf --wait             send a file and see what it is
  draftwire extract *.dxf                      read files without any service
  draftwire watch ~/Outbox --to https://…      send what is put into a folder
  draftwire tail                               events and deliveries as they come
  draftwire doctor                             what is missing, and how to mend it
  draftwire --set log.level=debug ingest       one service, with another log level
  draftwire --print-config                     the settings in effect, and where each comes from

Exit codes: 0 done, 1 refused, failed or not all, 2 the command line is wrong, 3 the service cannot be reached.";

/// Where settings come from, weakest first: built in, file, environment DRAFTWIRE__SECTION__KEY, --set.
#[derive(Debug, Args)]
pub(crate) struct SettingsArgs {
    /// Settings file [default: ./draftwire.toml, if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set one key, as in --set ingest.listen=127.0.0.1:9000; may be repeated
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Print the settings in effect (secrets masked) and stop
    #[arg(long, global = true)]
    pub(crate) print_config: bool,
}

impl SettingsArgs {
    /// The file that is read, if it is there.
    pub(crate) fn file(&self) -> &Path {
        self.config
            .as_deref()
            .unwrap_or(Path::new(Settings::DEFAULT_FILE))
    }

    /// Reads all layers; `more` weighs like `--set` but is overruled by it.
    pub(crate) fn load(&self, more: &[String]) -> Result<Settings, SettingsError> {
        let overrides: Vec<String> = more.iter().chain(&self.overrides).cloned().collect();
        Settings::load(self.config.as_deref(), std::env::vars_os(), &overrides)
    }
}

/// One of the two.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Service {
    Ingest,
    Receiver,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the ingest service alone: uploads, extraction, webhooks out
    #[command(
        after_help = "Subscriptions come from [ingest.delivery.subscriptions.<name>] in the settings: \
        url, events, profile, secret. See config/ingest.example.toml."
    )]
    Ingest,
    /// Run the receiver alone: webhooks in, design files and activity
    #[command(
        after_help = "Who may send comes from [sources.<name>] in the settings: profile, secrets. \
        The sender's URL is http://<receiver.listen>/webhooks/<name>/event. \
        See config/receiver.example.toml."
    )]
    Receiver,
    /// Send files to a running ingest service
    Upload(UploadArgs),
    /// Send what is put into a folder to an ingest service, and put it away
    Watch(WatchArgs),
    /// Read files here, without any service, and print what they are
    Extract(ExtractArgs),
    /// Show events and what becomes of their deliveries, as they come
    Tail(TailArgs),
    /// Send a tenant's events to an address of this machine, signed like deliveries
    Listen(ListenArgs),
    /// Publish an event
    Publish(PublishArgs),
    /// Who is told of what: list, create, test, rotate, enable, disable, delete
    Subscriptions {
        #[command(subcommand)]
        command: SubscriptionsCommand,
    },
    /// What became of events at endpoints: list, show, retry
    Deliveries {
        #[command(subcommand)]
        command: DeliveriesCommand,
    },
    /// Deliveries that were given up: list, redeliver
    DeadLetters {
        #[command(subcommand)]
        command: DeadLettersCommand,
    },
    /// Send events of the past again: create, list, show, cancel
    Replay {
        #[command(subcommand)]
        command: ReplayCommand,
    },
    /// Find events that never reached the receiver, and have them sent again
    Reconcile(ReconcileArgs),
    /// Make, list and revoke the keys of a service
    #[command(
        after_help = "Works on the database of the settings, while the service runs or not: also when the \
        administrator's key is lost. A tenant that does not exist is made. Scopes: upload, read, publish, manage, admin. \
        Keys are asked for when ingest.auth = true, and receiver.auth = true."
    )]
    Keys {
        /// Which of the two: each has keys of its own
        #[arg(long, value_enum, default_value_t = Service::Ingest, global = true)]
        service: Service,
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Show, check and import settings
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Look at everything the services need, and say how to mend what is missing
    Doctor(DoctorArgs),
    /// Copy databases, stored files and keys to a folder, while the services run
    Backup(BackupArgs),
    /// Bring a backup back
    Restore(RestoreArgs),
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Print the manual page, or write all pages into a folder
    Man(ManArgs),
    /// Print the description of a service's HTTP API (OpenAPI 3.1)
    Openapi {
        /// Which of the two
        #[arg(value_enum, default_value_t = Service::Ingest)]
        service: Service,
    },
    /// Read files for the service, one line of JSON each way (started by the service itself)
    #[command(hide = true)]
    Worker {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key and print it, this once
    Create {
        /// What it is for
        #[arg(long)]
        name: String,
        /// What it may be used for, as in upload,read
        #[arg(long, value_delimiter = ',', required = true)]
        scopes: Vec<String>,
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
        /// A date or a time, as in 2027-01-31
        #[arg(long, value_name = "DATE")]
        expires: Option<String>,
    },
    /// Print the keys that are not revoked
    List {
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Print them as JSON, one a line
        #[arg(long)]
        json: bool,
    },
    /// End a key at once
    Revoke {
        id: i64,
        #[arg(long, default_value = "default")]
        tenant: String,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  draftwire upload part.dxf --wait
  draftwire upload *.dxf --client CL0001 --project JB-2025-10-CL0001-001 --wait --json | jq .metadata

Exit code 0 when every file was taken in, 1 when one was refused or could not be read, 3 when the service could not be reached.")]
pub(crate) struct UploadArgs {
    /// Files to send
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Client they belong to, as in CL0001
    #[arg(long)]
    pub(crate) client: Option<String>,
    /// Project they belong to, as in JB-2025-10-CL0001-001
    #[arg(long)]
    pub(crate) project: Option<String>,
    /// Wait until each file has been understood, and say what it is
    #[arg(long)]
    pub(crate) wait: bool,
    /// Print the service's answer as JSON, one file a line
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
}

const EXTRACT_EXAMPLES: &str = "Examples:
  draftwire extract part.dxf                        part, material, thickness, size, cut length, holes
  draftwire extract --json orders/ > facts.jsonl    a folder and all below it, one JSON object a line
  draftwire extract --preview part.png part.dxf     and a picture of it, with what was found marked
  draftwire extract --preview out/ *.dxf            a picture of each file, as out/<name>.svg or .png
  draftwire extract --config shop.toml part.dxf     by the shop's own materials and names ([ingest.facts])

Every file is read in a process of its own with limits of memory and time ([ingest.extraction]): a hostile file
fails alone. Folders may name client and project (CL-0001/JB-2025-10-CL0001-002/part.dxf). Words in pictures are
read when tesseract is installed.

Exit code 0 when every file was read, 1 when one was not.";

#[derive(Debug, Args)]
#[command(after_help = EXTRACT_EXAMPLES)]
pub(crate) struct ExtractArgs {
    /// Files, or folders to be searched for files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) paths: Vec<PathBuf>,
    /// Print the whole extraction as JSON, one file a line
    #[arg(long)]
    pub(crate) json: bool,
    /// Write a picture: to this file (.svg or .png) for one file, into this folder for several
    #[arg(long, value_name = "PATH")]
    pub(crate) preview: Option<PathBuf>,
}
