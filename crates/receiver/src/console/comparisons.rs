//! `/console/reconcile`: what senders owe beside what has arrived: the last comparison of each source, and one to run now.

use actix_web::web::{Data, Path};
use askama::Template;
use askama_web::WebTemplate;
use client::OwedEvent;
use console::{Answer, Frame, Time, Visit, said};
use contract::parse_ms;
use serde_json::json;
use service::{Form, Problem};

use super::forms::body;
use super::records::Listed;
use super::trouble::framed;
use crate::api::{read, reconcile as api};
use crate::receiver::State;
use crate::reconcile::Report;
use crate::store::overview;

pub(super) const AT: &str = "/console/reconcile";
/// A sender that was not heard of for so long may have fallen silent.
const SILENT_MS: i64 = 3 * 24 * 3_600_000;
/// Missing events that are named.
const NAMED: usize = 100;

/// A sender, when it was heard of and compared.
pub(super) struct SourceLine {
    pub(super) name: String,
    pub(super) heard: Option<Time>,
    pub(super) is_silent: bool,
    /// Whether it can be asked what it owes.
    pub(super) can_be_asked: bool,
    pub(super) last: Option<Comparison>,
}

/// How a comparison went.
pub(super) struct Comparison {
    pub(super) finished: Time,
    pub(super) checked: u64,
    pub(super) missing_total: u64,
    pub(super) missing: Vec<OwedEvent>,
    pub(super) asked: u64,
    pub(super) lost: u64,
    pub(super) is_complete: bool,
    pub(super) error: Option<String>,
}

impl Comparison {
    fn of(report: Report) -> Self {
        Self {
            finished: Time(parse_ms(&report.finished_at).unwrap_or_default()),
            checked: report.checked,
            missing_total: report.missing_total,
            missing: report.missing.into_iter().take(NAMED).collect(),
            asked: report.asked,
            lost: report.lost,
            is_complete: report.complete,
            error: report.error,
        }
    }

    pub(super) fn look(&self) -> &'static str {
        match (&self.error, self.lost, self.missing_total) {
            (Some(_), ..) => "bad",
            (None, 1.., _) => "bad",
            (None, 0, 1..) => "warn",
            (None, 0, 0) => "good",
        }
    }

    pub(super) fn words(&self) -> String {
        match (&self.error, self.missing_total) {
            (Some(_), _) => "could not be ended".to_owned(),
            (None, 0) => "nothing missing".to_owned(),
            (None, missing) => format!("{missing} missing"),
        }
    }
}

/// Every source of the visitor's tenant that may send now.
pub(super) async fn source_lines(
    state: &Data<State>,
    visit: &Visit,
) -> Result<Vec<SourceLine>, Problem> {
    let tenant = visit.caller.tenant_id;
    let heard = read(state, move |conn| overview::heard_of(conn, tenant)).await?;
    let reports: Listed<Report> =
        said(api::report(state.clone(), visit.caller.clone()).await?).await?;
    let mut reports = reports.items;
    let silent_since_ms = state.clock.now_ms() - SILENT_MS;
    let own = state.sources.all().into_iter();
    let own = own.filter(|source| source.tenant_id == tenant);
    let line = own.map(|source| {
        let heard = heard.iter().find(|heard| heard.name == source.name);
        let heard_ms = heard.and_then(|heard| heard.at_ms);
        let report = reports
            .iter()
            .position(|report| report.source == source.name);
        SourceLine {
            name: source.name.clone(),
            heard: heard_ms.map(Time),
            is_silent: heard_ms.is_some_and(|at_ms| at_ms < silent_since_ms),
            can_be_asked: source.sender.is_some(),
            last: report.map(|at| Comparison::of(reports.swap_remove(at))),
        }
    });
    Ok(line.collect())
}

#[derive(Template, WebTemplate)]
#[template(path = "reconcile.html")]
pub(super) struct ReconcilePage {
    frame: Frame,
    lines: Vec<SourceLine>,
}

/// `GET /console/reconcile`.
pub(super) async fn list(state: Data<State>, visit: Visit) -> Result<ReconcilePage, Problem> {
    Ok(ReconcilePage {
        frame: framed(&state, &visit, "Reconcile", AT).await?,
        lines: source_lines(&state, &visit).await?,
    })
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunForm {
    /// Ticked: from the first event on record.
    #[serde(default)]
    from_start: String,
}

/// `POST /console/reconcile/{source}`.
pub(super) async fn run(
    state: Data<State>,
    visit: Visit,
    source: Path<String>,
    Form(form): Form<RunForm>,
) -> Result<Answer, Problem> {
    let mut fields = serde_json::Map::new();
    fields.insert("source".to_owned(), json!(*source));
    fields.insert("from_start".to_owned(), json!(!form.from_start.is_empty()));
    let answer = api::run(state, visit.caller.clone(), body(fields)?).await?;
    let report: Report = said(answer).await?;
    let comparison = Comparison::of(report);
    let text = match &comparison.error {
        Some(error) => format!("{source} could not be compared to the end: {error}"),
        None => format!(
            "{source}: {} events checked, {}; {} asked for again",
            comparison.checked,
            comparison.words(),
            comparison.asked
        ),
    };
    visit.done(AT, text)
}
