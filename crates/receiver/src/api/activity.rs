//! `/activity`: what happened to design files and projects. What it changed is found by reading it beside
//! the one before it in sequence order, so it never depends on the order of arrival.

use access::Caller;
use actix_web::HttpResponse;
use actix_web::web::Data;
use contract::{FileEventKind, format_ms};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use service::{Problem, Query};

use super::page::{Paging, Wanted, listed, time, words};
use super::read;
use crate::facts::{client_spelling, project_spelling};
use crate::receiver::State;
use crate::store::activity::{ActivityKind, ActivityQuery};
use crate::store::{self, Slice};

const COLUMNS: &[&str] = &[
    "timestamp",
    "action",
    "actor",
    "project_code",
    "client_code",
    "filename",
    "design_file_id",
    "event_id",
    "sequence",
    "received_at",
    "changes",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActivitiesQuery {
    project_code: Option<String>,
    client_code: Option<String>,
    design_file_id: Option<i64>,
    action: Option<String>,
    since: Option<String>,
    until: Option<String>,
    limit: Option<i64>,
    #[serde(alias = "skip")]
    offset: Option<i64>,
    cursor: Option<String>,
}

#[derive(Serialize)]
struct Activity {
    id: i64,
    /// As people read it: `FILE PROCESSED`.
    action: &'static str,
    /// A sender's name, or who did it here.
    actor: String,
    source: Option<String>,
    event_id: Option<String>,
    event_type: Option<String>,
    design_file_id: Option<i64>,
    ingest_id: Option<i64>,
    filename: Option<String>,
    project_id: Option<i64>,
    project_code: Option<String>,
    client_code: Option<String>,
    sequence: Option<i64>,
    timestamp: String,
    received_at: String,
    changes: Vec<Change>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Change {
    field: String,
    before: Json,
    after: Json,
}

impl Activity {
    fn of(activity: store::activity::Activity) -> Self {
        let kind = activity.kind();
        let event = match kind {
            ActivityKind::Event(event) => Some(event),
            _ => None,
        };
        let before = activity.facts_before.as_deref().map(facts);
        let after = facts(&activity.facts);
        let named = |name: &str| after.get(name).and_then(Json::as_str).map(str::to_owned);
        Self {
            id: activity.id,
            action: kind.name(),
            actor: activity
                .actor
                .or_else(|| activity.source.clone())
                .unwrap_or_default(),
            source: activity.source,
            event_id: activity.event_key,
            event_type: event.map(|event| event.event_type().to_string()),
            design_file_id: activity.design_file_id,
            ingest_id: activity.ingest_id,
            filename: named("stored_filename").or_else(|| named("original_filename")),
            project_id: activity.project_id,
            project_code: activity.project_code,
            client_code: named("client_code"),
            sequence: activity.sequence,
            timestamp: format_ms(activity.timestamp_ms),
            received_at: format_ms(activity.received_at_ms),
            changes: changes(kind, before.as_ref(), after),
        }
    }
}

fn facts(json: &str) -> Map<String, Json> {
    serde_json::from_str(json).unwrap_or_default()
}

/// A deletion changes the status alone: old senders repeat nothing else there. A project that is gone
/// changed nothing before.
fn changes(
    kind: ActivityKind,
    before: Option<&Map<String, Json>>,
    after: Map<String, Json>,
) -> Vec<Change> {
    use ActivityKind::{ClientCreated, ProjectCreated};
    let is_deletion = kind == ActivityKind::Event(FileEventKind::Deleted);
    // One of the same code may have been deleted before.
    let before = before.filter(|_| !matches!(kind, ClientCreated | ProjectCreated));
    let told = after
        .into_iter()
        .filter(|(field, _)| !is_deletion || field == "status");
    let change = |(field, after): (String, Json)| {
        let before = before.and_then(|before| before.get(&field)).cloned();
        let before = before.unwrap_or(Json::Null);
        (before != after).then_some(Change {
            field,
            before,
            after,
        })
    };
    told.filter_map(change).collect()
}

/// `GET /activity`: latest first, by the senders' clocks.
pub(crate) async fn list(
    state: Data<State>,
    caller: Caller,
    wanted: Wanted,
    Query(query): Query<ActivitiesQuery>,
) -> Result<HttpResponse, Problem> {
    let paging = Paging {
        limit: query.limit,
        offset: query.offset,
        cursor: query.cursor,
    };
    let slice = paging.slice(wanted, &store::activity::ORDER)?;
    let kind = |name: String| {
        let names = ActivityKind::names;
        ActivityKind::parse(&name)
            .ok_or_else(|| Problem::invalid_field("action", format!("use one of {}", names())))
    };
    let query = ActivityQuery {
        project_code: words("project_code", query.project_code)?.map(project_spelling),
        client_code: words("client_code", query.client_code)?.map(client_spelling),
        design_file_id: query.design_file_id,
        kind: query.action.map(kind).transpose()?,
        since_ms: time("since", query.since)?,
        until_ms: time("until", query.until)?,
    };
    page(&state, &caller, wanted, query, slice).await
}

pub(super) async fn page(
    state: &State,
    caller: &Caller,
    wanted: Wanted,
    query: ActivityQuery,
    slice: Slice,
) -> Result<HttpResponse, Problem> {
    let tenant = caller.tenant_id;
    let page = read(state, move |conn| {
        store::activity::list(conn, tenant, query, slice)
    });
    Ok(listed(
        wanted,
        page.await?,
        Activity::of,
        ("activity", COLUMNS),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_a_change() {
        let shown = |material: &str| {
            facts(&json!({"material": material, "quantity": 3, "status": "completed"}).to_string())
        };
        let processed = ActivityKind::Event(FileEventKind::Processed);
        let found = changes(processed, Some(&shown("MS")), shown("SS"));
        let expected = Change {
            field: "material".to_owned(),
            before: json!("MS"),
            after: json!("SS"),
        };
        assert_eq!(found, [expected]);
        let fields = |found: Vec<Change>| -> Vec<String> {
            found.into_iter().map(|change| change.field).collect()
        };
        let first = fields(changes(processed, None, shown("SS")));
        assert_eq!(first, ["material", "quantity", "status"]);
        let deleted = ActivityKind::Event(FileEventKind::Deleted);
        assert_eq!(fields(changes(deleted, None, shown("SS"))), ["status"]);
    }
}
