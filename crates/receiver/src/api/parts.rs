//! `/projects/{code}/parts`: drawings beside cutting lists.

use access::Caller;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use serde::Serialize;
use service::Problem;

use super::page::{Wanted, table};
use super::{projects, read};
use crate::parts::{PartsList, parts_list};
use crate::receiver::State;
use crate::store::Slice;
use crate::store::design_files::{self, DesignFile, DesignFileQuery};

/// Most files of a project that are looked at.
const FILES_MAX: i64 = 5_000;

const COLUMNS: &[&str] = &[
    "part_name",
    "material",
    "thickness_mm",
    "quantity",
    "width_mm",
    "height_mm",
    "cut_length_mm",
    "cut_length_total_mm",
    "filename",
    "version",
    "quantity_on_list",
    "state",
];

#[derive(Serialize)]
struct Answer {
    project_code: String,
    #[serde(flatten)]
    parts: PartsList,
}

/// A line of the table that has no drawing.
#[derive(Serialize)]
struct TableLine {
    part_name: Option<String>,
    material: Option<String>,
    thickness_mm: Option<f64>,
    quantity_on_list: Option<i64>,
    filename: Option<String>,
    state: &'static str,
}

/// The project's files that are not deleted, and its parts.
pub(crate) async fn of_project(
    state: &State,
    tenant_id: i64,
    project_code: &str,
) -> Result<(Vec<DesignFile>, PartsList), Problem> {
    let query = DesignFileQuery {
        project_code: Some(project_code.to_owned()),
        deleted: Some(false),
        ..DesignFileQuery::default()
    };
    let read = read(state, move |conn| {
        let slice = Slice::first(FILES_MAX);
        let page = design_files::list(conn, tenant_id, query, slice)?;
        let parts = parts_list(&page.items, page.next.is_some());
        Ok((page.items, parts))
    });
    read.await
}

/// `GET /projects/{code}/parts`. As CSV, lines without a drawing stand below the parts.
pub(crate) async fn list(
    state: Data<State>,
    caller: Caller,
    code: Path<String>,
    wanted: Wanted,
) -> Result<HttpResponse, Problem> {
    let project_code = projects::find(&state, &caller, &code).await?.code;
    let (_files, parts) = of_project(&state, caller.tenant_id, &project_code).await?;
    if wanted == Wanted::Json {
        return Ok(HttpResponse::Ok().json(Answer {
            project_code,
            parts,
        }));
    }
    let rows = parts.items.iter().map(serde_json::to_value);
    let lines = parts.lines_without_drawing.into_iter();
    let lines = lines.map(|line| {
        serde_json::to_value(TableLine {
            part_name: line.part_name,
            material: line.material,
            thickness_mm: line.thickness_mm,
            quantity_on_list: line.quantity,
            filename: line.filename,
            state: "no_drawing",
        })
    });
    let rows: Vec<serde_json::Value> = rows.chain(lines).filter_map(Result::ok).collect();
    Ok(table(&format!("{project_code}-parts"), COLUMNS, &rows))
}
