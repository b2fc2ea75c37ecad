//! Every address of the service, in one table, read top to bottom: what is called, by whom, and what it is
//! for. The description of the service is made of this table. Must never hold logic.

use access::{Scope, allow};
use actix_web::Route;
use actix_web::middleware::from_fn;
use actix_web::web::{PathConfig, ServiceConfig, delete, patch, post, put, resource};
use service::{Problem, api_page, get};

use crate::metrics::count;
use crate::{api, description};
use api::{
    activity, card, clients, design_files, inbox, job_sheet, metrics, parts, projects, reconcile,
    sources, unmatched, webhooks,
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

const fn open(
    verb: Verb,
    path: &'static str,
    summary: &'static str,
    to: fn(Route) -> Route,
) -> Call {
    Call {
        to: Some(to),
        ..elsewhere(verb, path, None, summary)
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
        open(Get, "/", "What this service is, and where to go", |r| r.to(card::card)),
        elsewhere(Get, "/health", None, "Whether the process answers"),
        elsewhere(Get, "/ready", None, "Whether everything it depends on works"),
        open(Get, "/openapi.json", "This description", |r| r.to(description::json)),
        open(Get, "/docs", "This description as a page", |r| r.to(api_page)),
        call(Get, "/metrics", Read, "Counters for Prometheus", |r| r.to(metrics::metrics)),
        elsewhere(Get, "/api/v1/keys", Some(Admin), "The tenant's keys"),
        elsewhere(Post, "/api/v1/keys", Some(Admin), "Make a key, shown this once").takes("NewKey").answers(201),
        elsewhere(Delete, "/api/v1/keys/{id}", Some(Admin), "Revoke a key").answers(204),

        open(Post, "/webhooks/{source}/event", "An event, signed by its sender", |r| r.to(webhooks::receive)).takes("Event"),
        open(Get, "/webhooks/{source}/health", "Whether a source's events are accepted", |r| r.to(webhooks::health)),
        call(Get, "/api/v1/sources", Manage, "Who may send", |r| r.to(sources::list)),
        call(Post, "/api/v1/sources", Manage, "Add a source; its secret is shown this once", |r| r.to(sources::create)).takes("NewSource").answers(201),
        call(Get, "/api/v1/sources/{name}", Manage, "A source", |r| r.to(sources::get)),
        call(Put, "/api/v1/sources/{name}", Manage, "Set all its options anew", |r| r.to(sources::change)).takes("SourceChange"),
        call(Delete, "/api/v1/sources/{name}", Manage, "Take a source and its keys away", |r| r.to(sources::delete)).answers(204),
        call(Post, "/api/v1/sources/{name}/keys", Manage, "One more key; a secret made here is shown this once", |r| r.to(sources::add_key)).takes("SourceKey").answers(201),
        call(Delete, "/api/v1/sources/{name}/keys/{id}", Manage, "Take a key away", |r| r.to(sources::remove_key)).answers(204),

        call(Get, "/clients", Read, "Clients, by code", |r| r.to(clients::list)).asks(CLIENTS),
        call(Post, "/clients", Manage, "Add a client", |r| r.to(clients::create)).takes("Client").answers(201),
        call(Get, "/clients.csv", Read, "The same as CSV", |r| r.to(clients::list)).asks(CLIENTS),
        call(Get, "/clients/{code}", Read, "A client", |r| r.to(clients::get)),
        call(Patch, "/clients/{code}", Manage, "Change what is given; null takes away", |r| r.to(clients::change_one)).takes("ClientChange"),
        call(Delete, "/clients/{code}", Manage, "Delete a client without projects", |r| r.to(clients::delete)).answers(204),

        call(Get, "/projects", Read, "Projects, latest first", |r| r.to(projects::list)).asks(PROJECTS),
        call(Post, "/projects", Manage, "Add a project; its code is made when none is given", |r| r.to(projects::create)).takes("Project").answers(201),
        call(Get, "/projects.csv", Read, "The same as CSV", |r| r.to(projects::list)).asks(PROJECTS),
        call(Get, "/projects/{code}", Read, "A project", |r| r.to(projects::get)),
        call(Patch, "/projects/{code}", Manage, "Change what is given; null takes away", |r| r.to(projects::change_one)).takes("ProjectChange"),
        call(Delete, "/projects/{code}", Manage, "Delete a project; its files stay, under none", |r| r.to(projects::delete)).answers(204),
        call(Get, "/projects/{code}/design-files", Read, "Its files, latest first", |r| r.to(projects::design_files)).asks(PAGE),
        call(Get, "/projects/{code}/design-files.csv", Read, "The same as CSV", |r| r.to(projects::design_files)).asks(PAGE),
        call(Get, "/projects/{code}/activity", Read, "What happened in it, latest first", |r| r.to(projects::activity)).asks(PAGE),
        call(Get, "/projects/{code}/parts", Read, "Its drawings beside its cutting lists", |r| r.to(parts::list)),
        call(Get, "/projects/{code}/parts.csv", Read, "The same as CSV", |r| r.to(parts::list)),
        call(Get, "/projects/{code}/job-sheet.pdf", Read, "The parts to print, with pictures where the sender can be asked for them", |r| r.to(job_sheet::pdf)),

        call(Get, "/design-files", Read, "Design files, latest first", |r| r.to(design_files::list)).asks(FILES),
        call(Get, "/design-files.csv", Read, "The same as CSV", |r| r.to(design_files::list)).asks(FILES),
        call(Get, "/design-files/{id}", Read, "A design file with its versions", |r| r.to(design_files::get)),
        call(Post, "/design-files/{id}/link", Manage, "File it under a project by hand", |r| r.to(design_files::link)).takes("Link"),
        call(Delete, "/design-files/{id}/link", Manage, "Let its sender say again where it belongs", |r| r.to(design_files::unlink)),
        call(Get, "/unmatched", Read, "Files under no project, with projects they may belong to", |r| r.to(unmatched::list)).asks(PAGE),
        call(Get, "/unmatched.csv", Read, "The same as CSV", |r| r.to(unmatched::list)).asks(PAGE),
        call(Get, "/activity", Read, "What happened, latest first", |r| r.to(activity::list)).asks(ACTIVITY),
        call(Get, "/activity.csv", Read, "The same as CSV", |r| r.to(activity::list)).asks(ACTIVITY),

        call(Get, "/inbox", Read, "Events received, latest first", |r| r.to(inbox::list)).asks(INBOX),
        call(Get, "/inbox.csv", Read, "The same as CSV", |r| r.to(inbox::list)).asks(INBOX),
        call(Get, "/inbox/{id}", Read, "An event with what was kept of its request", |r| r.to(inbox::get)),
        call(Post, "/inbox/{id}/reapply", Manage, "Apply an event that was not", |r| r.to(inbox::reapply)),
        call(Post, "/reconcile", Manage, "Compare a source with what its sender owes, and ask for what is missing", |r| r.to(reconcile::run)).takes("Reconcile"),
        call(Get, "/reconcile/report", Read, "The last comparison of each source", |r| r.to(reconcile::report)),
    ]
};

/// Every call.
pub(crate) fn table() -> &'static [Call] {
    TABLE
}

/// Adds every route of the table.
pub(crate) fn routes(routes: &mut ServiceConfig) {
    routes.app_data(
        PathConfig::default()
            .error_handler(|_, _| Problem::not_found("anything with this id").into()),
    );
    for calls in TABLE.chunk_by(|a, b| a.path == b.path) {
        add(routes, calls);
    }
}

/// The calls of one path are one resource, which answers 405 to other methods.
fn add(routes: &mut ServiceConfig, calls: &[Call]) {
    let mut at = None;
    for (call, to) in calls.iter().filter_map(|call| Some((call, call.to?))) {
        let resource = at.unwrap_or_else(|| resource(call.path));
        let route = to(call.verb.route());
        at = Some(resource.route(match call.scope {
            Some(scope) => allow(scope, route),
            None => route,
        }));
    }
    if let Some(resource) = at {
        routes.service(resource.wrap(from_fn(count)));
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
