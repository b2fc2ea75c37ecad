//! How commands reach a running service, and how they show what it answers. It must never show a key.

use std::process::ExitCode;

use clap::Args;
use client::{Client, ClientError};
use serde_json::Value;

use crate::report::{line, table};

/// Nobody answered, or broke off: the same command may do better later.
pub(crate) const UNREACHABLE: u8 = 3;

#[derive(Debug, Clone, Args)]
pub(crate) struct ServiceArgs {
    /// The ingest service
    #[arg(long, default_value = "http://127.0.0.1:8081", env = "DRAFTWIRE_URL")]
    pub(crate) url: String,
    /// A key, where the service asks for one
    #[arg(long, env = "DRAFTWIRE_KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,
}

impl ServiceArgs {
    pub(crate) fn client(&self) -> Result<Client, ClientError> {
        Client::new(&self.url, self.key.as_deref())
    }
}

/// One thing of the service's.
#[derive(Debug, Args)]
pub(crate) struct OneArgs {
    /// Its id
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

/// The service, and whether a program reads what we print.
#[derive(Debug, Clone, Args)]
pub(crate) struct AskArgs {
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
    /// Print the service's answers as JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// 3 when the service could not be reached, 1 for everything else.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    let unreachable = error.chain().any(|cause| {
        matches!(
            cause.downcast_ref::<ClientError>(),
            Some(
                ClientError::Unreachable { .. }
                    | ClientError::Broken { .. }
                    | ClientError::Timeout { .. }
            )
        )
    });
    match unreachable {
        true => ExitCode::from(UNREACHABLE),
        false => ExitCode::FAILURE,
    }
}

/// Column headings and where their values stand in a record.
pub(crate) type Columns = [(&'static str, &'static str)];

/// A list as the service answers it: JSON objects, one a line, or a table of some columns.
pub(crate) fn show_list(answer: &Value, columns: &Columns, json: bool) -> anyhow::Result<()> {
    let items = answer.get("items").and_then(Value::as_array);
    let items = items.map(Vec::as_slice).unwrap_or_default();
    if json {
        for item in items {
            line(item.to_string())?;
        }
        return Ok(());
    }
    let row = |item: &Value| {
        let cells = columns.iter().map(|(_, field)| cell(item, field));
        cells.collect::<Vec<String>>()
    };
    let rows: Vec<Vec<String>> = items.iter().map(row).collect();
    let headings: Vec<&str> = columns.iter().map(|(heading, _)| *heading).collect();
    table(&headings, &rows)?;
    let total = answer
        .get("total")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    if total > items.len() as u64 {
        line(format!("{} of {total}: --limit shows more", items.len()))?;
    }
    Ok(())
}

/// One record: a JSON object, or a line for each of its fields.
pub(crate) fn show_one(record: &Value, json: bool) -> anyhow::Result<()> {
    let Value::Object(fields) = record else {
        return Ok(());
    };
    if json {
        return Ok(line(record.to_string())?);
    }
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        line(format!("{name:<18} {}", text(value)))?;
    }
    Ok(())
}

/// The text of a field; empty when there is none.
pub(crate) fn cell(record: &Value, field: &str) -> String {
    record.get(field).map(text).unwrap_or_default()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            texts.join(",")
        }
        other => other.to_string(),
    }
}
