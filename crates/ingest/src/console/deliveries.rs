//! `/console/deliveries` and `/console/dead-letters`: what became of every event at every endpoint, and sending again.

use std::sync::Arc;

use access::of_read;
use actix_web::web::{Data, Path};
use askama::Template;
use askama_web::WebTemplate;
use console::{Answer, Asked, Duration, Frame, Pager, Time, Visit, said};
use contract::{DeliveryId, EventId};
use db::Conn;
use delivery::{Attempt, Delivery, DeliveryFilter, DeliveryState};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use service::{Form, Json, Problem};

use super::delivery_line::DeliveryLine;
use super::endpoints::{Endpoint, Endpoints};
use super::pager::page_at;
use super::trouble::framed;
use crate::api::webhooks::deliveries;
use crate::api::webhooks::shared::{find_subscription, plain, time};
use crate::service_state::ServiceState;

pub(super) const AT: &str = "/console/deliveries";
pub(super) const DEAD_AT: &str = "/console/dead-letters";
const STATES: [(&str, &str, DeliveryState); 3] = [
    ("pending", "waiting", DeliveryState::Pending),
    ("delivered", "delivered", DeliveryState::Delivered),
    ("dead", "dead", DeliveryState::Dead),
];

type State = Data<Arc<ServiceState>>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    state: Option<String>,
    subscription: Option<String>,
    r#type: Option<String>,
    event_id: Option<String>,
    since: Option<String>,
    until: Option<String>,
    offset: Option<u32>,
}

impl ListQuery {
    async fn filter(&self, state: &State, visit: &Visit) -> Result<DeliveryFilter, Problem> {
        let of_state = self.state.as_deref().map(|word| {
            let known = STATES.iter().find(|(name, ..)| *name == word);
            let refused =
                || Problem::invalid_field("state", "accepted are pending, delivered, dead");
            known.map(|(.., state)| *state).ok_or_else(refused)
        });
        let subscription = match &self.subscription {
            Some(id) => Some(find_subscription(state, &visit.caller, id).await?.row_key()),
            None => None,
        };
        let event_id = self.event_id.as_deref().map(EventId::parse).transpose();
        Ok(DeliveryFilter {
            state: of_state.transpose()?,
            subscription,
            event_type: plain("type", self.r#type.clone())?,
            event_id: event_id.map_err(|_no_id| Problem::not_found("an event of this id"))?,
            since_ms: time("since", self.since.as_deref())?,
            until_ms: time("until", self.until.as_deref())?,
        })
    }
}

#[derive(Template, WebTemplate)]
#[template(path = "deliveries.html")]
pub(super) struct DeliveriesPage {
    frame: Frame,
    asked: Asked<ListQuery>,
    lines: Vec<DeliveryLine>,
    pager: Pager,
    endpoints: Vec<Endpoint>,
    is_dead: bool,
    states: [(&'static str, &'static str, DeliveryState); 3],
}

/// `GET /console/deliveries`.
pub(super) async fn list(
    state: State,
    visit: Visit,
    asked: Asked<ListQuery>,
) -> Result<DeliveriesPage, Problem> {
    let filter = asked.query.filter(&state, &visit).await?;
    page(&state, &visit, asked, filter, false).await
}

/// `GET /console/dead-letters`: those that were given up.
pub(super) async fn dead(
    state: State,
    visit: Visit,
    asked: Asked<ListQuery>,
) -> Result<DeliveriesPage, Problem> {
    let filter = DeliveryFilter {
        state: Some(DeliveryState::Dead),
        ..asked.query.filter(&state, &visit).await?
    };
    page(&state, &visit, asked, filter, true).await
}

async fn page(
    state: &State,
    visit: &Visit,
    asked: Asked<ListQuery>,
    filter: DeliveryFilter,
    is_dead: bool,
) -> Result<DeliveriesPage, Problem> {
    let (offset, tenant_id) = (asked.query.offset.unwrap_or(0), visit.caller.tenant_id);
    let read = move |conn: &mut Conn| filter.list(conn, tenant_id, page_at(offset));
    let found = state.database.reads().run(read).await.map_err(of_read)?;
    let (title, at) = match is_dead {
        true => ("Dead letters", DEAD_AT),
        false => ("Deliveries", AT),
    };
    let endpoints = Endpoints::of(state, visit).await?;
    let lines = found.items.iter();
    let lines = lines.map(|delivery| DeliveryLine::of(delivery, &endpoints));
    let lines: Vec<DeliveryLine> = lines.collect();
    Ok(DeliveriesPage {
        frame: framed(state, visit, title, at).await?,
        pager: Pager::of(&asked, offset.into(), found.total),
        asked,
        lines,
        endpoints: endpoints.0,
        is_dead,
        states: STATES,
    })
}

#[derive(Template, WebTemplate)]
#[template(path = "delivery.html")]
pub(super) struct DeliveryPage {
    frame: Frame,
    line: DeliveryLine,
    attempts: Vec<AttemptLine>,
}

/// One HTTP request.
struct AttemptLine {
    number: i64,
    started: Time,
    took: Duration,
    is_good: bool,
    outcome: String,
    error: Option<String>,
    response: Option<String>,
}

impl From<&Attempt> for AttemptLine {
    fn from(attempt: &Attempt) -> Self {
        let response = attempt.response.as_deref();
        Self {
            number: attempt.number,
            started: Time(attempt.started_at_ms),
            took: Duration(attempt.duration_ms),
            is_good: attempt.outcome == "delivered",
            outcome: match attempt.status_code {
                Some(status) => format!("{} ({status})", attempt.outcome),
                None => attempt.outcome.to_owned(),
            },
            error: attempt.error.clone(),
            response: response.map(|bytes| String::from_utf8_lossy(bytes).into_owned()),
        }
    }
}

/// `GET /console/deliveries/{id}`: the attempts, newest first.
pub(super) async fn show(
    state: State,
    visit: Visit,
    id: Path<String>,
) -> Result<DeliveryPage, Problem> {
    let missing = || Problem::not_found("a delivery of this id");
    let key = DeliveryId::parse(&id).map_err(|_no_id| missing())?;
    let tenant_id = visit.caller.tenant_id;
    let read = move |conn: &mut Conn| Delivery::find(conn, tenant_id, key);
    let found = state.database.reads().run(read).await.map_err(of_read)?;
    let (delivery, attempts) = found.ok_or_else(missing)?;
    let mut attempts: Vec<AttemptLine> = attempts.iter().map(AttemptLine::from).collect();
    attempts.sort_by_key(|attempt| -attempt.number);
    Ok(DeliveryPage {
        frame: framed(&state, &visit, "Delivery", AT).await?,
        line: DeliveryLine::of(&delivery, &Endpoints::of(&state, &visit).await?),
        attempts,
    })
}

/// `POST /console/deliveries/{id}/redeliver`.
pub(super) async fn redeliver(
    state: State,
    visit: Visit,
    id: Path<String>,
) -> Result<Answer, Problem> {
    let page = format!("{AT}/{id}");
    deliveries::retry(state, visit.caller.clone(), id).await?;
    visit.done(&page, "It is sent again")
}

/// Which dead letters, as the list was narrowed.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Matching {
    subscription: String,
    r#type: String,
    event_id: String,
    since: String,
    until: String,
}

#[derive(Deserialize)]
struct Redelivered {
    redelivered: i64,
}

/// `POST /console/dead-letters/redeliver`: all that match.
pub(super) async fn redeliver_dead(
    state: State,
    visit: Visit,
    Form(form): Form<Matching>,
) -> Result<Answer, Problem> {
    let fields = [
        ("subscription", form.subscription),
        ("type", form.r#type),
        ("event_id", form.event_id),
        ("since", form.since),
        ("until", form.until),
    ];
    let given = fields.into_iter().filter(|(_, text)| !text.is_empty());
    let given: Map<String, Value> = given
        .map(|(name, text)| (name.to_owned(), json!(text)))
        .collect();
    let wanted = serde_json::from_value(Value::Object(given)).map_err(Problem::internal)?;
    let caller = visit.caller.clone();
    let answer: Redelivered =
        said(deliveries::redeliver_dead(state, caller, Json(wanted)).await?).await?;
    visit.done(
        DEAD_AT,
        format!("{} deliveries are sent again", answer.redelivered),
    )
}
