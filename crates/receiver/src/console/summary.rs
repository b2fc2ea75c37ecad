//! `/console`: how the shop stands, at a glance: what is due, what came, what is stuck.

use actix_web::web::Data;
use askama::Template;
use askama_web::WebTemplate;
use console::{Count, Frame, Markup, Spark, Visit, said, sparkline};
use jiff::ToSpan;
use serde::de::IgnoredAny;
use serde_json::json;
use service::Problem;

use super::comparisons::{SourceLine, source_lines};
use super::deeds::{Deed, latest};
use super::records::{Due, Listed, SOON_DAYS, query, status_look, today};
use super::trouble::framed;
use crate::api::page::Wanted;
use crate::api::{read, unmatched};
use crate::projects::status_name;
use crate::receiver::State;
use crate::store::overview::{self, LAST_OPEN_STATUS};

pub(super) const AT: &str = "/console";
const HOURS: usize = 24;
const DEEDS_SHOWN: i64 = 8;
/// Urgent projects that are counted, and that are listed.
const DUE_COUNTED: i64 = 1_000;
const DUE_SHOWN: usize = 10;

#[derive(Template, WebTemplate)]
#[template(path = "overview.html")]
pub(super) struct OverviewPage {
    frame: Frame,
    open: Count,
    statuses: Vec<StatusLine>,
    overdue: Count,
    due_soon: Count,
    due: Vec<DueLine>,
    files_today: Count,
    files_by_hour: Markup,
    unmatched: Count,
    not_understood: Count,
    failed: Count,
    sources: Vec<SourceLine>,
    deeds: Vec<Deed>,
}

/// Open projects of one state.
pub(super) struct StatusLine {
    name: &'static str,
    look: &'static str,
    count: Count,
}

/// An urgent project.
pub(super) struct DueLine {
    code: String,
    name: Option<String>,
    client_code: Option<String>,
    status: &'static str,
    status_look: &'static str,
    day: String,
    due: Due,
}

impl DueLine {
    fn of(row: overview::Due, today: jiff::civil::Date) -> Option<Self> {
        Some(Self {
            due: Due::of(&row.due_date, today)?,
            code: row.code,
            name: row.name,
            client_code: row.client_code,
            status: status_name(row.status),
            status_look: status_look(status_name(row.status)),
            day: row.due_date,
        })
    }
}

/// What is read for the page, at one moment.
struct Seen {
    statuses: Vec<overview::OfStatus>,
    due: Vec<overview::Due>,
    by_hour: Vec<i64>,
    not_applied: (i64, i64),
}

/// `GET /console`.
pub(super) async fn show(state: Data<State>, visit: Visit) -> Result<OverviewPage, Problem> {
    let (tenant, now_ms, today) = (visit.caller.tenant_id, state.clock.now_ms(), today(&state));
    let before = today.saturating_add((SOON_DAYS + 1).days()).to_string();
    let seen = read(&state, move |conn| {
        Ok(Seen {
            statuses: overview::projects_by_status(conn, tenant)?,
            due: overview::due(conn, tenant, &before, DUE_COUNTED)?,
            by_hour: overview::files_by_hour(conn, tenant, HOURS, now_ms)?,
            not_applied: overview::not_applied(conn, tenant)?,
        })
    });
    let seen = seen.await?;
    let one = query(json!({ "limit": 1 }))?;
    let listed = unmatched::list(state.clone(), visit.caller.clone(), Wanted::Json, one);
    let unmatched: Listed<IgnoredAny> = said(listed.await?).await?;
    let open = seen.statuses.into_iter();
    let open: Vec<_> = open.filter(|row| row.status <= LAST_OPEN_STATUS).collect();
    let due = seen.due.into_iter();
    let due: Vec<DueLine> = due.filter_map(|row| DueLine::of(row, today)).collect();
    let overdue = due.iter().filter(|line| line.due.look == "bad").count();
    let count = |length: usize| Count(i64::try_from(length).unwrap_or(i64::MAX));
    let files = Spark {
        label: "Files",
        values: &seen.by_hour,
        bad: &[],
    };
    Ok(OverviewPage {
        frame: framed(&state, &visit, "Overview", AT).await?,
        open: Count(open.iter().map(|row| row.count).sum()),
        statuses: open.into_iter().map(status_line).collect(),
        overdue: count(overdue),
        due_soon: count(due.len() - overdue),
        due: due.into_iter().take(DUE_SHOWN).collect(),
        files_today: Count(seen.by_hour.iter().sum()),
        files_by_hour: sparkline(&files),
        unmatched: Count(unmatched.total),
        not_understood: Count(seen.not_applied.0),
        failed: Count(seen.not_applied.1),
        sources: source_lines(&state, &visit).await?,
        deeds: latest(&state, &visit, json!({}), DEEDS_SHOWN).await?.items,
    })
}

fn status_line(row: overview::OfStatus) -> StatusLine {
    let name = status_name(row.status);
    StatusLine {
        name,
        look: status_look(name),
        count: Count(row.count),
    }
}
