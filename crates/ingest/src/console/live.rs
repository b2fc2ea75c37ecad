//! What open pages are told: which lists have changed. Files tell it themselves when they are committed; what endpoints
//! answer is seen by the counters moving. Other nodes' changes are heard of within [`ALL_EVERY`].

use std::sync::{Arc, Weak};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Data;
use console::{Live, News, Visit};
use delivery::{Engine, MetricsSnapshot};
use service::{Problem, Shutdown};
use tokio::time::Instant;

use crate::service_state::ServiceState;

/// How often the counters are looked at while somebody listens.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const ALL_EVERY: Duration = Duration::from_secs(30);

/// `GET /console/live`.
pub(super) async fn listen(
    state: Data<Arc<ServiceState>>,
    visit: Visit,
) -> Result<HttpResponse, Problem> {
    state.live.listen(visit.caller.tenant_id)
}

/// Tells of deliveries until the service stops.
pub(crate) async fn watch(live: Live, engine: Weak<Engine>, shutdown: Shutdown) {
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
        let Some(engine) = engine.upgrade() else {
            return;
        };
        let now = standing(&engine.metrics());
        let topics = match before.replace(now) {
            Some(before) if before.0 != now.0 => &["deliveries", "endpoints"][..],
            Some(before) if before != now => &["deliveries"],
            _ => &[],
        };
        for topic in topics {
            live.tell(News {
                tenant_id: None,
                topic,
            });
        }
        if told_all_at.elapsed() >= ALL_EVERY {
            told_all_at = Instant::now();
            live.tell(News {
                tenant_id: None,
                topic: "all",
            });
        }
    }
}

/// Breakers open; attempts made, and deliveries that wait.
fn standing(metrics: &MetricsSnapshot) -> (u64, [u64; 3]) {
    let series = metrics.series.values();
    let attempts = series.map(|series| series.durations.count).sum();
    let breakers = metrics.breakers_open + metrics.breakers_half_open;
    (breakers, [attempts, metrics.queued, metrics.in_flight])
}
