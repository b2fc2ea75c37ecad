//! What went wrong since this browser last looked, told above every page until somebody has seen it.

use std::sync::Arc;

use access::of_read;
use actix_web::web::Data;
use console::{Frame, Notice, Visit};
use db::{Conn, DbError};
use delivery::{EndpointTrouble, SubscriptionState};
use service::Problem;

use crate::service_state::ServiceState;
use crate::store;

type State = Data<Arc<ServiceState>>;

/// How far back a browser hears of troubles that never looked before.
const FIRST_LOOK_MS: i64 = 24 * 3_600_000;

/// The layout around a page, with the troubles above it.
pub(super) async fn framed(
    state: &State,
    visit: &Visit,
    title: impl Into<String>,
    at: &str,
) -> Result<Frame, Problem> {
    let tenant_id = visit.caller.tenant_id;
    let first_look = state.clock.now_ms() - FIRST_LOOK_MS;
    let since_ms = visit.seen_at_ms().unwrap_or(first_look);
    let read = move |conn: &mut Conn| {
        let files = store::troubles(conn, tenant_id, since_ms)?;
        Ok::<_, DbError>((files, EndpointTrouble::read(conn, tenant_id)?))
    };
    let (files, endpoints) = state.database.reads().run(read).await.map_err(of_read)?;
    let disabled = endpoints.iter().filter(|endpoint| {
        endpoint.state == SubscriptionState::Disabled && endpoint.updated_at_ms > since_ms
    });
    let disabled = i64::try_from(disabled.count()).unwrap_or(i64::MAX);
    let notices = [
        (
            true,
            files.failed,
            "file failed",
            "files failed",
            "/console/files?status=failed",
        ),
        (
            true,
            disabled,
            "endpoint disabled",
            "endpoints disabled",
            "/console/subscriptions",
        ),
        (
            false,
            files.to_check,
            "file needs a look",
            "files need a look",
            "/console/check",
        ),
    ];
    let notices = notices.into_iter().filter(|(_, count, ..)| *count > 0);
    let notices = notices.map(|(is_bad, count, one, many, href)| Notice {
        is_bad,
        text: format!("{count} {}", if count == 1 { one } else { many }),
        href: href.to_owned(),
    });
    Ok(visit.frame_with(title, at, notices.collect()))
}
