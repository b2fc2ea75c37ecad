//! `/console/replays`: events of the past sent again, with their progress.

use std::sync::Arc;

use actix_web::Either;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;
use askama_web::WebTemplate;
use console::{Answer, Asked, Frame, PAGE_ITEMS, Pager, Time, Visit, said};
use contract::parse_ms;
use serde::Deserialize;
use serde_json::{Value, json};
use service::{Form, Json, Problem, Query};

use super::endpoints::Endpoints;
use super::event_types::{TypeLine, event_types};
use super::refusal::Refusal;
use super::trouble::framed;
use crate::api::webhooks::replays;
use crate::service_state::ServiceState;

pub(super) const AT: &str = "/console/replays";

type State = Data<Arc<ServiceState>>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    offset: Option<u32>,
}

#[derive(Template, WebTemplate)]
#[template(path = "replays.html")]
pub(super) struct ReplaysPage {
    frame: Frame,
    endpoints: Endpoints,
    types: Vec<TypeLine>,
    lines: Vec<ReplayLine>,
    refusal: Refusal,
    form: ReplayForm,
    /// None beneath a form that was refused.
    pager: Option<Pager>,
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

    fn since(&self) -> Option<Time> {
        parse_ms(&self.since).ok().map(Time)
    }

    fn until(&self) -> Option<Time> {
        parse_ms(self.until.as_deref()?).ok().map(Time)
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
    let offset = asked.query.offset.unwrap_or(0);
    let (lines, total) = listed(&state, &visit, offset).await?;
    let pager = Pager::of(&asked, offset.into(), total);
    page(&state, &visit, lines, Some(pager)).await
}

async fn listed(
    state: &State,
    visit: &Visit,
    offset: u32,
) -> Result<(Vec<ReplayLine>, i64), Problem> {
    let query = json!({ "limit": PAGE_ITEMS, "offset": offset });
    let query = serde_json::from_value(query).map_err(Problem::internal)?;
    let listed = replays::list(state.clone(), visit.caller.clone(), Query(query)).await?;
    let listed: Listed = said(listed).await?;
    Ok((listed.items, listed.total))
}

async fn page(
    state: &State,
    visit: &Visit,
    lines: Vec<ReplayLine>,
    pager: Option<Pager>,
) -> Result<ReplaysPage, Problem> {
    Ok(ReplaysPage {
        endpoints: Endpoints::of(state, visit).await?,
        types: event_types(state, visit).await?,
        frame: framed(state, visit, "Replays", AT).await?,
        refusal: Refusal::default(),
        form: ReplayForm::default(),
        pager,
        lines,
    })
}

/// What is to be sent again, as the form holds it; a field that is not sent is not an empty one.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayForm {
    since: String,
    until: String,
    subscription: String,
    types: String,
    state: String,
    rate_per_second: String,
}

impl ReplayForm {
    /// As the API takes it; what is empty is not said.
    fn body(&self) -> Result<Value, Problem> {
        let said = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let types = self.types.split([',', ' ']);
        let types: Vec<&str> = types.filter(|word| !word.is_empty()).collect();
        let rate = said(&self.rate_per_second).map(|text| text.parse::<u32>());
        let rate = rate.transpose().map_err(|_no_number| {
            Problem::invalid_field("rate_per_second", "give a whole number")
        })?;
        let states: Vec<String> = said(&self.state).into_iter().collect();
        Ok(json!({
            "since": said(&self.since),
            "until": said(&self.until),
            "subscription": said(&self.subscription),
            "types": types,
            "states": states,
            "rate_per_second": rate,
        }))
    }
}

#[derive(Deserialize)]
struct Started {
    expected: i64,
}

/// `POST /console/replays`: the form comes back as it was filled when it is refused.
pub(super) async fn create(
    state: State,
    visit: Visit,
    Form(form): Form<ReplayForm>,
) -> Result<Either<Answer, (ReplaysPage, StatusCode)>, Problem> {
    match start(&state, &visit, &form).await {
        Ok(started) => {
            let count = started.expected;
            let text = format!("The replay has begun: {count} deliveries expected");
            Ok(Either::Left(visit.done(AT, text)?))
        }
        Err(problem) if problem.code().status().is_client_error() => {
            let (lines, _) = listed(&state, &visit, 0).await?;
            let page = ReplaysPage {
                refusal: Refusal::of(&problem),
                form,
                ..page(&state, &visit, lines, None).await?
            };
            Ok(Either::Right((page, problem.code().status())))
        }
        Err(problem) => Err(problem),
    }
}

async fn start(state: &State, visit: &Visit, form: &ReplayForm) -> Result<Started, Problem> {
    let input = serde_json::from_value(form.body()?).map_err(Problem::internal)?;
    said(replays::create(state.clone(), visit.caller.clone(), Json(input)).await?).await
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
