//! The route table of the ingest service, read top to bottom.

use actix_web::web::{PathConfig, ServiceConfig, delete, patch, post, resource};
use service::{Problem, get};

use crate::api::{
    corrections, download, extract, files, ingest, part_lines, platform, previews, service_card,
};

pub(crate) fn routes(routes: &mut ServiceConfig) {
    routes
        .app_data(PathConfig::default().error_handler(|_, _| {
            Problem::not_found("a file whose id is not a whole number").into()
        }))
        .service(resource("/").route(get().to(service_card::card)))
        .service(resource("/ingest").route(post().to(ingest::upload)))
        .service(resource("/ingest/{id}").route(get().to(ingest::record)))
        .service(resource("/files").route(get().to(files::list)))
        .service(
            resource("/files/{id}")
                .route(get().to(files::record))
                .route(patch().to(corrections::patch))
                .route(delete().to(files::remove)),
        )
        .service(resource("/files/{id}/metadata").route(get().to(files::metadata)))
        .service(resource("/files/{id}/versions").route(get().to(files::versions)))
        .service(resource("/files/{id}/content").route(get().to(files::content)))
        .service(resource("/files/{id}/preview.svg").route(get().to(previews::svg)))
        .service(resource("/files/{id}/preview.png").route(get().to(previews::png)))
        .service(resource("/files/{id}/part-lines").route(get().to(part_lines::lines)))
        .service(resource("/files/{id}/part-lines.csv").route(get().to(part_lines::csv)))
        .service(resource("/files/{id}/restore").route(post().to(corrections::restored)))
        .service(resource("/files.zip").route(get().to(download::zip)))
        .service(resource("/files/{id}/re-extract").route(post().to(extract::again)))
        .service(resource("/extract/{id}").route(post().to(extract::again)))
        .service(resource("/webhooks/queue/stats").route(get().to(platform::queue_stats)));
}
