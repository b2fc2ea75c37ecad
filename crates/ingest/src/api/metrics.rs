//! `GET /metrics`: what is counted here, for Prometheus, as far as who asks may know.
//!
//! A key sees its own tenant's attempts. An administrator of the install's own tenant (and everybody where no keys are
//! asked for) sees those of all. How the process as a whole stands is shown to the install's own tenant only: its
//! queue and its tables are made of what all tenants do.

use std::sync::{Arc, Weak};

use access::{Caller, Scope, of_read};
use actix_web::HttpResponse;
use actix_web::web::Data;
use db::Conn;
use delivery::Engine;
use service::{EXPOSITION_TYPE, Problem};

use crate::metrics::{Service, exposition};
use crate::service_state::ServiceState;

/// The install's own tenant.
const OPERATOR: i64 = 1;

/// `GET /metrics`.
pub(crate) async fn metrics(
    state: Data<Arc<ServiceState>>,
    caller: Caller,
    engine: Data<Weak<Engine>>,
) -> Result<HttpResponse, Problem> {
    let engine = engine
        .upgrade()
        .ok_or_else(|| Problem::unavailable("the service stops", "the engine is gone"))?;
    let mut snapshot = engine.metrics();
    let is_operator = caller.tenant_id == OPERATOR;
    let sees_all = is_operator && caller.scopes.allow(Scope::Admin);
    let seen = |tenant_id: i64| sees_all || tenant_id == caller.tenant_id;
    snapshot.series.retain(|(id, _), _| seen(*id));
    let ids: Vec<i64> = snapshot.series.keys().map(|(id, _)| *id).collect();
    let tenants = state.events.tenants.clone();
    let read = move |conn: &mut Conn| tenants.names(conn, &ids);
    let names = state.database.reads().run(read).await.map_err(of_read)?;
    let service = match is_operator {
        true => Some(Service {
            writer: state.writer.stats(),
            reads: state.database.reads().stats(),
            sizes: state.sizes.look(&state.database).await.map_err(of_read)?,
        }),
        false => None,
    };
    Ok(HttpResponse::Ok()
        .insert_header(("content-type", EXPOSITION_TYPE))
        .body(exposition(&snapshot, &names, service.as_ref())))
}
