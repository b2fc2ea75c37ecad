//! `GET /`: what this is and where to go.

use actix_web::{HttpResponse, Responder};
use serde_json::json;

pub(crate) async fn card() -> impl Responder {
    HttpResponse::Ok().json(json!({
        "service": "draftwire-ingest",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Design-file intake: upload a part file, learn what it is, be told by webhook.",
        "links": {
            "upload": "POST /ingest",
            "files": "/files",
            "archive_of_a_project": "/files.zip?project_code=…",
            "health": "/health",
            "ready": "/ready",
            "deliveries": "/webhooks/queue/stats",
            "webhooks": "/api/v1/webhooks/subscriptions",
            "event_types": "/api/v1/webhooks/events",
            "docs": "/docs",
            "openapi": "/openapi.json",
            "metrics": "/metrics",
        },
    }))
}
