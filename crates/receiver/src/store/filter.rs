//! Conditions and pages of lists. Must never put a value into the text of a statement.

use db::{Conn, DbError, Sql, Value, sql};
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;

/// Which part of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slice {
    pub limit: i64,
    pub offset: i64,
}

/// A part of a list, and how long the whole is.
pub(crate) struct Page<T> {
    pub items: Vec<T>,
    pub total: i64,
}

/// The parts of a list's statement; a filter stands between `joins` and `order`.
pub(crate) struct List<'t> {
    pub columns: &'t str,
    /// `FROM …` with what filters may name.
    pub from: &'t str,
    /// Further joins that change no count: each finds at most one row.
    pub joins: &'t str,
    /// `ORDER BY …`.
    pub order: &'t str,
}

/// `WHERE … AND …` with its values.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    text: String,
    values: Vec<Value<'static>>,
}

impl Filter {
    /// Everything that belongs to `tenant`, by that column.
    pub(crate) fn tenant(column: &str, tenant: i64) -> Self {
        Self {
            text: format!("WHERE {column} = ?"),
            values: vec![tenant.into()],
        }
    }

    /// And a condition without values.
    #[must_use]
    pub(crate) fn and(mut self, condition: &str) -> Self {
        self.text.push_str(" AND ");
        self.text.push_str(condition);
        self
    }

    /// And a condition with one `?`, if there is a value for it.
    #[must_use]
    pub(crate) fn and_with(
        self,
        condition: &str,
        value: Option<impl Into<Value<'static>>>,
    ) -> Self {
        let Some(value) = value else {
            return self;
        };
        let mut filter = self.and(condition);
        filter.values.push(value.into());
        filter
    }

    /// And any of `columns` contains `words`, whatever the case.
    #[must_use]
    pub(crate) fn and_contains(self, columns: &[&str], words: Option<&str>) -> Self {
        let Some(words) = words else {
            return self;
        };
        let like = |column: &&str| format!("lower({column}) LIKE ? ESCAPE '!'");
        let conditions: Vec<String> = columns.iter().map(like).collect();
        let mut filter = self.and(&format!("({})", conditions.join(" OR ")));
        let pattern = pattern(words);
        filter
            .values
            .extend(columns.iter().map(|_| Value::from(pattern.clone())));
        filter
    }

    /// The rows within `slice`, and how many there are in all.
    pub(crate) fn page<T>(
        &self,
        conn: &mut Conn,
        list: &List<'_>,
        slice: Slice,
    ) -> Result<Page<T>, DbError>
    where
        T: QueryableByName<Sqlite> + QueryableByName<Pg> + 'static,
    {
        let List {
            columns,
            from,
            joins,
            order,
        } = list;
        let select = format!("SELECT {columns} {from} {joins}");
        let items = self.statement(&select, &format!("{order} LIMIT ? OFFSET ?"));
        let items = conn.rows(items.bind(slice.limit).bind(slice.offset))?;
        let count = self.statement(&format!("SELECT count(*) AS count {from}"), "");
        let total = conn.one::<Count>(count)?.count;
        Ok(Page { items, total })
    }

    /// `before WHERE … after`.
    pub(crate) fn statement(&self, before: &str, after: &str) -> Sql<'static> {
        sql(format!("{before} {} {after}", self.text)).bind_all(self.values.clone())
    }
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn pattern(words: &str) -> String {
    let mut pattern = String::from("%");
    for c in words.to_lowercase().chars() {
        if matches!(c, '!' | '%' | '_') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_takes_words_literally() {
        assert_eq!(pattern("50%_A!"), "%50!%!_a!!%");
    }
}
