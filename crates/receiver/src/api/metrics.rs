//! `GET /metrics`: what is counted here, for Prometheus, as far as who asks may know. How the process as a
//! whole stands is shown to the install's own tenant only.

use access::{Caller, Scope};
use actix_web::HttpResponse;
use actix_web::web::Data;
use service::EXPOSITION_TYPE;

use crate::receiver::State;

/// The install's own tenant.
const OPERATOR: i64 = 1;

/// `GET /metrics`.
pub(crate) async fn metrics(state: Data<State>, caller: Caller) -> HttpResponse {
    let is_operator = caller.tenant_id == OPERATOR;
    let sees_all = is_operator && caller.scopes.allow(Scope::Admin);
    let seen = |source: &str| {
        let source = state.sources.find(source);
        sees_all || source.is_some_and(|source| source.tenant_id == caller.tenant_id)
    };
    let service = is_operator.then(|| (state.writer.stats(), state.database.reads().stats()));
    HttpResponse::Ok()
        .insert_header(("content-type", EXPOSITION_TYPE))
        .body(state.metrics.exposition(seen, service))
}
