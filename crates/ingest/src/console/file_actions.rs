//! What people do to a file: correct, accept, read again, delete, bring back. Each calls what the JSON API calls.

use std::sync::Arc;

use access::Keys;
use actix_web::web::{Data, Path};
use console::{Answer, Visit};
use serde::Deserialize;
use serde_json::{Map, Value};
use service::{Form, Problem};

use super::fact_line::of_row;
use super::files::AT;
use crate::accept::{Seen, accept, withdraw};
use crate::api::files::find;
use crate::api::ingest::refused_fact;
use crate::correct::{Patch, correct};
use crate::service_state::ServiceState;
use crate::{remove, restore};

type State = Data<Arc<ServiceState>>;

/// Facts as their fields hold them; those that are the same as before say nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FactsForm {
    /// The record that the person saw.
    tag: String,
    /// Where to go on.
    #[serde(default)]
    next: String,
    #[serde(default)]
    accept: Option<String>,
    client_code: Option<String>,
    project_code: Option<String>,
    part_name: Option<String>,
    material: Option<String>,
    thickness_mm: Option<String>,
    quantity: Option<String>,
}

impl FactsForm {
    fn fields(&self) -> [(&'static str, &Option<String>); 6] {
        [
            ("client_code", &self.client_code),
            ("project_code", &self.project_code),
            ("part_name", &self.part_name),
            ("material", &self.material),
            ("thickness_mm", &self.thickness_mm),
            ("quantity", &self.quantity),
        ]
    }
}

/// `POST /console/files/{id}`: the fields that were changed; an emptied one is left to what is read in the file.
pub(super) async fn edit(
    state: State,
    keys: Data<Keys>,
    visit: Visit,
    id: Path<i64>,
    Form(form): Form<FactsForm>,
) -> Result<Answer, Problem> {
    let (tenant_id, id) = (visit.caller.tenant_id, *id);
    let row = find(&state, tenant_id, id).await?;
    let mut given = Map::new();
    for (name, field) in form.fields() {
        let Some(text) = field.as_deref().map(str::trim) else {
            continue;
        };
        if text != of_row(&row, name).unwrap_or_default() {
            let value = match text {
                "" => Value::Null,
                text => Value::String(text.to_owned()),
            };
            given.insert(name.to_owned(), value);
        }
    }
    let page = format!("{AT}/{id}");
    let next = match form.next.is_empty() {
        true => page.as_str(),
        false => console::own_path(&form.next),
    };
    let (mut tag, mut changed) = (form.tag, Vec::new());
    if !given.is_empty() {
        let patch = Patch::parse(given, &state).map_err(|cause| refused_fact(&cause, "body"))?;
        let corrected = correct(&state, tenant_id, id, patch, Some(tag)).await?;
        (tag, changed) = (corrected.0.tag(), corrected.1);
    }
    let said = match changed.as_slice() {
        [] => format!("{}: nothing was changed", row.clean_name),
        changed => format!("{}: corrected {}", row.clean_name, changed.join(", ")),
    };
    if form.accept.is_none() {
        return visit.done(next, said);
    }
    let seen = Seen {
        tenant_id,
        id,
        tag: Some(tag),
    };
    accept(&state, &keys, &visit.caller, seen).await?;
    let undo = format!("{page}/look-again");
    visit.undoable(next, format!("{} is accepted", row.clean_name), undo)
}

/// `POST /console/files/{id}/look-again`: what was accepted is to be looked at again.
pub(super) async fn look_again(
    state: State,
    visit: Visit,
    id: Path<i64>,
) -> Result<Answer, Problem> {
    let seen = Seen {
        tenant_id: visit.caller.tenant_id,
        id: *id,
        tag: None,
    };
    let row = withdraw(&state, seen).await?;
    let said = format!("{} is no longer accepted", row.clean_name);
    visit.done(&format!("{AT}/{id}"), said)
}

/// `POST /console/files/{id}/delete`: softly, so that it can be undone.
pub(super) async fn delete(state: State, visit: Visit, id: Path<i64>) -> Result<Answer, Problem> {
    let row = remove::remove(&state, visit.caller.tenant_id, *id, false).await?;
    let undo = format!("{AT}/{id}/restore");
    visit.undoable(AT, format!("{} is deleted", row.clean_name), undo)
}

/// `POST /console/files/{id}/restore`.
pub(super) async fn undelete(state: State, visit: Visit, id: Path<i64>) -> Result<Answer, Problem> {
    let row = restore::restore(&state, visit.caller.tenant_id, *id).await?;
    visit.done(&format!("{AT}/{id}"), format!("{} is back", row.clean_name))
}

/// `POST /console/files/{id}/re-extract`.
pub(super) async fn again(state: State, visit: Visit, id: Path<i64>) -> Result<Answer, Problem> {
    crate::api::extract::restarted(&state, visit.caller.tenant_id, *id, None).await?;
    visit.done(&format!("{AT}/{id}"), "The file is being read again")
}
