//! Every address of the service, in one table, read top to bottom: what is called, by whom, and what it is
//! for. The description of the service is made of this table. Must never hold logic.

use access::{Call, Scope, Verb, mount};
use actix_web::middleware::from_fn;
use actix_web::web::ServiceConfig;
use service::api_page;

use crate::metrics::count;
use crate::{api, description};
use api::{
    activity, card, clients, design_files, inbox, job_sheet, metrics, parts, projects, reconcile,
    sources, unmatched, webhooks,
};

const PAGE: &[&str] = &["limit", "offset", "cursor"];
const CLIENTS: &[&str] = &["q", "limit", "offset", "cursor"];
const PROJECTS: &[&str] = &[
    "client_code",
    "status",
    "due_before",
    "without_files",
    "q",
    "limit",
    "offset",
    "cursor",
];
const FILES: &[&str] = &[
    "client_code",
    "project_code",
    "stored_filename",
    "material",
    "thickness_mm",
    "file_type",
    "source",
    "status",
    "include_deleted",
    "q",
    "limit",
    "offset",
    "cursor",
];
const ACTIVITY: &[&str] = &[
    "project_code",
    "client_code",
    "design_file_id",
    "action",
    "since",
    "until",
    "limit",
    "offset",
    "cursor",
];
const INBOX: &[&str] = &[
    "state",
    "source",
    "event_type",
    "event_id",
    "since",
    "until",
    "limit",
    "offset",
    "cursor",
];

/// Every call; those of one path stand together.
#[rustfmt::skip]
const TABLE: &[Call] = {
    use Scope::{Admin, Manage, Read};
    use Verb::{Delete, Get, Patch, Post, Put};
    &[
        Call::open(Get, "/", "What this service is, and where to go", |r| r.to(card::card)),
        Call::elsewhere(Get, "/health", None, "Whether the process answers"),
        Call::elsewhere(Get, "/ready", None, "Whether everything it depends on works"),
        Call::open(Get, "/openapi.json", "This description", |r| r.to(description::json)),
        Call::open(Get, "/docs", "This description as a page", |r| r.to(api_page)),
        Call::new(Get, "/metrics", Read, "Counters for Prometheus", |r| r.to(metrics::metrics)),
        Call::elsewhere(Get, "/api/v1/keys", Some(Admin), "The tenant's keys"),
        Call::elsewhere(Post, "/api/v1/keys", Some(Admin), "Make a key, shown this once").takes("NewKey").answers(201),
        Call::elsewhere(Delete, "/api/v1/keys/{id}", Some(Admin), "Revoke a key").answers(204),

        Call::open(Post, "/webhooks/{source}/event", "An event, signed by its sender", |r| r.to(webhooks::receive)).takes("Event"),
        Call::open(Get, "/webhooks/{source}/health", "Whether a source's events are accepted", |r| r.to(webhooks::health)),
        Call::new(Get, "/api/v1/sources", Manage, "Who may send", |r| r.to(sources::list)),
        Call::new(Post, "/api/v1/sources", Manage, "Add a source; its secret is shown this once", |r| r.to(sources::create)).takes("NewSource").answers(201),
        Call::new(Get, "/api/v1/sources/{name}", Manage, "A source", |r| r.to(sources::get)),
        Call::new(Put, "/api/v1/sources/{name}", Manage, "Set all its options anew", |r| r.to(sources::change)).takes("SourceChange"),
        Call::new(Delete, "/api/v1/sources/{name}", Manage, "Take a source and its keys away", |r| r.to(sources::delete)).answers(204),
        Call::new(Post, "/api/v1/sources/{name}/keys", Manage, "One more key; a secret made here is shown this once", |r| r.to(sources::add_key)).takes("SourceKey").answers(201),
        Call::new(Delete, "/api/v1/sources/{name}/keys/{id}", Manage, "Take a key away", |r| r.to(sources::remove_key)).answers(204),

        Call::new(Get, "/clients", Read, "Clients, by code", |r| r.to(clients::list)).asks(CLIENTS),
        Call::new(Post, "/clients", Manage, "Add a client", |r| r.to(clients::create)).takes("Client").answers(201),
        Call::new(Get, "/clients.csv", Read, "The same as CSV", |r| r.to(clients::list)).asks(CLIENTS),
        Call::new(Get, "/clients/{code}", Read, "A client", |r| r.to(clients::get)),
        Call::new(Patch, "/clients/{code}", Manage, "Change what is given; null takes away", |r| r.to(clients::change_one)).takes("ClientChange"),
        Call::new(Delete, "/clients/{code}", Manage, "Delete a client without projects", |r| r.to(clients::delete)).answers(204),

        Call::new(Get, "/projects", Read, "Projects, latest first", |r| r.to(projects::list)).asks(PROJECTS),
        Call::new(Post, "/projects", Manage, "Add a project; its code is made when none is given", |r| r.to(projects::create)).takes("Project").answers(201),
        Call::new(Get, "/projects.csv", Read, "The same as CSV", |r| r.to(projects::list)).asks(PROJECTS),
        Call::new(Get, "/projects/{code}", Read, "A project", |r| r.to(projects::get)),
        Call::new(Patch, "/projects/{code}", Manage, "Change what is given; null takes away", |r| r.to(projects::change_one)).takes("ProjectChange"),
        Call::new(Delete, "/projects/{code}", Manage, "Delete a project; its files stay, under none", |r| r.to(projects::delete)).answers(204),
        Call::new(Get, "/projects/{code}/design-files", Read, "Its files, latest first", |r| r.to(projects::design_files)).asks(PAGE),
        Call::new(Get, "/projects/{code}/design-files.csv", Read, "The same as CSV", |r| r.to(projects::design_files)).asks(PAGE),
        Call::new(Get, "/projects/{code}/activity", Read, "What happened in it, latest first", |r| r.to(projects::activity)).asks(PAGE),
        Call::new(Get, "/projects/{code}/parts", Read, "Its drawings beside its cutting lists", |r| r.to(parts::list)),
        Call::new(Get, "/projects/{code}/parts.csv", Read, "The same as CSV", |r| r.to(parts::list)),
        Call::new(Get, "/projects/{code}/job-sheet.pdf", Read, "The parts to print, with pictures where the sender can be asked for them", |r| r.to(job_sheet::pdf)),

        Call::new(Get, "/design-files", Read, "Design files, latest first", |r| r.to(design_files::list)).asks(FILES),
        Call::new(Get, "/design-files.csv", Read, "The same as CSV", |r| r.to(design_files::list)).asks(FILES),
        Call::new(Get, "/design-files/{id}", Read, "A design file with its versions", |r| r.to(design_files::get)),
        Call::new(Post, "/design-files/{id}/link", Manage, "File it under a project by hand", |r| r.to(design_files::link)).takes("Link"),
        Call::new(Delete, "/design-files/{id}/link", Manage, "Let its sender say again where it belongs", |r| r.to(design_files::unlink)),
        Call::new(Get, "/unmatched", Read, "Files under no project, with projects they may belong to", |r| r.to(unmatched::list)).asks(PAGE),
        Call::new(Get, "/unmatched.csv", Read, "The same as CSV", |r| r.to(unmatched::list)).asks(PAGE),
        Call::new(Get, "/activity", Read, "What happened, latest first", |r| r.to(activity::list)).asks(ACTIVITY),
        Call::new(Get, "/activity.csv", Read, "The same as CSV", |r| r.to(activity::list)).asks(ACTIVITY),

        Call::new(Get, "/inbox", Read, "Events received, latest first", |r| r.to(inbox::list)).asks(INBOX),
        Call::new(Get, "/inbox.csv", Read, "The same as CSV", |r| r.to(inbox::list)).asks(INBOX),
        Call::new(Get, "/inbox/{id}", Read, "An event with what was kept of its request", |r| r.to(inbox::get)),
        Call::new(Post, "/inbox/{id}/reapply", Manage, "Apply an event that was not", |r| r.to(inbox::reapply)),
        Call::new(Post, "/reconcile", Manage, "Compare a source with what its sender owes, and ask for what is missing", |r| r.to(reconcile::run)).takes("Reconcile"),
        Call::new(Get, "/reconcile/report", Read, "The last comparison of each source", |r| r.to(reconcile::report)),
    ]
};

/// Every call.
pub(crate) fn table() -> &'static [Call] {
    TABLE
}

/// Adds every route of the table.
pub(crate) fn routes(routes: &mut ServiceConfig) {
    let table: Vec<_> = TABLE.iter().map(|call| (call.path, call)).collect();
    mount(routes, &table, |routes, resource| {
        routes.service(resource.wrap(from_fn(count)));
    });
}
