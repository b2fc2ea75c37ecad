//! `/console/check`: files that wait for a person, each with the reasons and the fields to put it right in place.

use std::sync::Arc;

use access::of_read;
use actix_web::web::Data;
use askama::Template;
use askama_web::WebTemplate;
use console::{Asked, COUNT_MAX, Frame, PAGE_ITEMS, Pager, Visit};
use db::Conn;
use serde::Deserialize;
use service::Problem;

use super::fact_line::{FactLine, fact_lines};
use super::file_line::FileLine;
use super::trouble::framed;
use crate::service_state::ServiceState;
use crate::store::{self, FileRow, Filter, Page, State};

pub(super) const AT: &str = "/console/check";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckQuery {
    offset: Option<i64>,
}

#[derive(Template, WebTemplate)]
#[template(path = "check.html")]
pub(super) struct CheckPage {
    frame: Frame,
    waiting: Vec<Waiting>,
    pager: Pager,
}

/// A file that waits.
struct Waiting {
    line: FileLine,
    tag: String,
    facts: Vec<FactLine>,
}

impl From<&FileRow> for Waiting {
    fn from(row: &FileRow) -> Self {
        Self {
            line: FileLine::from(row),
            tag: row.tag(),
            facts: fact_lines(row, None),
        }
    }
}

/// `GET /console/check`.
pub(super) async fn list(
    state: Data<Arc<ServiceState>>,
    visit: Visit,
    asked: Asked<CheckQuery>,
) -> Result<CheckPage, Problem> {
    let tenant_id = visit.caller.tenant_id;
    let offset = asked.query.offset.unwrap_or(0).max(0);
    let filter = Filter {
        state: Some(State::Completed),
        needs_review: Some(true),
        ..Filter::default()
    };
    let page = Page {
        limit: PAGE_ITEMS,
        offset,
        count_max: COUNT_MAX,
    };
    let read = move |conn: &mut Conn| store::list(conn, tenant_id, &filter, page);
    let (rows, total) = state.database.reads().run(read).await.map_err(of_read)?;
    Ok(CheckPage {
        frame: framed(&state, &visit, "To check", AT).await?,
        waiting: rows.iter().map(Waiting::from).collect(),
        pager: Pager::of_many(&asked, offset, rows.len(), total),
    })
}
