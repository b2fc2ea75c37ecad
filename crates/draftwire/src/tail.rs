//! `draftwire tail` and `draftwire listen`: events and deliveries as they come, seen or sent on. Both ask the service's log:
//! nothing is registered there, so nothing is left behind, and no port of this machine must be reachable.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use client::{Client, ClientError, EventTail, Forwarder, LoggedEvent};
use serde_json::Value;

use crate::connect::{AskArgs, cell};
use crate::report::line;
use crate::time::{now_ms, rfc3339};

/// How often the service is asked.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// Longest wait between two tries while it cannot be reached.
const WAIT_MAX: Duration = Duration::from_secs(15);
/// Events whose deliveries are followed at once, and for how many askings.
const FOLLOWED_MAX: usize = 200;
const FOLLOWED_FOR: u32 = 240;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  draftwire tail                                  events, and what becomes of their deliveries
  draftwire tail --type file.processed --json     one object a line, for programs
  draftwire tail --since 2026-11-22T08:00:00Z --count 10")]
pub(crate) struct TailArgs {
    #[command(flatten)]
    wanted: WantedArgs,
    /// Events only
    #[arg(long)]
    no_deliveries: bool,
    #[command(flatten)]
    ask: AskArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  draftwire listen --forward http://127.0.0.1:3000/hooks --type file.processed

Events are formed and signed like deliveries, with a secret of their own that is printed first. They are read
from the service's log: this machine needs no address that the service could reach, the service is not asked to send
anything, and nothing is left there when this ends. An event that is refused is not sent again.")]
pub(crate) struct ListenArgs {
    /// Where to send them, on this machine as a rule
    #[arg(long, value_name = "URL")]
    forward: String,
    /// Form of the requests: standard, module-n, resource, canonical or cloudevents
    #[arg(long, default_value = "standard")]
    profile: String,
    /// A secret of your own to sign with
    #[arg(long, env = "DRAFTWIRE_SECRET", hide_env_values = true)]
    secret: Option<String>,
    #[command(flatten)]
    wanted: WantedArgs,
    #[command(flatten)]
    ask: AskArgs,
}

#[derive(Debug, Args)]
struct WantedArgs {
    /// Only events of this type
    #[arg(long = "type")]
    event_type: Option<String>,
    /// Only events about this, as in file/12
    #[arg(long)]
    subject: Option<String>,
    /// Begin with what was recorded at this time [default: now]
    #[arg(long)]
    since: Option<String>,
    /// Stop after so many events
    #[arg(long)]
    count: Option<u64>,
}

/// Events that are wanted, as they come.
struct Following {
    tail: EventTail,
    subject: Option<String>,
    left: Option<u64>,
    wait: Duration,
}

impl Following {
    fn new(client: Client, wanted: &WantedArgs) -> Self {
        let since = wanted.since.clone().unwrap_or_else(|| rfc3339(now_ms()));
        Self {
            tail: EventTail::new(client, since, wanted.event_type.clone()),
            subject: wanted.subject.clone(),
            left: wanted.count,
            wait: ASK_EVERY,
        }
    }

    fn is_over(&self) -> bool {
        self.left == Some(0)
    }

    /// The next ones; a service that cannot be reached is waited for, one that refuses is not.
    async fn next(&mut self) -> anyhow::Result<Vec<LoggedEvent>> {
        let mut events = match self.tail.next().await {
            Ok(events) => events,
            Err(error) if passes(&error) => {
                eprintln!("draftwire: {error}");
                self.wait = (self.wait * 2).min(WAIT_MAX);
                return Ok(Vec::new());
            }
            Err(error) => return Err(error.into()),
        };
        self.wait = ASK_EVERY;
        let subject = self.subject.as_deref();
        events.retain(|event| subject.is_none_or(|subject| event.subject == subject));
        if let Some(left) = &mut self.left {
            events.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= events.len() as u64;
        }
        Ok(events)
    }
}

fn passes(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { .. }
        | ClientError::Broken { .. }
        | ClientError::Timeout { .. } => true,
        ClientError::Problem(problem) => matches!(problem.status, 429 | 502..=504),
        ClientError::Status { status, .. } => matches!(status, 429 | 502..=504),
        _ => false,
    }
}

pub(crate) async fn tail(args: &TailArgs) -> anyhow::Result<ExitCode> {
    let client = args.ask.service.client()?;
    // One that is not there at all is no service to wait for.
    client.health().await?;
    let mut following = Following::new(client.clone(), &args.wanted);
    let mut followed = BTreeMap::new();
    loop {
        for event in following.next().await? {
            show(&event, args.ask.json)?;
            if !args.no_deliveries && followed.len() < FOLLOWED_MAX {
                followed.insert(event.id, Followed::default());
            }
        }
        follow(&client, &mut followed, args.ask.json).await?;
        if following.is_over() && followed.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        if interrupted(following.wait).await? {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// What was shown of an event's deliveries.
#[derive(Debug, Default)]
struct Followed {
    shown: BTreeMap<String, String>,
    asked: u32,
}

/// Shows what has changed; forgets events whose deliveries have all ended.
async fn follow(
    client: &Client,
    followed: &mut BTreeMap<String, Followed>,
    json: bool,
) -> anyhow::Result<()> {
    let mut over = Vec::new();
    for (id, before) in followed.iter_mut() {
        before.asked += 1;
        let event = match client.logged_event(id).await {
            Ok(event) => event,
            Err(error) if passes(&error) => continue,
            Err(error) => return Err(error.into()),
        };
        let deliveries = event.deliveries.unwrap_or_default();
        for delivery in &deliveries {
            let now = format!(
                "{} {}",
                cell(delivery, "state"),
                cell(delivery, "attempt_number")
            );
            let before = before.shown.insert(cell(delivery, "id"), now.clone());
            if before.as_deref() != Some(&now) && cell(delivery, "attempt_number") != "0" {
                show_delivery(delivery, json)?;
            }
        }
        let ended = |delivery: &Value| cell(delivery, "state") != "pending";
        if deliveries.iter().all(ended) || before.asked > FOLLOWED_FOR {
            over.push(id.clone());
        }
    }
    followed.retain(|id, _| !over.contains(id));
    Ok(())
}

fn show(event: &LoggedEvent, json: bool) -> anyhow::Result<()> {
    if json {
        return Ok(line(serde_json::to_string(event)?)?);
    }
    let (id, kind, subject) = (&event.id, &event.event_type, &event.subject);
    line(format!(
        "{}  {kind:<24} {subject} #{}  {id}",
        event.recorded_at, event.sequence
    ))?;
    Ok(())
}

fn show_delivery(delivery: &Value, json: bool) -> anyhow::Result<()> {
    if json {
        return Ok(line(delivery.to_string())?);
    }
    let of = |field| cell(delivery, field);
    let outcome = match (of("state").as_str(), of("error_message")) {
        ("pending", error) => format!(
            "attempt {} failed: {error}; next {}",
            of("attempt_number"),
            of("next_retry_at")
        ),
        (state, error) if error.is_empty() => format!(
            "{state}, attempt {}, {}",
            of("attempt_number"),
            of("response_code")
        ),
        (state, error) => format!("{state}, attempt {}: {error}", of("attempt_number")),
    };
    line(format!("  → {}  {outcome}", of("id")))?;
    Ok(())
}

pub(crate) async fn listen(args: &ListenArgs) -> anyhow::Result<ExitCode> {
    let client = args.ask.service.client()?;
    let forwarder = Forwarder::new(&args.forward, &args.profile, args.secret.as_deref())?;
    client.health().await?;
    let mut following = Following::new(client, &args.wanted);
    if args.secret.is_none() {
        eprintln!("Signed with {}  (until this ends)", forwarder.secret());
    }
    eprintln!(
        "Events of {} go to {}; Ctrl-C ends this",
        args.ask.service.url, args.forward
    );
    let mut all_well = true;
    loop {
        for event in following.next().await? {
            let answer = forwarder.forward(&event, now_ms()).await;
            let (status, said) = match answer {
                Ok(answer) => (Some(answer.status), answer.body),
                Err(error) => (None, error.to_string()),
            };
            all_well &= status.is_some_and(|status| (200..300).contains(&status));
            show_forwarded(&event, status, &said, args.ask.json)?;
        }
        if following.is_over() || interrupted(following.wait).await? {
            return Ok(ExitCode::from(u8::from(!all_well)));
        }
    }
}

fn show_forwarded(
    event: &LoggedEvent,
    status: Option<u16>,
    said: &str,
    json: bool,
) -> anyhow::Result<()> {
    if json {
        let shown = serde_json::json!({"id": event.id, "type": event.event_type, "status": status, "answer": said});
        return Ok(line(shown.to_string())?);
    }
    let code = status.map_or_else(|| "---".to_owned(), |status| status.to_string());
    let said = said.lines().next().unwrap_or_default();
    line(format!(
        "{code}  {:<24} {}  {said}",
        event.event_type, event.id
    ))?;
    Ok(())
}

/// Waits; true when Ctrl-C ended the wait.
async fn interrupted(wait: Duration) -> std::io::Result<bool> {
    tokio::select! {
        heard = tokio::signal::ctrl_c() => heard.map(|()| true),
        () = tokio::time::sleep(wait) => Ok(false),
    }
}
