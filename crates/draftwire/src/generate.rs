//! `draftwire completions` and `draftwire man`: what shells and manuals know of this program.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::report::line;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  draftwire completions bash > /etc/bash_completion.d/draftwire
  draftwire completions fish > ~/.config/fish/completions/draftwire.fish")]
pub(crate) struct CompletionsArgs {
    shell: Shell,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  draftwire man /usr/local/share/man/man1      a page for the program and one for each command")]
pub(crate) struct ManArgs {
    /// Write all pages into this folder; without one the program's own page is printed
    folder: Option<PathBuf>,
}

pub(crate) fn completions(args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "draftwire", &mut text);
    line(String::from_utf8_lossy(&text).trim_end())?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn man(args: &ManArgs) -> anyhow::Result<ExitCode> {
    match &args.folder {
        Some(folder) => {
            std::fs::create_dir_all(folder)?;
            clap_mangen::generate_to(Cli::command(), folder)?;
        }
        None => {
            let mut text = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut text)?;
            line(String::from_utf8_lossy(&text).trim_end())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
