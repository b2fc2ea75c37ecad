//! `/console/inbox`: every event that was received, what was kept of its request, and what became of it.

use std::collections::BTreeMap;

use actix_web::web::{Data, Path};
use askama::Template;
use askama_web::WebTemplate;
use console::{Answer, Asked, Frame, Pager, Time, Visit, said};
use serde::Deserialize;
use serde_json::Value;
use service::Problem;

use super::json_lines::laid_out;
use super::records::{Listed, Tag, page_query, time};
use super::trouble::framed;
use crate::api::inbox as api;
use crate::api::page::Wanted;
use crate::receiver::State;

pub(super) const AT: &str = "/console/inbox";
/// What becomes of events: as the API says, in words, in a colour, and what it means.
const STATES: [(&str, &str, &str, &str); 5] = [
    (
        "applied",
        "applied",
        "good",
        "The records say what it said.",
    ),
    (
        "stale",
        "out of date",
        "",
        "Something newer had been applied before it came; it is kept as activity.",
    ),
    (
        "unmatched",
        "no project",
        "warn",
        "It is applied; no project has the code that it names.",
    ),
    (
        "unknown",
        "not understood",
        "",
        "Nobody here takes events of this type; it is kept.",
    ),
    (
        "failed",
        "failed",
        "bad",
        "It is kept and was not applied. Its sender may send it again, or you apply it again.",
    ),
];

/// An event as the API lists it.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    id: i64,
    source: String,
    profile: String,
    event_id: String,
    event_type: String,
    #[serde(deserialize_with = "time")]
    timestamp: Time,
    verified: String,
    state: String,
    design_file_id: Option<i64>,
    error: Option<EventError>,
    #[serde(deserialize_with = "time")]
    received_at: Time,
    #[serde(deserialize_with = "time")]
    last_seen_at: Time,
    duplicates: i64,
}

/// Why it failed.
#[derive(Debug, Deserialize)]
pub(super) struct EventError {
    code: String,
    message: Option<String>,
}

impl Event {
    fn state(&self) -> Tag {
        let known = STATES.iter().find(|(state, ..)| *state == self.state);
        known.map_or(Tag { word: "", look: "" }, |(_, word, look, _)| Tag {
            word,
            look,
        })
    }

    fn meaning(&self) -> &'static str {
        let known = STATES.iter().find(|(state, ..)| *state == self.state);
        known.map_or("", |(.., meaning)| meaning)
    }

    fn verification(&self) -> &'static str {
        match self.verified.as_str() {
            "signed" => "signature over id, time and body",
            "body_signed" => "signature over the body alone",
            _ => "not signed; its source may send so",
        }
    }

    /// Whether applying it again can bring anything about.
    fn can_be_applied(&self) -> bool {
        matches!(self.state.as_str(), "failed" | "unknown")
    }
}

#[derive(Template, WebTemplate)]
#[template(path = "inbox.html")]
pub(super) struct InboxPage {
    frame: Frame,
    asked: Asked,
    lines: Vec<Event>,
    pager: Pager,
    states: Vec<(&'static str, &'static str)>,
    sources: Vec<String>,
    csv: String,
}

/// `GET /console/inbox`.
pub(super) async fn list(
    state: Data<State>,
    visit: Visit,
    asked: Asked,
) -> Result<InboxPage, Problem> {
    let (caller, query) = (visit.caller.clone(), page_query(&asked)?);
    let listed = api::list(state.clone(), caller, Wanted::Json, query);
    let listed: Listed<Event> = said(listed.await?).await?;
    let own = state.sources.all().into_iter();
    let own = own.filter(|source| source.tenant_id == visit.caller.tenant_id);
    Ok(InboxPage {
        frame: framed(&state, &visit, "Inbox", AT).await?,
        pager: Pager::of(&asked, asked.offset(), listed.total),
        lines: listed.items,
        states: STATES.map(|(state, word, ..)| (state, word)).to_vec(),
        sources: own.map(|source| source.name.clone()).collect(),
        csv: asked.at("/console/inbox.csv"),
        asked,
    })
}

/// An event with its request.
#[derive(Debug, Deserialize)]
struct Whole {
    #[serde(flatten)]
    event: Event,
    headers: Option<BTreeMap<String, Value>>,
    body: String,
}

#[derive(Template, WebTemplate)]
#[template(path = "inbox_event.html")]
pub(super) struct EventPage {
    frame: Frame,
    event: Event,
    headers: Vec<(String, String)>,
    body: String,
}

/// `GET /console/inbox/{id}`.
pub(super) async fn show(
    state: Data<State>,
    visit: Visit,
    id: Path<i64>,
) -> Result<EventPage, Problem> {
    let answer = api::get(state.clone(), visit.caller.clone(), id).await?;
    let whole: Whole = said(answer).await?;
    let header = |(name, value): (String, Value)| match value {
        Value::String(text) => (name, text),
        other => (name, other.to_string()),
    };
    let headers = whole.headers.unwrap_or_default().into_iter();
    Ok(EventPage {
        frame: framed(&state, &visit, whole.event.event_type.as_str(), AT).await?,
        event: whole.event,
        headers: headers.map(header).collect(),
        body: laid_out(whole.body),
    })
}

#[derive(Debug, Deserialize)]
struct Reapplied {
    message: String,
    warning: Option<String>,
}

/// `POST /console/inbox/{id}/reapply`.
pub(super) async fn reapply(
    state: Data<State>,
    visit: Visit,
    id: Path<i64>,
) -> Result<Answer, Problem> {
    let page = format!("{AT}/{id}");
    let done: Reapplied = said(api::reapply(state, visit.caller.clone(), id).await?).await?;
    let text = match done.warning {
        Some(warning) => format!("{}; {warning}", done.message),
        None => done.message,
    };
    visit.done(&page, text)
}
