//! What went wrong since this browser last looked, told above every page until somebody has seen it.

use console::{Frame, Notice, Visit};
use service::Problem;

use crate::api::read;
use crate::receiver::State;
use crate::store::overview;

/// How far back a browser hears of troubles that never looked before.
const FIRST_LOOK_MS: i64 = 24 * 3_600_000;

/// The layout around a page, with the troubles above it.
pub(super) async fn framed(
    state: &State,
    visit: &Visit,
    title: impl Into<String>,
    at: &str,
) -> Result<Frame, Problem> {
    let tenant = visit.caller.tenant_id;
    let first_look = state.clock.now_ms() - FIRST_LOOK_MS;
    let since_ms = visit.seen_at_ms().unwrap_or(first_look);
    let failed = read(state, move |conn| {
        overview::failed_since(conn, tenant, since_ms)
    });
    let failed = failed.await?;
    let words = match failed {
        1 => "1 received event failed".to_owned(),
        many => format!("{many} received events failed"),
    };
    let notice = (failed > 0).then(|| Notice {
        is_bad: true,
        text: words,
        href: "/console/inbox?state=failed".to_owned(),
    });
    Ok(visit.frame_with(title, at, notice.into_iter().collect()))
}
