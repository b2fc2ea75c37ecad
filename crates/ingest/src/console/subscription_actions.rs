//! What people do to a subscription: make, test, give new keys, pause, delete. Each calls the JSON API's own handler. A
//! secret is shown on the one page after it was made.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web::{Data, Path};
use askama::Template;
use askama_web::WebTemplate;
use console::{Answer, Frame, Visit};
use contract::Profile;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use service::{Form, Json, Problem};

use super::said::said;
use super::subscriptions::AT;
use super::trouble::framed;
use crate::api::webhooks::{catalogue, subscriptions};
use crate::service_state::ServiceState;

type State = Data<Arc<ServiceState>>;

#[derive(Template, WebTemplate)]
#[template(path = "subscription_new.html")]
pub(super) struct NewPage {
    frame: Frame,
    profiles: Vec<&'static str>,
    types: Vec<TypeLine>,
    schedule: String,
    timeout_seconds: u32,
    refusal: Option<String>,
    form: SubscriptionForm,
}

/// An event type that can be asked for.
#[derive(Debug, Deserialize)]
pub(super) struct TypeLine {
    pub(super) event_type: String,
    pub(super) description: String,
}

#[derive(Debug, Deserialize)]
struct Types {
    items: Vec<TypeLine>,
}

/// A subscription as its form holds it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SubscriptionForm {
    url: String,
    /// Apart by commas or blanks.
    events: String,
    description: String,
    filter: String,
    profile: String,
    signing: String,
    secret: String,
    timeout_seconds: String,
    schedule: String,
    rate_limit_per_second: String,
    ordering: String,
}

impl SubscriptionForm {
    /// As the API takes it; what is empty is not said.
    fn body(&self) -> Result<Value, Problem> {
        let mut body = Map::new();
        for (name, text) in [
            ("url", &self.url),
            ("description", &self.description),
            ("filter", &self.filter),
            ("profile", &self.profile),
            ("signing", &self.signing),
            ("secret", &self.secret),
            ("ordering", &self.ordering),
        ] {
            if !text.trim().is_empty() {
                body.insert(name.to_owned(), json!(text.trim()));
            }
        }
        let words = self.events.split([',', ' ', '\n', '\r', '\t']);
        let events: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        body.insert("events".to_owned(), json!(events));
        for (name, text) in [
            ("timeout_seconds", &self.timeout_seconds),
            ("rate_limit_per_second", &self.rate_limit_per_second),
        ] {
            if !text.trim().is_empty() {
                let number: Value = serde_json::from_str(text.trim())
                    .map_err(|_no_number| Problem::invalid_field(name, "give a number"))?;
                body.insert(name.to_owned(), number);
            }
        }
        if !self.schedule.trim().is_empty() {
            let retry = json!({ "schedule": self.schedule.trim() });
            body.insert("retry".to_owned(), retry);
        }
        Ok(Value::Object(body))
    }
}

/// `GET /console/subscriptions/new`.
pub(super) async fn form(state: State, visit: Visit) -> Result<NewPage, Problem> {
    let form = SubscriptionForm {
        events: "file.*".to_owned(),
        ..SubscriptionForm::default()
    };
    new_page(&state, &visit, form, None).await
}

async fn new_page(
    state: &State,
    visit: &Visit,
    form: SubscriptionForm,
    refusal: Option<String>,
) -> Result<NewPage, Problem> {
    let types: Types = said(catalogue::list(state.clone(), visit.caller.clone()).await?).await?;
    Ok(NewPage {
        frame: framed(state, visit, "New subscription", AT).await?,
        profiles: Profile::ALL.iter().map(|profile| profile.name()).collect(),
        types: types.items,
        schedule: state.delivery.retry_schedule.clone(),
        timeout_seconds: state.delivery.attempt_timeout_seconds,
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

/// `POST /console/subscriptions/new`: the form comes back with the refusal when there is one.
pub(super) async fn create(
    state: State,
    visit: Visit,
    Form(form): Form<SubscriptionForm>,
) -> Result<actix_web::Either<Answer, (NewPage, actix_web::http::StatusCode)>, Problem> {
    let made = match try_create(&state, &visit, &form).await {
        Ok(made) => made,
        Err(problem) if problem.code().status().is_client_error() => {
            let refusal = Some(problem.detail().to_owned());
            let page = new_page(&state, &visit, form, refusal).await?;
            return Ok(actix_web::Either::Right((page, problem.code().status())));
        }
        Err(problem) => return Err(problem),
    };
    let page = format!("{AT}/{}", made.id);
    let text = "The subscription is made. Its secret is shown this once";
    Ok(actix_web::Either::Left(visit.revealed(
        &page,
        text,
        made.shown(),
    )?))
}

async fn try_create(
    state: &State,
    visit: &Visit,
    form: &SubscriptionForm,
) -> Result<Made, Problem> {
    let input = serde_json::from_value(form.body()?);
    let input = input.map_err(|cause| Problem::invalid_field("body", cause.to_string()))?;
    let caller = visit.caller.clone();
    said(subscriptions::create(state.clone(), caller, Json(input)).await?).await
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
