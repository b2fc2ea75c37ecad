//! `draftwire publish`: an event of one's own to everybody who asked for its type.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use client::{EventBus, NewEvent};
use serde_json::{Map, Value, json};

use crate::connect::AskArgs;
use crate::report::line;

/// The service takes less.
const DATA_BYTES_MAX: u64 = 16 * 1024 * 1024;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  draftwire publish invoice.paid --data '{\"invoice_id\": \"inv_123\"}'
  draftwire publish invoice.paid --data @invoice.json --idempotency-key inv_123-paid
  jq .order order.json | draftwire publish order.placed --data -")]
pub(crate) struct PublishArgs {
    /// Event type, as in invoice.paid
    #[arg(value_name = "TYPE")]
    event_type: String,
    /// The facts, a JSON object: as text, from a file with @FILE, or from standard input with -
    #[arg(long, default_value = "{}")]
    data: String,
    /// What it is about, as in invoice/inv_123
    #[arg(long)]
    subject: Option<String>,
    /// Notes of yours, a JSON object
    #[arg(long)]
    metadata: Option<String>,
    /// The same event under the same key within 24 hours is published once
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    ask: AskArgs,
}

pub(crate) async fn run(args: &PublishArgs) -> anyhow::Result<ExitCode> {
    let metadata = args.metadata.as_deref();
    let event = NewEvent {
        event_type: args.event_type.clone(),
        data: object("--data", &text(&args.data)?)?,
        subject: args.subject.clone(),
        metadata: metadata
            .map(|text| object("--metadata", text))
            .transpose()?,
        ..NewEvent::default()
    };
    let bus = EventBus::new(args.ask.service.client()?);
    let published = match &args.idempotency_key {
        Some(key) => bus.publish_as(&event, key).await?,
        None => bus.publish(&event).await?,
    };
    if args.ask.json {
        line(
            json!({
                "id": published.id,
                "sequence": published.sequence,
                "deliveries": published.deliveries,
                "repeated": published.repeated,
                "warnings": published.warnings,
            })
            .to_string(),
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    for warning in &published.warnings {
        eprintln!("warning: {warning}");
    }
    let again = if published.repeated {
        ", known already"
    } else {
        ""
    };
    line(format!(
        "{} is owed to {} subscriptions{again}",
        published.id, published.deliveries
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn text(given: &str) -> anyhow::Result<String> {
    let source: Box<dyn Read> = match given.strip_prefix('@') {
        Some(path) => {
            Box::new(std::fs::File::open(Path::new(path)).with_context(|| path.to_owned())?)
        }
        None if given == "-" => Box::new(std::io::stdin()),
        None => return Ok(given.to_owned()),
    };
    let mut text = String::new();
    let read = source.take(DATA_BYTES_MAX + 1).read_to_string(&mut text)?;
    if read as u64 > DATA_BYTES_MAX {
        bail!("--data: more than {DATA_BYTES_MAX} bytes");
    }
    Ok(text)
}

fn object(flag: &str, text: &str) -> anyhow::Result<Map<String, Value>> {
    let object = serde_json::from_str(text);
    object.with_context(|| format!("{flag} is no JSON object"))
}
