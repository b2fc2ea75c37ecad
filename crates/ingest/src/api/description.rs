//! `/openapi.json`: the service described from its own route table (OpenAPI 3.1), so that the description can never
//! fall behind. Bodies are described in `schemas.json`, which tests hold against what is really read.

use std::sync::LazyLock;

use access::{About, describe};
use actix_web::HttpResponse;

use crate::routes::table;

static DOCUMENT: LazyLock<String> = LazyLock::new(|| describe(&ABOUT, table()));

const ABOUT: About = About {
    title: "draftwire ingest",
    version: env!("CARGO_PKG_VERSION"),
    text: "Takes design files in, has them understood, and publishes events to whoever subscribed. \
           A key is asked for when ingest.auth is on.",
    schemas: include_str!("schemas.json"),
    tag,
};

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

fn tag(path: &str) -> &'static str {
    const TAGS: [(&str, &str); 6] = [
        ("/api/v1/webhooks", "webhook platform"),
        (
            "/api/v1/tenant",
            "webhook platform, as older clients find it",
        ),
        ("/api/v1/keys", "keys"),
        ("/webhooks", "monitoring"),
        ("/metrics", "monitoring"),
        ("/.well-known", "webhook platform"),
    ];
    let found = TAGS.iter().find(|(start, _)| path.starts_with(start));
    let files = ["/ingest", "/files", "/extract"]
        .iter()
        .any(|start| path.starts_with(start));
    match found {
        Some((_, tag)) => tag,
        None if files => "files",
        None => "service",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use access::Verb;
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_call_is_described_once_and_its_body_known() {
        let document: Value = serde_json::from_str(openapi()).unwrap();
        let mut seen = BTreeSet::new();
        for (path, call) in table() {
            assert!(
                seen.insert((path.clone(), call.verb.name())),
                "{path} twice"
            );
            let operation = &document["paths"][&path][call.verb.name()];
            assert_eq!(operation["summary"], call.summary, "{path}");
            if let Some(body) = call.body {
                let schema = &document["components"]["schemas"][body.schema];
                assert_eq!(schema["type"], "object", "{path} takes {}", body.schema);
                assert!(call.verb != Verb::Get, "{path}");
            }
        }
    }

    #[test]
    fn calls_of_one_path_stand_together() {
        let paths: Vec<String> = table().map(|(path, _)| path).collect();
        let runs = paths.chunk_by(|a, b| a == b).count();
        let different: BTreeSet<&String> = paths.iter().collect();
        assert_eq!(runs, different.len());
    }
}
