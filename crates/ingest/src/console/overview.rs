//! `/console`: how the day goes, at a glance.

use std::sync::Arc;

use access::of_read;
use actix_web::web::Data;
use askama::Template;
use askama_web::WebTemplate;
use console::{Duration, Frame, Markup, Spark, Time, Visit, percent, sparkline};
use db::{Conn, DbError};
use delivery::{DeliveryStats, EndpointTrouble, HourTally, QueueStats, SubscriptionState};
use service::Problem;

use super::file_line::FileLine;
use super::trouble::framed;
use crate::service_state::ServiceState;
use crate::store::{self, FileCounts, FileRow};

pub(super) const AT: &str = "/console";
const HOURS: u32 = 24;
const NEWEST: i64 = 8;

#[derive(Template, WebTemplate)]
#[template(path = "overview.html")]
pub(super) struct OverviewPage {
    frame: Frame,
    files: FileCounts,
    newest: Vec<FileLine>,
    sent: DeliveryStats,
    queue: QueueStats,
    /// How long the delivery is overdue that has waited longest.
    overdue: Option<Duration>,
    success_rate: String,
    troubles: Vec<TroubleLine>,
    files_by_hour: Markup,
    attempts_by_hour: Markup,
}

/// An endpoint in trouble, as it is shown.
struct TroubleLine {
    subscription_id: String,
    url: String,
    is_disabled: bool,
    reason: Option<String>,
    failing_since: Option<Time>,
    open_until: Option<Time>,
}

impl From<EndpointTrouble> for TroubleLine {
    fn from(trouble: EndpointTrouble) -> Self {
        Self {
            subscription_id: trouble.subscription_id,
            url: trouble.url,
            is_disabled: trouble.state == SubscriptionState::Disabled,
            reason: trouble.reason,
            failing_since: trouble.failing_since_ms.map(Time),
            open_until: trouble.open_until_ms.map(Time),
        }
    }
}

/// What is read for the page, at one moment.
struct Seen {
    files: FileCounts,
    newest: Vec<FileRow>,
    by_hour: Vec<(i64, i64)>,
    sent: DeliveryStats,
    attempts: Vec<HourTally>,
    queue: QueueStats,
    troubles: Vec<EndpointTrouble>,
}

fn look(conn: &mut Conn, tenant_id: i64, now_ms: i64) -> Result<Seen, DbError> {
    let since_ms = now_ms - i64::from(HOURS) * 3_600_000;
    let page = store::Page {
        limit: NEWEST,
        offset: 0,
        count_max: 0,
    };
    Ok(Seen {
        files: store::counts(conn, tenant_id, since_ms)?,
        newest: store::list(conn, tenant_id, &store::Filter::default(), page)?.0,
        by_hour: store::by_hour(conn, tenant_id, HOURS, now_ms)?,
        sent: DeliveryStats::read(conn, tenant_id, None, HOURS, now_ms)?,
        attempts: HourTally::read(conn, tenant_id, None, HOURS, now_ms)?,
        queue: QueueStats::read(conn, tenant_id, now_ms)?,
        troubles: EndpointTrouble::read(conn, tenant_id)?,
    })
}

/// `GET /console`.
pub(super) async fn show(
    state: Data<Arc<ServiceState>>,
    visit: Visit,
) -> Result<OverviewPage, Problem> {
    let (tenant_id, now_ms) = (visit.caller.tenant_id, state.clock.now_ms());
    let read = move |conn: &mut Conn| look(conn, tenant_id, now_ms);
    let seen = state.database.reads().run(read).await.map_err(of_read)?;
    let overdue = seen.queue.oldest_wait_ms;
    let (taken_in, failed): (Vec<i64>, Vec<i64>) = seen.by_hour.into_iter().unzip();
    let attempts = seen
        .attempts
        .iter()
        .map(|hour| (hour.attempts, hour.failed));
    let (attempts, attempts_failed): (Vec<i64>, Vec<i64>) = attempts.unzip();
    let chart = |label, values: &[i64], bad: &[i64]| sparkline(&Spark { label, values, bad });
    Ok(OverviewPage {
        frame: framed(&state, &visit, "Overview", AT).await?,
        files: seen.files,
        newest: seen.newest.iter().map(FileLine::from).collect(),
        success_rate: percent(seen.sent.success_rate),
        sent: seen.sent,
        queue: seen.queue,
        overdue: (overdue >= 1_000).then_some(Duration(overdue)),
        troubles: seen.troubles.into_iter().map(TroubleLine::from).collect(),
        files_by_hour: chart("Files", &taken_in, &failed),
        attempts_by_hour: chart("Attempts", &attempts, &attempts_failed),
    })
}
