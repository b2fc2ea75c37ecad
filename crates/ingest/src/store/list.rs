//! Lists of files, filtered and paged, newest first.

use db::{Conn, DbError, Value, sql};
use diesel::sql_types::BigInt;
use extract::Kind;

use super::file_row::{COLUMNS, FileRow, State};

/// What a list is narrowed to; `None` narrows nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub(crate) client_code: Option<String>,
    pub(crate) project_code: Option<String>,
    pub(crate) kind: Option<Kind>,
    pub(crate) material: Option<String>,
    pub(crate) thickness_mm: Option<f64>,
    /// `None`: everything that is not deleted.
    pub(crate) state: Option<State>,
    pub(crate) needs_review: Option<bool>,
    /// Part of the original, the stored or the part's name, in any letter case.
    pub(crate) text: Option<String>,
    /// Only files older than this one.
    pub(crate) before_id: Option<i64>,
    pub(crate) order: Order,
}

/// In which order a list stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Order {
    #[default]
    Newest,
    Oldest,
    Name,
    Project,
    Largest,
}

impl Order {
    pub(crate) const ALL: [(&'static str, Self); 5] = [
        ("newest", Self::Newest),
        ("oldest", Self::Oldest),
        ("name", Self::Name),
        ("project", Self::Project),
        ("largest", Self::Largest),
    ];

    const fn columns(self) -> &'static str {
        match self {
            Self::Newest => "id DESC",
            Self::Oldest => "id",
            Self::Name => "lower(clean_name), id DESC",
            Self::Project => "coalesce(project_code, '') DESC, id DESC",
            Self::Largest => "size_bytes DESC, id DESC",
        }
    }
}

/// Part of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    pub(crate) limit: i64,
    pub(crate) offset: i64,
}

#[derive(diesel::QueryableByName)]
struct Total {
    #[diesel(sql_type = BigInt)]
    total: i64,
}

/// The files of one page, and how many there are in all.
pub(crate) fn list(
    conn: &mut Conn,
    tenant_id: i64,
    filter: &Filter,
    page: Page,
) -> Result<(Vec<FileRow>, i64), DbError> {
    let (wheres, values) = conditions(tenant_id, filter);
    let total: Total = conn.one(
        sql(format!(
            "SELECT count(*) AS total FROM files WHERE {wheres}"
        ))
        .bind_all(values.clone()),
    )?;
    let mut wheres = wheres;
    let mut values = values;
    if let Some(before) = filter.before_id {
        wheres.push_str(" AND id < ?");
        values.push(before.into());
    }
    let rows = conn.rows(
        sql(format!(
            "SELECT {COLUMNS} FROM files WHERE {wheres} ORDER BY {} LIMIT ? OFFSET ?",
            filter.order.columns()
        ))
        .bind_all(values)
        .bind(page.limit)
        .bind(page.offset),
    )?;
    Ok((rows, total.total))
}

/// Most versions of one part that are listed.
const VERSIONS_MAX: i64 = 1000;

/// The versions of a file's part that are not deleted, newest first.
pub(crate) fn versions(conn: &mut Conn, of: &FileRow) -> Result<Vec<FileRow>, DbError> {
    conn.rows(
        sql(format!(
            "SELECT {COLUMNS} FROM files WHERE tenant_id = ? AND coalesce(project_code, '') = ? \
             AND base_name = ? AND state <> 4 ORDER BY version DESC LIMIT ?"
        ))
        .bind(of.tenant_id)
        .bind(of.project_code.as_deref().unwrap_or_default())
        .bind(&of.base_name)
        .bind(VERSIONS_MAX),
    )
}

fn conditions(tenant_id: i64, filter: &Filter) -> (String, Vec<Value<'_>>) {
    let mut wheres = String::from("tenant_id = ?");
    let mut values: Vec<Value<'_>> = vec![tenant_id.into()];
    let mut equal = |column: &str, value: Option<Value<'static>>| {
        if let Some(value) = value {
            wheres.push_str(&format!(" AND {column} = ?"));
            values.push(value);
        }
    };
    let text = |value: &Option<String>| value.clone().map(Value::from);
    equal("client_code", text(&filter.client_code));
    equal("project_code", text(&filter.project_code));
    equal("kind", filter.kind.map(|kind| Value::from(kind.name())));
    equal("material", text(&filter.material));
    equal("thickness_mm", filter.thickness_mm.map(Value::from));
    equal("state", filter.state.map(|state| state.to_db().into()));
    if filter.state.is_none() {
        wheres.push_str(" AND state <> 4");
    }
    match filter.needs_review {
        Some(true) => wheres.push_str(" AND needs_review IS NOT NULL"),
        Some(false) => wheres.push_str(" AND needs_review IS NULL"),
        None => {}
    }
    if let Some(part) = &filter.text {
        wheres.push_str(" AND search LIKE ? ESCAPE '!'");
        let part = escaped(&part.to_lowercase());
        values.push(format!("%{part}%").into());
    }
    (wheres, values)
}

/// The user's own `%` and `_` stand for themselves.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        if matches!(c, '%' | '_' | '!') {
            escaped.push('!');
        }
        escaped.push(c);
        escaped
    })
}
