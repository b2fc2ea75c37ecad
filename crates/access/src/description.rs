//! A service's description as OpenAPI 3.1, made of its route table. Bodies are described in schemas that the service
//! brings; it must hold them against what is really read.

use serde_json::{Map, Value, json};

use crate::call::{Body, Call};

/// What a description says besides the calls.
#[derive(Debug, Clone, Copy)]
pub struct About {
    pub title: &'static str,
    pub version: &'static str,
    pub text: &'static str,
    /// JSON Schemas by name, as JSON text.
    pub schemas: &'static str,
    /// The group that a path belongs to.
    pub tag: fn(&str) -> &'static str,
}

/// The document, as it is served and kept.
pub fn describe<'c, P: AsRef<str>>(
    about: &About,
    table: impl IntoIterator<Item = (P, &'c Call)>,
) -> String {
    let mut paths: Map<String, Value> = Map::new();
    for (path, call) in table {
        let path = path.as_ref();
        let operations = paths.entry(path).or_insert_with(|| json!({}));
        if let Value::Object(operations) = operations {
            let operation = operation(path, call, (about.tag)(path));
            operations.insert(call.verb.name().to_owned(), operation);
        }
    }
    let schemas: Value = serde_json::from_str(about.schemas).unwrap_or_default();
    let document = json!({
        "openapi": "3.1.0",
        "info": {"title": about.title, "version": about.version, "description": about.text},
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
    });
    let text = serde_json::to_string_pretty(&document).unwrap_or_default();
    format!("{text}\n")
}

fn operation(path: &str, call: &Call, tag: &str) -> Value {
    let named = path.split('/').filter_map(|part| {
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
        "tags": [tag],
        "parameters": parameters,
        "security": security,
        "responses": {
            call.answers.to_string(): {"description": "Done"},
            "default": {"$ref": "#/components/responses/Problem"},
        },
    });
    if let (Value::Object(operation), Some(body)) = (&mut operation, call.body) {
        operation.insert("requestBody".to_owned(), described(body));
    }
    operation
}

fn described(body: Body) -> Value {
    let schema = format!("#/components/schemas/{}", body.schema);
    json!({"required": body.required, "content": {body.media_type: {"schema": {"$ref": schema}}}})
}
