//! What open pages are told: that something has come or was done. One small question to the database a second while
//! somebody listens, so that other nodes' doings are heard of too. Never what it was: a page asks for that itself.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Data;
use console::{Live, News, Visit};
use service::{Problem, Shutdown};
use tokio::time::Instant;

use crate::receiver::State;
use crate::store::overview;

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What leaves no trace in the lists' order, such as a repeated event, is heard of within this time.
const ALL_EVERY: Duration = Duration::from_secs(30);

/// `GET /console/live`.
pub(super) async fn listen(live: Data<Live>, visit: Visit) -> Result<HttpResponse, Problem> {
    live.listen(visit.caller.tenant_id)
}

/// Tells of news until the service stops.
pub(super) async fn watch(live: &Live, state: &State, shutdown: &Shutdown) {
    let (mut before, mut told_all_at) = (None, Instant::now());
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = shutdown.triggered() => return,
        }
        if !live.is_heard() {
            before = None;
            continue;
        }
        let latest = match state.database.reads().run(overview::latest).await {
            Ok(latest) => latest,
            Err(error) => {
                tracing::warn!(%error, "open pages hear of nothing");
                continue;
            }
        };
        // The first page to listen may have been made before this look.
        let moved = before.replace(latest) != Some(latest);
        if moved || told_all_at.elapsed() >= ALL_EVERY {
            told_all_at = Instant::now();
            live.tell(News {
                tenant_id: None,
                topic: "files",
            });
        }
    }
}
