//! `draftwire subscriptions`: who is told of what. A secret is shown once, when it is made.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use client::{Change, Client};
use serde_json::{Map, Value, json};

use crate::connect::{AskArgs, Columns, OneArgs, show_list, show_one};
use crate::report::line;

#[derive(Debug, Subcommand)]
pub(crate) enum SubscriptionsCommand {
    /// Show all of them
    List(ListArgs),
    /// Show one
    Show(OneArgs),
    /// Subscribe an endpoint; prints the secret, this once
    Create(CreateArgs),
    /// Send a test event to the endpoint now; exit code 1 when it does not accept it
    Test(OneArgs),
    /// Make a new secret; the old one signs beside it for a day
    Rotate(OneArgs),
    /// Deliver again, after it was disabled or paused
    Enable(OneArgs),
    /// Pause: events are kept for it until it is enabled
    Disable(OneArgs),
    /// End it; what it is still owed is given up
    Delete(OneArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: u32,
    #[command(flatten)]
    ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  draftwire subscriptions create https://erp.example/hooks --events file.processed,file.deleted \\
      --filter 'event.data.quantity > 10'")]
pub(crate) struct CreateArgs {
    /// Where to send
    endpoint: String,
    /// Event types: exact, file.* or *
    #[arg(long, value_delimiter = ',', default_value = "*")]
    events: Vec<String>,
    /// CEL over `event`, as in event.data.quantity > 10
    #[arg(long)]
    filter: Option<String>,
    /// Form of the requests: standard, module-n, resource, canonical or cloudevents
    #[arg(long)]
    profile: Option<String>,
    #[arg(long)]
    description: Option<String>,
    /// A secret of your own instead of a new one
    #[arg(long, env = "DRAFTWIRE_SECRET", hide_env_values = true)]
    secret: Option<String>,
    #[command(flatten)]
    ask: AskArgs,
}

const COLUMNS: &Columns = &[
    ("id", "id"),
    ("state", "state"),
    ("events", "events"),
    ("url", "url"),
    ("delivered", "success_count"),
    ("failed", "failure_count"),
    ("name", "config_name"),
];

pub(crate) async fn run(command: &SubscriptionsCommand) -> anyhow::Result<ExitCode> {
    match command {
        SubscriptionsCommand::List(args) => {
            let client = args.ask.service.client()?;
            let query = [("limit", args.limit.to_string())];
            let answer = client.platform(&["subscriptions"], &query).await?;
            show_list(&answer, COLUMNS, args.ask.json)?;
        }
        SubscriptionsCommand::Show(args) => {
            let client = args.ask.service.client()?;
            let answer = client.platform(&["subscriptions", &args.id], &[]).await?;
            show_one(&answer, args.ask.json)?;
        }
        SubscriptionsCommand::Create(args) => create(args).await?,
        SubscriptionsCommand::Test(args) => return test(args).await,
        SubscriptionsCommand::Rotate(args) => {
            let answer = act(args, Change::Post, &["rotate-secret"], None).await?;
            reveal(&answer, args.ask.json)?;
        }
        SubscriptionsCommand::Enable(args) => {
            let answer = act(args, Change::Post, &["enable"], None).await?;
            said(args, &answer, "delivers")?;
        }
        SubscriptionsCommand::Disable(args) => {
            let paused = json!({"is_active": false});
            let answer = act(args, Change::Patch, &[], Some(&paused)).await?;
            said(args, &answer, "is paused: events are kept for it")?;
        }
        SubscriptionsCommand::Delete(args) => {
            let answer = act(args, Change::Delete, &[], None).await?;
            said(args, &answer, "is deleted")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(args: &CreateArgs) -> anyhow::Result<()> {
    let given = [
        ("url", Some(args.endpoint.clone())),
        ("filter", args.filter.clone()),
        ("profile", args.profile.clone()),
        ("description", args.description.clone()),
        ("secret", args.secret.clone()),
    ];
    let given = given
        .into_iter()
        .filter_map(|(name, text)| Some((name, text?)));
    let mut fields: Map<String, Value> = given
        .map(|(name, text)| (name.to_owned(), text.into()))
        .collect();
    fields.insert("events".to_owned(), args.events.clone().into());
    let client = args.ask.service.client()?;
    let fields = Value::Object(fields);
    let answer = client
        .change_platform(Change::Post, &["subscriptions"], Some(&fields))
        .await?;
    reveal(&answer, args.ask.json)
}

/// What is shown this once.
fn reveal(answer: &Value, json: bool) -> anyhow::Result<()> {
    if json {
        return Ok(line(answer.to_string())?);
    }
    for name in ["id", "secret", "public_key"] {
        if let Some(text) = answer.get(name).and_then(Value::as_str) {
            line(format!("{name:<11} {text}"))?;
        }
    }
    Ok(())
}

async fn test(args: &OneArgs) -> anyhow::Result<ExitCode> {
    let answer = act(args, Change::Post, &["test"], None).await?;
    let success = answer.get("success").and_then(Value::as_bool) == Some(true);
    show_one(&answer, args.ask.json)?;
    Ok(ExitCode::from(u8::from(!success)))
}

async fn act(
    args: &OneArgs,
    change: Change,
    below: &[&str],
    body: Option<&Value>,
) -> anyhow::Result<Value> {
    let client: Client = args.ask.service.client()?;
    let path: Vec<&str> = ["subscriptions", &args.id]
        .into_iter()
        .chain(below.iter().copied())
        .collect();
    Ok(client.change_platform(change, &path, body).await?)
}

fn said(args: &OneArgs, answer: &Value, what: &str) -> anyhow::Result<()> {
    if !args.ask.json {
        line(format!("subscription {} {what}", args.id))?;
    } else if !answer.is_null() {
        line(answer.to_string())?;
    }
    Ok(())
}
