//! `/console/activity`, and what happened to one thing: who did what when, with what was so before and after.

use std::collections::HashMap;

use actix_web::web::Data;
use askama::Template;
use askama_web::WebTemplate;
use console::{Asked, Frame, Pager, Time, Visit, said};
use serde::Deserialize;
use serde_json::{Value, json};
use service::Problem;

use super::records::{Listed, page_query, query, time};
use super::trouble::framed;
use crate::api::page::Wanted;
use crate::api::{activity, read};
use crate::receiver::State;

pub(super) const AT: &str = "/console/activity";

/// Something that happened, as the API tells it.
#[derive(Debug, Deserialize)]
pub(super) struct Deed {
    action: String,
    pub(super) actor: String,
    pub(super) design_file_id: Option<i64>,
    pub(super) filename: Option<String>,
    pub(super) project_code: Option<String>,
    client_code: Option<String>,
    #[serde(deserialize_with = "time")]
    pub(super) timestamp: Time,
    changes: Vec<Change>,
}

#[derive(Debug, Deserialize)]
struct Change {
    field: String,
    before: Value,
    after: Value,
}

/// What a deed changed, in words.
pub(super) struct Changed {
    pub(super) field: String,
    /// Empty when there was nothing.
    pub(super) before: String,
    pub(super) after: String,
}

/// Actions, their words and colours.
const WORDS: [(&str, &str, &str); 13] = [
    ("FILE INGESTED", "File taken in", ""),
    ("FILE PROCESSED", "File read", "good"),
    ("FILE FAILED", "File failed", "bad"),
    ("FILE RE_EXTRACTED", "File corrected or read again", "good"),
    ("FILE DELETED", "File deleted", ""),
    ("PROJECT CREATED", "Project created", "good"),
    ("PROJECT CHANGED", "Project changed", ""),
    ("PROJECT DELETED", "Project deleted", ""),
    ("CLIENT CREATED", "Client added", "good"),
    ("CLIENT CHANGED", "Client changed", ""),
    ("CLIENT DELETED", "Client deleted", ""),
    ("FILE LINKED", "File put under the project", ""),
    ("FILE UNLINKED", "File taken out again", ""),
];

impl Deed {
    pub(super) fn words(&self) -> &str {
        let known = WORDS.iter().find(|(action, ..)| *action == self.action);
        known.map_or(self.action.as_str(), |(_, words, _)| words)
    }

    /// Who did it: a sender, a key by its name, or whoever is at an install that asks for no keys.
    fn name_actor(&mut self, names: &HashMap<i64, String>) {
        let id = self
            .actor
            .strip_prefix("key ")
            .and_then(|id| id.parse().ok());
        if let Some(name) = id.and_then(|id: i64| names.get(&id)) {
            self.actor = format!("{name} ({})", self.actor);
        }
    }

    /// The client, where it was done to one.
    pub(super) fn client(&self) -> Option<&str> {
        let is_of_client = self.action.starts_with("CLIENT ");
        self.client_code.as_deref().filter(|_| is_of_client)
    }

    pub(super) fn look(&self) -> &'static str {
        let known = WORDS.iter().find(|(action, ..)| *action == self.action);
        known.map_or("", |(.., look)| look)
    }

    pub(super) fn changes(&self) -> Vec<Changed> {
        let changed = |change: &Change| Changed {
            field: change.field.replace('_', " "),
            before: words(&change.before),
            after: match words(&change.after) {
                text if text.is_empty() => "nothing".to_owned(),
                text => text,
            },
        };
        // What is beside it, or follows from what happened, is not told twice.
        let is_of_file = self.action.starts_with("FILE ");
        let told = |change: &&Change| match change.field.as_str() {
            "stored_filename" | "client_code" if self.client().is_some() => false,
            "stored_filename" => false,
            "status" if is_of_file => false,
            "original_filename" | "project_code" | "status" => !change.before.is_null(),
            _ => true,
        };
        self.changes.iter().filter(told).map(changed).collect()
    }
}

fn words(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map_or_else(String::new, |n| n.to_string()),
        other => other.to_string(),
    }
}

/// The latest deeds to what the fields name, and how many there are.
pub(super) async fn latest(
    state: &Data<State>,
    visit: &Visit,
    mut fields: Value,
    limit: i64,
) -> Result<Listed<Deed>, Problem> {
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("limit".to_owned(), json!(limit));
    }
    let caller = visit.caller.clone();
    let listed = activity::list(state.clone(), caller, Wanted::Json, query(fields)?);
    named(state, visit, said(listed.await?).await?).await
}

/// The same with keys called by their names.
async fn named(
    state: &State,
    visit: &Visit,
    mut deeds: Listed<Deed>,
) -> Result<Listed<Deed>, Problem> {
    let tenant = visit.caller.tenant_id;
    let names = read(state, move |conn| access::key_names(conn, tenant)).await?;
    for deed in &mut deeds.items {
        deed.name_actor(&names);
    }
    Ok(deeds)
}

#[derive(Template, WebTemplate)]
#[template(path = "activity.html")]
pub(super) struct ActivityPage {
    frame: Frame,
    asked: Asked,
    deeds: Vec<Deed>,
    pager: Pager,
    actions: Vec<(&'static str, &'static str)>,
}

/// `GET /console/activity`.
pub(super) async fn list(
    state: Data<State>,
    visit: Visit,
    asked: Asked,
) -> Result<ActivityPage, Problem> {
    let (caller, query) = (visit.caller.clone(), page_query(&asked)?);
    let listed = activity::list(state.clone(), caller, Wanted::Json, query);
    let listed = named(&state, &visit, said(listed.await?).await?).await?;
    Ok(ActivityPage {
        frame: framed(&state, &visit, "Activity", AT).await?,
        pager: Pager::of(&asked, asked.offset(), listed.total),
        deeds: listed.items,
        actions: WORDS.map(|(action, words, _)| (action, words)).to_vec(),
        asked,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::activity::ActivityKind;

    #[test]
    fn every_action_has_its_words() {
        for (action, ..) in WORDS {
            assert!(ActivityKind::parse(action).is_some(), "{action}");
        }
        assert_eq!(ActivityKind::names().split(", ").count(), WORDS.len());
    }
}
