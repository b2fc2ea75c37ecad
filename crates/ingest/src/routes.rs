//! The route table of the ingest service, read top to bottom: what is called, by whom, and what it is for. The
//! description of the service is made of this table and of nothing else.

use access::{Scope, allow};
use actix_web::Route;
use actix_web::web::{PathConfig, ServiceConfig, delete, patch, post, put, resource};
use service::{Code, Problem, api_page, get};

use crate::api::webhooks::{
    catalogue, deliveries, event_log, filters, jwks, publish, reconcile, replays, subscriptions,
};
use crate::api::{
    corrections, description, download, extract, files, ingest, metrics, part_lines, platform,
    previews, service_card,
};

/// A method, as a route table needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// One call.
pub(crate) struct Call {
    pub(crate) verb: Verb,
    pub(crate) path: &'static str,
    /// What a key must allow; `None`: no key is asked for.
    pub(crate) scope: Option<Scope>,
    pub(crate) summary: &'static str,
    /// The schema of its body; empty: it takes none.
    pub(crate) takes: &'static str,
    /// What its query may ask.
    pub(crate) asks: &'static [&'static str],
    /// The status of its success.
    pub(crate) answers: u16,
    /// `None`: another module adds the route itself.
    to: Option<fn(Route) -> Route>,
}

impl Call {
    const fn takes(self, schema: &'static str) -> Self {
        Self {
            takes: schema,
            ..self
        }
    }

    const fn asks(self, names: &'static [&'static str]) -> Self {
        Self {
            asks: names,
            ..self
        }
    }

    const fn answers(self, status: u16) -> Self {
        Self {
            answers: status,
            ..self
        }
    }
}

const fn open(path: &'static str, summary: &'static str, to: fn(Route) -> Route) -> Call {
    Call {
        to: Some(to),
        ..elsewhere(Verb::Get, path, None, summary)
    }
}

const fn call(
    verb: Verb,
    path: &'static str,
    scope: Scope,
    summary: &'static str,
    to: fn(Route) -> Route,
) -> Call {
    Call {
        to: Some(to),
        ..elsewhere(verb, path, Some(scope), summary)
    }
}

const fn elsewhere(
    verb: Verb,
    path: &'static str,
    scope: Option<Scope>,
    summary: &'static str,
) -> Call {
    Call {
        verb,
        path,
        scope,
        summary,
        takes: "",
        asks: &[],
        answers: 200,
        to: None,
    }
}

const PAGE: &[&str] = &["limit", "offset", "cursor"];
const FILES: &[&str] = &[
    "client_code",
    "project_code",
    "file_type",
    "material",
    "thickness_mm",
    "status",
    "needs_review",
    "q",
    "limit",
    "offset",
    "cursor",
];
const DELIVERIES: &[&str] = &[
    "state",
    "subscription",
    "type",
    "event_id",
    "since",
    "until",
    "limit",
    "offset",
    "cursor",
];
const EVENTS: &[&str] = &[
    "type", "subject", "since", "until", "limit", "offset", "cursor",
];

/// Every call but those of the webhook platform. Those of one path stand together.
#[rustfmt::skip]
const SERVICE: &[Call] = {
    use Scope::{Admin, Read, Upload};
    use Verb::{Delete, Get, Patch, Post};
    &[
        open("/", "What this service is, and where to go", |r| r.to(service_card::card)),
        elsewhere(Get, "/health", None, "Whether the process answers"),
        elsewhere(Get, "/ready", None, "Whether everything it depends on works"),
        open("/openapi.json", "This description", |r| r.to(description::json)),
        open("/docs", "This description as a page", |r| r.to(api_page)),
        open("/redoc", "The same page", |r| r.to(api_page)),
        open("/.well-known/webhooks-keys", "Public keys of signatures, as a JWK set", |r| r.to(jwks::keys)).asks(&["tenant"]),
        call(Get, "/metrics", Read, "Counters for Prometheus", |r| r.to(metrics::metrics)),
        elsewhere(Get, "/api/v1/keys", Some(Admin), "The tenant's keys"),
        elsewhere(Post, "/api/v1/keys", Some(Admin), "Make a key, shown this once").takes("NewKey").answers(201),
        elsewhere(Delete, "/api/v1/keys/{id}", Some(Admin), "Revoke a key").answers(204),

        call(Post, "/ingest", Upload, "Take files in", |r| r.to(ingest::upload)).takes("Upload").asks(&["wait"]),
        call(Get, "/ingest/{id}", Read, "A file's record, flat", |r| r.to(ingest::record)),
        call(Get, "/files", Read, "Files, newest first", |r| r.to(files::list)).asks(FILES),
        call(Get, "/files.zip", Read, "The files of a project", |r| r.to(download::zip)).asks(&["project_code"]),
        call(Get, "/files/{id}", Read, "A file's record", |r| r.to(files::record)),
        call(Patch, "/files/{id}", Upload, "Correct facts by hand", |r| r.to(corrections::patch)).takes("Facts"),
        call(Delete, "/files/{id}", Upload, "Delete a file", |r| r.to(files::remove)).asks(&["hard_delete"]),
        call(Get, "/files/{id}/metadata", Read, "Facts, and all that was read", |r| r.to(files::metadata)),
        call(Get, "/files/{id}/versions", Read, "Versions of the same part", |r| r.to(files::versions)),
        call(Get, "/files/{id}/content", Read, "The bytes", |r| r.to(files::content)),
        call(Get, "/files/{id}/preview.svg", Read, "A picture", |r| r.to(previews::svg)),
        call(Get, "/files/{id}/preview.png", Read, "A picture in pixels", |r| r.to(previews::png)).asks(&["size"]),
        call(Get, "/files/{id}/part-lines", Read, "Lines of a cutting list", |r| r.to(part_lines::lines)).asks(&["limit", "offset"]),
        call(Get, "/files/{id}/part-lines.csv", Read, "The same as CSV", |r| r.to(part_lines::csv)),
        call(Post, "/files/{id}/accept", Upload, "Say that what was read is right", |r| r.to(corrections::accepted)),
        call(Post, "/files/{id}/restore", Upload, "Undo a soft delete", |r| r.to(corrections::restored)),
        call(Post, "/files/{id}/re-extract", Upload, "Read a file again", |r| r.to(extract::again)).asks(&["mode"]).answers(202),
        call(Post, "/extract/{id}", Upload, "Read a file again", |r| r.to(extract::again)).asks(&["mode"]).answers(202),

        call(Get, "/webhooks/stats", Read, "Attempts of some hours", |r| r.to(platform::stats)).asks(&["hours"]),
        call(Get, "/webhooks/health", Read, "How well deliveries do", |r| r.to(platform::health)),
        call(Get, "/webhooks/queue/stats", Read, "Deliveries by where they stand", |r| r.to(platform::queue_stats)),
        call(Get, "/webhooks/failures", Read, "The newest failures", |r| r.to(platform::failures)).asks(&["limit"]),
    ]
};

/// Where the webhook platform is reached: at its own place, and where clients of an older one look for it.
const PLATFORM_AT: [&str; 2] = ["/api/v1/webhooks", "/api/v1/tenant/webhooks"];

/// The webhook platform. A fixed path stands before one with a name in its place: reserved words are never ids.
#[rustfmt::skip]
const PLATFORM: &[Call] = {
    use Scope::{Manage, Publish, Read};
    use Verb::{Delete, Get, Patch, Post, Put};
    &[
        call(Get, "/subscriptions", Read, "Subscriptions, oldest first", |r| r.to(subscriptions::list)).asks(&["is_active", "limit", "offset", "cursor"]),
        call(Post, "/subscriptions", Manage, "Subscribe; the secret is shown this once", |r| r.to(subscriptions::create)).takes("Subscription").answers(201),
        call(Post, "/subscriptions/filter/test", Read, "What a filter says of recent events", |r| r.to(filters::test)).takes("FilterTest"),
        call(Get, "/subscriptions/{id}", Read, "A subscription", |r| r.to(subscriptions::one)),
        call(Patch, "/subscriptions/{id}", Manage, "Change what is given; null resets", |r| r.to(subscriptions::change)).takes("Subscription"),
        call(Put, "/subscriptions/{id}", Manage, "Change what is given; null resets", |r| r.to(subscriptions::change)).takes("Subscription"),
        call(Delete, "/subscriptions/{id}", Manage, "Delete a subscription with its secrets", |r| r.to(subscriptions::delete)).answers(204),
        call(Post, "/subscriptions/{id}/rotate-secret", Manage, "New keys beside the old ones for a while", |r| r.to(subscriptions::rotate)).takes("Rotation"),
        call(Post, "/subscriptions/{id}/test", Manage, "Send a probe now", |r| r.to(subscriptions::test)),
        call(Post, "/subscriptions/{id}/enable", Manage, "Make it active again", |r| r.to(subscriptions::enable)),
        call(Get, "/subscriptions/{id}/deliveries", Read, "Its deliveries, newest first", |r| r.to(deliveries::of_subscription)).asks(DELIVERIES),
        call(Get, "/subscriptions/{id}/stats", Read, "How its deliveries do", |r| r.to(subscriptions::stats)).asks(&["hours"]),

        call(Get, "/events", Read, "Event types there are", |r| r.to(catalogue::list)),
        call(Post, "/events", Publish, "Publish an event", |r| r.to(publish::one)).takes("Event").answers(202),
        call(Post, "/events/batch", Publish, "Publish events, each by itself", |r| r.to(publish::batch)).takes("Events").answers(207),
        call(Get, "/events/{type}", Read, "An event type, with schema and example", |r| r.to(catalogue::one)),
        call(Post, "/event-types", Manage, "Register an event type", |r| r.to(catalogue::register)).takes("EventType").answers(201),
        call(Get, "/event-log", Read, "Events published, newest first", |r| r.to(event_log::list)).asks(EVENTS),
        call(Get, "/event-log/{id}", Read, "An event with its deliveries", |r| r.to(event_log::one)),
        call(Get, "/reconcile", Read, "Everything that is owed, by cursor", |r| r.to(reconcile::reconcile)).asks(&["since", "subscription", "limit"]),
        call(Get, "/replays", Read, "Replays, newest first", |r| r.to(replays::list)).asks(PAGE),
        call(Post, "/replays", Manage, "Send events of the past again", |r| r.to(replays::create)).takes("Replay").answers(202),
        call(Get, "/replays/{id}", Read, "A replay and its progress", |r| r.to(replays::one)),
        call(Post, "/replays/{id}/cancel", Manage, "End a replay", |r| r.to(replays::cancel)),
        call(Get, "/deliveries", Read, "Deliveries, newest first", |r| r.to(deliveries::list)).asks(DELIVERIES),
        call(Post, "/deliveries", Publish, "Publish an event", |r| r.to(publish::queued)).takes("Event").answers(202),
        call(Get, "/deliveries/{id}", Read, "A delivery with every attempt", |r| r.to(deliveries::one)),
        call(Post, "/deliveries/{id}/retry", Manage, "Send it again now", |r| r.to(deliveries::retry)).answers(202),
        call(Get, "/dead-letters", Read, "Deliveries that were given up", |r| r.to(deliveries::dead)).asks(DELIVERIES),
        call(Post, "/dead-letters/redeliver", Manage, "Send all that match again", |r| r.to(deliveries::redeliver_dead)).takes("DeadLetters").answers(202),

        call(Get, "", Read, "Subscriptions, oldest first", |r| r.to(subscriptions::list)).asks(&["is_active", "limit", "offset", "cursor"]),
        call(Post, "", Manage, "Subscribe; the secret is shown this once", |r| r.to(subscriptions::create)).takes("Subscription").answers(201),
        call(Get, "/{id}", Read, "A subscription", |r| r.to(subscriptions::one)),
        call(Patch, "/{id}", Manage, "Change what is given; null resets", |r| r.to(subscriptions::change)).takes("Subscription"),
        call(Put, "/{id}", Manage, "Change what is given; null resets", |r| r.to(subscriptions::change)).takes("Subscription"),
        call(Delete, "/{id}", Manage, "Delete a subscription with its secrets", |r| r.to(subscriptions::delete)).answers(204),
        call(Post, "/{id}/test", Manage, "Send a probe now", |r| r.to(subscriptions::test)),
        call(Get, "/{id}/deliveries", Read, "Its deliveries, newest first", |r| r.to(deliveries::of_subscription)).asks(DELIVERIES),
        call(Get, "/{id}/history", Read, "Its deliveries, newest first", |r| r.to(deliveries::of_subscription)).asks(DELIVERIES),
        call(Post, "/{id}/retry", Manage, "Send one of its deliveries again", |r| r.to(deliveries::retry_of)).asks(&["delivery_id"]).answers(202),
    ]
};

/// Every call with its whole path.
pub(crate) fn table() -> impl Iterator<Item = (String, &'static Call)> {
    let platform = PLATFORM_AT
        .into_iter()
        .flat_map(|at| PLATFORM.iter().map(move |call| (at, call)));
    let service = SERVICE.iter().map(|call| ("", call));
    service
        .chain(platform)
        .map(|(at, call)| (format!("{at}{}", call.path), call))
}

/// Adds every route of the table.
pub(crate) fn routes(routes: &mut ServiceConfig) {
    routes.app_data(
        PathConfig::default()
            .error_handler(|_, _| Problem::new(Code::NotFound, "nothing has this id").into()),
    );
    let table: Vec<_> = table().collect();
    for calls in table.chunk_by(|(a, _), (b, _)| a == b) {
        add(routes, calls);
    }
}

/// The calls of one path are one resource, which answers 405 to other methods.
fn add(routes: &mut ServiceConfig, calls: &[(String, &'static Call)]) {
    let mounted = calls
        .iter()
        .filter_map(|(path, call)| Some((path, call, call.to?)));
    let mut at = None;
    for (path, call, to) in mounted {
        let resource = at.unwrap_or_else(|| resource(path));
        let route = to(call.verb.route());
        at = Some(resource.route(match call.scope {
            Some(scope) => allow(scope, route),
            None => route,
        }));
    }
    if let Some(resource) = at {
        routes.service(resource);
    }
}

impl Verb {
    fn route(self) -> Route {
        match self {
            Self::Get => get(),
            Self::Post => post(),
            Self::Put => put(),
            Self::Patch => patch(),
            Self::Delete => delete(),
        }
    }

    /// As OpenAPI writes it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}
