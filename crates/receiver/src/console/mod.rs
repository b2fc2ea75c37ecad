//! The shop's web pages, under `/console`: one table of all of them, and a file for each. They call what the JSON API
//! calls, and hold neither SQL nor rules of their own.

mod clients;
mod comparisons;
mod deeds;
mod design_file;
mod design_files;
mod forms;
mod inbox;
mod json_lines;
mod live;
mod pages;
mod pictures;
mod project;
mod projects;
mod records;
mod settings;
mod source_options;
mod sources;
mod summary;
mod trouble;

use access::Scope;
use actix_web::Route;
use actix_web::web::{ServiceConfig, post, resource};
use console::NavItem;
use service::get;

use crate::api;

pub(crate) use pages::Pages;

/// The navigation, in the order of a day's work.
#[rustfmt::skip]
const NAV: &[NavItem] = &[
    NavItem { href: summary::AT, label: "Overview", icon: "overview" },
    NavItem { href: projects::AT, label: "Projects", icon: "projects" },
    NavItem { href: design_files::UNMATCHED_AT, label: "No project", icon: "to-check" },
    NavItem { href: design_files::AT, label: "Design files", icon: "files" },
    NavItem { href: clients::AT, label: "Clients", icon: "clients" },
    NavItem { href: deeds::AT, label: "Activity", icon: "events" },
    NavItem { href: inbox::AT, label: "Inbox", icon: "inbox" },
    NavItem { href: comparisons::AT, label: "Reconcile", icon: "replays" },
    NavItem { href: sources::AT, label: "Sources", icon: "subscriptions" },
    NavItem { href: settings::AT, label: "Settings", icon: "settings" },
];

/// One page or form.
struct Door {
    path: &'static str,
    scope: Scope,
    is_form: bool,
    to: fn() -> Route,
}

/// A page, which whoever may read may see.
const fn shows(path: &'static str, to: fn() -> Route) -> Door {
    Door {
        path,
        scope: Scope::Read,
        is_form: false,
        to,
    }
}

/// A form that changes something.
const fn does(path: &'static str, to: fn() -> Route) -> Door {
    Door {
        path,
        scope: Scope::Manage,
        is_form: true,
        to,
    }
}

impl Door {
    /// The same for those with another scope.
    const fn asking(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    fn route(&self) -> Route {
        match self.is_form {
            true => console::action(self.scope, (self.to)()),
            false => console::page(self.scope, (self.to)()),
        }
    }
}

/// Every page and form. Those of one path stand together.
#[rustfmt::skip]
const DOORS: &[Door] = &[
    shows("/console", || get().to(summary::show)),
    does("/console/seen", || post().to(console::seen)).asking(Scope::Read),
    shows("/console/live", || get().to(live::listen)),

    shows("/console/projects", || get().to(projects::list)),
    shows("/console/projects.csv", || get().to(api::projects::list)),
    shows("/console/projects/new", || get().to(projects::form)),
    does("/console/projects/new", || post().to(projects::create)),
    shows("/console/projects/{code}", || get().to(project::show)),
    does("/console/projects/{code}", || post().to(project::change)),
    does("/console/projects/{code}/status", || post().to(project::set_status)),
    does("/console/projects/{code}/delete", || post().to(project::delete)),
    shows("/console/projects/{code}/job-sheet.pdf", || get().to(api::job_sheet::pdf)),
    shows("/console/projects/{code}/parts.csv", || get().to(api::parts::list)),
    shows("/console/projects/{code}/design-files.csv", || get().to(api::projects::design_files)),

    shows("/console/unmatched", || get().to(design_files::unmatched)),
    shows("/console/unmatched.csv", || get().to(api::unmatched::list)),
    shows("/console/design-files", || get().to(design_files::list)),
    shows("/console/design-files.csv", || get().to(api::design_files::list)),
    shows("/console/design-files/{id}", || get().to(design_file::show)),
    shows("/console/design-files/{id}/picture.png", || get().to(pictures::png)),
    does("/console/design-files/{id}/link", || post().to(design_file::link)),
    does("/console/design-files/{id}/unlink", || post().to(design_file::unlink)),

    shows("/console/clients", || get().to(clients::list)),
    shows("/console/clients.csv", || get().to(api::clients::list)),
    shows("/console/clients/new", || get().to(clients::form)),
    does("/console/clients/new", || post().to(clients::create)),
    shows("/console/clients/{code}", || get().to(clients::show)),
    does("/console/clients/{code}", || post().to(clients::change)),
    does("/console/clients/{code}/delete", || post().to(clients::delete)),

    shows("/console/activity", || get().to(deeds::list)),
    shows("/console/activity.csv", || get().to(api::activity::list)),
    shows("/console/inbox", || get().to(inbox::list)),
    shows("/console/inbox.csv", || get().to(api::inbox::list)),
    shows("/console/inbox/{id}", || get().to(inbox::show)),
    does("/console/inbox/{id}/reapply", || post().to(inbox::reapply)),
    shows("/console/reconcile", || get().to(comparisons::list)),
    does("/console/reconcile/{source}", || post().to(comparisons::run)),

    shows("/console/sources", || get().to(sources::list)),
    shows("/console/sources/new", || get().to(sources::form)).asking(Scope::Manage),
    does("/console/sources/new", || post().to(sources::create)),
    shows("/console/sources/{name}", || get().to(sources::show)).asking(Scope::Manage),
    shows("/console/sources/{name}/edit", || get().to(source_options::form)).asking(Scope::Manage),
    does("/console/sources/{name}/edit", || post().to(source_options::change)),
    does("/console/sources/{name}/keys", || post().to(sources::add_key)),
    does("/console/sources/{name}/keys/{id}/delete", || post().to(sources::remove_key)),
    does("/console/sources/{name}/delete", || post().to(sources::delete)),

    shows("/console/settings", || get().to(settings::show)),
    does("/console/settings/keys", || post().to(console::create_key)).asking(Scope::Admin),
    does("/console/settings/keys/{id}/revoke", || post().to(console::revoke_key)).asking(Scope::Admin),
];

/// Every page and form: its path, the scope that it asks for, and whether it is a form.
pub fn pages() -> Vec<(&'static str, Scope, bool)> {
    let told = |door: &Door| (door.path, door.scope, door.is_form);
    DOORS.iter().map(told).collect()
}

/// Adds every page.
fn routes(routes: &mut ServiceConfig) {
    for doors in DOORS.chunk_by(|a, b| a.path == b.path) {
        let path = doors.first().map_or("", |door| door.path);
        let at = resource(path);
        routes.service(doors.iter().fold(at, |at, door| at.route(door.route())));
    }
    console::routes(routes);
}
