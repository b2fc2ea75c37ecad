//! Projects of the shop: what design files are filed under, by code.

use std::collections::HashMap;

use contract::{ClientCode, ProjectCode};
use db::{Conn, DbError, Value, sql};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Double, Nullable, SmallInt, Text};

use super::records::{self, Record, Table};
use super::{Cursor, Filter, Kind, List, Order, Page, Part, Placed, Slice, rows};

/// A project of the shop.
#[derive(Debug, Clone, QueryableByName)]
pub(crate) struct Project {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub code: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub client_code: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub client_name: Option<String>,
    #[diesel(embed)]
    pub fields: ProjectFields,
    #[diesel(sql_type = BigInt)]
    pub created_at_ms: i64,
    #[diesel(sql_type = BigInt)]
    pub changed_at_ms: i64,
    #[diesel(sql_type = BigInt)]
    pub revision: i64,
    /// Not counting deleted ones.
    #[diesel(sql_type = BigInt)]
    pub design_files: i64,
}

/// What people may change.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub(crate) struct ProjectFields {
    #[diesel(sql_type = Nullable<Text>)]
    pub name: Option<String>,
    /// 1 to 7.
    #[diesel(sql_type = SmallInt)]
    pub status: i16,
    /// YYYY-MM-DD.
    #[diesel(sql_type = Nullable<Text>)]
    pub due_date: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub material: Option<String>,
    #[diesel(sql_type = Nullable<Double>)]
    pub thickness_mm: Option<f64>,
    #[diesel(sql_type = Nullable<Text>)]
    pub notes: Option<String>,
}

/// What a new project is made from.
#[derive(Debug, Clone)]
pub(crate) struct NewProject {
    pub code: ProjectCode,
    pub client_code: Option<ClientCode>,
    pub fields: ProjectFields,
    pub created_at_ms: i64,
}

impl ProjectFields {
    /// Of a project of which nothing but the code is known.
    pub(crate) fn unknown() -> Self {
        Self {
            name: None,
            status: 1,
            due_date: None,
            material: None,
            thickness_mm: None,
            notes: None,
        }
    }
}

/// The number at the end of a code.
fn number(code: &str) -> i64 {
    let digits = code.rsplit('-').next().unwrap_or_default();
    digits.parse().unwrap_or_default()
}

impl Placed for Project {
    fn cursor(&self) -> Cursor {
        Cursor::new([Part::Int(self.id)])
    }
}

/// A tenant's project code.
pub(crate) type TenantCode = (i64, String);

/// Latest first.
pub(crate) const ORDER: Order = Order {
    columns: &[("p.id", Kind::Int)],
    descending: true,
};

const LIST: List<'static> = List {
    columns: "p.id, p.code, p.client_code, c.name AS client_name, p.name, p.status, p.due_date, p.material, \
        p.thickness_mm, p.notes, p.created_at_ms, p.changed_at_ms, p.revision, \
        (SELECT count(*) FROM design_files f WHERE f.tenant_id = p.tenant_id AND f.filed_under = p.code \
         AND f.deleted_order <= f.ingested_order) AS design_files",
    from: "FROM projects p",
    joins: "LEFT JOIN clients c ON c.tenant_id = p.tenant_id AND c.code = p.client_code",
    order: ORDER,
};

impl Record for Project {
    type Fields = ProjectFields;
    const TABLE: Table = Table {
        name: "projects",
        alias: "p",
        columns: &[
            "name",
            "status",
            "due_date",
            "material",
            "thickness_mm",
            "notes",
        ],
    };
    const LIST: List<'static> = LIST;

    fn values(fields: &ProjectFields) -> Vec<Value<'_>> {
        vec![
            fields.name.as_deref().into(),
            fields.status.into(),
            fields.due_date.as_deref().into(),
            fields.material.as_deref().into(),
            fields.thickness_mm.into(),
            fields.notes.as_deref().into(),
        ]
    }
}

/// Whether it was inserted: false when the code is taken.
pub(crate) fn insert(conn: &mut Conn, tenant: i64, project: &NewProject) -> Result<bool, DbError> {
    let code = project.code.as_str();
    let client = project.client_code.as_ref().map(ClientCode::as_str);
    let fixed = vec![
        ("number", number(code).into()),
        ("client_code", client.into()),
    ];
    let (fields, now_ms) = (&project.fields, project.created_at_ms);
    records::insert::<Project>(conn, (tenant, code), fixed, fields, now_ms)
}

#[derive(QueryableByName)]
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

/// A project that a number leads to.
#[derive(Debug, QueryableByName)]
pub(crate) struct Numbered {
    #[diesel(sql_type = BigInt)]
    pub number: i64,
    #[diesel(sql_type = Text)]
    pub code: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub client_code: Option<String>,
}

/// The projects with these numbers, latest first.
pub(crate) fn numbered(
    conn: &mut Conn,
    tenant: i64,
    numbers: impl Iterator<Item = i64>,
) -> Result<Vec<Numbered>, DbError> {
    let numbers = numbers
        .map(|number| [tenant.into(), number.into()])
        .collect();
    let before =
        "SELECT number, code, client_code FROM projects WHERE (tenant_id, number) IN (VALUES";
    let mut found: Vec<Numbered> = rows::load(conn, before, numbers, ") ORDER BY id DESC")?;
    found.sort_by(|one, two| two.code.cmp(&one.code));
    Ok(found)
}

/// All codes that begin so.
pub(crate) fn codes_like(
    conn: &mut Conn,
    tenant: i64,
    beginning: &str,
) -> Result<Vec<String>, DbError> {
    #[derive(QueryableByName)]
    struct Code {
        #[diesel(sql_type = Text)]
        code: String,
    }
    let select = sql("SELECT code FROM projects WHERE tenant_id = ? AND code LIKE ?");
    let codes: Vec<Code> = conn.rows(select.bind(tenant).bind(format!("{beginning}%")))?;
    Ok(codes.into_iter().map(|row| row.code).collect())
}

/// What a list of projects may be narrowed to.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProjectQuery {
    pub client_code: Option<String>,
    pub status: Option<i16>,
    /// YYYY-MM-DD: due before that day.
    pub due_before: Option<String>,
    /// Whether it has a design file that is not deleted.
    pub without_files: Option<bool>,
    pub words: Option<String>,
}

pub(crate) fn list(
    conn: &mut Conn,
    tenant: i64,
    query: ProjectQuery,
    slice: Slice,
) -> Result<Page<Project>, DbError> {
    const HAS_FILES: &str = "EXISTS (SELECT 1 FROM design_files f WHERE f.tenant_id = p.tenant_id \
        AND f.filed_under = p.code AND f.deleted_order <= f.ingested_order)";
    let mut filter = Filter::tenant("p.tenant_id", tenant)
        .and_with("p.client_code = ?", query.client_code)
        .and_with("p.status = ?", query.status)
        .and_with("p.due_date < ?", query.due_before)
        .and_contains(&["p.code", "p.name", "p.notes"], query.words.as_deref());
    if let Some(without) = query.without_files {
        let not = if without { "NOT " } else { "" };
        filter = filter.and(&format!("{not}{HAS_FILES}"));
    }
    filter.page(conn, &LIST, slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_ends_in_its_number() {
        assert_eq!(number("JB-2025-10-CL0001-012"), 12);
    }
}
