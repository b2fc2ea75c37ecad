//! `/docs`: Swagger UI over a service's own `/openapi.json`, served from this program and from nowhere else. Nothing on
//! the page is inline, so its policy allows only what this service serves.
//!
//! A service names [`api_page`] in its route table and adds [`api_page_files`] to its routes.

use std::collections::HashMap;
use std::io::{Cursor, Read};
use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::{self, Bytes, Path};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

use crate::get;
use crate::problem::Problem;

/// Data images are the page's own arrows.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const PAGE: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" href="/docs/favicon-32x32.png">
<div id="swagger-ui">The same as a document: <a href="/openapi.json">openapi.json</a></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"#;
const START: &str = r##"window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "list",
  validatorUrl: null,
});
"##;
/// What is taken from the archive, with its content type.
const VENDORED: [(&str, &str); 3] = [
    ("swagger-ui.css", "text/css; charset=utf-8"),
    ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    ("favicon-32x32.png", "image/png"),
];

/// Inflated once, when somebody looks first.
static FILES: LazyLock<HashMap<&str, (&str, Bytes)>> = LazyLock::new(|| {
    let vendored = VENDORED
        .iter()
        .filter_map(|(name, kind)| Some((*name, (*kind, inflated(name)?))));
    let start = (VENDORED[1].1, Bytes::from_static(START.as_bytes()));
    vendored.chain([("start.js", start)]).collect()
});

fn inflated(name: &str) -> Option<Bytes> {
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED)).ok()?;
    let place = format!("/dist/{name}");
    let is_it = |path: &str| path.ends_with(&place) && path.matches('/').count() == 2;
    let found = archive.file_names().flatten().find(|path| is_it(path));
    let path = found?.into_owned();
    let mut bytes = Vec::new();
    archive.by_name(&path).ok()?.read_to_end(&mut bytes).ok()?;
    Some(bytes.into())
}

/// The page.
pub async fn api_page() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .content_type("text/html; charset=utf-8")
        .body(PAGE)
}

/// Adds what the page loads, below `/docs/`.
pub fn api_page_files(routes: &mut web::ServiceConfig) {
    routes.service(web::resource("/docs/{file}").route(get().to(file)));
}

async fn file(name: Path<String>) -> Result<HttpResponse, Problem> {
    let found = FILES.get(name.as_str());
    let (kind, bytes) = found.ok_or_else(|| Problem::not_found("a file of this name"))?;
    Ok(HttpResponse::Ok()
        .content_type(*kind)
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(bytes.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_the_page_loads_is_there_and_nothing_is_inline() {
        let loaded = PAGE
            .split(['"', '\''])
            .filter_map(|text| text.strip_prefix("/docs/"));
        let loaded: Vec<&str> = loaded.collect();
        assert_eq!(loaded.len(), 4);
        for name in loaded {
            assert!(FILES[name].1.len() > 100, "{name}");
        }
        assert!(
            !PAGE.contains("<style") && !PAGE.contains("<script>") && !POLICY.contains("unsafe")
        );
    }
}
