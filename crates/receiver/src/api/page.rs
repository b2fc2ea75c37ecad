//! What all lists have in common: limit, offset, cursor, total; as JSON, or as CSV for spreadsheets.

use actix_web::dev::Payload;
use actix_web::http::header::{ACCEPT, CONTENT_DISPOSITION, X_CONTENT_TYPE_OPTIONS};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::Value as Json;
use service::{Problem, csv_table};
use std::future::{Ready, ready};

use super::NAME_BYTES_MAX;
use crate::facts::text;
use crate::store::{Order, Page, Slice};

/// Items of a page when the caller names no number.
const LIMIT_DEFAULT: i64 = 100;
/// Most items of a page.
const LIMIT_MAX: i64 = 1000;
/// Most rows of a table.
const ROWS_MAX: i64 = 20_000;

/// How a list is to be answered: CSV where the path ends so or nothing else is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Json,
    Csv,
}

impl FromRequest for Wanted {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let accept = request.headers().get(ACCEPT);
        let accept = accept.and_then(|accept| accept.to_str().ok());
        let asked = accept.is_some_and(|accept| accept.trim_start().starts_with("text/csv"));
        ready(Ok(match asked || request.path().ends_with(".csv") {
            true => Self::Csv,
            false => Self::Json,
        }))
    }
}

/// What a caller says about which part of a list.
#[derive(Debug, Default)]
pub(super) struct Paging {
    pub limit: Option<i64>,
    pub offset: Option<i64>,
    pub cursor: Option<String>,
}

#[derive(Serialize)]
struct Listed<T> {
    items: Vec<T>,
    total: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl Paging {
    /// The part of a list that a caller asks for.
    pub(super) fn slice(self, wanted: Wanted, order: &Order) -> Result<Slice, Problem> {
        let (default, max) = match wanted {
            Wanted::Json => (LIMIT_DEFAULT, LIMIT_MAX),
            Wanted::Csv => (ROWS_MAX, ROWS_MAX),
        };
        let limit = self.limit.unwrap_or(default);
        if !(1..=max).contains(&limit) {
            return Err(Problem::invalid_field("limit", format!("use 1 to {max}")));
        }
        let offset = self.offset.unwrap_or_default();
        if offset < 0 {
            return Err(Problem::invalid_field("offset", "use 0 or more"));
        }
        let cursor = self.cursor.filter(|text| !text.is_empty());
        let unusable = || Problem::invalid_field("cursor", "is no cursor of this list");
        let after = cursor.map(|text| order.parse(&text).ok_or_else(unusable));
        let after = after.transpose()?;
        if after.is_some() && offset > 0 {
            let message = "cannot be used with a cursor, which says where to go on";
            return Err(Problem::invalid_field("offset", message));
        }
        Ok(Slice {
            limit,
            offset,
            after,
        })
    }
}

/// `{items, total, next_cursor?}`, or a table with these columns.
pub(super) fn listed<R, T: Serialize>(
    wanted: Wanted,
    page: Page<R>,
    shape: impl Fn(R) -> T,
    (name, columns): (&str, &[&str]),
) -> HttpResponse {
    let next_cursor = page.next.map(|cursor| cursor.text());
    let items: Vec<T> = page.items.into_iter().map(shape).collect();
    match wanted {
        Wanted::Json => HttpResponse::Ok().json(Listed {
            items,
            total: page.total,
            next_cursor,
        }),
        Wanted::Csv => table(name, columns, &items),
    }
}

/// A table of these columns of `items`.
pub(super) fn table<T: Serialize>(name: &str, columns: &[&str], items: &[T]) -> HttpResponse {
    let rows = items
        .iter()
        .map(|item| serde_json::to_value(item).unwrap_or(Json::Null));
    HttpResponse::Ok()
        .insert_header(("content-type", "text/csv; charset=utf-8"))
        .insert_header((
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}.csv\""),
        ))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(csv_table(columns, rows))
}

/// A text to look for; none when it is empty.
pub(super) fn words(field: &str, value: Option<String>) -> Result<Option<String>, Problem> {
    Ok(text(field, value, NAME_BYTES_MAX)?)
}

/// A time to look from or to.
pub(super) fn time(field: &str, value: Option<String>) -> Result<Option<i64>, Problem> {
    let parsed = words(field, value)?.map(|text| contract::parse_ms(&text));
    parsed
        .transpose()
        .map_err(|error| Problem::invalid_field(field, error.to_string()))
}
