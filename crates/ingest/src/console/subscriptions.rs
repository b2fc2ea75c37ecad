//! `/console/subscriptions`: who is told of what, and how well that goes.

use std::sync::Arc;

use access::of_read;
use actix_web::web::{Data, Path};
use askama::Template;
use askama_web::WebTemplate;
use console::{Asked, Frame, Markup, Pager, Spark, Time, Visit, percent, sparkline};
use db::{Conn, DbError};
use delivery::{
    DeliveryFilter, DeliverySettings, DeliveryStats, EndpointTotals, EndpointTrouble, HourTally,
    Ordering, Page, Retry, RetrySchedule, ShownKey, Subscription, SubscriptionState,
};
use serde::Deserialize;
use service::Problem;

use super::delivery_line::DeliveryLine;
use super::endpoints::{Endpoint, Endpoints};
use super::pager::page_at;
use super::subscription_form::in_words;
use super::trouble::framed;
use crate::api::webhooks::shared::find_subscription;
use crate::service_state::ServiceState;

pub(super) const AT: &str = "/console/subscriptions";
const HOURS: u32 = 72;
const NEWEST: u32 = 20;

type State = Data<Arc<ServiceState>>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    offset: Option<u32>,
}

/// A subscription as it is shown.
struct SubscriptionLine {
    id: String,
    url: String,
    description: String,
    events: String,
    word: &'static str,
    look: &'static str,
    reason: Option<String>,
    failing_since: Option<Time>,
    is_paused: bool,
    /// Kept in the configuration, and changed there only.
    is_configured: bool,
    totals: EndpointTotals,
    last_success: Option<Time>,
    last_failure: Option<Time>,
}

impl SubscriptionLine {
    fn of(one: &Subscription, totals: EndpointTotals, troubles: &[EndpointTrouble]) -> Self {
        let id = one.id.to_string();
        let trouble = troubles
            .iter()
            .find(|trouble| trouble.subscription_id == id);
        let failing = trouble.and_then(|trouble| trouble.failing_since_ms);
        let (word, look) = match one.state {
            SubscriptionState::Disabled => ("disabled", "bad"),
            SubscriptionState::Paused => ("paused", "warn"),
            SubscriptionState::Active if failing.is_some() => ("failing", "warn"),
            SubscriptionState::Active => ("active", "good"),
        };
        Self {
            id,
            url: one.fields.url.clone(),
            description: one.fields.description.clone(),
            events: one.fields.events.join(", "),
            word,
            look,
            reason: one.disabled_reason.clone(),
            failing_since: failing.map(Time),
            is_paused: one.state != SubscriptionState::Active,
            is_configured: one.config_name.is_some(),
            totals,
            last_success: totals.last_success_at_ms.map(Time),
            last_failure: totals.last_failure_at_ms.map(Time),
        }
    }
}

#[derive(Template, WebTemplate)]
#[template(path = "subscriptions.html")]
pub(super) struct SubscriptionsPage {
    frame: Frame,
    lines: Vec<SubscriptionLine>,
    pager: Pager,
}

/// `GET /console/subscriptions`.
pub(super) async fn list(
    state: State,
    visit: Visit,
    asked: Asked<ListQuery>,
) -> Result<SubscriptionsPage, Problem> {
    let (offset, tenant_id) = (asked.query.offset.unwrap_or(0), visit.caller.tenant_id);
    let subscriptions = state.subscriptions.clone();
    let read = move |conn: &mut Conn| {
        let found = subscriptions.list(conn, tenant_id, None, page_at(offset))?;
        let troubles = EndpointTrouble::read(conn, tenant_id)?;
        let lines = found.items.iter().map(|one| {
            let totals = EndpointTotals::read(conn, tenant_id, one.row_key())?;
            Ok::<_, DbError>(SubscriptionLine::of(one, totals, &troubles))
        });
        Ok::<_, DbError>((lines.collect::<Result<Vec<_>, _>>()?, found.total))
    };
    let (lines, total) = state.database.reads().run(read).await.map_err(of_read)?;
    Ok(SubscriptionsPage {
        frame: framed(&state, &visit, "Subscriptions", AT).await?,
        lines,
        pager: Pager::of(&asked, offset.into(), total),
    })
}

#[derive(Template, WebTemplate)]
#[template(path = "subscription.html")]
pub(super) struct SubscriptionPage {
    frame: Frame,
    line: SubscriptionLine,
    settings: Vec<(&'static str, String)>,
    keys: Vec<KeyLine>,
    by_hour: Markup,
    success_rate: String,
    average: String,
    deliveries: Vec<DeliveryLine>,
}

/// A key that signs, without its secret.
struct KeyLine {
    kind: &'static str,
    shown: String,
    expires: Option<Time>,
}

impl From<ShownKey> for KeyLine {
    fn from(key: ShownKey) -> Self {
        let (kind, shown, expires_at_ms) = match key {
            ShownKey::Secret {
                masked,
                expires_at_ms,
            } => ("HMAC secret", masked, expires_at_ms),
            ShownKey::Public { key, expires_at_ms } => {
                ("ed25519 public key", key.to_string(), expires_at_ms)
            }
        };
        Self {
            kind,
            shown,
            expires: expires_at_ms.map(Time),
        }
    }
}

/// `GET /console/subscriptions/{id}`.
pub(super) async fn show(
    state: State,
    visit: Visit,
    id: Path<String>,
) -> Result<SubscriptionPage, Problem> {
    let one = find_subscription(&state, &visit.caller, &id).await?;
    let (tenant_id, now_ms, key) = (visit.caller.tenant_id, state.clock.now_ms(), one.row_key());
    let (subscriptions, stored) = (state.subscriptions.clone(), one.clone());
    let read = move |conn: &mut Conn| {
        let filter = DeliveryFilter {
            subscription: Some(key),
            ..DeliveryFilter::default()
        };
        let totals = EndpointTotals::read(conn, tenant_id, key)?;
        let line = SubscriptionLine::of(&stored, totals, &EndpointTrouble::read(conn, tenant_id)?);
        let hours = HourTally::read(conn, tenant_id, Some(key), HOURS, now_ms)?;
        let stats = DeliveryStats::read(conn, tenant_id, Some(key), HOURS, now_ms)?;
        let newest = filter.list(conn, tenant_id, Page::first(NEWEST))?;
        let keys = subscriptions.shown_keys(conn, &stored)?;
        Ok::<_, DbError>((line, hours, stats, newest.items, keys))
    };
    let (line, hours, stats, newest, keys) =
        state.database.reads().run(read).await.map_err(of_read)?;
    let (attempts, failed): (Vec<i64>, Vec<i64>) = hours
        .iter()
        .map(|hour| (hour.attempts, hour.failed))
        .unzip();
    let (itself, newest) = (Endpoints(vec![Endpoint::from(&one)]), newest.iter());
    let average = stats.avg_duration_ms.map(|ms| format!("{ms:.0} ms"));
    Ok(SubscriptionPage {
        frame: framed(&state, &visit, "Subscription", AT).await?,
        line,
        settings: settings(&one, &state),
        keys: keys.into_iter().map(KeyLine::from).collect(),
        by_hour: sparkline(&Spark {
            label: "Attempts",
            values: &attempts,
            bad: &failed,
        }),
        success_rate: percent(stats.success_rate),
        average: average.unwrap_or_else(|| "–".to_owned()),
        deliveries: newest.map(|line| DeliveryLine::of(line, &itself)).collect(),
    })
}

/// What its owner asked for, and what holds where nothing was said.
fn settings(one: &Subscription, state: &ServiceState) -> Vec<(&'static str, String)> {
    let (fields, usual) = (&one.fields, &state.delivery);
    let timeout = fields
        .timeout_seconds
        .unwrap_or(usual.attempt_timeout_seconds);
    let order = match fields.ordering {
        Ordering::None => "as fast as possible",
        Ordering::Subject => "in order, one at a time for each subject",
    };
    let names: Vec<&str> = fields.headers.keys().map(String::as_str).collect();
    let lines = [
        ("Events", Some(fields.events.join(", "))),
        ("Filter", fields.filter.clone()),
        ("Form", Some(fields.profile.name().to_owned())),
        ("Order", Some(order.to_owned())),
        ("Extra headers", Some(names.join(", "))),
        ("Time for one attempt", Some(format!("{timeout} s"))),
        ("Tries again", Some(retries(&fields.retry, usual))),
        (
            "At most",
            fields
                .rate_limit_per_second
                .map(|rate| format!("{rate} attempts/s")),
        ),
        (
            "At once",
            fields
                .max_in_flight
                .map(|count| format!("at most {count} attempts")),
        ),
        (
            "In one request",
            fields.batch.map(|batch| {
                let (events, wait_ms) = (batch.max_events, batch.max_wait_ms);
                format!("up to {events} events, collected for at most {wait_ms} ms")
            }),
        ),
    ];
    let told = lines.into_iter().filter_map(|(label, value)| {
        let value = value.filter(|value| !value.is_empty())?;
        Some((label, value))
    });
    told.collect()
}

/// When it is tried again, and whether after a refusal too.
fn retries(retry: &Retry, usual: &DeliverySettings) -> String {
    if !retry.enabled {
        return "never".to_owned();
    }
    let name = retry.schedule.as_deref().unwrap_or(&usual.retry_schedule);
    let waits = RetrySchedule::parse(name).map_or_else(|_| name.to_owned(), |s| in_words(&s));
    let most = retry.max_retries;
    let most = most.map_or_else(String::new, |most| format!(", at most {most} times"));
    let refused = retry
        .client_errors
        .unwrap_or_else(|| RetrySchedule::preset_retries_client_errors(name));
    let refused = match refused {
        true => "",
        false => "; not when the receiver refuses (status 4xx)",
    };
    format!("after {waits}{most}{refused}")
}
