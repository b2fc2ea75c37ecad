//! Styles and scripts, compiled in. Their addresses hold a hash of their bytes, so browsers may keep them for good; it
//! must never serve anything else.

use std::sync::LazyLock;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::Path;
use actix_web::{HttpResponse, Responder};
use ring::digest::{SHA256, digest};
use service::Problem;

/// Where they lie.
pub(crate) const AT: &str = "/console/assets";
const HASH_CHARS: usize = 12;
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// One file.
pub(crate) struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
    href: String,
}

impl Asset {
    pub(crate) fn href(&self) -> &str {
        &self.href
    }
}

macro_rules! asset {
    ($name:literal, $kind:expr) => {
        ($name, $kind, include_bytes!(concat!("../assets/", $name)))
    };
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let files: [(&str, &str, &[u8]); 6] = [
        asset!("console.css", CSS),
        asset!("console.js", JS),
        asset!("htmx.min.js", JS),
        asset!("upload.js", JS),
        asset!("viewer.js", JS),
        asset!("icon.svg", "image/svg+xml"),
    ];
    let asset = |(name, kind, bytes): (&'static str, &'static str, &'static [u8])| {
        let hash = digest(&SHA256, bytes);
        let hash: String = hash
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let hash: String = hash.chars().take(HASH_CHARS).collect();
        Asset {
            name,
            kind,
            bytes,
            href: format!("{AT}/{hash}-{name}"),
        }
    };
    files.into_iter().map(asset).collect()
});

pub(crate) fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

/// `GET /console/assets/{file}`.
pub(crate) async fn serve(file: Path<String>) -> Result<impl Responder, Problem> {
    let wanted = format!("{AT}/{file}");
    let asset = ASSETS.iter().find(|asset| asset.href == wanted);
    let asset = asset.ok_or_else(|| Problem::not_found("this file"))?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, asset.kind))
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(asset.bytes))
}
