//! The route table of the ingest service, read top to bottom: what is called, by whom, and what it is for. The
//! description of the service is made of this table and of nothing else.

use access::{Call, Scope, Verb, mount};
use actix_web::Route;
use actix_web::web::ServiceConfig;
use service::api_page;

use crate::api::webhooks::{
    catalogue, deliveries, event_log, filters, jwks, publish, reconcile, replays, subscriptions,
};
use crate::api::{
    corrections, description, download, extract, files, ingest, metrics, part_lines, platform,
    previews, service_card,
};

const fn open(path: &'static str, summary: &'static str, to: fn(Route) -> Route) -> Call {
    Call::open(Verb::Get, path, summary, to)
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
        Call::elsewhere(Get, "/health", None, "Whether the process answers"),
        Call::elsewhere(Get, "/ready", None, "Whether everything it depends on works"),
        open("/openapi.json", "This description", |r| r.to(description::json)),
        open("/docs", "This description as a page", |r| r.to(api_page)),
        open("/redoc", "The same page", |r| r.to(api_page)),
        open("/.well-known/webhooks-keys", "Public keys of signatures, as a JWK set", |r| r.to(jwks::keys)).asks(&["tenant"]),
        Call::new(Get, "/metrics", Read, "Counters for Prometheus", |r| r.to(metrics::metrics)),
        Call::elsewhere(Get, "/api/v1/keys", Some(Admin), "The tenant's keys"),
        Call::elsewhere(Post, "/api/v1/keys", Some(Admin), "Make a key, shown this once").takes("NewKey").answers(201),
        Call::elsewhere(Delete, "/api/v1/keys/{id}", Some(Admin), "Revoke a key").answers(204),

        Call::new(Post, "/ingest", Upload, "Take files in", |r| r.to(ingest::upload)).takes_files("Upload").asks(&["wait"]),
        Call::new(Get, "/ingest/{id}", Read, "A file's record, flat", |r| r.to(ingest::record)),
        Call::new(Get, "/files", Read, "Files, newest first", |r| r.to(files::list)).asks(FILES),
        Call::new(Get, "/files.zip", Read, "The files of a project", |r| r.to(download::zip)).asks(&["project_code"]),
        Call::new(Get, "/files/{id}", Read, "A file's record", |r| r.to(files::record)),
        Call::new(Patch, "/files/{id}", Upload, "Correct facts by hand", |r| r.to(corrections::patch)).takes("Facts"),
        Call::new(Delete, "/files/{id}", Upload, "Delete a file", |r| r.to(files::remove)).asks(&["hard_delete"]),
        Call::new(Get, "/files/{id}/metadata", Read, "Facts, and all that was read", |r| r.to(files::metadata)),
        Call::new(Get, "/files/{id}/versions", Read, "Versions of the same part", |r| r.to(files::versions)),
        Call::new(Get, "/files/{id}/content", Read, "The bytes", |r| r.to(files::content)),
        Call::new(Get, "/files/{id}/preview.svg", Read, "A picture", |r| r.to(previews::svg)),
        Call::new(Get, "/files/{id}/preview.png", Read, "A picture in pixels", |r| r.to(previews::png)).asks(&["size"]),
        Call::new(Get, "/files/{id}/part-lines", Read, "Lines of a cutting list", |r| r.to(part_lines::lines)).asks(&["limit", "offset"]),
        Call::new(Get, "/files/{id}/part-lines.csv", Read, "The same as CSV", |r| r.to(part_lines::csv)),
        Call::new(Post, "/files/{id}/accept", Upload, "Say that what was read is right; holds until another reason to look is found", |r| r.to(corrections::accepted)),
        Call::new(Delete, "/files/{id}/accept", Upload, "Take that back", |r| r.to(corrections::withdrawn)),
        Call::new(Post, "/files/{id}/restore", Upload, "Undo a soft delete", |r| r.to(corrections::restored)),
        Call::new(Post, "/files/{id}/re-extract", Upload, "Read a file again", |r| r.to(extract::again)).asks(&["mode"]).answers(202),
        Call::new(Post, "/extract/{id}", Upload, "Read a file again", |r| r.to(extract::again)).asks(&["mode"]).answers(202),

        Call::new(Get, "/webhooks/stats", Read, "Attempts of some hours", |r| r.to(platform::stats)).asks(&["hours"]),
        Call::new(Get, "/webhooks/health", Read, "How well deliveries do", |r| r.to(platform::health)),
        Call::new(Get, "/webhooks/queue/stats", Read, "Deliveries by where they stand", |r| r.to(platform::queue_stats)),
        Call::new(Get, "/webhooks/failures", Read, "The newest failures", |r| r.to(platform::failures)).asks(&["limit"]),
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
        Call::new(Get, "/subscriptions", Read, "Subscriptions, oldest first", |r| r.to(subscriptions::list)).asks(&["is_active", "limit", "offset", "cursor"]),
        Call::new(Post, "/subscriptions", Manage, "Subscribe; the secret is shown this once", |r| r.to(subscriptions::create)).takes("Subscription").answers(201),
        Call::new(Post, "/subscriptions/filter/test", Read, "What a filter says of recent events", |r| r.to(filters::test)).takes("FilterTest"),
        Call::new(Get, "/subscriptions/{id}", Read, "A subscription", |r| r.to(subscriptions::one)),
        Call::new(Patch, "/subscriptions/{id}", Manage, "Change what is given; null resets", |r| r.to(subscriptions::change)).takes("Subscription"),
        Call::new(Put, "/subscriptions/{id}", Manage, "Change what is given; null resets", |r| r.to(subscriptions::change)).takes("Subscription"),
        Call::new(Delete, "/subscriptions/{id}", Manage, "Delete a subscription with its secrets", |r| r.to(subscriptions::delete)).answers(204),
        Call::new(Post, "/subscriptions/{id}/rotate-secret", Manage, "New keys beside the old ones for a while", |r| r.to(subscriptions::rotate)).may_take("Rotation"),
        Call::new(Post, "/subscriptions/{id}/test", Manage, "Send a probe now", |r| r.to(subscriptions::test)),
        Call::new(Post, "/subscriptions/{id}/enable", Manage, "Make it active again", |r| r.to(subscriptions::enable)),
        Call::new(Get, "/subscriptions/{id}/deliveries", Read, "Its deliveries, newest first", |r| r.to(deliveries::of_subscription)).asks(DELIVERIES),
        Call::new(Get, "/subscriptions/{id}/stats", Read, "How its deliveries do", |r| r.to(subscriptions::stats)).asks(&["hours"]),

        Call::new(Get, "/events", Read, "Event types there are", |r| r.to(catalogue::list)),
        Call::new(Post, "/events", Publish, "Publish an event", |r| r.to(publish::one)).takes("Event").answers(202),
        Call::new(Post, "/events/batch", Publish, "Publish events, each by itself", |r| r.to(publish::batch)).takes("Events").answers(207),
        Call::new(Get, "/events/{type}", Read, "An event type, with schema and example", |r| r.to(catalogue::one)),
        Call::new(Post, "/event-types", Manage, "Register an event type", |r| r.to(catalogue::register)).takes("EventType").answers(201),
        Call::new(Get, "/event-log", Read, "Events published, newest first", |r| r.to(event_log::list)).asks(EVENTS),
        Call::new(Get, "/event-log/{id}", Read, "An event with its deliveries", |r| r.to(event_log::one)),
        Call::new(Get, "/reconcile", Read, "Everything that is owed, by cursor", |r| r.to(reconcile::reconcile)).asks(&["since", "subscription", "limit"]),
        Call::new(Get, "/replays", Read, "Replays, newest first", |r| r.to(replays::list)).asks(PAGE),
        Call::new(Post, "/replays", Manage, "Send events of the past again", |r| r.to(replays::create)).takes("Replay").answers(202),
        Call::new(Get, "/replays/{id}", Read, "A replay and its progress", |r| r.to(replays::one)),
        Call::new(Post, "/replays/{id}/cancel", Manage, "End a replay", |r| r.to(replays::cancel)),
        Call::new(Get, "/deliveries", Read, "Deliveries, newest first", |r| r.to(deliveries::list)).asks(DELIVERIES),
        Call::new(Post, "/deliveries", Publish, "Publish an event", |r| r.to(publish::queued)).takes("Event").answers(202),
        Call::new(Get, "/deliveries/{id}", Read, "A delivery with every attempt", |r| r.to(deliveries::one)),
        Call::new(Post, "/deliveries/{id}/retry", Manage, "Send it again now", |r| r.to(deliveries::retry)).answers(202),
        Call::new(Get, "/dead-letters", Read, "Deliveries that were given up", |r| r.to(deliveries::dead)).asks(DELIVERIES),
        Call::new(Post, "/dead-letters/redeliver", Manage, "Send all that match again", |r| r.to(deliveries::redeliver_dead)).takes("DeadLetters").answers(202),

        Call::new(Get, "", Read, "Subscriptions, oldest first", |r| r.to(subscriptions::list)).asks(&["is_active", "limit", "offset", "cursor"]),
        Call::new(Post, "", Manage, "Subscribe; the secret is shown this once", |r| r.to(subscriptions::create)).takes("Subscription").answers(201),
        Call::new(Get, "/{id}", Read, "A subscription", |r| r.to(subscriptions::one)),
        Call::new(Patch, "/{id}", Manage, "Change what is given; null resets", |r| r.to(subscriptions::change)).takes("Subscription"),
        Call::new(Put, "/{id}", Manage, "Change what is given; null resets", |r| r.to(subscriptions::change)).takes("Subscription"),
        Call::new(Delete, "/{id}", Manage, "Delete a subscription with its secrets", |r| r.to(subscriptions::delete)).answers(204),
        Call::new(Post, "/{id}/test", Manage, "Send a probe now", |r| r.to(subscriptions::test)),
        Call::new(Get, "/{id}/deliveries", Read, "Its deliveries, newest first", |r| r.to(deliveries::of_subscription)).asks(DELIVERIES),
        Call::new(Get, "/{id}/history", Read, "Its deliveries, newest first", |r| r.to(deliveries::of_subscription)).asks(DELIVERIES),
        Call::new(Post, "/{id}/retry", Manage, "Send one of its deliveries again", |r| r.to(deliveries::retry_of)).asks(&["delivery_id"]).answers(202),
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
    let table: Vec<_> = table().collect();
    mount(routes, &table, |routes, resource| {
        routes.service(resource);
    });
}
