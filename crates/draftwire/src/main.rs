//! The `draftwire` program: both services in one process, or each alone, and the commands around them.

mod both;
mod cli;
mod extract_files;
mod keys;
mod report;
mod samples;
mod single;
mod upload;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(Command::Worker { arguments }) = &cli.command {
        return ingest::worker_main(arguments);
    }
    match run(cli) {
        Ok(code) => code,
        Err(cause) => {
            report::failure(&cause);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    if cli.settings.print_config {
        report::line(cli.settings.load(&[])?.print().trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match cli.command {
            None => both::run(&cli.settings).await,
            Some(Command::Ingest) => single::ingest(&cli.settings).await,
            Some(Command::Receiver) => single::receiver(&cli.settings).await,
            Some(Command::Upload(upload)) => upload::run(&upload).await,
            Some(Command::Extract(extract)) => extract_files::run(&extract, &cli.settings).await,
            Some(Command::Keys { command }) => keys::run(&command, &cli.settings).await,
            Some(Command::Openapi) => {
                report::line(ingest::openapi().trim_end())?;
                Ok(ExitCode::SUCCESS)
            }
            Some(Command::Worker { .. }) => Ok(ExitCode::SUCCESS),
        }
    })
}
