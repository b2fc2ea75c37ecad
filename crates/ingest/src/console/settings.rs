//! `/console/settings`: the configuration in force, secrets masked, and the keys that open the service.

use std::sync::Arc;

use access::{Keys, NewKey, Scope, Scopes};
use actix_web::web::{Data, Path};
use askama::Template;
use askama_web::WebTemplate;
use console::{Answer, Frame, Time, Visit};
use serde::Deserialize;
use service::{Form, Problem};

use super::trouble::framed;
use crate::service_state::ServiceState;

pub(super) const AT: &str = "/console/settings";
const NAME_CHARS_MAX: usize = 100;

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

/// A key without its text.
struct KeyLine {
    id: i64,
    name: String,
    scopes: String,
    hint: String,
    created: Time,
    expires: Option<Time>,
    is_own: bool,
}

/// `GET /console/settings`.
pub(super) async fn show(
    state: State,
    keys: Data<Keys>,
    visit: Visit,
) -> Result<SettingsPage, Problem> {
    let caller = &visit.caller;
    let listed = match visit.may().admin {
        true => keys.list(caller.tenant_id).await?,
        false => Vec::new(),
    };
    let line = |key: access::KeyRecord| KeyLine {
        id: key.id,
        scopes: key.scopes().to_string(),
        name: key.name,
        hint: key.hint,
        created: Time(key.created_at_ms),
        expires: key.expires_at_ms.map(Time),
        is_own: caller.key_id == Some(key.id),
    };
    // The configuration is the machine's, not a tenant's.
    let is_owner = visit.may().admin && caller.tenant_id == 1;
    Ok(SettingsPage {
        frame: framed(&state, &visit, "Settings", AT).await?,
        keys: listed.into_iter().map(line).collect(),
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyForm {
    name: String,
    #[serde(default)]
    scope: Vec<String>,
    #[serde(default)]
    expires: String,
}

/// `POST /console/settings/keys`: the key is shown on the next page, this once.
pub(super) async fn create(
    keys: Data<Keys>,
    visit: Visit,
    Form(form): Form<KeyForm>,
) -> Result<Answer, Problem> {
    let name = form.name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        let message = format!("needs 1 to {NAME_CHARS_MAX} characters");
        return Err(Problem::invalid_field("name", message));
    }
    let scopes: Scopes = form
        .scope
        .iter()
        .filter_map(|word| Scope::parse(word))
        .collect();
    if scopes.is_empty() {
        return Err(Problem::invalid_field("scope", "tick at least one"));
    }
    let expires = Some(form.expires.trim()).filter(|text| !text.is_empty());
    let new = NewKey {
        name: name.to_owned(),
        scopes,
        expires_at_ms: crate::api::webhooks::shared::time("expires", expires)?,
    };
    let created = keys.create(visit.caller.tenant_id, new).await?;
    let text = "The key is made. It is shown this once";
    visit.revealed(AT, text, created.text.expose())
}

/// `POST /console/settings/keys/{id}/revoke`.
pub(super) async fn revoke(
    keys: Data<Keys>,
    visit: Visit,
    id: Path<i64>,
) -> Result<Answer, Problem> {
    match keys.revoke(visit.caller.tenant_id, *id).await? {
        true => visit.done(AT, "The key is revoked"),
        false => Err(Problem::not_found(format!("key {id}"))),
    }
}
