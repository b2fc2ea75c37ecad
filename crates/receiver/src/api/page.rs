//! What all lists have in common: limit, offset, total.

use actix_web::HttpResponse;
use serde::Serialize;
use service::Problem;

use super::NAME_BYTES_MAX;
use crate::facts::text;
use crate::store::{Page, Slice};

/// Items of a page when the caller names no number.
const LIMIT_DEFAULT: i64 = 100;
/// Most items of a page.
const LIMIT_MAX: i64 = 1000;

#[derive(Serialize)]
struct Listed<T> {
    items: Vec<T>,
    total: i64,
}

/// The part of a list that a caller asks for.
pub(super) fn slice(limit: Option<i64>, offset: Option<i64>) -> Result<Slice, Problem> {
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::invalid_field(
            "limit",
            format!("use 1 to {LIMIT_MAX}"),
        ));
    }
    let offset = offset.unwrap_or_default();
    if offset < 0 {
        return Err(Problem::invalid_field("offset", "use 0 or more"));
    }
    Ok(Slice { limit, offset })
}

/// `{items, total}`.
pub(super) fn listed<R, T: Serialize>(page: Page<R>, shape: impl Fn(R) -> T) -> HttpResponse {
    HttpResponse::Ok().json(Listed {
        items: page.items.into_iter().map(shape).collect(),
        total: page.total,
    })
}

/// A text to look for; none when it is empty.
pub(super) fn words(field: &str, value: Option<String>) -> Result<Option<String>, Problem> {
    Ok(text(field, value, NAME_BYTES_MAX)?)
}
