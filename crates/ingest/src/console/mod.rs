//! The service's web pages, under `/console`: one table of all of them, and a file for each. They call what the JSON API
//! calls, and hold neither SQL nor rules of their own.

mod check;
mod deliveries;
mod delivery_line;
mod endpoints;
mod event_types;
mod events;
mod fact_line;
mod file;
mod file_actions;
mod file_line;
mod files;
mod live;
mod overview;
mod pager;
mod refusal;
mod replays;
mod settings;
mod subscription_actions;
mod subscription_form;
mod subscriptions;
mod trouble;
mod upload;
mod version_line;

use access::Scope;
use actix_web::Route;
use actix_web::web::{Data, ServiceConfig, post, resource};
use console::{ConsoleSettings, NavItem, Site, SiteError};
use service::get;

use crate::api::{self, download, part_lines, previews};

pub(crate) use live::watch;

/// The navigation, in the order of a day's work.
#[rustfmt::skip]
const NAV: &[NavItem] = &[
    NavItem { href: overview::AT, label: "Overview", icon: "overview" },
    NavItem { href: upload::AT, label: "Upload", icon: "upload" },
    NavItem { href: files::AT, label: "Files", icon: "files" },
    NavItem { href: check::AT, label: "To check", icon: "to-check" },
    NavItem { href: subscriptions::AT, label: "Subscriptions", icon: "subscriptions" },
    NavItem { href: deliveries::AT, label: "Deliveries", icon: "deliveries" },
    NavItem { href: deliveries::DEAD_AT, label: "Dead letters", icon: "dead" },
    NavItem { href: events::AT, label: "Events", icon: "events" },
    NavItem { href: replays::AT, label: "Replays", icon: "replays" },
    NavItem { href: settings::AT, label: "Settings", icon: "settings" },
];

/// How a route is guarded.
type Guard = fn(Scope, Route) -> Route;

/// One page or form.
struct Door {
    path: &'static str,
    scope: Scope,
    guard: Guard,
    to: fn() -> Route,
}

const fn shows(path: &'static str, to: fn() -> Route) -> Door {
    Door {
        path,
        scope: Scope::Read,
        guard: console::page,
        to,
    }
}

const fn does(path: &'static str, scope: Scope, to: fn() -> Route) -> Door {
    Door {
        path,
        scope,
        guard: console::action,
        to,
    }
}

const fn takes(path: &'static str, scope: Scope, to: fn() -> Route) -> Door {
    Door {
        path,
        scope,
        guard: console::upload,
        to,
    }
}

/// Every page and form. Those of one path stand together.
#[rustfmt::skip]
const DOORS: &[Door] = {
    use Scope::{Admin, Manage, Publish, Read, Upload};
    &[
        shows("/console", || get().to(overview::show)),
        does("/console/seen", Read, || post().to(console::seen)),
        shows("/console/live", || get().to(live::listen)),
        shows("/console/upload", || get().to(upload::show)),
        takes("/console/upload", Upload, || post().to(upload::take)),

        shows("/console/files", || get().to(files::list)),
        shows("/console/files.zip", || get().to(download::zip)),
        shows("/console/check", || get().to(check::list)),
        shows("/console/files/{id}", || get().to(file::show)),
        does("/console/files/{id}", Upload, || post().to(file_actions::edit)),
        does("/console/files/{id}/delete", Upload, || post().to(file_actions::delete)),
        does("/console/files/{id}/restore", Upload, || post().to(file_actions::undelete)),
        does("/console/files/{id}/look-again", Upload, || post().to(file_actions::look_again)),
        does("/console/files/{id}/re-extract", Upload, || post().to(file_actions::again)),
        shows("/console/files/{id}/content", || get().to(api::files::content)),
        shows("/console/files/{id}/preview.svg", || get().to(previews::svg)),
        shows("/console/files/{id}/preview.png", || get().to(previews::png)),
        shows("/console/files/{id}/part-lines.csv", || get().to(part_lines::csv)),
        shows("/console/files/{id}/extraction.json", || get().to(file::raw)),

        shows("/console/subscriptions", || get().to(subscriptions::list)),
        shows("/console/subscriptions/new", || get().to(subscription_actions::form)),
        does("/console/subscriptions/new", Manage, || post().to(subscription_actions::create)),
        shows("/console/subscriptions/{id}", || get().to(subscriptions::show)),
        shows("/console/subscriptions/{id}/edit", || get().to(subscription_actions::edit)),
        does("/console/subscriptions/{id}/edit", Manage, || post().to(subscription_actions::change)),
        does("/console/subscriptions/{id}/test", Manage, || post().to(subscription_actions::test)),
        does("/console/subscriptions/{id}/rotate", Manage, || post().to(subscription_actions::rotate)),
        does("/console/subscriptions/{id}/enable", Manage, || post().to(subscription_actions::enable)),
        does("/console/subscriptions/{id}/pause", Manage, || post().to(subscription_actions::pause)),
        does("/console/subscriptions/{id}/delete", Manage, || post().to(subscription_actions::delete)),

        shows("/console/deliveries", || get().to(deliveries::list)),
        shows("/console/deliveries/{id}", || get().to(deliveries::show)),
        does("/console/deliveries/{id}/redeliver", Manage, || post().to(deliveries::redeliver)),
        shows("/console/dead-letters", || get().to(deliveries::dead)),
        does("/console/dead-letters/redeliver", Manage, || post().to(deliveries::redeliver_dead)),
        shows("/console/events", || get().to(events::list)),
        shows("/console/events/new", || get().to(events::form)),
        does("/console/events/new", Publish, || post().to(events::create)),
        shows("/console/events/{id}", || get().to(events::show)),
        shows("/console/replays", || get().to(replays::list)),
        does("/console/replays", Manage, || post().to(replays::create)),
        does("/console/replays/{id}/cancel", Manage, || post().to(replays::cancel)),

        shows("/console/settings", || get().to(settings::show)),
        does("/console/settings/keys", Admin, || post().to(console::create_key)),
        does("/console/settings/keys/{id}/revoke", Admin, || post().to(console::revoke_key)),
    ]
};

/// The console as it is described to its visitors.
pub(crate) fn site(
    settings: &ConsoleSettings,
    secret: &[u8],
    public_url: &str,
) -> Result<Data<Site>, SiteError> {
    let names = ("ingest", "Intake");
    Site::new(names, NAV, settings, secret, public_url).map(Data::new)
}

/// Adds every page.
pub(crate) fn routes(routes: &mut ServiceConfig) {
    for doors in DOORS.chunk_by(|a, b| a.path == b.path) {
        let path = doors.first().map_or("", |door| door.path);
        let at = doors.iter().fold(resource(path), |at, door| {
            at.route((door.guard)(door.scope, (door.to)()))
        });
        routes.service(at);
    }
    console::routes(routes);
}
