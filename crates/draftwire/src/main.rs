//! The `draftwire` program: both services in one process, or each alone, and the commands around them.

mod backup;
mod both;
mod cli;
mod config;
mod connect;
mod deliveries;
mod doctor;
mod extract_files;
mod generate;
mod import;
mod keys;
mod publish;
mod reconcile;
mod reload;
mod report;
mod samples;
mod single;
mod subscriptions;
mod tail;
mod time;
mod traces;
mod upload;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(Command::Worker { arguments }) = &cli.command {
        return ingest::worker_main(arguments);
    }
    ingest::this_is_the_worker_program();
    match run(cli) {
        Ok(code) => code,
        Err(cause) => {
            report::failure(&cause);
            connect::exit_code(&cause)
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
    runtime.block_on(perform(&cli))
}

async fn perform(cli: &Cli) -> anyhow::Result<ExitCode> {
    let settings = &cli.settings;
    let Some(command) = &cli.command else {
        return both::run(settings).await;
    };
    match command {
        Command::Ingest => single::ingest(settings).await,
        Command::Receiver => single::receiver(settings).await,
        Command::Upload(args) => upload::run(args).await,
        Command::Watch(args) => watch::run(args, settings).await,
        Command::Extract(args) => extract_files::run(args, settings).await,
        Command::Tail(args) => tail::tail(args).await,
        Command::Listen(args) => tail::listen(args).await,
        Command::Publish(args) => publish::run(args).await,
        Command::Subscriptions { command } => subscriptions::run(command).await,
        Command::Deliveries { command } => deliveries::deliveries(command).await,
        Command::DeadLetters { command } => deliveries::dead_letters(command).await,
        Command::Replay { command } => deliveries::replay(command).await,
        Command::Reconcile(args) => reconcile::run(args).await,
        Command::Keys { service, command } => keys::run(*service, command, settings).await,
        Command::Config { command } => config::run(command, settings),
        Command::Doctor(args) => doctor::run(args, settings).await,
        Command::Backup(args) => backup::backup(args, settings).await,
        Command::Restore(args) => backup::restore(args, settings).await,
        Command::Completions(args) => generate::completions(args),
        Command::Man(args) => generate::man(args),
        Command::Openapi { service } => {
            let description = match service {
                cli::Service::Ingest => ingest::openapi(),
                cli::Service::Receiver => receiver::openapi(),
            };
            report::line(description.trim_end())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Worker { .. } => Ok(ExitCode::SUCCESS),
    }
}
