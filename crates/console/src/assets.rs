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

#[cfg(test)]
mod tests {
    use super::*;

    /// The colour of a name in a block of the style.
    fn colour(block: &str, name: &str) -> [f64; 3] {
        let (_, rest) = block.split_once(&format!("--{name}: #")).unwrap();
        let channel = |at: usize| {
            let digits = rest.get(at..at + 2).unwrap();
            let value = u8::from_str_radix(digits, 16).unwrap();
            f64::from(value) / 255.0
        };
        [channel(0), channel(2), channel(4)]
    }

    /// Relative luminance (WCAG 2.2, definitions).
    fn luminance(colour: [f64; 3]) -> f64 {
        let linear = colour.map(|c| match c <= 0.04045 {
            true => c / 12.92,
            false => ((c + 0.055) / 1.055_f64).powf(2.4),
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }

    #[test]
    fn words_stand_out_from_their_ground_in_both_themes() {
        let style = std::str::from_utf8(find("console.css").unwrap().bytes).unwrap();
        let (light, rest) = style
            .split_once("@media (prefers-color-scheme: dark)")
            .unwrap();
        let (dark, _) = rest.split_once("}\n}").unwrap();
        for (theme, block) in [("light", light), ("dark", dark)] {
            for (word, ground) in [
                ("ink", "page"),
                ("ink", "card"),
                ("soft", "page"),
                ("soft", "card"),
                ("soft", "faint"),
                ("accent", "card"),
                ("accent", "accent-soft"),
                ("accent-ink", "accent"),
                ("good", "good-soft"),
                ("bad", "bad-soft"),
                ("bad", "card"),
                ("warn", "warn-soft"),
                ("warn", "card"),
            ] {
                let [a, b] = [word, ground].map(|name| luminance(colour(block, name)));
                let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                // WCAG 2.2, success criterion 1.4.3, level AA.
                assert!(
                    contrast >= 4.5,
                    "{theme}: {word} on {ground} is {contrast:.2}"
                );
            }
        }
    }
}
