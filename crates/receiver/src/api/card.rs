//! `GET /`: who answers here, and where to go on.

use actix_web::HttpResponse;
use serde::Serialize;

#[derive(Serialize)]
struct Card {
    service: &'static str,
    version: &'static str,
    endpoints: &'static [&'static str],
}

const ENDPOINTS: &[&str] = &[
    "POST /webhooks/{source}/event",
    "GET /webhooks/{source}/health",
    "GET /clients",
    "GET /projects",
    "GET /design-files",
    "GET /unmatched",
    "GET /activity",
    "GET /inbox",
    "GET /console",
    "GET /health",
    "GET /ready",
];

pub(crate) async fn card() -> HttpResponse {
    HttpResponse::Ok().json(Card {
        service: "draftwire receiver",
        version: env!("CARGO_PKG_VERSION"),
        endpoints: ENDPOINTS,
    })
}
