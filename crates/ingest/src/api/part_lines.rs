//! `GET /files/{id}/part-lines`: the lines of a cutting list or order, as JSON in pages or whole as CSV.

use std::sync::Arc;

use access::Caller;
use actix_web::http::header::{ACCEPT, CONTENT_DISPOSITION, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use extract::PartLine;
use serde::Deserialize;
use serde_json::json;
use service::{Problem, Query, csv_table};

use super::files::{attachment, extraction, find};
use crate::service_state::ServiceState;

const LIMIT_USUAL: usize = 100;
const LIMIT_MAX: usize = 1000;

/// The columns, by the names that they have in JSON.
const COLUMNS: [&str; 12] = [
    "part_name",
    "material",
    "thickness_mm",
    "quantity",
    "width_mm",
    "height_mm",
    "cut_length_mm",
    "client_code",
    "project_code",
    "price",
    "total",
    "place",
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinesQuery {
    limit: Option<usize>,
    offset: Option<usize>,
    skip: Option<usize>,
}

/// `GET /files/{id}/part-lines`: CSV where that is what is accepted.
pub(crate) async fn lines(
    request: HttpRequest,
    state: Data<Arc<ServiceState>>,
    caller: Caller,
    id: Path<i64>,
    Query(query): Query<LinesQuery>,
) -> Result<HttpResponse, Problem> {
    let accept = request.headers().get(ACCEPT);
    let accept = accept.and_then(|accept| accept.to_str().ok());
    if accept.is_some_and(|accept| accept.trim_start().starts_with("text/csv")) {
        return csv_of(&state, caller.tenant_id, *id).await;
    }
    let limit = query.limit.unwrap_or(LIMIT_USUAL);
    if !(1..=LIMIT_MAX).contains(&limit) {
        let message = format!("from 1 to {LIMIT_MAX}");
        return Err(Problem::invalid_field("limit", message));
    }
    let offset = query.offset.or(query.skip).unwrap_or(0);
    let row = find(&state, caller.tenant_id, *id).await?;
    let extraction = extraction(&state, &row).await?;
    let (lines, total) = extraction.map_or((Vec::new(), 0), |extraction| {
        (extraction.part_lines, extraction.part_lines_total)
    });
    let items: Vec<&PartLine> = lines.iter().skip(offset).take(limit).collect();
    Ok(HttpResponse::Ok().json(json!({
        "success": true,
        "file_id": row.id,
        "items": items,
        // Lines of the file, and how many of them were kept when it was read.
        "total": total,
        "kept": lines.len(),
        "limit": limit,
        "offset": offset,
    })))
}

/// `GET /files/{id}/part-lines.csv`.
pub(crate) async fn csv(
    state: Data<Arc<ServiceState>>,
    caller: Caller,
    id: Path<i64>,
) -> Result<HttpResponse, Problem> {
    csv_of(&state, caller.tenant_id, *id).await
}

async fn csv_of(state: &ServiceState, tenant_id: i64, id: i64) -> Result<HttpResponse, Problem> {
    let row = find(state, tenant_id, id).await?;
    let extraction = extraction(state, &row).await?;
    let lines = extraction.map_or(Vec::new(), |extraction| extraction.part_lines);
    let name = format!("{}.csv", row.stored_name);
    Ok(HttpResponse::Ok()
        .insert_header(("content-type", "text/csv; charset=utf-8"))
        .insert_header((CONTENT_DISPOSITION, attachment(&name)))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(table(&lines)))
}

/// A heading, then a line each.
fn table(lines: &[PartLine]) -> String {
    csv_table(&COLUMNS, lines.iter().map(|line| json!(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_csv() {
        let lines = [
            PartLine {
                part_name: Some("Plate, \"left\"".to_owned()),
                thickness_mm: Some(2.5),
                quantity: Some(4),
                price: Some("12.50".to_owned()),
                ..PartLine::default()
            },
            PartLine {
                part_name: Some("=HYPERLINK(1)".to_owned()),
                ..PartLine::default()
            },
        ];
        let table = table(&lines);
        let rows: Vec<&str> = table.split("\r\n").collect();
        assert_eq!(rows[0], COLUMNS.join(","));
        assert_eq!(rows[1], "\"Plate, \"\"left\"\"\",,2.5,4,,,,,,12.50,,");
        assert_eq!(rows[2], "'=HYPERLINK(1),,,,,,,,,,,");
        assert_eq!(rows[3..], [""]);
    }

    #[test]
    fn columns_are_all_there_are() {
        let full = r#"{"part_name":"a","material":"b","thickness_mm":1.0,"quantity":1,"width_mm":1.0,"height_mm":1.0,
            "cut_length_mm":1.0,"client_code":"c","project_code":"d","price":"e","total":"f","place":"g"}"#;
        let line: PartLine = serde_json::from_str(full).unwrap();
        let json = json!(line);
        assert_eq!(json.as_object().unwrap().len(), COLUMNS.len());
        assert!(COLUMNS.iter().all(|column| json.get(column).is_some()));
    }
}
