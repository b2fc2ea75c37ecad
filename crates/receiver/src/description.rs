//! `/openapi.json`: the service described from its own route table (OpenAPI 3.1), so that the description can never
//! fall behind. Bodies are described in `schemas.json`, which tests hold against what is really read.

use std::sync::LazyLock;

use access::{About, describe};
use actix_web::HttpResponse;

use crate::routes::table;

static DOCUMENT: LazyLock<String> =
    LazyLock::new(|| describe(&ABOUT, table().iter().map(|call| (call.path, call))));

const ABOUT: About = About {
    title: "draftwire receiver",
    version: env!("CARGO_PKG_VERSION"),
    text: "Verifies webhooks and keeps clients, projects, design files and what happened to them. \
           A key is asked for when receiver.auth is on; webhooks are signed by their senders instead.",
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

    use access::Verb;
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_call_is_described_once_and_its_body_known() {
        let document: Value = serde_json::from_str(openapi()).unwrap();
        let mut seen = BTreeSet::new();
        for call in table() {
            let path = call.path;
            assert!(seen.insert((path, call.verb.name())), "{path} twice");
            let operation = &document["paths"][path][call.verb.name()];
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
        let runs = table().chunk_by(|a, b| a.path == b.path).count();
        let different: BTreeSet<&str> = table().iter().map(|call| call.path).collect();
        assert_eq!(runs, different.len());
    }
}
