//! Every address of the service, in one table. Must never hold logic.

use actix_web::{Resource, web};
use service::health::Health;

use crate::api::{activity, card, clients, design_files, inbox, projects, webhooks};
use crate::receiver::State;

/// Adds all routes.
#[rustfmt::skip]
pub(crate) fn routes(state: &web::Data<State>, health: &Health, routes: &mut web::ServiceConfig) {
    health.routes(routes);
    routes
        .app_data(state.clone())
        .service(web::resource("/").get(card::card))

        .service(at("/webhooks/{source}/event").post(webhooks::receive))
        .service(at("/webhooks/{source}/health").get(webhooks::health))

        .service(at("/clients").get(clients::list).post(clients::create))
        .service(at("/projects").get(projects::list).post(projects::create))
        .service(at("/projects/{code}").get(projects::get))
        .service(at("/projects/{code}/design-files").get(projects::design_files))
        .service(at("/projects/{code}/activity").get(projects::activity))

        .service(at("/design-files").get(design_files::list))
        .service(at("/design-files/{id}").get(design_files::get))
        .service(at("/unmatched").get(design_files::unmatched))
        .service(at("/activity").get(activity::list))
        .service(at("/inbox").get(inbox::list));
}

/// A path, with or without a slash at its end.
fn at(path: &str) -> Resource {
    web::resource([path.to_owned(), format!("{path}/")])
}
