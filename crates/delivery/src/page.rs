//! Pages of lists: at most so many items, by offset or from a cursor on.

use db::{Conn, DbError, Sql};
use diesel::sql_types::BigInt;

/// Which part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// 1 to [`Page::LIMIT_MAX`]; what lies outside is drawn into it.
    pub limit: u32,
    pub offset: u32,
    /// The cursor that came with the page before: the row key of its last item.
    pub after: Option<i64>,
}

impl Page {
    pub const LIMIT_MAX: u32 = 1_000;

    /// The first `limit` items.
    pub const fn first(limit: u32) -> Self {
        Self {
            limit,
            offset: 0,
            after: None,
        }
    }

    pub(crate) fn limit(&self) -> u32 {
        self.limit.clamp(1, Self::LIMIT_MAX)
    }

    /// One more than wanted tells whether there are more.
    pub(crate) fn limit_and_one(&self) -> i64 {
        i64::from(self.limit()) + 1
    }

    pub(crate) fn offset(&self) -> i64 {
        i64::from(self.offset)
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paged<T> {
    pub items: Vec<T>,
    /// How many there are in all; where they may be many, counted up to [`TOTAL_MAX`].
    pub total: i64,
    /// [`Page::after`] of the next page; `None` on the last one.
    pub next: Option<i64>,
}

/// Highest number to which long lists are counted.
pub const TOTAL_MAX: i64 = 100_000;

impl<T> Paged<T> {
    pub(crate) fn of(mut items: Vec<T>, total: i64, page: Page, key: impl Fn(&T) -> i64) -> Self {
        let limit = usize::try_from(page.limit()).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().map(key).filter(|_| more);
        Self { items, total, next }
    }
}

/// Runs `SELECT count(…) AS count`.
pub(crate) fn total(conn: &mut Conn, statement: Sql<'_>) -> Result<i64, DbError> {
    #[derive(diesel::QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    Ok(conn.one::<Count>(statement)?.count)
}
