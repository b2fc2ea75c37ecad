//! `draftwire reconcile`: what a sender owes beside what the receiver has; what never arrived is sent again. It must
//! never say that all is there before the receiver has said so.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args;
use client::{Client, Reconciled};
use serde_json::json;

use crate::report::{line, table};

/// Time between two looks at what still is missing.
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
#[command(
    after_help = "The receiver asks the sender that its settings name as [sources.<SOURCE>] reconcile_url. Only what \
    was owed since the last time is compared, unless --from-start is given.

Exit code 0 when nothing is missing any more, 1 otherwise.

Examples:
  draftwire reconcile                       both services of this machine
  draftwire reconcile partner --from-start  another sender, everything that is on record
  draftwire reconcile --json --wait 0       only say what is missing, and ask for it"
)]
pub(crate) struct ReconcileArgs {
    /// The sender's name at the receiver
    #[arg(default_value = "draftwire")]
    source: String,
    /// Compare everything that is on record
    #[arg(long)]
    from_start: bool,
    /// Seconds to wait for what was missing
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=3600))]
    wait: u64,
    /// The receiver
    #[arg(
        long,
        default_value = "http://127.0.0.1:8080",
        env = "DRAFTWIRE_RECEIVER_URL"
    )]
    url: String,
    /// A key with the scope manage, where the receiver asks for one
    #[arg(long, env = "DRAFTWIRE_RECEIVER_KEY", hide_env_values = true)]
    key: Option<String>,
    /// Print each comparison as JSON, one a line
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: &ReconcileArgs) -> anyhow::Result<ExitCode> {
    let receiver = Client::new(&args.url, args.key.as_deref())?;
    let (began, wait) = (Instant::now(), Duration::from_secs(args.wait));
    let first = receiver.reconcile(&args.source, args.from_start, true);
    let first = first.await?;
    show(args, &first)?;
    let lost = first.lost;
    let mut last = first;
    while still_missing(&last, lost) > 0 && began.elapsed() < wait {
        tokio::time::sleep(LOOK_EVERY).await;
        // It has been asked for already.
        last = receiver.reconcile(&args.source, false, false).await?;
        if let Some(error) = &last.error {
            bail!("the sender could not be asked: {error}");
        }
    }
    if args.json {
        line(json!(last).to_string())?;
    } else {
        verdict(&last, lost)?;
    }
    Ok(match last.complete && still_missing(&last, lost) == 0 {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// How many are missing of those that can still come.
fn still_missing(found: &Reconciled, lost: u64) -> u64 {
    found.missing_total.saturating_sub(lost)
}

fn show(args: &ReconcileArgs, found: &Reconciled) -> anyhow::Result<()> {
    if let Some(error) = &found.error {
        bail!("the sender could not be asked: {error}");
    }
    if args.json {
        return Ok(line(json!(found).to_string())?);
    }
    line(format!(
        "{}: {} events compared, {} never arrived, {} sent again",
        found.source, found.checked, found.missing_total, found.asked
    ))?;
    let rows: Vec<Vec<String>> = found
        .missing
        .iter()
        .map(|event| {
            vec![
                event.id.clone(),
                event.event_type.clone(),
                event.subject.clone().unwrap_or_default(),
                event.timestamp.clone().unwrap_or_default(),
            ]
        })
        .collect();
    match rows.is_empty() {
        true => Ok(()),
        false => Ok(table(&["EVENT", "TYPE", "SUBJECT", "TIME"], &rows)?),
    }
}

fn verdict(last: &Reconciled, lost: u64) -> std::io::Result<()> {
    if lost > 0 {
        line(format!("{lost} can no longer be delivered by the sender"))?;
    }
    match (still_missing(last, lost), last.complete) {
        (0, true) => line("nothing is missing"),
        (0, false) => line("the comparison is not at its end: run it again"),
        (still, _) => line(format!("{still} are still missing")),
    }
}
