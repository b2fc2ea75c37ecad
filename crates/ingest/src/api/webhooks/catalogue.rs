//! `GET /events`: which types of events there are. `POST /event-types`: a tenant's own, checked by their schemas.

use std::collections::BTreeMap;
use std::sync::Arc;

use access::{Caller, of_read};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use contract::{CATALOGUE, CatalogueEntry, EventType, JsonObject};
use db::Conn;
use delivery::{EventTypeEntry, EventTypeRefusal, Validation};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use service::{Json, Problem};

use super::shared::{fielded, of_refusable, plain, tenant_of};
use crate::service_state::ServiceState;

type State = Data<Arc<ServiceState>>;

const DESCRIPTION_BYTES_MAX: usize = 4_096;
const VALIDATION: [(&str, Validation); 3] = [
    ("off", Validation::Off),
    ("warn", Validation::Warn),
    ("block", Validation::Block),
];

/// `GET /events`: shipped types and the tenant's own, by name.
pub(crate) async fn list(state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    let mut types: BTreeMap<String, Value> = BTreeMap::new();
    for entry in CATALOGUE {
        types.insert(entry.event_type.as_str().to_owned(), shipped(entry));
    }
    for entry in registered(&state, &caller).await? {
        types.insert(entry.event_type.as_str().to_owned(), own(&entry));
    }
    let items: Vec<Value> = types.into_values().map(without_bodies).collect();
    Ok(HttpResponse::Ok().json(json!({
        "total": items.len(),
        "events": items,
        "items": items,
    })))
}

/// `GET /events/{type}`, with schema and example.
pub(crate) async fn one(
    state: State,
    caller: Caller,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let missing = || Problem::not_found("an event type of this name");
    let event_type = EventType::parse(&name).map_err(|_no_type| missing())?;
    let registered = registered(&state, &caller).await?;
    let registered = registered
        .iter()
        .find(|entry| entry.event_type == event_type);
    let answer = match (registered, CatalogueEntry::find(&event_type)) {
        (Some(entry), _) => own(entry),
        (None, Some(entry)) => shipped(entry),
        (None, None) => return Err(missing()),
    };
    Ok(HttpResponse::Ok().json(answer))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TypeInput {
    #[serde(rename = "type", alias = "event_type", alias = "name")]
    event_type: String,
    #[serde(default)]
    description: String,
    schema: Option<Map<String, Value>>,
    example: Option<Map<String, Value>>,
    validation: Option<String>,
}

/// `POST /event-types`: registers a type, or replaces what was registered under its name.
pub(crate) async fn register(
    state: State,
    caller: Caller,
    Json(input): Json<TypeInput>,
) -> Result<HttpResponse, Problem> {
    let entry = input.entry()?;
    let (publisher, tenant) = (&state.events.publisher, tenant_of(&caller));
    let registered = entry.clone().register(publisher, &state.writer, &tenant);
    registered
        .await
        .map_err(|error| of_refusable(error, refused))?;
    Ok(HttpResponse::Created().json(own(&entry)))
}

impl TypeInput {
    fn entry(self) -> Result<EventTypeEntry, Problem> {
        let event_type = EventType::parse(&self.event_type)
            .map_err(|cause| Problem::invalid_field("type", cause.to_string()))?;
        let description = plain("description", Some(self.description))?.unwrap_or_default();
        if description.len() > DESCRIPTION_BYTES_MAX {
            let message = format!("at most {DESCRIPTION_BYTES_MAX} bytes");
            return Err(Problem::invalid_field("description", message));
        }
        let object = |field: &str, map: Option<Map<String, Value>>| {
            let object = map.map(|map| JsonObject::of(&map)).transpose();
            object.map_err(|cause| Problem::invalid_field(field, cause.to_string()))
        };
        let validation = match self.validation.as_deref() {
            None => Validation::default(),
            Some(word) => {
                let known = VALIDATION.iter().find(|(name, _)| *name == word);
                let refused =
                    || Problem::invalid_field("validation", "accepted are off, warn, block");
                known.map(|(_, known)| *known).ok_or_else(refused)?
            }
        };
        Ok(EventTypeEntry {
            event_type,
            description,
            schema: object("schema", self.schema)?,
            example: object("example", self.example)?,
            validation,
        })
    }
}

async fn registered(state: &State, caller: &Caller) -> Result<Vec<EventTypeEntry>, Problem> {
    let tenant_id = caller.tenant_id;
    let read = move |conn: &mut Conn| EventTypeEntry::registered(conn, tenant_id);
    state.database.reads().run(read).await.map_err(of_read)
}

fn shipped(entry: &CatalogueEntry) -> Value {
    json!({
        "event_type": entry.event_type.as_str(),
        "description": entry.description,
        "group": entry.group.name(),
        "has_schema": true,
        "has_example": true,
        "validation": null,
        "schema": entry.schema(),
        "example": entry.example(),
    })
}

fn own(entry: &EventTypeEntry) -> Value {
    let value = |object: &Option<JsonObject>| {
        let object = object.as_ref();
        object.and_then(|object| serde_json::from_str::<Value>(object.as_str()).ok())
    };
    let validation = VALIDATION
        .iter()
        .find(|(_, known)| *known == entry.validation);
    json!({
        "event_type": entry.event_type.as_str(),
        "description": entry.description,
        "group": "custom",
        "has_schema": entry.schema.is_some(),
        "has_example": entry.example.is_some(),
        "validation": validation.map(|(name, _)| *name),
        "schema": value(&entry.schema),
        "example": value(&entry.example),
    })
}

/// As lists show a type.
fn without_bodies(mut answer: Value) -> Value {
    if let Value::Object(answer) = &mut answer {
        answer.remove("schema");
        answer.remove("example");
    }
    answer
}

fn refused(refusal: EventTypeRefusal) -> Problem {
    match refusal {
        EventTypeRefusal::TooMany => Problem::conflict(refusal.to_string()),
        EventTypeRefusal::TooLarge
        | EventTypeRefusal::Schema(_)
        | EventTypeRefusal::Example(_)
        | EventTypeRefusal::Reserved(_) => fielded(&refusal.to_string()),
    }
}
