//! What people do to a subscription: make, change, test, give new keys, pause, delete. Each calls the JSON API's own handler. A
//! secret is shown on the one page after it was made.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{Either, HttpRequest};
use askama::Template;
use askama_web::WebTemplate;
use console::{Answer, Frame, Visit, said};
use contract::Profile;
use delivery::Batching;
use serde::Deserialize;
use serde_json::json;
use service::{Code, Form, Json, Problem};

use super::event_types::{TypeLine, event_types};
use super::refusal::Refusal;
use super::subscription_form::{SubscriptionForm, presets};
use super::subscriptions::AT;
use super::trouble::framed;
use crate::api::webhooks::shared::find_subscription;
use crate::api::webhooks::subscriptions;
use crate::service_state::ServiceState;

type State = Data<Arc<ServiceState>>;

#[derive(Template, WebTemplate)]
#[template(path = "subscription_form.html")]
pub(super) struct FormPage {
    frame: Frame,
    /// Where the form goes, and where to without it.
    action: String,
    back: String,
    is_new: bool,
    profiles: Vec<&'static str>,
    types: Vec<TypeLine>,
    presets: Vec<(&'static str, String)>,
    schedule: String,
    timeout_seconds: u32,
    in_flight_max: usize,
    batch_wait_ms: u32,
    refusal: Refusal,
    form: SubscriptionForm,
}

/// `GET /console/subscriptions/new`.
pub(super) async fn form(state: State, visit: Visit) -> Result<FormPage, Problem> {
    let form = SubscriptionForm::empty();
    form_page(&state, &visit, None, form, Refusal::default()).await
}

/// `GET /console/subscriptions/{id}/edit`.
pub(super) async fn edit(
    state: State,
    visit: Visit,
    id: Path<String>,
) -> Result<FormPage, Problem> {
    let one = find_subscription(&state, &visit.caller, &id).await?;
    let form = SubscriptionForm::from(&one);
    form_page(&state, &visit, Some(&id), form, Refusal::default()).await
}

/// The form of the subscription `id`, or of one to be made.
async fn form_page(
    state: &State,
    visit: &Visit,
    id: Option<&str>,
    form: SubscriptionForm,
    refusal: Refusal,
) -> Result<FormPage, Problem> {
    let (title, action, back) = match id {
        None => ("New subscription", format!("{AT}/new"), AT.to_owned()),
        Some(id) => (
            "Change a subscription",
            format!("{AT}/{id}/edit"),
            format!("{AT}/{id}"),
        ),
    };
    Ok(FormPage {
        frame: framed(state, visit, title, AT).await?,
        action,
        back,
        is_new: id.is_none(),
        profiles: Profile::ALL.iter().map(|profile| profile.name()).collect(),
        types: event_types(state, visit).await?,
        presets: presets(),
        schedule: state.delivery.retry_schedule.clone(),
        timeout_seconds: state.delivery.attempt_timeout_seconds,
        in_flight_max: state.delivery.attempts_in_flight_per_endpoint_max,
        batch_wait_ms: Batching::default().max_wait_ms,
        refusal,
        form,
    })
}

#[derive(Deserialize)]
struct Made {
    id: String,
    secret: Option<String>,
    public_key: Option<String>,
}

impl Made {
    fn shown(self) -> String {
        self.secret.or(self.public_key).unwrap_or_default()
    }
}

/// What a form is answered with: where it leads, or the form again with what was refused.
type FormAnswer = Either<Answer, (FormPage, StatusCode)>;

/// `POST /console/subscriptions/new`.
pub(super) async fn create(
    state: State,
    visit: Visit,
    Form(form): Form<SubscriptionForm>,
) -> Result<FormAnswer, Problem> {
    match try_create(&state, &visit, &form).await {
        Ok(made) => {
            let page = format!("{AT}/{}", made.id);
            let text = "The subscription is made. Its secret is shown this once";
            Ok(Either::Left(visit.revealed(&page, text, made.shown())?))
        }
        Err(problem) => refused(&state, &visit, None, form, problem).await,
    }
}

async fn try_create(
    state: &State,
    visit: &Visit,
    form: &SubscriptionForm,
) -> Result<Made, Problem> {
    let input = Json(form.input()?);
    said(subscriptions::create(state.clone(), visit.caller.clone(), input).await?).await
}

/// `POST /console/subscriptions/{id}/edit`: only while it is as the form showed it.
pub(super) async fn change(
    state: State,
    visit: Visit,
    id: Path<String>,
    Form(mut form): Form<SubscriptionForm>,
) -> Result<FormAnswer, Problem> {
    let changed = match form.input() {
        Ok(input) => {
            let (version, caller) = (form.version(), visit.caller.clone());
            subscriptions::changed(state.clone(), caller, &id, version, input).await
        }
        Err(problem) => Err(problem),
    };
    match changed {
        Ok(_record) => {
            let page = format!("{AT}/{id}");
            Ok(Either::Left(
                visit.done(&page, "The subscription is changed")?,
            ))
        }
        Err(problem) => {
            if problem.code() == Code::PreconditionFailed {
                let stored = find_subscription(&state, &visit.caller, &id).await?;
                form.seen(&stored);
            }
            refused(&state, &visit, Some(&id), form, problem).await
        }
    }
}

/// The form again with what was typed and what is wrong with it; what is no fault of the form's stays a problem.
async fn refused(
    state: &State,
    visit: &Visit,
    id: Option<&str>,
    form: SubscriptionForm,
    problem: Problem,
) -> Result<FormAnswer, Problem> {
    let status = problem.code().status();
    if !status.is_client_error() || status == StatusCode::NOT_FOUND {
        return Err(problem);
    }
    let page = form_page(state, visit, id, form, Refusal::of(&problem)).await?;
    Ok(Either::Right((page, status)))
}

/// `POST /console/subscriptions/{id}/rotate`: the old secret signs beside the new one for a day.
pub(super) async fn rotate(
    request: HttpRequest,
    state: State,
    visit: Visit,
    id: Path<String>,
) -> Result<Answer, Problem> {
    let page = format!("{AT}/{id}");
    let body = Ok(Json(subscriptions::Rotation::default()));
    let caller = visit.caller.clone();
    let rotated = subscriptions::rotate(state, caller, id, request, body).await?;
    let made: Made = said(rotated).await?;
    let text = "The new secret is shown this once; the old one signs beside it for 24 hours";
    visit.revealed(&page, text, made.shown())
}

/// `POST /console/subscriptions/{id}/enable`.
pub(super) async fn enable(
    state: State,
    visit: Visit,
    id: Path<String>,
) -> Result<Answer, Problem> {
    let page = format!("{AT}/{id}");
    subscriptions::enable(state, visit.caller.clone(), id).await?;
    visit.done(&page, "The endpoint is sent to again")
}

/// `POST /console/subscriptions/{id}/pause`: its events wait.
pub(super) async fn pause(
    request: HttpRequest,
    state: State,
    visit: Visit,
    id: Path<String>,
) -> Result<Answer, Problem> {
    let page = format!("{AT}/{id}");
    let paused =
        serde_json::from_value(json!({ "is_active": false })).map_err(Problem::internal)?;
    subscriptions::change(request, state, visit.caller.clone(), id, Json(paused)).await?;
    visit.done(&page, "The endpoint is paused; its events wait")
}

/// `POST /console/subscriptions/{id}/delete`.
pub(super) async fn delete(
    state: State,
    visit: Visit,
    id: Path<String>,
) -> Result<Answer, Problem> {
    subscriptions::delete(state, visit.caller.clone(), id).await?;
    visit.done(AT, "The subscription is deleted")
}

#[derive(Template, WebTemplate)]
#[template(path = "probe.html")]
pub(super) struct ProbePage {
    frame: Frame,
    id: String,
    probe: Probe,
}

/// What was sent and what came back.
#[derive(Debug, Deserialize)]
struct Probe {
    success: bool,
    status_code: Option<u16>,
    response_time_ms: i64,
    error: Option<String>,
    request: Sent,
    response_body: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Sent {
    url: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Sent {
    fn lines(&self) -> Vec<String> {
        let line = |(name, value): (&String, &String)| format!("{name}: {value}");
        self.headers.iter().map(line).collect()
    }
}

/// `POST /console/subscriptions/{id}/test`: sends a probe now and shows the exact request.
pub(super) async fn test(
    state: State,
    visit: Visit,
    id: Path<String>,
) -> Result<ProbePage, Problem> {
    let name = id.clone();
    let answer = subscriptions::test(state.clone(), visit.caller.clone(), id).await?;
    Ok(ProbePage {
        frame: framed(&state, &visit, "Test of an endpoint", AT).await?,
        id: name,
        probe: said(answer).await?,
    })
}
