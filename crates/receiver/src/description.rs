//! `/openapi.json`: the service described from its own route table (OpenAPI 3.1), so that the description can never
//! fall behind. Bodies are described in `schemas.json`, which tests hold against what is really read.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use serde_json::{Map, Value, json};

use crate::routes::{Call, table};

const SCHEMAS: &str = include_str!("schemas.json");

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let text = serde_json::to_string_pretty(&document()).unwrap_or_default();
    format!("{text}\n")
});

/// The description of the service, as `/openapi.json` answers it.
pub fn openapi() -> &'static str {
    &DOCUMENT
}

/// `GET /openapi.json`.
pub(crate) async fn json() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(openapi())
}

fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for call in table() {
        let operations = paths.entry(call.path).or_insert_with(|| json!({}));
        if let Value::Object(operations) = operations {
            operations.insert(call.verb.name().to_owned(), operation(call));
        }
    }
    let schemas: Value = serde_json::from_str(SCHEMAS).unwrap_or_default();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "draftwire receiver",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Verifies webhooks and keeps clients, projects, design files and what happened to them. \
                A key is asked for when receiver.auth is on; webhooks are signed by their senders instead.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "dw_…"}},
            "responses": {
                "Problem": {
                    "description": "Why it was refused or failed (RFC 9457)",
                    "content": {
                        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
                    },
                },
            },
        },
    })
}

fn operation(call: &Call) -> Value {
    let named = call.path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        Some(json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
    });
    let asked = call
        .asks
        .iter()
        .map(|name| json!({"name": name, "in": "query", "schema": {"type": "string"}}));
    let parameters: Vec<Value> = named.chain(asked).collect();
    let security = match call.scope {
        Some(scope) => json!([{"key": [scope.name()]}]),
        None => json!([]),
    };
    let mut operation = json!({
        "summary": call.summary,
        "tags": [tag(call.path)],
        "parameters": parameters,
        "security": security,
        "responses": {
            call.answers.to_string(): {"description": "Done"},
            "default": {"$ref": "#/components/responses/Problem"},
        },
    });
    if let (Value::Object(operation), false) = (&mut operation, call.takes.is_empty()) {
        let schema = format!("#/components/schemas/{}", call.takes);
        let content = json!({"application/json": {"schema": {"$ref": schema}}});
        let body = json!({"required": true, "content": content});
        operation.insert("requestBody".to_owned(), body);
    }
    operation
}

fn tag(path: &str) -> &'static str {
    const TAGS: [(&str, &str); 11] = [
        ("/api/v1/keys", "keys"),
        ("/api/v1/sources", "sources"),
        ("/webhooks", "webhooks"),
        ("/clients", "clients"),
        ("/projects", "projects"),
        ("/design-files", "design files"),
        ("/unmatched", "design files"),
        ("/activity", "activity"),
        ("/inbox", "inbox"),
        ("/reconcile", "inbox"),
        ("/metrics", "monitoring"),
    ];
    let found = TAGS.iter().find(|(start, _)| path.starts_with(start));
    found.map_or("service", |(_, tag)| tag)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::routes::Verb;

    #[test]
    fn every_call_is_described_once_and_its_body_known() {
        let document: Value = serde_json::from_str(openapi()).unwrap();
        let mut seen = BTreeSet::new();
        for call in table() {
            let path = call.path;
            assert!(seen.insert((path, call.verb.name())), "{path} twice");
            let operation = &document["paths"][path][call.verb.name()];
            assert_eq!(operation["summary"], call.summary, "{path}");
            if !call.takes.is_empty() {
                let schema = &document["components"]["schemas"][call.takes];
                assert_eq!(schema["type"], "object", "{path} takes {}", call.takes);
            }
            assert!(call.takes.is_empty() || call.verb != Verb::Get, "{path}");
        }
    }

    #[test]
    fn calls_of_one_path_stand_together() {
        let runs = table().chunk_by(|a, b| a.path == b.path).count();
        let different: BTreeSet<&str> = table().iter().map(|call| call.path).collect();
        assert_eq!(runs, different.len());
    }
}
