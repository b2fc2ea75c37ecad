//! The webhook platform's own numbers.

use std::sync::Arc;

use actix_web::{HttpResponse, web::Data};
use delivery::QueueStats;
use serde_json::json;
use service::Problem;

use crate::error::of_read;
use crate::service_state::ServiceState;

/// `GET /webhooks/queue/stats`: deliveries by where they stand.
pub(crate) async fn queue_stats(state: Data<Arc<ServiceState>>) -> Result<HttpResponse, Problem> {
    let tenant_id = state.tenant().id;
    let read = move |conn: &mut db::Conn| QueueStats::read(conn, tenant_id);
    let stats = state.database.reads().run(read).await.map_err(of_read)?;
    Ok(HttpResponse::Ok().json(json!({
        "total": stats.total,
        "pending": stats.pending,
        "processing": stats.processing,
        "completed": stats.completed,
        "failed": stats.failed,
    })))
}
