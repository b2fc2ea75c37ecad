//! The routes that every console has, and pages of problems.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER};
use actix_web::web::{ServiceConfig, post, resource};
use actix_web::{HttpResponseBuilder, ResponseError, web};
use askama::Template;
use service::{Problem, get};

use crate::assets;
use crate::frame::Frame;
use crate::guard::{open_action, open_page};
use crate::sign_in::{SIGN_IN, enter, form, leave};
use crate::visit::Guest;

/// Adds assets, sign-in and sign-out, and a page for whatever else is asked for below `/console`: to be called after a
/// service has added its own pages. The application data must hold `Data<Site>` and `Data<Gate>`.
pub fn routes(routes: &mut ServiceConfig) {
    let file = format!("{}/{{file}}", assets::AT);
    routes
        .service(resource(file).route(get().to(assets::serve)))
        .service(
            resource(SIGN_IN)
                .route(open_page(get().to(form)))
                .route(open_action(post().to(enter))),
        )
        .service(resource("/console/sign-out").route(open_action(post().to(leave))))
        .service(resource("/console/{page:.*}").route(open_page(web::route().to(nowhere))));
}

async fn nowhere() -> Result<HttpResponse, Problem> {
    Err(Problem::not_found("this page"))
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    frame: Frame,
    status: u16,
    detail: String,
    request_id: String,
}

/// A problem as a page, with its status.
pub(crate) fn problem_page(guest: &Guest, problem: &Problem) -> HttpResponse {
    let answer = problem.error_response();
    let header = |name| {
        answer
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let page = ProblemPage {
        frame: Frame::new(guest, problem.code().title().to_owned(), "", Vec::new()),
        status: answer.status().as_u16(),
        detail: problem.detail().to_owned(),
        request_id: header(service::RequestId::HEADER.as_str())
            .unwrap_or_default()
            .to_owned(),
    };
    let mut shown =
        render(&page, answer.status()).unwrap_or_else(|_unrendered| problem.error_response());
    if let Some(wait) = answer.headers().get(RETRY_AFTER) {
        shown.headers_mut().insert(RETRY_AFTER, wait.clone());
    }
    shown
}

pub(crate) fn render(page: &impl Template, status: StatusCode) -> Result<HttpResponse, Problem> {
    let html = page
        .render()
        .map_err(|cause| Problem::internal(cause.to_string()))?;
    Ok(HttpResponseBuilder::new(status)
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .body(html))
}
