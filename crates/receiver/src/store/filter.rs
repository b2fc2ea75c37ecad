//! Conditions and pages of lists. Must never put a value into the text of a statement.

use db::{Conn, DbError, Sql, Value, sql};
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;

use super::cursor::{Cursor, Order, Placed};

/// Which part of a list.
#[derive(Debug, Clone)]
pub(crate) struct Slice {
    pub limit: i64,
    pub offset: i64,
    /// Only what stands behind it.
    pub after: Option<Cursor>,
}

impl Slice {
    /// The first of a list.
    pub(crate) fn first(limit: i64) -> Self {
        Self {
            limit,
            offset: 0,
            after: None,
        }
    }
}

/// A part of a list, and how long the whole is.
pub(crate) struct Page<T> {
    pub items: Vec<T>,
    pub total: i64,
    /// Where the next part begins, if there is one.
    pub next: Option<Cursor>,
}

/// The parts of a list's statement; a filter stands between `joins` and the order.
pub(crate) struct List<'t> {
    pub columns: &'t str,
    /// `FROM …` with what filters may name.
    pub from: &'t str,
    /// Further joins that change no count: each finds at most one row.
    pub joins: &'t str,
    pub order: Order,
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

    /// And a condition on several values, each with a `?` of its own.
    #[must_use]
    pub(crate) fn and_all(
        self,
        condition: &str,
        values: impl IntoIterator<Item = Value<'static>>,
    ) -> Self {
        let mut filter = self.and(condition);
        filter.values.extend(values);
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
        T: QueryableByName<Sqlite> + QueryableByName<Pg> + Placed + 'static,
    {
        let mut items: Vec<T> = self.rows(conn, list, slice.clone(), 1)?;
        let more = usize::try_from(slice.limit).is_ok_and(|limit| {
            let more = items.len() > limit;
            items.truncate(limit);
            more
        });
        let count = self.statement(&format!("SELECT count(*) AS count {}", list.from), "");
        Ok(Page {
            total: conn.one::<Count>(count)?.count,
            next: items.last().filter(|_| more).map(Placed::cursor),
            items,
        })
    }

    /// The first row.
    pub(crate) fn first<T>(&self, conn: &mut Conn, list: &List<'_>) -> Result<Option<T>, DbError>
    where
        T: QueryableByName<Sqlite> + QueryableByName<Pg> + 'static,
    {
        let rows = self.rows(conn, list, Slice::first(1), 0)?;
        Ok(rows.into_iter().next())
    }

    fn rows<T>(
        &self,
        conn: &mut Conn,
        list: &List<'_>,
        slice: Slice,
        beyond: i64,
    ) -> Result<Vec<T>, DbError>
    where
        T: QueryableByName<Sqlite> + QueryableByName<Pg> + 'static,
    {
        let List {
            columns,
            from,
            joins,
            order,
        } = list;
        let filter = match &slice.after {
            Some(cursor) => self.clone().and_all(&order.behind(), cursor.values()),
            None => self.clone(),
        };
        let select = format!("SELECT {columns} {from} {joins}");
        let rows = filter.statement(&select, &format!("{} LIMIT ? OFFSET ?", order.clause()));
        conn.rows(rows.bind(slice.limit + beyond).bind(slice.offset))
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
