//! `/activity`: what happened to design files. What an event changed is found by reading it beside the one
//! before it in sequence order, so it never depends on the order of arrival.

use actix_web::HttpResponse;
use actix_web::web::Data;
use contract::{FileEventKind, FileSnapshot, Profile, format_ms, parse};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use service::{Problem, Query};

use super::page::{listed, slice, words};
use super::read;
use crate::facts::{Facts, project_spelling, status_name};
use crate::receiver::State;
use crate::store::activity::ActivityQuery;
use crate::store::{self, DEFAULT_TENANT, Slice};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActivitiesQuery {
    project_code: Option<String>,
    design_file_id: Option<i64>,
    limit: Option<i64>,
    #[serde(alias = "skip")]
    offset: Option<i64>,
}

#[derive(Serialize)]
struct Activity {
    id: i64,
    source: String,
    event_id: String,
    event_type: String,
    design_file_id: i64,
    ingest_id: i64,
    filename: Option<String>,
    project_code: Option<String>,
    sequence: Option<i64>,
    timestamp: String,
    received_at: String,
    changes: Vec<Change>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Change {
    field: &'static str,
    before: Json,
    after: Json,
}

impl Activity {
    fn of(activity: store::activity::Activity) -> Self {
        let kind = store::activity::kind(activity.kind);
        let after = facts(activity.profile, &activity.body);
        let before = activity.previous_profile.zip(activity.previous_body);
        let before = before.and_then(|(profile, body)| facts(profile, &body));
        let changes = after
            .as_ref()
            .map(|after| changes(before.as_ref(), kind, after));
        Self {
            id: activity.id,
            source: activity.source,
            event_id: activity.event_key,
            event_type: kind.event_type().to_string(),
            design_file_id: activity.design_file_id,
            ingest_id: activity.ingest_id,
            filename: after.and_then(|facts| facts.stored_filename.or(facts.original_filename)),
            project_code: activity.project_code,
            sequence: activity.sequence,
            timestamp: format_ms(activity.timestamp_ms),
            received_at: format_ms(activity.received_at_ms),
            changes: changes.unwrap_or_default(),
        }
    }
}

/// What a stored event said.
fn facts(profile: i16, body: &[u8]) -> Option<Facts> {
    let event = parse(Profile::from_db(profile).ok()?, body).ok()?;
    let kind = FileEventKind::of(&event.event_type)?;
    let snapshot = FileSnapshot::from_data(&event.data).ok()?;
    Facts::of(kind, snapshot, event.timestamp_ms).ok()
}

/// A deletion changes the status alone: old senders repeat nothing else there.
fn changes(before: Option<&Facts>, kind: FileEventKind, after: &Facts) -> Vec<Change> {
    let shown = |facts: &Facts| {
        let mut fields = vec![("status", json!(status_name(facts.status)))];
        if kind != FileEventKind::Deleted {
            fields.extend([
                ("stored_filename", json!(facts.stored_filename)),
                ("client_code", json!(facts.client_code)),
                ("project_code", json!(facts.project_code)),
                ("part_name", json!(facts.part_name)),
                ("material", json!(facts.material)),
                ("thickness_mm", json!(facts.thickness_mm)),
                ("quantity", json!(facts.quantity)),
                ("version", json!(facts.version)),
            ]);
        }
        fields
    };
    let mut befores = before.map(shown).unwrap_or_default().into_iter();
    let change = |(field, after): (&'static str, Json)| {
        let before = befores.next().map_or(Json::Null, |(_, before)| before);
        (before != after).then_some(Change {
            field,
            before,
            after,
        })
    };
    shown(after).into_iter().filter_map(change).collect()
}

/// `GET /activity`: latest first, by the senders' clocks.
pub(crate) async fn list(
    state: Data<State>,
    Query(query): Query<ActivitiesQuery>,
) -> Result<HttpResponse, Problem> {
    let slice = slice(query.limit, query.offset)?;
    let query = ActivityQuery {
        project_code: words("project_code", query.project_code)?.map(project_spelling),
        design_file_id: query.design_file_id,
    };
    page(&state, query, slice).await
}

pub(super) async fn page(
    state: &State,
    query: ActivityQuery,
    slice: Slice,
) -> Result<HttpResponse, Problem> {
    let page = read(state, move |conn| {
        store::activity::list(conn, DEFAULT_TENANT, query, slice)
    });
    Ok(listed(page.await?, Activity::of))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(material: &str, quantity: Option<i64>) -> Facts {
        let snapshot = FileSnapshot {
            material: Some(material.to_owned()),
            quantity,
            ..FileSnapshot::default()
        };
        Facts::of(FileEventKind::Processed, snapshot, 0).unwrap()
    }

    #[test]
    fn only_what_differs_is_a_change() {
        let (one, two) = (facts("MS", Some(3)), facts("SS", Some(3)));
        let found = changes(Some(&one), FileEventKind::ReExtracted, &two);
        let expected = Change {
            field: "material",
            before: json!("MS"),
            after: json!("SS"),
        };
        assert_eq!(found, [expected]);
        let first: Vec<&str> = changes(None, FileEventKind::Processed, &two)
            .iter()
            .map(|change| change.field)
            .collect();
        assert_eq!(first, ["status", "material", "quantity"]);
    }
}
