//! `/console/settings`: the configuration in force, secrets masked, and the keys that open the service.

use access::Keys;
use actix_web::web::Data;
use askama::Template;
use askama_web::WebTemplate;
use console::{Frame, KeyLine, Visit, key_lines};
use service::Problem;

use super::pages::Printed;
use super::trouble::framed;
use crate::receiver::State;

pub(super) const AT: &str = "/console/settings";

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
    state: Data<State>,
    keys: Data<Keys>,
    printed: Data<Printed>,
    visit: Visit,
) -> Result<SettingsPage, Problem> {
    // The configuration is the machine's, not a tenant's.
    let is_owner = visit.may().admin && visit.caller.tenant_id == 1;
    Ok(SettingsPage {
        frame: framed(&state, &visit, "Settings", AT).await?,
        keys: key_lines(&keys, &visit).await?,
        scopes: vec![
            ("read", "look at everything but keys and sources"),
            ("manage", "clients, projects, links, sources, the inbox"),
            ("admin", "everything, keys included"),
        ],
        printed: is_owner.then(|| printed.0.clone()),
    })
}
