//! `/console/files`: what came in, searched, filtered, sorted and paged.

use std::sync::Arc;

use access::of_read;
use actix_web::web::Data;
use askama::Template;
use askama_web::WebTemplate;
use console::{Asked, COUNT_MAX, Frame, PAGE_ITEMS, Pager, Visit};
use db::{Conn, DbError};
use extract::Kind;
use serde::Deserialize;
use service::Problem;

use super::file_line::FileLine;
use super::trouble::framed;
use crate::api::files::{kind, state as state_of};
use crate::service_state::ServiceState;
use crate::store::{self, Filter, Order, Page, State};

pub(super) const AT: &str = "/console/files";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FilesQuery {
    q: Option<String>,
    client_code: Option<String>,
    project_code: Option<String>,
    file_type: Option<String>,
    material: Option<String>,
    thickness_mm: Option<f64>,
    status: Option<String>,
    sort: Option<String>,
    offset: Option<i64>,
}

impl FilesQuery {
    fn filter(&self) -> Result<Filter, Problem> {
        // PostgreSQL takes no text with a NUL, and no file has one.
        let plain = |text: &Option<String>| text.clone().map(|text| text.replace('\0', ""));
        let order = self.sort.as_deref().unwrap_or("newest");
        let known = Order::ALL.iter().find(|(name, _)| *name == order);
        let to_check = self.status.as_deref() == Some("to_check");
        let state = match self.status.as_deref() {
            Some("to_check") => Some(State::Completed),
            Some(word) => Some(state_of(word)?),
            None => None,
        };
        Ok(Filter {
            client_code: plain(&self.client_code),
            project_code: plain(&self.project_code),
            kind: self.file_type.as_deref().map(kind).transpose()?,
            material: plain(&self.material),
            thickness_mm: self.thickness_mm,
            state,
            needs_review: to_check.then_some(true),
            text: plain(&self.q),
            before_id: None,
            order: known.map(|(_, order)| *order).ok_or_else(unknown_order)?,
        })
    }
}

fn unknown_order() -> Problem {
    let names: Vec<&str> = Order::ALL.iter().map(|(name, _)| *name).collect();
    Problem::invalid_field("sort", format!("accepted are {}", names.join(", ")))
}

#[derive(Template, WebTemplate)]
#[template(path = "files.html")]
pub(super) struct FilesPage {
    frame: Frame,
    asked: Asked<FilesQuery>,
    lines: Vec<FileLine>,
    pager: Pager,
    kinds: Vec<&'static str>,
    orders: Vec<&'static str>,
    clients: Vec<String>,
    projects: Vec<String>,
}

/// `GET /console/files`.
pub(super) async fn list(
    state: Data<Arc<ServiceState>>,
    visit: Visit,
    asked: Asked<FilesQuery>,
) -> Result<FilesPage, Problem> {
    let (filter, tenant_id) = (asked.query.filter()?, visit.caller.tenant_id);
    let offset = asked.query.offset.unwrap_or(0).max(0);
    let page = Page {
        limit: PAGE_ITEMS,
        offset,
        count_max: COUNT_MAX,
    };
    let read = move |conn: &mut Conn| {
        let files = store::list(conn, tenant_id, &filter, page)?;
        Ok::<_, DbError>((files, store::known_codes(conn, tenant_id)?))
    };
    let ((rows, total), (clients, projects)) =
        state.database.reads().run(read).await.map_err(of_read)?;
    Ok(FilesPage {
        frame: framed(&state, &visit, "Files", AT).await?,
        pager: Pager::of_many(&asked, offset, rows.len(), total),
        lines: rows.iter().map(FileLine::from).collect(),
        kinds: Kind::ALL.iter().map(|kind| kind.name()).collect(),
        orders: Order::ALL.iter().map(|(name, _)| *name).collect(),
        clients,
        projects,
        asked,
    })
}
