//! `/console/replays`: events of the past sent again, with their progress.

use std::sync::Arc;

use actix_web::web::{Data, Path};
use askama::Template;
use askama_web::WebTemplate;
use console::{Answer, Asked, Frame, Visit};
use serde::Deserialize;
use serde_json::json;
use service::{Form, Json, Problem, Query};

use super::pager::{PAGE_ITEMS, Pager};
use super::said::said;
use super::trouble::framed;
use crate::api::webhooks::replays;
use crate::service_state::ServiceState;

pub(super) const AT: &str = "/console/replays";

type State = Data<Arc<ServiceState>>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    offset: Option<i64>,
}

#[derive(Template, WebTemplate)]
#[template(path = "replays.html")]
pub(super) struct ReplaysPage {
    frame: Frame,
    lines: Vec<ReplayLine>,
    pager: Pager,
}

/// A replay as the API answers it.
#[derive(Debug, Deserialize)]
struct ReplayLine {
    id: String,
    since: String,
    until: Option<String>,
    subscription: Option<String>,
    types: Vec<String>,
    states: Vec<String>,
    rate_per_second: i64,
    state: String,
    expected: i64,
    queued: i64,
    progress_percent: i64,
}

impl ReplayLine {
    fn look(&self) -> &'static str {
        match self.state.as_str() {
            "running" => "info",
            "completed" => "good",
            _ => "",
        }
    }

    fn wanted(&self) -> String {
        let types = match self.types.is_empty() {
            true => "all events".to_owned(),
            false => self.types.join(", "),
        };
        match self.states.is_empty() {
            true => types,
            false => format!("{types}, {}", self.states.join(" or ")),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Listed {
    items: Vec<ReplayLine>,
    total: i64,
}

/// `GET /console/replays`.
pub(super) async fn list(
    state: State,
    visit: Visit,
    asked: Asked<ListQuery>,
) -> Result<ReplaysPage, Problem> {
    let offset = asked.query.offset.unwrap_or(0).max(0);
    let query = json!({ "limit": PAGE_ITEMS, "offset": offset });
    let query = serde_json::from_value(query).map_err(Problem::internal)?;
    let caller = visit.caller.clone();
    let listed: Listed = said(replays::list(state.clone(), caller, Query(query)).await?).await?;
    Ok(ReplaysPage {
        frame: framed(&state, &visit, "Replays", AT).await?,
        pager: Pager::of(&asked, offset, listed.total),
        lines: listed.items,
    })
}

/// What is to be sent again, as the form holds it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayForm {
    since: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    subscription: String,
    #[serde(default)]
    types: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    rate_per_second: String,
}

#[derive(Deserialize)]
struct Started {
    expected: i64,
}

/// `POST /console/replays`.
pub(super) async fn create(
    state: State,
    visit: Visit,
    Form(form): Form<ReplayForm>,
) -> Result<Answer, Problem> {
    let said_text = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
    let types: Vec<&str> = form
        .types
        .split([',', ' '])
        .filter(|word| !word.is_empty())
        .collect();
    let rate = said_text(&form.rate_per_second).map(|text| text.parse::<u32>());
    let rate = rate
        .transpose()
        .map_err(|_no_number| Problem::invalid_field("rate_per_second", "give a whole number"))?;
    let states: Vec<String> = said_text(&form.state).into_iter().collect();
    let input = json!({
        "since": said_text(&form.since),
        "until": said_text(&form.until),
        "subscription": said_text(&form.subscription),
        "types": types,
        "states": states,
        "rate_per_second": rate,
    });
    let input = serde_json::from_value(input).map_err(Problem::internal)?;
    let started = replays::create(state, visit.caller.clone(), Json(input)).await?;
    let started: Started = said(started).await?;
    visit.done(
        AT,
        format!(
            "The replay has begun: {} deliveries expected",
            started.expected
        ),
    )
}

/// `POST /console/replays/{id}/cancel`.
pub(super) async fn cancel(
    state: State,
    visit: Visit,
    id: Path<String>,
) -> Result<Answer, Problem> {
    replays::cancel(state, visit.caller.clone(), id).await?;
    visit.done(AT, "The replay is cancelled")
}
