//! `draftwire deliveries`, `dead-letters` and `replay`: what became of events, and sending them again.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use client::Change;
use serde_json::{Map, Value, json};

use crate::connect::{AskArgs, Columns, OneArgs, cell, show_list, show_one};
use crate::report::line;

#[derive(Debug, Subcommand)]
pub(crate) enum DeliveriesCommand {
    /// Show them, newest first
    List(FilterArgs),
    /// Show one with every attempt
    Show(OneArgs),
    /// Send it again, now, whatever has become of it
    Retry(OneArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// Show deliveries that were given up, newest first
    List(FilterArgs),
    /// Send all that match again
    Redeliver(FilterArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReplayCommand {
    /// Send events of the past again, as a job
    Create(CreateArgs),
    /// Show the jobs, newest first
    List(FilterArgs),
    /// Show one
    Show(OneArgs),
    /// End one; what it has added is still delivered
    Cancel(OneArgs),
}

#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// pending, delivered or dead
    #[arg(long)]
    state: Option<String>,
    /// Id of a subscription
    #[arg(long)]
    subscription: Option<String>,
    /// Event type
    #[arg(long = "type")]
    event_type: Option<String>,
    /// Id of an event
    #[arg(long)]
    event: Option<String>,
    /// From this time on, as in 2026-11-22T08:00:00Z
    #[arg(long)]
    since: Option<String>,
    #[arg(long)]
    until: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    #[command(flatten)]
    ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  draftwire replay create --since 2026-11-22T08:00:00Z --types file.processed --states dead --preview")]
pub(crate) struct CreateArgs {
    /// From this time on
    #[arg(long)]
    since: String,
    #[arg(long)]
    until: Option<String>,
    /// To this subscription only
    #[arg(long)]
    subscription: Option<String>,
    /// Event types or patterns
    #[arg(long, value_delimiter = ',')]
    types: Vec<String>,
    /// Only where the delivery is pending, delivered or dead
    #[arg(long, value_delimiter = ',')]
    states: Vec<String>,
    /// Events a second
    #[arg(long)]
    rate: Option<u32>,
    /// Only say how many events that would be
    #[arg(long)]
    preview: bool,
    #[command(flatten)]
    ask: AskArgs,
}

const DELIVERIES: &Columns = &[
    ("id", "id"),
    ("state", "state"),
    ("attempts", "attempt_number"),
    ("code", "response_code"),
    ("type", "event_type"),
    ("subject", "subject"),
    ("created", "created_at"),
    ("next try", "next_retry_at"),
    ("error", "error_message"),
];
const ATTEMPTS: &Columns = &[
    ("attempt", "number"),
    ("started", "started_at"),
    ("ms", "duration_ms"),
    ("outcome", "outcome"),
    ("code", "status_code"),
    ("error", "error"),
];
const REPLAYS: &Columns = &[
    ("id", "id"),
    ("state", "state"),
    ("since", "since"),
    ("until", "until"),
    ("queued", "queued"),
    ("expected", "expected"),
    ("%", "progress_percent"),
];

impl FilterArgs {
    fn given(&self) -> Vec<(&'static str, String)> {
        let given = [
            ("state", &self.state),
            ("subscription", &self.subscription),
            ("type", &self.event_type),
            ("event_id", &self.event),
            ("since", &self.since),
            ("until", &self.until),
        ];
        let given = given
            .into_iter()
            .filter_map(|(name, text)| Some((name, text.clone()?)));
        given.collect()
    }

    async fn list(&self, below: &str, columns: &Columns) -> anyhow::Result<ExitCode> {
        let mut query = self.given();
        query.push(("limit", self.limit.to_string()));
        let answer = self
            .ask
            .service
            .client()?
            .platform(&[below], &query)
            .await?;
        show_list(&answer, columns, self.ask.json)?;
        Ok(ExitCode::SUCCESS)
    }
}

pub(crate) async fn deliveries(command: &DeliveriesCommand) -> anyhow::Result<ExitCode> {
    match command {
        DeliveriesCommand::List(args) => args.list("deliveries", DELIVERIES).await,
        DeliveriesCommand::Show(args) => {
            let client = args.ask.service.client()?;
            let mut answer = client.platform(&["deliveries", &args.id], &[]).await?;
            if args.ask.json {
                show_one(&answer, true)?;
                return Ok(ExitCode::SUCCESS);
            }
            let attempts = answer
                .as_object_mut()
                .and_then(|fields| fields.remove("attempts"));
            show_one(&answer, false)?;
            line("")?;
            show_list(&json!({ "items": attempts }), ATTEMPTS, false)?;
            Ok(ExitCode::SUCCESS)
        }
        DeliveriesCommand::Retry(args) => {
            let client = args.ask.service.client()?;
            let path = ["deliveries", &args.id, "retry"];
            let answer = client.change_platform(Change::Post, &path, None).await?;
            match args.ask.json {
                true => show_one(&answer, true)?,
                false => line(format!("{}: {}", args.id, cell(&answer, "message")))?,
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

pub(crate) async fn dead_letters(command: &DeadLettersCommand) -> anyhow::Result<ExitCode> {
    match command {
        DeadLettersCommand::List(args) => args.list("dead-letters", DELIVERIES).await,
        DeadLettersCommand::Redeliver(args) => {
            let given = args
                .given()
                .into_iter()
                .filter(|(name, _)| *name != "state");
            let wanted: Map<String, Value> = given
                .map(|(name, text)| (name.to_owned(), text.into()))
                .collect();
            let wanted = Value::Object(wanted);
            let client = args.ask.service.client()?;
            let path = ["dead-letters", "redeliver"];
            let answer = client.change_platform(Change::Post, &path, Some(&wanted));
            let answer = answer.await?;
            match args.ask.json {
                true => show_one(&answer, true)?,
                false => line(format!("{} are sent again", cell(&answer, "redelivered")))?,
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

pub(crate) async fn replay(command: &ReplayCommand) -> anyhow::Result<ExitCode> {
    match command {
        ReplayCommand::Create(args) => create(args).await?,
        ReplayCommand::List(args) => {
            let query = [("limit", args.limit.to_string())];
            let answer = args
                .ask
                .service
                .client()?
                .platform(&["replays"], &query)
                .await?;
            show_list(&answer, REPLAYS, args.ask.json)?;
        }
        ReplayCommand::Show(args) => {
            let client = args.ask.service.client()?;
            let answer = client.platform(&["replays", &args.id], &[]).await?;
            show_one(&answer, args.ask.json)?;
        }
        ReplayCommand::Cancel(args) => {
            let client = args.ask.service.client()?;
            let path = ["replays", &args.id, "cancel"];
            let answer = client.change_platform(Change::Post, &path, None).await?;
            show_one(&answer, args.ask.json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(args: &CreateArgs) -> anyhow::Result<()> {
    let body = json!({
        "since": args.since,
        "until": args.until,
        "subscription": args.subscription,
        "types": args.types,
        "states": args.states,
        "rate_per_second": args.rate,
        "preview": args.preview,
    });
    let client = args.ask.service.client()?;
    let answer = client
        .change_platform(Change::Post, &["replays"], Some(&body))
        .await?;
    match args.preview && !args.ask.json {
        true => line(format!(
            "{} events would be sent again",
            cell(&answer, "expected")
        ))?,
        false => show_one(&answer, args.ask.json)?,
    }
    Ok(())
}
