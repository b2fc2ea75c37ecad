//! Projects of the shop: what design files are filed under, by code.

use std::collections::HashMap;

use contract::{ClientCode, ProjectCode};
use db::{Conn, DbError, Value, sql};
use diesel::sql_types::{BigInt, Nullable, Text};

use super::{Filter, List, Page, Slice, rows};

/// A project of the shop.
#[derive(Debug, diesel::QueryableByName)]
pub(crate) struct Project {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub code: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub client_code: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub client_name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub name: Option<String>,
    #[diesel(sql_type = BigInt)]
    pub created_at_ms: i64,
    /// Not counting deleted ones.
    #[diesel(sql_type = BigInt)]
    pub design_files: i64,
}

/// What a new project is made from.
#[derive(Debug, Clone)]
pub(crate) struct NewProject {
    pub code: ProjectCode,
    pub client_code: Option<ClientCode>,
    pub name: Option<String>,
    pub created_at_ms: i64,
}

/// A tenant's project code.
pub(crate) type TenantCode = (i64, String);

const LIST: List<'static> = List {
    columns: "p.id, p.code, p.client_code, c.name AS client_name, p.name, p.created_at_ms, \
        (SELECT count(*) FROM design_files f WHERE f.tenant_id = p.tenant_id AND f.project_code = p.code \
         AND f.deleted_order <= f.ingested_order) AS design_files",
    from: "FROM projects p",
    joins: "LEFT JOIN clients c ON c.tenant_id = p.tenant_id AND c.code = p.client_code",
    order: "ORDER BY p.id DESC",
};
const ONE: Slice = Slice {
    limit: 1,
    offset: 0,
};
const BEFORE: &str =
    "INSERT INTO projects (tenant_id, code, client_code, name, created_at_ms) VALUES";
const AFTER: &str = "ON CONFLICT (tenant_id, code) DO NOTHING";

/// Whether it was inserted: false when the code is taken.
pub(crate) fn insert(conn: &mut Conn, tenant: i64, project: &NewProject) -> Result<bool, DbError> {
    let statement = sql(format!("{BEFORE} (?, ?, ?, ?, ?) {AFTER}"));
    Ok(conn.execute(statement.bind_all(row(tenant, project)))? == 1)
}

fn row(tenant: i64, project: &NewProject) -> [Value<'_>; 5] {
    [
        tenant.into(),
        project.code.as_str().into(),
        project.client_code.as_ref().map(ClientCode::as_str).into(),
        project.name.as_deref().into(),
        project.created_at_ms.into(),
    ]
}

#[derive(diesel::QueryableByName)]
struct Known {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    tenant_id: i64,
    #[diesel(sql_type = Text)]
    code: String,
}

/// The ids of those codes that have a project.
pub(crate) fn ids<'c>(
    conn: &mut Conn,
    codes: impl Iterator<Item = (i64, &'c str)>,
) -> Result<HashMap<TenantCode, i64>, DbError> {
    let codes = codes
        .map(|(tenant, code)| [tenant.into(), code.into()])
        .collect();
    let before = "SELECT id, tenant_id, code FROM projects WHERE (tenant_id, code) IN (VALUES";
    let known: Vec<Known> = rows::load(conn, before, codes, ")")?;
    let entry = |known: Known| ((known.tenant_id, known.code), known.id);
    Ok(known.into_iter().map(entry).collect())
}

/// All codes that begin so.
pub(crate) fn codes_like(
    conn: &mut Conn,
    tenant: i64,
    beginning: &str,
) -> Result<Vec<String>, DbError> {
    #[derive(diesel::QueryableByName)]
    struct Code {
        #[diesel(sql_type = Text)]
        code: String,
    }
    let select = sql("SELECT code FROM projects WHERE tenant_id = ? AND code LIKE ?");
    let codes: Vec<Code> = conn.rows(select.bind(tenant).bind(format!("{beginning}%")))?;
    Ok(codes.into_iter().map(|row| row.code).collect())
}

pub(crate) fn find(
    conn: &mut Conn,
    tenant: i64,
    code: &ProjectCode,
) -> Result<Option<Project>, DbError> {
    let filter = Filter::tenant("p.tenant_id", tenant)
        .and_with("p.code = ?", Some(code.as_str().to_owned()));
    Ok(filter.page(conn, &LIST, ONE)?.items.into_iter().next())
}

/// Latest first.
pub(crate) fn list(
    conn: &mut Conn,
    tenant: i64,
    client_code: Option<String>,
    words: Option<&str>,
    slice: Slice,
) -> Result<Page<Project>, DbError> {
    Filter::tenant("p.tenant_id", tenant)
        .and_with("p.client_code = ?", client_code)
        .and_contains(&["p.code", "p.name"], words)
        .page(conn, &LIST, slice)
}
