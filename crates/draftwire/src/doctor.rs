//! `draftwire doctor`: everything the services need, looked at from beside them, each with how to mend it.

use std::net::TcpListener;
use std::process::ExitCode;

use clap::Args;
use client::{Client, reach};
use ingest::IngestSettings;
use ingest::doctor::{CLOCK_MS_MAX, Finding, Verdict, endpoints, examine_database, examine_ingest};
use receiver::ReceiverSettings;
use serde_json::json;
use service::Settings;

use crate::cli::SettingsArgs;
use crate::report::line;
use crate::time::now_ms;

#[derive(Debug, Args)]
#[command(
    after_help = "Looks at settings, databases, migrations, storage, ports, clocks, OCR, the kernel's confinement of workers, \
watched folders, and asks each endpoint with HEAD whether it answers. The services may run meanwhile.

Exit code 0 when all is well or there are only warnings, 1 when something is broken."
)]
pub(crate) struct DoctorArgs {
    /// Do not ask endpoints
    #[arg(long)]
    offline: bool,
    /// Print the findings as JSON, one a line
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: &DoctorArgs, settings: &SettingsArgs) -> anyhow::Result<ExitCode> {
    let findings = match settings.load(&[]) {
        Ok(settings) => examine(args, settings).await?,
        Err(cause) => vec![broken_settings(&cause)],
    };
    let mut broken = false;
    for finding in &findings {
        broken |= finding.verdict == Verdict::Broken;
        show(finding, args.json)?;
    }
    Ok(ExitCode::from(u8::from(broken)))
}

fn broken_settings(cause: &dyn std::error::Error) -> Finding {
    let mend = "Mend the key; `draftwire config check` says when all are right.";
    Finding::new("settings", Verdict::Broken, cause.to_string(), mend)
}

async fn examine(args: &DoctorArgs, settings: Settings) -> anyhow::Result<Vec<Finding>> {
    let ingest = match IngestSettings::read(&settings) {
        Ok(ingest) => ingest,
        Err(cause) => return Ok(vec![broken_settings(&cause)]),
    };
    let receiver = match ReceiverSettings::load(&settings) {
        Ok(receiver) => receiver,
        Err(cause) => return Ok(vec![broken_settings(&cause)]),
    };
    let mut findings = vec![Finding::fine("settings", "understood")];
    let (own, shared) = (ingest.clone(), ingest.clone());
    findings.extend(tokio::task::spawn_blocking(move || examine_ingest(&own)).await?);
    let own = receiver.clone();
    findings.extend(tokio::task::spawn_blocking(move || examine_receiver(&own)).await?);
    findings.push(port("ingest", &ingest.listen).await);
    findings.push(port("receiver", &receiver.receiver.listen).await);
    if !args.offline {
        for (name, url) in tokio::task::spawn_blocking(move || endpoints(&shared)).await? {
            findings.push(endpoint(&name, &url).await);
        }
    }
    Ok(findings)
}

/// Looks at the receiver's database and at who may send. Blocks.
fn examine_receiver(settings: &ReceiverSettings) -> Vec<Finding> {
    let names = ["receiver database", "receiver migrations", "receiver clock"];
    let url_key = "receiver.database.url";
    let mut findings = match settings.examined() {
        Ok((database, migrations)) => examine_database(names, url_key, &database, migrations),
        Err(cause) => vec![broken_settings(&cause)],
    };
    for (name, why) in settings.silenced(now_ms()) {
        findings.push(Finding::new(
            "source",
            Verdict::Warning,
            format!("{name}: {why}"),
            format!("Nothing it sends is accepted: give sources.{name}.secrets one that holds."),
        ));
    }
    findings
}

/// Free, or in use by the very service that it is for.
async fn port(service: &str, listen: &str) -> Finding {
    let name = if service == "ingest" {
        "ingest port"
    } else {
        "receiver port"
    };
    let Err(cause) = TcpListener::bind(listen) else {
        return Finding::fine(name, format!("{listen} is free"));
    };
    let asked = match Client::new(&format!("http://{listen}"), None) {
        Ok(client) => client.health().await.ok(),
        Err(_no_address) => None,
    };
    match asked.filter(|health| health.service.contains(service)) {
        Some(health) => Finding::fine(
            name,
            format!("{listen}: {} {} answers", health.service, health.version),
        ),
        None => Finding::new(
            name,
            Verdict::Broken,
            format!("{listen}: {cause}"),
            format!(
                "Stop the program that listens there, or set {service}.listen to another port."
            ),
        ),
    }
}

async fn endpoint(name: &str, url: &str) -> Finding {
    match reach(url).await {
        Ok(reached) => {
            let ahead = reached.date_ms.map(|date| date - now_ms());
            let detail = format!("{name}: {url} answers {}", reached.status);
            match ahead.filter(|ahead| ahead.abs() > CLOCK_MS_MAX) {
                None => Finding::fine("endpoint", detail),
                Some(ahead) => Finding::new(
                    "endpoint",
                    Verdict::Warning,
                    format!(
                        "{detail}; its clock is about {} s ahead of ours",
                        ahead / 1000
                    ),
                    "Let both follow a time server: endpoints refuse signatures that are some minutes off.",
                ),
            }
        }
        Err(cause) => Finding::new(
            "endpoint",
            Verdict::Warning,
            format!("{name}: {cause}"),
            "Deliveries wait and are tried again: see that it runs, or pause it with `draftwire subscriptions disable`.",
        ),
    }
}

fn show(finding: &Finding, json: bool) -> anyhow::Result<()> {
    let verdict = match finding.verdict {
        Verdict::Fine => "ok",
        Verdict::Warning => "warning",
        Verdict::Broken => "broken",
    };
    if json {
        let shown = json!({
            "name": finding.name,
            "verdict": verdict,
            "detail": finding.detail,
            "mend": finding.mend,
        });
        return Ok(line(shown.to_string())?);
    }
    line(format!(
        "{verdict:<8} {:<19} {}",
        finding.name, finding.detail
    ))?;
    if !finding.mend.is_empty() {
        line(format!("{:<28} → {}", "", finding.mend))?;
    }
    Ok(())
}
