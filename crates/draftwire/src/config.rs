//! `draftwire config`: what is in effect, whether it is right, and settings of a replaced service taken over.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use ingest::IngestSettings;
use receiver::ReceiverSettings;

use crate::cli::SettingsArgs;
use crate::import;
use crate::report::line;

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the settings in effect, secrets masked, and where each comes from
    Show {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Say whether all settings are right; exit code 1 when one is not
    Check,
    /// Take over the environment file of a replaced file service (MODULE_N_PORT, LASER_OS_WEBHOOK_URL, …)
    #[command(
        after_help = "Prints a draftwire.toml; what could not be taken over is said on standard error. Its secrets are in it.

Example:
  draftwire config import /opt/module-n/.env --output draftwire.toml && draftwire config check"
    )]
    Import {
        /// Lines of NAME=value
        file: PathBuf,
        /// Write to this new file, for its owner only, instead of standard output
        #[arg(long)]
        output: Option<PathBuf>,
    },
}

pub(crate) fn run(command: &ConfigCommand, settings: &SettingsArgs) -> anyhow::Result<ExitCode> {
    match command {
        ConfigCommand::Show { json } => {
            let text = settings.load(&[])?.print();
            match json {
                false => line(text.trim_end())?,
                true => line(toml::from_str::<serde_json::Value>(&text)?.to_string())?,
            }
        }
        ConfigCommand::Check => {
            let settings = settings.load(&[])?;
            IngestSettings::read(&settings)?;
            ReceiverSettings::load(&settings)?;
            line("all settings are right")?;
        }
        ConfigCommand::Import { file, output } => {
            let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
            let imported = import::import(&text);
            for note in &imported.notes {
                eprintln!("draftwire: {note}");
            }
            match output {
                None => line(imported.toml.trim_end())?,
                Some(path) => {
                    write_new(path, &imported.toml).with_context(|| path.display().to_string())?
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
