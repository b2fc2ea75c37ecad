//! Event types that tenants register, and the JSON Schemas by which published data is checked. A schema is
//! compiled once and refers to nothing outside itself: checking never reads a file or asks the network.

use std::collections::HashMap;
use std::sync::Arc;

use contract::{CatalogueEntry, EventType, JsonObject, TypePattern};
use db::{Conn, DbError, Lane, TxError, WriteError, Writer, sql};
use diesel::sql_types::{BigInt, Nullable, SmallInt, Text};
use jsonschema::{PatternOptions, Validator};

use crate::publish::Publisher;
use crate::registry::Tenant;
use crate::subscription_rows::raise_version;

/// Longest schema and example, bytes.
const SCHEMA_BYTES_MAX: usize = 65_536;
/// Most types of one tenant.
const TYPES_MAX: i64 = 1_000;
/// Most departures from a schema that are named.
const ERRORS_MAX: usize = 5;
/// Largest program that a pattern of a schema may become, bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// What happens to data that departs from its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Validation {
    Off,
    /// It is published; the answer says how it departs.
    #[default]
    Warn,
    /// It is refused.
    Block,
}

/// A type as a tenant registers it. A shipped type may be registered too, to have it checked differently.
#[derive(Debug, Clone, PartialEq)]
pub struct EventTypeEntry {
    pub event_type: EventType,
    pub description: String,
    pub schema: Option<JsonObject>,
    pub example: Option<JsonObject>,
    pub validation: Validation,
}

/// Why a type was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventTypeRefusal {
    #[error("schema: {0}")]
    Schema(String),
    #[error("schema and example: at most {SCHEMA_BYTES_MAX} bytes each")]
    TooLarge,
    #[error("example: it departs from the schema: {0}")]
    Example(String),
    #[error("a tenant has at most {TYPES_MAX} types")]
    TooMany,
    #[error("type: {0} is published by the engine itself")]
    Reserved(EventType),
}

/// What checking found.
pub(crate) enum Checked {
    Fits,
    Warned(Vec<String>),
    Refused(Vec<String>),
}

/// The rules of all tenants.
#[derive(Debug, Default)]
pub(crate) struct TypeRules(HashMap<(i64, String), Arc<Rule>>);

#[derive(Debug)]
struct Rule {
    text: String,
    validation: i16,
    validator: Validator,
}

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    tenant_id: i64,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    description: String,
    #[diesel(sql_type = Nullable<Text>)]
    json_schema: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    example: Option<String>,
    #[diesel(sql_type = SmallInt)]
    validation: i16,
}

const COLUMNS: &str = "tenant_id, name, description, json_schema, example, validation";

/// Reads all rules; those that have not changed are taken from `known`.
pub(crate) fn load(conn: &mut Conn, known: &TypeRules) -> Result<TypeRules, DbError> {
    let rows: Vec<Row> = conn.rows(sql(format!(
        "SELECT {COLUMNS} FROM event_types WHERE validation > 1 AND json_schema IS NOT NULL"
    )))?;
    let mut rules = HashMap::with_capacity(rows.len());
    for row in rows {
        let text = row.json_schema.unwrap_or_default();
        let key = (row.tenant_id, row.name);
        let same = known.0.get(&key);
        let rule = match same.filter(|r| r.text == text && r.validation == row.validation) {
            Some(rule) => Arc::clone(rule),
            None => Arc::new(Rule {
                validator: compile(&text)
                    .map_err(|e| DbError::defect(format!("{}: {e}", key.1)))?,
                text,
                validation: row.validation,
            }),
        };
        rules.insert(key, rule);
    }
    Ok(TypeRules(rules))
}

impl TypeRules {
    /// Checks data against the schema of its type, if there is one.
    pub(crate) fn check(
        &self,
        tenant_id: i64,
        event_type: &EventType,
        data: &JsonObject,
    ) -> Checked {
        if self.0.is_empty() {
            return Checked::Fits;
        }
        let Some(rule) = self.0.get(&(tenant_id, event_type.as_str().to_owned())) else {
            return Checked::Fits;
        };
        let errors = departures(&rule.validator, data);
        match rule.validation {
            _ if errors.is_empty() => Checked::Fits,
            3 => Checked::Refused(errors),
            _ => Checked::Warned(errors),
        }
    }
}

fn departures(validator: &Validator, data: &JsonObject) -> Vec<String> {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(data.as_str()) else {
        return vec!["it cannot be read".to_owned()];
    };
    let errors = validator.iter_errors(&value).take(ERRORS_MAX);
    errors
        .map(|error| {
            let place = error.instance_path().to_string();
            let text: String = error.to_string().chars().take(200).collect();
            if place.is_empty() {
                text
            } else {
                format!("{place}: {text}")
            }
        })
        .collect()
}

/// Patterns without backtracking, formats unchecked, no reference leads outside.
fn compile(text: &str) -> Result<Validator, String> {
    let schema: serde_json::Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let patterns = PatternOptions::regex()
        .size_limit(PATTERN_BYTES_MAX)
        .dfa_size_limit(PATTERN_BYTES_MAX);
    let options = jsonschema::options()
        .offline()
        .with_pattern_options(patterns);
    options
        .build(&schema)
        .map_err(|e| e.to_string().chars().take(300).collect())
}

impl EventTypeEntry {
    /// Checks schema and example.
    ///
    /// # Errors
    /// [`EventTypeRefusal`].
    pub fn check(&self) -> Result<(), EventTypeRefusal> {
        let texts = [&self.schema, &self.example];
        if texts
            .into_iter()
            .flatten()
            .any(|text| text.as_str().len() > SCHEMA_BYTES_MAX)
        {
            return Err(EventTypeRefusal::TooLarge);
        }
        if contract::is_operational(&self.event_type) || self.event_type == EventType::PROBE {
            return Err(EventTypeRefusal::Reserved(self.event_type.clone()));
        }
        let Some(schema) = &self.schema else {
            return Ok(());
        };
        let validator = compile(schema.as_str()).map_err(EventTypeRefusal::Schema)?;
        let departures = self
            .example
            .as_ref()
            .map_or_else(Vec::new, |e| departures(&validator, e));
        match departures.first() {
            Some(first) => Err(EventTypeRefusal::Example(first.clone())),
            None => Ok(()),
        }
    }

    /// Registers the type, or replaces what the tenant had registered under its name.
    ///
    /// # Errors
    /// [`EventTypeRefusal`] as [`WriteError::Refused`].
    pub async fn register(
        self,
        publisher: &Publisher,
        writer: &Writer,
        tenant: &Tenant,
    ) -> Result<(), WriteError<EventTypeRefusal>> {
        self.check().map_err(WriteError::Refused)?;
        let (tenant_id, clock) = (tenant.id, Arc::clone(&publisher.inner.clock));
        let job = move |tx: &mut db::Tx<'_>| {
            let (conn, now_ms) = (tx.conn(), clock.now_ms());
            raise_version(conn)?;
            let count =
                sql("SELECT count(*) AS count FROM event_types WHERE tenant_id = ? AND name <> ?");
            let count = count.bind(tenant_id).bind(self.event_type.as_str());
            if crate::page::total(conn, count)? >= TYPES_MAX {
                return Err(TxError::Refused(EventTypeRefusal::TooMany));
            }
            conn.execute(
                sql("INSERT INTO event_types (tenant_id, name, description, json_schema, example, \
                     validation, created_at_ms, updated_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?) \
                     ON CONFLICT (tenant_id, name) DO UPDATE SET description = excluded.description, \
                     json_schema = excluded.json_schema, example = excluded.example, \
                     validation = excluded.validation, updated_at_ms = excluded.updated_at_ms")
                .bind(tenant_id)
                .bind(self.event_type.as_str())
                .bind(&self.description)
                .bind(self.schema.as_ref().map(JsonObject::as_str))
                .bind(self.example.as_ref().map(JsonObject::as_str))
                .bind(self.validation as i64 + 1)
                .bind(now_ms)
                .bind(now_ms),
            )?;
            Ok(())
        };
        writer.with_tx(Lane::Interactive, tenant.id, 0, job).await
    }

    /// What a tenant has registered itself, by name; the shipped ones are `contract::CATALOGUE`.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn registered(conn: &mut Conn, tenant_id: i64) -> Result<Vec<Self>, DbError> {
        let rows: Vec<Row> = conn.rows(
            sql(format!(
                "SELECT {COLUMNS} FROM event_types WHERE tenant_id = ? ORDER BY name"
            ))
            .bind(tenant_id),
        )?;
        rows.into_iter()
            .map(|row| {
                let event_type = EventType::parse(&row.name);
                Ok(Self {
                    event_type: event_type.map_err(|e| DbError::defect(e.to_string()))?,
                    description: row.description,
                    schema: row.json_schema.map(JsonObject::from_stored),
                    example: row.example.map(JsonObject::from_stored),
                    validation: match row.validation {
                        1 => Validation::Off,
                        3 => Validation::Block,
                        _ => Validation::Warn,
                    },
                })
            })
            .collect()
    }
}

/// Whether a pattern selects anything that is shipped, or that the tenant has registered: a subscription to
/// anything else is probably a slip.
pub fn selects_known(pattern: &TypePattern, registered: &[EventTypeEntry]) -> bool {
    let own = registered.iter().map(|entry| &entry.event_type);
    let shipped = contract::CATALOGUE
        .iter()
        .map(|entry: &CatalogueEntry| &entry.event_type);
    shipped
        .chain(own)
        .any(|event_type| pattern.matches(event_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_examples_fit_their_schemas() {
        for entry in contract::CATALOGUE {
            let validator = compile(&entry.schema().to_string()).unwrap();
            let example = JsonObject::of(&entry.example()).unwrap();
            assert_eq!(
                departures(&validator, &example),
                Vec::<String>::new(),
                "{}",
                entry.event_type
            );
        }
    }
}
