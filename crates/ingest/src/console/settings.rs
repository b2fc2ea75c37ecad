//! `/console/settings`: the configuration in force, secrets masked, and the keys that open the service.

use std::sync::Arc;

use access::Keys;
use actix_web::web::Data;
use askama::Template;
use askama_web::WebTemplate;
use console::{Frame, KeyLine, Visit, key_lines};
use service::Problem;

use super::trouble::framed;
use crate::service_state::ServiceState;

pub(super) const AT: &str = "/console/settings";

type State = Data<Arc<ServiceState>>;

#[derive(Template, WebTemplate)]
#[template(path = "settings.html")]
pub(super) struct SettingsPage {
    frame: Frame,
    keys: Vec<KeyLine>,
    scopes: Vec<(&'static str, &'static str)>,
    /// Shown to administrators of an install that asks for no keys, or of its first tenant.
    printed: Option<String>,
}

/// `GET /console/settings`.
pub(super) async fn show(
    state: State,
    keys: Data<Keys>,
    visit: Visit,
) -> Result<SettingsPage, Problem> {
    // The configuration is the machine's, not a tenant's.
    let is_owner = visit.may().admin && visit.caller.tenant_id == 1;
    Ok(SettingsPage {
        frame: framed(&state, &visit, "Settings", AT).await?,
        keys: key_lines(&keys, &visit).await?,
        scopes: vec![
            ("upload", "send files in, correct and delete them"),
            ("read", "look at everything but keys"),
            ("publish", "publish events"),
            ("manage", "subscriptions, deliveries, replays"),
            ("admin", "everything, keys included"),
        ],
        printed: is_owner.then(|| state.printed_settings.clone()),
    })
}
