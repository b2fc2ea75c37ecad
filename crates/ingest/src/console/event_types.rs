//! The event types that there are, for forms that ask for one: the API's own catalogue.

use std::sync::Arc;

use actix_web::web::Data;
use console::{Visit, said};
use serde::Deserialize;
use service::Problem;

use crate::api::webhooks::catalogue;
use crate::service_state::ServiceState;

/// An event type that can be asked for.
#[derive(Debug, Deserialize)]
pub(super) struct TypeLine {
    pub(super) event_type: String,
    pub(super) description: String,
}

#[derive(Debug, Deserialize)]
struct Types {
    items: Vec<TypeLine>,
}

/// All of a tenant's.
pub(super) async fn event_types(
    state: &Data<Arc<ServiceState>>,
    visit: &Visit,
) -> Result<Vec<TypeLine>, Problem> {
    let listed = catalogue::list(state.clone(), visit.caller.clone()).await?;
    Ok(said::<Types>(listed).await?.items)
}
