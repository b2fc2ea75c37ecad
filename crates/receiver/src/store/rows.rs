//! One statement for many rows, the same text on both databases. Must never make more than a handful of
//! shapes of a text: each is prepared and kept.

use db::{Conn, DbError, Sql, Value, sql};
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::sqlite::Sqlite;

/// Most rows of one statement: the widest table stays far below the 32,766 values that SQLite accepts.
const ROWS_MAX: usize = 64;

/// Runs `before (?, …), (?, …) after`; answers what the statements return, in no order.
pub(super) fn load<T, const N: usize>(
    conn: &mut Conn,
    before: &str,
    rows: Vec<[Value<'_>; N]>,
    after: &str,
) -> Result<Vec<T>, DbError>
where
    T: QueryableByName<Sqlite> + QueryableByName<Pg> + 'static,
{
    let mut loaded = Vec::with_capacity(rows.len());
    for statement in statements(before, rows, after) {
        loaded.extend(conn.rows(statement)?);
    }
    Ok(loaded)
}

/// The same for statements that return nothing.
pub(super) fn execute<const N: usize>(
    conn: &mut Conn,
    before: &str,
    rows: Vec<[Value<'_>; N]>,
    after: &str,
) -> Result<(), DbError> {
    for statement in statements(before, rows, after) {
        conn.execute(statement)?;
    }
    Ok(())
}

/// Cuts the rows into runs of 64, 32, 16, 8, 4, 2 and 1.
fn statements<'v, const N: usize>(
    before: &str,
    rows: Vec<[Value<'v>; N]>,
    after: &str,
) -> impl Iterator<Item = Sql<'v>> {
    let row = format!("({})", ["?"; N].join(", "));
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let count = ROWS_MAX.min(1 << rows.len().checked_ilog2()?);
        let marks = vec![row.as_str(); count].join(", ");
        let statement = sql(format!("{before} {marks} {after}"));
        Some(statement.bind_all(rows.by_ref().take(count).flatten()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_powers_of_two() {
        let lengths = |count: i64| -> Vec<usize> {
            let rows = (0..count).map(|n| [Value::from(n)]).collect();
            statements("x", rows, "y")
                .map(|statement| statement.text().matches('?').count())
                .collect()
        };
        assert!(lengths(0).is_empty());
        assert_eq!(lengths(1), [1]);
        assert_eq!(lengths(135), [64, 64, 4, 2, 1]);
    }
}
