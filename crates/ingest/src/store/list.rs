//! Lists of files, filtered and paged, newest first.

use db::{Backend, Conn, DbError, Value, sql};
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
    /// How far is counted; one more stands for all that are beyond.
    pub(crate) count_max: i64,
}

impl Page {
    /// A part of a list that is counted to its end.
    pub(crate) const fn counted(limit: i64, offset: i64) -> Self {
        Self {
            limit,
            offset,
            count_max: i64::MAX - 1,
        }
    }
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
    let backend = conn.backend();
    let (text, values) = page_of(backend, tenant_id, filter, page);
    let rows: Vec<FileRow> = conn.rows(sql(text).bind_all(values))?;
    let shown = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    // A part that is not full is the last one.
    let is_last = shown < page.limit && (shown > 0 || page.offset == 0);
    if is_last && filter.before_id.is_none() {
        return Ok((rows, page.offset.saturating_add(shown)));
    }
    let (text, values) = count_of(backend, tenant_id, filter, page);
    let total: Total = conn.one(sql(text).bind_all(values))?;
    Ok((rows, total.total))
}

fn page_of(
    backend: Backend,
    tenant_id: i64,
    filter: &Filter,
    page: Page,
) -> (String, Vec<Value<'_>>) {
    let (mut wheres, mut values) = conditions(backend, tenant_id, filter);
    if let Some(before) = filter.before_id {
        wheres.push_str(" AND id < ?");
        values.push(before.into());
    }
    values.extend([page.limit.into(), page.offset.into()]);
    let order = filter.order.columns();
    let text =
        format!("SELECT {COLUMNS} FROM files WHERE {wheres} ORDER BY {order} LIMIT ? OFFSET ?");
    (text, values)
}

fn count_of(
    backend: Backend,
    tenant_id: i64,
    filter: &Filter,
    page: Page,
) -> (String, Vec<Value<'_>>) {
    let (wheres, mut values) = conditions(backend, tenant_id, filter);
    values.push(page.count_max.saturating_add(1).into());
    let text =
        format!("SELECT count(*) AS total FROM (SELECT 1 FROM files WHERE {wheres} LIMIT ?) found");
    (text, values)
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

/// States stand as numbers in the text, so that the indexes of one state are found.
fn conditions(backend: Backend, tenant_id: i64, filter: &Filter) -> (String, Vec<Value<'_>>) {
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
    equal("coalesce(project_code, '')", text(&filter.project_code));
    equal("kind", filter.kind.map(|kind| Value::from(kind.name())));
    equal("material", text(&filter.material));
    equal("thickness_mm", filter.thickness_mm.map(Value::from));
    let standing = match filter.state {
        Some(State::Deleted) => " AND state = 4".to_owned(),
        // Those to check have indexes of their own.
        Some(State::Completed) if filter.needs_review == Some(true) => " AND state = 2".to_owned(),
        Some(state) => format!(" AND state = {} AND state <> 4", state.to_db()),
        None => " AND state <> 4".to_owned(),
    };
    wheres.push_str(&standing);
    wheres.push_str(match filter.needs_review {
        Some(true) => " AND needs_review IS NOT NULL",
        Some(false) => " AND needs_review IS NULL",
        None => "",
    });
    if let Some(part) = &filter.text {
        let part = part.to_lowercase();
        match backend {
            Backend::Sqlite => {
                wheres.push_str(" AND instr(search, ?) > 0");
                values.push(part.into());
            }
            // As the trigrams' index understands it.
            Backend::Postgres => {
                wheres.push_str(" AND search LIKE ? ESCAPE '!'");
                values.push(format!("%{}%", escaped(&part)).into());
            }
        }
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

#[cfg(test)]
pub(super) mod tests;
